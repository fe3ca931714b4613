"""What HTTP statuses, Exotel's codes and the operators' codes mean, who must act, and how.

A table is loaded by the first question about it, since a refused send needs only one or two of them.
"""

from collections.abc import Iterable, Sequence

from exosms.codes.entry import CodeEntry
from exosms.sms.message import Outcome

_THROTTLED = 40405

_WORDS = {
    "queued": Outcome.PENDING,
    "sending": Outcome.PENDING,
    "submitted": Outcome.PENDING,
    "sent": Outcome.DELIVERED,
    "failed": Outcome.FAILED,
    "failed_dnd": Outcome.FAILED,
}


def http(status: int) -> CodeEntry:
    """Explain an HTTP status; one outside 100–599 is treated as a 5xx (RFC 9110 §15).

    503 is explained as a gateway's, which leaves the message unknown. One that carries Exotel's own error is
    throttling: its entry is ``exotel(40405)``.
    """
    from exosms.codes.http import STATUSES

    return _first(STATUSES, status) or STATUSES[-1]


def exotel(code: int) -> CodeEntry | None:
    """Explain Exotel's code in a refused request; None where this version does not know it."""
    from exosms.codes.exotel import CODES

    return _first(CODES, code)


def refusal(status: int, code: int | None, *, from_exotel: bool) -> CodeEntry:
    """Explain a refused request; Exotel's number speaks only where it fits the status, which decides.

    ``from_exotel``: the answer carried Exotel's own error, which makes a 503 throttling whatever its number is.
    """
    known = exotel(code) if code is not None else None
    if known and known.http_status == status:
        return known
    if status == 503 and from_exotel and (throttled := exotel(_THROTTLED)):
        return throttled
    return http(status)


def delivery(code: int) -> CodeEntry:
    """Explain a detailed delivery code; an unknown one by its group, or as pending if the group is unknown."""
    from exosms.codes.delivery import CODES

    return _first(CODES, code) or CODES[-1]


def operator(code: int) -> CodeEntry | None:
    """Explain an operator's own DLT code; None where this version does not know it."""
    from exosms.codes.operator import CODES

    return _first(CODES, code)


def find(code: int) -> tuple[CodeEntry, ...]:
    """Look a number up in every family; the closest entry of each, or the range it falls into."""
    return tuple(entry for table in _tables() if (entry := _first(table, code)))


def named(name: str) -> tuple[CodeEntry, ...]:
    """Return the entries of that name in capital letters, its words joined by anything, or of that label."""
    wanted, label = _letters(name), name.lower().replace("-", "–")
    return tuple(entry for entry in everything() if _letters(entry.name.upper()) == wanted or entry.label == label)


def holding(words: Sequence[str]) -> tuple[CodeEntry, ...]:
    """Return the entries that hold all words, each perhaps within a longer one; letter case does not matter."""
    return tuple(entry for entry in everything() if all(word.casefold() in _text_of(entry) for word in words))


def _text_of(entry: CodeEntry) -> str:
    parts = (entry.label, entry.name, entry.meaning, *entry.causes, entry.who, entry.remedy)
    return "\n".join(parts).casefold()


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text))


def everything() -> tuple[CodeEntry, ...]:
    """List every entry: HTTP, Exotel, delivery, operator, and ranges last in each."""
    return tuple(entry for table in _tables() for entry in table)


def outcome_of_delivery(status: str | None, code: int | None) -> Outcome:
    """Tell pending, delivered or failed from Exotel's word and its detailed code.

    Exotel's ``sent`` means delivered. Word and code may be updated at different moments, so a final one outranks
    a pending one. If one says delivered and the other failed, it is failed: a person looks at a failure, whereas
    a false "delivered" would lose the message in silence, and nothing sends a failed message again by itself.
    With an unknown word the code decides, and the reverse. If neither is known the answer is pending, the only
    one that settles nothing.
    """
    word = (status or "").strip().lower().replace("-", "_")
    said = {_WORDS.get(word, Outcome.PENDING), delivery(code or 0).outcome}
    for final in (Outcome.FAILED, Outcome.DELIVERED):
        if final in said:
            return final
    return Outcome.PENDING


def _tables() -> tuple[tuple[CodeEntry, ...], ...]:
    """Load every family's table, in the order in which they are shown."""
    from exosms.codes import delivery, exotel, http, operator

    return http.STATUSES, exotel.CODES, delivery.CODES, operator.CODES


def _first(table: Iterable[CodeEntry], code: int) -> CodeEntry | None:
    """Find the first entry that covers ``code``; ranges stand last in their table, the widest at the end."""
    return next((entry for entry in table if entry.covers(code)), None)
