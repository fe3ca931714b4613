"""Waiting for delivery, and how to go on when it is interrupted."""

import gc
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence

from exosms.cli.output.out import Out
from exosms.cli.output.progress import WaitProgress
from exosms.config.settings import AccountOptions
from exosms.errors import ExitCode, ExosmsError, Interrupted
from exosms.exotel.delivery_report import DeliveryReport
from exosms.send.one import Dispatcher
from exosms.send.track import Poller, Watch
from exosms.sms.message import Message, Outcome, Receipt

_MANY = 20
"""Sids that are still worth writing into a command to go on with."""

_EXIT_CODES = {
    Outcome.PENDING: ExitCode.PENDING,
    Outcome.DELIVERED: ExitCode.OK,
    Outcome.FAILED: ExitCode.FAILED,
}


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
    *,
    dispatcher: Dispatcher,
    seconds: float,
    options: AccountOptions,
    check: Callable[[Message], str | None],
    out: Out,
) -> Iterator[Receipt]:
    """Yield the receipts with what became of the accepted messages, once all are final or the time is over.

    Whatever cuts this short, every receipt that there is comes out: what was sent stays known. ``check`` says what
    comparing a message with its template finds.
    """
    sent: list[Receipt] = []
    try:
        for receipt in receipts:
            sent.append(receipt)
            if _is_followed(receipt):
                out.tell(f"{receipt.outcome}: {receipt.sid}; waiting for its delivery")
    except (Interrupted, ExosmsError):
        yield from sent
        raise
    sids = [receipt.sid for receipt in sent if receipt.sid and _is_followed(receipt)]
    ours = {receipt.sid: message for receipt, message in zip(sent, messages, strict=False) if _is_ours(receipt)}
    poller = poller_at(dispatcher)._replace(check=lambda sid: check(ours[sid]) if sid in ours else None)
    watch = Watch(poller, sids, fresh=sids)
    stopped: Interrupted | ExosmsError | None = None
    try:
        follow(watch, watch.wait(seconds), out)
    except Interrupted as interrupted:
        remedy = f"Continue with: {how_to_go_on(watch.open, options, seconds)}"
        stopped = Interrupted(interrupted.signum, remedy=remedy)
    except ExosmsError as error:
        out.warn(f"{error.message}; the wait for delivery ends here")
    else:
        _tell_what_is_left(watch, how_to_go_on(_not_final(watch, sids), options, seconds or None), out)
    for receipt in sent:
        yield _later(receipt, watch.reports.get(receipt.sid or "")) if _is_followed(receipt) else receipt
    if stopped is not None:
        raise stopped


def _not_final(watch: Watch, sids: Sequence[str]) -> Sequence[str]:
    known = {sid for sid, found in watch.reports.items() if found.delivery and found.delivery.is_final}
    return [sid for sid in sids if sid not in known]


def _tell_what_is_left(watch: Watch, command: str, out: Out) -> None:
    """Say why there is no answer about a message, which its line has no room for, and how to ask on."""
    left = _not_final(watch, [*watch.reports])
    for sid in left:
        if problem := watch.reports[sid].problem:
            out.tell(f"{sid}: {problem.meaning} {problem.remedy}")
    if left:
        out.tell(f"not final yet; continue with: {command}")


def poller_at(dispatcher: Dispatcher) -> Poller:
    """Return who asks with the same client, ledger and pace as the dispatcher sends."""
    return Poller(
        client=dispatcher.client,
        ledger=dispatcher.ledger,
        account=dispatcher.account,
        rate=dispatcher.rate,
        pause=dispatcher.pause,
        tell=dispatcher.tell,
    )


def how_to_go_on(
    sids: Sequence[str], options: AccountOptions, seconds: float | None, *, run: str | None = None
) -> str:
    """Return the command that asks on about these messages, or a run's, with the same account."""
    flags = {
        "-p": options.profile,
        "--region": options.region,
        "--base-url": options.base_url,
        "--config": options.config,
    }
    given = [word for flag, value in flags.items() if value is not None for word in (flag, str(value))]
    wait = [] if seconds is None else ["--wait", _duration(seconds)]
    asked = ["--run", run] if run else sids if len(sids) <= _MANY else ["-"]
    command = shlex.join(["exosms", "status", *given, *asked, *wait])
    return f"{command}, with the same Sids on its standard input" if asked == ["-"] else command


def _duration(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds / size:.0f}{unit}"
    return f"{seconds:.0f}s"


def _is_ours(receipt: Receipt) -> bool:
    """Whether it was this very text that was accepted; with a used key it may have been another."""
    return receipt.sid is not None and receipt.outcome is Outcome.ACCEPTED


def _is_followed(receipt: Receipt) -> bool:
    return receipt.sid is not None and receipt.outcome in {Outcome.ACCEPTED, Outcome.SKIPPED}


def _later(receipt: Receipt, report: DeliveryReport | None) -> Receipt:
    """Return the receipt with the later truth; a question without an answer leaves it accepted.

    A skipped message stays so if the earlier one was delivered: nothing was to be done.
    """
    delivery = report.delivery if report else None
    if report is None or delivery is None:
        return receipt._replace(exit_code=ExitCode.PENDING)
    done = receipt.outcome is Outcome.SKIPPED and delivery.outcome is Outcome.DELIVERED
    return receipt._replace(
        outcome=receipt.outcome if done else delivery.outcome,
        exit_code=_EXIT_CODES[delivery.outcome],
        status=delivery.status or receipt.status,
        detailed_status_code=delivery.detailed_status_code,
        detailed_status=delivery.detailed_status,
        problem=report.problem if delivery.outcome is Outcome.FAILED else None,
        delivery=delivery,
    )
