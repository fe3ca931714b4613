"""Completion of the command line: the scripts that shells load, and what answers them.

A script asks typer, which knows the commands, in the form that typer made for fish: the line as far as the cursor,
and for each candidate a line ``WORD<TAB>DESCRIPTION``. Typer's own scripts ask twice for each TAB (fish), do nothing
at the first one (zsh, from ``fpath``), evaluate what they are answered (zsh), and know no ``--option=value`` (bash).
"""

import os
import sys
from enum import StrEnum
from pathlib import Path

import typer

VARIABLE = "_EXOSMS_COMPLETE"
"""Where the scripts say that a shell wants candidates; typer makes the name of the program's."""


class Shell(StrEnum):
    """A shell that there is a script for."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


_FILES = {Shell.BASH: "exosms.bash", Shell.ZSH: "_exosms", Shell.FISH: "exosms.fish"}


def script(shell: Shell) -> str:
    """Return what a shell is to load; the files are links to those that packagers take."""
    return (Path(__file__).parent / "completions" / _FILES[shell]).read_text(encoding="utf-8")


def prepare() -> None:
    """Make typer ready to answer a shell: it knows the shells only once a program with its own options has run.

    Without rich it takes half the time, and descriptions are not broken into lines, each of which would be offered.
    Asked for a script, typer would print its own one.
    """
    kind, _, shell = os.environ[VARIABLE].partition("_")
    if kind == "source" and shell in list(Shell):
        sys.stdout.write(script(Shell(shell)))
        sys.exit(0)
    sys.modules["rich"] = None  # type: ignore[assignment]  # as the import system says that there is none
    decoy = typer.Typer(add_completion=True, rich_markup_mode=None)
    decoy.command()(lambda: None)
    decoy(args=[], prog_name="decoy", standalone_mode=False)


def is_wanted() -> bool:
    """Tell whether a shell asks for candidates."""
    return bool(os.environ.get(VARIABLE))
