"""Files that are taken for a table, by their names or by people, told by how they begin."""

import re

from exosms.errors import InputError
from exosms.tables.csv_file import mark_of

_SEEN = 512
"""Bytes that are looked at."""
_IN_A_SPREADSHEET = "Open it in a spreadsheet, save it as XLSX or CSV UTF-8 and use that file."
_ELSEWHERE = "Export the list as CSV UTF-8 or XLSX and use that file."
_UNPACKED = "Unpack it and use the file in it."
_BEGINNINGS = (
    ("<", "HTML or XML", _IN_A_SPREADSHEET),
    ("MIME-Version:", "a web page (MHTML)", _IN_A_SPREADSHEET),
    ("ID;P", "SYLK", _IN_A_SPREADSHEET),
    ("{\\rtf", "a document (RTF)", _ELSEWHERE),
    ("%PDF-", "a PDF", _ELSEWHERE),
    ("\x89PNG", "a picture", _ELSEWHERE),
    ("\xff\xd8\xff", "a picture", _ELSEWHERE),
    ("\x1f\x8b", "an archive (gzip)", _UNPACKED),
    ("7z\xbc\xaf", "an archive (7z)", _UNPACKED),
    ("Rar!\x1a", "an archive (RAR)", _UNPACKED),
)
_OLD_WORKBOOK = re.compile(rb"\t[\0\2\4\x08][\4\6\x08\x10]\0")
"""The first record of BIFF2 to BIFF5 without a compound file around it."""
_JSON = re.compile(r'[\[{]+\s*[{"\[]')


def check_is_table(content: bytes, name: str) -> None:
    """Raise InputError for what begins as something else than a CSV, and is no workbook."""
    mark, codec = mark_of(content)
    text = content[len(mark) : _SEEN].decode(codec if mark else "latin-1", "replace").lstrip("\ufeff \r\n\t")
    found = next((each for each in _BEGINNINGS if text.startswith(each[0])), None)
    if _OLD_WORKBOOK.match(content):
        found = ("", "BIFF of Excel 95 or older", _IN_A_SPREADSHEET)
    if found is None and _JSON.match(text):
        found = ("", "JSON", _ELSEWHERE)
    if found is not None:
        _, what, remedy = found
        raise InputError(f"{name} is {what}, neither a CSV nor a workbook", remedy=remedy)
