"""A CSV is read strictly: every record is a row, exactly as it stands there, or a flaw; never anything in between."""

import codecs
import csv
import io
import sys
import threading
import tracemalloc
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Literal

import pytest

from exosms.bulk.table import Row, RowError, Table, fold, open_table
from exosms.errors import InputError
from exosms.tables.records import LONGEST_RECORD

R = tuple[object, ...]


def row(line: int, *cells: str) -> R:
    return (line, *cells)


def row_error(line: int, words: str, column: str | None = None) -> R:
    return ("row_error", line, column, words)


def last(line: int, words: str, column: str | None = None) -> R:
    return ("last", line, column, words)


def read(path: Path | None, **options: str) -> list[R]:
    """Return what a file holds in the notation of the table below."""
    with open_table(path, **options) as sheet:
        return list(_seen(sheet))


def _seen(sheet: Table) -> Iterator[R]:
    for place, item in enumerate(sheet.rows(), start=1):
        assert item.number == place
        if isinstance(item, Row):
            yield row(item.line, *item.cells.values())
        else:
            yield ("last" if item.is_last else "row_error", item.line, item.column, item.message)


def agree(seen: list[R], expected: list[R]) -> bool:
    """Whether all rows are the same, and every flaw is of its line and column and has the expected words."""
    return len(seen) == len(expected) and all(
        one == other if isinstance(other[0], int) else one[:3] == other[:3] and str(other[3]) in str(one[3])
        for one, other in zip(seen, expected, strict=True)
    )


def bom16(text: str, codec: str) -> bytes:
    return {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}[codec] + text.encode(codec)


HINDI = "नमस्ते 😀"
NEVER, AFTER, STRAY = "is never closed", "text follows a closing quote", "does not begin with one"
FILES: list[tuple[bytes, list[R]]] = [
    # line ends
    (b"to,body\n1,a\n2,b\n", [row(2, "1", "a"), row(3, "2", "b")]),
    (b"to,body\r\n1,a\r\n2,b\r\n", [row(2, "1", "a"), row(3, "2", "b")]),
    (b"to,body\r1,a\r2,b\r", [row(2, "1", "a"), row(3, "2", "b")]),
    (b"to,body\n1,a\n2,b", [row(2, "1", "a"), row(3, "2", "b")]),
    (b"to,body\r\n1,a\r\n2,b", [row(2, "1", "a"), row(3, "2", "b")]),
    (b"to,body\r1,a\r2,b", [row(2, "1", "a"), row(3, "2", "b")]),
    (b"to,body\r\n1,a\n2,b\r\n", [row(2, "1", "a"), row(3, "2", "b")]),
    (b"to,body\n1,a\r\n2,b\n", [row(2, "1", "a"), row(3, "2", "b")]),
    (b"to,body\n1,a\rb\n2,c\n", [last(2, "line break of another kind")]),
    (b"to\n1\r2\n3\n", [last(2, "line break of another kind")]),
    (b"to\r1\n2\r3\r", [last(2, "line break of another kind")]),
    (b"to,body\n1,a\r\r\n2,b\n", [row(2, "1", "a"), row(3, "2", "b")]),
    (b"to,body\n1,\xc2\x85a\xe2\x80\xa8b\x0bc\x0cd\x1ce\n", [row(2, "1", "\x85a\u2028b\x0bc\x0cd\x1ce")]),
    # empty lines
    (b"to,body\n\n1,a\n\n\n2,b\n\n", [row(3, "1", "a"), row(6, "2", "b")]),
    (b"\n\nto,body\n1,a\n", [row(4, "1", "a")]),
    (b"\r\n\r\nto,body\r\n1,a\r\n", [row(4, "1", "a")]),
    (b"\r\rto,body\r1,a\r", [row(4, "1", "a")]),
    (b"to,body\r\n\r\n1,a\r\n", [row(3, "1", "a")]),
    (b"to\n\n1\n", [row(3, "1")]),
    (b'to\n""\n1\n', [row(3, "1")]),
    (b"to\n \n1\n", [row(3, "1")]),
    (b"to,body\n \n1,a\n", [row(3, "1", "a")]),
    (b"to,body\n,\n1,a\n", [row(3, "1", "a")]),
    (b',\n" ","\n"\nto,body\n1,a\n,,,\n"",\n', [row(5, "1", "a")]),
    (b"to;body\n;\n\t;\xc2\xa0\n1;a\n;\n", [row(4, "1", "a")]),
    # columns with neither name nor content
    (b",,,to,body\n,,,1,a\n", [row(2, "1", "a")]),
    (b"to,body,,,\n1,a,,,\n2,b\n3,c,\n,,,,\n", [row(2, "1", "a"), row(3, "2", "b"), row(4, "3", "c")]),
    (b"to,, ,body\n1,,,a\n2, ,,b\n", [row(2, "1", "a"), row(3, "2", "b")]),
    (b'to,"",body\n1,"",a\n', [row(2, "1", "a")]),
    (b"to,body,\n1\n2,b,\n", [row_error(2, "'1' has 1 cell instead of 3"), row(3, "2", "b")]),
    (b"to,body,\n1,a,,\n", [row_error(2, "4 cells instead of 3")]),
    (b"to,,body\n", []),
    (b"to,body\n", []),
    (b"to,body", []),
    (b"to,body\n\n\n", []),
    # widths
    (b"to,body\n1\n2,b\n", [row_error(2, "'1' has 1 cell instead of 2"), row(3, "2", "b")]),
    (b"to,body\n1,a,x\n2,b\n", [row_error(2, "'1,a,x' has 3 cells instead of 2"), row(3, "2", "b")]),
    (b"to,body\n1,a,\n2,b\n", [row_error(2, "3 cells"), row(3, "2", "b")]),
    (b"to,body\n1,Dear Ravi, hello\n", [row_error(2, "3 cells")]),
    (b"to;body\n1;Dear Ravi, hello\n", [row(2, "1", "Dear Ravi, hello")]),
    (b"to;body\n1,a\n", [row_error(2, "1 cell ")]),
    (b"to\n1,2\n3\n", [row_error(2, "2 cells instead of 1"), row(3, "3")]),
    (b"to,body\n1\n\n2\n3,c\n", [row_error(2, "1 cell"), row_error(4, "1 cell"), row(5, "3", "c")]),
    # cells exactly as they are
    (b"to,body\n 1 , a \n", [row(2, " 1 ", " a ")]),
    (b"to,body\n1,\ta\t\n", [row(2, "1", "\ta\t")]),
    (b"to,body\n1,a\\n\n", [row(2, "1", "a\\n")]),
    (b"to,body\n1,it's\n", [row(2, "1", "it's")]),
    (b"to,body\n'1','a'\n", [row(2, "'1'", "'a'")]),
    (b"to,body\n1,=1+1\n", [row(2, "1", "=1+1")]),
    (b"to,body\n+91,a\n", [row(2, "+91", "a")]),
    (b"to,body\n1,#a\n#2,b\n", [row(2, "1", "#a"), row(3, "#2", "b")]),
    (b"to,body\n1,\x1b[31ma\n", [row(2, "1", "\x1b[31ma")]),
    (b"to,body\n1,\xef\xbb\xbfa\n", [row(2, "1", "\ufeffa")]),
    (f"to,body\n1,{HINDI}\n".encode(), [row(2, "1", HINDI)]),
    ("to,body\n1,e\u0301\n".encode(), [row(2, "1", "e\u0301")]),
    ("to,body\n1,\ufffd\n".encode(), [row(2, "1", "\ufffd")]),
    # quotes
    (b'"to","body"\n"1","a"\n', [row(2, "1", "a")]),
    (b'to,body\n1,"a, b"\n', [row(2, "1", "a, b")]),
    (b'to,body\n1,"a ""b"" c"\n', [row(2, "1", 'a "b" c')]),
    (b'to,body\n1,""""\n', [row(2, "1", '"')]),
    (b'to,body\n1,""\n', [row(2, "1", "")]),
    (b'to,body\n1,"""a"""\n', [row(2, "1", '"a"')]),
    (b'to,body\n1,","\n2,b\n', [row(2, "1", ","), row(3, "2", "b")]),
    (b'to,body\n1," a "\n', [row(2, "1", " a ")]),
    (b'to,body\n"1",a\n2,"b"\n', [row(2, "1", "a"), row(3, "2", "b")]),
    (b'to,body\n1,"a""\n2,b\n', [last(2, NEVER)]),
    (b'to,body\n1,"a\n2,b\n3,c\n', [last(2, NEVER)]),
    (b'to,body\n1,a\n2,"b\n', [row(2, "1", "a"), last(3, NEVER)]),
    (b'to,body\n1,"a\n2,"b"\n3,c\n', [last(2, AFTER)]),
    (b'to,body\n1,"a" b\n2,b\n', [last(2, AFTER)]),
    (b'to,body\n1,"a" \n2,b\n', [last(2, AFTER)]),
    (b'to,body\n1,"a"b"\n', [last(2, AFTER)]),
    (b'to,body\n1,""a""\n', [last(2, AFTER)]),
    (b'to,body\n1,size 12"\n2,b\n', [last(2, STRAY, "body")]),
    (b'to,body\n1, "a, b"\n2,b\n', [last(2, STRAY, "body")]),
    (b'to,body\n1, "a"\n2,b\n', [last(2, STRAY, "body")]),
    (b'to\n "1\n2"\n3\n', [last(2, STRAY, "to")]),
    (b'to,body\n1,a"b"c\n', [last(2, STRAY, "body")]),
    (b'to,body\n"1""",a"b\n', [last(2, STRAY, "body")]),
    (b'to,body\n1,x,y"\n2,b\n', [last(2, STRAY)]),
    (b'to,body\n1,"\n', [last(2, NEVER)]),
    (b'to,body\n1,"', [last(2, NEVER)]),
    (b'to,body\n"1,a\n2,b\n', [last(2, NEVER)]),
    (b'to,body\n\n1,"a\n', [last(3, NEVER)]),
    ("to,body\n1,“a, b”\n".encode(), [row_error(2, "3 cells")]),
    # quoted line breaks
    (b'to,body\n1,"a\nb"\n2,c\n', [row(2, "1", "a\nb"), row(4, "2", "c")]),
    (b'to,body\n1,"a\r\nb"\n2,c\n', [row(2, "1", "a\r\nb"), row(4, "2", "c")]),
    (b'to,body\r\n1,"a\nb"\r\n2,c\r\n', [row(2, "1", "a\nb"), row(4, "2", "c")]),
    (b'to,body\r\n1,"a\r\nb"\r\n2,c\r\n', [row(2, "1", "a\r\nb"), row(4, "2", "c")]),
    (b'to,body\n1,"a\rb"\n2,c\n', [row(2, "1", "a\rb"), row(3, "2", "c")]),
    (b'to,body\r1,"a\rb"\r2,c\r', [row(2, "1", "a\rb"), row(4, "2", "c")]),
    (b'to,body\r1,"a\nb"\r2,c\r', [row(2, "1", "a\nb"), row(3, "2", "c")]),
    (b'to,body\n1,"\n\n\n"\n2,c\n', [row(2, "1", "\n\n\n"), row(6, "2", "c")]),
    (b'to,body\n"1\n","a\n"\n2,c\n', [row(2, "1\n", "a\n"), row(5, "2", "c")]),
    (b'to,"bo\ndy"\n1,a\n', [row(3, "1", "a")]),
    (b'"to\r\n",body\r\n1,a\r\n', [row(3, "1", "a")]),
    (b'"to\n",body\r1,a\r', [row(2, "1", "a")]),
    (b'to,body\n1,"a\n2,b', [last(2, NEVER)]),
    (b'to,body\n1,"a\n"\n2\n', [row(2, "1", "a\n"), row_error(4, "1 cell")]),
    # delimiters
    (b"to;body\n1;a\n", [row(2, "1", "a")]),
    (b"to\tbody\n1\ta\n", [row(2, "1", "a")]),
    (b"to|body\n1|a\n", [row(2, "1", "a")]),
    (b"to;body,x\n1;a\n", [row_error(2, "'1;a' has 1 cell")]),
    (b"to;body;x,y\n1;a;b\n", [row(2, "1", "a", "b")]),
    (b'"a,b,c";to\n1;2\n', [row(2, "1", "2")]),
    (b"sep=;\nto;body\n1;a\n", [row(3, "1", "a")]),
    (b"sep=;\r\nto;body\r\n1;a\r\n", [row(3, "1", "a")]),
    (b"sep=;\rto;body\r1;a\r", [row(3, "1", "a")]),
    (b"SEP=|\nto|body\n1|a\n", [row(3, "1", "a")]),
    (b'"sep=;"\nto;body\n1;a\n', [row(3, "1", "a")]),
    (b"sep=\t\nto\tbody\n1\ta\n", [row(3, "1", "a")]),
    (b"sep=,\nto,body;x;y;z\n1,a\n", [row(3, "1", "a")]),
    (b"sep=^\nto^body\n1^a\n", [row(3, "1", "a")]),
    (b"sep=;\n\nto;body\n1;a\n", [row(4, "1", "a")]),
    (b"\xef\xbb\xbfsep=;\r\nto;body\r\n1;a\r\n", [row(3, "1", "a")]),
    (b'to;body\n1;"a;b"\n', [row(2, "1", "a;b")]),
    (b'to|body\n1|a "b"\n', [last(2, STRAY, "body")]),
    # encodings
    (b"\xef\xbb\xbfto,body\n1,a\n", [row(2, "1", "a")]),
    (b'\xef\xbb\xbf"to",body\n1,a\n', [row(2, "1", "a")]),
    (bom16(f"to,body\r\n1,{HINDI}\r\n", "utf-16-le"), [row(2, "1", HINDI)]),
    (bom16(f"to,body\n1,{HINDI}\n", "utf-16-be"), [row(2, "1", HINDI)]),
    (bom16(f"to\tbody\r\n1\t{HINDI}\r\n", "utf-16-le"), [row(2, "1", HINDI)]),
    (bom16("to,body\n1,\u0a0d\u0d0a\n", "utf-16-le"), [row(2, "1", "\u0a0d\u0d0a")]),
    (codecs.BOM_UTF32_LE + "to,body\n1,a\n".encode("utf-32-le"), [row(2, "1", "a")]),
    # NUL
    (b"to,body\n1,a\0b\n2,c\n", [row_error(2, "U+0000", "body"), row(3, "2", "c")]),
    (b"to,body\n\0,a\n2,c\n", [row_error(2, "U+0000", "to"), row(3, "2", "c")]),
    (b"to,body\n1,a\n" + b"\0" * 64, [row(2, "1", "a"), row_error(3, "1 cell")]),
    # size
    (b"to,body\n1," + b"x" * 131072 + b"\n2,c\n", [row(2, "1", "x" * 131072), row(3, "2", "c")]),
    (b"to,body\n1," + b"x" * 131073 + b"\n2,c\n", [last(2, "too long")]),
    (b'to,body\n1,"a\n' + b"2,b\n" * 40000, [last(2, "too long")]),
    (b"to,body\n1," + b"x," * LONGEST_RECORD + b"\n2,c\n", [last(2, "more than 524288 characters")]),
    (b"to,body\n" + b"1\n" * 3, [row_error(2, "1 cell"), row_error(3, "1 cell"), row_error(4, "1 cell")]),
]


@pytest.mark.parametrize(("content", "expected"), FILES, ids=[str(content[:40]) for content, _ in FILES])
def test_a_file_is_its_rows_or_its_flaws(tmp_path: Path, content: bytes, expected: list[R]) -> None:
    file = tmp_path / "rows.csv"
    file.write_bytes(content)
    seen = read(file)
    assert agree(seen, expected), seen


REFUSED: list[tuple[bytes, dict[str, str], str]] = [
    (b"", {}, "is empty"),
    (b"\n\r\n\n", {}, "is empty"),
    (b"\xef\xbb\xbf", {}, "is empty"),
    (b"\xff\xfe", {}, "is empty"),
    (b"sep=;\n", {}, "is empty"),
    (b"sep=;", {}, "is empty"),
    (b"to,to\n1,2\n", {}, "two columns are called 'to' and 'to'"),
    (b"DLT Entity-Id,dlt_entity_id\n", {}, "two columns"),
    (b"to,\n1,2\n", {}, "column 2 has no name, but line 2 has '2' there"),
    (b"to,,body\n1,,a\n2,x,b\n", {}, "column 2 has no name, but line 3 has 'x' there"),
    (b"to,_\n", {}, "column 2 of 2 has no name"),
    (b'"to,body\n1,a\n', {}, "line 1: "),
    (b'\n\nto,"body\n', {}, "line 3: "),
    (b'to,bo"dy\n1,a\n', {}, "line 1: "),
    (b"to,body\r\n1\r\n".replace(b"\r", b"\0"), {}, "rows.csv"),
    ("to,body\n1,a\n".encode("utf-16-le"), {}, "U+0000 in its header"),
    (b"PK\x03\x04\x14\0\x06\0[Content_Types].xml", {}, "cannot be read as a workbook"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0", {}, "cannot be read as a workbook"),
    (b"to\n1\n", {"sheet": "S"}, "is no workbook, so it has no sheet 'S'"),
    (b"to,body\n1,a\n2,caf\xe9\n", {}, "byte 0xe9 in line 3 (offset 17)"),
    (b"to,body\r\n1,a\r\n2,caf\xe9\r\n", {}, "byte 0xe9 in line 3 (offset 19)"),
    (b"to,body\r1,a\r2,caf\xe9\r", {}, "byte 0xe9 in line 3 (offset 17)"),
    (b"\xef\xbb\xbfto\n\xff\n", {}, "byte 0xff in line 2 (offset 6)"),
    (b"to,body\n1,\xe0\xa4", {}, "byte 0xe0 in line 2 (offset 10)"),
    (b"to\n" + b"1\n" * 100_000 + b"\x80\n", {}, "byte 0x80 in line 100002 (offset 200003)"),
    (bom16("to\n1\n", "utf-16-le") + b"\0", {}, "UTF-16-LE: byte 0x00 in line 3 (offset 12)"),
    (bom16("to\n", "utf-16-le") + b"\0\xdcx\0", {}, "line 2 (offset 8)"),
    (b"to\n\x81\n", {"encoding": "windows-1252"}, "not windows-1252: byte 0x81 in line 2"),
    (b"\xef\xbb\xbfto\n1\n", {"encoding": "windows-1252"}, "byte order mark of UTF-8"),
    (b"to\n1\n2\n", {"encoding": "utf-16"}, "BOM"),
    (b"to\n1\n", {"encoding": "klingon"}, "'klingon'"),
    (b"to\n1\n", {"encoding": "hex"}, "'hex'"),
    (b"to\n1\n", {"encoding": "rot13"}, "'rot13'"),
    (b"to\n1\n", {"encoding": ""}, "''"),
    (b"to\n\xff\n", {"encoding": "punycode"}, "punycode"),
    (b"to\n1\n", {"delimiter": ""}, "''"),
    (b"to\n1\n", {"delimiter": ";;"}, "';;'"),
    (b"to\n1\n", {"delimiter": '"'}, "'\"'"),
    (b"to\n1\n", {"delimiter": "\n"}, "'\\n'"),
    (b"to\n1\n", {"delimiter": "\\t"}, "'\\\\t'"),
]


@pytest.mark.parametrize(("content", "options", "words"), REFUSED)
def test_what_concerns_the_whole_file_refuses_it(
    tmp_path: Path, content: bytes, options: dict[str, str], words: str
) -> None:
    file = tmp_path / "rows.csv"
    file.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read(file, **options)
    assert words in caught.value.message
    assert caught.value.remedy


def test_a_file_that_is_not_utf8_is_told_how_to_name_its_encoding(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_bytes(b"to,body\n1,caf\xe9\n")
    with pytest.raises(InputError) as caught:
        read(file)
    assert "--csv-encoding windows-1252" in caught.value.remedy
    assert read(file, encoding="windows-1252") == [row(2, "1", "café")]
    for codec in ("utf-16-le", "utf-16-be"):
        file.write_bytes("to,body\n1,a\n".encode(codec))
        with pytest.raises(InputError, match="without a byte order mark") as caught:
            read(file)
        assert f"--csv-encoding {codec}." in caught.value.remedy
        file.write_bytes(bom16("to\n1\n", codec) + b"\0")
        with pytest.raises(InputError, match="byte 0x00") as caught:
            read(file)
        assert "--csv-encoding" not in caught.value.remedy


@pytest.mark.parametrize(
    ("content", "options", "expected"),
    [
        (b"to;body,x\n1;a\n", {"delimiter": ";"}, [row(2, "1", "a")]),
        (b"sep=,\nto;body,x\n1;a\n", {"delimiter": ";"}, [row(3, "1", "a")]),
        (b"to:body\n1:a\n", {"delimiter": ":"}, [row(2, "1", "a")]),
        (b'to]body\n1]a\n2]a"b\n', {"delimiter": "]"}, [row(2, "1", "a"), last(3, STRAY, "body")]),
        ("to,body\n1,a\n".encode("utf-16-le"), {"encoding": "utf-16-le"}, [row(2, "1", "a")]),
        (bom16("to,body\n1,a\n", "utf-16-le"), {"encoding": "utf-16"}, [row(2, "1", "a")]),
        (bom16("to,body\n1,a\n", "utf-16-be"), {"encoding": "utf-16-be"}, [row(2, "1", "a")]),
        (b"\xef\xbb\xbfto,body\n1,a\n", {"encoding": "utf-8"}, [row(2, "1", "a")]),
        (b"\xef\xbb\xbfto,body\n1,a\n", {"encoding": "utf-8-sig"}, [row(2, "1", "a")]),
        ("to,body\n1,नमस्ते\n".encode(), {"encoding": "UTF8"}, [row(2, "1", "नमस्ते")]),
    ],
)
def test_what_a_person_says_about_the_file_counts(
    tmp_path: Path, content: bytes, options: dict[str, str], expected: list[R]
) -> None:
    file = tmp_path / "rows.csv"
    file.write_bytes(content)
    assert agree(read(file, **options), expected)


@pytest.mark.parametrize("country", ["IN", "DE", "US", "SG"])
def test_a_year_is_the_name_of_a_column_in_any_country(tmp_path: Path, country: str) -> None:
    file = tmp_path / "rows.csv"
    file.write_bytes(b"to,2026,17,123456\n1,a,b,c\n")
    with open_table(file, country=country) as sheet:
        assert sheet.headers == ("to", "2026", "17", "123456")
    file.write_bytes(b"+14155552671,17\n")
    with pytest.raises(InputError, match="the first line is data"), open_table(file, country=country):
        pass


@pytest.mark.parametrize(("source", "words"), [("nosuch.csv", "No such file"), (".", "directory")])
def test_a_path_that_is_no_file_is_named(tmp_path: Path, source: str, words: str) -> None:
    path = tmp_path / source
    with pytest.raises(InputError) as caught:
        read(path)
    assert str(path) in caught.value.message
    assert words in caught.value.message


def test_a_file_that_stops_being_readable_is_no_short_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell():
                raise OSError(5, "Input/output error")
            return super().read(min(size or 7, 7))

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(Failing(b"to\n1\n2\n3\n")))
    with open_table(None) as sheet, pytest.raises(InputError) as caught:
        list(sheet.rows())
    assert caught.value.message == "standard input cannot be read: Input/output error"


def test_standard_input_that_is_closed_is_no_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(InputError) as caught:
        read(None)
    assert caught.value.message == "standard input is closed"


def test_standard_input_and_a_pipe_are_read_without_seeking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    content = b"to,body\n" + b'1,"a\nb"\n' * 50_000
    writer = threading.Thread(target=pipe.write_bytes, args=(content,))
    writer.start()
    piped = read(pipe)
    writer.join()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert read(None) == piped
    assert len(piped) == 50_000
    assert piped[-1] == row(100_000, "1", "a\nb")


SMALL = [
    b'to,name,body\n91,Ravi,"Dear Ravi, ""hi""\nbye"\n92,"",plain\n93,", x","a,\n,"",""b"\n',
    b'"to";"body"\r\n"91";"a;"\r\n"92";";b"\r\n"93";";"\r\n',
    b'body\n"a\n\nb"\nplain\n"c"\n""""\n',
]


@pytest.mark.parametrize("content", SMALL)
@pytest.mark.parametrize("delimiter", [",", ";"])
def test_an_unclosed_quote_anywhere_is_never_passed_over(tmp_path: Path, content: bytes, delimiter: str) -> None:
    """One quote too many, at every offset: the file ends in a flaw or is refused."""
    file = tmp_path / "rows.csv"
    for offset in range(len(content) + 1):
        file.write_bytes(content[:offset] + b'"' + content[offset:])
        try:
            seen = read(file, delimiter=delimiter)
        except InputError:
            continue
        assert seen[-1][0] == "last", (offset, seen)


@pytest.mark.parametrize("content", SMALL)
def test_a_missing_quote_is_never_passed_over(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "rows.csv"
    for offset in [offset for offset, byte in enumerate(content) if byte == ord('"')]:
        file.write_bytes(content[:offset] + content[offset + 1 :])
        try:
            seen = read(file)
        except InputError:
            continue
        assert seen[-1][0] == "last", (offset, seen)


@pytest.mark.parametrize(("end", "delimiter"), list(product(["\n", "\r\n", "\r"], ",;\t|")))
def test_what_a_spreadsheet_writes_is_read_back(tmp_path: Path, end: str, delimiter: str) -> None:
    nasty = ["", " ", '"', '""', "a,b", "a;b", "a\tb", "a|b", "a\nb", "a\r\nb", "a\rb", "'", "\ufeff", HINDI, "sep=;"]
    cells = [[a, b, a + b] for a, b in product(nasty, repeat=2)]
    text = io.StringIO(newline="")
    # Python 3.11 leaves a line end bare that is not its own.
    quoting: Literal[0, 1] = csv.QUOTE_MINIMAL if end == "\r\n" else csv.QUOTE_ALL
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=quoting)
    writer.writerows([["to", "name", "body"], *cells])
    file = tmp_path / "rows.csv"
    file.write_bytes(text.getvalue().encode())
    with open_table(file) as sheet:
        seen = [list(item.cells.values()) for item in sheet.rows() if isinstance(item, Row)]
    assert seen == [each for each in cells if "".join(each).strip()]


@pytest.mark.parametrize("size", [131071, 131072, 131073])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_nothing_happens_where_two_blocks_meet(tmp_path: Path, size: int, end: str) -> None:
    """A character, a line end and a quoted line break, cut in two at every place by the size of a block."""
    row_text = f'1,"नa{end}b"{end}'
    for shift in range(len(row_text.encode())):
        head = f"to,body{end}"
        first = "x" * 60_000
        padding = size - shift - len((head + f"1,{first}{end}1,{end}").encode())
        file = tmp_path / "rows.csv"
        file.write_bytes((head + f"1,{first}{end}1,{'y' * padding}{end}" + row_text * 2).encode())
        seen = read(file)
        assert seen[2:] == [row(4, "1", f"नa{end}b"), row(6, "1", f"नa{end}b")]
        assert [len(str(each[2])) for each in seen[:2]] == [60_000, padding]


def test_a_flaw_says_what_to_do_with_which_value(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("to,body\n1,a\n2," + "x" * 100 + ",y\n")
    with open_table(file) as sheet:
        _, wrong = sheet.rows()
    assert wrong == RowError(
        number=2,
        line=3,
        column=None,
        value="2," + "x" * 58 + "…",
        message=f"The record '2,{'x' * 58}…' has 3 cells instead of 2",
        remedy="Put a cell that contains a delimiter or a line break in quotes.",
    )


def test_headers_stay_as_written_and_are_compared_folded(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("TO , Dlt Entity-ID,Straße\n1,2,3\n")
    with open_table(file) as sheet:
        [only] = sheet.rows()
        assert (sheet.headers, sheet.name) == (("TO ", " Dlt Entity-ID", "Straße"), str(file))
        assert list(sheet.rows()) == []
    assert isinstance(only, Row)
    assert only.cells == {"to": "1", "dltentityid": "2", "strasse": "3"}
    assert fold(" Dlt_Entity-ID\u00a0") == "dltentityid"


class Made:
    """Standard input whose bytes are made as they are read, so that only the reader can need memory."""

    def __init__(self, head: bytes, again: bytes, times: int) -> None:
        self.buffer = self
        self._head, self._again, self._left = head, again, times

    def read(self, _size: int) -> bytes:
        if head := self._head:
            self._head = b""
            return head
        self._left -= 1
        return self._again if self._left >= 0 else b""


@pytest.mark.parametrize(
    ("head", "again", "times", "expected", "mebibytes"),
    [
        (b"to,name,body\n", b'9876543210,Ravi,"Dear Ravi\nhello"\n' * 200, 400, (80_000, 0), 2),
        (b"to,name,body\n", b"9876543210\n" * 500, 100, (0, 50_000), 2),
        (b'to,name,body\n1,a,"b\n', b"9876543210,Ravi,hello\n" * 200, 5000, (0, 1), 4),
        (b'to,name,body\n1,a,"', b"x" * 8000, 5000, (0, 1), 8),
        (b"to,name,body\n1,a,", b"x" * 8000, 5000, (0, 1), 8),
        (b"to,name,body\n1,a,", b"x," * 8000, 5000, (0, 1), 8),
        (b'to,name,body\n"', b'\n","' * 2000, 5000, (0, 1), 24),
    ],
    ids=[
        "rows",
        "row_errors",
        "unclosed",
        "unclosed-one-line",
        "one-line",
        "one-line-of-cells",
        "quotes-out-of-step",
    ],
)
def test_memory_does_not_grow_with_the_file(
    monkeypatch: pytest.MonkeyPatch,
    head: bytes,
    again: bytes,
    times: int,
    expected: tuple[int, int],
    mebibytes: int,
) -> None:
    monkeypatch.setattr(sys, "stdin", Made(head, again, times))
    counts = [0, 0]
    tracemalloc.start()
    try:
        with open_table(None) as sheet:
            for item in sheet.rows():
                counts[isinstance(item, RowError)] += 1
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert tuple(counts) == expected
    assert peak < mebibytes << 20
