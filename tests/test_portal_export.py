"""What DLT portals export becomes templates, or is refused with the row, the column and the reason."""

import io
from collections.abc import Sequence
from pathlib import Path

import pytest
import xlwt
from conftest import Result, Shell
from openpyxl import Workbook
from workbooks import ods, ods_row, ods_text, xlsx

from exosms.errors import InputError
from exosms.sms.message import MessageType
from exosms.templates import portal_columns, portal_export, registry

ID = "1107160000000012345"
OTHER = "1107160000000054321"
HEAD = "TEMPLATE_ID,TEMPLATE_NAME,TEMPLATE_CONTENT\n"


def file(tmp_path: Path, content: str | bytes, name: str = "export.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def workbook(*rows: Sequence[object], title_sheet: bool = False) -> bytes:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    if title_sheet:
        sheet["B2"] = "Exported by ACME"
        sheet = book.create_sheet("Templates")
    for row in rows:
        sheet.append(row)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def texts(tmp_path: Path, content: str | bytes, **options: object) -> list[str]:
    return [each.text for each in portal_export.read(file(tmp_path, content), **options).templates]  # type: ignore[arg-type]  # options are of many types


ROW = f"{ID},OTP,Dear customer\n"
READABLE = {
    "as Jio names the columns": HEAD + ROW,
    "folded headers": f"DLT Template-Id,Template Title,Message\n{ROW}",
    "other folded headers": f"TemplateId,Name,Message Content\n{ROW}",
    "still other folded headers": f"ct id,NAME,Template.Body\n{ROW}",
    "with semicolons": (HEAD + ROW).replace(",", ";"),
    "with tabs": (HEAD + ROW).replace(",", "\t"),
    "with bars": (HEAD + ROW).replace(",", "|"),
    "with Excel's hint": "sep=;\n" + (HEAD + ROW).replace(",", ";"),
    "with CRLF": (HEAD + ROW).replace("\n", "\r\n"),
    "with a UTF-8 BOM": "\ufeff" + HEAD + ROW,
    "UTF-16 with a BOM": (HEAD + ROW).encode("utf-16"),
    "UTF-16 big-endian with a BOM": b"\xfe\xff" + (HEAD + ROW).encode("utf-16-be"),
    "UTF-16 without a BOM": (HEAD + ROW).encode("utf-16-le"),
    "UTF-16 big-endian without a BOM": (HEAD + ROW).encode("utf-16-be"),
    "under a title": "Templates of ACME\n\nas of today,,\n" + HEAD + ROW,
    "empty lines between": HEAD + "\n\n" + ROW + "\n",
    "quoted": HEAD + f'"{ID}","OTP","Dear customer"\n',
    "an apostrophe that keeps the id text": HEAD + f"'{ID},'OTP,Dear customer\n",
    "a formula that keeps the id text": HEAD + f'"=""{ID}""",OTP,Dear customer\n',
    "spaces around the id": HEAD + f" {ID}\xa0,OTP,Dear customer\n",
    "an invisible mark before the id": HEAD + f"\u200e{ID},OTP,Dear customer\n",
    "the same row twice": HEAD + ROW + ROW,
    "a column that nobody knows": f"TEMPLATE_ID,TEMPLATE_CONTENT,VARIABLE_COUNT\n{ID},Dear customer,0\n",
    "a workbook": workbook(["TEMPLATE_ID", "TEMPLATE_CONTENT"], [ID, "Dear customer"]),
    "a workbook's second sheet": workbook(["TEMPLATE_ID", "BODY"], [ID, "Dear customer"], title_sheet=True),
}


@pytest.mark.parametrize("content", READABLE.values(), ids=READABLE)
def test_an_export_is_read_however_it_was_saved(tmp_path: Path, content: str | bytes) -> None:
    export = portal_export.read(file(tmp_path, content))
    assert [(each.id, each.text) for each in export.templates] == [(ID, "Dear customer")]
    assert portal_export.ExportKind.CLEANED not in {note.kind for note in export.notes}


TEXTS = {
    "Jio's line breaks": ("Dear A<br/>B<BR>C<br />D", "Dear A\nB\nC\nD"),
    "line breaks with their tags": ("Dear A,<br />\r\nB<br>\n<br>\nC", "Dear A,\nB\n\nC"),
    "entities": ("A&amp;B &lt;3 &quot;x&quot; &#39;y&#39;", "A&B <3 \"x\" 'y'"),
    "entities by their numbers": ("&#8377;500 &#x27;y&#X27; &#8217;", "\u20b9500 'y' \u2019"),
    "entities by other names": (
        "&rsquo;&ndash;&hellip; &NBSP;&#160;&Eacute;&eacute;",
        "\u2019\u2013\u2026   \u00c9\u00e9",
    ),
    "what is no entity": ("R&D; &regards; &#; &x; ?a=1&copy2;", "R&D; &regards; &#; &x; ?a=1&copy2;"),
    "line ends by their numbers": ("A&#13;&#10;B&#xA;C", "A\nB\nC"),
    "an entity of an entity stays one": ("A &amp;nbsp; B", "A &nbsp; B"),
    "a link is no entity": ("http://a.in/?a=1&copy=2", "http://a.in/?a=1&copy=2"),
    "a space that HTML must not break": ("A&nbsp;B", "A B"),
    "spaces at the ends are registered": (" A  B ", " A  B "),
    "CRLF": ("A\r\nB\rC", "A\nB\nC"),
    "a leading apostrophe": ("'Dear A's", "Dear A's"),
    "an apostrophe of the portal": ("&#39;Sale&#39; at A", "'Sale' at A"),
    "markers": ("{#var#} और {#num#} 😀", "{#var#} और {#num#} 😀"),
}


@pytest.mark.parametrize(("raw", "read"), TEXTS.values(), ids=TEXTS)
def test_texts_are_those_of_the_portal(tmp_path: Path, raw: str, read: str) -> None:
    doubled = raw.replace('"', '""')
    assert texts(tmp_path, f'{HEAD}{ID},OTP,"{doubled}"\n') == [read]


def test_texts_of_a_workbook_are_those_of_the_portal(tmp_path: Path) -> None:
    book = workbook(["TEMPLATE_ID", "BODY"], [ID, " A_x000D_\nB <br/>é😀 "])
    assert texts(tmp_path, book) == [" A\nB \né😀 "]


REFUSED = {
    "a text without its quotes": (f"{ID},OTP,Dear A, hello", 2, None, "column"),
    "an id as a float": ("1.10716E+18,OTP,A", 2, "TEMPLATE_ID", "id_destroyed"),
    "an id as a float with a comma": ('"1,10716E+18",OTP,A', 2, "TEMPLATE_ID", "id_destroyed"),
    "an id with trailing zeros": ("1107160000000120000,OTP,A", 2, "TEMPLATE_ID", "id_destroyed"),
    "is not valid": (",OTP,A", 2, "TEMPLATE_ID", "missing"),
    "18 digits": (f"{ID[:-1]},OTP,A", 2, "TEMPLATE_ID", "id_invalid"),
    "a marker of MSG91": (f"{ID},OTP,Dear ##name##", 2, "TEMPLATE_CONTENT", "marker"),
    "a broken marker": (f"{ID},OTP,Dear {{#var}}", 2, "TEMPLATE_CONTENT", "marker"),
    "an id that is a word": ("pending,OTP,A", 2, "TEMPLATE_ID", "id_invalid"),
    "no text": (f"{ID},OTP,", 2, "TEMPLATE_CONTENT", "missing"),
    "a blank text": (f"{ID},OTP,&nbsp; ", 2, "TEMPLATE_CONTENT", "missing"),
    "a text too long": (f"{ID},OTP,{'a' * 2001}", 2, "TEMPLATE_CONTENT", "too_long"),
    "a text that was damaged before": (f"{ID},OTP,Dear \ufffd", 2, "TEMPLATE_CONTENT", "damaged"),
    "a text that is a formula's error": (f"{ID},OTP,#NAME?", 2, "TEMPLATE_CONTENT", "damaged"),
    "a text of lost letters": (f"{ID},OTP,???? ???", 2, "TEMPLATE_CONTENT", "damaged"),
    "a text of lost letters around markers": (f"{ID},OTP,???? {{#var#}} ???", 2, "TEMPLATE_CONTENT", "damaged"),
    "a text that lost its sign of the rupee": (f"{ID},OTP,Pay ?{{#var#}} now", 2, "TEMPLATE_CONTENT", "damaged"),
    "a text that a formula keeps": (f'{ID},OTP,"=""Dear A"""', 2, "TEMPLATE_CONTENT", "damaged"),
    "a text that was encoded twice": (f"{ID},OTP,Pay \u00e2\u201a\u00b9500", 2, "TEMPLATE_CONTENT", "damaged"),
    "a blank before its quotes": (f'{ID},OTP, "Dear A" ', 2, "TEMPLATE_CONTENT", "damaged"),
    "a text between apostrophes": (f"{ID},OTP,'Dear A'", 2, "TEMPLATE_CONTENT", "damaged"),
    "a program's nothing for a text": (f"{ID},OTP,null", 2, "TEMPLATE_CONTENT", "damaged"),
    "an id with two texts": (f'{ID},OTP,"A\nB"\n{ID},OTP,C', 4, "TEMPLATE_CONTENT", "conflict"),
}


@pytest.mark.parametrize(("rows", "line", "column", "kind"), REFUSED.values(), ids=REFUSED)
def test_a_bad_row_is_refused_with_its_place(
    tmp_path: Path, rows: str, line: int, column: str | None, kind: str
) -> None:
    export = portal_export.read(file(tmp_path, f"{HEAD}{OTHER},OTP,good\n{rows}\n"))
    assert [(each.row, each.column, each.kind) for each in export.problems] == [(line + 1, column, kind)]
    assert [each.text for each in export.templates] == ["good"]


SPLIT = {
    "an empty last column": f"TEMPLATE_ID,BODY,COUNT,REMARKS\n{ID},Dear, your otp is {{#var#}},1,\n",
    "several empty ones": f"TEMPLATE_ID,BODY,COUNT,CIRCLE,REMARKS\n{ID},Dear, your otp is {{#var#}},,,\n",
    "the text last, and nothing behind its comma": f"TEMPLATE_ID,BODY\n{ID},Dear customer,\n",
    "a header as wide as the row": f"TEMPLATE_ID,BODY,COUNT,\n{ID},Dear, your otp,1\n",
    "a status behind it": f"TEMPLATE_ID,BODY,STATUS,REMARKS\n{ID},Dear, your otp is {{#var#}},Approved,\n",
    "a blank header": f"TEMPLATE_ID,BODY,COUNT, \n{ID},Dear, your otp,1\n",
}


@pytest.mark.parametrize("content", SPLIT.values(), ids=SPLIT)
def test_half_a_text_is_never_taken_for_the_registered_one(exosms: Shell, tmp_path: Path, content: str) -> None:
    said = "it has more cells than the header; a text that contains the delimiter must be in quotes"
    result = imported(exosms, tmp_path, content)
    assert (result.exit_code, result.stdout) == (3, f"refused\tline 2\t\t{said}\n")
    assert not (tmp_path / "t.toml").exists()


@pytest.mark.parametrize(
    "content",
    [
        f'TEMPLATE_ID,BODY,REMARKS\n{ID}, "Dear A, hello"\n',
        f'TEMPLATE_ID,BODY,STATUS\n{OTHER},Hi,Approved\n{ID}, "Dear A\nhello", Approved\n',
        f'TEMPLATE_ID,BODY,REMARKS\n{ID}, "Dear A ""B"" and C, hello"\n',
        f'TEMPLATE_ID,STATUS,BODY\n{ID},Approved, "Dear A ""B"" and\nC, hello"\n',
    ],
)
def test_a_text_that_is_cut_within_its_quotes_is_refused(exosms: Shell, tmp_path: Path, content: str) -> None:
    result = imported(exosms, tmp_path, content)
    said = "a blank stands before a quote that opens a cell, so the cell ends within its quotes"
    assert (result.exit_code, said in result.stdout) == (3, True)
    assert not any("Dear A" in stored.read_text() for stored in tmp_path.glob("t.toml"))


def test_empty_cells_with_which_excel_fills_up_the_rows_of_a_csv_are_no_part_of_them(tmp_path: Path) -> None:
    content = f"Templates of ACME,as of,today,,\nTEMPLATE_ID,BODY,REMARKS,,\n{ID},Dear A,,,\n,,,,\n{OTHER},B,x,,\n"
    assert texts(tmp_path, content) == ["Dear A", "B"]
    assert portal_export.read(file(tmp_path, content)).problems == []


def test_a_formula_that_nobody_calculated_is_no_registered_text(tmp_path: Path) -> None:
    book = workbook(["TEMPLATE_ID", "BODY"], [ID, "A"], [OTHER, '="Dear "&C1'])
    export = portal_export.read(file(tmp_path, book))
    assert [each.text for each in export.templates] == ["A"]
    said = "the text '#UNCALCULATED!' is damaged: its formula has no stored value; open the file in Excel"
    assert [(each.row, each.kind, each.message) for each in export.problems] == [
        (3, "damaged", f"{said} or LibreOffice and save it as .xlsx")
    ]


@pytest.mark.parametrize("number", [1107160000000000000, 1.10716e18, 1107160000000012288, float(ID)])
def test_an_id_that_a_workbook_rounded_is_refused(tmp_path: Path, number: float) -> None:
    book = workbook(["TEMPLATE_ID", "BODY"], [ID, "A"], [number, "B"])
    assert [(each.row, each.kind) for each in portal_export.read(file(tmp_path, book)).problems] == [
        (3, "id_destroyed")
    ]


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    content = f"ID,x\nTEMPLATE_ID,Header,Category,Message\n1E+18,VM-ACMEIN-S,Banking,\n{ID},ACMEIN,Promotional,A\n"
    export = portal_export.read(file(tmp_path, content))
    assert [each.text for each in export.templates] == ["A"]
    assert [(each.row, each.column, each.kind) for each in export.problems] == [
        (3, "TEMPLATE_ID", "id_destroyed"),
        (3, "Message", "missing"),
        (3, "Header", "header"),
        (3, "Category", "type"),
    ]


CATEGORIES = {
    "Transactional": "transactional",
    "Service Implicit": "transactional",
    "SERVICE-IMPLICIT": "transactional",
    "service_explicit": "transactional_opt_in",
    "transactional_opt_in": "transactional_opt_in",
    "Promotional": "promotional",
    "SI": "transactional",
    "se": "transactional_opt_in",
    "P": "promotional",
    "T": "transactional",
    "Service (Explicit)": "transactional_opt_in",
    "": None,
}


@pytest.mark.parametrize(("category", "kind"), CATEGORIES.items())
def test_categories_are_what_exotel_calls_them(tmp_path: Path, category: str, kind: str | None) -> None:
    path = file(tmp_path, f"TEMPLATE_ID,BODY,TEMPLATE_TYPE\n{ID},A,{category}\n")
    assert portal_export.read(path).templates[0].type == kind


def test_the_type_given_is_for_rows_that_do_not_say(tmp_path: Path) -> None:
    path = file(tmp_path, f"TEMPLATE_ID,BODY,CATEGORY\n{ID},A,Banking\n{OTHER},B,Service explicit\n")
    found = portal_export.read(path, default=MessageType.PROMOTIONAL).templates
    assert [each.type for each in found] == ["promotional", "transactional_opt_in"]


def test_only_approved_rows_are_taken_and_the_others_counted(tmp_path: Path) -> None:
    rows = f"{ID},A,APPROVED\nx,B,Rejected\n1E+18,,Rejected\n,,\n{OTHER},D,Pending for approval\n"
    export = portal_export.read(file(tmp_path, "TEMPLATE_ID,BODY,STATUS\n" + rows))
    assert [each.text for each in export.templates] == ["A"]
    assert export.not_approved == {"Rejected": 2, "Pending for approval": 1}


@pytest.mark.parametrize(
    ("cell", "senders", "noted"),
    [
        ("ACMEIN", ("ACMEIN",), False),
        ("ACMEIN;ACMEOT", ("ACMEIN", "ACMEOT"), True),
        ('"ACMEIN, ACMEOT"', ("ACMEIN", "ACMEOT"), True),
        ('"ACMEIN\nACMEOT"', ("ACMEIN", "ACMEOT"), True),
        ("", (), False),
    ],
)
def test_several_headers_are_noted(tmp_path: Path, cell: str, senders: tuple[str, ...], noted: bool) -> None:
    export = portal_export.read(file(tmp_path, f"TEMPLATE_ID,BODY,HEADER\n{ID},A,{cell}\n"))
    assert export.templates[0].senders == senders
    assert [note.kind for note in export.notes] == ["header"] * noted


STATUSES = {
    "REGISTERED VIA AIRTEL": True,
    "Whitelisted": True,
    "WHITELISTED ON VI": True,
    "active": True,
    "Approved by TRAI": True,
    "approved.": True,
    "Registered": True,
    "Inactive": False,
    "Not approved": False,
    "Blacklisted": False,
    "Registration pending": False,
    "Activation pending": False,
    "Approval awaited": False,
    "Deactivated": False,
    "": False,
    "live": False,
    "Registered (Expired)": False,
    "REGISTERED VIA AIRTEL-SUSPENDED": False,
    "REGISTERED VIA JIO - BLOCKED": False,
    "ACTIVE - DE-ACTIVATED": False,
    "Registered; in-active": False,
    "REGISTERED IN ACTIVE USE": True,
    "ACTIVE/BLACKLISTED": False,
    "Active / black-listed": False,
    "Approved - Inactive": False,
    "approved then rejected": False,
    "Approved,Revoked": False,
    "Registered: Cancelled": False,
    "Registered: Canceled": False,
    "REGISTERED_DEACTIVATED": False,
    "Whitelisted; renewal pending": False,
    "Registered_not_active": False,
    "Active but not approved": False,
    "Registered - On Hold": False,
    "Active (stopped)": False,
    "REGISTERED_UNDER_REVIEW": False,
    "Registered by Jio Holdings": True,
    "Registered on the blockchain": True,
    "Registered, noted by Jio": True,
}


@pytest.mark.parametrize(("status", "counts"), STATUSES.items())
def test_a_status_counts_by_its_first_word_unless_it_is_taken_back(tmp_path: Path, status: str, counts: bool) -> None:
    content = f'TEMPLATE_ID,BODY,STATUS\n{OTHER},B,Approved\n{ID},A,"{status}"\n'
    assert [each.text for each in portal_export.read(file(tmp_path, content)).templates] == ["B", *["A"] * counts]


@pytest.mark.parametrize("status", ["Live", "LIVE", "live ", "on-air", "Onair", "Ok by Jio"])
def test_a_status_counts_that_is_said_to(tmp_path: Path, status: str) -> None:
    content = f"TEMPLATE_ID,BODY,STATUS\n{ID},A,{status}\n{OTHER},B,Delivered\n"
    words = ["live", "On Air", "ok by JIO"]
    assert [each.text for each in portal_export.read(file(tmp_path, content), approved=words).templates] == ["A"]


@pytest.mark.parametrize(
    ("said", "others"), [("✓", ["✗", "-", ""]), ("live ✓", ["Live ✗", "Live"]), ("-", ["--", ""])]
)
def test_a_status_of_signs_counts_for_no_other(tmp_path: Path, said: str, others: list[str]) -> None:
    rows = [f"{int(OTHER) + number},B,{other}\n" for number, other in enumerate(others)]
    content = f"TEMPLATE_ID,BODY,STATUS\n{ID},A,{said}\n{''.join(rows)}"
    assert [each.text for each in portal_export.read(file(tmp_path, content), approved=[said]).templates] == ["A"]


def test_a_status_that_takes_the_approval_back_is_told_and_counts_only_if_it_is_said_to(
    exosms: Shell, tmp_path: Path
) -> None:
    content = f"TEMPLATE_ID,NAME,BODY,STATUS\n{ID},OTP,A,Registered (Expired)\n{OTHER},Ship,B,Active\n"
    assert imported(exosms, tmp_path, content) == Result(
        0, "added\tship\n", "exosms: left out, because they are not approved: 1 Registered (Expired)\n"
    )
    asked_for = imported(exosms, tmp_path, content, "--approved", "registered (expired)")
    assert (asked_for.exit_code, asked_for.stdout) == (0, "added\totp\n")


TYPES = {
    "Type": ("Type", "Promotional", "promotional", []),
    "Content Type": ("Content Type", "Service Explicit", "transactional_opt_in", []),
    "DLT Type": ("DLT Type", "Service Implicit", "transactional", []),
    "Message Type": ("Message Type", "Transactional", "transactional", []),
    "one word": ("TYPE", "Implicit", "transactional", []),
    "of something else": ("Content Type", "Unicode", None, ["Content Type"]),
    "of an alphabet": ("Content Type", "T", None, ["Content Type"]),
    "in short": ("Type", "SE", "transactional_opt_in", []),
    "of messages": ("Message Type", "Text", None, ["Message Type"]),
    "empty": ("Type", "", None, ["Type"]),
}


@pytest.mark.parametrize(("head", "cell", "kind", "unread"), TYPES.values(), ids=TYPES)
def test_a_column_of_types_is_one_if_its_cells_say_so(
    tmp_path: Path, head: str, cell: str, kind: str | None, unread: list[str]
) -> None:
    export = portal_export.read(file(tmp_path, f"TEMPLATE_ID,BODY,{head}\n{ID},A,{cell}\n"))
    assert [each.type for each in export.templates] == [kind]
    assert list(export.unread) == unread


def test_of_two_columns_of_types_the_one_with_categories_is_read(tmp_path: Path) -> None:
    content = f"TEMPLATE_ID,BODY,Content Type,Type\n{ID},A,Text,Promotional\n"
    export = portal_export.read(file(tmp_path, content))
    assert ([each.type for each in export.templates], export.unread) == (["promotional"], ["Content Type"])


def test_the_name_of_the_sender_is_the_header(tmp_path: Path) -> None:
    export = portal_export.read(file(tmp_path, f"TEMPLATE_ID,BODY,Sender Name\n{ID},A,ACMEIN\n"))
    assert export.templates[0].senders == ("ACMEIN",)


def test_a_column_can_be_named(tmp_path: Path) -> None:
    columns = {portal_columns.ExportField.ID: "dlt ref", portal_columns.ExportField.TEXT: "SMS"}
    content = f"TEMPLATE_ID,DLT Ref.,sms,body\nx,{ID},A,B\n"
    export = portal_export.read(file(tmp_path, content), columns=columns)
    assert [(each.id, each.text) for each in export.templates] == [(ID, "A")]


def test_a_column_that_is_left_aside_is_told(tmp_path: Path) -> None:
    export = portal_export.read(file(tmp_path, f"TEMPLATE_ID,Message,Body\n{ID},A,B\n"))
    assert [note.message for note in export.notes] == ["the column 'Body' is not read: 'Message' is the text"]


ODD = {
    "an entity encoded twice": (f"{ID},A &amp;amp; B,ACMEIN", "damaged"),
    "a line break encoded": (f"{ID},A&lt;br/&gt;B,ACMEIN", "damaged"),
    "a swapped id": ("1101160000000012345,A,ACMEIN", "id_unusual"),
    "a long header": (f"{ID},A,ACMEINDIA", "header"),
}


@pytest.mark.parametrize(("row", "kind"), ODD.values(), ids=ODD)
def test_what_looks_odd_is_taken_and_noted(tmp_path: Path, row: str, kind: str) -> None:
    export = portal_export.read(file(tmp_path, f"TEMPLATE_ID,BODY,HEADER\n{row}\n"))
    assert [(note.row, note.kind) for note in export.notes] == [(2, kind)]


def test_windows_1252_is_read_and_told(tmp_path: Path) -> None:
    export = portal_export.read(file(tmp_path, f"{HEAD}{ID},OTP,It’s café\n".encode("cp1252")))
    assert [each.text for each in export.templates] == ["It’s café"]
    assert [note.kind for note in export.notes] == ["encoding"]


HAND_MADE = f"""<worksheet><sheetData>
<row><c t="inlineStr"><is><r><t>TEMPLATE</t></r><r><t>_ID</t></r><rPh><t>no</t></rPh></is></c>
<c t="s"><v>0</v></c></row>
<row r="7"><c r="A7" t="str"><f>x</f><v>{ID}</v></c><c r="B7" t="s"><v>1</v></c><c r="C7"/></row>
</sheetData></worksheet>""".encode()
KEPT = b"<r><t xml:space='preserve'>"
STRINGS = b"<sst><si><t>BODY</t></si><si>" + KEPT + b"Dear </t></r>" + KEPT + b" A</t></r></si></sst>"


def test_every_kind_of_cell_is_read(tmp_path: Path) -> None:
    export = portal_export.read(file(tmp_path, xlsx(HAND_MADE, STRINGS)))
    assert [(each.row, each.id, each.text) for each in export.templates] == [(7, ID, "Dear  A")]


@pytest.mark.parametrize("number", [ID, str(int(float(ID)))])
def test_an_id_that_is_a_number_is_refused_as_rounded(tmp_path: Path, number: str) -> None:
    rounded = HAND_MADE.replace(b't="str"', b"").replace(ID.encode(), number.encode())
    [problem] = portal_export.read(file(tmp_path, xlsx(rounded, STRINGS))).problems
    assert problem.row == 7
    assert problem.message.endswith("it is stored as a number and was rounded")


UNREADABLE = {
    "empty": (b"", "is empty"),
    "nothing but zeros": (b"\0" * 50, "is empty"),
    "too large": (b"a" * (16 * 1024 * 1024 + 1), "is larger than 16 MiB"),
    "an old workbook that is broken": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "cannot be read as a workbook"),
    "a page that says it is a workbook": (b"<html><table>", "is HTML or XML"),
    "bytes of no encoding": (b"TEMPLATE_ID,BODY\n\x81\n", "is neither UTF-8 nor cp1252: byte 0x81 at offset 17"),
    "quotes that never close": (
        HEAD.encode() + b'1,"2,3\n4,5,6\n',
        "cannot be read: a quote that opens in it is never closed",
    ),
    "no such columns": (b"a,b\n1,2\n", "has no column for id and text; its columns are 'a', 'b'"),
    "no column for the text": (b"TEMPLATE_ID,b\n1,2\n", "has no column for text; its columns are 'TEMPLATE_ID', 'b'"),
    "a NUL in its header": (
        b"x" * 250 + b"\nTEMPLATE_ID,BO\0DY\n1,2\n",
        "has U+0000 in its header, row 2",
    ),
    "one column twice": (b"TEMPLATE_ID,BODY,Body\n1,2,3\n", "has two columns called 'BODY'"),
    "nothing below the header": (HEAD.encode(), "has no approved template"),
    "nothing approved": (b"TEMPLATE_ID,BODY,STATUS\n1,2,Rejected\n", "no approved template; its rows are 'Rejected'"),
    "a broken archive": (
        b"PK\x03\x04rest",
        "export.csv cannot be read as a workbook: it is damaged, or its end is missing",
    ),
    "a workbook without rows": (workbook(), "has no column for id and text; its columns are none"),
}


@pytest.mark.parametrize(("content", "said"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_is_no_export_is_refused_in_one_sentence(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(InputError) as raised:
        portal_export.read(file(tmp_path, content))
    assert said in raised.value.message


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"export\.csv cannot be read: No such file or directory"):
        portal_export.read(tmp_path / "export.csv")


@pytest.mark.parametrize("content", [HEAD + ROW * 4, workbook(*[["TEMPLATE_ID", "BODY"]] * 6)])
def test_more_cells_than_anyone_registers_are_refused(
    tmp_path: Path, content: str | bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exosms.templates.portal_table._MOST_CELLS", 10)
    with pytest.raises(InputError, match="has more than 10 cells"):
        portal_export.read(file(tmp_path, content))


def test_an_old_workbook_and_one_of_open_document_are_read(tmp_path: Path) -> None:
    book = xlwt.Workbook()
    for row, cells in enumerate((["TEMPLATE_ID", "BODY"], [ID, "Dear A"])):
        for column, cell in enumerate(cells):
            sheet = book.get_sheet("S") if row or column else book.add_sheet("S")
            sheet.write(row, column, cell)
    book.save(tmp_path / "old.xls")
    rows = ods_row(ods_text("TEMPLATE_ID"), ods_text("BODY")) + ods_row(ods_text(ID), ods_text("Dear A"))
    for content in ((tmp_path / "old.xls").read_bytes(), ods(ods_row(ods_text("of ACME")), rows)):
        assert texts(tmp_path, content) == ["Dear A"]


# The command.


def imported(exosms: Shell, tmp_path: Path, content: str | bytes, *options: str) -> Result:
    return exosms(
        "template", "import", str(file(tmp_path, content)), "--templates", str(tmp_path / "t.toml"), *options
    )


EXPORT = f"""HEADER,TEMPLATE_ID,TEMPLATE_NAME,TEMPLATE_CONTENT,CATEGORY,STATUS
ACMEIN,{ID},OTP Login!,{{#var#}} is your OTP.<br/>- Acme,Service Implicit,Approved
612345,{OTHER},otp login,Sale! - Acme,Promotional,Approved
ACMEIN,1107160000000099999,Old,x,Promotional,Rejected
"""


@pytest.mark.parametrize("word", ["", " "])
def test_a_status_that_counts_is_not_empty(exosms: Shell, tmp_path: Path, word: str) -> None:
    result = imported(exosms, tmp_path, f"TEMPLATE_ID,BODY,STATUS\n{ID},A,\n", "--approved", word)
    assert result == Result(2, "", "exosms: error: --approved needs a status that is not empty\n")
    assert not (tmp_path / "t.toml").exists()


def test_a_stored_template_that_is_approved_no_more_is_named(exosms: Shell, tmp_path: Path) -> None:
    assert imported(exosms, tmp_path, EXPORT).exit_code == 0
    rows = EXPORT.replace("Promotional,Approved", "Promotional,Expired").replace(f"{ID},", f"'{ID},")
    for content in (rows, f"{rows}ACMEIN,{ID},OTP,x,Service Implicit,Rejected\n"):  # of an earlier try
        result = imported(exosms, tmp_path, content)
        assert (result.exit_code, result.stdout) == (0, "")
        assert result.stderr.startswith(
            f"exosms: warning: otp-login-2: it has the status 'Expired' in the export and is still in"
            f" {tmp_path}/t.toml; `exosms template remove otp-login-2 --templates {tmp_path}/t.toml` removes it\n"
            "exosms: 1 unchanged\n"
        )


def test_a_name_of_a_strangers_file_runs_nothing_where_it_is_pasted(exosms: Shell, tmp_path: Path) -> None:
    (tmp_path / "t.toml").write_text(
        'version = 1\n[templates."a; reboot"]\ntext = "x"\ndlt_template_id = "1107160000000099999"\n'
    )
    removing = f"`exosms template remove 'a; reboot' --templates {tmp_path}/t.toml` removes it\n"
    assert removing in imported(exosms, tmp_path, EXPORT).stderr


@pytest.mark.parametrize("title", ["Template Status", "CURRENT_STATUS"])
def test_a_status_by_another_name_is_one(exosms: Shell, tmp_path: Path, title: str) -> None:
    result = imported(exosms, tmp_path, EXPORT.replace(",STATUS", f",{title}"))
    assert (result.exit_code, result.stdout) == (0, "added\totp-login\nadded\totp-login-2\n")
    assert result.stderr == "exosms: left out, because they are not approved: 1 Rejected\n"


@pytest.mark.parametrize(
    ("read", "other"),
    [("STATUS", "Template Status"), ("STATUS", "Approval Status"), ("Template Status", "Header Status")],
)
def test_another_status_than_the_one_that_counts_is_named(
    exosms: Shell, tmp_path: Path, read: str, other: str
) -> None:
    content = f"{other},TEMPLATE_ID,BODY,{read}\nActive,{ID},Old,Rejected\nRejected,{OTHER},Dear customer,Active\n"
    result = imported(exosms, tmp_path, content)
    assert (result.exit_code, result.stdout) == (0, f"added\ttemplate-{OTHER}\n")
    assert result.stderr.splitlines() == [
        f"exosms: warning: the column {other!r} is not read: {read!r} is the status",
        "exosms: left out, because they are not approved: 1 Rejected",
        f"exosms: columns that were not read: {other}",
    ]


def test_templates_on_another_sheet_are_told(exosms: Shell, tmp_path: Path) -> None:
    head = ["TEMPLATE_ID", "BODY"]
    sheets: dict[str, list[Sequence[object]]] = {
        "Notes": [["Exported by ACME"]],
        "Transactional": [head, [ID, "Dear customer"]],
        "Promotional": [["as of today"], head, [OTHER, "Sale!"]],
        "Empty": [head],
        "Counts": [["TEMPLATE_ID", "SENT"], [ID, 5]],
        "Two": [["TEMPLATE_ID", "TEMPLATE_ID", "BODY"], [ID, OTHER, "Hi"]],
    }
    book = Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(tmp_path / "export.csv")
    result = imported(exosms, tmp_path, (tmp_path / "export.csv").read_bytes())
    assert result == Result(
        0,
        f"added\ttemplate-{ID}\n",
        "exosms: warning: the sheet 'Promotional' has templates too, which are not read; import it as a file of its"
        " own\n",
    )


def test_an_export_becomes_templates(exosms: Shell, tmp_path: Path) -> None:
    result = imported(exosms, tmp_path, EXPORT)
    assert (result.exit_code, result.stdout) == (0, "added\totp-login\nadded\totp-login-2\n")
    assert result.stderr == "exosms: left out, because they are not approved: 1 Rejected\n"
    assert (
        (tmp_path / "t.toml").read_text()
        == f'''version = 1

[templates.otp-login]
text = """
{{#var#}} is your OTP.
- Acme"""
dlt_template_id = "{ID}"
from = "ACMEIN"
type = "transactional"

[templates.otp-login-2]
text = "Sale! - Acme"
dlt_template_id = "{OTHER}"
from = "612345"
type = "promotional"
'''
    )


@pytest.mark.parametrize("as_sheet", [False, True])
def test_the_good_rows_are_imported_and_the_others_listed(exosms: Shell, tmp_path: Path, as_sheet: bool) -> None:
    rows = [
        ["Template ID", "Template Name", "Content", "Status", "Circle", "Type"],
        [ID, "OTP", "{#var#} is your OTP. - Acme", "REGISTERED VIA AIRTEL", "Delhi", "Service Implicit"],
        [OTHER, "Hello", "Dear ##name##, hello. - Acme", "Whitelisted", "Delhi", "Promotional"],
        ["12", "Twelve", "Hello. - Acme", "Whitelisted", "Delhi", "Promotional"],
        ["1107160000000077777", "New", "Hello. - Acme", "Live", "Delhi", "Promotional"],
    ]
    content = workbook(*rows) if as_sheet else "".join(f"{';'.join(row)}\n" for row in rows)
    label, path = "row" if as_sheet else "line", str(tmp_path / "t.toml")
    marker = (
        "##name## at offset 5 is a marker of another notation, which nothing fills in. Write {#var#}, or a typed"
        " marker such as {#numeric#}, exactly as the DLT portal has it, and the names into variables: name."
    )
    result = imported(exosms, tmp_path, content)
    assert result == Result(
        3,
        f"refused\t{label} 3\tContent\t{marker}\n"
        f"refused\t{label} 4\tTemplate ID\tThe DLT template id '12' is not valid: it must have 19 digits\n"
        "added\totp\n",
        "exosms: left out, because they are not approved: 1 Live\n"
        "exosms: columns that were not read: Circle\n"
        f"exosms: error: 2 rows of {tmp_path}/export.csv cannot be imported: {label} 3, {marker} (and 1 more)\n"
        "  Fix the file, or export it again.\n",
    )
    assert [each["name"] for each in exosms("template", "list", "--templates", path, "--json").json["templates"]] == [
        "otp"
    ]
    document = imported(exosms, tmp_path, content, "--approved", "LIVE", "--json").json
    assert (document["exit_code"], document["added"], document["unchanged"]) == (3, ["new"], ["otp"])
    assert (document["not_approved"], document["columns_not_read"]) == ({}, ["Circle"])
    assert [(each["row"], each["kind"]) for each in document["problems"]] == [(3, "marker"), (4, "id_invalid")]
    assert document["error"]["kind"] == "rejected"


def test_an_export_without_a_status_is_told_where_one_may_stand_under_another_name(
    exosms: Shell, tmp_path: Path
) -> None:
    result = imported(exosms, tmp_path, f"Template ID,Content,Progress\n{ID},Hello. - Acme,Rejected\n")
    assert result.exit_code == 0
    assert result.stderr == (
        "exosms: columns that were not read: Progress; none says which templates are approved, so all count\n"
    )


def test_bad_rows_are_told_before_what_needs_a_yes(exosms: Shell, tmp_path: Path) -> None:
    imported(exosms, tmp_path, EXPORT)
    before = (tmp_path / "t.toml").read_text()
    result = imported(
        exosms, tmp_path, EXPORT.replace("Sale! - Acme", "Sale of {#var# - Acme").replace("your", "the")
    )
    assert result.exit_code == 3
    assert "{#var# at offset 8 is not spelled as a marker" in result.stderr
    assert "1 template would change: otp-login (text)\n  Nothing was changed. Add --yes" in result.stderr
    assert (tmp_path / "t.toml").read_text() == before


def test_the_same_export_again_changes_nothing(exosms: Shell, tmp_path: Path) -> None:
    imported(exosms, tmp_path, EXPORT)
    before = (tmp_path / "t.toml").stat()
    result = imported(exosms, tmp_path, EXPORT, "--json")
    assert result.json == {
        "schema": 1,
        "command": "template import",
        "exit_code": 0,
        "file": str(tmp_path / "t.toml"),
        "added": [],
        "updated": [],
        "unchanged": ["otp-login", "otp-login-2"],
        "rows": 3,
        "not_approved": {"Rejected": 1},
        "repeated": 0,
        "columns_not_read": [],
        "notes": [],
        "problems": [],
        "error": None,
    }
    assert (tmp_path / "t.toml").stat().st_ino == before.st_ino


def test_what_is_there_is_updated_only_with_yes_and_keeps_its_name(exosms: Shell, tmp_path: Path) -> None:
    path = tmp_path / "t.toml"
    path.write_text(f"""# ours
[templates.login]
text = "{{#var#}} is your code."   # old
variables = ["code"]
dlt_template_id = "{ID}"
""")
    before = path.read_text()
    refused = imported(exosms, tmp_path, EXPORT)
    assert (refused.exit_code, refused.stdout) == (5, "")
    assert "1 template would change: login (text, from, type)" in refused.stderr
    assert path.read_text() == before
    done = imported(exosms, tmp_path, EXPORT, "--yes")
    assert (done.exit_code, done.stdout) == (0, "added\totp-login\nupdated\tlogin\n")
    login = registry.read(path).get("login")
    assert (login.text, login.variables, login.sender) == ("{#var#} is your OTP.\n- Acme", ("code",), "ACMEIN")
    assert path.read_text().startswith("# ours\n[templates.login]\n")


def test_every_name_that_an_id_has_gets_the_new_text(exosms: Shell, tmp_path: Path) -> None:
    path = tmp_path / "t.toml"
    old = f'text = "{{#var#}} is your code."\ndlt_template_id = "{ID}"\n'
    path.write_text(f'[templates.login]\n{old}variables = ["code"]\n[templates.otp]\n{old}')
    refused = imported(exosms, tmp_path, EXPORT)
    assert refused.exit_code == 5
    assert "2 templates would change: login (text, from, type), otp (text, from, type)\n" in refused.stderr
    done = imported(exosms, tmp_path, EXPORT, "--yes")
    assert (done.exit_code, done.stdout) == (0, "added\totp-login\nupdated\tlogin\nupdated\totp\n")
    templates = registry.read(path).templates
    assert templates["login"].text == templates["otp"].text == "{#var#} is your OTP.\n- Acme"
    assert templates["login"].variables == ("code",)


def test_names_of_variables_go_with_the_variables(exosms: Shell, tmp_path: Path) -> None:
    path = tmp_path / "t.toml"
    path.write_text(f'[templates.a]\ntext = "{{#var#}}{{#var#}}"\nvariables = ["x", "y"]\ndlt_template_id = "{ID}"\n')
    done = imported(exosms, tmp_path, EXPORT, "--yes")
    assert done.exit_code == 0
    assert "a: the text now has other variables, so their names were removed" in done.stderr
    assert registry.read(path).get("a").names == ("1",)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ('types = ["numeric", "var"]', "types"),
        ('variables = ["x", "y"]\ntypes = ["numeric", "var"]', "names and types"),
    ],
)
def test_types_that_go_with_the_variables_are_told(exosms: Shell, tmp_path: Path, keys: str, said: str) -> None:
    path = tmp_path / "t.toml"
    path.write_text(f'[templates.a]\ntext = "{{#var#}} by {{#var#}}"\n{keys}\ndlt_template_id = "{ID}"\n')
    done = imported(exosms, tmp_path, EXPORT, "--yes")
    assert done.exit_code == 0
    assert f"a: the text now has other variables, so their {said} were removed\n" in done.stderr
    assert registry.read(path).get("a").types == ()


def test_a_name_in_use_under_another_id_is_asked_about(exosms: Shell, tmp_path: Path) -> None:
    (tmp_path / "t.toml").write_text('[templates.otp-login]\ntext = "x"\ndlt_template_id = "1107160000000077777"\n')
    refused = imported(exosms, tmp_path, EXPORT)
    assert refused.exit_code == 5
    assert "otp-login (text, dlt_template_id, from, type)" in refused.stderr


def test_of_several_headers_the_one_in_use_stays(exosms: Shell, tmp_path: Path) -> None:
    path = tmp_path / "t.toml"
    path.write_text(f'[templates.a]\ntext = "A"\ndlt_template_id = "{ID}"\nfrom = "ACMEOT"\n')
    result = imported(exosms, tmp_path, f'TEMPLATE_ID,BODY,HEADER\n{ID},A,"ACMEIN,ACMEOT"\n')
    assert (result.exit_code, registry.read(path).get("a").sender) == (0, "ACMEOT")


def test_a_row_said_twice_is_taken_once_and_told(exosms: Shell, tmp_path: Path) -> None:
    result = imported(exosms, tmp_path, HEAD + ROW + ROW)
    assert result == Result(0, "added\totp\n", "exosms: 1 repeated with the same text, imported once\n")


def test_the_file_s_place_is_told_with_each_note(exosms: Shell, tmp_path: Path) -> None:
    result = imported(exosms, tmp_path, f"TEMPLATE_ID,BODY,HEADER\n{ID},A,ACMEIN/ACMEOT\n")
    assert result == Result(
        0,
        f"added\ttemplate-{ID}\n",
        "exosms: warning: line 2, column HEADER: of several headers the first one is used: 'ACMEIN'\n",
    )


def test_a_file_without_a_good_row_changes_nothing_and_tells_everything(exosms: Shell, tmp_path: Path) -> None:
    content = f"{HEAD}1.1E+18,A,B\n{ID},A,\n"
    result = imported(exosms, tmp_path, content)
    assert result.exit_code == 3
    assert [line.split("\t")[:3] for line in result.stdout.splitlines()] == [
        ["refused", "line 2", "TEMPLATE_ID"],
        ["refused", "line 3", "TEMPLATE_CONTENT"],
    ]
    assert not (tmp_path / "t.toml").exists()
    document = imported(exosms, tmp_path, content, "--json").json
    assert [(each["row"], each["kind"]) for each in document["problems"]] == [(2, "id_destroyed"), (3, "missing")]
    assert (document["exit_code"], document["error"]["kind"]) == (3, "rejected")


@pytest.mark.parametrize("column", ["id", "sms=Body", "id=", "=x", "id=A"])
def test_a_mapping_that_says_nothing_is_a_usage_error(exosms: Shell, tmp_path: Path, column: str) -> None:
    result = imported(exosms, tmp_path, EXPORT, "--column", "id=A", "--column", column, "--json")
    assert (result.exit_code, result.stdout) == (2, "")


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (["id=Nowhere"], "has no column for id ('Nowhere')"),
        (["id=CATEGORY", "text=CATEGORY"], "The column 'CATEGORY' cannot be two fields"),
    ],
)
def test_a_mapping_that_does_not_fit_is_an_input_error(
    exosms: Shell, tmp_path: Path, columns: list[str], said: str
) -> None:
    options = [word for column in columns for word in ("--column", column)]
    result = imported(exosms, tmp_path, EXPORT, *options)
    assert result.exit_code == 3
    assert said in result.stderr


HOSTILE = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202e[/foo]\x08"


@pytest.mark.parametrize("form", ["human", "plain", "json", "jsonl"])
@pytest.mark.parametrize(
    "content",
    [
        f"{HEAD}{ID},{HOSTILE},{HOSTILE}\n",
        f"{HEAD}{HOSTILE},{HOSTILE},\n",
        f"{HOSTILE},{HOSTILE}x\n1,2\n",
        f"TEMPLATE_ID,BODY,STATUS,HEADER\n{ID},A,{HOSTILE},{HOSTILE}\n",
        f"TEMPLATE_ID,BODY,CATEGORY,HEADER\n{ID},A,{HOSTILE},{HOSTILE}\n",
    ],
)
def test_a_hostile_file_cannot_steer_a_terminal(exosms: Shell, tmp_path: Path, content: str, form: str) -> None:
    results = [imported(exosms, tmp_path, content, "-o", form)]
    path = str(tmp_path / "t.toml")
    results += [exosms("template", verb, "--templates", path, "-o", form) for verb in ("list", "lint")]
    for result in results:
        assert result.exit_code in {0, 3}
        assert not set("\x1b\x07\x9b\u202e\x08") & set(result.stdout + result.stderr)
