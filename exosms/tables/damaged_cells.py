"""What spreadsheets, exports and scripts leave in a cell in the place of its text: damage, and what may be some."""

import re
from collections.abc import Sequence
from enum import Enum

LOST = "\N{REPLACEMENT CHARACTER}"

NO_WIDTH = "\u200b\u2060\ufeff"
"""Blanks of no width that Python takes for no blanks; those of U+200C and U+200D are letters of Indian scripts."""

UNCALCULATED = "#UNCALCULATED!"
"""What a cell of a sheet is read as that has a formula and no value: whoever wrote it did not calculate."""

NO_DAY = "1900-01-00"
"""What a sheet shows of a zero as a date, each program in its own way: its formula found an empty cell."""

_NO_DAY = re.compile(
    r"""
    (?<![\w/-])(?:
        00?[-/.\ ](?:01|Jan(?:uary)?)[-/.\ ]1900 | 00?[-/\ ]Jan[-/\ ]00 | 00[-/]01[-/]00
        | 1/0/(?:19)?00 | January\ 0,\ 1900 | (?:1900-01|0000-00)-00
        | 30[-/.\ ](?:12|Dec)[-/.\ ]1899 | 12/30/1899 | 1899-12-30
        | 0?1[-/.]0?1[-/.]0001 | 0001-01-01 | 30[-/.]11[-/.]-0001 | -0001-11-30
    )(?!(?!T\d)[\w/-])
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""Those of 1899 are of LibreOffice and Google Sheets, ``0000-00-00`` is MySQL's, of which PHP makes the year -1; the
first day of the year 1 is .NET's."""

_MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*"
_FOR_NONE = re.compile(
    rf"""
    (?:
        \d\d?[-/.](?:\d\d?|{_MONTH})[-/.]1900 | \d\d?\ {_MONTH}\ 1900 | {_MONTH}\ +\d\d?,?\ 1900 | 1900-\d\d-\d\d
        | 31[-/.](?:12|Dec)[-/.]1899 | 12/31/1899 | 1899-12-31 | 0?1[-/.]0?1[-/.]1970 | 1970-01-01
    )(?:[T\ ]+\d\d?:\d\d.*)?
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""Days that are some: a sheet makes one of an empty cell and thirty days, SQL Server writes the first of 1900, and
PHP that of 1970."""

_ERRORS = (
    "REF!|N/A|VALUE!|DIV/0!|NAME?|NUM!|NULL!|SPILL!|CALC!|FIELD!|BLOCKED!|CONNECT!|UNKNOWN!|BUSY!|EXTERNAL!|PYTHON!"
    "|ERROR!|GETTING_DATA|Error|Deleted|Num!|Div/0!|Type!|Func!"
)
"""Of Excel (support.microsoft.com, "How to correct a #… error"), of Google Sheets, which adds ``ERROR!``, and of
Access and Reporting Services, which write small letters."""

_ERROR = re.compile(rf"(?<![\w#])#(?:{_ERRORS.replace('?', '[?]')})(?!\w)|\bErr:5\d\d\b")
_NARROW = re.compile(r"#{3,}")
_EXPONENT = re.compile(r"[+-]?\d+[.,]\d+E[+-]?\d+|[+-]?\d+(?:[.,]\d+)?[eE]\+\d+", re.ASCII)
"""``1.1e9``, with a small letter and no sign, is what no program writes."""
_EXPONENT_INSIDE = re.compile(r"(?<![\w.,])\d(?:[.,]\d+)?E\+\d{2,3}(?!\w)", re.IGNORECASE | re.ASCII)
_SIGNS = re.compile(r"\dE[+-]?\d|Err:", re.ASCII)
_SIGNS_OF_AN_ERROR = re.compile("#[#A-Z]")
_BREAK = re.compile("_x000[AaDd]_")
"""What an XLSX has for a line break (ECMA-376 Part 1, section 22.9.2.19), and some programs hand on as text."""
_QUESTIONS = re.compile(
    r"""
    \A[\s.,]*\?[?\s.,]*\Z | \A\s*\?{3} | (?<!\S)\?{2,}[\s.,]+\?{2,}
    | (?<!\S)[-(]?\?(?=\d|\{\#) | \A\s*[-(]?\?[\s(-]+\d[\d.,]*(?:/-)?\)?\s*\Z
    """,
    re.VERBOSE | re.ASCII,
)
"""Words of a script, or the ₹ of an amount, that Excel's usual CSV has no letters for."""

_NOTHING = frozenset(
    word
    for lower in (
        "nan", "none", "null", "nat", "undefined", "<na>", "(null)", "[null]", "<null>", "(blank)", "invalid date",
        "[object object]",
    )
    for word in (lower, lower.upper(), lower.title(), lower.capitalize())
) | {"NaN", "NaN/NaN/NaN", "NaT", "[object Object]", r"\N", "Loading..."}  # fmt: skip
"""What programs write for nothing; the last one is what Google Sheets shows, and copies, until it has a value."""
_NOTHING_BESIDE = re.compile(
    r"(?:undefined|null|NaN)(?:\s+\S+){1,3}|(?:\S+\s+){1,3}(?:undefined|null|NaN|None|NULL)",
)
"""The same in a name that a program put together of a first and a last one; a sentence may end so."""
_SIGNS_OF_NOTHING = re.compile("undefined|null|NaN|None|NULL")

_CONTINUED = "\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122"
_TWICE = re.compile(
    rf"[\u00c2-\u00df][{_CONTINUED}]|[\u00e0-\u00ef][{_CONTINUED}]{{2}}|[\u00f0-\u00f4][{_CONTINUED}]{{3}}"
)
"""A byte that begins a character in UTF-8 and those that continue it, each read as a character of Windows-1252."""
_CONTINUED_ON_A_MAC = bytes(range(0x80, 0xC0)).decode("mac-roman")
_TWICE_ON_A_MAC = re.compile(f"[\u00ac\u221a][{_CONTINUED_ON_A_MAC}]|[\u201a\u2021][{_CONTINUED_ON_A_MAC}]{{2}}")
"""The same in Mac Roman, as which Excel opens a CSV there: of accented letters, curly quotes and scripts of India."""
_MISREAD = re.compile("[\u0080-\u0084\u0086-\u009f]")
"""What Latin-1 has in the places of Windows-1252's curly quotes, dashes and the like: controls that nobody writes."""
_SIGNS_OF_TWICE = re.compile(rf"[\u00c2-\u00f4][{_CONTINUED}]")
_DAMAGES = (
    (_ERROR.search, "it holds the error of a formula"),
    (_EXPONENT.fullmatch, "a spreadsheet changed a number in it, whose digits are lost"),
    (_EXPONENT_INSIDE.search, "a spreadsheet changed a number in it, whose digits are lost"),
    (_NARROW.fullmatch, "its column was too narrow when it was saved"),
    (_NO_DAY.search, "a date in it is no day, but what programs show of an empty cell"),
    (_QUESTIONS.search, "its letters were lost when it was saved"),
    (_BREAK.search, "a line break in it was not understood, and became letters"),
)
"""What finds them in a text, and what is said of it."""


class CellDoubt(Enum):
    """What may be wrong with a cell; the value is said of the cells of a column."""

    NOTHING = "what a program writes for nothing"
    NO_DATE = "a date that programs write for none"
    FORMULA = "a formula instead of its value"
    TWICE = "text that was encoded twice"
    BLANKS = "text with stray blanks at its ends"


def are_sound(cells: Sequence[str]) -> bool:
    """Whether cells are clearly neither empty nor damaged nor doubtful, as most are."""
    together = "".join(cells)
    return (
        all(cells)
        and [*map(str.strip, cells)] == [*cells]
        and _NOTHING.isdisjoint(cells)
        and (_SIGNS_OF_NOTHING.search(together) is None or not any(map(_NOTHING_BESIDE.fullmatch, cells)))
        and ("#" not in together or _SIGNS_OF_AN_ERROR.search(together) is None)
        and ("?" not in together or not any(map(_QUESTIONS.search, cells)))
        and ("=" not in together or not any(cell.startswith("=") for cell in cells))
        and (
            ("00" not in together and "1899" not in together and "1970" not in together)
            or not any(map(_is_no_date, cells))
        )
        and "_x000" not in together
        and "e+" not in together
        and ("E" not in together or _SIGNS.search(together) is None)
        and (
            together.isascii()
            or (
                LOST not in together
                and _SIGNS_OF_TWICE.search(together) is None
                and _TWICE_ON_A_MAC.search(together) is None
                and _MISREAD.search(together) is None
                and not any(blank in together for blank in NO_WIDTH)
            )
        )
    )


def is_blank(cell: str) -> bool:
    """Whether people see nothing in a cell."""
    return not "".join(cell.split()).strip(NO_WIDTH)


def damage_of(cell: str) -> str | None:
    """Return what happened to a cell, as the end of a sentence; None if nothing did."""
    text = cell.strip()
    if text == UNCALCULATED:
        return "its formula has no stored value; open the file in Excel or LibreOffice and save it as .xlsx"
    if what := next((what for is_in, what in _DAMAGES if is_in(text)), None):
        return what
    misread = _MISREAD.search(_TWICE.sub("", text))
    return (
        f"U+{ord(misread[0]):04X} is no letter; of most such files the encoding is windows-1252" if misread else None
    )


def doubt_about(cell: str) -> CellDoubt | None:
    """Return what may be wrong with a cell that is not damaged; None if nothing is."""
    text = cell.strip()
    if text in _NOTHING or _NOTHING_BESIDE.fullmatch(text):
        return CellDoubt.NOTHING
    if _FOR_NONE.fullmatch(text):
        return CellDoubt.NO_DATE
    if text.startswith("="):
        return CellDoubt.FORMULA
    if _TWICE_ON_A_MAC.search(text) or any(_encoded_twice(found[0]) for found in _TWICE.finditer(text)):
        return CellDoubt.TWICE
    if text.strip(NO_WIDTH) not in {"", cell}:
        return CellDoubt.BLANKS
    return None


def _is_no_date(cell: str) -> bool:
    return bool(_NO_DAY.search(cell) or _FOR_NONE.fullmatch(cell))


def _encoded_twice(letters: str) -> bool:
    try:
        b"".join(_byte(letter) for letter in letters).decode()
    except UnicodeDecodeError:
        return False
    return True


def _byte(letter: str) -> bytes:
    """Return what was read as that letter: Windows-1252, which leaves some bytes out, is read with them."""
    try:
        return letter.encode("cp1252")
    except UnicodeEncodeError:
        return letter.encode("latin-1", "replace")
