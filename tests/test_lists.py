"""Lists as people keep and export them: what becomes of each through ``exosms bulk``."""

import sqlite3
from contextlib import closing
from typing import Any

import pytest
from conftest import ACCOUNT, Result, Shell
from faulty import FaultyExotel

ONE = "+919876543210"


def bulk(exosms: Shell, exotel: FaultyExotel, text: str, *argv: str, **options: Any) -> Result:
    path = exosms.home / "people.csv"
    path.write_bytes(text.encode())
    env = {**ACCOUNT, "EXOSMS_BASE_URL": exotel.url}
    return exosms("bulk", str(path), "--yes", "--rate", "off", *argv, env=env, **options)


def texts(exotel: FaultyExotel) -> list[tuple[str, str]]:
    return sorted(key for key, deeds in exotel.deeds.items() for _ in deeds)


HELLO = ("--body", "Hello")
DEAR = ("--body", "Dear {name}")

# --- no rows and no columns ---

SPARSE = {
    "separators at the end": "phone,name\n9876543210,Asha\n,\n,\n",
    "separators in the middle": "phone,name\n,\n9876543210,Asha\n,,\n",
    "separators above": ",,\n,\nphone,name\n9876543210,Asha\n",
    "spaces": "phone,name\n   \n9876543210,Asha\n  ,\t\n",
    "empty quotes": 'phone,name\n"",""\n9876543210,Asha\n""\n',
    "no-break spaces": "phone,name\n\u00a0,\u00a0\n9876543210,Asha\n\u3000\n",
    "quoted line breaks": 'phone,name\n"\n",""\n9876543210,Asha\n',
    "semicolons": "phone;name\n;\n9876543210;Asha\n;;\n",
    "unnamed columns before": ",,,phone,name\n,,,9876543210,Asha\n",
    "unnamed columns behind": "phone,name,,,\n9876543210,Asha,,,\n",
    "unnamed columns between": "phone,, ,name\n9876543210,,,Asha\n",
    "unnamed columns that some rows leave out": "phone,name,,\n9876543210,Asha\n,,\n",
    "unnamed columns in quotes": '"phone","name",""\n"9876543210","Asha",""\n"","",""\n',
    "all of them": ',,,\n,phone,name,\n"",9876543210,Asha,\n,,,\n\n',
}


@pytest.mark.parametrize("text", SPARSE.values(), ids=SPARSE)
def test_what_is_blank_is_no_row_and_no_column(exosms: Shell, exotel: FaultyExotel, text: str) -> None:
    result = bulk(exosms, exotel, text, *DEAR)
    assert (result.exit_code, texts(exotel)) == (0, [(ONE, "Dear Asha")]), result.stderr
    assert "not used" not in result.stderr


def test_a_cell_without_a_column_and_a_row_of_another_width_are_not_blank(
    exosms: Shell, exotel: FaultyExotel
) -> None:
    unnamed = bulk(exosms, exotel, "phone,name,\n9876543210,Asha,\n9876543211,Ravi,late\n", *DEAR)
    assert (unnamed.exit_code, texts(exotel)) == (3, [])
    assert "column 3 has no name, but line 3 has 'late' there" in unnamed.stderr
    wide = bulk(exosms, exotel, "phone,name\n9876543210,Dear Ravi,\n", *DEAR)
    assert (wide.exit_code, texts(exotel)) == (3, [])
    assert "has 3 cells instead of 2" in wide.stderr


# --- the first line ---

HEADLESS = [
    "9876543210\n9876543211\n",
    "9876543210,Asha\n9876543211,Ravi\n",
    "Asha,+91 98765 43210\nRavi,9876543211\n",
    "'9876543210,Asha\n'9876543211,Ravi\n",
    '="9876543210",Asha\n="9876543211",Ravi\n',
    "९८७६५४३२१०,Asha\n",
    "9876543210.0,Asha\n",
    "9.88E+09,Asha\n",
    "9876543210,,\n9876543211,,\n",
    "9876543210,9876543210\n",
    ",\n9876543210,Asha\n",
    "+14155552671;Asha\n",
]


@pytest.mark.parametrize("text", HEADLESS)
@pytest.mark.parametrize("argv", [HELLO, (*HELLO, "--to-column", "9876543210"), (*HELLO, "--skip-invalid")])
def test_a_first_line_that_is_data_loses_nobody(
    exosms: Shell, exotel: FaultyExotel, text: str, argv: tuple[str, ...]
) -> None:
    result = bulk(exosms, exotel, text, *argv)
    assert (result.exit_code, result.stdout, texts(exotel)) == (3, "", [])
    assert "the first line is data, not the names of the columns: " in result.stderr
    assert "Add a line `to` above it" in result.stderr


def test_a_name_that_is_a_small_number_is_a_name(exosms: Shell, exotel: FaultyExotel) -> None:
    result = bulk(exosms, exotel, "phone,2026,1,98765\n9876543210,a,b,c\n", "--body", "{2026}{1}{98765}")
    assert (result.exit_code, texts(exotel)) == (0, [(ONE, "abc")])


# --- the column of the recipients ---

NAMES = [
    "to", "Phone", "MOBILE", "msisdn", "Recipient", "contact", "Number",
    "Mobile No", "Mobile No.", "Phone Number", "Contact No.", "MSISDN", "mobile_number", "Phone-Num",
    "phone (number)", " Mobile\u00a0no ", "Contact Number:", "Recipient No", "to number", "Phone 1",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_column_of_recipients_is_known_by_its_name(exosms: Shell, exotel: FaultyExotel, name: str) -> None:
    result = bulk(exosms, exotel, f"id,{name},name\n17,9876543210,Asha\n", *DEAR)
    assert (result.exit_code, texts(exotel)) == (0, [(ONE, "Dear Asha")]), result.stderr


@pytest.mark.parametrize("name", ["Telephone", "phones", "Mobile phone", "Contact person", "Order number", "tonnage"])
def test_no_other_column_is_taken_for_it(exosms: Shell, exotel: FaultyExotel, name: str) -> None:
    result = bulk(exosms, exotel, f"{name},name\n9876543210,Asha\n", *DEAR)
    assert (result.exit_code, texts(exotel)) == (3, [])
    assert f"Give the column of phone numbers with --to-column. Its columns are: {name}, name." in result.stderr


@pytest.mark.parametrize(
    ("content", "options"),
    [
        ("Acme 2026\nmobile,name\n9876543210,Asha\n", DEAR),
        ("Acme 2026,,\n,,\nmobile,name\n9876543210,Asha\n", DEAR),
        ("Acme 2026\nmobile\n9876543210\n", ("-b", "Hello")),
    ],
)
def test_a_title_above_the_names_of_columns_is_pointed_out(
    exosms: Shell, exotel: FaultyExotel, content: str, options: tuple[str, ...]
) -> None:
    result = bulk(exosms, exotel, content, *options)
    assert (result.exit_code, texts(exotel)) == (3, [])
    title = "Its columns are: Acme 2026. If that is a title, delete what stands above the names of the columns."
    assert title in result.stderr


CANDIDATES = [
    ("contact,phone,name\nMs Rao,9876543210,Asha\n", ONE),
    ("Number,Mobile No,name\n17,9876543210,Asha\n,9876543211,Ravi\n", ONE),
    ("to,contact,name\n9876543210,Ms Rao,Asha\n12345,Mr Rao,Ravi\n", ONE),
    ("phone,mobile,name\n,9876543210,Asha\n,9876543211,Ravi\n", ONE),
    ("phone,mobile,contact,name\n-,9876543210,Asha R,Asha\n", ONE),
    ("phone,mobile,name\n9876543210,9876543211,Asha\n", None),
    ("phone,to,name\n9876543210,9876543210,Asha\n", None),
    ("phone 1,phone 2,name\n9876543210,9876543211,Asha\n", None),
    ("phone,mobile,name\n12345,54321,Asha\n", None),
    ("phone,mobile,name\n,,Asha\n", None),
    ("mobile,phone,name\n9.19877E+11,9876543210,Asha\n9.19876E+11,9876543211,Ravi\n", None),
    ("mobile,phone,name\n#########,9876543210,Asha\n#########,9876543211,Ravi\n", None),
    ("mobile,phone,name\n#REF!,9876543210,Asha\n#N/A,9876543211,Ravi\n,9876543212,Mina\n", None),
    ("contact,phone,name\n#N/A,9876543210,Asha\nMs Rao,9876543211,Ravi\n", ONE),
    ("number,phone,name\nA-12E4,9876543210,Asha\n1.5,9876543211,Ravi\n", ONE),
    ("contact,phone,name\n9876543211,9876543210,Asha\nMr Rao,9876543212,Ravi\n", None),
    ("mobile,phone,name\n9876543211,9876543210,Asha\nNA,9876543212,Ravi\n0,9876543213,Mina\n", None),
    ("contact,phone,name\nNA,9876543210,Asha\n0,9876543211,Ravi\n", ONE),
]


@pytest.mark.parametrize(("text", "first"), CANDIDATES)
def test_of_two_columns_it_is_the_one_that_holds_numbers(
    exosms: Shell, exotel: FaultyExotel, text: str, first: str | None
) -> None:
    result = bulk(exosms, exotel, text, *DEAR, "--skip-invalid")
    if first:
        assert result.exit_code in {0, 10}
        assert texts(exotel)[0] == (first, "Dear Asha")
        return
    assert (result.exit_code, texts(exotel)) == (3, [])
    one, other, *_ = text.split(",")
    assert f"The recipients may be in the column {one!r} or in {other!r}\n" in result.stderr
    assert "Say which one with --to-column" in result.stderr
    assert bulk(exosms, exotel, text, *DEAR, "--to-column", one, "-n").exit_code in {0, 3}


@pytest.mark.parametrize(
    ("country", "mobile", "phone"),
    [
        ("DE", "4915123456789", "+493012345678"),
        ("IN", "971501234567", "9876543210"),
        ("SG", "919876543210", "81234567"),
        ("AE", "919876543210", "0501234567"),
    ],
)
def test_numbers_that_lack_a_plus_sign_are_numbers_of_their_column(
    exosms: Shell, exotel: FaultyExotel, country: str, mobile: str, phone: str
) -> None:
    config = exosms.home / "config.toml"
    config.write_text(f'version = 1\n[profiles.abroad]\ncountry = "{country}"\n')
    config.chmod(0o600)
    exosms.env["EXOSMS_CONFIG"] = str(config)
    result = bulk(exosms, exotel, f"mobile,phone\n{mobile},{phone}\n", *HELLO, "-p", "abroad", "-n")
    assert (result.exit_code, result.stdout) == (3, "")
    assert "The recipients may be in the column 'mobile' or in 'phone'\n" in result.stderr


@pytest.mark.parametrize(
    "cell",
    [
        "9876543210, 9876543211", "98765 43210 / 98765 43211", "9876543210 (Father)", "Mob: +91-9876543210",
        "9876543210 9876543211", "9876543210-9876543211", "98765-43210 98765-43211", "9,876,543,210",
    ],
)  # fmt: skip
def test_a_column_of_cells_with_more_than_a_number_is_not_passed_over(
    exosms: Shell, exotel: FaultyExotel, cell: str
) -> None:
    result = bulk(exosms, exotel, f'Mobile,Contact\n"{cell}",9812345678\n', *HELLO, "-n")
    assert (result.exit_code, result.stdout) == (3, "")
    assert "The recipients may be in the column 'Mobile' or in 'Contact'\n" in result.stderr


@pytest.mark.parametrize(("flawed", "code"), [(1, 10), (2, 3), (3, 3)])
def test_a_column_is_not_taken_where_nothing_told_which_one(
    exosms: Shell, exotel: FaultyExotel, monkeypatch: pytest.MonkeyPatch, flawed: int, code: int
) -> None:
    monkeypatch.setattr("exosms.bulk.row_message._FEW", 2)
    text = "phone,mobile,name\n" + "too,few\n" * flawed + ",9876543210,Asha\n"
    result = bulk(exosms, exotel, text, *DEAR, "--skip-invalid")
    assert (result.exit_code, len(texts(exotel))) == (code, code == 10)
    assert ("The recipients may be in the column 'phone' or in 'mobile'\n" in result.stderr) == (code == 3)


def test_columns_that_are_far_apart_are_told_from_a_pipe_too(exosms: Shell, exotel: FaultyExotel) -> None:
    rows = "".join(f"Shop {n},98765{n:05d}\n" for n in range(3000))
    env = {**ACCOUNT, "EXOSMS_BASE_URL": exotel.url}
    result = exosms("bulk", "-", "-n", "--json", *HELLO, stdin=f"contact,mobile\n{rows}", env=env)
    assert (result.exit_code, result.json["counts"]["rows"]) == (0, 3000)


# --- numbers ---

TAKEN = [
    "98765−43210", "98765﹣43210", "98765-43210", "98765‐43210", "98765⁃43210",
    "98765\ufe0f43210", "98765\ufe0e43210", "98765\u034f43210", "98765\u316443210", "98765\u115f43210",
    "98765\uffa043210", "\u180e9876543210", "98765\u206343210", "9\u20e38\ufe0f\u20e3765\u061c43210",
    "\u28009876543210",
    "'9876543210", "'+919876543210", "’9876543210", "'9876543210'", '="9876543210"', '"=""9876543210"""',
    '"""9876543210"""',
    "\ufeff'9876543210", '="+91 98765 43210"',
    "९८७६५४३२१०", "+९१ ९८७६५ ४३२१०", "9876543210", "৯৮৭৬৫৪৩২১০", "٩٨٧٦٥٤٣٢١٠", "௯௮௭௬௫௪௩௨௧௦", "+919876543210",
    "9876543210.0", "919876543210.00", '"9876543210,0"', "+919876543210.0", " 9876543210.0 ",
]  # fmt: skip


@pytest.mark.parametrize("cell", TAKEN, ids=ascii)
def test_a_number_is_read_however_it_was_written(exosms: Shell, exotel: FaultyExotel, cell: str) -> None:
    result = bulk(exosms, exotel, f"name,to\nAsha,{cell}\n", *HELLO)
    assert (result.exit_code, texts(exotel)) == (0, [(ONE, "Hello")]), result.stderr


REFUSED = [
    ("9.88E+09", "its digits are lost"),
    ("9,88E+09", "its digits are lost"),
    ("9.876543210E9", "its digits are lost"),
    ("9.88e+09", "`exosms bulk` takes the workbook itself (.xlsx, .ods, .xls)"),
    ("'9.88E+09", "its digits are lost"),
    ("+1 555 0123", "can only be dialled locally"),
    ("+1 253-0000", "can only be dialled locally"),
    ("00 1 555 0123", "can only be dialled locally"),
    ("+1 415 555 267", "is not a phone number of any country"),
    ("98765²4321", "it contains U+00B2"),
    ("98765①4321", "it contains U+2460"),
    ("98765\ufffd43210", "U+FFFD"),
    ("98765\u0301 43210", "it contains U+0301"),
    ("O9876543210", "is not a phone number"),
    ("987654321O", "is not a phone number"),
    ("987654321.0", "it must have ten digits"),
    ("9876543210.5", "it must have ten digits"),
    ("9876543210 / 9876543211", "is not a phone number"),
    ("9876543210 9876543211", "it must have ten digits"),
    ("nan", "is not a phone number"),
    ("#N/A", "is not a phone number"),
    ("''", "is not a phone number"),
    ("=9876543210+1", "is not a phone number"),
]


@pytest.mark.parametrize(("cell", "said"), REFUSED)
def test_a_number_that_is_none_is_named(exosms: Shell, exotel: FaultyExotel, cell: str, said: str) -> None:
    quoted = '"' + cell.replace('"', '""') + '"'
    result = bulk(exosms, exotel, f"to,name\n{quoted},Asha\n", *HELLO)
    assert (result.exit_code, texts(exotel)) == (3, [])
    assert "line 2, column to: " in result.stderr
    assert said in result.stderr + bulk(exosms, exotel, f"to,name\n{quoted},Asha\n", *HELLO, "--json").stdout


# --- fields from columns ---

CITIES = "to,name,From\n9876543210,Asha,Pune\n9876543211,Ravi,Delhi\n"
TYPES = "to,name,Type\n9876543210,Asha,gold\n9876543211,Ravi,\n"


def senders(exosms: Shell) -> set[str]:
    with closing(sqlite3.connect(exosms.home / "state" / "ledger.db")) as connection:
        return {sender for (sender,) in connection.execute("SELECT sender FROM rows")}


def test_a_column_that_sets_a_field_is_told_with_its_rows(exosms: Shell, exotel: FaultyExotel) -> None:
    text = "to,name,From,DLT Template ID\n9876543210,Asha,ACMEXX,1107000000000000009\n9876543211,Ravi,,\n"
    plan = bulk(exosms, exotel, text, *DEAR, "-n")
    assert (
        "column From\tsets from in 1 row: 'ACMEXX'\ncolumn DLT Template ID\tsets dlt_template_id in 1 row\n"
        in plan.stdout
    )
    assert bulk(exosms, exotel, text, *DEAR, "-n", "--json").json["plan"]["columns"] == {
        "from": {"column": "From", "rows": 1},
        "dlt_template_id": {"column": "DLT Template ID", "rows": 1},
    }
    result = bulk(exosms, exotel, text, *DEAR)
    assert result.exit_code == 0
    instead = "'ACMEXX', instead of ACMEIN; --ignore-column From passes over it\n"
    said = f"exosms: warning: the column 'From' sets the sender in 1 row: {instead}"
    assert (
        "the column 'DLT Template ID' sets 'dlt_template_id' in 1 row; --ignore-column passes over it\n"
        in plan.stderr
    )
    assert said in result.stderr
    assert said in plan.stderr
    assert "ACMEXX" in senders(exosms)


OPTIONS = [
    (CITIES, ("--from", "ACMEIN"), "The column 'From' says 'Pune' in line 2, and --from says 'ACMEIN'"),
    (CITIES.replace("Pune", "New Delhi India"), ("--from", "ACMEIN"), "says 'New Delhi India'"),
    (CITIES.replace("Pune", "ACMEIN"), ("--from", "ACMEIN"), "says 'Delhi' in line 3, and --from says 'ACMEIN'"),
    (TYPES, ("--type", "transactional"), "The column 'Type' says 'gold' in line 2, and --type says 'transactional'"),
    (
        "to,name,priority\n9876543210,Asha,normal\n",
        ("--priority", "high"),
        "says 'normal' in line 2, and --priority says 'high'",
    ),
    (
        "to,name,priority\n9876543210,Asha,high\n",
        ("--priority", "normal"),
        "says 'high' in line 2, and --priority says 'normal'",
    ),
    (
        "to,name,encoding\n9876543210,Asha,unicode\n",
        ("--encoding", "auto"),
        "says 'unicode' in line 2, and --encoding says 'auto'",
    ),
    ("to,name,encoding\n9876543210,Asha,utf8\n", ("--encoding", "auto"), "says 'utf8' in line 2"),
    (
        "to,name,DLT-Template-Id\n9876543210,Asha,1107000000000000009\n",
        ("--dlt-template-id", "1107000000000000008"),
        "and --dlt-template-id says '1107000000000000008'",
    ),
    ("to,name,custom_field\n9876543210,Asha,17\n", ("--custom-field", "x"), "and --custom-field says 'x'"),
]


@pytest.mark.parametrize(("text", "argv", "said"), OPTIONS)
def test_a_column_beside_its_option_must_agree_or_be_ignored(
    exosms: Shell, exotel: FaultyExotel, text: str, argv: tuple[str, ...], said: str
) -> None:
    column = text.partition("\n")[0].split(",")[2]
    for more in ((), ("--skip-invalid",), ("-n",)):
        result = bulk(exosms, exotel, text, *DEAR, *argv, *more)
        assert (result.exit_code, result.stdout, texts(exotel)) == (3, "", [])
        assert said in result.stderr
        assert f"or add --ignore-column {column}.\n" in result.stderr
    ignored = bulk(exosms, exotel, text, *DEAR, *argv, "--ignore-column", column.lower(), "--any-hour")
    assert (ignored.exit_code, texts(exotel)[0]) == (0, (ONE, "Dear Asha")), ignored.stderr
    assert "sets" not in ignored.stderr
    assert "not used" not in ignored.stderr


@pytest.mark.parametrize(
    ("column", "cells", "argv"),
    [
        ("from", "ACMEIN,ACMEIN", ("--from", "ACMEIN")),
        ("From", " ACMEIN ,", ("--from", "ACMEIN")),
        ("type", "transactional,Transactional", ("--type", "transactional")),
        ("encoding", "unicode,", ("--encoding", "unicode")),
        ("priority", "high,high", ("--priority", "high")),
        ("priority", "Normal,", ("--priority", "normal")),
        ("encoding", "AUTO,", ("--encoding", "auto")),
    ],
)
def test_a_column_that_agrees_with_its_option_is_no_contradiction(
    exosms: Shell, exotel: FaultyExotel, column: str, cells: str, argv: tuple[str, ...]
) -> None:
    first, second = cells.split(",")
    text = f"to,name,{column}\n9876543210,Asha,{first}\n9876543211,Ravi,{second}\n"
    assert bulk(exosms, exotel, text, *DEAR, *argv).exit_code == 0
    assert len(texts(exotel)) == 2


def test_an_id_that_ends_in_zeros_is_taken_from_its_option(exosms: Shell, exotel: FaultyExotel) -> None:
    own = "1107161234567890000"
    rows = f"to,dlt_template_id\n9876543210,{own}\n"
    refused = bulk(exosms, exotel, rows, *HELLO, "--dlt-template-id", own)
    assert (refused.exit_code, texts(exotel)) == (3, [])
    assert f"The DLT template id '{own}' ends in zeros, as one that a spreadsheet rounded" in refused.stderr
    argv = ("--dlt-template-id", own, "--ignore-column", "dlt_template_id")
    assert bulk(exosms, exotel, rows, *HELLO, *argv).exit_code == 0


def test_an_ignored_column_says_nothing_but_where_a_text_names_it(exosms: Shell, exotel: FaultyExotel) -> None:
    argv = ("--body", "From {From}", "--from", "ACMEIN", "--ignore-column", "from")
    assert bulk(exosms, exotel, CITIES, *argv).exit_code == 0
    assert texts(exotel) == [(ONE, "From Pune"), ("+919876543211", "From Delhi")]
    assert senders(exosms) == {"ACMEIN"}
    text = "to,contact,body,name\n9876543212,9876543213,x,Mina\n"
    result = bulk(exosms, exotel, text, "--ignore-column", "contact", "--ignore-column", "body")
    assert (result.exit_code, len(texts(exotel))) == (3, 2)
    assert "The file has no column 'body'" in result.stderr
    assert bulk(exosms, exotel, text, *DEAR, "--ignore-column", "contact").exit_code == 0
    assert texts(exotel)[-1] == ("+919876543212", "Dear Mina")


def test_a_field_that_no_cell_can_set_is_told_how_to_pass_over_it(exosms: Shell, exotel: FaultyExotel) -> None:
    result = bulk(exosms, exotel, TYPES, *DEAR, "--json")
    assert (result.exit_code, texts(exotel)) == (3, [])
    [problem] = result.json["problems"]
    assert (problem["column"], problem["value"]) == ("Type", "gold")
    assert problem["remedy"].startswith("--ignore-column Type passes over a column that is about something else.")
    remedy = result.json["error"]["remedy"]
    assert remedy.index("--ignore-column Type") < remedy.index("--skip-invalid")
    assert bulk(exosms, exotel, TYPES, *DEAR, "--ignore-column", "Type").exit_code == 0


@pytest.mark.parametrize(
    ("cities", "sender", "said"),
    [
        ("Delhi Kochi Pune Agra Salem Delhi", "ACMEIN", "'Delhi', 'Kochi', 'Pune' and 2 more, instead of ACMEIN"),
        ("Delhi Kochi", "ACMEIN", "'Delhi', 'Kochi', instead of ACMEIN"),
        ("ACMEIN ACMEIN", "ACMEIN", ""),
        ("Delhi Kochi", "", ""),
    ],
)
def test_a_column_that_sets_another_sender_is_a_warning(exosms: Shell, cities: str, sender: str, said: str) -> None:
    rows = cities.split()
    file = exosms.home / "people.csv"
    file.write_text("to,name,From\n" + "".join(f"987654321{n},Asha,{city}\n" for n, city in enumerate(rows)))
    argv = ("bulk", str(file), "--region", "sandbox", *DEAR, "-n")
    plan = exosms(*argv, env={"EXOTEL_FROM": sender} if sender else {})
    warning = f"the column 'From' sets the sender in {len(rows)} rows: {said}; --ignore-column From passes over it\n"
    assert plan.exit_code == 0
    assert (f"exosms: warning: {warning}" in plan.stderr) == bool(said)
    assert "sets the sender" in plan.stderr or not said
    named = said.partition(", instead")[0]
    assert f"column From\tsets from in {len(rows)} rows: {named}" in plan.stdout


@pytest.mark.parametrize(("name", "near"), [("Form", "; did you mean 'From'?"), ("", ""), ("x", "")])
def test_an_ignored_column_that_is_not_there_is_named(
    exosms: Shell, exotel: FaultyExotel, name: str, near: str
) -> None:
    result = bulk(exosms, exotel, CITIES, *DEAR, "--ignore-column", name)
    assert (result.exit_code, texts(exotel)) == (3, [])
    assert f"--ignore-column needs the column {name!r}, which the file does not have{near}\n" in result.stderr
