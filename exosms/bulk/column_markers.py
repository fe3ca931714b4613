"""Markers of other programs around the names of a file's columns: whoever wrote them expects them to be filled in."""

import re
from collections.abc import Iterable, Iterator
from functools import cached_property

from exosms.bulk.table import fold
from exosms.sms.foreign_markers import Marker, Notation, shaped

_BEGIN = r"(?:\{#?\s{0,9}|(?<![#&{])#|(?<![\d%])%%?\(?|(?P<dollar>(?<![\w$])\$(?=[^\W\d])))"
_FILTER = r"(?:\s{0,9}\|[^{}\n]{0,60}|:[<>^.,+%][^{}\s]{0,20}|![rsa])?"
_END = rf"(?(dollar)(?!\w)|(?:{_FILTER}\s{{0,9}}#?\}}|#(?![\w#}}])|%%?(?![\w%])|\)[sd]))"
_NOTATIONS = {
    "{}": Notation.BRACE,
    "##": Notation.HASH,
    "%%": Notation.PERCENT,
    "%s": Notation.PERCENT,
    "%d": Notation.PERCENT,
}
"""By the signs around a name, those in which ``shaped`` takes few other signs for parts of it."""


class ColumnMarkers:
    """Finds them in the text of each row; the names are folded."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(names)
        # A quick no for most texts: none of the names follows a sign that a marker may begin with.
        self._spelled = "|".join(r"[\s_-]*".join(map(re.escape, name)) for name in sorted(self._names))
        self._may_be_in = re.compile(rf"[#{{%\[$(<«|~&^@.=;_][\s_-]{{0,9}}(?:{self._spelled})").search

    def first_in(self, text: str) -> Marker | None:
        """Return the first of them, with the name of its column."""
        if self._may_be_in(text.casefold()) is None:
            return None
        found = shaped(text, lambda marker: bool(self._column_in(marker.name)))
        marker = next(found, None) or next(self._written_out(text), None)
        return marker and marker._replace(name=self._column_in(marker.name))

    def _column_in(self, name: str) -> str:
        """Return the column that ``name`` is, or ``contact.name`` ends with; nothing if there is none."""
        return next((each for each in map(fold, (name, name.rpartition(".")[2])) if each in self._names), "")

    @cached_property
    def _around_names(self) -> re.Pattern[str]:
        return re.compile(rf"{_BEGIN}(?P<name>{self._spelled}){_END}")

    def _written_out(self, text: str) -> Iterator[Marker]:
        """Yield what only a name of these columns can be, for the signs in it: ``{A/c No}``."""
        places = [place for place, letter in enumerate(text) for _ in letter.casefold()]  # ß is two
        for found in self._around_names.finditer(text.casefold()):
            notation = Notation.DOLLAR if found["dollar"] else _NOTATIONS.get(found[0][0] + found[0][-1])
            is_one_sign = not found[0].strip(found[0][0])  # ###, where a column is called #
            if notation and fold(found["name"]) in self._names and not is_one_sign:
                start, end = places[found.start()], places[found.end() - 1] + 1
                yield Marker(notation, text[start:end], found["name"], start, end)
