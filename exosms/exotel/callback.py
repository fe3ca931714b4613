"""What Exotel posts to a StatusCallback, as a form or as JSON: of which message it is, and how that one ended.

It is unsigned, so that it proves nothing but to whom knows of which request it must be.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from exosms.exotel import wire
from exosms.exotel.delivery_report import delivery_in, reply_about
from exosms.exotel.listed import SID
from exosms.sms.message import Delivery

LARGEST = 64 * 1024
"""Bytes; a real one has less than 1,000, unless its CustomField is long."""

_MOST_FIELDS = 100
_LONGEST = 200
"""Characters of a field that are kept."""

_NAMES = ("To", "Status", "SmsUnits", "DetailedStatus", "DetailedStatusCode", "DateSent")


class Callback(NamedTuple):
    """What one callback says."""

    sid: str
    to: str
    """E.164."""
    delivery: Delivery


def read_callback(body: bytes, content_type: str) -> Callback | None:
    """Return what a callback says; None for what is none."""
    fields = _fields(body, is_json="json" in content_type.casefold())
    sid = fields.get("SmsSid")
    if not isinstance(sid, str) or not SID.fullmatch(sid):
        return None
    said = {name: _cut(fields.get(name)) for name in _NAMES}
    reply = reply_about(sid, wire.read(json.dumps({"Sid": sid, **said}).encode()))
    delivery = delivery_in(reply) if reply else None
    if delivery is None or delivery.to is None:
        return None
    return Callback(sid, delivery.to, delivery)


def _fields(body: bytes, *, is_json: bool) -> Mapping[str, Any]:
    try:
        if not is_json:
            return _single(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS))
        document = json.loads(body, object_pairs_hook=_single)
    except (ValueError, RecursionError):  # no text, no JSON, too many fields
        return {}
    return document if isinstance(document, dict) else {}


def _single(pairs: Sequence[tuple[str, Any]]) -> Mapping[str, Any]:
    """Return fields by their names; raises ValueError for one with two values, of which either may count."""
    fields: dict[str, Any] = {}
    for name, value in pairs:
        if fields.setdefault(name, value) != value:
            raise ValueError(name)
    return fields


def _cut(value: Any) -> Any:
    return value[:_LONGEST] if isinstance(value, str) else value
