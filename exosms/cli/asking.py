"""Questions that only a person can answer."""

import os
import sys

import typer

from exosms.cli.render import Out
from exosms.errors import GuardError


def agree(out: Out, question: str, *, yes: bool, no_input: bool, remedy: str = "Add --yes.") -> None:
    """Return if the answer is yes; raises GuardError if it is no, or if nobody can be asked."""
    if yes:
        return
    can_ask = not no_input and not os.environ.get("EXOSMS_NO_INPUT") and sys.stdin.isatty() and out.stderr.isatty()
    if not can_ask:
        raise GuardError(f"{question} This needs a yes", remedy=f"Nothing was done. {remedy}")
    if not typer.confirm(question, err=True):
        raise GuardError("The answer was no; nothing was done")
