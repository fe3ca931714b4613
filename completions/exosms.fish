# Completion of exosms in fish: keep it as exosms.fish in ~/.config/fish/completions, or source it.
function __exosms_offered
    set -l word (commandline -ct)
    set -l program (commandline -cop)[1]
    set -l option (string match -r -- '^--[^=]+=' $word)
    set -l offered (_EXOSMS_COMPLETE=complete_fish _TYPER_COMPLETE_FISH_ACTION=get-args _TYPER_COMPLETE_ARGS=(commandline -cp) \
        $program 2>/dev/null </dev/null)
    if test -n "$offered[1]"
        printf '%s\n' "$option"$offered
    else
        __fish_complete_path $word
    end
end
complete --command exosms --no-files --keep-order --arguments '(__exosms_offered)'
