"""The rows of a run, one by one: what is claimed of them, how they are seen, and how results come to them."""

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import NamedTuple

from exosms.errors import ExitCode
from exosms.sms.message import Message

SENT_ELSEWHERE = {
    "accepted": "sent by another run in the meantime",
    "unknown": "perhaps sent by another run in the meantime",
}
"""Why a row is skipped when its turn comes, by what became of the same message there."""

UNRECORDED = "its result could not be recorded"

_SEEN = (
    "run", "number", "line", "recipient", "sender", "segments", "state", "attempts", "sid", "status", "http_status",
    "code", "exit_code", "error", "attempted_at", "updated_at",
)  # fmt: skip
_LOST = {
    "state": "'unknown'",
    "exit_code": str(int(ExitCode.UNKNOWN)),
    "http_status": "NULL",
    "code": "NULL",
    "error": f"'{UNRECORDED}'",
}


class ClaimedRow(NamedTuple):
    """One row that is to be sent."""

    number: int
    line: int
    message: Message
    attempts: int


class Claim(NamedTuple):
    """What became of rows that were to be sent."""

    ours: Sequence[ClaimedRow] = ()
    """In flight now: their request must leave."""
    elsewhere: Mapping[str, Sequence[ClaimedRow]] = {}
    """Skipped, since another run sent them meanwhile, or may have, which is what the key says."""
    busy: Sequence[ClaimedRow] = ()
    """Waiting still, since another run is sending them: what comes of that decides."""


class Reason(NamedTuple):
    """Why rows did not go out that ended alike."""

    state: str
    exit_code: int
    http_status: int | None
    code: int | None
    """Exotel's."""
    error: str | None
    rows: int
    line: int
    """Where the first of them is."""


def rows_as_seen(run: int, abandoned: Collection[int]) -> str:
    """Return the table of a run's rows as they are: of an abandoned run, what is in flight is unknown."""
    if run not in abandoned:
        return "rows"
    columns = (
        f"iif(state = 'in_flight', {_LOST[name]}, {name}) AS {name}" if name in _LOST else name for name in _SEEN
    )
    return f"(SELECT {', '.join(columns)} FROM rows)"


@cache
def settling(rows: int) -> str:
    """Return the statement that records of so many rows the same, but for their Sids.

    One for all of them: each step of a statement lets go of the interpreter's lock, and then waits for the threads
    that read answers.
    """
    found = ", ".join(["(?, ?)"] * rows)
    return (
        "UPDATE rows SET state = ?, status = ?, http_status = ?, code = ?, exit_code = ?, error = ?,"
        " text = iif(? = 'accepted', NULL, text), updated_at = ?, sid = found.column2"
        f" FROM (VALUES {found}) AS found WHERE rows.run = ? AND rows.number = found.column1"
    )
