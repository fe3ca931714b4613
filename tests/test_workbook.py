"""A sheet is read as people see it, and whatever a workbook holds, it is read or refused within bounds."""

import datetime as dt
import io
import json
import os
import re
import select
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import xlwt
from openpyxl import Workbook
from openpyxl.styles.numbers import BUILTIN_FORMATS
from workbooks import (
    BOOK,
    RELATIONS,
    formatted,
    inline,
    ods,
    ods_gap,
    ods_row,
    ods_text,
    old,
    old_formatted,
    packed,
    saved,
    sheet_of,
    with_zeros,
    written,
    xlsx,
)

from exosms.errors import ExitCode, InputError
from exosms.tables import sheet as sheets
from exosms.tables import workbook, workbook_archive
from exosms.tables.damaged_numbers import Damage, damage
from exosms.tables.workbook import is_workbook, open_sheet
from exosms.tables.workbook_archive import WorkbookError
from exosms.tables.xlsx import Xlsx

Cells = list[tuple[int, list[str]]]


def read(content: bytes, sheet: int | str = 0) -> Cells:
    """Return the rows as the program reads them."""
    with open_sheet(content, "a file", sheet=sheet) as records:
        return [(record.line, [*record.cells]) for record in records]


def in_process(content: bytes, sheet: int | str = 0) -> list[tuple[int, Sequence[str], str]]:
    """Return the rows without a process of their own."""
    return [(row.number, row.cells, row.kinds) for row in sheets.read_sheet(content, sheet)[1]]


def shown(content: bytes) -> Cells:
    """Return the rows as the program reads them, without a process of their own."""
    return [(number, [*cells]) for number, cells, _ in in_process(content)]


NOW = dt.datetime(2026, 11, 26, 9, 5, 7)  # noqa: DTZ001  # a sheet knows no zones
SEEN: list[tuple[Any, str, str]] = [
    ("Asha", "Asha", "t"),
    (" नमस्ते\n😀 ", " नमस्ते\n😀 ", "t"),
    ("0012", "0012", "t"),
    ("x" * 32767, "x" * 32767, "t"),
    (7, "7", "n"),
    (-7.0, "-7", "n"),
    (1.5, "1.5", "n"),
    (0.1 + 0.2, "0.3", "n"),
    (919876543210, "919876543210", "n"),
    (10**15 - 1, "999999999999999", "n"),
    (10**15, "1E+15", "n"),
    (2**53, "9.00719925474099E+15", "n"),
    (1e-7, "0.0000001", "n"),
    (1e-20, "1.00000000000000E-20", "n"),
    (NOW, "2026-11-26 09:05:07", "d"),
    (NOW.date(), "2026-11-26", "d"),
    (NOW.time(), "09:05:07", "d"),
    (dt.timedelta(hours=30, minutes=5), "30:05:00", "d"),
    (-dt.timedelta(hours=1, minutes=30), "-01:30:00", "d"),
    (True, "TRUE", "b"),
    (False, "FALSE", "b"),
]


@pytest.mark.parametrize(("value", "text", "kind"), SEEN)
def test_a_cell_is_text_as_people_see_it(value: object, text: str, kind: str) -> None:
    assert in_process(written([value])) == [(1, [text], kind)]


@pytest.mark.parametrize(
    ("value", "text", "kind"),
    [("Asha", "Asha", "t"), (7, "7", "n"), (1.5, "1.5", "n"), (True, "TRUE", "b"), (NOW.date(), "2026-11-26", "d")],
)
def test_so_is_a_cell_of_an_old_workbook(value: object, text: str, kind: str) -> None:
    assert in_process(old([value])) == [(1, [text], kind)]


ODS_CELLS = [
    ('office:value-type="float" office:value="919876543210"', "919876543210", "n"),
    ('office:value-type="float" office:value="1.5"', "1.5", "n"),
    ('office:value-type="date" office:date-value="2026-11-26"', "2026-11-26", "d"),
    ('office:value-type="date" office:date-value="2026-11-26T09:05:07"', "2026-11-26 09:05:07", "d"),
    ('office:value-type="time" office:time-value="PT09H05M07S"', "09:05:07", "d"),
    ('office:value-type="time" office:time-value="PT09H05M07.123456789S"', "09:05:07", "d"),
    *(
        (f'office:value-type="time" office:time-value="{duration}"', "#N/A", "t")
        for duration in ("PT36H05M00S", "PT24H00M00S", "-PT01H30M00S", "P1DT2H", "PT9H5M")
    ),
    ('office:value-type="date" office:date-value="-0044-03-15"', "#N/A", "t"),
    ('office:value-type="boolean" office:boolean-value="true"', "TRUE", "b"),
    ('office:value-type="string" office:string-value="Asha"', "Asha", "t"),
    ('office:value-type="string" office:string-value="" calcext:value-type="error"', "#N/A", "t"),
    ('table:formula="of:=1&gt;0" office:value-type="float" office:value="3"', "3", "n"),
    ('table:formula="of:=A1" office:value-type="string"', "#N/A", "t"),
    ('table:formula="of:=A1"', "#UNCALCULATED!", "t"),
    ('table:formula="of:=A1" office:value-type="float"', "#UNCALCULATED!", "t"),
    # As LibreOffice writes what it calculated, and shows as the whole second:
    ('office:value-type="time" office:time-value="PT09H59M59.999999999S"', "10:00:00", "d"),
    ('office:value-type="date" office:date-value="2026-11-26T23:59:59.999999999"', "2026-11-27 00:00:00", "d"),
    ('office:value-type="date" office:date-value="9999-12-31T23:59:59.999999999"', "9999-12-31 23:59:59", "d"),
]


@pytest.mark.parametrize(("attributes", "text", "kind"), ODS_CELLS)
def test_so_is_a_cell_of_open_document(attributes: str, text: str, kind: str) -> None:
    shown = text if kind == "n" else "#N/A"
    content = ods(ods_row(f"<table:table-cell {attributes}><text:p>{shown}</text:p></table:table-cell>"))
    assert in_process(content) == [(1, [text], kind)]


ODS_ERROR = f"<table:table-cell {ODS_CELLS[7][0]}><text:p>#N/A</text:p></table:table-cell>"
ACCOUNTS = '_("₹"* #,##0.00_);_("₹"* \\(#,##0.00\\);_("₹"* "-"??_);_(@_)'
LAKHS = '[>=10000000]"₹ "##\\,##\\,##\\,##0.00;[>=100000]"₹ "##\\,##\\,##0.00;"₹ "##,##0.00'
FORMATTED = [
    (0.15, "0%", "15%"),
    (0.155, "0.0%", "15.5%"),
    (0.155, "0%", "16%"),
    (-0.001, "0 %", "0 %"),
    (1200, '"₹"#,##0.00', "₹1,200.00"),
    (1200, "[$₹-4009] #,##0.00", "₹ 1,200.00"),
    (-1200, "[$₹-4009] #,##0;[Red]-[$₹-4009] #,##0", "-₹ 1,200"),
    (1200, ACCOUNTS, "₹1,200.00"),
    (-1200, ACCOUNTS, "₹(1,200.00)"),
    (0, ACCOUNTS, "₹-"),
    (1234567.5, LAKHS, "₹ 12,34,567.50"),
    (12345678.5, LAKHS, "₹ 1,23,45,678.50"),
    (99999, LAKHS, "₹ 99,999.00"),
    (-500.5, LAKHS, "-₹ 500.50"),
    # The second part is for all else where the first has a condition, so a sign stays, as in LibreOffice and others:
    (-500.5, "[>=100000]##\\,##\\,##0.00;##,##0.00", "-500.50"),
    (-500.5, '[>=100000]"₹"##\\,##\\,##0.00;"₹"##,##0.00', "-₹500.50"),
    (500.5, "[>=100000]##\\,##\\,##0.00;##,##0.00", "500.50"),
    (-5.5, '[>=0]0.0" Cr";0.0" Dr"', "5.5 Dr"),
    # What a part for negative numbers shows of the sign itself is not shown twice:
    (-123456, "[<=-10000000]-##\\,##\\,##\\,##0;[<=-100000]-##\\,##\\,##0;##,##0", "-1,23,456"),
    (-5.5, "[<=-10000000]-##\\,##\\,##\\,##0;[<=-100000]-##\\,##\\,##0;##,##0.0", "-5.5"),
    (-5.5, '[<0]("₹"0.00);"₹"0.00', "(₹5.50)"),
    (-150.5, '[<-100]"(low) "0.0;0.0', "-(low) 150.5"),
    (-5.5, "[<0]0.0;0", "-5.5"),
    (-5.5, '[<0]"Due "0.0;"Credit "0.0', "Due 5.5"),
    # Nor does a colour, which nobody sees in a text:
    (-1500.5, "#,##0.00;[Red]#,##0.00", "-1,500.50"),
    (-1500, '"₹"#,##0.00;[Red]"₹"#,##0.00', "-₹1,500.00"),
    (-5.5, '[>=0]"Rs. "0.0;[Red]"Rs. "0.0', "-Rs. 5.5"),
    (-5.5, '0.0;0.0-;"Nil"', "5.5-"),
    (-5.5, "0.0;;", "-5.5"),
    (-5.5, "0.0;0.0", "5.5"),
    (-5.5, "0.0;[Red](0.0)", "(5.5)"),
    # A condition that says of the second part what it is for says no more than that:
    (-5.5, '[>0]0.0" Cr";[<0]0.0" Dr";"Nil"', "5.5 Dr"),
    (-1200, '[>=0]#,##0" Cr";[<0]#,##0" Dr"', "1,200 Dr"),
    (5.5, '[>0]0.0" Cr";[<0]0.0" Dr";"Nil"', "5.5 Cr"),
    (0, '[>0]0.0" Cr";[<0]0.0" Dr";"Nil"', "Nil"),
    (-0.055, '[Green][>0]"▲"0.0%;[Red][<0]"▼"0.0%;0.0%', "▼5.5%"),
    (-5.5, '[>0]0.0" Cr";[<-100]0.0" Dr";0.0', "-5.5"),
    (-500.5, '[>0]0.0" Cr";[<-100]0.0" Dr";0.0', "-500.5 Dr"),
    (-5, '0" kg"', "-5 kg"),
    (1.5, '0.## "kg"', "1.5 kg"),
    (12, '{0"}"', "{12}"),
    (1500000, '0.0,,"M"', "1.5M"),
    (42, "00000", "00042"),
    (5, 'General" kg"', "5 kg"),
    (12.25, '"Rs. "General', "Rs. 12.25"),
    (-0.5, 'General"°C"', "-0.5°C"),
    (1, '[=1]General" day";General" days"', "1 day"),
    (7, '[=1]General" day";General" days"', "7 days"),
    (9876543210, "General;-General", "9876543210"),
    (1.5, "General0", "1.5"),
    (3, "000,000", "000,003"),
    (9876543210, "00000-00000", "98765-43210"),
    (100 / 3, "0.00", "33.33"),
    (1234.5, "#,##0.00", "1,234.50"),
    (1.005, "0.00", "1.01"),
    (0.5, "#.00", ".50"),
    (0.1, f"0.{'0' * 253}", f"0.1{'0' * 252}"),
    (10**15 - 1, "#" * 254 + "%", f"{10**15 - 1}00%"),
    (10**15 - 1, "0" + "%" * 254, f"{10**15 - 1}{'00' * 254}{'%' * 254}"),
    (0.1, f"0.{'0' * 254}", "0.1"),
    # What is whole has no more than its digits, whatever is bare:
    (1200, "0.00", "1200"),
    (9876543210, "#,##0", "9876543210"),
    (9876543210, "#,##0.00;[Red]-#,##0.00", "9876543210"),
    (-1200, "#,##0_);(#,##0)", "-1200"),
    # But not what is said in words of zero, or of negative numbers:
    (0, '0.00;-0.00;"Paid"', "Paid"),
    (0, '#,##0;-#,##0;"Nil"', "Nil"),
    (0, "0;-0;-", "0"),
    (-1200, '#,##0;#,##0" Dr"', "1,200 Dr"),
    (5, '[>=100]0;"few"', "few"),
    (9876543210, '0;-0;"Nil"', "9876543210"),
    (0, 'General;-General;"Paid"', "Paid"),
    (9876543210, 'General;-General;"Paid"', "9876543210"),
    (-5.5, 'General;-General;"Paid"', "-5.5"),
    (0, '[=1]"Yes";[=0]"No";General', "No"),
    (1, '[=1]"Yes";[=0]"No";General', "Yes"),
    (9876543210, '[=1]"Yes";[=0]"No";General', "9876543210"),
    (0.1 + 0.2, '[=1]"Yes";[=0]"No";General', "0.3"),
    (1234567, "[>=100000]##\\,##\\,##0;General", "12,34,567"),
    # What is not understood, or may be seen as something else by others:
    (0.5, "# ?/?", "0.5"),
    (12345, "0.00E+00", "12345"),
    (5, "@", "5"),
    (5, ";;", "5"),
]


@pytest.mark.parametrize(("number", "code", "text"), FORMATTED)
def test_a_number_is_shown_by_the_format_of_its_cell(number: float, code: str, text: str) -> None:
    for content in (formatted(number, code), old_formatted(number, code)):
        assert shown(content) == [(1, ["to", "x"]), (2, ["9876543210", text])]


@pytest.mark.parametrize(
    ("number", "code", "text"),
    [
        (-0.0625, "h:mm", "#NUM!"),
        (-400.25, "yyyy-mm-dd", "#NUM!"),
        (-1, "d/m/yy", "#NUM!"),
        (-0.0625, "[h]:mm", "-01:30:00"),
        (0, "dd-mm-yyyy", "1900-01-00"),
        (0, "mmmm", "1900-01-00"),
        (0, "[$-4009]d mmm yy h:mm;@", "1900-01-00"),
        (0.4375, "dd-mm-yyyy hh:mm", "1900-01-00 10:30:00"),
        (0.4375, "mmmm", "1900-01-00 10:30:00"),
        (0, "h:mm AM/PM", "00:00:00"),
        (0, '[h]:mm" days"', "00:00:00"),
        (1.5, "d/m/yy h:mm", "1900-01-01 12:00:00"),
        (-7, "General", "-7"),
        (-7, '0" days"', "-7 days"),
        (0.5, "h:mm", "12:00:00"),
    ],
)
def test_a_time_before_the_first_is_damaged_and_a_duration_has_its_sign(number: float, code: str, text: str) -> None:
    """A spreadsheet shows ``########`` of it, or day 0; calamine, half past ten at night, or midnight."""
    for content in (formatted(number, code), old_formatted(number, code)):
        assert shown(content) == [(1, ["to", "x"]), (2, ["9876543210", text])]


@pytest.mark.parametrize(
    ("number", "code", "text"),
    [
        (1 + 2 / 24, "h:mm", "02:00:00"),
        (1 + 2 / 24, "[$-F400]h:mm:ss\\ AM/PM", "02:00:00"),
        (1, "h:mm", "00:00:00"),
        (366.5, 'hh"h"mm', "12:00:00"),
        (1 + 2 / 24, "[h]:mm", "26:00:00"),
        (1 + 2 / 24, "d/m/yy h:mm", "1900-01-01 02:00:00"),
        (30, "mmm", "1900-01-30"),
        (46354.25, "h:mm", "2026-11-28 06:00:00"),
    ],
)
def test_a_time_past_midnight_is_one_of_the_next_day(number: float, code: str, text: str) -> None:
    """A sheet counts 22:00 and four hours as day 1, which its format does not show; ODS has no day there either."""
    for content in (formatted(number, code), old_formatted(number, code)):
        assert shown(content) == [(1, ["to", "x"]), (2, ["9876543210", text])]


@pytest.mark.parametrize(
    ("number", "identifier", "text"),
    [
        (0.15, 9, "15%"),
        (0.155, 10, "15.50%"),
        (1234.5, 37, "1,235"),
        (-1234.5, 39, "(1,234.50)"),
        (1234.5, 43, "1,234.50"),
        # Whose currency depends on who looks at them:
        (1234.5, 7, "1,234.50"),
        (1234.5, 44, "1,234.50"),
        (1200, 44, "1200"),
        (1234.4, 5, "1,234"),
        (0, 14, "1900-01-00"),
        (0, 22, "1900-01-00"),
        (0, 18, "00:00:00"),
        (1.25, 20, "06:00:00"),
        (1.25, 22, "1900-01-01 06:00:00"),
        (1.25, 46, "30:00:00"),
    ],
)
def test_a_format_without_a_code_of_its_own_is_one_that_all_programs_have(
    number: float, identifier: int, text: str
) -> None:
    content = formatted(number, BUILTIN_FORMATS[identifier])
    assert f'numFmtId="{identifier}"' in zipfile.ZipFile(io.BytesIO(content)).read("xl/styles.xml").decode()
    assert shown(content) == [(1, ["to", "x"]), (2, ["9876543210", text])]


def test_a_cell_that_does_not_name_its_place_has_its_format() -> None:
    with zipfile.ZipFile(io.BytesIO(formatted(0.15, "0%"))) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    parts[sheet] = re.sub(rb' r="[A-Z]*[0-9]+"', b"", parts[sheet])
    assert read(packed(**parts)) == [(1, ["to", "x"]), (2, ["9876543210", "15%"])]


def renamed(old_name: str, in_archive: str, in_relation: str) -> bytes:
    """Return a workbook of which a part has another name in the archive, in its relation or in both."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (["to", "share", "day"], [9876543210, 0.15, NOW.date()]):
        sheet.append(row)
    sheet["B2"].number_format = "0%"
    sheet.row_dimensions[2].hidden = True
    with zipfile.ZipFile(io.BytesIO(saved(book))) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts[in_archive] = parts.pop(old_name)
    relations = "xl/_rels/workbook.xml.rels"
    target = rb'"[^"]*%b"' % Path(old_name).name.encode()
    parts[relations] = re.sub(target, f'"{in_relation}"'.encode(), parts[relations])
    return packed(**parts)


SHEET_PART, STYLES_PART = "xl/worksheets/sheet1.xml", "xl/styles.xml"


@pytest.mark.parametrize(
    "names",
    [
        (SHEET_PART, "xl/worksheets/Sheet1.xml", "/xl/worksheets/sheet1.xml"),
        (SHEET_PART, SHEET_PART, "worksheets/SHEET1.xml"),
        (SHEET_PART, "xl/worksheets/SHEET1.XML", "worksheets/sheet1.xml"),
        (SHEET_PART, "xl\\worksheets\\sheet1.xml", "/xl/worksheets/sheet1.xml"),
        (STYLES_PART, "xl/Styles.xml", "styles.xml"),
        (STYLES_PART, STYLES_PART, "/XL/Styles.XML"),
    ],
)
def test_a_part_is_found_however_its_name_is_written(names: tuple[str, str, str]) -> None:
    [_, row] = sheets.read_sheet(renamed(*names), 0)[1]
    assert (row.cells, row.is_hidden) == (["9876543210", "15%", "2026-11-26"], True)


def test_a_sheet_with_a_name_that_no_program_gives_is_refused() -> None:
    with pytest.raises(WorkbookError, match=r"its part 'xl/worksheets/sheet1.bin' is not named like one of XML"):
        sheets.read_sheet(renamed(SHEET_PART, "xl/worksheets/sheet1.bin", "worksheets/sheet1.bin"), 0)


def test_a_part_that_calamine_does_not_find_makes_no_number_of_a_date() -> None:
    with pytest.raises(WorkbookError, match=r"its part 'xl/styles1.xml' is not where programs have it"):
        sheets.read_sheet(renamed(STYLES_PART, "xl/styles1.xml", "styles1.xml"), 0)


def test_a_format_stands_where_its_cell_does() -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in range(2, 3001):
        sheet[f"B{row}"] = 0.15
        sheet[f"B{row}"].number_format = "0%"
        sheet[f"XFD{row}"] = " "
    sheet["D7"] = 0.5
    rows = read(saved(book))
    assert (rows[0], len(rows)) == ((2, ["15%"]), 2999)
    assert rows[5] == (7, ["15%", "0.5"])


def test_what_open_document_shows_of_percents_and_money_is_its_text() -> None:
    cells = [
        f'<table:table-cell office:value-type="{kind}" office:value="{value}"><text:p>{text}</text:p>'
        "</table:table-cell>"
        for kind, value, text in (
            ("percentage", "0.155", "15.5%"),
            ("currency", "1200", "₹1,200.00"),
            ("float", "1200", "1,200.00"),
        )
    ]
    assert read(ods(ods_row(*cells))) == [(1, ["15.5%", "₹1,200.00", "1200"])]


def typed(kind: str, value: str, text: str, before: str = "") -> str:
    """Return a cell as LibreOffice writes it."""
    value = f' office:value="{value}"' if value else ""
    return (
        f'<table:table-cell{before} office:value-type="{kind}"{value} calcext:value-type="{kind}">'
        f"<text:p>{text}</text:p></table:table-cell>"
    )


def with_drawing(cell: str) -> str:
    """Return a cell with a picture and a box of text that are anchored to it."""
    box = "<draw:custom-shape><text:p>BOX</text:p><draw:line/></draw:custom-shape>"
    picture = "<draw:frame draw:name='/>'><draw:image><text:p/></draw:image></draw:frame>"
    return cell.replace("<text:p>", f"{picture}<text:p>").replace("</table:", f"<draw:g>{box}</draw:g></table:")


SAYS_SO = 'office:value-type="percentage" office:value="1"'
QUOTED_OTHERWISE = typed("percentage", "1", "1 %").replace('"', "'")
TIMES = tuple(
    typed("time", time, "36:05:00").replace("office:value=", "office:time-value=")
    for time in ("PT36H05M00S", "PT09H05M00S")
)
TYPELESS = tuple(
    f"<table:table-cell{attributes}>{note}<text:p>{text}</text:p></table:table-cell>"
    for attributes, note, text in (
        ("", "", "a"),
        (' table:style-name="c"', "<office:annotation> <text:p>N</text:p></office:annotation>", "b"),
        ("\n table:style-name='c' ", "\n", "17"),
    )
)
BLANKS_AROUND = (
    typed("string", "", "a").replace("<text:p>", " <text:p>"),
    '<table:table-cell office:value-type="string"> </table:table-cell>',
    typed("string", "", "b"),
)
EMPTY_FORMULA = '<table:table-cell table:formula="of:=IF([.A1]=1;1;&quot;&quot;)"><text:p/></table:table-cell>'
OFFICE_ROWS = [
    ((typed("string", "", "to"), typed("string", "", "due")), ["to", "due"]),
    ((typed("float", "9876543210", "9.9E9"), typed("percentage", "0.155", "15.5%")), ["9876543210", "15.5%"]),
    ((typed("currency", "12", "₹12.00"), '<table:table-cell table:style-name="c"/>'), ["₹12.00"]),
    ((typed("string", "", "a<text:s/> b<text:line-break/>c"), ods_gap(16383)), ["a  b\nc"]),
    ((typed("string", "", "A"), '<table:table-cell table:formula="of:=1"/>'), ["A", "#UNCALCULATED!"]),
    ((typed("string", "", "A"), EMPTY_FORMULA, typed("string", "", "C")), ["A", "", "C"]),
    ((typed("float", "7", "7", ' table:formula="of:=3&gt;4"'), ods_gap(), typed("float", "8", "8")), ["7", "", "8"]),
    ((typed("float", "7", "7"), "<table:table-cell/>", typed("float", "9", "9"), ods_gap(9)), ["7", "", "9"]),
    ((ods_gap(2), typed("float", "8", "8", ' table:number-columns-repeated="2"')), ["", "", "8", "8"]),
    ((QUOTED_OTHERWISE,), ["1 %"]),
    ((ODS_ERROR, typed("string", "", "B")), ["#N/A", "B"]),
    ((typed("string", "", SAYS_SO),), [SAYS_SO]),
    (BLANKS_AROUND, ["a", "", "b"]),
    (TIMES, ["36:05:00", "09:05:00"]),
    (TYPELESS, ["a", "b", "17"]),
    ((*TYPELESS[:1], "<table:table-cell></table:table-cell>", typed("float", "7", "7")), ["a", "", "7"]),
    ((typed("float", "42", "0042"), ods_gap(), typed("float", "17.456", "17.46")), ["0042", "", "17.46"]),
    ((typed("float", "42", "0042").replace('"', "'"),), ["0042"]),
    ((with_drawing(typed("string", "", "a")), with_drawing(typed("float", "7", "007"))), ["a", "007"]),
]


@pytest.mark.parametrize("between", ["", "\n  "])
@pytest.mark.parametrize("size", [100, 1 << 18])
def test_a_row_of_open_document_is_read_alike_however_it_is_written(
    monkeypatch: pytest.MonkeyPatch, between: str, size: int
) -> None:
    monkeypatch.setattr(workbook_archive, "_PIECE", size)
    rows = between.join(
        f"<table:table-row>{between}{between.join(cells)}{between}</table:table-row>" for cells, _ in OFFICE_ROWS
    )
    hidden = '<table:table-row table:visibility="collapse">' + typed("string", "", "H") + "</table:table-row>"
    read_rows = [*sheets.read_sheet(ods(rows + hidden, rows), 0)[1]]
    assert [row.cells for row in read_rows] == [*(cells for _, cells in OFFICE_ROWS), ["H"]]
    assert [row.number for row in read_rows if row.is_hidden] == [len(OFFICE_ROWS) + 1]


@pytest.mark.parametrize(
    ("value", "shown", "text"),
    [
        ("42", "0042", "0042"),
        ("42", "42 kg", "42 kg"),
        ("42", "<text:span>Rs</text:span><text:s/>42", "Rs 42"),
        ("1", "&lt;M&gt;", "<M>"),
        ("1234567", "1.2M", "1.2M"),
        ("1234567", "1,235", "1,235"),
        ("17.456789", "17,46", "17,46"),
        ("12.5", "12.50", "12.50"),
        ("0.5", "1/2", "1/2"),
        # The plain number, which may be a phone's:
        ("9876543210", "98765 43210", "9876543210"),
        ("9876543210", "9876543210.0", "9876543210"),
        ("9876543210", "9.9E9", "9876543210"),
        ("1200", "1,200.00", "1200"),
        ("-42", "(42)", "-42"),
        ("0", "-", "0"),
        # What nobody chose to see:
        ("0.30000000000000004", "0.30000000000000004", "0.3"),
        ("0.000012", "1.2E-05", "0.000012"),
        ("5.25", "###", "5.25"),
        ("5.25", "", "5.25"),
        ("1.10716E+18", "1107160000000000000", "1.10716E+18"),
    ],
)
def test_a_number_of_open_document_goes_out_as_people_see_it(value: str, shown: str, text: str) -> None:
    note = "<office:annotation><text:p>note</text:p></office:annotation>"
    cell = typed("float", value, shown)
    commented = cell.replace("<text:p>", f"{note}<text:p>", 1)
    assert in_process(ods(ods_row(cell, commented)))[0][1] == [text, text]


@pytest.mark.parametrize("drawing", ["<draw:g>", "</draw:g>", "</draw:g><draw:g>"])
def test_a_drawing_without_end_or_beginning_takes_no_rows_with_it(drawing: str) -> None:
    with pytest.raises(workbook_archive.WorkbookError, match=r"drawing .* no (end|beginning)"):
        in_process(ods(ods_row(ods_text("a") + drawing)))


def test_a_text_of_open_document_keeps_its_breaks_and_tabs_and_no_space_of_its_layout() -> None:
    cell = ods_text(
        "Dear A,<text:line-break/>your<text:tab text:tab-ref='1'/>order</text:p>\n  <text:p>has <text:s/>left."
    )
    assert in_process(ods(ods_row(cell)))[0][1] == ["Dear A,\nyour\torder\nhas  left."]
    indented = ods_text("\n\t  <text:span>Dear</text:span> \r\n   Asha,\n  <text:s/>bye \n ")
    assert in_process(ods(ods_row(indented, ods_text("x\ny"))))[0][1] == ["Dear Asha,  bye", "x y"]
    empty_lines = ods_text("Dear A,</text:p>\n  <text:p/>\n  <text:p text:style-name='P1'/>\n  <text:p>bye")
    noted = empty_lines.replace(
        "<text:p>Dear", "\n<office:annotation>\n<text:p>x</text:p>\n</office:annotation>\n <text:p>Dear"
    )
    assert in_process(ods(ods_row(empty_lines, noted)))[0][1] == ["Dear A,\n\n\nbye"] * 2
    with pytest.raises(workbook_archive.WorkbookError, match="CDATA"):
        in_process(ods(ods_row(ods_text("<![CDATA[a]]>"))))


def test_a_formula_is_its_stored_value_and_an_error_is_its_text() -> None:
    row = '<row r="1"><c r="A1"><f>1+1</f><v>2</v></c><c r="B1" t="str"><f>x</f><v>Asha</v></c>'
    row += "<c r='C1' t='e'><f>1/0</f><v>#DIV/0!</v></c><c t=\"e\" r=\"D1\"><v>#N/A</v></c></row>"
    row += "<row>" + inline("A2", 'a t="e" b &lt;c t="e">') + "</row>"
    assert read(xlsx(sheet_of(row))) == [(1, ["2", "Asha", "#DIV/0!", "#N/A"]), (2, ['a t="e" b <c t="e">'])]


FORMULA_CELLS = [
    ("<c r='B1'><f>A1</f></c>", False, "#UNCALCULATED!"),
    ('<c r="B1" s="1"><f>A1</f><v/></c>', False, "#UNCALCULATED!"),
    ('<c r="B1" t="str"><f>A1</f></c>', False, "#UNCALCULATED!"),
    ('<c r="B1" t="n"><f t="shared" si="0" />\n<v> </v></c>', False, "#UNCALCULATED!"),
    ('<x:c r="B1"><x:f>A1</x:f><x:v></x:v></x:c>', False, "#UNCALCULATED!"),
    ('<c r="B1" t="str"><f>A1</f><v></v></c>', True, ""),
    ('<c r="B1"><f>A1</f><v>0</v></c>', False, "0"),
    ('<c r="B1"><f>A1</f><v>0</v></c>', True, "#UNCALCULATED!"),
    ('<c r="B1" t="n"><f>A1</f><v>0.0</v></c>', True, "#UNCALCULATED!"),
    ('<c r="B1" t="n"><f>A1</f><v>0.5</v></c>', True, "0.5"),
    ('<c r="B1" t="b"><f>A1</f><v>0</v></c>', True, "FALSE"),
    ('<c r="B1" t="str"><f>A1</f><v>0</v></c>', False, "0"),
    ('<c r="B1" t="str"><f>A1</f><v>0</v></c>', True, "#UNCALCULATED!"),
    ('<c r="B1" t="str"><f>A1</f><v>00</v></c>', True, "00"),
    ('<x0:c r="B1" t="str"><x0:f>A1</x0:f><x0:v></x0:v></x0:c>', True, ""),
    ('<c r="B1"><f>A1</f><v>7</v></c>', True, "7"),
    ('<c r="B1"><v>0</v></c>', True, "0"),
]


@pytest.mark.parametrize(("cell", "is_to_be_calculated", "text"), FORMULA_CELLS)
def test_a_formula_without_a_value_is_none_that_is_empty(cell: str, is_to_be_calculated: bool, text: str) -> None:
    book = BOOK.replace(b"</sheets>", b'</sheets><calcPr fullCalcOnLoad="%d"/>' % is_to_be_calculated)
    row = f'<row r="1">{inline("A1", "a")}{cell}{inline("C1", "c")}</row>'
    sheet = sheet_of(row).replace(b"<worksheet>", b'<worksheet xmlns:x="x" xmlns:x0="x">')
    assert [cells for _, cells, _ in in_process(xlsx(sheet, book=book))] == [["a", text, "c"]]


def test_such_a_formula_is_found_wherever_a_sheet_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    row = '<row r="{0}"><c r="A{0}"><f>1+1</f><v/></c><c r="B{0}"><f>A{0}&lt;9</f><v>{0}</v></c></row>'
    content = xlsx(sheet_of("".join(map(row.format, range(1, 40)))))
    for size in (64, 113):
        monkeypatch.setattr(workbook_archive, "_PIECE", size)
        assert in_process(content) == [(n, ["#UNCALCULATED!", str(n)], "tn") for n in range(1, 40)]


def old_with_errors(*, rows: int) -> bytes:
    book = xlwt.Workbook()
    sheet, other = book.add_sheet("A"), book.add_sheet("B")
    other.row(0).set_cell_error(0, 0x17)
    for row in range(2, rows):
        sheet.write(row, 1, f"Customer {row}")
    for column, code in enumerate((0x00, 0x07, 0x0F, 0x17, 0x1D, 0x24, 0x2A), start=1):
        sheet.row(rows).set_cell_error(column, code)
    sheet.write(rows + 1, 2, True)
    sheet.write(rows + 2, 1, xlwt.Formula("1/0"))
    return saved(book).replace(b"\x03\0\0\0\0\0\xff\xff", b"\x02\0\x07\0\0\0\xff\xff")


@pytest.mark.parametrize("rows", [3, 5000])
def test_an_error_of_an_old_workbook_is_its_text(rows: int) -> None:
    content = old_with_errors(rows=rows)
    *_, customer, errors, truth, formula = in_process(content)
    assert customer == (rows, [f"Customer {rows - 1}"], "t")
    every = ["#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A"]
    assert errors == (rows + 1, every, "t" * 7)
    assert truth == (rows + 2, ["", "TRUE"], "tb")
    assert formula == (rows + 3, ["#DIV/0!"], "t")
    assert in_process(content, 1) == [(1, ["#REF!"], "t")]


def test_a_zero_of_a_formula_may_stand_for_a_text_in_an_old_workbook() -> None:
    content = old(["a", xlwt.Formula('"A"&A1'), 0, "c"])
    assert in_process(with_zeros(content, writer=b"Microsoft")) == [(1, ["a", "0", "0", "c"], "tnnt")]
    unknown = [(1, ["a", "#UNCALCULATED!", "0", "c"], "ttnt")]
    assert in_process(with_zeros(content, writer=b"Calc")) == unknown
    assert in_process(with_zeros(content, flags=3)) == unknown


@pytest.mark.parametrize("number", [2**53 + 2, 10**16, 1107160000000012345, 1.10716e18, -(2.0**60), 1e300])
def test_a_number_that_was_rounded_can_be_told(number: float) -> None:
    row = sheet_of(f'<row r="1"><c r="A1"><v>{number}</v></c></row>')
    [(_, [text], kind)] = in_process(xlsx(row))
    assert not text.isdigit()
    assert damage(text.removeprefix("-"), kind) is Damage.ROUNDED


def test_rows_have_the_numbers_that_the_spreadsheet_shows() -> None:
    expected: Cells = [(4, ["", "to", "", "body"]), (6, ["", "1", "", "a"])]
    assert read(written(B4="to", D4="body", B6="1", D6="a", A9=" ", C9="\t")) == expected
    assert read(old(), 0) == []
    assert read(old(to=(3, 1), body=(3, 3), a=(5, 3))) == [(4, ["to", "", "body"]), (6, ["", "", "a"])]
    lines = (ods_row(ods_gap(16384), repeated=3), ods_row(ods_gap(), ods_text("to"), ods_gap(), ods_text("body")))
    end = ods_row(ods_gap(16384), repeated=1048570)
    filled = ods_row(ods_gap(), ods_text("1", 2), ods_text("a"))
    assert read(ods("".join((*lines, ods_row(ods_gap()), filled, end)))) == [
        (4, ["to", "", "body"]),
        (6, ["1", "1", "a"]),
    ]


def test_parts_that_are_not_read_may_hold_anything() -> None:
    content = xlsx(sheet_of(f'<row r="1">{inline("A1", "Asha")}</row>'), b"<sst/>")
    for name in ("customXml/item1.xml", "docProps/app.xml"):
        stream = io.BytesIO(content)
        with zipfile.ZipFile(stream, "a") as archive:
            archive.writestr(name, '<a r="XFD1048577"/>'.encode("utf-16"))
        assert in_process(stream.getvalue()) == [(1, ["Asha"], "t")]


def test_a_workbook_may_stand_at_the_root_of_its_archive() -> None:
    """As the smallest ones do; what calamine can make of them is another matter."""
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    root = f'<R><Relationship Id="x" Target="/workbook.xml" Type="{office}/officeDocument"/></R>'.encode()
    content = packed(**{"_rels/.rels": root, "_rels/workbook.xml.rels": RELATIONS, "workbook.xml": BOOK})
    assert Xlsx(workbook_archive.Archive(content)).sheets() == ["S"]


def test_a_sheet_of_rows_without_cells_is_empty() -> None:
    book = Workbook()
    assert book.active is not None
    book.active.row_dimensions[3].height = 30
    assert read(saved(book)) == []


def test_a_text_that_speaks_of_places_is_a_text() -> None:
    text = '<row r="1048577"> r="ZZZ1" r="XFD1048576" t="e"'
    assert in_process(written([text], [text, 1])) == [(1, [text], "t"), (2, [text, "1"], "tn")]
    strings = b"<sst><si><t> r=\"XFD1048576\" <![CDATA[t='e']]></t></si></sst>"
    [(_, [text], _)] = in_process(xlsx(sheet_of('<row r="1"><c r="A1" t="s"><v>0</v></c></row>'), strings))
    assert 'r="XFD1048576"' in text


def test_a_sheet_is_found_by_its_name_or_place() -> None:
    book = Workbook()
    book.create_sheet("Numbers & names").append(["a"])
    content = saved(book)
    with open_sheet(content, "a file", sheet="Numbers & names") as records:
        assert (records.sheets, [record.cells for record in records]) == (["Numbers & names", "Sheet"], [["a"]])
    assert read(content, 1) == [(1, ["a"])]
    assert read(ods(ods_row(ods_text("a")), ods_row(ods_text("b"))), "T2") == [(1, ["b"])]
    with pytest.raises(InputError, match=r"^a file has no sheet 'sheet'; did you mean 'Sheet'\?$") as caught:
        read(content, "sheet")
    assert caught.value.remedy == "Its sheets are: Sheet, Numbers & names."
    assert read(written()) == []


# What a rectangle would cost.

ROWS = 3000
MEASURED = """
import json, resource, sys
from exosms.tables.workbook import open_sheet
with open_sheet(sys.stdin.buffer.read(), "a file") as records:
    rows = [(record.line, [*record.cells]) for record in records]
memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(json.dumps([len(rows), rows[:2], rows[-2:], memory]))
"""


def rows_with(last: str) -> str:
    """Return rows of two cells and one more, whose number is put in."""
    row = f'<row r="0">{inline("A0", "91")}{inline("B0", "a")}{last}</row>'
    return "".join(row.replace('0"', f'{number}"') for number in range(1, ROWS + 1))


NO_PLACES = '<row><c><v>91</v></c><c t="str"><v>a</v></c></row>'
FAR: dict[str, Callable[[], bytes]] = {
    "a blank in the last column": lambda: written(*[["91", "a"]] * ROWS, XFD1500=" "),
    "a blank in the last column of each row": lambda: xlsx(sheet_of(rows_with(inline("XFD0", " ")))),
    "a blank in the last place": lambda: written(*[["91", "a"]] * ROWS, XFD1048576=" "),
    "cells without a place": lambda: xlsx(sheet_of(NO_PLACES * ROWS + f"<row>{inline('XFD1048576', '')}</row>")),
    "cells that are only painted": lambda: xlsx(sheet_of(rows_with('<c s="1" r="XFD0"/>'))),
    "repeated columns and rows": lambda: ods(
        ods_row(ods_text("91"), ods_text("a"), ods_gap(16381), ods_text(" ")) * ROWS
        + ods_row(ods_gap(16384), repeated=1048576 - ROWS - 1)
        + ods_row(ods_gap(16383), ods_text(" ")),
        ods_row(ods_text("b", 16384), repeated=1048576),
    ),
    "the last column of an old sheet": lambda: old(*[["91", "a"]] * ROWS, **{" ": (1500, 255)}),
}


@pytest.mark.parametrize("content", FAR.values(), ids=FAR)
def test_a_stray_blank_costs_nothing(content: Callable[[], bytes]) -> None:
    done = subprocess.run([sys.executable, "-c", MEASURED], input=content(), capture_output=True, check=True)
    count, first, last, memory = json.loads(done.stdout)
    assert (count, first) == (ROWS, [[1, ["91", "a"]], [2, ["91", "a"]]])
    assert last == [[ROWS - 1, ["91", "a"]], [ROWS, ["91", "a"]]]
    assert memory < 200 * 2**20


def test_more_than_a_sheet_may_hold_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook_archive, "MOST_PLACES", 100)
    far = written(*[["91", "a"]] * 49, XFD60="a")
    assert len(in_process(written(*[["91", "a"]] * 30, XFD60="a"))) == 31
    with pytest.raises(workbook_archive.WorkbookError, match="a sheet of 50 rows and 3 columns is larger"):
        in_process(far)
    with pytest.raises(workbook_archive.WorkbookError, match="a sheet of 26 rows and 4 columns is larger"):
        in_process(ods(ods_row(ods_text("a", 4), repeated=26)))


@pytest.mark.parametrize("nothing", ["<text:p/>", '<text:p text:style-name="P1"></text:p>\n<text:p />'])
def test_cells_with_empty_paragraphs_are_empty(nothing: str) -> None:
    cells = f'<table:table-cell table:number-columns-repeated="16383">{nothing}</table:table-cell>'
    content = ods(ods_row(ods_text("a"), cells) + ods_row(cells, repeated=1048575))
    assert in_process(content) == [(1, ["a"], "t")]


def encrypted(content: bytes) -> bytes:
    """Return an archive whose parts say that they need a password."""
    marked = bytearray(content)
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = -1
        while (at := marked.find(signature, at + 1)) >= 0:
            marked[at + flags] |= 1
    return bytes(marked)


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)
PROTECTED = {
    "XLSX": OLE + "EncryptedPackage".encode("utf-16-le"),
    "XLS": old(["a"]).replace(b"\xe1\x00\x02\x00\xb0\x04", b"\x2f\x00\x02\x00\xb0\x04"),
    "ODS": ods(ods_row(ods_text("a")), manifest="<manifest:encryption-data/>"),
    "an archive": encrypted(written(["a"])),
}


@pytest.mark.parametrize("content", PROTECTED.values(), ids=PROTECTED)
def test_a_password_is_not_guessed(content: bytes) -> None:
    with pytest.raises(InputError, match=r"^a file is protected with a password$"):
        read(content)


DOCTYPE = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
GOOD = sheet_of('<row r="1"><c r="A1" t="s"><v>0</v></c></row>')
STRINGS = b"<sst><si><t>a</t></si></sst>"
UNREADABLE: dict[str, tuple[Callable[[], bytes], str]] = {
    "a broken archive": (lambda: b"PK\x03\x04rest", "it is damaged, or its end is missing"),
    "an archive of something else": (lambda: packed(a=b"b"), "it is an archive of something else"),
    "a broken old workbook": (lambda: OLE, "what is in it makes no sense"),
    "half an old workbook": (lambda: old(["a"])[:2000], ""),
    "broken XML": (lambda: xlsx(b"<worksheet><sheetData><row>"), ""),
    "two parts of one name": (
        lambda: packed(**{"_rels/.rels": b"<Relationships/>", "xl/a.xml": b"", "xl/A.xml": b""}),
        "it has two parts of one name",
    ),
    "relations of nothing": (
        lambda: packed(**{"_rels/.rels": b"<Relationships/>"}),
        "it is an archive of something else",
    ),
    "a string that is not there": (lambda: xlsx(GOOD), ""),
    "a cell beyond the last column": (
        lambda: xlsx(sheet_of('<row><c r="ZZZ1"><v>1</v></c></row>')),
        "'ZZZ' is not a column",
    ),
    "a cell beyond the last row": (
        lambda: xlsx(sheet_of('<row><c r="A1048577"><v>1</v></c></row>')),
        "row 1048577 is beyond",
    ),
    "entities that grow": (lambda: xlsx(DOCTYPE + b"<x>&b;</x>"), "it has a document type declaration"),
    "entities that grow, among the strings": (
        lambda: xlsx(GOOD, DOCTYPE + b"<sst><si><t>&b;</t></si></sst>"),
        "it has a document type declaration",
    ),
    "a sheet in UTF-16": (
        lambda: xlsx(GOOD.decode().encode("utf-16"), STRINGS),
        "its part xl/s.xml is not XML in UTF-8",
    ),
    "one endless text": (
        lambda: xlsx(b"<x>" + b" " * (2 << 20)),
        "its part xl/s.xml has more than 1 MiB between two tags, or in one",
    ),
    "padded with blanks": (
        lambda: xlsx(sheet_of(inline("A1", "to") + " " * (3 << 20))),
        "its part xl/s.xml has more than 1 MiB between two tags, or in one",
    ),
    "no tags at all": (lambda: xlsx(b"to,body\n" * 400_000), "its part xl/s.xml is not XML in UTF-8"),
    "a gigabyte in a nutshell": (lambda: xlsx(b"<x/>" * (65 << 20)), "its parts unpack to more than 256 MiB"),
    "gigabytes of spaces": (
        lambda: ods(ods_row(ods_text('<text:s text:c="4000000000"/>'))),
        "it has more than 67108864 spaces",
    ),
    "an endless cell": (
        lambda: ods(ods_row(ods_text("</text:p><text:p>" * 150_000))),
        "a cell in it has more than 1 MiB",
    ),
    "the last place of an old sheet": (lambda: old(["a"], b=(65535, 255)), "it needs too much memory or time"),
}


@pytest.mark.parametrize(("content", "said"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read_is_refused_in_one_sentence(content: Callable[[], bytes], said: str) -> None:
    with pytest.raises(InputError) as raised:
        read(content())
    assert raised.value.message.startswith(f"a file cannot be read as a workbook: {said}")
    assert "\n" not in raised.value.message
    assert raised.value.exit_code is ExitCode.INPUT


def test_what_a_reader_asks_for_beyond_its_memory_is_refused() -> None:
    """Strings are repeated by their number, which no look at the places finds."""
    cell = '<c t="s"><v>0</v></c>'
    content = xlsx(sheet_of(f"<row>{cell * 1000}</row>" * 100), f"<sst><si><t>{'x' * 32000}</t></si></sst>".encode())
    with pytest.raises(InputError, match="it needs too much memory"):
        read(content)


@pytest.mark.parametrize(
    ("end", "said"), [("kill -9 $$", "it needs too much memory or time"), ("yes", "its reader failed")]
)
def test_a_reader_that_ends_within_a_line_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, end: str, said: str
) -> None:
    """As one does that the system kills; and one that says something else, without an end, is not waited for."""
    reader = tmp_path / "reader"
    reader.write_text(
        f"""#!/bin/sh\ncat > {os.devnull}\nprintf '%s\\n' '["sheets", ["S"]]' '["rows", [[1, '\n{end}\n"""
    )
    reader.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(reader))
    with pytest.raises(InputError, match=said):
        read(written(["a"]))


def test_a_reader_that_cannot_start_or_fails_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(InputError, match="no process can be started"):
        read(written(["a"]))
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(InputError, match="its reader failed"):
        read(written(["a"]))


def test_a_file_is_told_by_its_content() -> None:
    assert all(map(is_workbook, (written(), old(), ods())))
    assert not any(map(is_workbook, (b"", b"to,body", b"PK,body", b"<html>")))


def test_a_file_that_is_too_large_is_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "LARGEST", 100)
    with pytest.raises(InputError, match="a file is larger than 0 MiB"):
        read(written(["a"]))


@pytest.mark.skipif(sys.platform != "linux", reason="other systems know no signal for a parent's death")
def test_a_reader_ends_with_whoever_reads_it() -> None:
    """A command that is killed cannot end it, and it may have two minutes of work before it."""
    reader = (
        "import sys, exosms.tables.workbook_child as it; it._end_with_parent(); print(flush=True); sys.stdin.read()"
    )
    script = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {reader!r}], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
sys.stdin.read()
"""
    parent = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    with open(parent.stdout.fileno(), "rb", closefd=False) as said:  # a descriptor, not a path
        child = int(said.readline())
    handle = os.pidfd_open(child)
    parent.kill()
    assert select.select([handle], [], [], 30)[0]
    os.close(handle)
    parent.communicate()


def test_a_sheet_that_nobody_goes_through_leaves_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []

    class Noted(subprocess.Popen[bytes]):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Noted)
    with open_sheet(written(*[["a"]] * 5000), "a file") as records:
        assert next(iter(records)).cells == ["a"]
    assert [process.returncode for process in started] == [-signal.SIGKILL]
