"""``check-template`` and ``send -t``: whether the operator will let the text through, and if not, where and why."""

import datetime as dt
import json
import re
from pathlib import Path
from typing import Any

import pytest
from conftest import Result, Shell
from misbehaving import Misbehaving, answers
from workbooks import ods, ods_row, ods_text, old, written

TEMPLATES = """
version = 1

[templates.otp]
text = "{#var#} is your OTP for {#var#}. - Acme"
variables = ["code", "app"]
dlt_template_id = "1107161234567890123"
dlt_entity_id = "1101161234567890123"
from = "ACMEIN"
type = "transactional"

[templates.anything]
text = "{#var#} - Acme"

[templates.order]
text = "Order {#numeric#} ships {#alphanumeric#}.\\nThank you"
variables = ["number"]
"""
UNLIKE_ALL = "No registered template has a word in common with this text."
EMPTY = "variable 2 ({#var#}) is empty, which operators may refuse"
GOOD = '{"SMSMessage": {"Sid": "0f477d60517e6e6a0f6d9a7e9af8630e", "Status": "queued"}}'


@pytest.fixture
def file(exosms: Shell) -> Path:
    path = exosms.home / "templates.toml"
    path.write_text(TEMPLATES)
    exosms.env["EXOSMS_TEMPLATES"] = str(path)
    return path


def check(exosms: Shell, *argv: str, **options: Any) -> Result:
    return exosms("check-template", *argv, **options)


def test_a_match_gives_the_values_back(exosms: Shell, file: Path) -> None:
    result = check(exosms, "-t", "otp", "--body", "123456 is your OTP for login. - Acme", "--json")
    assert result.exit_code == 0
    assert result.json == {
        "schema": 1,
        "command": "check-template",
        "exit_code": 0,
        "match": True,
        "template": "otp",
        "values": {"code": "123456", "app": "login"},
        "ambiguous": False,
        "warnings": [],
        "problems": [],
        "fixed": "123456 is your OTP for login. - Acme",
        "error": None,
    }


def test_a_mismatch_says_where_and_why(exosms: Shell, file: Path) -> None:
    result = check(exosms, "-t", "otp", "--body", "123456 is your OTP for login. – Acme", "--json")
    assert (result.exit_code, result.json["match"], result.json["values"]) == (3, False, {})
    [problem] = result.json["problems"]
    assert (problem["kind"], problem["offset"], problem["expected"], problem["found"]) == ("literal", 30, "-", "–")
    assert "U+2013" in problem["explanation"]
    assert problem["cause"] == "dash"


def test_lines_in_a_pipe(exosms: Shell, file: Path) -> None:
    good = check(exosms, "-t", "otp", "--body", "1 is your OTP for x. - Acme")
    assert (good.stdout, good.stderr) == ("match\totp\tcode=1\tapp=x\n", "")
    bad = check(exosms, "-t", "otp", "--body", "1 is your OTP for x. - ACME")
    assert bad.stdout.startswith("mismatch\totp\t23\tliteral\t")
    assert bad.exit_code == 3


def test_without_a_name_the_most_specific_template_wins(exosms: Shell, file: Path) -> None:
    assert check(exosms, "--body", "1 is your OTP for x. - Acme", "--json").json["template"] == "otp"
    assert check(exosms, "--body", "Hello - Acme", "--json").json["template"] == "anything"
    nearest = check(exosms, "--body", "1 is your OTP for x", "--json")
    assert (nearest.exit_code, nearest.json["template"]) == (3, "otp")
    nothing = check(exosms, "--body", "zzz", "--json")
    assert (nothing.exit_code, nothing.json["template"], nothing.json["match"]) == (3, None, False)
    [problem] = nothing.json["problems"]
    assert (problem["kind"], problem["offset"], problem["expected"], problem["found"]) == ("unlike_all", 0, "", "zzz")
    assert problem["explanation"] == UNLIKE_ALL
    assert check(exosms, "--body", "zzz", "-o", "human").stdout == f"mismatch\n\n{UNLIKE_ALL}\n"


def test_a_template_that_matches_as_well_is_told_in_every_format(exosms: Shell, file: Path) -> None:
    file.write_text(TEMPLATES + '[templates.twin]\ntext = "{#var#} is your OTP for {#var#}. - Acme"\n')
    body = ("--body", "1 is your OTP for x. - Acme")
    told = "equally specific, and also matching: twin"
    assert check(exosms, *body, "--json").json["warnings"] == [told]
    assert check(exosms, *body).stderr == f"exosms: warning: {told}\n"


def test_the_text_may_be_given(exosms: Shell) -> None:
    assert check(exosms, "--text", "Dear {#var#}, hi", "--body", "Dear Ravi, hi").exit_code == 0
    assert check(exosms, "--text", "Dear {#var#}, hi", "--body-file", "-", stdin="Dear Ravi, hi\n").exit_code == 0
    assert check(exosms, "--text", "Dear {#var#}, hi", "--body", "Dear Ravi, hi ").exit_code == 3


def test_standard_input_is_read_for_a_dash_alone(exosms: Shell) -> None:
    """A variable of a script that is not set would have another text checked, or wait for somebody to type one."""
    unset = check(exosms, "--text", "Dear {#var#}, hi", "--body-file", "", stdin="Dear Ravi, hi\n")
    assert (unset.exit_code, unset.stdout) == (3, "")
    assert "cannot be read: Is a directory" in unset.stderr


@pytest.mark.parametrize(
    ("argv", "exit_code", "words"),
    [
        (("--body", "a"), 3, "templates.toml"),
        (("--body", "a", "-t", "nosuch"), 3, "nosuch"),
        (("--body", "a", "--templates", "/nonexistent/t.toml"), 3, "/nonexistent/t.toml"),
        (("--body", "a" * 2001, "--text", "{#var#}"), 3, "2001"),
        (("--body", "a", "--text", ""), 3, "empty\n  Copy it from the DLT portal."),
        (("--body", "a", "--text", "a" * 2001), 3, "2001"),
        (("--body-file", "/nonexistent", "--text", "a"), 3, "/nonexistent"),
        (("--text", "a"), 2, "--body"),
        (("--body", "a", "--csv", "x", "--text", "a"), 2, "--body"),
        (("--body", "a", "-t", "otp", "--text", "a"), 2, "--text"),
    ],
)
def test_bad_input_is_one_sentence(exosms: Shell, argv: tuple[str, ...], exit_code: int, words: str) -> None:
    result = check(exosms, *argv, "--json")
    assert result.exit_code == exit_code, result
    assert words in result.stderr
    assert "Traceback" not in result.stderr
    if exit_code == 2:
        assert result.stdout == ""
    else:
        assert (result.json["exit_code"], result.json["match"]) == (3, False)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[templates.x]\ntext = 5", "text"),
        ("[templates.x]\n", "has no text"),
        ("[templates.x]\ntext = 'a'\ntype = 'spam'", "spam"),
        ("[templates.x]\ntext = 'a'\ndlt_template_id = 1107161234567890123", "dlt_template_id"),
        ("[templates.x]\ntext = '{#var#}'\nvariables = ['a', 'b']", "2 variables"),
        ("[templates.x]\ntext = '{#var#} {#var#}'\nvariables = ['a', 'a']", "same name"),
        ("not toml", "is not valid TOML"),
        ("version = 2", "version 2"),
        ("templates = 1", "not a table"),
    ],
)
def test_a_template_file_that_cannot_be_used_is_named(exosms: Shell, file: Path, content: str, words: str) -> None:
    file.write_text(content)
    result = check(exosms, "--body", "a")
    assert result.exit_code == 3
    assert words in result.stderr
    assert str(file) in result.stderr


def test_an_unknown_name_suggests_the_nearest_and_an_id_is_a_name(exosms: Shell, file: Path) -> None:
    assert "did you mean 'otp'" in check(exosms, "-t", "otpp", "--body", "a").stderr
    body = "1 is your OTP for x. - Acme"
    assert check(exosms, "-t", "1107161234567890123", "--body", body, "--json").json["template"] == "otp"


def test_every_row_of_a_csv_is_checked_by_its_physical_line(exosms: Shell, file: Path, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text('to,Code,APP\n1,123,login\n2,"12\n34",web\n3,' + "9" * 31 + ",login\n")
    result = check(exosms, "--csv", str(rows), "-t", "otp", "--json")
    assert (result.exit_code, result.json["counts"]) == (3, {"rows": 3, "matched": 2})
    assert {problem["line"] for problem in result.json["problems"]} == {5}
    plain = check(exosms, "--csv", str(rows), "-t", "otp")
    assert "line 5" in plain.stdout
    assert "2 of 3 rows match" in plain.stderr
    rows.write_text("body\n1 is your OTP for x. - Acme\nOops\n")
    assert check(exosms, "--csv", str(rows), "--json").json["counts"] == {"rows": 2, "matched": 1}
    rows.write_text("to,name\n1,x\n")
    assert "code" in check(exosms, "--csv", str(rows), "-t", "otp").stderr
    rows.write_text('body\n1 is your OTP for x. - Acme\n"never closed\n')
    broken = check(exosms, "--csv", str(rows))
    assert (broken.exit_code, "line 3" in broken.stdout) == (3, True)


def test_a_row_that_names_an_id_is_held_against_the_template_of_that(
    exosms: Shell, file: Path, tmp_path: Path
) -> None:
    """Its text goes out with that id; an id that is not kept here, or that two texts claim, says nothing."""
    twice = "[templates.{}]\ntext = 'Bill {{#var#}} {}'\ndlt_template_id = '1107161234567890128'\n"
    file.write_text(f"{TEMPLATES}\n{twice.format('paid', 'paid')}{twice.format('due', 'due')}")
    rows = tmp_path / "rows.csv"
    texts = ["4711 is your OTP for login. - Acme,1107161234567890123", "Hello - Acme,1107161234567890123"]
    texts += ["Hello - Acme,", "Hello - Acme,1107161234567890129", "Bill 17 due, 1107161234567890128 "]
    rows.write_text("\n".join(["body,DLT Template ID", *texts, ""]))
    result = check(exosms, "--csv", str(rows))
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (3, "exosms: 4 of 5 rows match")
    assert [line.split("\t")[:3] for line in result.stdout.splitlines()] == [["mismatch", "otp", "line 3"]]
    rows.write_text("body,dlt_template_id\n4711 is your OTP for login. - Acme,1107161234567890123\n")
    assert check(exosms, "--csv", str(rows)).exit_code == 0
    assert check(exosms, "--csv", str(rows), "-t", "anything").exit_code == 0  # what is named is meant


def test_every_problem_of_a_csv_has_the_keys_of_one_text(exosms: Shell, file: Path, tmp_path: Path) -> None:
    keys = {"line", "template", "kind", "offset", "expected", "found", "explanation"}
    rows = tmp_path / "rows.csv"
    rows.write_text("code,app\n1,\n2," + "x" * 31 + "\n3\n")
    one = check(exosms, "--csv", str(rows), "-t", "otp", "--json").json
    assert (one["match"], one["template"], one["values"], one["warnings"]) == (False, "otp", {}, [EMPTY])
    assert [(each["line"], each["template"], each["kind"], each["offset"]) for each in one["problems"]] == [
        (2, "otp", "row", None),
        (3, "otp", "length", 18),
        (4, "otp", "row", None),
    ]
    rows.write_text("body\nzzz\n1 is your OTP for x. - ACME\n")
    every = check(exosms, "--csv", str(rows), "--json").json
    assert (every["template"], every["values"]) == (None, {})
    assert [(each["line"], each["template"], each["kind"], each["offset"]) for each in every["problems"]] == [
        (2, None, "unlike_all", 0),
        (3, "otp", "literal", 23),
    ]
    assert all(keys <= each.keys() for each in one["problems"] + every["problems"])
    plain = check(exosms, "--csv", str(rows))
    assert plain.stdout.splitlines()[0] == f"mismatch\t\tline 2\t0\t{UNLIKE_ALL}"


def test_a_csv_is_read_as_bulk_reads_it(exosms: Shell, file: Path, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_bytes("code^app\n1^café\n".encode("windows-1252"))
    how = ("--delimiter", "^", "--csv-encoding", "windows-1252")
    assert check(exosms, "--csv", str(rows), "-t", "otp", *how).exit_code == 0
    told = check(exosms, "--csv", str(rows), "-t", "otp", "--delimiter", "^")
    assert (told.exit_code, "add --csv-encoding windows-1252" in told.stderr) == (3, True)
    assert check(exosms, "--body", "a", "-t", "otp", *how).exit_code == 2


def test_every_flaw_of_a_csv_is_a_problem_with_its_line(exosms: Shell, file: Path, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("to,Code,APP,body\n1,123\n2,,login,\n3,1,login,\n4,1,\ufffd,\n5,1,a,b,c\n")
    result = check(exosms, "--csv", str(rows), "-t", "otp", "--json")
    assert (result.exit_code, result.json["counts"]) == (3, {"rows": 5, "matched": 1})
    found = [(problem["line"], problem["kind"], problem["column"]) for problem in result.json["problems"]]
    assert found == [(2, "row", None), (3, "row", "Code"), (5, "row", "APP"), (6, "row", None)]
    assert "the column body is not used" in result.stderr
    plain = check(exosms, "--csv", "-", "-t", "otp", stdin=rows.read_bytes())
    assert [line.split("\t")[:3] for line in plain.stdout.splitlines()] == [
        ["mismatch", "otp", f"line {line}"] for line in (2, 3, 5, 6)
    ]


VARIABLES = {
    "a fixed text": (("--var", "app=login"), 0, 2),
    "a column": (("--var", "app={Name} at {shop}"), 0, 2),
    "instead of a column": (("--var", "app=a", "--var", "code={Code}{Code}"), 0, 2),
    "braces": (("--var", "app={{x}} {Name}"), 0, 2),
    "what is too long": (("--var", "app={Name}, dear customer of this shop"), 3, 1),
    "a marker of another notation": (("--var", "app=##Name##"), 3, None),
}


@pytest.mark.parametrize(("given", "exit_code", "matched"), VARIABLES.values(), ids=VARIABLES)
def test_variables_of_a_csv_are_given_as_bulk_takes_them(
    exosms: Shell, file: Path, tmp_path: Path, given: tuple[str, ...], exit_code: int, matched: int | None
) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("to,Code,Name,shop\n9876543210,12,Al,Acme\n9876543211,34,Bo,Acme\n".replace("Bo", "Balasubra"))
    result = check(exosms, "--csv", str(rows), "-t", "otp", *given, "--json")
    counts = None if matched is None else {"rows": 2, "matched": matched}
    assert (result.exit_code, result.json.get("counts")) == (exit_code, counts)
    bulk = exosms("bulk", str(rows), "-t", "otp", *given, "-n", "--region", "sandbox", "--from", "ACMEIN")
    assert bulk.exit_code == exit_code


TABLE: list[list[object]] = [
    ["to", "Code", "Due", "Long"],
    [9876543210, 17, dt.date(2026, 11, 26), "x"],
    [9876543211, 18, dt.date(2026, 11, 27), "x" * 31],
]
SHEETS = {
    "XLSX": written(*TABLE),
    "XLS": old(*TABLE),
    "ODS": ods("".join(ods_row(*(ods_text(str(cell)) for cell in row)) for row in TABLE)),
}


@pytest.mark.parametrize("content", SHEETS.values(), ids=SHEETS)
def test_a_sheet_is_checked_as_a_csv_is(exosms: Shell, file: Path, tmp_path: Path, content: bytes) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_bytes(content)
    good = check(exosms, "--csv", str(rows), "-t", "otp", "--var", "app=the {Due}", "--json")
    assert (good.exit_code, good.json["counts"]) == (0, {"rows": 2, "matched": 2})
    bad = check(exosms, "--csv", "-", "-t", "otp", "--var", "app={Long}", stdin=content)
    assert (bad.exit_code, bad.stdout.split("\t")[:3]) == (3, ["mismatch", "otp", "line 3"])
    nowhere = check(exosms, "--csv", str(rows), "-t", "otp", "--var", "app=x", "--sheet", "Nowhere")
    assert (nowhere.exit_code, "Nowhere" in nowhere.stderr) == (3, True)
    assert check(exosms, "--body", "x", "-t", "otp", "--sheet", "Nowhere").exit_code == 2


def test_what_a_sheet_shows_in_another_way_is_told(exosms: Shell, file: Path, tmp_path: Path) -> None:
    rows = tmp_path / "rows.xlsx"
    rows.write_bytes(written(*TABLE))
    otherwise = 'for another form use a column with =TEXT(A2,"dd-mm-yyyy")'
    dates = f"the column 'Due' holds dates, which are written as 2026-12-31; {otherwise}"
    used = check(exosms, "--csv", str(rows), "-t", "otp", "--var", "app={Due}")
    assert used.stderr == f"exosms: warning: {dates} (2 rows)\nexosms: 2 of 2 rows match\n"
    assert check(exosms, "--csv", str(rows), "-t", "otp", "--var", "app={Due}", "--json").json["warnings"] == [dates]
    assert check(exosms, "--csv", str(rows), "-t", "otp", "--var", "app=x").stderr == "exosms: 2 of 2 rows match\n"


BAD_VARIABLES = {
    "a variable of nobody": (("-t", "otp", "--var", "ap=x"), 3, "has no variable 'ap'; did you mean 'app'?"),
    "a column of nobody": (("-t", "otp", "--var", "app={Nam}"), 3, "needs the column 'Nam', which the file does not"),
    "one is missing": (("-t", "otp"), 3, "needs values for app, and the file has no such column"),
    "no template": (("--var", "app=x"), 2, "--var fills the template"),
    "no name": (
        ("-t", "otp", "--var", "12 4"),
        2,
        "are 1, 2, …: --var '1=12 4'. `exosms template show NAME` lists them",
    ),
    "no value": (("-t", "otp", "--var", "=app"), 2, "does not give a new variable a value"),
}


@pytest.mark.parametrize(("given", "exit_code", "said"), BAD_VARIABLES.values(), ids=BAD_VARIABLES)
def test_a_variable_of_a_csv_that_cannot_be_meant_is_refused(
    exosms: Shell, file: Path, tmp_path: Path, given: tuple[str, ...], exit_code: int, said: str
) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("to,Code,Name\n9876543210,12,Al\n")
    result = check(exosms, "--csv", str(rows), *given)
    assert (result.exit_code, result.stdout) == (exit_code, "")
    assert said in result.stderr
    assert exit_code == 2 or str(rows) in result.stderr


def test_variables_go_before_a_column_of_bodies_and_need_a_csv(exosms: Shell, file: Path, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("body,code\nOops,12\n")
    result = check(exosms, "--csv", str(rows), "-t", "otp", "--var", "app=login")
    assert (result.exit_code, "the column body is not used" in result.stderr) == (0, True)
    text = ("--text", "Dear {#var#}, hi", "--var", "1={code}")
    assert check(exosms, "--csv", str(rows), *text).exit_code == 0
    assert check(exosms, "--body", "Dear x, hi", *text).exit_code == 2


@pytest.mark.parametrize("marker", ["[name]", "{#OTP}"])
def test_what_bulk_refuses_in_a_column_of_bodies_does_not_match(exosms: Shell, tmp_path: Path, marker: str) -> None:
    (tmp_path / "list.csv").write_text(f"to,name,body\n9876543210,Asha,Hi {marker} - Acme\n")
    result = exosms("check-template", "--csv", str(tmp_path / "list.csv"), "--text", "Hi {#var#} - Acme")
    assert (result.exit_code, result.stdout.split("\t")[0]) == (3, "mismatch")
    assert marker in result.stdout


def test_a_csv_of_bodies_is_held_against_one_template(exosms: Shell, file: Path, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("to,body\n1,1 is your OTP for x. - Acme\n2,Oops\n3," + "x" * 2001 + "\n")
    result = check(exosms, "--csv", str(rows), "-t", "otp", "--json")
    assert (result.exit_code, result.json["counts"]) == (3, {"rows": 3, "matched": 1})
    assert {problem["line"] for problem in result.json["problems"]} == {3, 4}
    assert "2001" in result.json["problems"][-1]["explanation"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"to,to\n", "two columns"),
        (b"to\n1\n", "no column body"),
        (b"body\ncaf\xe9\n", "0xe9 in line 2"),
        (b"PK\x03\x04", "workbook"),
    ],
)
def test_a_csv_that_cannot_be_read_is_refused_as_a_whole(
    exosms: Shell, file: Path, tmp_path: Path, content: bytes, words: str
) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_bytes(content)
    result = check(exosms, "--csv", str(rows), "--json")
    assert (result.exit_code, result.json["match"]) == (3, False)
    assert words in result.stderr


def test_a_person_sees_the_texts_one_above_the_other(exosms: Shell, file: Path) -> None:
    """Wide and combining characters keep the marks in their place."""
    result = check(exosms, "--text", "नमस्ते 😀 {#var#}. - Acme", "--body", "नमस्ते 😀 रवि.  - Acme", "-o", "human")
    lines = result.stdout.splitlines()
    registered = next(line for line in lines if line.startswith("registered"))
    body = next(line for line in lines if line.startswith("your text"))
    marks = next(line for line in lines if line.strip(" ^") == "" and "^" in line)
    from rich.cells import cell_len

    assert registered.endswith("- Acme")
    assert "␣" in body
    assert cell_len(body[: body.index("␣")]) == marks.index("^")


LONG = "Dear {#var#}, " + "thank you for your order number. " * 4 + "- Acme"
SIGHTS = [
    # registered text, body, what stands above the marks in the body
    ("नमस्ते 😀 {#var#}. - Acme", "नमस्ते 😀 रवि.  - Acme", "␣"),
    ("प्रिय {#var#}, आपका ओटीपी {#var#} है।", "प्रिय रवि, आपका पिन 1234 है।", "पिन"),
    ("全角 {#var#} 注文", "全角 ラヴィ 发货", "发货"),
    ("Caf\u00e9 {#var#} 👨‍👩‍👧 ok", "Cafe\u0301 x 👨‍👩‍👧 OK", "e\u0301"),
    ("प्रिय {#var#}", "प्\u200dरिय x", "\\u200d"),
    ("e\u0301" * 30 + " {#var#}.", "e\u0301" * 30 + " Ravi!", "!"),
    (LONG, LONG.replace("{#var#}", "Ravi").replace("Acme", "Acne"), "Acne"),
    ("Hi {#var#}, bye", "Hi " + "😀" * 31 + ", bye", None),
    ("Hi {#var#}, bye", "Hi " + "long " * 80 + ", bye", None),
    ("Hi {#var#}" + ", and some more" * 30, "Hi Ravi", None),
]


@pytest.mark.parametrize("columns", [40, 80, 200])
@pytest.mark.parametrize(("registered", "body", "marked"), SIGHTS)
def test_the_marks_stand_below_the_difference_on_every_terminal(
    exosms: Shell, columns: int, registered: str, body: str, marked: str | None
) -> None:
    from rich.cells import cell_len

    env = {"COLUMNS": str(columns)}
    result = check(exosms, "--text", registered, "--body", body, "-o", "human", env=env)
    lines = result.stdout.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("registered  "))
    above, below, marks = lines[start : start + 3]
    assert set(marks) == {" ", "^"}
    assert [cell_len(line) for line in (above, below, marks) if cell_len(line) > columns] == []
    if marked is not None:
        assert marks.index("^") == cell_len(below[: below.rindex(marked)])
        assert marks.count("^") >= cell_len(marked)


def test_what_is_left_out_is_left_out_once(exosms: Shell) -> None:
    registered = "Dear {#var#}, your order {#var#} has been shipped and will reach you by {#var#}. Thank you - Acme"
    body = "Dear Asha,  your order 17 has been shipped and will reach you by monday. Thankyou - Acme"
    for columns in range(36, 100):
        result = check(exosms, "--text", registered, "--body", body, "-o", "human", env={"COLUMNS": str(columns)})
        assert not re.search("… ?…", result.stdout), result.stdout


def send(exosms: Shell, *argv: str) -> Result:
    return exosms("send", "--region", "sandbox", "--to", "9876543210", *argv)


def test_send_renders_checks_and_fills_in_from_the_registry(exosms: Shell, file: Path) -> None:
    env = {
        "EXOTEL_ACCOUNT_SID": "acme1",
        "EXOTEL_API_KEY": "key",
        "EXOTEL_API_TOKEN": "token",
        "EXOTEL_FROM": "OTHERS",
    }
    with Misbehaving(answers(200, GOOD)) as server:
        argv = ("--to", "9876543210", "-t", "otp", "--var", "code=123", "--var", "app=login")
        result = exosms("send", *argv, "--base-url", server.url, "--json", env=env)
        assert result.exit_code == 0, result
        assert server.connections[0].form == {
            "From": "ACMEIN",
            "To": "+919876543210",
            "Body": "123 is your OTP for login. - Acme",
            "EncodingType": "plain",
            "DltEntityId": "1101161234567890123",
            "DltTemplateId": "1107161234567890123",
            "SmsType": "transactional",
        }
    assert result.json["messages"][0]["template"] == "otp"


@pytest.mark.parametrize(
    ("argv", "exit_code", "words"),
    [
        (("-t", "otp", "--var", "code=1"), 3, "app"),
        (("-t", "otp", "--var", "code=1", "--var", "app=x", "--var", "ap=y"), 3, "did you mean 'app'"),
        (("-t", "otp", "--var", "code=1", "--var", "app=" + "x" * 31), 3, "31"),
        (("-t", "nosuch"), 3, "nosuch"),
        (("-t", "otp", "--body", "1 is your OTP for x. - ACME"), 3, "ACME"),
        (("-t", "otp", "--var", "code"), 2, "code"),
        (("--var", "code=1", "--body", "x"), 2, "--var"),
        (("-t", "otp", "--var", "a=1", "--var", "a=2"), 2, "a=2"),
        (("--fit", "--body", "x"), 2, "--fit"),
    ],
)
def test_what_does_not_match_never_leaves(
    exosms: Shell, file: Path, argv: tuple[str, ...], exit_code: int, words: str
) -> None:
    result = send(exosms, *argv)
    assert result.exit_code == exit_code, result
    assert words in result.stderr
    assert exosms("log").stdout == ""
    if exit_code == 3:
        [message] = send(exosms, *argv, "--json").json["messages"]
        assert (message["outcome"], message["template"]) == ("rejected", argv[1])


MARKED = {
    "##name##": "Dear ##name## your otp is ##otp## - ACME",
    "#VAR1#": "Dear #VAR1#, your otp is #VAR2# - ACME",
    "XXXX": "Dear XXXX, your otp is {#var#} - ACME",
    "((name))": "Dear ((name)), your otp is {#var#} - ACME",
    "{{name}}": "Dear {{name}}, your otp is {#var#} - ACME",
    "[name]": "Dear [name], your otp is [otp] - ACME",
    "%name%": "Dear %name%, your otp is {#var#} - ACME",
    "$name": "Dear $name, your otp is {#var#} - ACME",
    "%%|name^{}%%": "Dear %%|name^{}%%, your otp is {#var#} - ACME",
    "{name}": "Dear {name}, your otp is {#var#} - ACME",
    "{#var}": "Dear {#var}, your otp is {#var#} - ACME",
    "{#var#": "Dear {#var#, your otp is {#var#} - ACME",
}


@pytest.mark.parametrize(("marker", "text"), MARKED.items(), ids=MARKED)
def test_a_template_with_a_marker_that_dlt_does_not_know_sends_nothing(
    exosms: Shell, file: Path, marker: str, text: str
) -> None:
    file.write_text(f"{TEMPLATES}\n[templates.odd]\ntext = '{text}'\ndlt_template_id = '1107161234567890999'\n")
    for named in ("odd", "1107161234567890999"):
        result = send(exosms, "-t", named, "--body", text.replace("{#var#}", "1"))
        assert (result.exit_code, exosms("log").stdout) == (3, "")
        assert f"{file}: template 'odd': {marker} at offset 5 " in result.stderr
        assert "Write {#var#}, or a typed marker such as {#numeric#}" in result.stderr
    one = check(exosms, "-t", "odd", "--body", text, "--json")
    assert (one.exit_code, one.json["match"]) == (3, False)
    assert one.json["error"]["message"].startswith(f"{file}: template 'odd': {marker} at offset 5 ")
    given = check(exosms, "--text", text, "--body", text)
    assert (given.exit_code, given.stdout) == (3, "")
    assert f"error: {marker} at offset 5 " in given.stderr
    others = check(exosms, "--body", "1 is your OTP for x. - Acme")
    assert (others.exit_code, others.stdout) == (0, "match\totp\tcode=1\tapp=x\n")
    assert others.stderr.startswith(f"exosms: warning: {file}: template 'odd': {marker} at offset 5 ")


@pytest.mark.parametrize(
    "value", ["##name##", "{{name}}", "[name]", "((name))", "%name%", "$name", "#NAME#", "<name>"]
)
def test_a_marker_that_stands_for_a_value_is_no_value(exosms: Shell, file: Path, value: str) -> None:
    result = check(exosms, "-t", "otp", "--body", f"{value} is your OTP for login. - Acme", "--json")
    assert result.exit_code == 3
    [problem] = result.json["problems"]
    assert (problem["kind"], problem["offset"], problem["found"], problem["replacement"]) == (
        "unfilled",
        0,
        value,
        None,
    )


@pytest.mark.parametrize("value", ["Mr [name]", "for $name", "a %name%", "x ((name))", "a {name} b", "no #NAME#"])
def test_a_marker_inside_a_value_is_warned_about(exosms: Shell, file: Path, value: str) -> None:
    result = check(exosms, "-t", "otp", "--body", f"{value} is your OTP for login. - Acme", "--json")
    marker = next(word for word in value.split() if not word.isalpha())
    assert (result.exit_code, result.json["warnings"]) == (
        0,
        [
            f"Variable 1 ({{#var#}}) contains {marker}, which reads as a marker that nothing filled in: {value!r}",
        ],
    )


def test_a_percentage_before_a_word_is_text(exosms: Shell, file: Path) -> None:
    text = "Flat 50%discount at Acme"
    assert check(exosms, "--text", text, "--body", text) == Result(0, "match\t\n", "")
    file.write_text(f'[templates.sale]\ntext = "{text}"\n')
    result = send(exosms, "-n", "-t", "sale", "--json")
    assert (result.exit_code, [message["text"] for message in result.json["messages"]]) == (0, [text])


@pytest.mark.parametrize("value", ["$5", "#1", "XXXX", "A/c XXXX1234", "Rs. 500/-", "50%", "[1]", "[PROD]", "C#"])
def test_prices_and_masked_numbers_are_values(exosms: Shell, file: Path, value: str) -> None:
    assert check(exosms, "-t", "otp", "--body", f"{value} is your OTP for {value}. - Acme").exit_code == 0


def test_a_marker_without_braces_is_read_with_a_warning(exosms: Shell, file: Path) -> None:
    text = "#numeric# is your OTP for #alphanumeric#. - Acme"
    result = check(exosms, "--text", text, "--body", "4711 is your OTP for login. - Acme", "--json")
    assert (result.exit_code, result.json["values"]) == (0, {"1": "4711", "2": "login"})
    assert [warning.split(";")[0] for warning in result.json["warnings"]] == [
        "#numeric# is read as {#numeric#}",
        "#alphanumeric# is read as {#alphanumeric#}",
    ]
    assert check(exosms, "--text", text, "--body", "4a is your OTP for login. - Acme").exit_code == 3
    assert check(exosms, "--text", text, "--body", "#numeric# is your OTP for login. - Acme").exit_code == 3


def test_a_given_body_that_matches_goes_out_as_it_is(exosms: Shell, file: Path) -> None:
    assert send(exosms, "-t", "otp", "--body", "1 is your OTP for x. - Acme").exit_code == 0


def test_of_a_text_that_values_make_the_value_at_fault_is_told(exosms: Shell, file: Path, tmp_path: Path) -> None:
    """Also where it has words of the template, which the text alone would be taken for."""
    value = "Acme Shop. - Acme Pay and Acme Bank too"
    told = f'Variable 2 ({{#var#}}) is too long: "{value}" has 39 characters, but only 30 fit: 9 too many.'
    cut = "Give it any text of up to 30 characters."
    result = send(exosms, "-t", "otp", "--var", "code=4711", "--var", f"app={value}")
    why = f"The text does not match the template 'otp' at offset 21. {told}"
    assert result == Result(3, f"rejected\t9876543210\t\t{why}\n", f"exosms: error: {why}\n  {cut}\n")
    rows = tmp_path / "rows.csv"
    rows.write_text(f"to,code,app\n9876543210,4711,{value}\n")
    result = check(exosms, "--csv", str(rows), "-t", "otp")
    assert (result.exit_code, result.stdout) == (3, f"mismatch\totp\tline 2\t21\t{told} {cut}\n")
    result = exosms("bulk", str(rows), "-n", "-t", "otp", "--region", "sandbox")
    assert result.exit_code == 3
    named = f"exosms: error: line 2, column app: The text does not match the template 'otp'. {told}\n  {cut}\n"
    assert result.stderr.startswith(named)


def test_fit_cuts_values_and_says_so(exosms: Shell, file: Path) -> None:
    result = send(exosms, "-t", "otp", "--var", "code=1", "--var", "app=" + "h" * 40 + "\nx", "--fit", "--json")
    assert result.exit_code == 0, result
    assert "cut" in result.stderr
    assert json.loads(result.stdout)["messages"][0]["segments"] == 1


def test_variables_without_names_are_numbered(exosms: Shell, file: Path) -> None:
    assert send(exosms, "-t", "order", "--var", "number=7", "--var", "2=today").exit_code == 0
    assert send(exosms, "-t", "anything", "--var", "1=Hello").exit_code == 0


def test_a_csv_without_rows_proves_nothing(exosms: Shell, file: Path, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("code,app\n")
    result = check(exosms, "--csv", str(rows), "-t", "otp")
    assert (result.exit_code, result.stdout) == (3, "")
    assert "rows.csv has no rows below its headers" in result.stderr


def test_warnings_about_rows_are_counted(exosms: Shell, file: Path, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text('code,app\n1234,"a\nb"\n1235,"c\nd"\n')
    result = check(exosms, "--csv", str(rows), "-t", "otp", "--json")
    assert (result.exit_code, len(result.json["warnings"])) == (0, 1)
    assert "line break" in result.json["warnings"][0]
    assert "(2 rows)" in check(exosms, "--csv", str(rows), "-t", "otp").stderr


def test_texts_of_a_file_are_warned_of_as_one_text_is(exosms: Shell, file: Path, tmp_path: Path) -> None:
    file.write_text("""
[templates.otp]
text = "Your OTP is {#var#}"
[templates.code]
text = "{#VAR#} is your code."
""")
    rows = tmp_path / "rows.csv"
    rows.write_text("body\nYour OTP is 12. Thanks\nYour OTP is 34\nYour OTP is 12. Thanks\n56 is your code.\n")
    edge = "takes in what stands at the end of the text, which operators may refuse: '12. Thanks'"
    marker = "{#VAR#} is not a known marker; it is read as {#var#}"
    told = [f"Variable 1 ({{#var#}}) {edge}", marker]
    result = check(exosms, "--csv", str(rows), "--json")
    assert (result.exit_code, result.json["warnings"]) == (0, told)
    assert check(exosms, "--csv", str(rows)) == Result(
        0, "", f"exosms: warning: {told[0]} (2 rows)\nexosms: warning: {marker} (1 row)\nexosms: 4 of 4 rows match\n"
    )
    rows.write_text("body\n" + "".join(f"Your OTP is {number}.\n" for number in range(60)))
    result = check(exosms, "--csv", str(rows), "-t", "otp")
    assert (len(result.stderr.splitlines()), "and 44 more warnings" in result.stderr) == (9, True)


SEVEN = "Dear {#var#}, your order {#var#} has shipped. It will arrive today. Call us for more help. Thank you! - Acme"
SEVEN_WRONG = "Hello Asha, the order 17 was shipped. It may arrive now. Mail us for some help. Thank you! - Acme"


def test_a_person_sees_all_differences_in_one_drawing_five_of_them_in_words_and_the_text_as_it_should_be(
    exosms: Shell,
) -> None:
    result = check(exosms, "--text", SEVEN, "--body", SEVEN_WRONG, "-o", "human", env={"COLUMNS": "70"})
    assert (
        result.stdout
        == """\
mismatch

registered  Dear  {#var#}, your order {#var#} has shipped. It will
your text   Hello    Asha, the       order 17 was shipped. It may
            ^^^^^          ^^^^               ^^^             ^^^^
registered   arrive today. Call us for more help. Thank you! - Acme
your text    arrive now  . Mail us for some help. Thank you! - Acme
                    ^^^^^  ^^^^        ^^^^

"Hello" should be "Dear" at the beginning, in "Hello Asha,".
Replace "Hello" with "Dear" at offset 0.

"the" should be "your" in "Asha, the order".
Replace "the" with "your" at offset 12.

"was" should be "has" in "17 was shipped.".
Replace "was" with "has" at offset 25.

"may" should be "will" in "It may arrive".
Replace "may" with "will" at offset 41.

"now" should be "today" in "arrive now. Mail".
Replace "now" with "today" at offset 52.

and 2 more

The text as it should be:
Dear Asha, your order 17 has shipped. It will arrive today. Call us for more help. Thank you! - Acme
"""
    )


@pytest.mark.parametrize(
    ("registered", "body", "fixed", "exit_code"),
    [
        ("Hi {#var#},\nbye", "Hi Ravi,\nbye", "Hi Ravi,\nbye\n", 0),
        ("Hi {#var#},\nbye", "Hello Ravi, bye", "Hi Ravi,\nbye\n", 3),
        ("{#var#} is your OTP.", "Your OTP is 12.", "12 is your OTP.\n", 3),
        ("Hi {#var#}, bye", "Hi {#var#}, bye", "", 3),
    ],
)
def test_fix_prints_only_the_text_as_it_should_be(
    exosms: Shell, registered: str, body: str, fixed: str, exit_code: int
) -> None:
    result = check(exosms, "--fix", "--text", registered, "--body", body)
    assert (result.exit_code, result.stdout) == (exit_code, fixed)
    assert bool(result.stderr) is (not fixed)
    document = check(exosms, "--fix", "--text", registered, "--body", body, "--json").json
    assert document["fixed"] == (fixed.removesuffix("\n") or None)


def test_what_only_a_person_can_fix_is_told(exosms: Shell) -> None:
    result = check(exosms, "--fix", "--text", "Hi {#var#}, bye", "--body", "Hello {#var#}, bye")
    assert result.stderr == (
        "exosms: error: The text cannot be mended without you\n"
        '  Variable 1 ({#var#}) was not filled in: the body still has the marker "{#var#}".'
        ' Replace "{#var#}" with its value.\n'
    )
    assert check(exosms, "--fix", "--text", "Hi", "--csv", "-").exit_code == 2


@pytest.mark.parametrize(
    ("registered", "body", "told"),
    [
        ("Hello, your OTP is {#var#}", "Hello, your OTP is 4711.", "1 ({#var#}) takes in what stands at the end"),
        ("Hello, your OTP is {#var#}", "Hello, your OTP is 4711 thanks", "'4711 thanks'"),
        ("Hello, your OTP is {#var#}", "Hello, your OTP is 4711. Team Acme", "'4711. Team Acme'"),
        ("Hello, your OTP is {#var#}", "Hello, your OTP is 4711 ", "'4711 '"),
        ("{#var#} is your OTP", "Hi, 4711 is your OTP", "takes in what stands at the beginning"),
        (
            "Track it at {#var#}. - ACME",
            "Track it at https://a.in/x. Thank you. - ACME",
            "1 ({#var#}) takes in what stands behind the end of a sentence, which operators may refuse: 'Thank you'",
        ),
        ("{#var#} is your OTP", "Your code 4711 is your OTP", "'Your code 4711'"),
        ("Hello, your OTP is {#var#}", "Hello, your OTP is 4711", ""),
        ("Meet {#var#}", "Meet Dr. Rao", ""),
        ("{#var#}, welcome", "Ravi Kumar, welcome", ""),
        ("Valid for {#var#}", "Valid for 10 minutes", ""),
        ("Due on {#var#}", "Due on 12 May 2026", ""),
        ("Pay Rs. {#var#}", "Pay Rs. 1,250.00", ""),
        ("Your OTP is {#num#}", "Your OTP is 4711", ""),
    ],
)
def test_a_value_that_takes_in_what_stands_at_an_edge_is_a_match_with_a_warning(
    exosms: Shell, registered: str, body: str, told: str
) -> None:
    result = check(exosms, "--text", registered, "--body", body)
    assert result.exit_code == 0
    assert (told in result.stderr, bool(result.stderr)) == (True, bool(told))


@pytest.mark.parametrize(
    ("registered", "body", "told"),
    [
        (
            "Order {#var#} is due",
            "Order “A1” is due",
            (
                "exosms: warning: in a value, “ (U+201C LEFT DOUBLE QUOTATION MARK) at offset 6,"
                " ” (U+201D RIGHT DOUBLE QUOTATION MARK) at offset 9 make the text Unicode\n"
            ),
        ),
        ("Order {#var#} is “due”", "Order “A1” is “due”", ""),
        ("Order {#var#} is due", "Order ऑर्डर है is due", ""),
    ],
)
def test_a_value_that_alone_makes_the_text_unicode_is_warned_of(
    exosms: Shell, registered: str, body: str, told: str
) -> None:
    result = check(exosms, "--text", registered, "--body", body)
    assert (result.exit_code, result.stderr) == (0, told)


def test_values_that_were_given_have_taken_in_nothing(exosms: Shell, file: Path) -> None:
    file.write_text('[templates.otp]\ntext = "Your OTP is {#var#}"\n')
    assert "takes in" not in send(exosms, "-n", "--from", "ACMEIN", "-t", "otp", "--var", "1=4711.").stderr
    assert "takes in" in send(exosms, "-n", "--from", "ACMEIN", "-t", "otp", "--body", "Your OTP is 4711.").stderr
