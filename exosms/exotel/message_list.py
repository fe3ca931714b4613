"""Exotel's list of messages: what is asked of it, and what a page of it says.

Two pages of Exotel's newer portal describe it, in the grammar of its list of calls; no client was seen to use it. So
its absence is an answer, and what it lists proves nothing.
"""

import re
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from exosms.exotel import wire
from exosms.exotel.listed import SID, Listed, tail_of
from exosms.exotel.message_content import NEAR, seconds_of
from exosms.system.times import INDIA

PAGE = 100
"""Messages of one page."""

_PATH = re.compile(r"/[!-.0-~][!-~]{0,4000}")
_COUNT = re.compile(r"[0-9]{1,9}")
_MARGIN = NEAR + 120


class Page(NamedTuple):
    """One page of the list."""

    listed: Sequence[Listed]
    next_path: str | None
    """Where the next one is; None for the last one."""
    is_cut: bool = False
    """Whether there is a next one that must not be asked for, since it is on another host."""
    is_whole: bool = True
    """Whether a Sid could be read of everything that it lists, and nothing is known to be left that is on no page."""
    total: int = 0
    """How many messages all pages together are said to have."""


def spans(attempts: Sequence[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """Yield the times in which messages are to be looked for that were sent between such moments, as few as do."""
    open_since = open_until = None
    for since, until in sorted((since - _MARGIN, until + _MARGIN) for since, until in attempts):
        if open_since is not None and open_until is not None and since <= open_until:
            open_until = max(open_until, until)
            continue
        if open_since is not None and open_until is not None:
            yield open_since, open_until
        open_since, open_until = since, until
    if open_since is not None and open_until is not None:
        yield open_since, open_until


def list_path(account_sid: str, since: float, until: float) -> str:
    """Return where the messages between two moments are listed."""
    dates = f"gte:{_date(since)};lte:{_date(until)}"
    return f"/v1/Accounts/{quote(account_sid, safe='')}/SMS/Messages.json?DateCreated={quote(dates)}&PageSize={PAGE}"


def read_page(body: bytes | None, *, host: str) -> Page | None:
    """Return what a page lists; None for what is no list."""
    try:
        document = wire.parsed(body)
    except RecursionError:
        return None
    if isinstance(document, dict):
        document = document.get("TwilioResponse", document)
    if not isinstance(document, dict) or "SMSMessages" not in document:
        return None
    metadata = document.get("Metadata")
    following = metadata.get("NextPageUri") if isinstance(metadata, dict) else None
    path = _on_host(following, host) if isinstance(following, str) and following.strip() else None
    listed = [
        _listed(node) for node in wire.described(body) if isinstance(node["Sid"], str) and SID.fullmatch(node["Sid"])
    ]
    entries = document["SMSMessages"]
    is_whole = isinstance(entries, list) and len(entries) == len(listed) and isinstance(metadata, dict)
    total = str(metadata.get("Total")) if isinstance(metadata, dict) else ""
    return Page(
        listed,
        path,
        is_cut=path is None and bool(following),
        is_whole=is_whole,
        total=int(total) if _COUNT.fullmatch(total) else 0,
    )


def _listed(node: dict[str, Any]) -> Listed:
    to, created = node.get("To"), seconds_of(node.get("DateCreated"))
    return Listed(node["Sid"], tail_of(to) if isinstance(to, str) else None, () if created is None else (created,))


def _on_host(address: str, host: str) -> str | None:
    """Return the path of an address on the same host; None for any other, to which no key and token may go."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    if parts.scheme or parts.netloc:
        if parts.netloc != host or parts.scheme not in {"http", "https"}:
            return None
        address = parts.path + (f"?{parts.query}" if parts.query else "")
    return address if _PATH.fullmatch(address) else None


def _date(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(moment + INDIA))
