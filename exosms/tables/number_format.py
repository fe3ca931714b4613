"""A number as a spreadsheet shows it by the format of its cell (ECMA-376 Part 1, section 18.8.30 and .31)."""

import operator
import re
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import lru_cache
from itertools import takewhile
from typing import NamedTuple

_MONEY = "#,##0_);(#,##0)"
_MONEY_WITH_CENTS = "#,##0.00_);(#,##0.00)"
BUILT_IN: Mapping[int, str] = {
    1: "0",
    2: "0.00",
    3: "#,##0",
    4: "#,##0.00",
    9: "0%",
    10: "0.00%",
    **dict.fromkeys((5, 6, 37, 38, 41, 42), _MONEY),
    **dict.fromkeys((7, 8, 39, 40, 43, 44), _MONEY_WITH_CENTS),
    **dict.fromkeys((*range(14, 18), 22), "d/m/yy"),
    **dict.fromkeys((*range(18, 22), 45, 47), "h:mm"),
}
"""Those that need no code of their own; all dates are alike here, and all times. The currency of 5 to 8, 42 and 44 is
of whoever looks: it is left out."""

_TOKEN = re.compile(
    r"""
    "(?P<quoted>[^"]*)" | [\\!](?P<escaped>.) | (?P<nothing>[_*].)
    | \[\$(?P<currency>[^\]-]*)(?:-[^\]]*)?\] | \[(?P<compared><=|>=|<>|<|>|=)(?P<limit>-?\d+(?:\.\d+)?)\]
    | (?P<colour>\[[^\]]*\])
    | (?P<end>;) | (?P<digit>[0#?]) | (?P<point>\.) | (?P<comma>,) | (?P<percent>%)
    | (?P<general>General) | (?P<unknown>[A-Za-z/@]) | (?P<literal>.)
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
_NO_LETTERS = re.compile(r'"[^"]*"|[\\_*].|\[(?![hms]+\])[^\]]*\]', re.DOTALL | re.IGNORECASE)
_ELAPSED = re.compile(r"\[[hms]+\]", re.IGNORECASE)
_OF_TIMES = re.compile("[dmyhs]", re.IGNORECASE)
_OF_DAYS = re.compile("[dy]|mmm", re.IGNORECASE)
_TIMES = frozenset((*range(14, 23), *range(27, 37), 45, 47, *range(50, 59)))
"""Formats of dates and times that need no code."""
_PLAIN = re.compile(r"(?P<before>L*)(?:(?P<general>G)|#*0(?:\.(?P<decimals>0+))?)L*")
_BETWEEN_THOUSANDS = re.compile(r"(?<=\d)(?=(?:\d{3})+$)")
_LONGEST = 255
"""Characters of a format; spreadsheets take no more."""
_WIDE = Context(prec=4 * _LONGEST)
"""Digits for whatever such a format asks for."""
_LITERALS = frozenset(("quoted", "escaped", "currency", "literal"))
_COMPARISONS = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "<>": operator.ne,
}


class _Section(NamedTuple):
    """One of the parts of a format, of which the number chooses one."""

    whole: Sequence[tuple[str, str]]
    """Kind and text of what stands before the point; the percent sign and what is no digit are literals."""
    decimals: Sequence[tuple[str, str]]
    """Of the point and what stands behind it."""
    compared: str = ""
    limit: Decimal = Decimal(0)
    shift: int = 0
    """By how many places the point moves: two to the right for a percent sign, three to the left for a comma."""
    unit: Decimal | None = Decimal(1)
    """Of the last digit behind the point; None where the number has those of its own."""
    is_grouped: bool = False
    is_coloured: bool = False
    plainly: str | None = None
    """As ``str.format`` has it, where the digits stand together and none is left out or added, as is usual."""

    @property
    def is_bare(self) -> bool:
        """Whether it shows nothing but the number, and no more digits before the point than there are."""
        kinds = {kind for kind, _ in (*self.whole, *self.decimals)}
        return (
            kinds <= {"digit", "point", "general"}
            and not self.shift
            and sum(text == "0" for _, text in self.whole) < 2
        )

    @property
    def adds_nothing(self) -> bool:
        """Whether it shows a number as a cell without a format does."""
        return self.plainly == "{:f}"

    @property
    def literals(self) -> str:
        """What it shows beside the number, without blanks."""
        together = "".join(text for kind, text in (*self.whole, *self.decimals) if kind == "literal")
        return "".join(together.split())

    @property
    def has_words(self) -> bool:
        """Whether it says something in letters, as ``"Nil"`` does instead of a zero."""
        return any(map(str.isalpha, self.literals))

    @property
    def has_sign(self) -> bool:
        """Whether a minus sign, or a bracket that stays open, stands before the digits."""
        literals = takewhile(lambda token: token[0] == "literal", self.whole)
        before = "".join(text for _, text in literals).strip()
        return before.startswith("-") or before.endswith("-") or before.count("(") > before.count(")")


def as_shown(number: float, code: str) -> str | None:
    """Return what people see of a finite number; None where the format adds nothing, or is none that is understood.

    A whole number that has no more than digits and separators stays the plain one: it may be a phone number.
    """
    is_plain = number == int(number) and _is_bare(code)
    if is_plain and not _has_words(code):
        return None
    sections = _sections(code)
    value = Decimal(f"{number:.15g}")
    section = _chosen(sections, value) if sections else None
    if section is None or section.adds_nothing or (is_plain and not section.has_words):
        return None
    has_sign = value < 0 and not _tells_negatives(section, sections)
    value = abs(value).scaleb(section.shift, _WIDE)
    if section.unit:
        value = value.quantize(section.unit, ROUND_HALF_UP, _WIDE)
    if section.plainly is not None:
        text = section.plainly.format(value)
    else:
        whole, _, decimals = f"{value:f}".partition(".")
        text = _whole(whole, section) + _decimals(decimals, section)
    return ("-" * (has_sign and value != 0 and bool(text)) + text).strip()


def is_of_numbers(code: str) -> bool:
    """Whether a format says how a number is shown, which ``as_shown`` then knows."""
    return bool(code) and bool(_sections(code))


def is_of_times(number: int, code: str) -> bool:
    """Whether a format shows dates or times of day, none of which is negative, as what ``[h]`` shows may be."""
    letters = _NO_LETTERS.sub("", code)
    return not _ELAPSED.search(letters) and (number in _TIMES or _OF_TIMES.search(letters) is not None)


@lru_cache
def is_of_days(code: str) -> bool:
    """Whether a format shows a day, a month by its name or a year."""
    return _OF_DAYS.search(_NO_LETTERS.sub("", code)) is not None


@lru_cache
def _is_bare(code: str) -> bool:
    """Whether a format, which may have conditions, or else how it shows what is positive, is bare."""
    sections = _sections(code)
    return all(section.is_bare for section in sections if section.compared or section is sections[0])


@lru_cache
def _has_words(code: str) -> bool:
    return any(section.has_words for section in _sections(code))


@lru_cache
def _sections(code: str) -> Sequence[_Section]:
    """Return the parts of a format; none for a date, a fraction, an exponent and what is not understood."""
    if len(code) > _LONGEST:
        return ()
    parts: list[list[re.Match[str]]] = [[]]
    for found in _TOKEN.finditer(code):
        if found.lastgroup == "end":
            parts.append([])
        else:
            parts[-1].append(found)
    sections = [_section(part) for part in parts]
    understood = [section for section in sections if section] if all(sections[:3]) else ()
    return () if all(section.adds_nothing for section in understood) else understood


def _section(tokens: Sequence[re.Match[str]]) -> _Section | None:
    compared, limit = "", Decimal(0)
    percents = commas = 0
    is_grouped = has_point = is_coloured = False
    whole: list[tuple[str, str]] = []
    decimals: list[tuple[str, str]] = []
    for token in tokens:
        kind = token.lastgroup or ""
        if kind == "unknown":
            return None
        if kind == "limit":
            compared, limit = token["compared"], Decimal(token["limit"])
        elif kind == "colour":
            is_coloured = True
        elif kind == "comma":
            commas += 1
        elif kind in _LITERALS or kind in {"digit", "point", "percent", "general"}:
            if kind == "digit":
                is_grouped = is_grouped or (commas > 0 and not has_point)
                commas = 0
            has_point = has_point or kind == "point"
            percents += kind == "percent"
            (decimals if has_point else whole).append(
                (kind, token[kind]) if kind in {"digit", "point", "general"} else ("literal", token[kind])
            )
    is_general = any(kind == "general" for kind, _ in (*whole, *decimals))
    unit = None if is_general else Decimal(1).scaleb(-sum(kind == "digit" for kind, _ in decimals))
    plainly = _plainly(whole, decimals, is_grouped=is_grouped)
    if is_general and plainly is None:
        return None
    return _Section(
        whole, decimals, compared, limit, 2 * percents - 3 * commas, unit, is_grouped, is_coloured, plainly
    )


def _plainly(
    whole: Sequence[tuple[str, str]], decimals: Sequence[tuple[str, str]], *, is_grouped: bool
) -> str | None:
    letters = {"literal": "L", "general": "G"}
    found = _PLAIN.fullmatch("".join(letters.get(kind, text) for kind, text in (*whole, *decimals)))
    if not found:
        return None
    literals = [text.replace("{", "{{").replace("}", "}}") for kind, text in (*whole, *decimals) if kind == "literal"]
    before = len(found["before"])
    spec = "{:f}" if found["general"] else f"{{:{',' * is_grouped}.{len(found['decimals'] or '')}f}}"
    return "".join((*literals[:before], spec, *literals[before:]))


def _chosen(sections: Sequence[_Section], value: Decimal) -> _Section | None:
    """Return the part by which a number is shown: by its own condition, or by its sign."""
    if any(section.compared for section in sections):
        holding = (
            section
            for section in sections
            if not section.compared or _COMPARISONS[section.compared](value, section.limit)
        )
        return next(holding, None)
    if value < 0:
        return sections[min(1, len(sections) - 1)]
    return sections[2 if value == 0 and len(sections) > 2 else 0]  # positive, negative, zero


def _tells_negatives(section: _Section, sections: Sequence[_Section]) -> bool:
    """Whether a part is for negative numbers alone and shows that in its own way, which in a text is not a colour.

    The second one is, unless the first has a condition: then it is for all else, with a sign where there is one, but
    for what is not negative.
    """
    first, *others = sections
    if section.compared:
        is_for_them = section.compared in {"<", "<="} and section.limit <= 0
        is_for_all_of_them = is_for_them and section.limit == 0
    else:
        is_rest_negative = not first.compared or (first.compared in {">", ">="} and first.limit == 0)
        is_for_them = is_for_all_of_them = section is next(iter(others), None) and is_rest_negative
    is_like_another = any(each.literals == section.literals for each in sections if each is not section)
    hides_them = is_like_another and (section.is_coloured or bool(section.compared))
    return (is_for_all_of_them and not hides_them) or (is_for_them and section.has_sign)


def _whole(digits: str, section: _Section) -> str:
    """Return what stands before the point: digits take their places from the right, the first takes the rest."""
    places = [text for kind, text in section.whole if kind == "digit"]
    least = len(places) - places.index("0") if "0" in places else 0
    digits = digits.lstrip("0").rjust(least, "0")
    if section.is_grouped:
        return _in_place_of_digits(_BETWEEN_THOUSANDS.sub(",", digits), section.whole)
    written: list[str] = []
    for kind, text in reversed(section.whole):
        if kind == "literal":
            written.append(text)
        elif len(places) == 1:
            written.append(digits)
        else:
            written.append(digits[-1:])
            digits = digits[:-1]
        if kind == "digit":
            places.pop()
    return "".join(reversed(written))


def _in_place_of_digits(number: str, whole: Sequence[tuple[str, str]]) -> str:
    first = next(place for place, (kind, _) in enumerate(whole) if kind == "digit")
    return "".join(
        text if kind == "literal" else number * (place == first) for place, (kind, text) in enumerate(whole)
    )


def _decimals(digits: str, section: _Section) -> str:
    """Return the point and what stands behind it; zeros that nothing asks for are left out."""
    written: list[str] = []
    for kind, text in section.decimals:
        if kind != "digit":
            written.append(text)
        else:
            needed = text != "#" or digits.strip("0")
            written.append(digits[:1] * bool(needed))
            digits = digits[1:]
    return "".join(written)
