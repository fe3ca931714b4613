"""Questions that only a person can answer."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout, suppress

import typer

from exosms.cli.output.out import Out
from exosms.errors import GuardError, Interrupted
from exosms.system.escaping import printable
from exosms.system.signals import Interrupts


def agree(out: Out, question: str, *, yes: bool, no_input: bool, remedy: str = "Add --yes.") -> None:
    """Return if the answer is yes; raises GuardError if it is no, or if nobody can be asked."""
    if yes:
        return
    if not can_ask(out, no_input=no_input):
        raise GuardError(
            f"{question} This needs the answer yes", remedy=f"Nothing was done. {remedy}", again_with=["--yes"]
        )
    if not confirmed(question):
        raise GuardError("The answer was no; nothing was done")


def can_ask(out: Out, *, no_input: bool) -> bool:
    """Whether a person is there to answer, may be asked, and sees the question."""
    return can_answer(no_input=no_input) and out.stderr.isatty()


def can_answer(*, no_input: bool) -> bool:
    """Whether a person is there to answer, and may be asked."""
    return not no_input and not os.environ.get("EXOSMS_NO_INPUT") and sys.stdin.isatty()


def confirmed(question: str) -> bool:
    """Return the answer of a person; the end of the input is a no, and Ctrl-C ends the command."""
    try:
        with _beside_results():
            return typer.confirm(printable(question), err=True)
    except (typer.Abort, Interrupted) as end:
        typer.echo(err=True)  # what follows is not part of the question
        if isinstance(end, Interrupted):
            raise
        _raise_if_interrupted(end)
        return False


def answered(question: str, *, hidden: bool) -> str | None:
    """Return what a person types; None at the end of the input.

    Whoever asks has to have the signals taken over: one that kills leaves the terminal without its echo.
    """
    try:
        with _beside_results(), _unseen() if hidden else nullcontext():
            return str(typer.prompt(question, default="", show_default=False, hide_input=hidden, err=True)).strip()
    except Interrupted:
        typer.echo(err=True)  # as above
        raise
    except typer.Abort:
        if not hidden:  # behind those click ends the line
            typer.echo(err=True)
        return None


@contextmanager
def _beside_results() -> Iterator[None]:
    """Keep off standard output the blank that click prints there, behind a question on standard error."""
    # On a terminal it does no harm, and lines can be edited.
    with nullcontext() if sys.stdout.isatty() else redirect_stdout(sys.stderr):
        try:
            yield
        except SystemError:  # Python's, of two signals at once where lines can be edited
            if Interrupts.current:
                Interrupts.current.check()
            raise


@contextmanager
def _unseen() -> Iterator[None]:
    """Hide what is typed behind a pause, too: the shell that stops us has the terminal show it, and leaves it so."""
    before = signal.signal(signal.SIGCONT, _hide)
    try:
        yield
    finally:
        signal.signal(signal.SIGCONT, before)


def _hide(*_: object) -> None:
    import termios

    with suppress(OSError, termios.error):
        mode = termios.tcgetattr(sys.stdin)
        mode[3] &= ~termios.ECHO
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, mode)


def _raise_if_interrupted(abort: typer.Abort) -> None:
    """Raise Interrupted for a question that Ctrl-C answered; return for one that the end of the input did."""
    if isinstance(abort.__context__, KeyboardInterrupt):
        raise Interrupted(signal.SIGINT) from abort
