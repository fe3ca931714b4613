"""Completion of the command line: the scripts that shells load, and what answers them.

A script asks typer, which knows the commands, in the form that typer made for fish: the line as far as the cursor,
and for each candidate a line ``WORD<TAB>DESCRIPTION``. Typer's own scripts ask twice for each TAB (fish), do nothing
at the first one (zsh, from ``fpath``), evaluate what they are answered (zsh), and know no ``--option=value`` (bash).
"""

import os
import sys
from enum import StrEnum

import typer

VARIABLE = "_EXOSMS_COMPLETE"
"""Where the scripts say that a shell wants candidates; typer makes the name of the program's."""


class Shell(StrEnum):
    """A shell that there is a script for."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


_ASK = f"{VARIABLE}=complete_fish _TYPER_COMPLETE_FISH_ACTION=get-args _TYPER_COMPLETE_ARGS="

SCRIPTS = {
    Shell.BASH: f"""\
# Completion of exosms in bash: source it, or keep it as exosms where bash-completion looks.
_exosms() {{
    local IFS=$'\\n'
    COMPREPLY=($({_ASK}"${{COMP_LINE:0:COMP_POINT}}" \\
        "$1" 2>/dev/null </dev/null | cut -f 1))
}}
complete -o default -F _exosms exosms
""",
    Shell.ZSH: f"""\
#compdef exosms
# Completion of exosms in zsh: keep it as _exosms in a directory of fpath, or source it after compinit.
_exosms() {{
    local line="${{(j: :)words[1,CURRENT-1]}} $PREFIX" answer
    local -a offered
    [[ $PREFIX == --*=* ]] && compset -P 1 '*='
    for answer in ${{(f)"$({_ASK}$line \\
        ${{~words[1]}} 2>/dev/null </dev/null)"}}; do
        answer=${{answer//:/\\\\:}}
        offered+=("${{answer/$'\\t'/:}}")
    done
    if (( $#offered )); then
        _describe -V exosms offered
    else
        _files
    fi
}}
if [[ $funcstack[1] == _exosms ]]; then
    _exosms "$@"
else
    compdef _exosms exosms
fi
""",
    Shell.FISH: f"""\
# Completion of exosms in fish: keep it as exosms.fish in ~/.config/fish/completions, or source it.
function __exosms_offered
    set -l word (commandline -ct)
    set -l program (commandline -cop)[1]
    set -l option (string match -r -- '^--[^=]+=' $word)
    set -l offered ({_ASK}(commandline -cp) \\
        $program 2>/dev/null </dev/null)
    if test -n "$offered[1]"
        printf '%s\\n' "$option"$offered
    else
        __fish_complete_path $word
    end
end
complete --command exosms --no-files --keep-order --arguments '(__exosms_offered)'
""",
}


def prepare() -> None:
    """Make typer ready to answer a shell: it knows the shells only once a program with its own options has run.

    Without rich it takes half the time, and descriptions are not broken into lines, each of which would be offered.
    Asked for a script, typer would print its own one.
    """
    kind, _, shell = os.environ[VARIABLE].partition("_")
    if kind == "source" and shell in list(Shell):
        sys.stdout.write(SCRIPTS[Shell(shell)])
        sys.exit(0)
    sys.modules["rich"] = None  # type: ignore[assignment]  # as the import system says that there is none
    decoy = typer.Typer(add_completion=True, rich_markup_mode=None)
    decoy.command()(lambda: None)
    decoy(args=[], prog_name="decoy", standalone_mode=False)


def is_wanted() -> bool:
    """Tell whether a shell asks for candidates."""
    return bool(os.environ.get(VARIABLE))
