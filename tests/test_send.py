"""``exosms send``: input, outcome, exit code and what is printed, in a pipe."""

import json
import re
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from conftest import Shell
from misbehaving import Misbehaving, answers

from exosms.exotel.exchange import Fault, NoAnswer
from exosms.exotel.transport import InProcessTransport
from exosms.ledger.entry import OnceKey
from exosms.ledger.messages import Ledger
from exosms.sms.message import Encoding, Message, MessageFields

SANDBOX = ("--region", "sandbox", "--from", "ACMEIN")
SID = re.compile(r"[0-9a-f]{32}")
HELLO = Message("+919876543210", "Hello", Encoding.PLAIN, 1, MessageFields(sender="ACMEIN"))


def send(exosms: Shell, *argv: str, to: str = "9876543210", **options: Any) -> Any:
    return exosms("send", *SANDBOX, "--to", to, *argv, **options)


def test_an_accepted_message_is_one_tab_separated_line(exosms: Shell) -> None:
    result = send(exosms, "--body", "Hello")
    outcome, to, sid, detail = result.stdout.removesuffix("\n").split("\t")
    assert (result.exit_code, outcome, to, detail) == (0, "accepted", "+919876543210", "queued")
    assert SID.fullmatch(sid)
    assert result.stderr == "exosms: the sandbox answers; nothing is sent\n"


def test_the_json_document_has_exactly_the_promised_keys(exosms: Shell) -> None:
    result = send(exosms, "--body", "Hello", "--json")
    sid = result.json["messages"][0]["sid"]
    assert SID.fullmatch(sid)
    assert result.json == {
        "schema": 1,
        "command": "send",
        "profile": "sandbox",
        "sandbox": True,
        "exit_code": 0,
        "outcome": "accepted",
        "messages": [
            {
                "to": "+919876543210",
                "outcome": "accepted",
                "sid": sid,
                "status": "queued",
                "http_status": 200,
                "detailed_status_code": 21010,
                "detailed_status": "PENDING_TO_OPERATOR",
                "encoding": "plain",
                "segments": 1,
                "template": None,
                "error": None,
            }
        ],
        "error": None,
    }


def test_quiet_prints_only_the_sid(exosms: Shell) -> None:
    result = send(exosms, "--body", "Hello", "-q")
    assert SID.fullmatch(result.stdout.removesuffix("\n"))
    assert result.stderr == ""


def test_verbose_shows_each_request_with_its_time(exosms: Shell) -> None:
    said = send(exosms, "--body", "Hello", "-v").stderr
    with Misbehaving(answers(200, '{"SMSMessage": {"Sid": "a"}}')) as server:
        account = {f"EXOTEL_{name}": "ACMEIN" for name in ("ACCOUNT_SID", "API_KEY", "API_TOKEN", "FROM")}
        argv = ("send", "--to", "9876543210", "--body", "Hello", "-v")
        said += exosms(*argv, env={**account, "EXOSMS_BASE_URL": server.url}).stderr
    host = server.url.removeprefix("http://")
    traced = [re.sub(r"in [0-9]+\.[0-9]{3} s$", "in …", line) for line in said.splitlines() if " POST " in line]
    assert traced == [
        "exosms: POST sandbox /v1/Accounts/sandbox/Sms/send.json 200 in …",
        f"exosms: POST {host} /v1/Accounts/ACMEIN/Sms/send.json 200 in …",
    ]


def test_jsonl_prints_one_object_for_each_message(exosms: Shell) -> None:
    import json

    result = send(exosms, "--body", "Hello", "-o", "jsonl", to="9876543210,9876543211")
    messages = [json.loads(line) for line in result.stdout.splitlines()]
    assert [message["to"] for message in messages] == ["+919876543210", "+919876543211"]
    assert all(message["sandbox"] is True for message in messages)


@pytest.mark.parametrize(
    ("answer", "exit_code", "outcome", "retry"),
    [
        ("00400", 6, "rejected", "no"),
        ("00401", 4, "not_sent", "safe"),
        ("00402", 6, "not_sent", "safe"),
        ("00403", 6, "not_sent", "safe"),
        ("00404", 6, "rejected", "no"),
        ("00408", 9, "unknown", "decide"),
        ("00409", 9, "unknown", "decide"),
        ("00429", 11, "not_sent", "safe"),
        ("00500", 9, "unknown", "decide"),
        ("00502", 9, "unknown", "decide"),
        ("00503", 7, "not_sent", "safe"),
        ("23185", 0, "accepted", None),
        ("20005", 0, "accepted", None),
    ],
)
def test_every_answer_has_its_outcome_and_exit_code(
    exosms: Shell, answer: str, exit_code: int, outcome: str, retry: str | None
) -> None:
    result = send(exosms, "--body", "Hello", "--retry-for", "0", "--json", to=f"+9190000{answer}")
    message = result.json["messages"][0]
    assert (result.exit_code, result.json["exit_code"]) == (exit_code, exit_code)
    assert (message["outcome"], result.json["outcome"]) == (outcome, outcome)
    assert (message["error"] or {"retry": None})["retry"] == retry
    assert (message["sid"] is None) == (outcome != "accepted")


@pytest.mark.parametrize(
    ("answers", "exit_code", "outcomes"),
    [
        (["00001", "00002"], 0, ["accepted", "accepted"]),
        (["00001", "00400"], 10, ["accepted", "rejected"]),
        (["00400", "00001"], 10, ["rejected", "accepted"]),
        (["00500", "00001"], 9, ["unknown", "accepted"]),
        (["00500", "00400"], 9, ["unknown", "rejected"]),
        (["00400", "00404"], 6, ["rejected", "rejected"]),
        (["00401", "00001"], 4, ["not_sent", "not_sent"]),
        (["00001", "00403", "00002"], 10, ["accepted", "not_sent", "not_sent"]),
        (["00400", "00429"], 6, ["rejected", "not_sent"]),
    ],
)
def test_several_recipients(exosms: Shell, answers: list[str], exit_code: int, outcomes: list[str]) -> None:
    numbers = ",".join(f"+9190000{answer}" for answer in answers)
    result = send(exosms, "--body", "Hello", "--retry-for", "0", "--json", to=numbers)
    assert result.exit_code == exit_code
    assert [message["outcome"] for message in result.json["messages"]] == outcomes


def test_a_recipient_given_twice_gets_one_message(exosms: Shell) -> None:
    result = send(exosms, "--body", "Hello", to="9876543210,+91 98765-43210")
    assert result.stdout.count("\n") == 1
    assert "+919876543210 was given more than once" in result.stderr


def test_a_recipient_given_again_and_again_is_told_once(exosms: Shell) -> None:
    result = send(exosms, "--body", "Hello", "-n", to="9876543210,9876543210,9876543210")
    assert (result.exit_code, result.stderr.count("was given more than once")) == (0, 1)


def test_one_bad_recipient_stops_all(exosms: Shell) -> None:
    result = send(exosms, "--body", "Hello", "--json", to="9876543210,12345")
    assert (result.exit_code, result.json["outcome"]) == (3, "rejected")
    assert [(m["to"], m["outcome"]) for m in result.json["messages"]] == [
        ("9876543210", "not_sent"),
        ("12345", "rejected"),
    ]
    assert "12345" in result.stderr
    assert exosms("log").stdout == ""
    retries = [message["error"]["retry"] for message in result.json["messages"]]
    assert sorted(retries) == ["decide", "no"]


@pytest.mark.parametrize(
    ("argv", "exit_code", "words"),
    [
        (("--body", ""), 3, "empty"),
        (("--body", "x" * 2001), 3, "2001"),
        (("--body", "Hi {#var#}"), 3, "{#var#}"),
        (("--body", "Hi {{ name }}"), 3, "{{ name }}"),
        (("--body", "Hi {#alphanumeric#}"), 3, "{#alphanumeric#}"),
        (("--body", "₹5", "--encoding", "plain"), 3, "U+20B9"),
        (("--body-file", "/nonexistent/text"), 3, "/nonexistent/text"),
        (("--body", "Hi", "--from", "VM-ACMEIN-S"), 3, "ACMEIN"),
        (("--body", "Hi", "--dlt-template-id", "1.10716E+18"), 3, "1.10716E+18"),
        ((), 2, "--body"),
        (("--body", "a", "--body-file", "-"), 2, "--body"),
        (("--body", "a", "--within", "1h"), 2, "--once"),
        (("--body", "a", "--rate", "fast"), 2, "fast"),
        (("--body", "a", "--retry-for", "soon"), 2, "soon"),
        (("--body", "a", "--timeout", "0"), 2, "0"),
        (("--body", "a", "--timeout", "٣"), 2, "'٣' is not a valid time limit"),
        (("--body", "a", "--timeout", "1_000"), 2, "'1_000' is not a valid time limit"),
        (("--body", "a", "--type", "spam"), 2, "spam"),
        (("--body", "a", "--priority", "urgent"), 2, "urgent"),
        (("--body", "a", "--encoding", "utf8"), 2, "utf8"),
        (("--body", "a", "--status-callback", "ftp://x"), 2, "ftp://x"),
        (("--body", "a", "--status-callback", "https://a b"), 2, "https://a b"),
        (("--body", "a", "--status-callback", "https://a/\x01b"), 2, "is not a valid URL"),
        (("--body", "a", "--status-callback", "https://[::1"), 2, "https://[::1"),
        (("--body", "a", "--status-callback", "https://a:99999/"), 2, "https://a:99999/"),
        (("--body", "a", "--status-callback", "https://:80/"), 2, "https://:80/"),
        (("--body", "a", "--status-callback", "https://a\x7f"), 2, "is not a valid URL"),
        (("--body", "a", "--status-callback", "https://a/\u202eb"), 2, "is not a valid URL"),
        (("--body", "a", "--from", ""), 2, "--from"),
        (("--body", "a", "--dlt-entity-id", ""), 2, "--dlt-entity-id"),
        (("--body", "a", "--dlt-template-id", ""), 2, "--dlt-template-id"),
        (("--body", "a", "-t", ""), 2, "-t"),
        (("--body", "a", "--nosuch"), 2, "--nosuch"),
        (("--body", "a", "--once", ""), 2, "--once"),
        (("--body", "a", "--max-segments", "0"), 2, "0"),
        (("--body", "x" * 161, "--max-segments", "1"), 5, "--max-segments 1"),
        (("--body", "x" * 161, "--max-parts", "1"), 5, "--max-parts 1"),
    ],
)
def test_bad_input_is_one_sentence_and_nothing_is_sent(
    exosms: Shell, argv: tuple[str, ...], exit_code: int, words: str
) -> None:
    for dry_run in ((), ("--dry-run",)):
        result = send(exosms, *argv, *dry_run)
        assert result.exit_code == exit_code, result
        assert words in result.stderr
        if exit_code == 2:
            assert result.stdout == ""
        else:
            assert result.stdout.split("\t")[0] == ("rejected" if exit_code == 3 else "not_sent")
    assert exosms("log").stdout == ""


def test_what_a_guard_keeps_back_is_told_with_its_size(exosms: Shell) -> None:
    result = send(exosms, "--body", "₹" * 71, "--max-segments", "1", "--json", to="9876543210,9876543211")
    assert (result.exit_code, result.json["outcome"], result.json["error"]["kind"]) == (5, "not_sent", "guard")
    messages = [(m["to"], m["outcome"], m["encoding"], m["segments"]) for m in result.json["messages"]]
    assert messages == [(f"+91987654321{n}", "not_sent", "unicode", 2) for n in (0, 1)]


def test_an_argument_that_is_no_text_refuses_every_recipient(exosms: Shell) -> None:
    result = send(exosms, "--body", "\udcff", "--json", to="9876543210,9876543211")
    assert (result.exit_code, result.json["outcome"], result.json["error"]["kind"]) == (3, "rejected", "rejected")
    messages = [(m["to"], m["outcome"], m["error"]["message"]) for m in result.json["messages"]]
    assert messages == [(f"987654321{n}", "rejected", "--body is not UTF-8: \udcff") for n in (0, 1)]
    quiet = send(exosms, "--body", "\udcff", "-q")
    assert (quiet.exit_code, quiet.stdout) == (3, "")
    assert r"--body is not UTF-8: \udcff" in quiet.stderr


@pytest.mark.parametrize(("file", "state"), [("x" * 300, 4), ("file/x", 0)])
def test_a_path_that_cannot_be_looked_at_is_no_bug(exosms: Shell, file: str, state: int, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    path = str(tmp_path / file)
    assert send(exosms, "--body", "x", "-t", "otp", "--templates", path).exit_code == 3
    assert send(exosms, "--body", "x", "-n", "--once", "k", env={"EXOSMS_STATE_DIR": path}).exit_code == state


GOOD, OTHER, LOST, REFUSED = "9876543210", "9876543211", "+919000000500", "+919000000401"
DAY_OF_TWO = 'version = 1\n[profiles.p]\nregion = "sandbox"\nfrom = "ACMEIN"\nmax_parts_per_day = 2\n'


@pytest.mark.parametrize(
    ("to", "argv", "allow", "exit_code", "outcomes"),
    [
        ([GOOD], (), "", 0, "skipped"),
        ([GOOD], ("-n",), "", 0, "skipped"),
        ([GOOD], ("--body", "x" * 161, "--max-segments", "1"), "", 0, "skipped"),
        ([GOOD], (), OTHER, 0, "skipped"),
        ([GOOD, LOST], (), "", 9, "skipped unknown"),
        ([GOOD, LOST], ("--max-parts", "1"), "", 9, "skipped unknown"),
        ([GOOD, OTHER], (), "", 5, "not_sent not_sent"),
        ([GOOD, OTHER], ("-p", "wide", "--max-parts", "1"), "", 0, "skipped accepted"),
    ],
)
def test_no_guard_refuses_what_a_once_key_leaves_out(
    exosms: Shell, to: list[str], argv: tuple[str, ...], allow: str, exit_code: int, outcomes: str
) -> None:
    config = exosms.home / "config.toml"
    config.touch(mode=0o600)
    config.write_text(DAY_OF_TWO + '[profiles.wide]\nregion = "sandbox"\nfrom = "ACMEIN"\n')
    once = ("send", "--config", str(config), "--once", "k", "--body", "Hello")
    assert exosms(*once, "-p", "p", "--to", f"{GOOD},{LOST}").exit_code == 9  # which used up the day
    result = exosms(*once, "-p", "p", "--to", ",".join(to), *argv, env={"EXOSMS_ALLOW": allow})
    assert (result.exit_code, [line.partition("\t")[0] for line in result.stdout.splitlines()]) == (
        exit_code,
        outcomes.split(),
    )


def test_what_is_purged_counts_as_sent_today_all_the_same(exosms: Shell) -> None:
    config = exosms.home / "config.toml"
    config.touch(mode=0o600)
    config.write_text(DAY_OF_TWO)
    argv = ("send", "--config", str(config), "-p", "p", "--to", GOOD, "--body", "Hello")
    assert exosms(*argv).exit_code == 0
    for exit_code, purged in ((0, "2 messages"), (5, "0 messages")):
        assert exosms(*argv).exit_code == exit_code
        assert exosms("runs", "purge", "--older-than", "0s").stdout == f"{purged} deleted\n"
    assert exosms(*argv).exit_code == 5


@pytest.mark.parametrize(
    ("to", "exit_code"), [((REFUSED, LOST, GOOD, OTHER), 9), ((LOST, GOOD, REFUSED, OTHER), 9), ((REFUSED, GOOD), 4)]
)
def test_what_a_once_key_says_of_a_message_is_said_though_another_stopped_the_command(
    exosms: Shell, to: tuple[str, ...], exit_code: int
) -> None:
    assert send(exosms, "--body", "x", "--once", "k", to=f"{GOOD},{LOST}").exit_code == 9
    result = send(exosms, "--body", "x", "--once", "k", to=",".join(to))
    said = {REFUSED: "not_sent", LOST: "unknown", GOOD: "skipped", OTHER: "not_sent"}
    outcomes = [line.partition("\t")[0] for line in result.stdout.splitlines()]
    assert (result.exit_code, outcomes) == (exit_code, [said[number] for number in to])


def test_what_a_once_key_says_is_said_also_where_no_answer_but_a_wrong_certificate_stopped_the_command(
    exosms: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert send(exosms, "--body", "x", "--once", "k", to=f"{GOOD},{LOST}").exit_code == 9
    silence = NoAnswer(written=False, fault=Fault.CERTIFICATE)
    monkeypatch.setattr(InProcessTransport, "exchange", lambda *_, **__: silence)
    result = send(exosms, "--body", "x", "--once", "k", to=f"{OTHER},{LOST},{GOOD}")
    outcomes = [line.partition("\t")[0] for line in result.stdout.splitlines()]
    assert (result.exit_code, outcomes) == (9, ["not_sent", "unknown", "skipped"])


def test_a_message_that_somebody_else_is_sending_counts_once_for_the_day(exosms: Shell) -> None:
    config = exosms.home / "config.toml"
    config.touch(mode=0o600)
    config.write_text(DAY_OF_TWO)
    sent = ("send", "--config", str(config), "-p", "p", "--to", GOOD, "--body", "Hello", "--once")
    assert exosms(*sent, "k").exit_code == 0
    with closing(Ledger.open(exosms.home / "state")) as ledger:
        (of_first,) = ledger.with_key("k")
        ledger.claim(HELLO, account=of_first.account, profile="p", once=OnceKey("busy", None))
        result = exosms(*sent, "busy", "--retry-for", "0", "--timeout", "0.1")
    assert (result.exit_code, "is in use by process" in result.stderr) == (5, True)


def test_usage_errors_leave_standard_output_empty_even_with_json(exosms: Shell) -> None:
    result = send(exosms, "--body", "a", "--body-file", "-", "--json")
    assert (result.exit_code, result.stdout) == (2, "")


def test_a_body_is_sent_as_given(exosms: Shell, tmp_path: Path) -> None:
    """Only from a file exactly one final line end is dropped."""
    text = tmp_path / "text"
    cases = {
        b"two\n\n": "two\n",
        b"crlf\r\n": "crlf",
        b" spaces \n": " spaces ",
        b"none": "none",
        b"\xef\xbb\xbfbom": "bom",
    }
    for raw, expected in cases.items():
        text.write_bytes(raw)
        dry = send(exosms, "--body-file", str(text), "--json")
        assert dry.exit_code == 0
        assert dry.json["messages"][0]["segments"] == 1
        assert len(expected) == len(raw.decode("utf-8-sig")) - (raw.endswith(b"\n") + raw.endswith(b"\r\n"))


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (["-b=Hi"], "Hi"),
        (["-b=a=b"], "a=b"),
        (["-bHi"], "Hi"),
        (["-b", "=Hi"], "=Hi"),
        (["--body=-b=Hi"], "-b=Hi"),
        (["-yb=a=b"], "a=b"),
        (["-yb", "=Hi"], "=Hi"),
        (["-ybHib=1"], "Hib=1"),
    ],
)
def test_an_equals_sign_ends_the_name_of_an_option(exosms: Shell, given: Sequence[str], text: str) -> None:
    assert send(exosms, *given, "-n", "--json").json["messages"][0]["text"] == text


def test_standard_input_is_read_only_for_a_dash(exosms: Shell) -> None:
    assert send(exosms, "--body-file", "-", stdin="from a pipe").exit_code == 0
    assert send(exosms, "--body-file", "-", stdin="").exit_code == 3
    assert send(exosms, stdin="not read").exit_code == 2


def test_a_file_that_cannot_be_a_text_is_not_read_to_its_end(exosms: Shell) -> None:
    result = send(exosms, "--body-file", "/dev/zero")
    assert (result.exit_code, result.stdout.split("\t")[0]) == (3, "rejected")
    assert "/dev/zero is over 1 MB" in result.stderr


def test_warnings(exosms: Shell, tmp_path: Path) -> None:
    (tmp_path / "alert.txt").write_text("x")
    assert r"literal \n" in send(exosms, "--body", r"a\nb").stderr
    assert r"literal \n" in send(exosms, "--body-file", "-", stdin=r"a\nb").stderr
    assert "--body-file" in send(exosms, "--body", f"@{tmp_path}/alert.txt").stderr
    assert "--body-file" not in send(exosms, "--body", "@" + "x" * 300).stderr  # longer than any file's name
    assert "U+20B9 INDIAN RUPEE SIGN" in send(exosms, "--body", "₹5").stderr
    assert "contains {name}, which is sent" in send(exosms, "--body", "Hi {name}").stderr
    assert "contains %s, which is sent" in send(exosms, "--body", "Hi %s!").stderr
    for marker in ("[name]", "((name))", "%name%", "$name", "#NAME#", "<name>"):
        assert f"contains {marker}, which is sent" in send(exosms, "--body", f"Hi {marker}, {marker}").stderr
    for text in ("[PROD] disk full", "A/c XXXX was credited", "$5, #1, 50% and [1]"):
        assert "which is sent" not in send(exosms, "--body", text).stderr
    assert "which is sent" not in send(exosms, "--body", "50%discount {} %5").stderr
    assert "Unicode" not in send(exosms, "--body", "नमस्ते दुनिया").stderr
    assert "8 parts" in send(exosms, "--body", "x" * 1100).stderr


def test_a_dry_run_needs_no_credentials_and_writes_nothing(exosms: Shell) -> None:
    result = exosms("send", "-n", "--to", "9876543210", "--body", "Hi", "--json")
    assert (result.exit_code, result.json["outcome"]) == (0, "planned")
    assert [*exosms.home.iterdir()] == []


def test_a_dry_run_looks_into_the_ledger_only_for_what_needs_it(exosms: Shell) -> None:
    state = exosms.home / "state"
    state.mkdir(mode=0o700)
    (state / "ledger.db").write_bytes(b"no database" * 1000)
    assert send(exosms, "--body", "Hi", "-n").stdout.startswith("planned\t")
    assert send(exosms, "--body", "Hi", "-n", "--once", "k").exit_code == 4


def test_what_may_be_a_mistake_is_told_although_an_error_follows(exosms: Shell) -> None:
    numbers = ("9876543210", "9876543210", "12")
    argv = [word for number in numbers for word in ("--to", number)]
    result = exosms("send", "--region", "sandbox", *argv, "--body", "Hi", "--from", "AVeryLongSender")
    assert result.exit_code == 3
    said = ("unusual shape", "given more than once", "error: '12' is not")
    assert sorted(said, key=result.stderr.index) == [*said]


def test_without_an_account_it_says_what_to_do(exosms: Shell) -> None:
    result = exosms("send", "--to", "9876543210", "--body", "Hi", "--json")
    assert (result.exit_code, result.json["outcome"], result.json["error"]["kind"]) == (4, "not_sent", "config")
    assert "exosms profile add" in result.stderr
    assert "--region sandbox" in result.stderr


TEMPLATES = """
version = 1
[templates.otp]
text = "{#var#} is your OTP. - Acme"
dlt_template_id = "1107161234567890123"
"""


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("--body", "4711 is your OTP. - Acme"), "the text matches the template 'otp'; give -t otp"),
        (("--body", "4711 is your  OTP. - Acme"), "the text matches no template in "),
        (
            ("--body", "4711", "--dlt-template-id", "1107161234567890123"),
            "the text differs from the template 'otp', w",
        ),
        (("--body", "4711 is your OTP. - Acme", "--dlt-template-id", "1107161234567890123"), None),
        (("--body", "4711", "--dlt-template-id", "1107161234567890124"), None),
        (("--body", "4711", "--type", "promotional", "--any-hour"), None),
        (("-t", "otp", "--var", "1=4711"), None),
    ],
    ids=[
        "registered",
        "not registered",
        "another's id",
        "its own id",
        "an id not kept",
        "promotional",
        "by its template",
    ],
)
def test_a_text_without_a_template_is_held_against_those_that_are_kept(
    exosms: Shell, argv: tuple[str, ...], said: str | None
) -> None:
    path = exosms.home / "templates.toml"
    path.write_text(TEMPLATES)
    result = exosms("send", "--to", "9876543210", *argv, "--dry-run", env={"EXOSMS_TEMPLATES": str(path)})
    assert (result.exit_code, "warning: the text " in result.stderr) == (0, said is not None)
    assert said is None or said in result.stderr


@pytest.mark.parametrize("content", ["version = 1\n", "no TOML", None], ids=["empty", "broken", "none"])
def test_templates_that_nobody_asked_for_stop_nothing(exosms: Shell, content: str | None) -> None:
    path = exosms.home / "templates.toml"
    if content is not None:
        path.write_text(content)
    result = exosms("send", "--to", "9876543210", "--body", "x", "-n", env={"EXOSMS_TEMPLATES": str(path)})
    assert (result.exit_code, "template in" in result.stderr) == (0, False)


def test_an_answer_that_says_already_that_it_failed_is_a_warning(exosms: Shell) -> None:
    """Exotel gave a Sid, so it is accepted; what the operator did is the business of ``status``."""
    said = {"Sid": "a" * 32, "Status": "failed-dnd", "DetailedStatusCode": 22001}
    env = {"EXOTEL_ACCOUNT_SID": "acme1", "EXOTEL_API_KEY": "key", "EXOTEL_API_TOKEN": "token"}
    argv = ("send", "--to", "9876543210", "--from", "ACMEIN", "--body", "Hello", "--rate", "off")
    with Misbehaving(answers(200, json.dumps({"SMSMessage": said}))) as server:
        result = exosms(*argv, "--base-url", server.url, env=env)
    assert (result.exit_code, result.stdout.split("\t")[0]) == (0, "accepted")
    assert "accepted the message to +919876543210 and says already that it failed-dnd" in result.stderr
