"""``exosms bulk`` with a sheet: what goes out, and that it is the same as from the CSV with the same content."""

import datetime as dt
import gzip
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import xlwt
from conftest import ACCOUNT, Result, Shell
from faulty import FaultyExotel
from openpyxl import Workbook
from openpyxl.chart import BarChart
from workbooks import (
    formatted,
    inline,
    ods,
    ods_gap,
    ods_row,
    ods_text,
    old,
    packed,
    saved,
    sheet_of,
    with_zeros,
    written,
    xlsx,
)

BODY = ("--body", "Dear {name}, order {order}. - Acme")
HEAD = ["to", "name", "order"]
ROW = [9876543210, "Asha", 17]
SENT = [("+919876543210", "Dear Asha, order 17. - Acme")]


def bulk(
    exosms: Shell, exotel: FaultyExotel, content: bytes, *argv: str, name: str = "people.csv", **options: Any
) -> Result:
    path = exosms.home / name
    path.write_bytes(content)
    env = {**ACCOUNT, "EXOSMS_BASE_URL": exotel.url}
    return exosms("bulk", str(path), "--yes", "--rate", "off", *argv, env=env, **options)


def texts(exotel: FaultyExotel) -> list[tuple[str, str]]:
    return sorted(key for key, deeds in exotel.deeds.items() for _ in deeds)


def ods_number(number: float) -> str:
    return f'<table:table-cell office:value-type="float" office:value="{number}"/>'


KINDS = {
    "XLSX": written(HEAD, ROW),
    "XLS": old(HEAD, ROW),
    "ODS": ods(ods_row(*map(ods_text, HEAD)) + ods_row(ods_number(9876543210), ods_text("Asha"), ods_number(17))),
    "CSV": b"to,name,order\n9876543210,Asha,17\n",
}


@pytest.mark.parametrize("content", KINDS.values(), ids=KINDS)
def test_a_sheet_is_told_by_its_content_also_from_standard_input(
    exosms: Shell, exotel: FaultyExotel, content: bytes
) -> None:
    result = bulk(exosms, exotel, content, *BODY, "--run", "june")
    assert (result.exit_code, texts(exotel)) == (0, SENT), result.stderr
    env = {**ACCOUNT, "EXOSMS_BASE_URL": exotel.url}
    again = exosms("bulk", "-", "--yes", *BODY, "--run", "june", stdin=content, env=env)
    assert (again.exit_code, texts(exotel)) == (0, SENT)
    assert "the run june is finished; nothing was sent" in again.stderr


def test_a_sheet_and_the_csv_with_its_content_are_the_same_run(exosms: Shell, exotel: FaultyExotel) -> None:
    assert bulk(exosms, exotel, KINDS["CSV"], *BODY, "--run", "june").exit_code == 0
    for content in KINDS.values():
        result = bulk(exosms, exotel, content, *BODY, "--run", "june")
        assert (result.exit_code, texts(exotel)) == (0, SENT)


CELLS: list[tuple[object, str]] = [
    ("Asha", "Asha"),
    (" नमस्ते ", " नमस्ते "),
    ("0017", "0017"),
    ("1.0", "1.0"),
    (17.0, "17"),
    (1499.5, "1499.5"),
    (0.1 + 0.2, "0.3"),
    (-5.0, "-5"),
    (9876543210, "9876543210"),
    (999999999999999.0, "999999999999999"),
    (1e-7, "0.0000001"),
    (-0.000012, "-0.000012"),
    (True, "TRUE"),
    (dt.date(2026, 12, 5), "2026-12-05"),
    (dt.datetime(2026, 12, 5, 9, 30), "2026-12-05 09:30:00"),  # noqa: DTZ001  # a sheet knows no zones
    (dt.time(9, 30), "09:30:00"),
]


@pytest.mark.parametrize(("cell", "text"), CELLS)
def test_a_text_has_its_cells_as_people_see_them(
    exosms: Shell, exotel: FaultyExotel, cell: object, text: str
) -> None:
    result = bulk(exosms, exotel, written(["to", "x"], [9876543210, cell]), "--body", "<{x}>")
    assert (result.exit_code, texts(exotel)) == (0, [("+919876543210", f"<{text}>")]), result.stderr


def test_a_text_has_its_numbers_as_their_formats_show_them(exosms: Shell, exotel: FaultyExotel) -> None:
    result = bulk(exosms, exotel, formatted(0.15, "0%"), "--body", "{x} off")
    assert (result.exit_code, texts(exotel)) == (0, [("+919876543210", "15% off")]), result.stderr


UNCALCULATED = {
    "XLSX": written(HEAD, [9876543210, "Asha", "=A2*2"]),
    "ODS": ods(
        ods_row(*map(ods_text, HEAD))
        + ods_row(ods_number(9876543210), ods_text("Asha"), '<table:table-cell table:formula="of:=1"/>')
    ),
    "XLS": old(HEAD, [9876543210, "Asha", xlwt.Formula("A2*2")]),
    "XLS of LibreOffice": with_zeros(old(HEAD, [9876543210, "Asha", xlwt.Formula('"A"&A2')]), writer=b"Calc"),
    "XLS of PhpSpreadsheet": with_zeros(old(HEAD, [9876543210, "Asha", xlwt.Formula('"A"&A2')]), flags=3),
}
DAMAGED = (
    "The cell '#UNCALCULATED!' is damaged: its formula has no stored value;"
    " open the file in Excel or LibreOffice and save it as .xlsx\n"
)


@pytest.mark.parametrize("content", UNCALCULATED.values(), ids=UNCALCULATED)
def test_a_formula_that_was_never_calculated_goes_out_as_nothing_to_nobody(
    exosms: Shell, exotel: FaultyExotel, content: bytes
) -> None:
    result = bulk(exosms, exotel, content, *BODY, "--allow-empty")
    assert (result.exit_code, texts(exotel)) == (3, [])
    assert f"line 2, column order: {DAMAGED}" in result.stderr
    assert bulk(exosms, exotel, content, "--body", "Dear {name}").exit_code == 0  # and harms nothing elsewhere


@pytest.mark.parametrize("head", ["to", "from", "custom_field"])
def test_no_option_sends_to_or_for_what_was_never_calculated(exosms: Shell, exotel: FaultyExotel, head: str) -> None:
    content = written([head, "mobile", "body"], ["=B2", 9876543210, "Hello"])
    argv = ("--allow-empty", "--allow-damaged", "--to-column", "to" if head == "to" else "mobile")
    result = bulk(exosms, exotel, content, *argv)
    assert (result.exit_code, texts(exotel)) == (3, [])
    assert f"line 2, column {head}: {DAMAGED}" in result.stderr


NUMBERS: list[tuple[object, str | None]] = [
    (9876543210, "+919876543210"),
    (9876543210.0, "+919876543210"),
    (919876543210, "+919876543210"),
    ("98765 43210", "+919876543210"),
    ("'9876543210", "+919876543210"),
    ("+14155552671", "+14155552671"),
    ("=9876543210", None),  # a formula that was never calculated has no value
    (9876543210.5, None),
    (98765432101234567890.0, None),
    (dt.date(2026, 12, 5), None),
    (True, None),
]


@pytest.mark.parametrize(("cell", "number"), NUMBERS)
def test_a_number_is_taken_whole_or_not_at_all(
    exosms: Shell, exotel: FaultyExotel, cell: object, number: str | None
) -> None:
    result = bulk(exosms, exotel, written(["Mobile", "body"], [cell, "Hello"]), "--to-column", "mobile")
    if number:
        assert (result.exit_code, texts(exotel)) == (0, [(number, "Hello")]), result.stderr
    else:
        assert (result.exit_code, texts(exotel)) == (3, [])
        assert "line 2, column Mobile: " in result.stderr


def test_an_id_that_was_rounded_is_never_taken(exosms: Shell, exotel: FaultyExotel) -> None:
    for number in ("1107160000000012345", "1.1071600000000123E18"):
        sheet = sheet_of(
            '<row r="1"><c t="str"><v>to</v></c><c t="str"><v>body</v></c><c t="str"><v>dlt_template_id</v></c></row>'
            f'<row r="2"><c><v>9876543210</v></c><c t="str"><v>Hello</v></c><c><v>{number}</v></c></row>'
        )
        result = bulk(exosms, exotel, xlsx(sheet))
        assert (result.exit_code, texts(exotel)) == (3, [])
        assert (
            "line 2, column dlt_template_id: The DLT template id '1.10716000000001E+18' is not valid" in result.stderr
        )


FIRST_ROW = f'<row r="1">{inline("A1", "to")}{inline("B1", "body")}</row>'
A_ROW = f'<row r="{{0}}">{inline("A{0}", "9876543210")}{inline("B{0}", "{1}")}</row>'
UNREADABLE = [
    (FIRST_ROW + A_ROW.format(2, "a") + A_ROW.format(2, "b"), "row 2 stands behind row 2"),
    (FIRST_ROW + A_ROW.format(3, "a") + A_ROW.format(2, "b"), "row 2 stands behind row 3"),
    (FIRST_ROW + A_ROW.format(2, '<![CDATA[<c r="XFD1048576" t="e">hi]]>'), "CDATA"),
    (FIRST_ROW + A_ROW.format(2, '<![CDATA[<c r="C9" t="e">hi]]>'), "CDATA"),
]


@pytest.mark.parametrize(("rows", "said"), UNREADABLE)
def test_a_sheet_that_would_lose_or_change_a_text_is_refused(
    exosms: Shell, exotel: FaultyExotel, rows: str, said: str
) -> None:
    result = bulk(exosms, exotel, xlsx(sheet_of(rows)))
    assert (result.exit_code, texts(exotel)) == (3, [])
    assert said in result.stderr


FIRST_ODS_ROW = ods_row(ods_text("to"), ods_text("body"))
BEYOND = {
    "a row behind the last one": (
        ods_row(ods_gap(), repeated=1_048_574) + ods_row(ods_text("9876543210"), ods_text("Hello")),
        "row 1048577 is beyond the last row of a sheet",
    ),
    "a row that stands for more than there are": (
        ods_row(ods_text("9876543210"), ods_text("Hello"), repeated=999_999_999),
        "row 1000000001 is beyond the last row of a sheet",
    ),
    "a cell behind the last column": (
        ods_row(ods_text("9876543210"), ods_gap(16_383), ods_text("Hello")),
        "column 16385 is beyond the last column of a sheet",
    ),
}


@pytest.mark.parametrize(("rows", "said"), BEYOND.values(), ids=BEYOND)
def test_what_stands_beyond_the_end_of_a_sheet_is_not_passed_over(
    exosms: Shell, exotel: FaultyExotel, rows: str, said: str
) -> None:
    """The sound row is sent by a reader that drops the other in silence."""
    sound = ods_row(ods_text("9876543211"), ods_text("Hello"))
    result = bulk(exosms, exotel, ods(FIRST_ODS_ROW + sound + rows))
    assert (result.exit_code, texts(exotel)) == (3, [])
    assert said in result.stderr


def test_empty_rows_may_run_past_the_end_of_a_sheet(exosms: Shell, exotel: FaultyExotel) -> None:
    sound = ods_row(ods_text("9876543210"), ods_text("Hello"), ods_gap(999_999_999))
    result = bulk(exosms, exotel, ods(FIRST_ODS_ROW + sound + ods_row(ods_gap(16_384), repeated=999_999_999)))
    assert (result.exit_code, texts(exotel)) == (0, [("+919876543210", "Hello")]), result.stderr


def test_a_row_that_is_there_is_there_at_least_once(exosms: Shell, exotel: FaultyExotel) -> None:
    """As spreadsheets take a row that says it stands for none, and a cell."""
    row = ods_row(ods_text("9876543210", 0), ods_text("Hello"), repeated=0)
    result = bulk(exosms, exotel, ods(FIRST_ODS_ROW + row))
    assert (result.exit_code, texts(exotel)) == (0, [("+919876543210", "Hello")]), result.stderr


def test_a_wide_row_that_stands_for_a_million_is_counted_once(exosms: Shell, exotel: FaultyExotel) -> None:
    """Counted by its cells it took longer than its reader may."""
    row = ods_row(ods_text("") * 16_000).replace(
        "<table:table-row", '<table:table-row table:number-rows-repeated="1000000"', 1
    )
    result = bulk(exosms, exotel, ods(ods_row(ods_text("to"), ods_text("body")) + row))
    assert (result.exit_code, texts(exotel)) == (3, [])
    assert "a sheet of 1000001 rows and 16000 columns is larger than 5000000 cells" in result.stderr


def test_lines_are_the_rows_of_the_sheet(exosms: Shell, exotel: FaultyExotel) -> None:
    content = written(B3="to", D3="body", B4="9876543210", D4="a", B7="12", D7="b", B9=" ", G9=" ", B10=9876543211)
    result = bulk(exosms, exotel, content, "--json")
    assert [(row["row"], row["line"], row["column"], row["value"]) for row in result.json["problems"]] == [
        (2, 7, "to", "12"),
        (3, 10, "body", ""),
    ]
    assert bulk(exosms, exotel, content, "--skip-invalid", "--results", str(exosms.home / "out.csv")).exit_code == 10
    assert [line.split(",")[:3] for line in (exosms.home / "out.csv").read_text().splitlines()[1:]] == [
        ["1", "4", "+919876543210"],
        ["2", "7", "12"],
        ["3", "10", "9876543211"],
    ]


def test_a_cell_beside_the_table_is_not_passed_over(exosms: Shell, exotel: FaultyExotel) -> None:
    for place, column in (("C2", 3), ("G2", 7)):
        result = bulk(exosms, exotel, written(["to", "body", "", "note"], [9876543210, "a"], **{place: "call first"}))
        assert (result.exit_code, texts(exotel)) == (3, [])
        assert f"column {column} has no name, but line 2 has 'call first' there" in result.stderr


def test_dates_are_told_with_their_column_if_a_text_has_them(exosms: Shell, exotel: FaultyExotel) -> None:
    day = dt.date(2026, 12, 5)
    content = written(
        ["to", "due", "born"], [9876543210, day, day], [9876543211, day, day], [9876543212, "today", day]
    )
    result = bulk(exosms, exotel, content, "--body", "Due {due}", "-n")
    assert (
        "warning: the column 'due' holds dates, which are written as 2026-12-31; for another form use"
        in result.stderr
    )
    assert "born" not in result.stderr.replace("columns that are not used: born", "")


def test_times_are_told_as_times(exosms: Shell, exotel: FaultyExotel) -> None:
    day, noon, both = dt.date(2026, 12, 5), dt.time(12, 0), dt.datetime(2026, 12, 5, 9)  # noqa: DTZ001
    content = written(["to", "due", "at", "both"], [9876543210, day, noon, noon], [9876543211, day, noon, both])
    result = bulk(exosms, exotel, content, "--body", "{due} {at} {both}", "-n")
    days = "dates, which are written as 2026-12-31", "dd-mm-yyyy"
    times = "times, which are written as 14:30:00", "h:mm AM/PM"
    for column, (told, form) in (("due", days), ("at", times), ("both", days)):
        remedy = f'for another form use a column with =TEXT(A2,"{form}") (2 rows)'
        assert f"warning: the column {column!r} holds {told}; {remedy}\n" in result.stderr


def several() -> bytes:
    book = Workbook()
    for name, number in (("Old", 9876543219), ("June & July", 9876543210)):
        sheet = book.create_sheet(name)
        sheet.append(HEAD)
        sheet.append([number, *ROW[1:]])
    book.remove(book["Sheet"])
    return saved(book)


def test_a_sheet_is_chosen_by_its_name(exosms: Shell, exotel: FaultyExotel) -> None:
    result = bulk(exosms, exotel, several(), *BODY, "--sheet", "June & July")
    assert (result.exit_code, texts(exotel)) == (0, SENT)
    assert "sheet" not in result.stderr
    first = bulk(exosms, exotel, several(), *BODY)
    assert (first.exit_code, len(texts(exotel))) == (0, 2)
    assert "warning: only its first sheet 'Old' is read; --sheet reads another one: June & July\n" in first.stderr


SPREADSHEET = "Open it in a spreadsheet, save it as XLSX or CSV UTF-8 and use that file."
ELSEWHERE = "Export the list as CSV UTF-8 or XLSX and use that file."
UNPACKED = "Unpack it and use the file in it."
AS_CSV = "Open it in a spreadsheet, save the sheet as CSV UTF-8 and use that file."
NO_TABLES = {
    "HTML": (b"\r\n<html><table><tr><td>to</td></tr></table>", "is HTML or XML", SPREADSHEET),
    "HTML in UTF-16": ("\ufeff<table>".encode("utf-16-le"), "is HTML or XML", SPREADSHEET),
    "XML of Excel 2003": (b'\xef\xbb\xbf<?xml version="1.0"?><Workbook/>', "is HTML or XML", SPREADSHEET),
    "MHTML": (b"MIME-Version: 1.0\r\n", "is a web page (MHTML)", SPREADSHEET),
    "SYLK": (b"ID;PWXL;N;E\n", "is SYLK", SPREADSHEET),
    "BIFF4": (b"\t\4\6\0\0\0\x10\0\0\0to", "is BIFF of Excel 95 or older", SPREADSHEET),
    "BIFF5": (KINDS["XLS"].replace(b"\t\x08\x10\0\0\6", b"\t\x08\x10\0\0\5"), "it is of Excel 95 or older", AS_CSV),
    "PDF": (b"%PDF-1.4\n%\xe2\xe3", "is a PDF", ELSEWHERE),
    "RTF": (b"{\\rtf1 to,name}", "is a document (RTF)", ELSEWHERE),
    "JSON": (b'[\n {"to": "9876543210"}]', "is JSON", ELSEWHERE),
    "JSON lines": (b'{"to": "9876543210"}\n', "is JSON", ELSEWHERE),
    "gzip": (gzip.compress(b"to,name\n"), "is an archive (gzip)", UNPACKED),
    "a CSV in an archive": (packed(**{"list.csv": b"to"}), "to be unpacked first, with 'list.csv'", AS_CSV),
    "Numbers": (packed(**{"Index/Document.iwa": b"x"}), "it is a document of Numbers", AS_CSV),
    "half of a workbook": (KINDS["XLSX"][:3000], "it is damaged, or its end is missing", AS_CSV),
}


@pytest.mark.parametrize(("content", "said", "remedy"), NO_TABLES.values(), ids=NO_TABLES)
def test_what_is_no_table_is_named(
    exosms: Shell, exotel: FaultyExotel, content: bytes, said: str, remedy: str
) -> None:
    for result in (
        bulk(exosms, exotel, content, *BODY),
        exosms("check-template", "--text", "Hi {#var#}", "--csv", "-", stdin=content),
    ):
        assert (result.exit_code, exotel.deeds) == (3, {})
        error, advice = result.stderr.splitlines()
        assert error.startswith("exosms: error: ")
        assert said in error
        assert advice == f"  {remedy}"


@pytest.mark.parametrize("head", ["[to],name", "(to),name", "to<,name", "ID,to,name"])
def test_a_header_that_begins_strangely_is_one(exosms: Shell, exotel: FaultyExotel, head: str) -> None:
    result = bulk(exosms, exotel, f"{head}\n".encode(), "--body", "Hi {name}")
    assert "neither a CSV nor a workbook" not in result.stderr


def behind_another(kind: str) -> bytes:
    """Return a workbook whose first tab is hidden, or a chart."""
    book, older = Workbook(), xlwt.Workbook()
    old_row: list[Any] = [9876543219, "Old", 1]
    for name in ("Before", "People"):
        sheet, older_sheet = book.create_sheet(name), older.add_sheet(name)
        for place, row in enumerate((HEAD, ROW if name == "People" else old_row)):
            sheet.append(row)
            for column, cell in enumerate(row):
                older_sheet.write(place, column, cell)
    book.remove(book.worksheets[0])
    if kind == "chart":
        book.remove(book["Before"])
        book.create_chartsheet("Before", 0).add_chart(BarChart())
    elif kind != "XLS":
        book["Before"].sheet_state = kind
    older.get_sheet(0).visibility = 1
    if kind == "ODS":
        head = ods_row(*map(ods_text, HEAD))
        tables = [head + ods_row(*(ods_text(str(cell)) for cell in row)) for row in (old_row, ROW)]
        return ods(*tables, hidden=[1])
    return saved(older) if kind == "XLS" else saved(book)


@pytest.mark.parametrize("kind", ["hidden", "veryHidden", "chart", "XLS", "ODS"])
def test_the_first_sheet_is_the_first_that_people_see(exosms: Shell, exotel: FaultyExotel, kind: str) -> None:
    result = bulk(exosms, exotel, behind_another(kind), *BODY)
    assert (result.exit_code, texts(exotel)) == (0, SENT), result.stderr
    first, other = ("T2", "T1") if kind == "ODS" else ("People", "Before")
    assert f"only its first sheet {first!r} is read; --sheet reads another one: {other}\n" in result.stderr


def hiding(*rows: int) -> dict[str, bytes]:
    """Return workbooks of three people, of which these rows are not shown."""
    people: list[list[Any]] = [[*HEAD], *([9876543210 + number, "Asha", 17] for number in range(3))]
    book = Workbook()
    older = xlwt.Workbook()
    sheet, older_sheet = book.active, older.add_sheet("S")
    assert sheet is not None
    tables = ""
    for number, row in enumerate(people, start=1):
        sheet.append(row)
        for column, cell in enumerate(row):
            older_sheet.write(number - 1, column, cell)
        tables += ods_row(*(ods_text(str(cell)) for cell in row))
        if number in rows:
            sheet.row_dimensions[number].hidden = True
            older_sheet.row(number - 1).hidden = True
            head, tag, tail = tables.rpartition("<table:table-row ")
            tables = f'{head}{tag}table:visibility="filter" {tail}'
    return {"XLSX": saved(book), "XLS": saved(older), "ODS": ods(tables)}


@pytest.mark.parametrize("kind", ["XLSX", "XLS", "ODS"])
@pytest.mark.parametrize(
    ("rows", "said"),
    [((3,), "a row (line 3)"), ((2, 4), "2 rows (lines 2, 4)"), ((1,), None), ((), None)],
)
def test_rows_that_a_sheet_hides_are_told(
    exosms: Shell, exotel: FaultyExotel, kind: str, rows: tuple[int, ...], said: str | None
) -> None:
    result = bulk(exosms, exotel, hiding(*rows)[kind], *BODY)
    assert (result.exit_code, len(texts(exotel))) == (0, 3), result.stderr
    told = f"exosms: warning: the sheet hides {said}, read like all others; delete what is not meant\n"
    assert (told in result.stderr) if said else ("hides" not in result.stderr)


def test_a_hidden_row_is_told_where_a_stray_cell_stands_far_off(exosms: Shell, exotel: FaultyExotel) -> None:
    row = '<row r="{0}"{1}>{2}</row>'.format
    head = row(1, "", inline("A1", "to") + inline("B1", "name") + inline("C1", "order"))
    people = (
        row(
            n,
            ' hidden="true"' if n == 300 else "",
            f"<c r='A{n}'><v>9876543{n}</v></c>" + inline(f"B{n}", "A") + inline(f"C{n}", "1"),
        )
        for n in (299, 300)
    )
    content = xlsx(sheet_of(head + "".join(people) + row(1048576, "", inline("XFD1048576", " "))))
    result = bulk(exosms, exotel, content, *BODY)
    assert (result.exit_code, len(texts(exotel))) == (0, 2), result.stderr
    assert "the sheet hides a row (line 300)" in result.stderr


def bomb() -> bytes:
    """Return a small workbook that unpacks to more than is allowed, with few tags: each takes its time."""
    stream = io.BytesIO(xlsx(sheet_of(""), b"<sst/>"))
    with zipfile.ZipFile(stream, "a", zipfile.ZIP_DEFLATED) as archive, archive.open("xl/more.xml", "w") as part:
        for _ in range(2 * 257):
            part.write(b"<row/>".ljust(1 << 19))
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "argv", "said"),
    [
        (several(), ("--sheet", "june"), "people.csv has no sheet 'june'"),
        (several(), ("--sheet", "june"), "Its sheets are: Old, June & July."),
        (several(), ("--sheet", ""), "has no sheet ''"),
        (KINDS["CSV"], ("--sheet", "Old"), "is no workbook, so it has no sheet 'Old'"),
        (written(), (), "people.csv is empty"),
        (written(HEAD), (), "has a header but no rows"),
        (KINDS["XLSX"][:-30], (), "cannot be read as a workbook"),
        (KINDS["XLS"][:600], (), "cannot be read as a workbook"),
        (bomb, (), "unpack to more than 256 MiB"),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
            (),
            "protected with a password",
        ),
        (lambda: b"PK\x03\x04" + bytes(17 << 20), (), "is larger than 16 MiB"),
        (written(["to", "to"], [9876543210, 9876543210]), (), "two columns are called 'to' and 'to'"),
    ],
)
def test_what_refuses_a_workbook_sends_nothing(
    exosms: Shell, exotel: FaultyExotel, content: bytes | Callable[[], bytes], argv: tuple[str, ...], said: str
) -> None:
    result = bulk(exosms, exotel, content if isinstance(content, bytes) else content(), *BODY, *argv)
    assert (result.exit_code, result.stdout, texts(exotel)) == (3, "", [])
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_a_workbook_that_grows_while_it_is_read_is_refused(
    exosms: Shell, exotel: FaultyExotel, monkeypatch: pytest.MonkeyPatch
) -> None:
    from exosms.tables import table_file

    path = exosms.home / "people.xlsx"
    read = table_file._read

    def growing(*args: Any) -> bytes:
        with path.open("ab") as file:
            file.write(b"\0")
        return read(*args) if path.stat().st_size < len(KINDS["XLSX"]) + 3 else b""

    monkeypatch.setattr(table_file, "_read", growing)
    result = bulk(exosms, exotel, KINDS["XLSX"], *BODY, name="people.xlsx")
    assert (result.exit_code, texts(exotel)) == (3, [])
    assert "it was written to while it was read" in result.stderr


def test_a_run_that_was_begun_with_a_sheet_goes_on_without_it(exosms: Shell, exotel: FaultyExotel) -> None:
    content = written(["to", "body"], *([9876500000 + n, "Hello"] for n in range(5)))
    assert bulk(exosms, exotel, content, "--limit", "2", "--run", "june").exit_code == 0
    (exosms.home / "people.csv").unlink()
    env = {**ACCOUNT, "EXOSMS_BASE_URL": exotel.url}
    assert exosms("runs", "resume", "june", "--yes", env=env).exit_code == 0
    assert texts(exotel) == [(f"+91987650000{n}", "Hello") for n in range(5)]


MEMORY = """
import resource, sys
from exosms.cli.app import main
code = main(sys.argv[1:])
most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(most, file=sys.stderr)
sys.exit(code)
"""


def test_a_large_sheet_takes_little_memory(exosms: Shell, tmp_path: Path) -> None:
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.append(HEAD)
    for number in range(30_000):
        sheet.append([9000000000 + number, f"Customer {number}", number])
    path = tmp_path / "large.xlsx"
    book.save(path)
    argv = ("bulk", str(path), *BODY, "--region", "sandbox", "--from", "ACMEIN", "-n", "--json")
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, *argv], capture_output=True, text=True, env=exosms.full_env(), check=True
    )
    assert json.loads(done.stdout)["plan"]["messages"] == 30_000
    assert int(done.stderr.splitlines()[-1]) < 200 * 2**20
