"""``exosms log``: what this machine sent."""

from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from itertools import islice
from typing import TYPE_CHECKING, Annotated

from exosms.cli import completion_values, option_values
from exosms.cli import options as o
from exosms.cli.context import find_settings, run_of
from exosms.cli.ledgers import open_ledger, shared_ledger
from exosms.cli.output.out import Document, Format, Out, error_document
from exosms.cli.output.tables import draw_table
from exosms.config.region import Region
from exosms.config.settings import AccountOptions
from exosms.errors import ExitCode, ExosmsError
from exosms.ledger.entry import LedgerEntry
from exosms.ledger.history import History, HistoryFilter
from exosms.ledger.messages import Ledger
from exosms.ledger.runs import Journal
from exosms.sms.message import Outcome
from exosms.system.times import for_people, local

_CHUNK = 500
"""Entries of one table; more than that have tables of their own."""

if TYPE_CHECKING:
    from exosms.ledger.postgres.messages import SharedLedger


def _host(text: str) -> str:
    """Read a region as the first part of its accounts' identities; the sandbox is a host of its own."""
    region = Region(option_values.region(text))
    return region.host or region


_FILTERS = {
    "to": o.option("--to", metavar="NUMBER", help="Only this recipient."),
    "since": o.SINCE,
    "once_key": o.option("--once", metavar="KEY", help="Only this once key."),
    "outcome": o.choice(
        Outcome, "--outcome", metavar="WORD", about="Only this outcome; `exosms help outcomes` has the words."
    ),
    "run": o.option("--run", metavar="RUN", autocompletion=completion_values.runs, help="Only the rows of this run."),
    "profile": o.option(
        "-p",
        "--profile",
        metavar="NAME",
        autocompletion=completion_values.profiles,
        help="Only what this profile sent; numbers without + are of its country.",
    ),
    "host": o.option(
        "--region",
        metavar="|".join(Region),
        parser=_host,
        autocompletion=completion_values.words(*Region),
        help="Only what was sent in this region.",
    ),
}


def command(*, wanted: Annotated[HistoryFilter, _FILTERS], out: o.QuietPrinter) -> int:
    """Show what this machine sent and what `status` and `--wait` found out about it, oldest first; without texts.

    The rows of a bulk run are together, at the time when it started. Of a shared ledger all machines' single messages
    are shown.

    exosms log --since 24h --outcome unknown

    exosms log --to 9876543210 --json
    """
    o.refuse_empty(("--to", wanted.to), ("--once", wanted.once_key), ("--profile", wanted.profile))
    options = AccountOptions(profile=wanted.profile)
    shared = shared_ledger(options) if wanted.run is None else None
    with open_ledger() as ledger, shared or nullcontext() as elsewhere:
        if wanted.run is not None:
            wanted = wanted._replace(run=run_of(Journal(ledger), wanted.run, options).name)
        wanted = wanted._replace(to=_number(wanted.to, wanted.profile, out) if wanted.to else None)
        entries = _history(ledger, elsewhere).log(wanted)
        if out.format is Format.JSON:
            return _show_document(out, entries)
        _show_all(out, entries)
    return ExitCode.OK


def _history(ledger: Ledger, elsewhere: "SharedLedger | None") -> History:
    """Return what this machine's ledger knows, of single messages what the one knows that other machines share."""
    if elsewhere is None:
        return History(ledger)
    from exosms.ledger.postgres.history import SharedHistory

    return History(ledger, singly=SharedHistory(elsewhere).messages)


def _number(text: str, profile: str | None, out: Out) -> str:
    """Return a recipient as the ledger has it; without ``+`` it is of the profile's country, as in `send`."""
    from exosms.sms.phone import parse

    if text.startswith("+"):
        return parse(text)
    return parse(text, country=find_settings(out, AccountOptions(profile=profile), account_needed=False).country)


def _show_document(out: Out, entries: Iterable[LedgerEntry]) -> int:
    """Print one document as its messages come, however many; an error on the way ends it as a document, too."""
    error: ExosmsError | None = None

    def messages() -> Iterator[Document]:
        nonlocal error
        try:
            yield from map(_document, entries)
        except ExosmsError as raised:
            error = raised
            out.fail(raised.message, remedy=raised.remedy)

    def rest() -> Document:
        return {"exit_code": exit_code(), "error": error_document(error) if error else None}

    def exit_code() -> int:
        return int(error.exit_code if error else ExitCode.OK)

    out.long_result("messages", messages(), rest)
    return exit_code()


def _show_all(out: Out, entries: Iterable[LedgerEntry]) -> None:
    """Print entries as they come, however many."""
    if out.is_human:
        _draw(out, entries)
        return
    for entry in entries:
        if out.is_json:
            out.document(_document(entry))
        else:
            out.line(local(entry.created_at), *_cells(entry))


def _document(entry: LedgerEntry) -> Document:
    delivery = entry.delivery
    return {
        "at": local(entry.created_at),
        "updated_at": local(entry.updated_at),
        "account": entry.account,
        "profile": entry.profile,
        **({"sandbox": True} if entry.is_sandbox else {}),
        "once": entry.once_key,
        "run": entry.run,
        "row": entry.row,
        "to": entry.recipient,
        "from": entry.sender,
        "outcome": entry.outcome,
        "sid": entry.sid,
        "status": (delivery.status if delivery else None) or entry.status,
        "detailed_status_code": delivery.detailed_status_code if delivery else None,
        "detailed_status": delivery.detailed_status if delivery else None,
        "http_status": entry.http_status,
        "code": entry.code,
        "message": entry.error,
        "template": entry.template,
        "segments": delivery.segments if delivery and delivery.segments is not None else entry.segments,
        "price": delivery.price if delivery else None,
        "sent_at": delivery.sent_at if delivery else None,
        "checked_at": None if entry.checked_at is None else local(entry.checked_at),
        "attempts": entry.attempts,
    }


def _draw(out: Out, entries: Iterable[LedgerEntry]) -> None:
    """Draw tables of so many entries as belong into memory."""
    rows = ((for_people(entry.created_at), *_cells(entry)) for entry in entries)
    chunk = [*islice(rows, _CHUNK)]
    if not chunk:
        out.tell("nothing was sent from this machine that matches")
    while chunk:
        draw_table(out, ("At", "Outcome", "To", "Sid", "About"), chunk)
        chunk = [*islice(rows, _CHUNK)]


def _cells(entry: LedgerEntry) -> tuple[str, ...]:
    return entry.outcome, entry.recipient, entry.sid or "", _about(entry)


def _about(entry: LedgerEntry) -> str:
    status = f"HTTP {entry.http_status}" if entry.http_status and entry.error else ""
    origin = f"once {entry.once_key}" if entry.once_key else f"run {entry.run} row {entry.row}" if entry.run else ""
    said = entry.delivery.said if entry.delivery else entry.error or entry.status
    sandbox = "sandbox" if entry.is_sandbox else ""
    return "; ".join(filter(None, (": ".join(filter(None, (status, said))), origin, sandbox)))
