# Completion of exosms in bash: source it, or keep it as exosms where bash-completion looks.
_exosms() {
    local IFS=$'\n'
    COMPREPLY=($(_EXOSMS_COMPLETE=complete_fish _TYPER_COMPLETE_FISH_ACTION=get-args _TYPER_COMPLETE_ARGS="${COMP_LINE:0:COMP_POINT}" \
        "$1" 2>/dev/null </dev/null | cut -f 1))
}
complete -o default -F _exosms exosms
