"""Key and token are canaries: they are nowhere but in the request."""

import base64
import html
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from conftest import Shell, until
from hypothesis import given
from hypothesis import strategies as st
from misbehaving import Connection, Misbehaving, answer, answers, awaits_all, does, reads_head, says

from exosms.exotel.redaction import MASK, Redactor, of_user

KEY, TOKEN = "canarykey8731", "canarytoken9042"
ACCOUNT = {"EXOTEL_ACCOUNT_SID": "acme1", "EXOTEL_API_KEY": KEY, "EXOTEL_API_TOKEN": TOKEN}
BASIC = base64.b64encode(f"{KEY}:{TOKEN}".encode()).decode()
GOOD = '{"SMSMessage": {"Sid": "0f477d60517e6e6a0f6d9a7e9af8630e"}}'


def send(url: str, *options: str) -> tuple[str, ...]:
    return (
        "send",
        "--to",
        "9876543210",
        "--from",
        "ACMEIN",
        "--body",
        "Hi",
        "--rate",
        "off",
        "--base-url",
        url,
        *options,
    )


def assert_unseen(text: str) -> None:
    for canary in (KEY, TOKEN, BASIC):
        assert canary not in text


def test_a_request_carries_them_and_nothing_else_does(exosms: Shell) -> None:
    go = threading.Event()

    def wait(_connection: Connection) -> None:
        go.wait(60)

    with Misbehaving(does(awaits_all, wait, says(answer(200, GOOD)))) as server:
        process = exosms.start(*send(server.url, "-v"), env=ACCOUNT)
        until(lambda: server.complete_requests or process.poll() is not None)
        assert_unseen(Path(f"/proc/{process.pid}/cmdline").read_text())
        go.set()
        out, err = (stream.decode() for stream in process.communicate(timeout=60))
        head, _, body = server.connections[0].arrived.partition(b"\r\n\r\n")
    assert process.returncode == 0
    assert f"Authorization: Basic {BASIC}".encode() in head
    assert_unseen(head.split(b"\r\n")[0].decode() + body.decode())
    assert_unseen(out + err)
    assert "POST" in err
    for path in exosms.home.rglob("*"):
        if path.is_file():
            assert_unseen(path.read_bytes().decode("latin-1"))


@pytest.mark.parametrize("status", [401, 403, 500])
def test_not_even_when_it_goes_wrong(exosms: Shell, status: int) -> None:
    """An answer that repeats them is Exotel's doing; our own words never do."""
    for form in ("human", "plain", "json"):
        with Misbehaving(answers(status, "")) as server:
            result = exosms(*send(server.url, "-v", "-o", form, "--retry-for", "0"), env=ACCOUNT)
        assert_unseen(result.stdout + result.stderr)


def test_a_bug_is_told_without_the_message_of_its_exception(exosms: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    from exosms.exotel.client import Client

    def broken(*_: object) -> None:
        raise RuntimeError(f"it was {TOKEN}")

    monkeypatch.setattr(Client, "send", broken)
    with Misbehaving(answers(200, GOOD)) as server:
        result = exosms(*send(server.url), env=ACCOUNT)
    assert result.exit_code == 9  # it may have been on its way
    assert "a bug in exosms: RuntimeError" in result.stderr
    assert_unseen(result.stdout + result.stderr)


def test_a_base_url_with_a_user_is_refused_without_being_repeated(exosms: Shell) -> None:
    result = exosms(*send(f"https://{KEY}:{TOKEN}@api.exotel.com"), env=ACCOUNT)
    assert result.exit_code in {2, 4}
    assert_unseen(result.stdout + result.stderr)


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("send --base-url {} --to 9876543210 Hello", "send --base-url … --to 9876543210 --body Hello"),
        ("send --base-url={} --to 9876543210 Hello", "send --base-url … --to 9876543210 --body Hello"),
        ("send --base-url {} --to 9876543210 --body -", "send --base-url … --to 9876543210 -F -"),
        ("bulk 9876543210 Hello --base-url {}", "send --to 9876543210 --body Hello --base-url …"),
        ("lookup --base-url {} x", ""),
        (
            "send --base-url={}/?a=b --to 9876543210 api_token=4711",
            "send --base-url … --to 9876543210 --body api_token=4711",
        ),
        ("send --base-url http://127.0.0.1:9 --to 9 Hi", "send --base-url http://127.0.0.1:9 --to 9 --body Hi"),
        ("send postgresql://exosms:{}@db/exosms --to 9876543210", "send --to 9876543210 --body …"),
        ("send https://key:{}@api.exotel.com --to 9876543210", "send --to 9876543210 --body …"),
        ("send --to 9876543210 LEDGER=postgresql://exosms:{}@db/exosms", "send --to 9876543210 --body LEDGER=…"),
        ("send See https://acme.in/@us --to 9876543210", "send --to 9876543210 --body See https://acme.in/@us"),
        ("prof set prod api_token={} from=ACMEIN", "profile set prod api_token=… from=ACMEIN"),
        ("prof add prod --token-command={}", "profile add prod --token-command=…"),
        ("prof add prod --api-key {} --region mumbai", "profile add prod --api-key … --region mumbai"),
        ("prof set prod token={} from=ACMEIN", "profile set prod token=… from=ACMEIN"),
        ("profil set prod ledgr={}", "profile set prod ledgr=…"),
        ("prof add prod --token {} --from ACMEIN", "profile add prod --token … --from ACMEIN"),
        (
            "prof add --yes prod --secret={} --from=ACMEIN -o json",
            "profile add --yes prod --secret=… --from=ACMEIN -o json",
        ),
    ],
)
def test_what_was_meant_does_not_repeat_them(exosms: Shell, words: str, meant: str) -> None:
    result = exosms(*(word.format(f"https://{KEY}:{TOKEN}@api.exotel.com") for word in words.split()))
    assert (result.exit_code, result.stdout) == (2, "")
    assert_unseen(result.stderr)
    if meant:
        assert result.stderr.replace("'", "").endswith(f"Did you mean: exosms {meant}\n")


def test_of_two_commands_that_may_be_meant_neither_repeats_them(exosms: Shell) -> None:
    result = exosms("add", "prod", "--token", TOKEN, "--region", "mumbai", f"token={TOKEN}")
    assert_unseen(result.stderr)
    rest = "add prod --token '…' --region mumbai 'token=…'"
    assert result.stderr.endswith(f"Did you mean one of: exosms template {rest}, exosms profile {rest}\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("doctor --ledger postgresql://exosms:{}@db/exosms", "extra argument(s) (postgresql://…)"),
        ("doctor --ledger postgres://db/exosms?password={} x", "extra argument(s) (postgres://… x)"),
        ("profile add prod ledger=postgresql://exosms:{}@db/exosms", "extra argument(s) (ledger=postgresql://…)"),
        ("postgresql://exosms:{}@db/exosms", "No such command 'postgresql://…'."),
        ("profile test prod https://key:{}@api.exotel.com", "extra argument(s) (https://…@api.exotel.com)"),
        ("callbacks https://hooks.acme.in/sms", "extra argument(s) (https://hooks.acme.in/sms)"),
    ],
)
def test_an_address_in_the_wrong_place_is_repeated_without_them(exosms: Shell, words: str, said: str) -> None:
    for password in (TOKEN, f"{TOKEN}@/(.)x"):
        result = exosms(*(word.format(password) for word in words.split()))
        assert (result.exit_code, result.stdout) == (2, "")
        assert_unseen(result.stderr)
        assert f"{said}\n" in result.stderr


def in_json(text: str) -> str:
    """Return every character as an escape of JSON's."""
    return "".join(f"\\u{ord(character):04x}" for character in text)


def in_xml(text: str) -> str:
    """Return every character as an entity."""
    return "".join(f"&#x{ord(character):x};" for character in text)


def percent(text: str) -> str:
    """Return every character as a lower-case escape of URLs."""
    return "".join(f"%{ord(character):02x}" for character in text)


def percent_twice(text: str) -> str:
    return quote(quote(text, safe=""), safe="")


def html_twice(text: str) -> str:
    return html.escape(html.escape(text))


def decimal(text: str) -> str:
    """Return every character as a decimal entity."""
    return "".join(f"&#{ord(character)};" for character in text)


def json_in_json(text: str) -> str:
    """Return what a string has in a document that is itself a string of another one."""
    return json.dumps(text)[1:-1]


def slashed(text: str) -> str:
    return text.replace("/", "\\/").replace("=", "\\x3d")


def unpadded(text: str) -> str:
    return base64.b64encode(text.encode()).decode().rstrip("=")


def hexadecimal(text: str) -> str:
    return text.encode().hex()


ESCAPES = [
    str, in_json, quote, quote_plus, percent, percent_twice, html.escape, html_twice, in_xml, decimal, json_in_json,
    slashed, unpadded, hexadecimal, "basic", "base64",
]  # fmt: skip
SPELLINGS = [
    (KEY, TOKEN),
    (KEY, "tok+en/9042=<&>"),
    (KEY, "t0k!"),
    (KEY, 'En&Se="cr<e>t+77\\q%41&lt;'),
]


@pytest.mark.parametrize(("key", "token"), SPELLINGS)
@pytest.mark.parametrize("spelled", ESCAPES)
def test_an_answer_that_repeats_them_is_not_repeated(exosms: Shell, key: str, token: str, spelled: Any) -> None:
    secrets = (key, token, f"{key}:{token}")
    encoded = [base64.b64encode(secret.encode()).decode() for secret in secrets]
    if isinstance(spelled, str):
        told = encoded[2] if spelled == "basic" else encoded[1]
    else:
        told = " ".join(map(spelled, secrets))
    if spelled in {html.escape, in_xml}:
        body = f"<TwilioResponse><RestException><Message>{told}</Message></RestException></TwilioResponse>"
    else:
        told = told if spelled is in_json else json_in_json(told)
        body = f'{{"RestException": {{"Status": 400, "Message": "told {told}"}}}}'
    env = {**ACCOUNT, "EXOTEL_API_KEY": key, "EXOTEL_API_TOKEN": token}
    shown = ""
    for form in ("human", "plain", "json"):
        with Misbehaving(answers(400, body)) as server:
            result = exosms(*send(server.url, "-v", "-o", form), env=env)
            assert result.exit_code == 6
            shown += result.stdout + result.stderr
    kept = b"".join(path.read_bytes() for path in exosms.home.rglob("*") if path.is_file()).decode("latin-1")
    assert "********" in shown
    for secret in (*secrets, *encoded, told):
        assert secret not in shown
        assert secret not in kept


PROXY_USER, PROXY_PASSWORD = "canaryuser3156", "canary@pass/7720"


@pytest.mark.parametrize("repeat", ["HTTP/1.1 407 {}", "HTTP/1.1 403 {}", "HTTP/1.1 4x7 {}", "{}"])
@pytest.mark.parametrize("spelled", [str, quote, percent, unpadded, hexadecimal])
def test_a_proxy_that_repeats_its_password_is_not_repeated(exosms: Shell, repeat: str, spelled: Any) -> None:
    secrets = (PROXY_USER, PROXY_PASSWORD, f"{PROXY_USER}:{PROXY_PASSWORD}")
    told = [*map(spelled, secrets)]
    says_so = does(reads_head, says(f"{repeat.format(' '.join(told))}\r\n\r\n".encode()))
    exotel = ("--base-url", "https://sms.example.test")
    shown = ""
    for argv in (
        *(send(exotel[1], "-v", "-o", form, "--retry-for", "0") for form in ("human", "plain", "json")),
        ("doctor", *exotel),
    ):
        with Misbehaving(says_so) as proxy:
            address = f"http://{PROXY_USER}:{quote(PROXY_PASSWORD, safe='')}@127.0.0.1:{proxy.port}"
            result = exosms(*argv, env={**ACCOUNT, "HTTPS_PROXY": address})
        assert proxy.connections
        assert b"Proxy-Authorization: Basic " + base64.b64encode(secrets[2].encode()) in proxy.connections[0].arrived
        assert result.exit_code in {4, 7}
        shown += result.stdout + result.stderr
    shown += exosms("log", "--json").stdout
    kept = b"".join(path.read_bytes() for path in exosms.home.rglob("*") if path.is_file()).decode("latin-1")
    assert "********" in shown
    for secret in (*secrets, *told):
        assert secret not in shown
        assert secret not in kept


def test_the_password_of_a_proxy_is_not_repeated_by_whoever_else_knows_it(exosms: Shell) -> None:
    body = json.dumps({"RestException": {"Status": 400, "Message": f"told {PROXY_PASSWORD} and {PROXY_USER}"}})
    for variable in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "HTTP_PROXY"):
        for address in (
            f"http://{PROXY_USER}:{PROXY_PASSWORD}@192.0.2.1:8080",
            f"{PROXY_USER}:{PROXY_PASSWORD}@[::1]",
        ):
            with Misbehaving(answers(400, body)) as server:
                result = exosms(*send(server.url, "--json"), env={**ACCOUNT, variable: address})
            assert result.json["messages"][0]["error"]["message"] == f"told {MASK} and {MASK}"


_SECRETS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="*"), min_size=4)
_MANNERS = (str, percent, in_json, in_xml, decimal, lambda character: quote(percent(character)))


@given(_SECRETS, _SECRETS, st.lists(st.sampled_from(_MANNERS), min_size=1, max_size=5), st.text(max_size=9))
def test_each_character_may_be_spelled_in_its_own_way(
    key: str, token: str, manners: list[Callable[[str], str]], around: str
) -> None:
    if "\\" in token:  # before another's escape it would be read as one
        manners = manners[:1]
    told = "".join(manners[place % len(manners)](character) for place, character in enumerate(token))
    shown = Redactor(of_user(key, token)).redact(f"<{around}> {told} <{around}>")
    assert MASK in shown
    assert told not in shown
    assert key not in around or key not in shown
    assert Redactor(of_user(key, token)).redact(shown) == shown


def test_a_sid_is_not_taken_for_the_digits_of_a_short_key() -> None:
    sid = "4b12a1e1619b79c109d15f5676b6579a"  # with those of "key"; found by killing runs
    assert Redactor(of_user("key", "token")).redact(sid) == sid
    assert Redactor(of_user("key", "a-long-token")).redact(b"a-long-token".hex()) == MASK


def test_a_secret_may_have_bytes_that_are_not_utf_8() -> None:
    user = "us\udce9r"  # as Python reads an é of Latin-1 in HTTPS_PROXY
    assert Redactor(of_user(user, "a-password")).redact(f"told {user}, dXPpcg") == f"told {MASK}, {MASK}"


def test_what_only_looks_like_an_escape_stays() -> None:
    text = r"100 % of &amp; \o/ %zz &#9; &nothing; \u20ac %25"
    assert Redactor(of_user("some-key", "some-token")).redact(text) == text


@pytest.mark.parametrize("token", ["12345", "queu", "sent", "9876", "65432109", "5eed"])
def test_a_short_token_is_no_part_of_numbers_sids_and_statuses(exosms: Shell, token: str) -> None:
    """An answer is understood as it came, and what is looked up later is kept as it came."""
    env = {**ACCOUNT, "EXOTEL_API_TOKEN": token, "EXOTEL_FROM": "ACMEIN"}
    numbers, sids = ("+919876512345", "+919876543210"), ("5eed" * 8, "12345" * 6 + "67")
    taken = [
        {"SMSMessage": {"Sid": sid, "To": number, "Status": "queued"}}
        for sid, number in zip(sids, numbers, strict=True)
    ]
    file = exosms.home / "people.csv"
    file.write_text("to,body\n" + "".join(f"{number},Hi {number}\n" for number in numbers))
    options = ("--rate", "off", "--base-url")
    with Misbehaving(answers(200, json.dumps(list(reversed(taken))))) as server:
        sent = exosms("bulk", str(file), "--yes", "--any-hour", "--run", "june", *options, server.url, env=env)
    assert sent.exit_code == 0, sent
    assert MASK not in exosms("log", "--json", env=env).stdout
    rows = [line.split(",") for line in exosms("runs", "export", "june", env=env).stdout.splitlines()[1:]]
    assert [(row[2], row[3], row[4]) for row in rows] == [
        (number, "accepted", sid) for number, sid in zip(numbers, sids, strict=True)
    ]
    for sid, number in zip(sids, numbers, strict=True):
        about = {"SMSMessage": {"Sid": sid, "To": number, "Status": "sent", "DateSent": "2026-11-23 12:34:56"}}
        with Misbehaving(answers(200, json.dumps(about))) as server:
            asked = exosms("status", sid, "--json", *options, server.url, env=env)
        (found,) = asked.json["messages"]
        assert (asked.exit_code, found["outcome"], found["to"], found["status"]) == (0, "delivered", number, "sent")


def test_a_long_token_is_hidden_even_in_a_sid(exosms: Shell) -> None:
    said = {"SMSMessage": {"Sid": f"s{TOKEN}", "To": "+919876543210", "Status": KEY, "DetailedStatus": TOKEN}}
    with Misbehaving(answers(200, json.dumps(said))) as server:
        result = exosms(*send(server.url, "--json"), env=ACCOUNT)
    assert result.exit_code == 0
    assert MASK in result.stdout
    assert_unseen(result.stdout + result.stderr)


def test_a_sid_of_a_list_that_repeats_them_is_not_repeated(exosms: Shell) -> None:
    message = {"Sid": f"s{TOKEN}", "To": "+919876543210", "From": "/ACMEIN", "Body": "Hi"}
    listed = answers(200, json.dumps({"Metadata": {}, "SMSMessages": [message]}))
    with Misbehaving(answers(500), listed, answers(200, json.dumps({"SMSMessage": message}))) as server:
        assert exosms(*send(server.url, "--once", "a"), env=ACCOUNT).exit_code == 9
        asking = ("runs", "reconcile", "--once", "a", "--search", "--absent", "not_sent", "--base-url", server.url)
        result = exosms(*asking, env=ACCOUNT)
    assert (result.exit_code, result.stdout) == (9, "unknown\t+919876543210\t\tonce a; not found\n")
    assert f"Exotel does not say which message s{MASK} is, which is listed" in result.stderr
    assert_unseen(result.stdout + result.stderr)


def test_the_address_of_a_next_page_that_repeats_them_is_not_repeated(exosms: Shell) -> None:
    query = f"key={KEY}&token={quote(TOKEN)}&basic={quote(BASIC)}"
    pages = ({"NextPageUri": f"/v1/next?{query}"}, {"NextPageUri": None})
    listed = [answers(200, json.dumps({"Metadata": page, "SMSMessages": []})) for page in pages]
    with Misbehaving(answers(500), *listed) as server:
        assert exosms(*send(server.url, "--once", "a"), env=ACCOUNT).exit_code == 9
        asking = ("runs", "reconcile", "--once", "a", "--search", "-v", "--base-url", server.url)
        result = exosms(*asking, env=ACCOUNT)
        assert query.encode() in server.connections[2].arrived
    assert (result.exit_code, result.stdout) == (9, "unknown\t+919876543210\t\tonce a; not found\n")
    assert f" /v1/next?key={MASK}&token={MASK}&basic={MASK}" in result.stderr
    assert_unseen(result.stderr)
