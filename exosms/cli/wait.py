"""Waiting for delivery, and how to go on when it is interrupted."""

import gc
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from exosms.cli.output.delivery_reports import refusals
from exosms.cli.output.out import Out
from exosms.cli.output.progress import WaitProgress
from exosms.cli.output.refusals import tell_refusals
from exosms.config.settings import AccountOptions
from exosms.errors import Interrupted, in_our_words
from exosms.send.session import AccountSession
from exosms.send.track import Watch, is_followed, later, watch_over
from exosms.sms.message import Message, Receipt
from exosms.system.escaping import for_shell
from exosms.system.wording import counted

_MANY = 20
"""Sids that are still worth writing into a command to go on with."""


def follow(watch: Watch, rounds: Iterator[float], out: Out) -> None:
    """Go through the rounds of a watch, showing how far it is."""
    gc.enable()  # a wait lives long
    progress = WaitProgress(out, watch)
    watch.asked = progress.asked
    try:
        for seconds in rounds:
            progress.asks_again(seconds)
    finally:
        progress.clear()


def awaited(
    receipts: Iterable[Receipt],
    messages: Sequence[Message],
    session: AccountSession,
    seconds: float,
    templates: Path | None,
    options: AccountOptions,
    out: Out,
) -> Iterator[Receipt]:
    """Yield the receipts with what became of the accepted messages, once all are final or the time is over.

    Whatever cuts this short, every receipt that there is comes out: what was sent stays known.
    """
    sent: list[Receipt] = []
    try:
        for receipt in receipts:
            sent.append(receipt)
            if is_followed(receipt):
                out.tell(f"{receipt.outcome}: {receipt.sid}; waiting for its delivery")
    except (Interrupted, Exception):
        yield from sent
        raise
    watch = watch_over(sent, messages, session, templates)
    stopped: Interrupted | None = None
    try:
        follow(watch, watch.wait(seconds), out)
        _tell_what_is_left(watch, options, seconds, out)
    except Interrupted as interrupted:
        stopped = Interrupted(interrupted.signum, remedy=how_to_go_on(watch.open, options, seconds))
    except Exception as error:  # noqa: BLE001  # whatever it is, the messages were sent
        said = f"{in_our_words(error).message}; the wait for delivery ends here"
        out.fail(said, remedy=how_to_go_on(watch.open, options, seconds))
    for receipt in sent:
        yield later(receipt, watch.reports.get(receipt.sid or ""))
    if stopped is not None:
        raise stopped


def _tell_what_is_left(watch: Watch, options: AccountOptions, seconds: float, out: Out) -> None:
    """Say why there is no answer about a message, which its line has no room for, and how to ask on."""
    left = watch.not_final
    reports = [watch.reports[sid] for sid in left if sid in watch.reports]
    tell_refusals(out, refusals((report, None) for report in reports))
    if left:
        not_final(out, left, options, seconds or None)


def not_final(
    out: Out, sids: Sequence[str], options: AccountOptions, seconds: float | None, *, run: str | None = None
) -> None:
    """Say that a wait ended too soon, and how to ask on."""
    out.fail(
        f"{counted(len(sids), 'message')} not final yet",
        remedy=how_to_go_on(sids, options, seconds, run=run),
    )


def how_to_go_on(
    sids: Sequence[str], options: AccountOptions, seconds: float | None, *, run: str | None = None
) -> str:
    """Return how to ask on about these messages, or a run's, with the same account; nothing where there are none."""
    if not (sids or run):
        return ""
    given = [word for flag in options.flags.items() for word in flag]
    wait = [] if seconds is None else ["--wait", _duration(seconds)]
    asked = ["--run", run] if run else sids if len(sids) <= _MANY else ["-"]
    command = for_shell("exosms", "status", *given, *asked, *wait)
    return f"Continue with: {command}{', with the same Sids on its standard input' if asked == ['-'] else ''}"


def _duration(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds / size:.0f}{unit}"
    return f"{seconds:.0f}s"
