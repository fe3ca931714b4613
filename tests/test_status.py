"""``exosms status``: our outcome beside Exotel's words, for every code and every odd answer."""

import json
import re
import resource
import shlex
import sqlite3
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from conftest import Result, Shell
from misbehaving import Misbehaving, Step, answer, answers, does, hangs, reads_all, resets, says

from exosms.codes import lookup
from exosms.codes.entry import CodeEntry, Family
from exosms.errors import ExitCode
from exosms.exotel.delivery_report import DeliveryReport, decisive
from exosms.sms.message import Delivery, Outcome

SID = "0f477d60517e6e6a0f6d9a7e9af8630e"
OTHER = "5" * 32
ACCOUNT = {"EXOTEL_ACCOUNT_SID": "acme1", "EXOTEL_API_KEY": "key", "EXOTEL_API_TOKEN": "token"}
SANDBOX = ("--region", "sandbox")
FAILED, CONFIG, REFUSED, LIMITED, DOWN, PENDING, OK = (
    ExitCode.FAILED,
    ExitCode.CONFIG,
    ExitCode.REFUSED,
    ExitCode.RATE_LIMITED,
    ExitCode.UNAVAILABLE,
    ExitCode.PENDING,
    ExitCode.OK,
)
PUBLISHED = [entry for entry in lookup.everything() if entry.family is Family.DELIVERY and entry.last is None]
EXIT_CODES = {Outcome.DELIVERED: 0, Outcome.PENDING: 0, Outcome.FAILED: 12}


def send(exosms: Shell, code: str, *options: str) -> str:
    result = exosms("send", *SANDBOX, "--to", f"+9190000{code}", "--body", "Hi", "-q", *options)
    assert result.exit_code == 0, result.stderr
    return result.stdout.strip()


def status(exosms: Shell, server: Misbehaving, *argv: str) -> Any:
    return exosms("status", "--base-url", server.url, "--rate", "off", "--timeout", "60", *argv, env=ACCOUNT)


def test_a_message_of_the_sandbox_is_not_asked_about_elsewhere(exosms: Shell) -> None:
    sid = send(exosms, "20005")
    with Misbehaving() as server:
        result = status(exosms, server, OTHER, sid)
        assert server.requests == 0
    said = f"{sid!r} is the Sid of a message that the sandbox got, not Exotel"
    how = f"  To ask about it: exosms status {sid} --region sandbox\n"
    assert (result.exit_code, result.stdout, result.stderr) == (3, "", f"exosms: error: {said}\n{how}")


def details(**fields: Any) -> str:
    return json.dumps({"SMSMessage": {"Sid": SID, "To": "09876543210", **fields}})


@pytest.mark.parametrize(
    ("exit_codes", "expected"),
    [
        ([], None),
        ([OK], OK),
        ([OK, PENDING], PENDING),
        ([OK, FAILED, OK], FAILED),
        ([OK, REFUSED], REFUSED),
        ([REFUSED, FAILED], FAILED),
        ([DOWN, FAILED], FAILED),
        ([CONFIG, FAILED], FAILED),
        ([PENDING, DOWN], DOWN),
        ([DOWN, LIMITED], LIMITED),
        ([LIMITED, REFUSED], REFUSED),
        ([REFUSED, CONFIG], CONFIG),
    ],
)
def test_the_worst_news_that_is_certain_decides(exit_codes: list[ExitCode], expected: ExitCode | None) -> None:
    report = decisive([DeliveryReport(sid=SID, exit_code=code) for code in exit_codes])
    assert (report.exit_code if report else None) == expected


@pytest.mark.parametrize("entry", PUBLISHED, ids=lambda entry: entry.name)
def test_every_published_code(exosms: Shell, entry: CodeEntry) -> None:
    assert entry.outcome is not None
    word = {20: "sent", 21: "submitted"}.get(entry.code // 1000, "failed")
    word = {21010: "queued", 21015: "sending", 23005: "failed_dnd"}.get(entry.code, word)
    sid, to = send(exosms, str(entry.code)), f"+9190000{entry.code}"
    result = exosms("status", *SANDBOX, sid)
    assert result.exit_code == EXIT_CODES[entry.outcome]
    assert result.stdout == f"{entry.outcome}\t{to}\t{sid}\t{word} {entry.code} {entry.name}\n"
    failed = entry.outcome is Outcome.FAILED
    said = word if word == "failed" else f"failed: {word}"
    why = f"exosms: error: {to}: {said} {entry.code} {entry.name}\n  {entry.meaning} {entry.remedy}\n"
    told = why if failed else ""
    assert result.stderr == f"exosms: the sandbox answers; nothing is sent\n{told}"
    document = exosms("status", *SANDBOX, sid, "--json").json
    (message,) = document["messages"]
    moment = message["sent_at"]
    assert moment.endswith("+05:30")
    assert document == {
        "schema": 1,
        "command": "status",
        "profile": "sandbox",
        "sandbox": True,
        "exit_code": EXIT_CODES[entry.outcome],
        "outcome": entry.outcome,
        "messages": [
            {
                "to": to,
                "outcome": entry.outcome,
                "sid": sid,
                "status": word,
                "http_status": 200 if entry.outcome is Outcome.PENDING else None,
                "detailed_status_code": entry.code,
                "detailed_status": entry.name,
                "encoding": None,
                "segments": 1,
                "template": None,
                "price": 0.25,
                "sent_at": moment,
                "updated_at": moment,
                "error": {
                    "kind": "failed",
                    "http_status": None,
                    "code": entry.code,
                    "message": entry.name,
                    "meaning": entry.meaning,
                    "remedy": entry.remedy,
                    "retry": entry.retry,
                }
                if failed
                else None,
            }
        ],
        "error": None,
    }


@pytest.mark.parametrize(
    ("code", "outcome", "exit_code"),
    [("20999", "delivered", 0), ("21999", "pending", 0), ("23999", "failed", 12), ("24001", "failed", 12)],
)
def test_a_code_that_does_not_exist_yet_is_classed_by_its_group(
    exosms: Shell, code: str, outcome: str, exit_code: int
) -> None:
    result = exosms("status", *SANDBOX, send(exosms, code), "--json")
    assert (result.exit_code, result.json["outcome"]) == (exit_code, outcome)
    assert result.json["messages"][0]["detailed_status_code"] == int(code)


@pytest.mark.parametrize(
    ("fields", "outcome", "exit_code"),
    [
        ({"Status": "sent"}, "delivered", 0),
        ({"Status": "sent", "DetailedStatusCode": "20005"}, "delivered", 0),
        ({"Status": "SENT", "DetailedStatusCode": None}, "delivered", 0),
        ({"Status": "failed-dnd"}, "failed", 12),
        ({"Status": "failed_dnd", "DetailedStatusCode": 23005}, "failed", 12),
        ({"Status": "failed"}, "failed", 12),
        ({"Status": "submitted", "DetailedStatusCode": "23185"}, "failed", 12),
        ({"Status": "sent", "DetailedStatusCode": 21020}, "delivered", 0),
        ({"Status": "sent", "DetailedStatusCode": 23005}, "failed", 12),
        ({"Status": "teleported"}, "pending", 0),
        ({"Status": "teleported", "DetailedStatusCode": 99999}, "pending", 0),
        ({}, "pending", 0),
        ({"Status": None, "DetailedStatusCode": ""}, "pending", 0),
    ],
)
def test_words_and_codes_decide_together(exosms: Shell, fields: dict[str, Any], outcome: str, exit_code: int) -> None:
    with Misbehaving(answers(200, details(**fields))) as server:
        result = status(exosms, server, SID, "--json")
    assert (result.exit_code, result.json["outcome"]) == (exit_code, outcome)
    assert result.json["messages"][0]["to"] == "+919876543210"
    assert result.json["messages"][0]["status"] == fields.get("Status")


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({"DateSent": "2026-03-03 14:14:20"}, ("sent_at", "2026-03-03T14:14:20+05:30")),
        ({"DateUpdated": "2026-03-03 14:14:20"}, ("updated_at", "2026-03-03T14:14:20+05:30")),
        ({"DateSent": "2026-03-03T14:14:20Z"}, ("sent_at", "2026-03-03T14:14:20+00:00")),
        ({"DateSent": None}, ("sent_at", None)),
        ({"DateSent": ""}, ("sent_at", None)),
        ({"DateSent": "1970-01-01 05:30:00"}, ("sent_at", None)),
        ({"DateSent": "0000-00-00 00:00:00"}, ("sent_at", None)),
        ({"DateSent": "yesterday"}, ("sent_at", None)),
        ({"Price": "0.250000"}, ("price", 0.25)),
        ({"Price": 0.5}, ("price", 0.5)),
        ({"Price": 1}, ("price", 1.0)),
        ({"Price": None}, ("price", None)),
        ({"Price": "free"}, ("price", None)),
        ({"Price": True}, ("price", None)),
        ({"SmsUnits": 3}, ("segments", 3)),
        ({"SmsUnits": "3"}, ("segments", 3)),
        ({"SmsUnits": None}, ("segments", None)),
        ({"DetailedStatusCode": "21010"}, ("detailed_status_code", 21010)),
        ({"To": "0014155550100"}, ("to", "+14155550100")),
        ({"To": "n/a"}, ("to", None)),
    ],
)
def test_numbers_dates_and_nothing_in_every_spelling(
    exosms: Shell, fields: dict[str, Any], shown: tuple[str, Any]
) -> None:
    with Misbehaving(answers(200, details(**fields))) as server:
        result = status(exosms, server, SID, "--json")
    name, value = shown
    assert result.exit_code == 0
    assert result.json["messages"][0][name] == value


XML = f"<TwilioResponse><SMSMessage><Sid>{SID}</Sid><Status>sent</Status></SMSMessage></TwilioResponse>"


@pytest.mark.parametrize(
    ("step", "exit_code", "word", "detail"),
    [
        (answers(200, XML), 0, "delivered", "sent"),
        (answers(200, f"[{details(Status='sent')}]"), 0, "delivered", "sent"),
        (answers(200, details(Status="sent").replace(SID, SID.upper())), 0, "delivered", "sent"),
        (answers(200, f"[{details(Status='sent')}, {details(Status='failed')}]"), 12, "failed", "failed"),
        (answers(200, f"[{details(Status='failed')}, {details(Status='sent')}]"), 12, "failed", "failed"),
        (answers(200, f"[{details(Status='queued')}, {details(Status='sent')}]"), 0, "delivered", "sent"),
        (answers(200, '{"Message": "No matching results"}'), 6, "not_found", "not found"),
        (answers(200, "No matching results"), 6, "not_found", "not found"),
        (answers(200, "[]"), 6, "not_found", "not found"),
        (answers(200, "<TwilioResponse><Message>none</Message></TwilioResponse>"), 6, "not_found", "not found"),
        (answers(404, ""), 6, "not_found", "not found"),
        (answers(404, '{"RestException": {"Status": 404}}'), 6, "not_found", "not found"),
        (answers(200, details(Status="sent").replace(SID, OTHER)), 6, "not_found", "not found"),
        (answers(401, ""), 4, "config", "HTTP 401: "),
        (answers(403, '{"RestException": {"Status": 403, "Message": "no"}}'), 6, "refused", "HTTP 403: no"),
        (answers(400, ""), 6, "refused", "HTTP 400: "),
        (answers(302, "", "Location: http://127.0.0.1:9/"), 6, "refused", "HTTP 302: "),
    ],
)
def test_what_an_answer_means(exosms: Shell, step: Step, exit_code: int, word: str, detail: str) -> None:
    with Misbehaving(step) as server:
        result = status(exosms, server, SID)
        assert server.requests == 1
    assert result.exit_code == exit_code
    outcome, _to, sid, said = result.stdout.removesuffix("\n").split("\t")
    assert (outcome, sid) == (word, SID)
    assert said.startswith(detail)


@pytest.mark.parametrize(
    "step",
    [
        does(reads_all, resets),
        answers(500, ""),
        answers(503, '{"RestException": {"Status": 503, "Code": 40405}}', "Retry-After: 0"),
        answers(429, "", "Retry-After: 0"),
        answers(408, ""),
        does(reads_all, says(answer(200, details(Status="sent"))[:-20]), resets),
        answers(200, "x" * 100_000),
        answers(204, ""),
        answers(200, ""),
        answers(200, details(Status="sent")[:-20]),
        answers(200, XML[:-20]),
        answers(200, "<html><body>Blocked</body></html>"),
        answers(200, "<!DOCTYPE html><HTML><br>Sign in"),
    ],
    ids=["reset", "500", "503", "429", "408", "cut", "too large", "204", "empty", "JSON", "XML", "XHTML", "HTML"],
)
def test_a_question_without_an_answer_is_asked_again(
    exosms: Shell, step: Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exosms.send.track.back_off", lambda *_args, **_more: 0.0)
    with Misbehaving(step, answers(200, details(Status="sent"))) as server:
        result = status(exosms, server, SID)
        assert server.requests == 2
    assert (result.exit_code, result.stdout.split("\t")[0]) == (0, "delivered")


@pytest.mark.parametrize(
    ("step", "exit_code", "kind"),
    [
        (does(reads_all, resets), 7, "unavailable"),
        (answers(500, ""), 7, "unavailable"),
        (answers(409, ""), 7, "unavailable"),
        (answers(429, "", "Retry-After: 0"), 11, "rate_limited"),
        (answers(429, "", "Retry-After: 120"), 11, "rate_limited"),
    ],
)
def test_without_any_answer_nothing_becomes_unknown(
    exosms: Shell, step: Step, exit_code: int, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exosms.send.track.back_off", lambda *_args, **_more: 0.0)
    with Misbehaving(step) as server:
        result = status(exosms, server, SID, "--json")
    (message,) = result.json["messages"]
    assert (result.exit_code, message["outcome"], message["error"]["kind"]) == (exit_code, None, kind)
    assert message["error"]["retry"] == "safe"
    told = [line for line in result.stderr.splitlines() if "is not known yet" in line]
    assert told == [*dict.fromkeys(told)] != []  # once for each reason, however often it asked


def test_a_deadline_is_no_answer(exosms: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exosms.send.track.back_off", lambda *_args, **_more: 0.0)
    monkeypatch.setattr("exosms.send.track.MOST_RETRIES", 0)
    with Misbehaving(does(reads_all, hangs)) as server:
        result = status(exosms, server, SID, "--timeout", "0.1")
    assert (result.exit_code, result.stdout.split("\t")[0]) == (7, "unavailable")


def test_after_a_refused_key_nothing_more_is_asked_and_all_are_listed(exosms: Shell) -> None:
    with Misbehaving(answers(401, "")) as server:
        result = status(exosms, server, SID, OTHER)
        assert server.requests == 1
    assert (result.exit_code, [line.split("\t")[2] for line in result.stdout.splitlines()]) == (4, [SID, OTHER])
    assert "region" in result.stderr


def test_the_order_is_that_of_the_question_and_each_is_asked_once(exosms: Shell) -> None:
    first, second = send(exosms, "23185"), send(exosms, "20005")
    result = exosms("status", *SANDBOX, second, "-", second, stdin=f"{first}\n{second}\n")
    assert [line.split("\t")[2] for line in result.stdout.splitlines()] == [second, first]
    assert result.exit_code == 12


@pytest.mark.parametrize(
    ("argv", "stdin", "exit_code", "words"),
    [
        ((), "", 2, "SID"),
        (("-",), "\n", 3, "has no Sid"),
        (("+919876543210",), "", 3, "exosms log --to +919876543210"),
        (("a\x1bb",), "", 3, "is not a valid Sid"),
        (("नमस्ते",), "", 3, "is not a valid Sid"),
        (("-",), b"\xff\xfea\x00b\x00", 3, "is not a valid Sid"),
        (("abc", "--wait", "soon"), "", 2, "soon"),
    ],
)
def test_what_is_no_sid_is_refused_here(
    exosms: Shell, argv: tuple[str, ...], stdin: str | bytes, exit_code: int, words: str
) -> None:
    result = exosms("status", *SANDBOX, *argv, stdin=stdin)
    assert (result.exit_code, result.stdout) == (exit_code, "")
    assert words in result.stderr


def test_endless_standard_input_is_refused_in_one_sentence(exosms: Shell) -> None:
    argv = ("status", *SANDBOX, "-", "--json")
    bounded = partial(resource.setrlimit, resource.RLIMIT_AS, (1 << 31, 1 << 31))  # or it would take all there is
    with Path("/dev/zero").open("rb") as endless:
        process = exosms.start(*argv, stdin=endless, preexec_fn=bounded)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 3
    assert err.decode().splitlines()[0] == "exosms: error: Standard input is over 10 MB"
    assert json.loads(out)["error"]["kind"] == "rejected"


def test_without_an_account_there_is_still_one_document(exosms: Shell) -> None:
    result = exosms("status", SID, "--json")
    assert (result.exit_code, result.json["exit_code"], result.json["error"]["kind"]) == (4, 4, "config")
    assert result.json["messages"] == []


def test_a_final_state_is_not_asked_for_again(exosms: Shell) -> None:
    with Misbehaving(answers(200, details(Status="submitted")), answers(200, details(Status="sent"))) as server:
        results = [status(exosms, server, SID) for _ in range(3)]
        assert server.requests == 2
    assert [result.stdout.split("\t")[0] for result in results] == ["pending", "delivered", "delivered"]


def test_accounts_do_not_share_what_they_know(exosms: Shell) -> None:
    with Misbehaving(answers(200, details(Status="sent")), answers(404, "")) as server:
        assert status(exosms, server, SID).exit_code == 0
        other = exosms("status", "--base-url", server.url, SID, env={**ACCOUNT, "EXOTEL_ACCOUNT_SID": "other"})
    assert other.exit_code == 6


def test_without_a_place_for_a_ledger_it_asks_all_the_same(exosms: Shell, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    env = {**ACCOUNT, "EXOSMS_STATE_DIR": str(tmp_path / "file" / "state")}
    with Misbehaving(answers(200, details(Status="sent"))) as server:
        result = exosms("status", "--base-url", server.url, SID, env=env)
    assert (result.exit_code, result.stdout.split("\t")[0]) == (0, "delivered")
    assert "without a ledger" in result.stderr


def test_a_failed_text_names_the_check_of_its_template(exosms: Shell, tmp_path: Path) -> None:
    file = tmp_path / "templates.toml"
    file.write_text('version = 1\n[templates."my otp"]\ntext = "{#var#} is your OTP"\n')
    template = ("-t", "my otp", "--var", "1=123", "--templates", str(file))
    argv = ("send", *SANDBOX, *template, "-q", "--to")
    sid = exosms(*argv, "+919000023185").stdout.strip()
    result = exosms("status", *SANDBOX, sid, "--json")
    (message,) = result.json["messages"]
    assert message["template"] == "my otp"
    assert message["error"]["remedy"].endswith("exosms check-template -t 'my otp' --body TEXT")
    dead_phone = exosms(*argv, "+919000023035").stdout.strip()
    assert "check-template" not in exosms("status", *SANDBOX, dead_phone, "--json").stdout


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_a_failed_message_is_a_table_with_its_remedy(exosms: Shell, columns: int) -> None:
    sid = send(exosms, "23185")
    shown = exosms.on_terminal("status", *SANDBOX, sid, columns=columns, env={"NO_COLOR": "1"}).stdout
    plain = re.sub("\x1b.*?m", "", shown).splitlines()
    assert "failed  +919000023185" in plain
    assert f"  {sid}" in plain
    values = "".join(line[20:].replace(" ", "") for line in plain[plain.index(f"  {sid}") :])
    for text in (
        "failed23185DLT_TEMPLATE_DOES_NOT_MATCH",
        "1part;price0.25;20",
        "exosmscheck-template-tNAME",
        "maybe",
    ):
        assert text in values
    assert all(len(line) <= columns for line in plain)


def test_a_pending_message_says_to_ask_again(exosms: Shell) -> None:
    shown = exosms.on_terminal("status", *SANDBOX, send(exosms, "21020")).stdout
    assert "pending  +919000021020" in shown
    assert "exosms status SID --wait" in shown


def test_what_a_hostile_server_says_cannot_steer_a_terminal(exosms: Shell) -> None:
    evil = "[bold]\x1b[2J\x07\u202e\r\n\tend"
    with Misbehaving(answers(200, details(Status=evil, DetailedStatus=evil, DateSent=evil, To=evil))) as server:
        for form in ("human", "plain", "json", "jsonl"):
            result = status(exosms, server, SID, "-o", form)
            assert not set("\x1b\x07\u202e\r") & set(result.stdout + result.stderr)
            assert result.exit_code == 0


def test_what_was_learned_is_in_the_ledger_and_final_states_stay(exosms: Shell) -> None:
    from exosms.ledger.messages import Ledger

    state = exosms.home / "state"
    ledger = Ledger.open(state, clock=lambda: 5.0)
    done = Delivery(outcome=Outcome.DELIVERED, status="sent", price=0.25, segments=2)
    ledger.keep_delivery("host/acme1", SID, Delivery(outcome=Outcome.PENDING, status="queued"))
    ledger.keep_delivery("host/acme1", SID, done)
    ledger.keep_delivery("host/acme1", SID, Delivery(outcome=Outcome.PENDING, status="queued"))
    assert ledger.delivery("host/acme1", SID) == done
    assert ledger.delivery("host/acme2", SID) is None
    ledger.close()
    with sqlite3.connect(state / "ledger.db") as other:
        assert other.execute("SELECT sid, outcome, checked_at FROM deliveries").fetchall() == [
            (SID, "delivered", 5.0)
        ]
    other.close()


def test_a_whole_run_is_asked_about(exosms: Shell) -> None:
    rows = "".join(f"+9190000{code},Hello\n" for code in ("20005", "23185", "00400"))
    exosms("bulk", "-", "--region", "sandbox", "--yes", "--run", "r1", stdin=f"to,body\n{rows}")
    result = exosms("status", "--run", "r1", "--json")
    assert (result.exit_code, result.json["outcome"]) == (12, "failed")
    assert [(message["to"], message["outcome"]) for message in result.json["messages"]] == [
        ("+919000020005", "delivered"),
        ("+919000023185", "failed"),
    ]


@pytest.mark.parametrize("profile", ["none", "stored", "forgotten"])
@pytest.mark.parametrize("option", [("--region", "mumbai"), ("--base-url", "http://127.0.0.1:9")])
def test_a_run_of_the_sandbox_is_asked_about_there_and_nowhere_else(
    exosms: Shell, option: tuple[str, str], profile: str
) -> None:
    if profile != "none":
        account = ("--account-sid", "acme1", "--api-key", "key", "--token-stdin", "--region", "mumbai")
        exosms("profile", "add", "prod", *account, stdin="token\n")
    exosms("bulk", "-", "--region", "sandbox", "--yes", "--run", "r1", stdin="to,body\n9876543210,Hello\n")
    if profile == "forgotten":
        assert exosms("profile", "remove", "prod", "--yes").exit_code == 0
    for argv in ((), ("--region", "sandbox"), option):
        result = exosms("status", "--run", "r1", *argv)
        assert (result.exit_code, result.stdout.count("delivered")) == (0, 1), result.stderr
        is_told = f"{option[0]} is ignored, because the run r1 is the sandbox's" in result.stderr
        assert is_told == (argv == option)


@pytest.mark.parametrize("run", ["r1", "f" * 31])
def test_the_name_of_a_run_is_no_sid_and_nobody_is_asked(exosms: Shell, run: str) -> None:
    exosms("bulk", "-", "--region", "sandbox", "--yes", "--run", run, stdin="to,body\n9876543210,Hello\n")
    result = exosms("status", "--region", "sandbox", "-v", SID, run)
    how = f"exosms status --run {shlex.quote(run)}"
    assert result == Result(3, "", f"exosms: error: {run!r} is a run, not a Sid\n  To ask about it: {how}\n")
    assert exosms(*shlex.split(how)[1:]).stdout.count("delivered") == 1


def test_what_looks_like_a_sid_is_one_whatever_runs_there_are(exosms: Shell) -> None:
    exosms("bulk", "-", *SANDBOX, "--yes", "--run", SID, stdin="to,body\n9876543210,Hello\n")
    assert exosms("status", *SANDBOX, SID, "other").exit_code == 6


@pytest.mark.parametrize("argv", [(), ("--run", "r1", SID)])
def test_either_sids_or_a_run(exosms: Shell, argv: tuple[str, ...]) -> None:
    result = exosms("status", *argv)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--run" in result.stderr


def test_a_run_of_which_nothing_was_accepted_has_nothing_to_ask_about(exosms: Shell) -> None:
    exosms("bulk", "-", "--region", "sandbox", "--yes", "--run", "r1", stdin="to,body\n+919000000400,Hello\n")
    result = exosms("status", "--run", "r1")
    assert (result.exit_code, result.stdout) == (3, "")
    assert "No message of the run r1 was accepted" in result.stderr


def test_a_run_knows_what_status_learned(exosms: Shell) -> None:
    rows = "".join(f"+9190000{code},Hello\n" for code in ("20005", "23185", "00400"))
    exosms("bulk", "-", "--region", "sandbox", "--yes", "--run", "r1", stdin=f"to,body\n{rows}")
    assert "deliveries" not in exosms("runs", "show", "r1", "--json").json
    exosms("status", "--run", "r1")
    assert exosms("runs", "show", "r1", "--json").json["deliveries"] == {"delivered": 1, "failed": 1}
    assert "delivered\t1\nfailed\t1\n" in exosms("runs", "show", "r1").stdout
    exported = [line.split(",") for line in exosms("runs", "export", "r1").stdout.splitlines()]
    assert [row[3] for row in exported] == ["outcome", "delivered", "failed", "rejected"]
    assert exported[2][6:8] == ["23185", "failed 23185 DLT_TEMPLATE_DOES_NOT_MATCH"]


SHOWN_MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")


@pytest.mark.parametrize("entry", PUBLISHED, ids=lambda entry: entry.name)
def test_every_published_code_as_a_person_sees_it(exosms: Shell, entry: CodeEntry) -> None:
    sid, to = send(exosms, str(entry.code)), f"+9190000{entry.code}"
    shown = exosms("status", *SANDBOX, sid, "-o", "human", env={"COLUMNS": "400"}).stdout.splitlines()
    lines = [SHOWN_MOMENT.sub("MOMENT", line) for line in shown]
    assert lines[:2] == [f"{entry.outcome}  {to}", f"  {sid}"]
    word = {21010: "queued", 21015: "sending", 23005: "failed_dnd"}.get(entry.code)
    word = word or {20: "sent", 21: "submitted"}.get(entry.code // 1000, "failed")
    said = f"{word} {entry.code} {entry.name}"
    if entry.outcome is not Outcome.FAILED:
        about = [f"  Exotel says {said}; 1 part; price 0.25; MOMENT"]
        assert lines[2:] == about + [f"  {entry.meaning} {entry.remedy}"] * (entry.outcome is Outcome.PENDING)
        return
    assert set(lines.pop(3)) == {"─"}
    assert [(line[:20].strip(), line[20:].strip()) for line in lines[2:]] == [
        ("Exotel says", said),
        ("Parts, price, time", "1 part; price 0.25; MOMENT"),
        ("What it means", entry.meaning),
        *((("", "Possible causes")[place == 0], f"- {cause}") for place, cause in enumerate(entry.causes)),
        ("Who must act", entry.who),
        ("What to do now", entry.remedy),
        ("Send again?", entry.retry),
        ("Charged?", entry.charged),
    ]


@pytest.mark.parametrize(
    ("code", "meaning", "retry"),
    [
        (633, "The text differs from the template registered under its id.", "no"),
        (
            "651",
            "A promotional message came at an hour when operators in India do not deliver such messages.",
            "decide",
        ),
        (
            604,
            "The operator's check failed at the entity id, the id of your company on the DLT portal.",
            "no",
        ),
        (699, "The message failed; Exotel's code does not say why.", "decide"),
        (20005, "The message failed; Exotel's code does not say why.", "decide"),
    ],
)
def test_a_failure_with_an_operators_own_code_is_explained_by_it(
    exosms: Shell, code: int | str, meaning: str, retry: str
) -> None:
    with Misbehaving(answers(200, details(Status="failed", DetailedStatusCode=code))) as server:
        result = status(exosms, server, SID, "--json")
    (message,) = result.json["messages"]
    assert (result.exit_code, message["outcome"], message["detailed_status_code"]) == (12, "failed", int(code))
    assert (message["error"]["meaning"], message["error"]["retry"]) == (meaning, retry)


@pytest.mark.parametrize(
    ("status_code", "body"),
    [
        (401, ""),
        (402, ""),
        (403, ""),
        (302, ""),
        (403, '{"RestException": {"Status": 403, "Code": 40001, "Message": "x"}}'),
        (403, '{"RestException": {"Status": 403, "Code": 34009, "Message": "x"}}'),
        (429, '{"RestException": {"Status": 429, "Code": 40404, "Message": "x"}}'),
    ],
)
def test_no_refused_question_advises_to_send_an_accepted_message_again(
    exosms: Shell, status_code: int, body: str
) -> None:
    with Misbehaving(answers(status_code, body)) as server:
        result = status(exosms, server, SID, "--json")
    (message,) = result.json["messages"]
    assert "ask again" in message["error"]["remedy"]
    assert "send again" not in result.stdout + result.stderr


def test_lines_of_the_sandbox_say_so(exosms: Shell) -> None:
    result = exosms("status", *SANDBOX, send(exosms, "20005"), "-o", "jsonl")
    assert json.loads(result.stdout)["sandbox"] is True


def test_without_an_account_jsonl_says_why_as_well(exosms: Shell) -> None:
    result = exosms("status", SID, "-o", "jsonl")
    (line,) = result.stdout.splitlines()
    assert (result.exit_code, json.loads(line)["command"], json.loads(line)["error"]["kind"]) == (
        4,
        "status",
        "config",
    )


def test_a_ledger_that_fails_on_the_way_hides_nothing_that_was_found(
    exosms: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    from exosms.ledger.database import LedgerError
    from exosms.ledger.messages import Ledger

    keep = Ledger.keep_delivery

    def full(self: Ledger, account: str, sid: str, delivery: Delivery) -> None:
        if sid == OTHER:
            raise LedgerError("The ledger cannot be used: database or disk is full")
        keep(self, account, sid, delivery)

    monkeypatch.setattr(Ledger, "keep_delivery", full)
    sent = details(Status="sent")
    with Misbehaving(answers(200, sent), answers(200, sent.replace(SID, OTHER))) as server:
        result = status(exosms, server, SID, OTHER, "--json")
    assert (result.exit_code, result.json["error"]["kind"]) == (4, "config")
    assert [(message["sid"], message["outcome"]) for message in result.json["messages"]] == [
        (SID, "delivered"),
        (OTHER, None),
    ]


HINDI = "टेम्पलेट मेल नहीं खाता 😀 👍🏽 — संदेश अस्वीकृत"


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_beside_hindi_and_emoji_there_are_no_vertical_lines(exosms: Shell, columns: int) -> None:
    from rich.cells import cell_len

    body = details(Status="failed", DetailedStatusCode=23185, DetailedStatus=HINDI)
    with Misbehaving(answers(200, body)) as server:
        argv = ("status", "--base-url", server.url, SID)
        result = exosms.on_terminal(*argv, columns=columns, env={**ACCOUNT, "NO_COLOR": "1"})
    shown = re.sub("\x1b.*?m", "", result.stdout).splitlines()
    assert max(map(cell_len, shown)) <= columns
    assert HINDI.replace(" ", "") in "".join(line[16:].replace(" ", "") for line in shown)
    assert not set("│┃|") & set(result.stdout)
    assert "\x1b[3" not in result.stdout


def test_a_long_round_shows_how_far_it_is(exosms: Shell) -> None:
    with Misbehaving(answers(404, "")) as server:
        argv = ("status", "--base-url", server.url, "--rate", "120/min", "1" * 32, "2" * 32, "3" * 32)
        result = exosms.on_terminal(*argv, env=ACCOUNT)
    assert "\r\x1b[2Kexosms: 0 of 3 final; asked about 2 of 3" in result.stdout
