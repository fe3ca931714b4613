"""What is written like a marker in a registered text and is none: operators would compare it as fixed text.

A text with one is refused wherever it comes in, since what it names would be sent to people as it stands.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from exosms.errors import InputError
from exosms.sms.foreign_markers import Marker, find, may_hold_one

_BROKEN = re.compile(
    r"(?P<extra>\{\{#[^\s{}#]+#\}\}?|\{#[^\s{}#]+#\}\})"
    r"|\{#[^\s{}#]+#\}"
    r"|(?P<broken>\{\s{0,9}#[^{}#\n]{0,40}#?\s{0,9}\}|\{[^{}#\n]{1,40}#\s{0,9}\}|\{#[^\s{}#]{0,40}#?|#?[^\s{}#]{0,40}#\}"
    r"|\{\s?(?i:var)?\s?\})"
)
_PROPER = re.compile(r"\{#[^\s{}#]+#\}")
_MOST_NAMED = 5


class MarkerError(InputError):
    """A registered text has markers that DLT does not know."""


class _Place(NamedTuple):
    text: str
    start: int
    end: int

    def is_within(self, other: "_Place") -> bool:
        return self != other and other.start <= self.start and self.end <= other.end

    def touches(self, other: "_Place") -> bool:
        return self.start < other.end and other.start < self.end


def check(text: str) -> None:
    """Raise MarkerError naming every marker that is broken or of another notation."""
    rest = _PROPER.sub("", text)
    if "}" not in rest and not may_hold_one(rest):  # as in most texts, of which there may be ten thousand
        return
    markers = find(text)
    foreign = [_Place(each.text, each.start, each.end) for each in markers]
    broken = [_Place(found[0], *found.span()) for found in _BROKEN.finditer(text) if found.lastgroup]
    broken = [place for place in broken if not any(map(place.is_within, foreign))]
    foreign = [place for place in foreign if not any(map(place.touches, broken))]
    if broken or foreign:
        raise MarkerError("; ".join(_sentences(broken, foreign)), remedy=_remedy(markers))


def _sentences(broken: Sequence[_Place], foreign: Sequence[_Place]) -> Iterator[str]:
    if broken:
        verb = "is not spelled as a marker" if len(broken) == 1 else "are not spelled as markers"
        yield f"{_named(broken)} {verb}"
    if foreign:
        verb = "is a marker" if len(foreign) == 1 else "are markers"
        yield f"{_named(foreign)} {verb} of another notation, which nothing fills in"


def _named(places: Sequence[_Place]) -> str:
    named = [f"{place.text} at offset {place.start}" for place in places[:_MOST_NAMED]]
    more = len(places) - len(named)
    *first, last = [*named, f"{more} more"] if more else named
    return f"{', '.join(first)} and {last}" if first else last


def _remedy(markers: Sequence[Marker]) -> str:
    write = "Write {#var#}, or a typed marker such as {#numeric#}, exactly as the DLT portal has it"
    names = list(dict.fromkeys(each.name for each in markers if each.name and not each.name.isdigit()))
    return f"{write}, and the names into variables: {', '.join(names)}." if names else f"{write}."
