"""Markers of other programs around the names of a file's columns: whoever wrote them expects them to be filled in."""

import re
from collections.abc import Iterable

from exosms.bulk.table import fold
from exosms.sms.foreign_markers import Marker, shaped


class ColumnMarkers:
    """Finds them in the text of each row; the names are folded."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(names)
        # A quick no for most texts: none of the names follows a sign that a marker may begin with.
        spelled = "|".join(r"[\s_-]*".join(map(re.escape, name)) for name in sorted(self._names))
        self._may_be_in = re.compile(rf"[#{{%\[$(<«|~&^@][\s_-]{{0,9}}(?:{spelled})").search

    def first_in(self, text: str) -> Marker | None:
        """Return the first of them."""
        if self._may_be_in(text.casefold()) is None:
            return None
        return next(shaped(text, lambda marker: fold(marker.name) in self._names), None)
