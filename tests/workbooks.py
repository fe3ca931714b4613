"""Workbooks: such as programs write, and by hand, with parts and cells as no program would write them."""

import datetime as dt
import io
import zipfile
from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import quoteattr

import xlwt
from openpyxl import Workbook

_TYPES = (
    b'<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    b'<Default Extension="xml" ContentType="application/xml"/></Types>'
)
_ROOT = (
    b'<Relationships><Relationship Id="x" Target="xl/workbook.xml"'
    b' Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"/></Relationships>'
)
XLSX_PARTS = "xl/_rels/workbook.xml.rels", "xl/workbook.xml", "xl/sharedStrings.xml", "xl/s.xml"
RELATIONS = (
    b'<Relationships><Relationship Id="a" Target="/xl/s.xml"'
    b' Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet"/></Relationships>'
)
BOOK = b'<workbook xmlns:r="r"><sheets><sheet name="S" r:id="a"/></sheets></workbook>'


def packed(**parts: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as book:
        for name, content in parts.items():
            book.writestr(name, content)
    return stream.getvalue()


def xlsx(sheet: bytes, strings: bytes | None = None, *, relations: bytes = RELATIONS, book: bytes = BOOK) -> bytes:
    """Return a workbook with one sheet, whose XML is given."""
    given = zip(XLSX_PARTS, (relations, book, strings, sheet), strict=True)
    fixed = {"[Content_Types].xml": _TYPES, "_rels/.rels": _ROOT}
    return packed(**fixed, **{name: part for name, part in given if part is not None})


def sheet_of(rows: str) -> bytes:
    return f"<worksheet><sheetData>{rows}</sheetData></worksheet>".encode()


def inline(reference: str, text: str) -> str:
    return f'<c r="{reference}" t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'


_STYLES = "".join(
    f'<style:style style:name="{name}" style:family="table">'
    f'<style:table-properties table:display="{name}"/></style:style>'
    for name in ("true", "false")
)


def ods(*tables: str, manifest: str = "", hidden: Sequence[int] = ()) -> bytes:
    """Return a workbook with these tables, T1 and so on, each the XML of its rows; those numbers are not shown."""
    spaces = "".join(
        f" xmlns:{name}={quoteattr(f'urn:oasis:names:tc:opendocument:xmlns:{name}:1.0')}"
        for name in ("office", "style", "table", "text", "draw", "calcext")
    )
    content = "".join(
        f'<table:table table:name="T{number}" table:style-name="{str(number not in hidden).lower()}">'
        f"{rows}</table:table>"
        for number, rows in enumerate(tables, start=1)
    )
    return packed(
        mimetype=b"application/vnd.oasis.opendocument.spreadsheet",
        **{
            "content.xml": (
                f"<office:document-content{spaces}><office:automatic-styles>{_STYLES}</office:automatic-styles>"
                f"<office:body><office:spreadsheet>"
                f"{content}</office:spreadsheet></office:body></office:document-content>"
            ).encode(),
            "META-INF/manifest.xml": f"<manifest>{manifest}</manifest>".encode(),
        },
    )


def ods_row(*cells: str, repeated: int = 1) -> str:
    return f'<table:table-row table:number-rows-repeated="{repeated}">{"".join(cells)}</table:table-row>'


def ods_text(text: str, repeated: int = 1) -> str:
    return (
        f'<table:table-cell office:value-type="string" table:number-columns-repeated="{repeated}">'
        f"<text:p>{text}</text:p></table:table-cell>"
    )


def ods_gap(repeated: int = 1) -> str:
    return f'<table:table-cell table:number-columns-repeated="{repeated}"/>'


def written(*rows: Sequence[Any], **cells: object) -> bytes:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    for place, value in cells.items():
        sheet[place] = value
    return saved(book)


def formatted(number: float, code: str) -> bytes:
    """Return a workbook of which B2 has a format."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (["to", "x"], [9876543210, number]):
        sheet.append(row)
    sheet["B2"].number_format = code
    return saved(book)


def old_formatted(number: float, code: str) -> bytes:
    """Return an old workbook of which B2 has a format."""
    book = xlwt.Workbook()
    sheet = book.add_sheet("Old")
    rows: Sequence[Sequence[Any]] = (["to", "x"], [9876543210, number])
    for row, cells in enumerate(rows):
        for column, cell in enumerate(cells):
            sheet.write(row, column, cell, *([xlwt.easyxf(num_format_str=code)] if row and column else ()))
    return saved(book)


def saved(book: Any) -> bytes:
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def with_zeros(content: bytes, *, writer: bytes = b"", flags: int = 0) -> bytes:
    """Return an old workbook, whose formulas have a zero, as other programs write it: with a summary.

    LibreOffice calls itself ``Calc``; PhpSpreadsheet has the flags 3.
    """
    content = content.replace(b"\x03\0\0\0\0\0\xff\xff\0", bytes(8) + bytes([flags]))
    place = content.index(b"\x5c\0\x70\0") + 4
    summary = content.index("Workbook".encode("utf-16-le")) + 128  # the place of the next name
    name = "\x05SummaryInformation\0".encode("utf-16-le")
    said = [(place, (b"\4\0\0" + writer).ljust(112)), (summary, name.ljust(64, b"\0") + bytes([len(name)]))]
    for at, text in said:
        content = content[:at] + text + content[at + len(text) :]
    return content


def old(*rows: Sequence[Any], **places: tuple[int, int]) -> bytes:
    book = xlwt.Workbook()
    sheet = book.add_sheet("Old")
    day = xlwt.easyxf(num_format_str="YYYY-MM-DD")
    for row, cells in enumerate(rows):
        for column, cell in enumerate(cells):
            style = (day,) if isinstance(cell, dt.date) else ()
            sheet.write(row, column, cell, *style)
    for text, (row, column) in places.items():
        sheet.write(row, column, text)
    return saved(book)
