"""What spreadsheets, exports and scripts leave in the cells of a text, and markers that nothing fills in."""

from typing import Any

import pytest
import xlwt
from conftest import ACCOUNT, Result, Shell
from faulty import FaultyExotel
from workbooks import ods, ods_row, ods_text, saved, sheet_of, written, xlsx

from exosms.system.escaping import shown

ONE = "+919876543210"
DEAR = ("--body", "Dear {name}")


def bulk(exosms: Shell, exotel: FaultyExotel, text: str | bytes, *argv: str, **options: Any) -> Result:
    path = exosms.home / "people.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    env = {**ACCOUNT, "EXOSMS_BASE_URL": exotel.url}
    return exosms("bulk", str(path), "--yes", "--rate", "off", *argv, env=env, **options)


def texts(exotel: FaultyExotel) -> list[tuple[str, str]]:
    return sorted(key for key, deeds in exotel.deeds.items() for _ in deeds)


def quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"'


@pytest.mark.parametrize("cell", ["", " ", "\xa0", "\u200b", " \ufeff\u2060 ", "\u200b \u200b"])
@pytest.mark.parametrize("column", ["name", "body"])
def test_a_cell_in_which_nothing_is_seen_is_empty(
    exosms: Shell, exotel: FaultyExotel, column: str, cell: str
) -> None:
    text = f"to,{column},x\n9876543210,{cell},1\n9876543211,Ravi,2\n"
    result = bulk(exosms, exotel, text, *(DEAR if column == "name" else ()))
    assert (result.exit_code, result.stdout, texts(exotel)) == (3, "", [])
    assert f"line 2, column {column}: The cell is empty, and the text uses it" in result.stderr


# --- damaged cells ---

DIGITS, FORMULA, NARROW, LETTERS, NO_DAY = (
    "whose digits are lost",
    "the error of a formula",
    "too narrow",
    "its letters were lost",
    "a date in it is no day",
)
DAMAGED = [
    ("1.10716E+18", DIGITS),
    ("1,10716E+18", DIGITS),
    ("9.88e+09", DIGITS),
    ("1E+05", DIGITS),
    ("-2.5E+10", DIGITS),
    ("9.87654321E9", DIGITS),
    (" 1.10716E+18 ", DIGITS),
    ("Order 1.10716E+18 has left", DIGITS),
    ("#REF!", FORMULA),
    ("#N/A", FORMULA),
    ("#VALUE!", FORMULA),
    ("#DIV/0!", FORMULA),
    ("#NAME?", FORMULA),
    ("#NUM!", FORMULA),
    ("#NULL!", FORMULA),
    ("#SPILL!", FORMULA),
    ("#ERROR!", FORMULA),
    ("Err:502", FORMULA),
    ("Order #REF! has left", FORMULA),
    ("#Error", FORMULA),
    ("#Num!", FORMULA),
    ("#Deleted", FORMULA),
    ("########", NARROW),
    ("????", LETTERS),
    ("?", LETTERS),
    ("??? ????", LETTERS),
    ("????, ??.", LETTERS),
    ("????? Asha, ???? ????? 17 ??", LETTERS),
    ("????? 17", LETTERS),
    ("Dear Asha, ????? ???? 17", LETTERS),
    ("?1,500.00", LETTERS),
    ("? 1,500.00", LETTERS),
    ("? -1,500", LETTERS),
    ("-?500", LETTERS),
    ("(?500)", LETTERS),
    ("? 500/-", LETTERS),
    ("Please pay ?1,500 by 5 May", LETTERS),
    ("00-01-1900", NO_DAY),
    ("00-Jan-00", NO_DAY),
    ("1/0/1900", NO_DAY),
    ("00/01/1900 00:00", NO_DAY),
    ("Due on 00-01-1900.", NO_DAY),
    ("0000-00-00", NO_DAY),
    ("30/12/1899", NO_DAY),
    ("1899-12-30", NO_DAY),
    ("0-Jan-00", NO_DAY),
    ("00-01-00", NO_DAY),
    ("0 January 1900", NO_DAY),
    ("Saturday, January 0, 1900", NO_DAY),
    ("1/1/0001 12:00:00 AM", NO_DAY),
    ("0001-01-01T00:00:00", NO_DAY),
    ("30-11--0001", NO_DAY),
    ("12 Main St_x000D_ Pune", "a line break in it"),
    ("a_x000d_", "a line break in it"),
    ("It\u0092s", "U+0092 is no letter; of most such files the encoding is windows-1252"),
    ("\u0080 500", "U+0080 is no letter"),
]


@pytest.mark.parametrize(("cell", "said"), DAMAGED)
def test_a_damaged_cell_is_a_bad_row_unless_it_is_allowed(
    exosms: Shell, exotel: FaultyExotel, cell: str, said: str
) -> None:
    text = f"to,name,notes\n9876543211,Ravi,{quoted(cell)}\n9876543210,{quoted(cell)},\n"
    for more in ((), ("--allow-empty",)):
        result = bulk(exosms, exotel, text, *DEAR, *more)
        assert (result.exit_code, result.stdout, texts(exotel)) == (3, "", [])
        assert "line 3, column name: The cell " in result.stderr
        assert said in result.stderr
        assert "column notes" not in result.stderr
    [problem] = bulk(exosms, exotel, text, *DEAR, "--json").json["problems"]
    assert (problem["line"], problem["column"], problem["value"]) == (3, "name", cell)
    assert "--allow-damaged sends such rows as they are" in problem["remedy"]
    assert bulk(exosms, exotel, text, *DEAR, "--allow-damaged").exit_code == 0
    assert texts(exotel) == [(ONE, f"Dear {cell}"), ("+919876543211", "Dear Ravi")]


SOUND = [
    "Asha", "E", "1E5", "1.1e9", "12E4", "7E", "17.5", "C# + E+", "E+F", "#1", "#SALE", "# 5", "##",
    "Why?", "Really?! Yes?", "Why ? 5 left", "Loan ?? Call 1800", "Loan ??? Car ?? Call 1800", "a ?? 5", "Who?5",
    "https://a.in/?5", "https://a.in/??? ???x", "Win ?! 5",
    "50%", "a+b=c", "N/A", "REF", "Err: none", "1.5E", "2+2", "5.0", "https://a.in/?x=1#top",
    "MEENA E RAO", "Nano", "Null-Ltd",
    "नमस्ते", "राज्\u200d", "São Paulo", "Zoë", "Ñandú", "À la carte", "Ã la",
    "10 €", "naïve Ä", "नमस्ते?", "√2", "a ‡ b", "‚Ähre‘", "¬",
    "A-1/0/00", "1-0-00", "2000-01-00", "Rs 1900-00", "00:00:00", "00-01-000", "0-Jan-001", "10 Jan 00",
    "A-00-01-00", "0.01.00", "_x000", "a_x0041_",
    "None of it", "Dear Asha, your dues are None", "null and void is what it was",
    "Annulled", "null-and-void", "2 nan", "#Errors", "#Deletedx", "Nonesuch",
    "01-01-2000", "30-Jan-00", "1900", "1900-01", "3-5-1900/A", "01-01-1971", "11-01-1970", "May 1900", "2026-01-30",
]  # fmt: skip


@pytest.mark.parametrize("cell", SOUND)
def test_what_only_looks_like_damage_goes_out(exosms: Shell, exotel: FaultyExotel, cell: str) -> None:
    result = bulk(exosms, exotel, f"to,name\n9876543210,{quoted(cell)}\n", *DEAR)
    assert (result.exit_code, texts(exotel)) == (0, [(ONE, f"Dear {cell}")]), result.stderr
    assert "looks like" not in result.stderr


def test_a_file_of_windows_that_is_called_latin_1_is_not_sent(exosms: Shell, exotel: FaultyExotel) -> None:
    text = "to,name\n9876543210,It’s José\n".encode("windows-1252")
    result = bulk(exosms, exotel, text, *DEAR, "--csv-encoding", "latin-1")
    assert (result.exit_code, texts(exotel)) == (3, [])
    assert "line 2, column name: The cell 'It\\x92s José' is damaged: U+0092 is no letter" in result.stderr
    assert bulk(exosms, exotel, text, *DEAR, "--csv-encoding", "windows-1252").exit_code == 0
    assert texts(exotel) == [(ONE, "Dear It’s José")]


def test_a_template_and_a_column_of_texts_have_no_damaged_cells_either(exosms: Shell, exotel: FaultyExotel) -> None:
    (exosms.home / "templates.toml").write_text(
        'version = 1\n[templates.t]\ntext = "Dear {#var#}"\nvariables = ["x"]\n'
    )
    argv = ("-t", "t", "--templates", str(exosms.home / "templates.toml"))
    for text, more in (("to,x\n9876543210,#REF!\n", argv), ("to,body\n9876543210,Your order #REF! left\n", ())):
        result = bulk(exosms, exotel, text, *more)
        assert (result.exit_code, texts(exotel)) == (3, [])
        assert FORMULA in result.stderr


def old_error() -> bytes:
    book = xlwt.Workbook()
    sheet = book.add_sheet("A")
    for column, name in enumerate(("to", "name")):
        sheet.write(0, column, name)
    sheet.write(1, 0, 9876543210)
    sheet.row(1).set_cell_error(1, 0x2A)
    return saved(book)


ERROR_CELLS = {
    "XLS": old_error(),
    "XLSX": xlsx(
        sheet_of(
            '<row r="1"><c t="str"><v>to</v></c><c t="str"><v>name</v></c></row>'
            '<row r="2"><c><v>9876543210</v></c><c t="e"><f>1/0</f><v>#DIV/0!</v></c></row>'
        )
    ),
    "ODS": ods(
        ods_row(ods_text("to"), ods_text("name"))
        + ods_row(
            ods_text("9876543210"),
            '<table:table-cell office:value-type="string" office:string-value="" calcext:value-type="error">'
            "<text:p>#N/A</text:p></table:table-cell>",
        )
    ),
    "a rounded number": written(["to", "name"], [9876543210, 1107160000000012345.0]),
    "a number of 16 digits": written(["to", "name"], [9876543210, 1234567890123450]),
    "a number without an end": xlsx(
        sheet_of(
            '<row r="1"><c t="str"><v>to</v></c><c t="str"><v>name</v></c></row>'
            '<row r="2"><c><v>9876543210</v></c><c><v>1E999</v></c></row>'
        )
    ),
    "a number next to nothing": written(["to", "name"], [9876543210, 1e-200]),
}


@pytest.mark.parametrize("content", ERROR_CELLS.values(), ids=ERROR_CELLS)
def test_an_error_in_a_sheet_is_a_damaged_cell(exosms: Shell, exotel: FaultyExotel, content: bytes) -> None:
    for more in ((), ("--allow-empty",)):
        result = bulk(exosms, exotel, content, *DEAR, *more)
        assert (result.exit_code, texts(exotel)) == (3, [])
        assert "line 2, column name: The cell " in result.stderr
        assert "is damaged" in result.stderr


# --- doubtful cells ---

BLANKS = "text with stray blanks at its ends"
NOTHING, FORMULAS, TWICE = "what a program writes for nothing", "a formula instead of its value", "encoded twice"
FOR_NONE = "a date that programs write for none"
DATES_OF_NONE = [
    "01-01-1900", "1/1/1900", "1900-01-30", "30-01-1900", "01/29/1900", "30-Jan-1900", "30 January 1900",
    "30.03.1900", "January 30, 1900", "Jan  1 1900 12:00AM", "1900-01-01 00:00:00.000", "1900-01-01T00:00:00",
    "1900-12-31", "31-12-1899", "12/31/1899", "1899-12-31", "01-01-1970", "1/1/1970 5:30", "1970-01-01 05:30:00",
]  # fmt: skip
DOUBTFUL = [
    *(
        (cell, NOTHING)
        for cell in ("nan", "None", "NULL", "NaN", "null", "NaT", " None ", "undefined", "<NA>", r"\N", "Loading...")
    ),
    *((cell, NOTHING) for cell in ("[NULL]", "<null>", "(blank)", "(Blank)", "Invalid Date", "Invalid date")),
    *((cell, NOTHING) for cell in ("NaN/NaN/NaN", "NaN undefined NaN", "null null")),
    *((cell, NOTHING) for cell in ("Asha undefined", "undefined Rao", "Asha null", "Rs NaN", "Asha None", "Mr NULL")),
    *((cell, FORMULAS) for cell in ("=A1*2", "=SUM(A1:A9)", '="0012"', "=VLOOKUP(A2,B:C,2)", " =1", "=cmd|x")),
    *(
        (cell, BLANKS)
        for cell in ("Asha ", " Asha", "  नमस्ते", "Asha\xa0", "Asha\u200b", "\ufeffAsha", "x \u2060", "9\t")
    ),
    *((cell, FOR_NONE) for cell in DATES_OF_NONE),
    *((cell, TWICE) for cell in ("ZoÃ«", "CafÃ© Rao", "â‚¹500", "Itâ€™s", "Ã‰lan", "à¤¨à¤®", "Â£5", "ðŸ˜€", "SÃ£o")),
    *((cell, TWICE) for cell in ("Zo√´", "‚Çπ500", "It‚Äôs", "‡§®‡•á‡§π‡§æ", "√ëand√∫", "¬£5", "S√£o")),
]


@pytest.mark.parametrize(("cell", "said"), DOUBTFUL)
def test_a_doubtful_cell_is_told_with_line_and_column_and_goes_out(
    exosms: Shell, exotel: FaultyExotel, cell: str, said: str
) -> None:
    text = f"to,name,notes\n9876543211,Ravi,{quoted(cell)}\n9876543210,{quoted(cell)},\n9876543212,{quoted(cell)},\n"
    result = bulk(exosms, exotel, text, *DEAR)
    assert (result.exit_code, texts(exotel)[0]) == (0, (ONE, f"Dear {cell}"))
    assert f"warning: line 3, column name: {shown(cell)!r} looks like " in result.stderr
    assert f"{said} (2 such rows)\n" in result.stderr
    assert result.stderr.count("looks like") == 1
    argv = ("check-template", "--text", "Dear {#var#}", "--csv", "-", "--var", "1={name}", "--delimiter", ",")
    checked = exosms(*argv, stdin=text.encode())
    assert f"{said} (2 such rows)\n" in checked.stderr


def test_blanks_around_the_name_of_a_column_make_no_difference(exosms: Shell, exotel: FaultyExotel) -> None:
    for head in ("\ufeff\ufeffto,name\u200b", " to\t,\xa0name \u2060", "TO,na\u200bme "):
        result = bulk(exosms, exotel, f"{head}\n9876543210,Asha\n", *DEAR, "--sent-before", "send")
        assert result.exit_code == 0, result.stderr
    assert texts(exotel) == [(ONE, "Dear Asha")] * 3


def test_a_row_that_is_left_out_is_not_doubted(exosms: Shell, exotel: FaultyExotel) -> None:
    result = bulk(exosms, exotel, "to,name\n12,nan\n9876543210,Asha\n", *DEAR, "--skip-invalid")
    assert (result.exit_code, texts(exotel)) == (10, [(ONE, "Dear Asha")])
    assert "looks like" not in result.stderr


# --- markers of other notations ---

MARKERS = [
    "{{name}}", "{{ Name }}", "[name]", "((name))", "##name##", "%name%", "$name", "<name>", "%%name%%", "${name}",
    "#name#", "{{first-name}}", "[First Name]", "((FIRST_NAME))", "<first name>", "##firstname##",
    "$_name", "<_first_name>", "[ - name ]", "*|name|*", "*|FNAME|*", "<%= name %>", "<%=first_name%>",
    "&lt;name&gt;", "__name__", "__FIRST_NAME__", "{{contact.name}}", "{{ contact.first_name }}", "[user.name]",
    "${contact.name}", "{{name|upcase}}", '{{ name | default: "you" }}', "%(first name)s",
]  # fmt: skip


@pytest.mark.parametrize("marker", MARKERS)
def test_a_marker_around_the_name_of_a_column_refuses_the_file(
    exosms: Shell, exotel: FaultyExotel, marker: str
) -> None:
    column = "First Name" if "irst" in marker.lower() else "FName" if "FNAME" in marker else "name"
    in_cells = f"to,{column},body\n9876543210,Asha,{quoted(f'Dear {marker}')}\n9876543211,Ravi,Hello\n"
    result = bulk(exosms, exotel, in_cells)
    assert (result.exit_code, result.stdout, texts(exotel)) == (3, "", [])
    assert f"line 2, column body: The text has {marker!r} in it" in result.stderr
    [problem] = bulk(exosms, exotel, in_cells, "--json").json["problems"]
    assert problem["remedy"] == f"To insert the column write {{{column}}} in --body."
    if marker.startswith("${"):
        return  # where {name} is filled in: a price in dollars
    body = bulk(exosms, exotel, f"to,{column}\n9876543210,Asha\n", "--body", f"Dear {marker}")
    assert (body.exit_code, body.stdout, texts(exotel)) == (3, "", [])
    assert "The text has '" in body.stderr
    assert marker.strip("{}").split()[0] in body.stderr
    assert f"To insert the column write {{{column}}}" in body.stderr


@pytest.mark.parametrize("marker", ["[Straße]", "[STRASSE]", "$straße"])
def test_a_column_is_known_in_a_marker_whatever_its_letters_fold_to(
    exosms: Shell, exotel: FaultyExotel, marker: str
) -> None:
    result = bulk(exosms, exotel, "to,Straße\n9876543210,Ring 1\n", "--body", f"To {marker}")
    assert (result.exit_code, result.stdout, texts(exotel)) == (3, "", [])
    assert f"The text has {marker!r} in it" in result.stderr


@pytest.mark.parametrize("column", ["name", "body"])
@pytest.mark.parametrize("marker", ["{#OTP}", "{#FIRST_NAME}", "{{#OTP}}"])
def test_a_half_written_marker_of_dlt_is_a_bad_row(
    exosms: Shell, exotel: FaultyExotel, column: str, marker: str
) -> None:
    text = f"to,{column}\n9876543210,Hi {marker} ok\n9876543211,Ravi\n"
    result = bulk(exosms, exotel, text, *(DEAR if column == "name" else ()))
    assert (result.exit_code, result.stdout, texts(exotel)) == (3, "", [])
    half = marker.replace("{{", "{").replace("}}", "}")
    offset = f"Dear Hi {marker}".index(half) - 5 * (column == "body")
    assert f"line 2, column {column}: The text still has the marker {half} at offset {offset}" in result.stderr


def test_what_a_column_of_texts_has_in_braces_is_not_filled_in(exosms: Shell, exotel: FaultyExotel) -> None:
    result = bulk(exosms, exotel, "to,name,body\n9876543210,Asha,Dear {name}\n9876543211,Ravi,Dear Ravi\n")
    assert (result.exit_code, texts(exotel)) == (3, [])
    assert "line 2, column body: The text has '{name}' in it" in result.stderr
    left_out = bulk(exosms, exotel, "to,name,body\n9876543210,Asha,{name}\n9876543211,Ravi,Hi\n", "--skip-invalid")
    assert (left_out.exit_code, texts(exotel)) == (10, [("+919876543211", "Hi")])


@pytest.mark.parametrize("column", ["Amount (Rs)", "A/c No", "Straße/Nr", "Customer's Name", "राशि (₹)", "100%", "#"])
@pytest.mark.parametrize(
    "marker",
    [
        *("{%s}", "{  %s  }", "{#%s#}", "{# %s #}", "[%s]", "#%s#", "%%%s%%", "%%%%%s%%%%", "${%s}"),
        *("$%s", "%%(%s)s", "*|%s|*", "&lt;%s&gt;", "<%%= %s %%>", "{%s|upcase}", "{%s:.2f}", "{%s!r}"),
    ],
)
def test_a_marker_around_a_name_with_a_sign_refuses_the_file(
    exosms: Shell, exotel: FaultyExotel, marker: str, column: str
) -> None:
    if column in {"100%", "#"} and marker[0] not in "{<&*":
        return  # several signs of the same kind are none, and $5 is a price
    text = f"Pay {marker % column} now"
    result = bulk(exosms, exotel, f"to,{column},body\n9876543210,500,{text}\n9876543211,600,Hello\n")
    assert (result.exit_code, result.stdout, texts(exotel)) == (3, "", [])
    said = (marker % column).strip("$" if "{" in marker else " ")
    assert f"line 2, column body: The text has {said!r} in it" in result.stderr


def test_a_name_that_another_one_begins_with_is_no_obstacle(exosms: Shell, exotel: FaultyExotel) -> None:
    result = bulk(exosms, exotel, "to,A,A/c No,body\n9876543210,1,2,Your {A/c No} is here\n")
    assert (result.exit_code, texts(exotel)) == (3, [])
    assert "line 2, column body: The text has '{A/c No}' in it" in result.stderr


@pytest.mark.parametrize("column", ["#", "%"])
def test_several_signs_of_a_kind_are_no_marker(exosms: Shell, exotel: FaultyExotel, column: str) -> None:
    text = f"{column * 3} SALE {column * 3}"
    result = bulk(exosms, exotel, f"{column},to,body\n1,9876543210,{text}\n")
    assert (result.exit_code, texts(exotel)) == (0, [("+919876543210", text)])


@pytest.mark.parametrize(
    ("text", "marker"),
    [
        (words.format(marker), marker)
        for words in ("[Order {}] has shipped", "<Dear {}>, hello", "((Dear {}, hello))", "##Order {}##")
        for marker in ("{name}", "$name", "%name%")
    ]
    + [("«{name}»", "{name}"), ("[{name}]", "{name}"), ("[$name]", "$name")]
    + [("##a [name] b##", "[name]"), ("<[name]>", "[name]")],
)
def test_a_marker_within_what_only_looks_like_one_refuses_the_file(
    exosms: Shell, exotel: FaultyExotel, text: str, marker: str
) -> None:
    result = bulk(exosms, exotel, f'to,name,body\n9876543210,Asha,"{text}"\n9876543211,Ravi,Hello\n')
    assert (result.exit_code, result.stdout, texts(exotel)) == (3, "", [])
    assert f"line 2, column body: The text has {marker!r} in it" in result.stderr


@pytest.mark.parametrize(
    "text",
    [
        "{other}",
        "[sic]",
        "$5",
        "#1",
        "50% name 50%",
        "<b>",
        "a name",
        "(name)",
        "name#",
        "[PROD] name",
        "$names",
        "#name",
        "{name: Asha} {name:Asha}",
        "my.name.in",
        "(my.name)",
        "__name___ and ___name__",
        "x__name__ and __name__()",
        "name: ____ name",
        "& name; *name*, | name |",
        "50%(name)",
    ],
)
def test_a_text_with_signs_is_a_text(exosms: Shell, exotel: FaultyExotel, text: str) -> None:
    result = bulk(exosms, exotel, f"to,name,body\n9876543210,Asha,{quoted(text)}\n")
    assert (result.exit_code, texts(exotel)) == (0, [(ONE, text)]), result.stderr


# --- the text in a file ---


GIVEN = [
    (
        r"Hi {name},\nBye",
        [r"the text contains a literal \n, which is sent as it is; for a new line use $'…\n…' or a file"],
    ),
    (
        "Dear [Customer Name], %s",
        [f"the text contains {it}, which is sent as it is" for it in ("[Customer Name]", "%s")],
    ),
    ("Dear {{nme}}", ["the text contains {nme}, which is sent as it is"]),
    (
        "@people.csv",
        ["the text is '@people.csv' itself, not the content of that file; to send that, use --body-file people.csv"],
    ),
    ("[{name}] 50%{name}% off: (5 #{name}#)", []),
]


@pytest.mark.parametrize(("body", "said"), GIVEN)
def test_what_may_have_been_meant_for_something_else_is_told_of_texts_as_of_one(
    exosms: Shell, exotel: FaultyExotel, monkeypatch: pytest.MonkeyPatch, body: str, said: list[str]
) -> None:
    monkeypatch.chdir(exosms.home)
    ids = ("--dlt-entity-id", "1101234567890123456", "--dlt-template-id", "1107161234567890123")
    listed = bulk(exosms, exotel, "to,name\n9876543210,[Acme %s]\n", "--body", body, *ids, "--dry-run")
    assert listed.exit_code == 0
    assert [
        line.removeprefix("exosms: warning: ") for line in listed.stderr.splitlines() if "warning" in line
    ] == said


def test_the_text_may_stand_in_a_file(exosms: Shell, exotel: FaultyExotel) -> None:
    file = exosms.home / "body.txt"
    file.write_text("Dear {name},\nbye {{}}\n\n")
    rows = "to,name\n9876543210,Asha\n"
    result = bulk(exosms, exotel, rows, "-F", str(file))
    assert (result.exit_code, texts(exotel)) == (0, [(ONE, "Dear Asha,\nbye {}\n")])
    piped = bulk(exosms, exotel, rows, "--body-file", "-", stdin="Hi {name}\n")
    assert (piped.exit_code, texts(exotel)[-1]) == (0, (ONE, "Hi Asha"))


@pytest.mark.parametrize(
    ("argv", "exit_code", "said"),
    [
        (("-F", "nothing.txt"), 3, "The text file nothing.txt cannot be read: No such file or directory"),
        (("-F", "body.txt", "--body", "x"), 2, "Give either --template, --body or --body-file"),
        (("-F", "body.txt", "-t", "x"), 2, "Give either --template, --body or --body-file"),
        (("-F", "body.txt"), 3, "needs the column 'nme'"),
    ],
)
def test_a_text_file_that_cannot_be_used_sends_nothing(
    exosms: Shell,
    exotel: FaultyExotel,
    monkeypatch: pytest.MonkeyPatch,
    argv: tuple[str, ...],
    exit_code: int,
    said: str,
) -> None:
    monkeypatch.chdir(exosms.home)
    (exosms.home / "body.txt").write_text("Dear {nme}")
    result = bulk(exosms, exotel, "to,name\n9876543210,Asha\n", *argv)
    assert (result.exit_code, result.stdout, texts(exotel)) == (exit_code, "", [])
    assert said in result.stderr


@pytest.mark.parametrize("option", ["-F", "-b"])
def test_standard_input_is_not_both_rows_and_text(exosms: Shell, exotel: FaultyExotel, option: str) -> None:
    result = exosms("bulk", "-", option, "-", "--yes", stdin="to,name\n9876543210,Asha\n")
    assert (result.exit_code, texts(exotel)) == (2, [])
    assert "Standard input cannot be both the rows and the text" in result.stderr


@pytest.mark.parametrize("cell", ["Ash\ufffda", "\ufffd", "नम\ufffd"])
def test_a_lost_character_is_a_bad_row_whatever_is_allowed(exosms: Shell, exotel: FaultyExotel, cell: str) -> None:
    result = bulk(exosms, exotel, f"to,name\n9876543210,{cell}\n", *DEAR, "--allow-damaged", "--allow-empty")
    assert (result.exit_code, texts(exotel)) == (3, [])
    assert "line 2, column name: The cell" in result.stderr
    assert "U+FFFD" in result.stderr
