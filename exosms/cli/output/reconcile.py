"""What a reconciliation came to: a line for each message, counts, and what is left to do."""

from collections.abc import Callable, Sequence

from exosms.cli.output.messages import joined
from exosms.cli.output.out import Document, Format, Out, problem_document
from exosms.cli.output.status_line import StatusLine
from exosms.cli.output.tables import draw_table
from exosms.exotel.delivery_report import DeliveryReport
from exosms.send.reconcile import Found
from exosms.sms.message import Outcome
from exosms.system.times import for_people, local
from exosms.system.wording import counted

_COLUMNS = "Outcome", "To", "Sid", "Which", "What Exotel says"


class ReconcileProgress:
    """How many Sids were asked about, on a terminal alone."""

    def __init__(self, out: Out) -> None:
        self._line = StatusLine(out)

    def asked(self, done: int, of_all: int) -> None:
        """Show how far it is."""
        self._line.update(lambda: f"asked about {done} of {counted(of_all, 'Sid')}")

    def clear(self) -> None:
        """Make room for other lines."""
        self._line.clear()


def counts_of(found: Sequence[Found], strangers: int) -> Document:
    """Return the counts and messages that a document has."""
    outcomes = [one.outcome for one in found]
    return {
        "resolved": outcomes.count(Outcome.ACCEPTED),
        "absent": outcomes.count(Outcome.NOT_SENT),
        "ambiguous": sum(one.is_ambiguous for one in found),
        "remaining": outcomes.count(Outcome.UNKNOWN),
        "strangers": strangers,
        "messages": [
            {
                "run": one.message.run,
                "row": one.message.row,
                "to": one.message.recipient,
                "outcome": one.outcome,
                "sid": one.sid,
            }
            for one in found
        ],
    }


def show_result(
    out: Out, found: Sequence[Found], counts: Document, *, exit_code: int, error: Document | None
) -> None:
    """Print what became of each message that was looked at; in JSON the counts as well."""
    rest = {"exit_code": int(exit_code), **counts, "error": error, **out.sandbox_mark}
    time = for_people if out.is_human else local
    rows = [(one.outcome, one.message.recipient, one.sid or "", _which(one, time), one.detail) for one in found]
    match out.format:
        case Format.JSON:
            out.result(**rest)
        case Format.JSONL:
            for message in rest.pop("messages"):
                out.item(message)
            out.result(**rest)
        case Format.HUMAN if rows:
            draw_table(out, _COLUMNS, rows, folding=2)
        case Format.PLAIN:
            out.lines((*row[:3], joined(*row[3:])) for row in rows)


def tell_unasked(out: Out, report: DeliveryReport) -> Document | None:
    """Print why Exotel could not be asked, and return it for a document."""
    problem = report.problem
    if problem is None:
        return None
    said = ": ".join(filter(None, (problem.status_text, problem.said)))
    out.fail(f"{said}. Exotel did not say whose the Sid is; nothing was sent.", remedy=problem.remedy)
    return problem_document(problem)


def sentence(counts: Document) -> str:
    """Return the counts as one line."""
    words = {"resolved": "accepted", "absent": "not sent", "remaining": "still unknown"}
    told = [f"{counts[name]} {word}" for name, word in words.items() if counts[name] or name == "resolved"]
    ambiguous = f" ({counts['ambiguous']} ambiguous)" if counts["ambiguous"] else ""
    return f"{', '.join(told)}{ambiguous}, of {counted(len(counts['messages']), 'message')}"


def of_strangers(strangers: int) -> str:
    """Return what Sids mean of which the ledger knows nothing."""
    return (
        f"{counted(strangers, 'Sid')} listed of which this ledger knows nothing: another machine sends from this"
        " account, or somebody else does"
    )


def _which(one: Found, time: Callable[[float], str]) -> str:
    message = one.message
    if message.run is not None:
        return f"run {message.run} row {message.row}"
    return f"once {message.once_key}" if message.once_key else f"sent at {time(message.since)}"
