"""Errors one can act on: the same problem of many rows is told once, in few lines, with one command to copy."""

import json
import os
import shlex
import subprocess
from collections.abc import Sequence

import pytest
from conftest import Shell

SANDBOX = ("--region", "sandbox", "--from", "ACMEIN")
NUMBER = "is not an Indian mobile number: it must have ten digits and begin with 6, 7, 8 or 9"


def written(exosms: Shell, content: str) -> str:
    file = exosms.home / "people.csv"
    file.write_text(content)
    return str(file)


def command_in(stderr: str) -> Sequence[str]:
    """Return the words of the command that the last line ends with, as a shell reads them."""
    _, command = stderr.splitlines()[-1].split(": exosms ")
    words = subprocess.run(
        ["bash", "-c", f'printf "%s\\0" {command}'], capture_output=True, check=True, env={"PATH": os.environ["PATH"]}
    )
    return words.stdout.decode().split("\0")[:-1]


def test_the_same_problem_in_many_rows_is_told_once_with_what_to_do(exosms: Shell) -> None:
    rows = "".join(f"{n},x\n" for n in range(1000, 3000))
    file = written(exosms, f"to,body\n9876543210,x\n{rows}9876543211,\n9876543211,\n")
    result = exosms("bulk", file, *SANDBOX, "--yes")
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr == (
        f"exosms: error: 2000 rows, lines 3, 4, 5, 6, 7, …, column to: '1000' {NUMBER}\n"
        "  Correct it, or write a number of another country with + and its country code.\n"
        "exosms: error: 2 rows, lines 2003, 2004, column body: The cell is empty, and the text uses it\n"
        "  Fill it; bulk --allow-empty sends such rows as they are.\n"
        "exosms: error: 2002 bad rows in a file of 2003 rows\n"
        "  Nothing was sent. Fix what is wrong, or leave these rows out with --skip-invalid:"
        f" exosms bulk {file} --region sandbox --from ACMEIN --yes --skip-invalid\n"
    )


def test_rows_of_one_kind_count_once_each(exosms: Shell) -> None:
    """A row that has a problem in two columns has two, and is one bad row."""
    file = written(exosms, "to,body,custom_field,priority\n12,,x,urgent\n13,x,x,urgent\n")
    result = exosms("bulk", file, *SANDBOX, "--yes", "--json")
    lines = [line.removeprefix("exosms: error: ") for line in result.stderr.splitlines() if ", column" in line]
    assert [line.split(":")[0] for line in lines] == [
        "2 rows, lines 2, 3, column priority",
        "2 rows, lines 2, 3, column to",
        "line 2, column body",
    ]
    assert "2 bad rows in a file of 2 rows" in result.stderr
    assert len(result.json["problems"]) == 5


def test_there_are_twenty_lines_at_most_before_the_sum(exosms: Shell) -> None:
    kinds = [f"custom{n}" for n in range(40)]
    header = ",".join(("to", *kinds))
    rows = "".join(f"9876543210,{','.join('x' * (place != n) for place in range(40))}\n" for n in range(40))
    body = "".join(f"{{{kind}}}" for kind in kinds)
    result = exosms("bulk", written(exosms, f"{header}\n{rows}"), *SANDBOX, "--yes", "--body", body)
    lines = result.stderr.splitlines()
    assert result.exit_code == 3
    assert len(lines) <= 20
    assert lines[-3] == "exosms: error: and 25 more problems of fewer rows"
    assert lines[-2] == "exosms: error: 40 bad rows in a file of 40 rows"


@pytest.mark.parametrize("output", [(), ("-o", "human"), ("--json",), ("-o", "jsonl"), ("-q",)])
def test_rows_that_are_left_out_take_as_few_lines(exosms: Shell, output: Sequence[str]) -> None:
    rows = "".join(f"{n},x\n" for n in range(1000, 1500))
    result = exosms(
        "bulk", written(exosms, f"to,body\n9876543210,x\n{rows}"), *SANDBOX, *output, "-n", "--skip-invalid"
    )
    assert result.exit_code == 0
    lines = [line for line in result.stderr.splitlines() if "left out" in line]
    told = f"exosms: warning: left out: 500 rows, lines 3, 4, 5, 6, 7, …, column to: '1000' {NUMBER}"
    assert lines == ([] if output == ("-q",) else [told])
    assert len(result.stderr.splitlines()) <= 20


@pytest.mark.parametrize("output", [("-o", "human"), ("--json",), ("-o", "jsonl"), ("-q",)])
def test_a_dry_run_of_bad_rows_alone_ends_as_the_run_would(exosms: Shell, output: Sequence[str]) -> None:
    argv = ("bulk", written(exosms, "to,body\n12,x\n13,x\n"), *SANDBOX, *output, "--skip-invalid")
    dry = exosms(*argv, "-n")
    assert (dry.exit_code, exosms(*argv, "--yes").exit_code) == (3, 3)
    assert "people.csv can be sent\n  Correct the rows, then run it again." in dry.stderr


def test_what_more_there_is_to_warn_about_is_said_in_one_line(exosms: Shell) -> None:
    kinds = [f"custom{n}" for n in range(10)]
    body = "".join(f"{{{kind}}}" for kind in kinds)
    header = ",".join(("to", *kinds))
    empty = "".join(f"9876543210,{','.join('x' * (place != n) for place in range(10))}\n" for n in range(10))
    argv = ("bulk", written(exosms, f"{header}\n9876543211,{'nan,' * 9}nan\n{empty}"), *SANDBOX, "-n", "--body", body)
    lines = exosms(*argv, "--skip-invalid").stderr.splitlines()
    assert [line for line in lines if " 3 more " in line] == [
        "exosms: warning: and 3 more problems of fewer rows, which are left out",
        "exosms: warning: and 3 more warnings",
    ]


def test_reasons_of_a_run_are_told_once_whatever_their_values(exosms: Shell) -> None:
    rows = "".join(f"{n},x\n" for n in range(1000, 1500))
    file = written(exosms, f"to,body\n9876543210,x\n{rows}")
    result = exosms("bulk", file, *SANDBOX, "--yes", "--skip-invalid", "--run", "june")
    reasons = [line for line in result.stderr.splitlines() if line.startswith("exosms:   ")]
    assert reasons == [f"exosms:   500 rejected: to: '1000' {NUMBER} (first in line 3)"]
    assert exosms("runs", "show", "june").stdout.splitlines()[-1] == f"reason\t{reasons[0][10:]}"


BODIES = ["x", "it's {name}", "a\nb\t{name} \\n", '"$HOME" `id` {name}!', "'\n'"]


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize(
    ("content", "options", "added", "exit_code"),
    [
        ("to,name\n12,x\n9876543210,y\n", (), ["--skip-invalid"], 10),
        ("to,name\n9876543210,x\n9876543210,x\n", (), ["--duplicates", "first"], 0),
        ("to,name\n12,x\n9876543210,y\n9876543210,y\n", (), ["--skip-invalid", "--duplicates", "first"], 10),
        ("to,name\n9876543210,x\n", ("--duplicates", "refuse"), ["--sent-before", "skip"], 0),
    ],
)
def test_the_command_can_be_copied(
    exosms: Shell, content: str, options: Sequence[str], added: Sequence[str], exit_code: int, body: str
) -> None:
    file = written(exosms, content)
    argv = ("bulk", file, *SANDBOX, "--yes", "--body", body, *options)
    if added[0] == "--sent-before":
        assert exosms(*argv).exit_code == 0
    refused = exosms(*argv)
    assert refused.exit_code == (5 if added[0] == "--sent-before" else 3)
    copied = command_in(refused.stderr)
    assert copied == [*argv, *added]
    assert exosms(*copied).exit_code == exit_code
    (document,) = [json.loads(line) for line in exosms(*argv, "--json").stdout.splitlines()]
    assert document["error"]["remedy"].endswith(shlex.join(added)) or exit_code != 3


def test_a_file_of_any_name_can_be_copied(exosms: Shell) -> None:
    """Also in the hints that are no whole command line of somebody's."""
    file = exosms.home / "it's\n\t\\ मई\u200d.csv"
    file.write_text("to,body\n12,x\n9876543210,y\n")
    done = exosms("bulk", str(file), *SANDBOX, "--yes", "--skip-invalid", "--run", "june")
    assert done.exit_code == 10
    copied = command_in(done.stderr)
    assert copied == ["runs", "export", "june", "rejected.csv", "--outcome", "rejected", "--with", str(file)]


def test_without_a_terminal_the_missing_yes_is_a_command_too(exosms: Shell) -> None:
    file = written(exosms, "to,body\n9876543210,x\n")
    refused = exosms("bulk", file, *SANDBOX)
    assert refused.exit_code == 5
    copied = command_in(refused.stderr)
    assert copied == ["bulk", file, *SANDBOX, "--yes"]
    assert exosms(*copied).exit_code == 0


def test_a_quote_that_is_never_closed_has_no_such_command(exosms: Shell) -> None:
    result = exosms("bulk", written(exosms, 'to,body\n9876543210,"x\n'), *SANDBOX, "--yes")
    assert result.stderr.endswith("  Nothing was sent. Fix what is wrong, the quotes first.\n")
