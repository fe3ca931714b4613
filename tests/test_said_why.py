"""Whatever ends with another exit code than 0 has said on standard error why: in every format, and when quiet."""

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pytest
from conftest import ACCOUNT, Shell
from misbehaving import Misbehaving, answers

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


def test_words_of_exotel_s_keep_nobody_from_hearing_what_to_do(exosms: Shell) -> None:
    """Also where they are ours for a message that another one kept back."""
    ours = "Not sent, because another recipient was refused"
    refusal = json.dumps({"RestException": {"Status": 403, "Message": ours, "Code": 40001}})
    with Misbehaving(answers(403, refusal)) as server:
        argv = ("send", "--base-url", server.url, "--from", "ACMEIN", "--to", "9876543210", "--body", "Hi")
        result = exosms(*argv, env=ACCOUNT)
    assert f"not_sent: HTTP 403: {ours}\n  " in result.stderr
    assert "Top up" in result.stderr


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
    assert (result.exit_code, first) == (6, f"exosms: error: {'0' * 32}, {'1' * 32}: not found")
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
        assert lines[-5:-2] == [counts, *reasons]
        assert "exosms runs export june rejected.csv --outcome rejected --with " in lines[-2]
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


BEGUN = "+919000000500,x\n+919000000400,x\n+919000000400,y\n+919000023185,z\n"
REFUSED = "send --region sandbox --body Hi --retry-for 0 --to"


class Refused(NamedTuple):
    """A command that does not do all that was asked."""

    line: str
    exit_code: int
    why: str
    """What standard error has, in every format."""
    env: Mapping[str, str] = {}


CASES = [
    Refused(f"{REFUSED} 12", 3, "'12' is not an Indian mobile number"),
    Refused(f"{REFUSED} 12 -n", 3, "'12' is not an Indian mobile number"),
    Refused(f"{REFUSED} 12,9876543210 --skip-invalid", 10, "'12' is not an Indian mobile number"),
    Refused(f"{REFUSED} @none", 3, "There is no group 'none'"),
    Refused(f"{REFUSED} 9876543210 -t none", 3, "There is no template 'none'"),
    Refused(f"{REFUSED} 9876543210 --max-segments 1 -b {'x' * 200}", 5, "takes 2 parts, more than --max-segments 1"),
    Refused(f"{REFUSED} 9876543210 --once used", 9, "once key 'used'"),
    Refused(f"{REFUSED} 9876543210", 5, "is not on the allow list", {"EXOSMS_ALLOW": "+919876543211"}),
    Refused("send --to 9876543210 -b Hi", 4, "No account: "),
    Refused("bulk bad.csv --region sandbox --yes", 3, "2 bad rows in a file of 2 rows"),
    Refused("bulk bad.csv --region sandbox --dry-run", 3, "2 bad rows in a file of 2 rows"),
    Refused("bulk bad.csv --region sandbox --yes --skip-invalid", 3, "2 rejected"),
    Refused("bulk none.csv --region sandbox --yes", 3, "none.csv cannot be read: No such file"),
    Refused("bulk good.csv --region sandbox", 5, "--yes"),
    Refused("bulk june.csv --region sandbox --yes", 5, "Sent before, for example in the run june"),
    Refused("bulk good.csv --region sandbox --yes --run june", 5, "june"),
    Refused("bulk good.csv --region sandbox --yes --sample-to +919000000400", 6, "HTTP 400: Invalid Recipient"),
    Refused("bulk good.csv --yes", 4, "No account: "),
    Refused("bulk june.csv --region sandbox --yes --run june", 10, "1 unknown: HTTP 500"),
    Refused("runs resume june --yes", 10, "1 unknown: HTTP 500"),
    Refused("runs retry june --rejected --yes --batch 1", 10, "2 rejected: HTTP 400 code 40203 Invalid Recipient"),
    Refused("runs retry june --rejected", 5, "--yes"),
    Refused("runs retry none --yes", 3, "There is no run 'none'"),
    Refused("runs resume none --yes", 3, "There is no run 'none'"),
    Refused("runs show none", 3, "There is no run 'none'"),
    Refused("runs export none", 3, "There is no run 'none'"),
    Refused("runs resolve none --as accepted", 3, "There is no run 'none'"),
    Refused("runs resolve june --as accepted --row 2", 3, "row"),
    Refused("runs reconcile june --sids -", 9, "1 message"),
    Refused("runs reconcile june --sids none.txt", 3, "none.txt cannot be read"),
    Refused("runs reconcile june --report good.csv", 3, "good.csv"),
    Refused("runs reconcile --once none --sids -", 3, "'none'"),
    Refused("status --region sandbox --run june --wait 0s", 12, "failed 23185 DLT_TEMPLATE_DOES_NOT_MATCH"),
    Refused("status --region sandbox --run june", 12, "failed 23185 DLT_TEMPLATE_DOES_NOT_MATCH"),
    Refused("status --run none", 3, "There is no run 'none'"),
    Refused(f"status {'0' * 32}", 4, "No account: "),
    Refused(f"status --region sandbox {'0' * 32}", 6, "not found"),
    Refused("log --run none", 3, "There is no run 'none'"),
    Refused("profile show none", 4, "There is no profile 'none'"),
    Refused("profile test none", 4, "There is no profile 'none'"),
    Refused("profile test", 4, "No account: "),
    Refused("profile test", 7, "no connection", ACCOUNT | {"EXOSMS_BASE_URL": "http://127.0.0.1:1"}),
    Refused("profile use none", 4, "There is no profile 'none'"),
    Refused("profile remove none", 4, "There is no profile 'none'"),
    Refused("profile set none from=x", 4, "There is no profile 'none'"),
    Refused("profile add x", 4, "--account-sid"),
    Refused("template show none", 3, "none"),
    Refused("template remove none", 3, "none"),
    Refused("template import none.csv", 3, "none.csv cannot be read"),
    Refused("check-template -b x -t none", 3, "none"),
    Refused("doctor", 4, "account: No account: "),
    Refused("doctor -p none", 4, "account: There is no profile 'none'"),
    Refused(
        "doctor", 7, "connection: no connection: 127.0.0.1:1", ACCOUNT | {"EXOSMS_BASE_URL": "http://127.0.0.1:1"}
    ),
    Refused("codes 999999", 3, "999999"),
    Refused("codes zzzz", 3, "zzzz"),
]


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A home with a run that ended in many ways, and a once key of which nobody knows what became."""
    shell = Shell(tmp_path_factory.mktemp("begun"))
    for name, rows in {"june": BEGUN, "good": "9876543219,x\n", "bad": "12,x\n13,x\n"}.items():
        (shell.home / f"{name}.csv").write_text(f"to,body\n{rows}")
    june = str(shell.home / "june.csv")
    assert shell("bulk", june, *SANDBOX, "--batch", "1", "--yes", "--run", "june").exit_code == 10
    assert shell("send", *SANDBOX, "--to", "+919000000500", "--body", "Hi", "--once", "used").exit_code == 9
    return shell


@pytest.mark.parametrize("output", FORMATS, ids=" ".join)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.line)
def test_whatever_fails_says_why(begun: Shell, case: Refused, output: Sequence[str]) -> None:
    words = [f"{begun.home}/{word}" if word.endswith((".csv", ".txt")) else word for word in shlex.split(case.line)]
    if "used" in words:
        words[words.index("9876543210")] = "+919000000500"
    result = begun(*words, *output, env=case.env)
    if result.exit_code == 2 and "No such option: -q" in result.stderr:
        result = begun(*words, *[option for option in output if option != "-q"], env=case.env)
    assert result.exit_code == case.exit_code, result
    assert case.why in said(result.stderr), result.stderr


@pytest.mark.parametrize("to", ["+919000000403", "+919000000403,9876543210"])
@pytest.mark.parametrize("output", [(), ("-q",)])
def test_one_screen_is_told_once(exosms: Shell, to: str, output: Sequence[str]) -> None:
    refused = exosms.on_terminal("send", *SANDBOX, "--to", to, "--body", "Hi", *output)
    assert refused.exit_code == 6
    assert refused.stdout.count("Insufficient balance") == 1
    page = exosms.on_terminal("doctor", columns=200)
    assert (page.exit_code, page.stdout.count("No account: ")) == (4, 1)
