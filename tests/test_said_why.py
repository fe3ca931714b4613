"""Whatever ends with another exit code than 0 has said on standard error why: in every format, and when quiet."""

from collections.abc import Sequence

import pytest
from conftest import Shell

SANDBOX = ("--region", "sandbox")
FORMATS = [("-o", "plain"), ("--json",), ("-o", "jsonl"), ("-o", "human"), ("-q",), ("-q", "--json")]

ANSWERS = [
    # the last digits of the recipient, exit code, outcome, the answer's status and Exotel's text
    ("00400", 6, "rejected: HTTP 400: Invalid Recipient"),
    ("00401", 4, "not_sent: HTTP 401: Authentication failed"),
    ("00403", 6, "not_sent: HTTP 403: Insufficient balance to send the SMS"),
    ("00429", 11, "not_sent: HTTP 429: Too Many Requests"),
    ("00500", 9, "unknown: HTTP 500: Internal Server Error"),
    ("00503", 7, "not_sent: HTTP 503: Throttle limit exceeded"),
]


def said(text: str) -> str:
    """Standard error without what any command says there."""
    return "".join(line for line in text.splitlines(keepends=True) if "the sandbox answers" not in line)


@pytest.mark.parametrize("output", FORMATS, ids=" ".join)
@pytest.mark.parametrize(("digits", "exit_code", "why"), ANSWERS)
def test_a_refused_send(exosms: Shell, output: Sequence[str], digits: str, exit_code: int, why: str) -> None:
    argv = ("send", *SANDBOX, "--to", f"+9190000{digits}", "--body", "Hi", "--retry-for", "0")
    result = exosms(*argv, *output)
    first, remedy = said(result.stderr).splitlines()
    assert (result.exit_code, first) == (exit_code, f"exosms: error: +9190000{digits}: {why}")
    assert remedy.startswith("  ")
    assert remedy.endswith(".")


@pytest.mark.parametrize("output", FORMATS, ids=" ".join)
def test_of_several_recipients_each_hears_its_own(exosms: Shell, output: Sequence[str]) -> None:
    to = "+919000000403,+919876543210"
    result = exosms("send", *SANDBOX, "--to", to, "--body", "Hi", *output)
    first, remedy, kept_back = said(result.stderr).splitlines()
    assert result.exit_code == 6
    assert first == "exosms: error: +919000000403: not_sent: HTTP 403: Insufficient balance to send the SMS"
    assert "Top up" in remedy
    assert kept_back == "exosms: error: +919876543210: not_sent: not attempted"


@pytest.mark.parametrize("output", FORMATS, ids=" ".join)
@pytest.mark.parametrize(
    ("code", "exit_code", "why"), [("23185", 12, "failed 23185 DLT_TEMPLATE_DOES_NOT_MATCH"), ("21010", 8, "")]
)
def test_a_message_that_was_waited_for(
    exosms: Shell, output: Sequence[str], code: str, exit_code: int, why: str
) -> None:
    to = f"+9190000{code}"
    sent = exosms("send", *SANDBOX, "--to", to, "--body", "Hi", "--wait", "0s", *output)
    sid = exosms("log").stdout.split("\t")[3]
    asked = exosms("status", *SANDBOX, sid, "--wait", "0s", *output)
    for result in (sent, asked):
        assert result.exit_code == exit_code
        line = f"exosms: error: {to}: {why}" if why else "exosms: error: 1 message not final yet"
        assert line in result.stderr.splitlines()
    if not why:
        assert asked.stderr.endswith(f"  Continue with: exosms status --region sandbox {sid} --wait 0s\n")


@pytest.mark.parametrize("output", FORMATS, ids=" ".join)
def test_a_sid_that_is_not_found(exosms: Shell, output: Sequence[str]) -> None:
    result = exosms("status", *SANDBOX, "0" * 32, "1" * 32, *output)
    first, remedy = said(result.stderr).splitlines()
    assert (result.exit_code, first) == (6, f"exosms: error: {'0' * 32}, {'1' * 32}: not_found: not found")
    assert "exosms log" in remedy


@pytest.mark.parametrize("output", FORMATS, ids=" ".join)
def test_a_run_says_the_counts_by_reason_and_the_next_command(exosms: Shell, output: Sequence[str]) -> None:
    file = exosms.home / "people.csv"
    file.write_text("to,body\n9876543210,x\n+919000000500,x\n+919000000400,x\n+919000000400,y\n")
    result = exosms("bulk", str(file), *SANDBOX, "--batch", "1", "--yes", "--run", "june", *output)
    counts = "exosms: run june: 4 rows: 1 accepted, 2 rejected, 1 unknown"
    reasons = (
        "exosms:   2 rejected: HTTP 400 code 40203 Invalid Recipient (first in line 4)",
        "exosms:   1 unknown: HTTP 500 code 35000 Internal Server Error (first in line 3)",
    )
    assert result.exit_code == 10
    again = exosms("runs", "resume", "june", *output)
    assert again.exit_code == 10
    for told in (result.stderr, again.stderr):
        lines = told.splitlines()
        assert lines[-4:-1] == [counts, *reasons]
        assert "exosms runs reconcile june --report FILE" in lines[-1]


@pytest.mark.parametrize("output", FORMATS, ids=" ".join)
def test_a_run_that_stops_says_why(exosms: Shell, output: Sequence[str]) -> None:
    file = exosms.home / "people.csv"
    file.write_text("to,body\n+919000000401,x\n9876543210,x\n")
    result = exosms("bulk", str(file), *SANDBOX, "--batch", "1", "--yes", "--run", "june", *output)
    assert result.exit_code == 4
    assert "exosms: run june: 2 rows: 2 remaining" in result.stderr
    assert "exosms: error: HTTP 401: Authentication failed" in result.stderr
    assert "exosms runs resume june" in result.stderr.splitlines()[-1]


def test_one_screen_is_told_once(exosms: Shell) -> None:
    refused = exosms.on_terminal("send", *SANDBOX, "--to", "+919000000403", "--body", "Hi")
    assert refused.exit_code == 6
    assert refused.stdout.count("Insufficient balance") == 1
