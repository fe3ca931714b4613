"""``exosms help``: the pages about what commands share, and the help of each command."""

from collections.abc import Sequence
from typing import Annotated

import typer

from exosms.cli import topics
from exosms.cli.command_line import run
from exosms.cli.commands import below
from exosms.cli.output import pages
from exosms.cli.output.out import Out
from exosms.errors import ExitCode, UsageError
from exosms.system.suggest import did_you_mean


def _offer(ctx: typer.Context) -> list[str]:
    return _known(ctx.params.get("words") or [])


def command(
    *,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TOPIC|COMMAND...]",
            autocompletion=_offer,
            help="A topic, a command, or a command with one of its own.  [default: the list of both]",
        ),
    ] = None,
    out: Out,
) -> int:
    """Explain a topic that concerns all commands, or a command and its options.

    exosms help exit-codes

    exosms help runs reconcile
    """
    asked = words or []
    for at, word in enumerate(asked):
        _refuse_unknown(asked[:at], word, asked[at:])
    if asked and asked[0] in topics.names():
        out.text(pages.from_markdown(topics.page(asked[0]), pages.columns()))
        return ExitCode.OK
    return run([*asked, "--help"])


def _known(above: Sequence[str]) -> list[str]:
    """Return what may follow these words."""
    return [*below(above), *(() if above else topics.names())]


def _refuse_unknown(above: Sequence[str], word: str, rest: Sequence[str]) -> None:
    """Raise UsageError with the nearest for a word that names nothing; `exit codes` are `exit-codes`."""
    known = _known(above)
    if word in known:
        return
    near = did_you_mean(word, known) or did_you_mean("-".join(rest), known)
    message = f"{' '.join(above)} has no command" if above else "There is no topic and no command"
    raise UsageError(f"{message} {word!r}{near}", remedy="`exosms help` lists topics and commands.")
