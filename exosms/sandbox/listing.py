"""Many messages at once: the list of the API, and the report that people export from the dashboard.

Sources: Exotel's newer portal (the list, in the grammar of its list of calls) and support article 59329 (the report's
columns). The report is as people get it: `'` before ids, an operator's prefix before the sender, a day for a time.
"""

import csv
import io
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlencode

from exosms.sandbox.answers import DATE, INDIA, date, needs_unicode
from exosms.sandbox.store import StoredMessage

LARGEST_PAGE = 100
_USUAL_PAGE = 50
_CONDITION = re.compile(r"(gte|lte):(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)")
_COLUMNS = (
    "Id", "From", "To", "Body", "Status", "Time", "Price", "DetailedStatusCode", "DetailedStatus", "Date Sent",
    "CustomField", "NumberOfUnits", "EncodingType", "DltEntityId", "DltTemplateId",
)  # fmt: skip


class Question(NamedTuple):
    """What a list is asked for; moments are seconds since the epoch."""

    since: float = 0.0
    until: float = float("inf")
    size: int = _USUAL_PAGE
    skipped: int = 0


def question(query: str) -> Question:
    """Read the query of a request for a list; raises ValueError for what it does not allow."""
    asked = {name: values[-1] for name, values in parse_qs(query, keep_blank_values=True).items()}
    bounds = {"gte": 0.0, "lte": float("inf")}
    for condition in filter(None, asked.get("DateCreated", "").split(";")):
        match = _CONDITION.fullmatch(condition)
        if not match:
            raise ValueError(condition)
        bounds[match[1]] = _moment(match[2])
    size, skipped = (int(asked.get(name, usual)) for name, usual in (("PageSize", _USUAL_PAGE), ("After", 0)))
    if not 0 < size <= LARGEST_PAGE or skipped < 0:
        raise ValueError(size)
    return Question(bounds["gte"], bounds["lte"], size, skipped)


def page(
    messages: Sequence[StoredMessage], asked: Question, path: str, document: Callable[[StoredMessage], Any]
) -> Mapping[str, Any]:
    """Return one page of an account's messages, the oldest first, and where the next one is."""
    fitting = [message for message in messages if asked.since <= int(message.created_at) <= asked.until]
    end = asked.skipped + asked.size
    dates = ";".join(
        f"{name}:{date(moment)}"
        for name, moment in (("gte", asked.since), ("lte", asked.until))
        if 0 < moment < float("inf")
    )
    later = {**({"DateCreated": dates} if dates else {}), "PageSize": asked.size, "After": end}
    return {
        "Metadata": {
            "Total": len(fitting),
            "PageSize": asked.size,
            "NextPageUri": f"{path}?{urlencode(later)}" if end < len(fitting) else None,
        },
        "SMSMessages": [document(message)["SMSMessage"] for message in fitting[asked.skipped : end]],
    }


def report(messages: Sequence[StoredMessage], document: Callable[[StoredMessage], Any]) -> bytes:
    """Return the SMS Detailed Report of messages, as CSV."""
    written = io.StringIO(newline="")
    writer = csv.writer(written)
    writer.writerow(_COLUMNS)
    for message in messages:
        said = document(message)["SMSMessage"]
        sender = f"LM-{message.sender}" if message.sender.isalpha() else message.sender
        encoding = "unicode" if needs_unicode(message.body) else "plain"
        writer.writerow((
            f"'{message.sid}", sender, said["To"], message.body, said["Status"], said["DateCreated"][:10],
            said["Price"], said["DetailedStatusCode"], said["DetailedStatus"], said["DateSent"],
            message.custom_field, said["SmsUnits"], encoding, "", "",
        ))  # fmt: skip
    return written.getvalue().encode()


def _moment(written: str) -> float:
    import calendar

    return calendar.timegm(time.strptime(written, DATE)) - INDIA
