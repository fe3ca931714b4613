"""``runs export --with``: the rows of the file that was sent, verbatim, to be corrected and sent again."""

import csv
import io
import json
import os
import sqlite3
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from conftest import Result, Shell
from workbooks import ods, ods_row, ods_text
from workbooks import written as workbook

from exosms.bulk import original_rows
from exosms.cli import export

SANDBOX = ("--region", "sandbox")
CONTENT = (
    'Note,Mobile No,name,,plan\r\n"a, ""b""",9876543210,Asha,,=1+1\r\n\r\n,12,"Ra\nvi",,\r\n'
    "  x ,+919000000400,Mina,,@y\r\n,,,,\r\nlast,+919000000500,Tom,,'z\r\n"
)
NO_NUMBER = "Mobile No: '12' is not an Indian mobile number: it must have ten digits and begin with 6, 7, 8 or 9"
REJECTED = [
    ["Note", "Mobile No", "name", "", "plan", "outcome", "error", "sid"],
    ["", "12", "Ra\nvi", "", "", "rejected", NO_NUMBER, ""],
    ["  x ", "+919000000400", "Mina", "", "@y", "rejected", "Invalid Recipient", ""],
]


def written(exosms: Shell, content: str | bytes, name: str = "people.csv") -> str:
    file = exosms.home / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(file)


def sent(exosms: Shell, file: str, *options: str, stdin: bytes = b"") -> Result:
    argv = ("bulk", file, *SANDBOX, "--yes", "--run", "june", "--skip-invalid", "--batch", "1", "--body", "Hi {name}")
    return exosms(*argv, *options, stdin=stdin)


def exported(exosms: Shell, *options: str, stdin: bytes = b"") -> list[list[str]]:
    result = exosms("runs", "export", "june", *options, stdin=stdin)
    assert result.exit_code == 0, result
    return [*csv.reader(io.StringIO(result.stdout.removeprefix("\ufeff"), newline=""))]


def test_the_rows_that_failed_come_back_verbatim(exosms: Shell) -> None:
    file = written(exosms, CONTENT)
    result = sent(exosms, file)
    assert result.exit_code == 10
    assert exported(exosms, "--outcome", "rejected", "--with", file) == REJECTED
    both = exported(exosms, "--outcome", "rejected,unknown", "--with", file)
    assert both == exported(exosms, "--outcome", "rejected", "--outcome", "unknown", "--with", file)
    assert both[:3] == REJECTED
    assert both[3][:6] == ["last", "+919000000500", "Tom", "", "'z", "unknown"]
    every = exported(exosms, "--with", file)
    assert [row[5] for row in every] == ["outcome", "accepted", "rejected", "rejected", "unknown"]
    assert len(every[1][7]) == 32


def test_corrected_they_are_sent_as_they_are(exosms: Shell) -> None:
    file = written(exosms, CONTENT)
    told = sent(exosms, file).stderr
    assert exosms("runs", "resolve", "june", "--as", "accepted").exit_code == 0
    remedy = exosms("runs", "show", "june").stderr.splitlines()[-1]
    rejected = exosms.home / "rejected.csv"
    command = f"exosms runs export june rejected.csv --outcome rejected --with {file}"
    assert remedy.endswith(f"with: {command}"), told
    assert exosms(*command.replace("rejected.csv", str(rejected), 1).split()[1:]).exit_code == 0
    rejected.write_text(rejected.read_text().replace("12,", "9876543211,").replace("+919000000400", "9876543212"))
    again = exosms("bulk", str(rejected), *SANDBOX, "--yes", "--run", "july", "--body", "Hi {name}")
    assert (again.exit_code, again.stdout.count("accepted")) == (0, 2)
    twice = exosms("runs", "export", "july", "--with", str(rejected)).stdout.splitlines()[0]
    assert twice == "Note,Mobile No,name,,plan,outcome,error,sid,outcome2,error2,sid2"


def test_nothing_is_advised_that_cannot_be_done_with_the_run_of_an_older_exosms(exosms: Shell) -> None:
    """It did not keep what the file was like."""
    file = written(exosms, CONTENT)
    sent(exosms, file)
    assert exosms("runs", "resolve", "june", "--as", "accepted").exit_code == 0
    with closing(sqlite3.connect(exosms.home / "state" / "ledger.db")) as connection, connection:
        connection.execute("UPDATE runs SET settings = json_remove(settings, '$.content')")
    refused = exosms("runs", "export", "june", "--with", file)
    assert (refused.exit_code, refused.stdout) == (3, "")
    assert "See its rows with: exosms runs export june\n" in refused.stderr
    shown = exosms("runs", "show", "june")
    assert (shown.exit_code, shown.stderr) == (0, "")


OTHERS = [
    ("a cell", CONTENT.replace("Asha", "Usha")),
    ("a row more", CONTENT + "x,9876543219,y,,\r\n"),
    ("a row less", CONTENT.replace("last,+919000000500,Tom,,'z\r\n", "")),
    ("another order", 'Note,Mobile No,name,,plan\n,12,"Ra\nvi",,\n"a, ""b""",9876543210,Asha,,=1+1\n'),
    ("a header", CONTENT.replace("Note", "Notes")),
    ("a broken one", CONTENT + '"x'),
    ("nothing", ""),
]


@pytest.mark.parametrize(("content"), [content for _, content in OTHERS], ids=[name for name, _ in OTHERS])
def test_another_file_than_the_runs_is_refused(exosms: Shell, content: str) -> None:
    sent(exosms, written(exosms, CONTENT))
    other, target = written(exosms, content, "other.csv"), exosms.home / "rejected.csv"
    for argv in ((), (str(target),)):
        refused = exosms("runs", "export", "june", *argv, "--outcome", "rejected", "--with", other)
        assert (refused.exit_code, refused.stdout) == (3, "")
        assert other in refused.stderr
    assert not target.exists()


def test_the_file_as_it_is_now_is_said_to_have_changed(exosms: Shell) -> None:
    sent(exosms, written(exosms, CONTENT))
    file = written(exosms, CONTENT.replace("Asha", "Usha"))
    refused = exosms("runs", "export", "june", "--with", file)
    assert (refused.exit_code, refused.stdout) == (3, "")
    assert f"exosms: error: {file} has changed since it was sent\n" in refused.stderr
    assert f"exosms bulk {file} … --sent-before skip\n" in refused.stderr


@pytest.mark.parametrize("suffix", ["xlsx", "ods", "XLS"])
def test_a_csv_gets_no_name_of_a_sheet(exosms: Shell, suffix: str) -> None:
    file = written(exosms, CONTENT)
    sent(exosms, file)
    target = exosms.home / f"rejected.{suffix}"
    refused = exosms("runs", "export", "june", str(target), "--with", file)
    assert (refused.exit_code, refused.stdout, target.exists()) == (3, "", False)
    csv_file = target.with_suffix(".csv")
    assert f"Name {csv_file} instead" in refused.stderr
    done = exosms("runs", "export", "june", str(csv_file), "--with", file)
    assert (done.exit_code, done.stderr) == (0, f"exosms: 4 rows to {csv_file}\n")


def test_a_file_that_is_missing_is_refused(exosms: Shell) -> None:
    sent(exosms, written(exosms, CONTENT))
    refused = exosms("runs", "export", "june", "--with", "gone.csv")
    assert (refused.exit_code, "gone.csv" in refused.stderr) == (3, True)


def test_the_file_itself_is_not_written_over(exosms: Shell) -> None:
    file = written(exosms, CONTENT)
    sent(exosms, file)
    copy = written(exosms, CONTENT, "copy.csv")
    for target in (file, copy):
        refused = exosms("runs", "export", "june", target, "--with", copy)
        assert (refused.exit_code, Path(target).read_bytes()) == (3, CONTENT.encode())


def test_an_outcome_that_there_is_not_is_an_error_of_usage(exosms: Shell) -> None:
    sent(exosms, written(exosms, CONTENT))
    result = exosms("runs", "export", "june", "--outcome", "rejectd")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "'rejected'" in result.stderr


@pytest.mark.parametrize("outcome", ["skipped", "waiting", "delivered", "failed"])
def test_no_row_is_a_header_and_a_word(exosms: Shell, outcome: str) -> None:
    file = written(exosms, CONTENT)
    sent(exosms, file)
    result = exosms("runs", "export", "june", "--outcome", outcome, "--with", file)
    assert (result.exit_code, len(result.stdout.splitlines())) == (0, 1)
    assert result.stderr == f"exosms: no row of the run june is {outcome}\n"


def test_outcomes_choose_among_plain_results_too(exosms: Shell) -> None:
    sent(exosms, written(exosms, CONTENT))
    rows = exported(exosms, "--outcome", "rejected")
    assert [row[:4] for row in rows] == [
        ["row", "line", "to", "outcome"],
        ["2", "4", "12", "rejected"],
        ["3", "6", "+919000000400", "rejected"],
    ]


def test_later_truth_is_an_outcome_too(exosms: Shell) -> None:
    file = written(exosms, "to,name\n+919000023185,Asha\n9876543210,Ravi\n")
    assert sent(exosms, file).exit_code == 0
    exosms("status", "--run", "june", "--wait", "5s")
    failed = exported(exosms, "--outcome", "failed", "--with", file)
    assert [row[:4] for row in failed[1:]] == [
        ["+919000023185", "Asha", "failed", "failed 23185 DLT_TEMPLATE_DOES_NOT_MATCH"]
    ]


@pytest.mark.parametrize(
    ("content", "options"),
    [
        (CONTENT.encode("utf-16"), ()),
        (CONTENT.encode("utf-8-sig"), ()),
        (CONTENT.replace("Asha", "Zoë").encode("cp1252"), ("--csv-encoding", "cp1252")),
        (b"sep=;\nto;name\n12;a,b\n9876543210;x\n", ()),
        (b"to~name,a\n12~a,b\n9876543210~x\n", ("--delimiter", "~", "--to-column", "to")),
        (b"to;a,b,c,d,e,f,g,h,i;name\n12;x;y\n9876543210;x;y\n", ("--delimiter", ";")),
        (b'to,"a\rb",name\n12,x,"y\rz"\n9876543210,x,y\n', ()),
    ],
)
def test_a_file_is_read_as_it_was_sent(exosms: Shell, content: bytes, options: Sequence[str]) -> None:
    file = written(exosms, content)
    assert sent(exosms, file, *options, "--body", "Hi").exit_code == 10
    rejected = exosms("runs", "export", "june", "--outcome", "rejected", "--with", file)
    assert rejected.exit_code == 0, rejected
    assert (";" in rejected.stdout) is (b";" in content)
    corrected = rejected.stdout.replace("12", "9876543219").replace("+919000000400", "9876543218")
    again = exosms("bulk", written(exosms, corrected, "b.csv"), *SANDBOX, "--yes", "--body", "Again")
    assert again.exit_code == 0, again


def test_objects_have_the_columns_of_the_file_whatever_its_delimiter(exosms: Shell) -> None:
    file = written(exosms, 'to;name;note\n12;a,b;"x\rz"\n9876543210;c;y\n')
    sent(exosms, file)
    rejected = ("--outcome", "rejected", "--with", file)
    error = NO_NUMBER.replace("Mobile No", "to")
    row = {"to": "12", "name": "a,b", "note": "x\rz", "outcome": "rejected", "error": error, "sid": ""}
    assert exosms("runs", "export", "june", *rejected, "--json").json["rows"] == [row]
    assert json.loads(exosms("runs", "export", "june", *rejected, "-o", "jsonl").stdout) == row


def test_texts_come_back_verbatim_whatever_the_locale_is(exosms: Shell) -> None:
    """What goes into a file or a pipe is sent from there: an escape would be sent as it stands."""
    file = written(exosms, "to,name\n12,नमस्ते\n")
    sent(exosms, file)
    said = ("check-template", "--fix", "--text", "नमस्ते {#var#}", "--body", "नमस्ते x")
    for argv in (("runs", "export", "june", "--with", file), said):
        process = exosms.start(*argv, env={"PYTHONIOENCODING": "latin-1"})
        out, err = process.communicate(timeout=60)
        assert "नमस्ते" in out.decode(), err


def test_no_cell_steers_the_terminal_that_it_is_shown_on(exosms: Shell) -> None:
    cell = "\x1b]0;owned\x07\u202eab\r\ncd"
    file = written(exosms, f'to,name\n12,"{cell}"\n')
    sent(exosms, file)
    shown = exosms.on_terminal("runs", "export", "june", "--with", file).stdout
    assert shown.split("\n")[1] == r'"12","\x1b]0;owned\x07\u202eab\x0d'
    assert cell in exosms("runs", "export", "june", "--with", file).stdout


def test_standard_input_and_a_pipe_are_files_too(exosms: Shell) -> None:
    sent(exosms, "-", stdin=CONTENT.encode())
    assert exported(exosms, "--outcome", "rejected", "--with", "-", stdin=CONTENT.encode()) == REJECTED
    reader, writer = os.pipe()
    os.write(writer, CONTENT.encode())
    os.close(writer)
    assert exported(exosms, "--outcome", "rejected", "--with", f"/dev/fd/{reader}") == REJECTED
    os.close(reader)


def test_what_has_no_end_is_refused_and_nothing_stays_behind(
    exosms: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    sent(exosms, written(exosms, CONTENT))
    before = sorted(tmp_path.iterdir())
    refused = exosms("runs", "export", "june", "--with", "/dev/zero")
    assert (refused.exit_code, refused.stdout) == (3, "")
    assert "/dev/zero is larger than 256 MiB" in refused.stderr
    assert sorted(tmp_path.iterdir()) == before


def test_the_copy_of_a_pipe_has_no_name(exosms: Shell, tmp_path: Path) -> None:
    """So it is gone after SIGTERM too."""
    sent(exosms, written(exosms, CONTENT))
    argv = ("runs", "export", "june", "--with", "-")
    with exosms.start(*argv, env={"TMPDIR": str(tmp_path)}, stdin=subprocess.PIPE) as process:
        assert process.stdin
        process.stdin.write(b"x" * 4_000_000)  # more than a pipe holds, so that some of it was taken
        process.stdin.flush()
        left = [path for path in tmp_path.iterdir() if path.is_file()]
        process.terminate()
        process.communicate(timeout=60)
    assert left == []


@pytest.mark.parametrize("is_to_file", [True, False])
def test_a_file_that_changes_after_the_check_is_refused(
    exosms: Shell, monkeypatch: pytest.MonkeyPatch, *, is_to_file: bool
) -> None:
    file = written(exosms, CONTENT)
    sent(exosms, file)
    target = exosms.home / "rejected.csv"

    def checked(*given: Any) -> None:
        original_rows.check_original(*given)
        written(exosms, CONTENT.replace("Tom", "Tim"))

    monkeypatch.setattr(export, "check_original", checked)
    result = exosms("runs", "export", "june", *([str(target)] if is_to_file else []), "--with", file)
    assert (result.exit_code, target.exists()) == (3, False)
    assert f"{file} has changed since it was sent" in result.stderr


def test_a_sheets_rows_come_back_as_csv(exosms: Shell) -> None:
    rows: tuple[list[object], ...] = ["Mobile No", "name", "n"], [9876543210, "Asha", 1.5], [], [12, "Ravi", 17]
    file = written(exosms, workbook(*rows), "a.xlsx")
    assert sent(exosms, file).exit_code == 10
    back = exported(exosms, "--outcome", "rejected", "--with", file)
    assert [row[:4] for row in back] == [["Mobile No", "name", "n", "outcome"], ["12", "Ravi", "17", "rejected"]]


def test_rows_of_a_file_in_another_encoding_are_not_read_in_it(exosms: Shell) -> None:
    file = written(exosms, "Mobile No,name\n12,Zoë\n9876543210,Jo\n".encode("cp1252"))
    sent(exosms, file, "--csv-encoding", "cp1252")
    rejected = str(exosms.home / "rejected.csv")
    assert exosms("runs", "export", "june", rejected, "--outcome", "rejected", "--with", file).exit_code == 0
    corrected = written(exosms, Path(rejected).read_bytes().replace(b"12,", b"9876543212,"), "corrected.csv")
    again = ("bulk", corrected, *SANDBOX, "--body", "Hi {name}", "--dry-run")
    refused = exosms(*again, "--csv-encoding", "cp1252")
    assert (refused.exit_code, "is not cp1252\n  Leave --csv-encoding out." in refused.stderr) == (3, True)
    assert "first\t+919876543212\tHi Zoë\n" in exosms(*again).stdout
    rows = exosms("runs", "export", "june", "--with", file, "--json").json["rows"]
    assert [*rows[0]][:2] == ["Mobile No", "name"]


@pytest.mark.parametrize(
    ("content", "is_marked"),
    [
        ("to,name\n12,रवि\n".encode("utf-8-sig"), True),
        ("to,name\n12,रवि\n".encode("utf-16"), True),
        (workbook(["to", "name"], ["12", "रवि"]), True),
        ("to,name\n12,रवि\n".encode(), False),
    ],
    ids=["UTF-8 with a mark", "UTF-16", "a sheet", "UTF-8 without one"],
)
@pytest.mark.parametrize("is_piped", [False, True], ids=["a file", "a pipe"])
def test_a_spreadsheet_that_read_the_file_reads_the_rows_that_come_back(
    exosms: Shell, content: bytes, is_marked: bool, is_piped: bool
) -> None:
    file = written(exosms, content, "people")
    sent(exosms, file)
    original, stdin = ("-", content) if is_piped else (file, b"")
    result = exosms("runs", "export", "june", "--with", original, stdin=stdin)
    assert result.stdout.startswith("\ufeff" * is_marked + "to,name,outcome,error,sid\n12,रवि,rejected,"), result
    assert "to" in exosms("runs", "export", "june", "--with", file, "--json").json["rows"][0]


EXPORT = ("runs", "export", "june", "rejected.csv", "--outcome", "rejected")
CHANGES: list[tuple[str, str]] = [
    ("12,", "9876543212,"),
    ("Mina", "Meena"),
    (",sid\n", ",sid,done\n"),
    (",outcome,error,sid\n", "\n"),
    ("Note,Mobile No", "Note,Number"),
    ("@y,", '"@y,'),
]


@pytest.mark.parametrize(("old", "new"), CHANGES)
def test_rows_that_a_person_corrected_are_not_written_over(exosms: Shell, old: str, new: str) -> None:
    file = written(exosms, CONTENT)
    sent(exosms, file)
    target = exosms.home / "rejected.csv"
    export = (*EXPORT[:3], str(target), *EXPORT[4:])
    for _ in range(2):  # what an export wrote, another one may write over
        assert exosms(*export, "--with", file).exit_code == 0
    corrected = target.read_text().replace(old, new)
    assert corrected != target.read_text()
    target.write_text(corrected)
    for argv in ((*export, "--with", file), *([export] if new.endswith("3212,") else [])):
        refused = exosms(*argv)
        assert (refused.exit_code, refused.stdout, target.read_text()) == (5, "", corrected)
        said = f"{target} has rows that may have been corrected since they were exported. Write over them?"
        assert f"{said} This needs the answer yes\n" in refused.stderr
        assert "Nothing was done. Name another file, or add --yes.\n" in refused.stderr
    asked = exosms.on_terminal(*export, "--with", file, typed=[("[y/N]: ", "n\n")])
    assert (asked.exit_code, target.read_text()) == (5, corrected)
    assert exosms(*export, "--with", file, "--yes").exit_code == 0
    assert [*csv.reader(io.StringIO(target.read_text(), newline=""))] == REJECTED


def test_the_question_about_a_file_says_its_name_harmlessly(exosms: Shell) -> None:
    file = written(exosms, CONTENT)
    sent(exosms, file)
    target = exosms.home / "a\x1b]0;b\x07.csv"
    export = (*EXPORT[:3], str(target), *EXPORT[4:], "--with", file)
    assert exosms(*export).exit_code == 0
    target.write_text(target.read_text().replace("Mina", "Meena"))
    asked = exosms.on_terminal(*export, typed=[("[y/N]: ", "n\n")])
    assert (asked.exit_code, r"a\x1b]0;b\x07.csv has rows" in asked.stdout) == (5, True)


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16"])
def test_nor_where_a_spreadsheet_saved_them_in_an_encoding_of_its_own(exosms: Shell, encoding: str) -> None:
    file = written(exosms, "to,name\n9000000400,Zo\u00eb\n")
    assert sent(exosms, file).exit_code == 6
    target = exosms.home / "rejected.csv"
    export = ("runs", "export", "june", str(target), "--with", file)
    assert [exosms(*export).exit_code for _ in range(2)] == [0, 0]
    corrected = target.read_text().replace("9000000400", "9876543210").encode(encoding)
    target.write_bytes(corrected)
    refused = exosms(*export)
    assert (refused.exit_code, target.read_bytes()) == (5, corrected), refused


@pytest.mark.parametrize(
    "content", [b"", b"old\n", b"\xff\xfe\x00", b"row,line,to\n1,2,+919876543210\n", b"a,b\n1\n"]
)
def test_any_other_file_is_written_over_as_everywhere(exosms: Shell, content: bytes) -> None:
    file = written(exosms, CONTENT)
    sent(exosms, file)
    target = exosms.home / "rejected.csv"
    for options in ((), ("--with", file)):
        target.write_bytes(content)
        assert exosms("runs", "export", "june", str(target), *options).exit_code == 0
        assert target.read_bytes() != content


def test_rows_from_a_pipe_are_compared_too(exosms: Shell) -> None:
    file = written(exosms, CONTENT)
    sent(exosms, file)
    target = exosms.home / "rejected.csv"
    export = ("runs", "export", "june", str(target), "--with", "-")
    for _ in range(2):
        assert exosms(*export, stdin=Path(file).read_bytes()).exit_code == 0
    target.write_text(target.read_text().replace("Mina", "Meena"))
    assert exosms(*export, stdin=Path(file).read_bytes()).exit_code == 5


def test_what_is_purged_is_left_out(exosms: Shell) -> None:
    file = written(exosms, CONTENT)
    sent(exosms, file)
    exosms("runs", "purge", "--older-than", "0", "--yes")
    left = [(row[1], row[5]) for row in exported(exosms, "--with", file)]
    assert left == [("Mobile No", "outcome"), ("+919000000500", "unknown")]


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_a_cell_of_a_sheet_may_be_longer_than_one_of_a_csv(exosms: Shell, form: str) -> None:
    long, limit = "x" * (csv.field_size_limit() + 1), csv.field_size_limit()
    rows = [("to", "name", "note"), ("+919876543210", "Asha", long)]
    file = written(exosms, ods("".join(ods_row(*map(ods_text, row)) for row in rows)), "people.ods")
    assert sent(exosms, file).exit_code == 0
    result = exosms("runs", "export", "june", "--with", file, "-o", form)
    document = json.loads(result.stdout.split("\n")[0])
    row = document["rows"][0] if form == "json" else document
    assert (result.exit_code, row["name"], row["note"] == long) == (0, "Asha", True)
    assert csv.field_size_limit() == limit
