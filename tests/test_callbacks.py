"""Callbacks: the address that a request names, what a receiver takes, and what that settles."""

import fcntl
import hashlib
import http.client
import json
import os
import random
import re
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from typing import IO, Any
from urllib.parse import urlencode

import pytest
from conftest import Result, Shell, own_port, until
from test_sandbox import serving

from exosms.sandbox.emulator import Emulator
from exosms.sandbox.server import Server
from exosms.sandbox.store import StoredMessage

FROM = ("--from", "ACMEIN")
TO = "+919876543210"


class Hooks:
    """A home with a profile whose account lives in a sandbox, which hands over callbacks instead of posting them."""

    def __init__(self, exosms: Shell, server: Server) -> None:
        self.exosms = exosms
        self.server = server
        self.path = exosms.home / "config.toml"
        self.configure()

    def configure(self, url: str = "http://127.0.0.1:9/hooks/", name: str = "prod", more: str = "") -> None:
        self.path.write_text(
            f'[profiles.{name}]\nbase_url = "{self.server.url}"\naccount_sid = "acme1"\napi_key = "key"\n'
            f'api_token = "token"\nfrom = "ACMEIN"\nrate = "off"\ncallback_url = "{url}"\n{more}'
        )
        self.path.chmod(0o600)

    def __call__(self, *argv: str, stdin: str = "") -> Result:
        return self.exosms(*argv, "--config", str(self.path), stdin=stdin)

    def send(self, *more: str, to: str = TO) -> Result:
        return self("send", "--to", to, "-b", "Hello", *more)

    def bulk(self, rows: Sequence[str], *more: str, run: str = "june") -> Result:
        path = self.exosms.home / f"{run}.csv"
        path.write_text("".join(f"{row}\n" for row in rows))
        return self("bulk", str(path), "--yes", "--run", run, "--duplicates", "all", *more)

    def select(self, sql: str, *values: object) -> list[Any]:
        with closing(sqlite3.connect(self.exosms.home / "state" / "ledger.db")) as connection, connection:
            return connection.execute(sql, values).fetchall()

    @property
    def taken(self) -> list[StoredMessage]:
        return self.server.store.received()

    @property
    def by_number(self) -> list[StoredMessage]:
        """Those of a run are not taken in the order of its rows, as several requests are on their way at once."""
        return sorted(self.taken, key=lambda message: message.recipient)

    def owners(self, message: StoredMessage) -> list[Any]:
        """Return run, number, account and profile of the messages that a callback of this one would be about."""
        token = message.callback.rpartition("/")[2]
        return self.select(
            "SELECT run, number, account, profile FROM callback_messages m"
            " JOIN callback_requests r ON r.id = m.request"
            " WHERE token_hash = ? AND recipient = ?",
            hashlib.sha256(token.encode()).digest(),
            message.recipient,
        )


@pytest.fixture
def hooks(exosms: Shell, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hooks]:
    monkeypatch.setattr(Server, "call_back", lambda *_: None)
    with serving() as server:
        yield Hooks(exosms, server)


def numbers(count: int) -> list[str]:
    return [f"98765{number:05d}" for number in range(count)]


def test_a_single_message_names_an_address_that_the_ledger_knows_as_its_own(hooks: Hooks) -> None:
    assert hooks.send("--to", "9876500001").exit_code == 0
    first, second = hooks.taken
    assert first.callback != second.callback
    account = f"{hooks.server.url.removeprefix('http://')}/acme1"
    for number, message in enumerate((first, second), start=1):
        url, _, token = message.callback.rpartition("/")
        assert (url, len(token)) == ("http://127.0.0.1:9/hooks", 48)
        assert hooks.owners(message) == [(0, number, account, "prod")]
    ledger = hooks.exosms.home / "state" / "ledger.db"
    assert not any(
        first.callback.rpartition("/")[2].encode() in file.read_bytes() for file in ledger.parent.glob("*.db*")
    )


@pytest.mark.parametrize("batch", ["1", "3"])
def test_each_request_of_a_run_names_an_address_of_its_own(hooks: Hooks, batch: str) -> None:
    rows = ["to,body", *(f"{number},Text {number}" for number in numbers(9))]
    assert hooks.bulk(rows, "--batch", batch).exit_code == 0
    taken = hooks.taken
    requests = 9 if batch == "1" else 4  # one message to prove it, then two, then three at a time
    assert len({message.callback for message in taken}) == requests
    assert sorted(owner for message in taken for owner in hooks.owners(message)) == [
        (1, number, f"{hooks.server.url.removeprefix('http://')}/acme1", "prod") for number in range(1, 10)
    ]


def test_an_explicit_address_wins(hooks: Hooks) -> None:
    assert hooks.send("--status-callback", "https://acme.in/own").exit_code == 0
    rows = ["to,body,status_callback", "9876500001,Hello,https://acme.in/row", "9876500002,Hello,"]
    assert hooks.bulk(rows).exit_code == 0
    own, other, single = hooks.by_number
    assert (single.callback, own.callback) == ("https://acme.in/own", "https://acme.in/row")
    assert [hooks.owners(message) for message in (single, own)] == [[], []]
    assert [owner[:2] for owner in hooks.owners(other)] == [(1, 2)]


def test_no_address_is_named_that_nobody_could_know(hooks: Hooks) -> None:
    state = hooks.exosms.home / "state"
    state.write_text("in the way of the ledger")
    done = hooks.send()
    assert done.exit_code == 0
    assert "continuing without a ledger" in done.stderr
    assert [message.callback for message in hooks.taken] == [""]


def test_the_sandbox_in_this_process_calls_nobody(hooks: Hooks) -> None:
    assert hooks.send("--region", "sandbox").exit_code == 0
    assert hooks.select("SELECT * FROM callback_requests") == []


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://hooks.acme.in/sms", "would have callbacks come unencrypted\n  Fix it in {path}. Write https://HOST"),
        ("https://user:pw@hooks.acme.in", "The callback URL contains an @"),
        ("https://hooks.acme.in/sms?a=1", "The callback URL contains a query or a fragment"),
        ("hooks.acme.in", "'hooks.acme.in' is not a valid callback URL"),
        ("", "callback_url is empty"),
    ],
)
def test_a_callback_url_that_is_none_is_refused(hooks: Hooks, url: str, sentence: str) -> None:
    hooks.configure(url)
    done = hooks.send()
    assert (done.exit_code, hooks.taken) == (4, [])
    assert sentence.format(path=hooks.path) in done.stderr
    assert "pw" not in done.stderr


def test_the_callback_url_is_shown_and_set(hooks: Hooks) -> None:
    assert "http://127.0.0.1:9/hooks" in hooks("profile", "show", "prod").stdout


# The receiver.


class Receiver:
    """``exosms callbacks`` as a process of its own."""

    def __init__(self, hooks: Hooks) -> None:
        self._hooks = hooks
        self.port = own_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        argv = ("callbacks", "--port", str(self.port), "--config", str(self._hooks.path))
        self.process = self._hooks.exosms.start(*argv)
        assert self.process.stdout
        assert self.process.stdout.readline() == f"{self.url}\n".encode()  # it listens
        self.said: list[str] = []
        self._listener = threading.Thread(target=self._listen, args=(self.process.stderr,))
        self._listener.start()

    def _listen(self, stream: IO[bytes]) -> None:
        """Keep what it says, line by line, as it comes."""
        with stream:
            self.said.extend(line.decode() for line in stream)

    def kill(self) -> None:
        self.process.kill()
        self._wait()

    def _wait(self) -> None:
        self.process.wait(timeout=60)
        self._listener.join(60)
        if self.process.stdout:
            self.process.stdout.close()

    def end(self) -> tuple[int, str]:
        """End it as a service manager does; return its exit code and what it said."""
        self.process.send_signal(signal.SIGTERM)
        self._wait()
        return self.process.returncode, "".join(self.said)

    def post(
        self, path: str, form: Mapping[str, Any] | bytes, *, kind: str = "application/x-www-form-urlencoded"
    ) -> int:
        if isinstance(form, bytes):
            return self.ask("POST", path, form, kind)
        return self.ask("POST", path, (json.dumps(form) if "json" in kind else urlencode(form)).encode(), kind)

    def ask(self, method: str, path: str, body: bytes = b"", kind: str = "") -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, {"Content-Type": kind})
            return connection.getresponse().status
        finally:
            connection.close()

    def call_back(self, message: StoredMessage, **more: str) -> int:
        """Post what Exotel would."""
        form = self._hooks.server.emulator().callback_form(message)
        return self.post(f"/hooks/{message.callback.rpartition('/')[2]}", {**form, **more})


@pytest.fixture
def receiver(hooks: Hooks) -> Iterator[Receiver]:
    running = Receiver(hooks)
    yield running
    running.kill()


def lose(hooks: Hooks, table: str = "messages") -> None:
    """Forget the answers to messages."""
    hooks.select(f"UPDATE {table} SET state = 'unknown', sid = NULL")


def outcomes(hooks: Hooks, table: str = "messages") -> list[Any]:
    return hooks.select(f"SELECT state, sid FROM {table} ORDER BY rowid")


def everything(hooks: Hooks) -> list[Any]:
    """Return all that a callback could change."""
    tables = ("messages", "rows", "deliveries", "callbacks", "callback_requests", "callback_messages")
    return [hooks.select(f"SELECT * FROM {table}") for table in tables]


def test_a_callback_tells_what_status_then_need_not_ask(hooks: Hooks, receiver: Receiver) -> None:
    rows = ["to,body", *(f"{number},Text" for number in numbers(3))]
    assert hooks.bulk(rows).exit_code == 0
    told, also_told, untold = hooks.by_number
    assert receiver.call_back(told) == receiver.call_back(also_told) == 200
    status = hooks("status", "--run", "june", "-v")
    assert status.exit_code == 0
    assert [f"Messages/{message.sid}" in status.stderr for message in (told, also_told, untold)] == [
        False,
        False,
        True,
    ]
    assert status.stdout.count("delivered\t") == 3


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "application/json; charset=utf-8"])
def test_forms_and_json_are_read(hooks: Hooks, receiver: Receiver, kind: str) -> None:
    assert hooks.send().exit_code == 0
    (message,) = hooks.taken
    form: dict[str, Any] = {
        "SmsSid": message.sid, "To": "09876543210", "Status": "failed", "SmsUnits": 1,
        "DetailedStatus": "FAILED_REJECTED_DND\x1b[2J", "DetailedStatusCode": 23005, "CustomField": "\u0939" * 500,
    }  # fmt: skip
    assert receiver.post(f"/{message.callback.rpartition('/')[2]}", form, kind=kind) == 200
    assert hooks.select("SELECT sid, outcome, detailed_status_code, segments FROM deliveries") == [
        (message.sid, "failed", 23005, 1)
    ]
    assert receiver.end() == (0, f"exosms: failed: {TO} {message.sid}\n")


def test_a_final_state_stays_whatever_comes_after_it(hooks: Hooks, receiver: Receiver) -> None:
    assert hooks.send().exit_code == 0
    (message,) = hooks.taken
    for more in (
        {"Status": "submitted", "DetailedStatusCode": "21020"},
        {},
        {"Status": "failed", "DetailedStatusCode": "23005"},
        {"Status": "queued", "DetailedStatusCode": "21010"},
    ):
        assert receiver.call_back(message, **more) == 200
    assert hooks.select("SELECT outcome FROM deliveries") == [("delivered",)]


@pytest.mark.parametrize("table", ["messages", "rows"])
def test_an_unknown_message_is_accepted_once_exotel_confirms_its_sid(
    hooks: Hooks, receiver: Receiver, table: str
) -> None:
    done = hooks.send() if table == "messages" else hooks.bulk(["to,body", f"{TO},Hello"])
    assert done.exit_code == 0
    (message,) = hooks.taken
    lose(hooks, table)
    assert receiver.call_back(message) == receiver.call_back(message) == 200
    until(lambda: outcomes(hooks, table) == [("accepted", message.sid)])
    assert hooks.select("SELECT sid, outcome FROM deliveries") == [(message.sid, "delivered")]
    assert hooks.select("SELECT * FROM callbacks") == []


def test_it_is_asked_again_until_it_is_answered_also_after_a_restart(hooks: Hooks, receiver: Receiver) -> None:
    assert hooks.send().exit_code == 0
    (message,) = hooks.taken
    lose(hooks)
    hooks.configure(more='api_key = "key"\n')  # TOML allows no key twice: there are no credentials
    assert receiver.call_back(message) == 200
    until(lambda: hooks.select("SELECT questions > 0 FROM callbacks") == [(1,)])
    assert outcomes(hooks) == [("unknown", None)]
    receiver.kill()
    hooks.configure()
    receiver.start()
    until(lambda: outcomes(hooks) == [("accepted", message.sid)])


def test_a_message_that_was_called_back_is_not_called_absent(hooks: Hooks, receiver: Receiver) -> None:
    """Nobody could ask Exotel about it yet; and a report that lacks it may lack others as well."""
    rows = ["to,body", *(f"{number},Text" for number in numbers(4))]
    assert hooks.bulk(rows, "--batch", "1").exit_code == 0
    first, called_back, _, last = taken = hooks.by_number
    hooks.select("UPDATE rows SET state = 'unknown', sid = NULL WHERE number IN (2, 3)")
    hooks.configure(more='api_key = "key"\n')  # TOML allows no key twice: there are no credentials
    assert receiver.call_back(called_back) == 200
    until(lambda: hooks.select("SELECT questions > 0 FROM callbacks") == [(1,)])
    receiver.kill()
    hooks.configure()
    report = hooks.exosms.home / "report.csv"
    report.write_text("".join(f"{line}\n" for line in ("Id", first.sid, last.sid)))
    done = hooks("runs", "reconcile", "june", "--report", str(report), "--absent", "not_sent", "-v")
    assert done.exit_code == 9
    assert "1 accepted, 1 still unknown, of 2 messages" in done.stderr
    assert "the list is not complete: 1 accepted message of that time are not on it" in done.stderr
    assert outcomes(hooks, "rows")[1:3] == [("accepted", called_back.sid), ("unknown", None)]
    report.write_text("".join(f"{line}\n" for line in ("Id", *(message.sid for message in taken))))
    assert hooks("runs", "reconcile", "june", "--report", str(report)).exit_code == 0


def test_what_is_called_back_while_a_report_is_compared_is_not_called_absent(
    hooks: Hooks, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = ["to,body", *(f"{number},Text" for number in numbers(3))]
    assert hooks.bulk(rows, "--batch", "1").exit_code == 0
    first, called_back, last = hooks.by_number
    hooks.select("UPDATE rows SET state = 'unknown', sid = NULL WHERE number = 2")
    report = hooks.exosms.home / "report.csv"
    report.write_text("".join(f"{line}\n" for line in ("Id", first.sid, last.sid)))
    form = hooks.server.emulator().callback_form(called_back)
    emulator = Server.emulator

    def meanwhile(server: Server, **more: Any) -> Emulator:
        if receiver.process.poll() is None:
            hooks.configure(more='api_key = "key"\n')  # TOML allows no key twice: there are no credentials
            assert receiver.post(f"/{called_back.callback.rpartition('/')[2]}", form) == 200
            receiver.kill()
        return emulator(server, **more)

    monkeypatch.setattr(Server, "emulator", meanwhile)
    done = hooks("runs", "reconcile", "june", "--report", str(report), "--absent", "not_sent", "-v")
    assert done.exit_code == 9
    said = f"run june row 2; not found; meanwhile a callback named {called_back.sid}"
    assert done.stdout == f"unknown\t{called_back.recipient}\t\t{said}\n"
    hooks.configure()
    assert hooks("runs", "reconcile", "june", "--report", str(report)).exit_code == 0
    assert outcomes(hooks, "rows")[1] == ("accepted", called_back.sid)


def test_a_callback_may_come_before_the_answer_to_the_send(
    hooks: Hooks, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert hooks.send().exit_code == 0
    (message,) = hooks.taken
    hooks.select("UPDATE messages SET state = 'waiting', sid = NULL, owner = NULL")
    form = hooks.server.emulator().callback_form(message)
    questions: list[object] = []
    monkeypatch.setattr(Server, "emulator", lambda *_, **more: questions.append(more))
    assert receiver.post(f"/{message.callback.rpartition('/')[2]}", form) == 200
    until(lambda: hooks.select("SELECT next_at > received_at FROM callbacks") == [(1,)])  # it was looked into
    assert (outcomes(hooks), hooks.select("SELECT * FROM deliveries")) == ([("waiting", None)], [])
    hooks.select("UPDATE messages SET state = 'accepted', sid = ?", message.sid)
    until(lambda: hooks.select("SELECT sid, outcome FROM deliveries") == [(message.sid, "delivered")])
    until(lambda: hooks.select("SELECT * FROM callbacks") == [])
    assert questions == []  # nobody has to say what the answer will


def test_it_says_what_is_proven_and_what_is_yet_to_be_confirmed(hooks: Hooks, receiver: Receiver) -> None:
    assert hooks.send("--to", "9876500001").exit_code == 0
    first, other = hooks.taken
    lose(hooks)
    hooks.server.store.add([first._replace(sid="f" * 32, body="Another text")])
    assert receiver.call_back(first, SmsSid="f" * 32) == 200
    until(lambda: hooks.select("SELECT * FROM callbacks") == [])
    assert receiver.call_back(first) == 200
    until(lambda: f"exosms: confirmed: {TO} {first.sid}\n" in receiver.said)
    assert receiver.call_back(first) == 200
    assert receiver.call_back(other, To=first.recipient) == 404
    exit_code, said = receiver.end()
    assert exit_code == 0
    assert sorted(said.splitlines()) == [  # several threads tell
        f"exosms: confirmed: {TO} {first.sid}",
        f"exosms: delivered: {TO} {first.sid}",
        f"exosms: not confirmed: {TO} {'f' * 32}",
        *sorted(f"exosms: to be confirmed: {TO} {sid}" for sid in ("f" * 32, first.sid)),
    ]


def test_what_is_called_back_while_exotel_is_asked_is_kept(
    hooks: Hooks, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert hooks.send().exit_code == 0
    (message,) = hooks.taken
    lose(hooks)
    is_asked, may_answer = threading.Event(), threading.Event()

    def slow(server: Server, **_: Any) -> Emulator:
        is_asked.set()
        assert may_answer.wait(60)
        return Emulator(server.store, delivery_after=3600)  # not final yet

    form = hooks.server.emulator().callback_form(message)
    path = f"/{message.callback.rpartition('/')[2]}"
    monkeypatch.setattr(Server, "emulator", slow)
    submitted = {"Status": "submitted", "DetailedStatus": "", "DetailedStatusCode": "21015"}
    assert receiver.post(path, {**form, **submitted}) == 200
    assert is_asked.wait(60)
    assert receiver.post(path, {**form, "Status": "failed", "DetailedStatusCode": "23005"}) == 200
    may_answer.set()
    until(lambda: outcomes(hooks) == [("accepted", message.sid)])
    assert hooks.select("SELECT outcome, detailed_status_code FROM deliveries") == [("failed", 23005)]


def test_what_was_called_back_of_a_message_that_got_its_sid_otherwise_meanwhile_is_kept(
    hooks: Hooks, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert hooks.send().exit_code == 0
    (message,) = hooks.taken
    lose(hooks)
    emulator = Server.emulator

    def meanwhile(server: Server, **_: Any) -> Emulator:
        hooks.select("UPDATE messages SET state = 'accepted', sid = ?", message.sid)
        return emulator(server)

    form = hooks.server.emulator().callback_form(message)
    monkeypatch.setattr(Server, "emulator", meanwhile)
    assert receiver.post(f"/{message.callback.rpartition('/')[2]}", form) == 200
    until(lambda: hooks.select("SELECT * FROM callbacks") == [])
    assert hooks.select("SELECT sid, outcome FROM deliveries") == [(message.sid, "delivered")]


@pytest.mark.parametrize("lie", ["text", "sender", "time", "another message's"])
def test_a_sid_that_is_not_the_messages_settles_nothing(hooks: Hooks, receiver: Receiver, lie: str) -> None:
    assert hooks.send().exit_code == 0
    (message,) = hooks.taken
    lose(hooks)
    changed = {
        "text": message._replace(body="Another text"),
        "sender": message._replace(sender="OTHERS"),
        "time": message._replace(created_at=message.created_at - 3600),
        "another message's": message._replace(recipient="+919876543219"),
    }[lie]
    forged = changed._replace(sid="f" * 32)
    hooks.server.store.add([forged])
    assert receiver.call_back(message, SmsSid=forged.sid) == 200  # it is kept, and then found to be wrong
    until(lambda: hooks.select("SELECT * FROM callbacks") == [])
    assert (outcomes(hooks), hooks.select("SELECT * FROM deliveries")) == ([("unknown", None)], [])
    assert receiver.call_back(message) == 200
    until(lambda: outcomes(hooks) == [("accepted", message.sid)])


def test_a_sid_that_a_message_has_is_never_anothers(hooks: Hooks, receiver: Receiver) -> None:
    assert hooks.send("--to", "9876500001").exit_code == 0
    first, second = hooks.taken
    before = everything(hooks)
    assert receiver.call_back(first, SmsSid=second.sid) == receiver.call_back(first, SmsSid="f" * 32) == 404
    assert everything(hooks) == before
    hooks.select("UPDATE messages SET state = 'unknown', sid = NULL WHERE id = 1")
    before = everything(hooks)
    assert receiver.call_back(first, SmsSid=second.sid) == 404
    assert everything(hooks) == before


def test_a_sid_that_two_callbacks_name_is_one_messages(hooks: Hooks, receiver: Receiver) -> None:
    """They are equal, and both callbacks came before Exotel could be asked about either."""
    assert hooks.send().exit_code == hooks.send().exit_code == 0
    first, second = hooks.taken
    lose(hooks)
    hooks.configure(more='api_key = "key"\n')  # TOML allows no key twice: there are no credentials
    assert receiver.call_back(first, SmsSid=second.sid) == receiver.call_back(second) == 200
    hooks.configure()
    until(lambda: hooks.select("SELECT * FROM callbacks") == [])
    assert sorted(state for state, _ in outcomes(hooks)) == ["accepted", "unknown"]
    assert [sid for _, sid in outcomes(hooks) if sid] == [second.sid]


def test_nobody_is_asked_with_the_credentials_of_another_account(hooks: Hooks, receiver: Receiver) -> None:
    assert hooks.send().exit_code == 0
    (message,) = hooks.taken
    lose(hooks)
    hooks.path.write_text(hooks.path.read_text().replace("acme1", "acme2"))
    assert receiver.call_back(message) == 200
    until(lambda: hooks.select("SELECT questions > 0 FROM callbacks") == [(1,)])
    assert outcomes(hooks) == [("unknown", None)]
    assert "the profile prod is not of the account any more" in receiver.end()[1]


def test_anything_else_is_not_found_and_stores_nothing(hooks: Hooks, receiver: Receiver) -> None:
    assert hooks.send().exit_code == 0
    (message,) = hooks.taken
    lose(hooks)
    token = message.callback.rpartition("/")[2]
    form = dict(hooks.server.emulator().callback_form(message))
    before = everything(hooks)
    cases: list[tuple[str, dict[str, str] | bytes]] = [
        (f"/hooks/{token}", {**form, "To": "09876543211"}),  # the right token with another recipient
        (f"/hooks/{token}", {**form, "To": ""}),
        (f"/hooks/{token}", {name: value for name, value in form.items() if name != "To"}),
        (f"/hooks/{token}", {name: value for name, value in form.items() if name != "SmsSid"}),
        (f"/hooks/{token}", {**form, "SmsSid": "a b"}),
        (f"/hooks/{token}", f"To=09876543211&{urlencode(form)}".encode()),  # one field with two values
        (f"/hooks/{token}", f"SmsSid={'f' * 32}&{urlencode(form)}".encode()),
        (f"/hooks/{token}", b""),
        (f"/hooks/{token}", b"\xff\xfe=%"),
        (f"/hooks/{token}", b"&".join(b"a=%d" % n for n in range(200)) + b"&" + urlencode(form).encode()),
        (f"/hooks/{token[:-1]}0" if token[-1] != "0" else f"/hooks/{token[:-1]}1", form),
        (f"/hooks/{token.upper()}0", form),
        (f"/hooks/{token}/", form),
        (f"/hooks/{token}/more", form),
        ("/", form),
        (f"/?{token}", form),
        (f"/hooks/{hashlib.sha256(token.encode()).hexdigest()}", form),  # what the ledger has
    ]
    assert [receiver.post(path, body) for path, body in cases] == [404] * len(cases)
    for kind, text in (
        ("application/json", b"[" * 60_000),
        ("application/json", b'"a"'),
        ("application/json", b"[1]"),
        ("application/json", b'{"To": "09876543211", ' + json.dumps(form).encode()[1:]),
        ("application/json", b'{"SmsUnits": %s, ' % (b"9" * 5000) + json.dumps(form).encode()[1:]),
    ):
        assert receiver.post(f"/hooks/{token}", text, kind=kind) == 404
    for method in ("GET", "HEAD", "PUT", "DELETE"):
        assert receiver.ask(method, f"/hooks/{token}", urlencode(form).encode()) == 404
    assert receiver.post(f"/hooks/{token}", {**form, "CustomField": "x" * 70_000}) == 413
    assert everything(hooks) == before
    assert receiver.end() == (0, "")  # and nothing is said of it


def test_a_replayed_callback_changes_nothing_more(hooks: Hooks, receiver: Receiver) -> None:
    assert hooks.send().exit_code == 0
    (message,) = hooks.taken
    assert receiver.call_back(message) == 200
    columns = "sid, outcome, detailed_status_code"
    before = hooks.select(f"SELECT {columns} FROM deliveries"), outcomes(hooks)
    for _ in range(20):
        assert receiver.call_back(message, Status="failed", DetailedStatusCode="23005") == 200
    assert (hooks.select(f"SELECT {columns} FROM deliveries"), outcomes(hooks)) == before


def test_one_message_has_but_a_few_sids_to_be_asked_about(hooks: Hooks, receiver: Receiver) -> None:
    assert hooks.send().exit_code == 0
    (message,) = hooks.taken
    hooks.select("UPDATE messages SET state = 'waiting', sid = NULL, owner = NULL")
    assert [receiver.call_back(message, SmsSid=f"{n:032x}") for n in range(5)] == [200, 200, 200, 404, 404]


def test_clients_that_are_slow_are_no_hindrance(hooks: Hooks, receiver: Receiver) -> None:
    assert hooks.send().exit_code == 0
    (message,) = hooks.taken
    idle = [socket.create_connection(("127.0.0.1", receiver.port)) for _ in range(50)]
    for connection in idle:
        connection.sendall(b"POST / HTTP/1.1\r\nContent-Length: 60000\r\n\r\nSmsSid=")
    assert receiver.call_back(message) == 200
    for connection in idle:
        connection.close()


def test_more_connections_than_it_takes_are_no_hindrance(hooks: Hooks) -> None:
    """The one goes that has been idle for longest, and not the one that has something to say."""
    with limited(hooks, most_connections=20, longest_request=3600.0) as port:
        idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(50)]
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
            connection.request("GET", "/")
            assert connection.getresponse().status == 404
        idle[0].setblocking(False)
        until(lambda: is_closed(idle[0]))
        for each in idle:
            each.close()


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("Content-Length: 4\r\nTransfer-Encoding: chunked", 400),  # the end of a request is told in one way
        ("Transfer-Encoding: chunked\r\nContent-Length: 4", 400),
        ("Content-Length: 4\r\nContent-Length: 5", 400),
        ("Content-Length: +4", 400),
        ("Content-Length: 99999999999999999999", 413),
        ("Transfer-Encoding: xchunked", 501),
        ("Content-Length : 4", 400),
        ("X: a\nContent-Length: 4", 400),
        (f"X: {'a' * 20_000}", 431),
    ],
)
def test_a_request_that_another_may_read_otherwise_is_refused_and_nothing_after_it_is_read(
    receiver: Receiver, head: str, status: int
) -> None:
    with socket.create_connection(("127.0.0.1", receiver.port)) as connection:
        connection.settimeout(30)
        connection.sendall(f"POST / HTTP/1.1\r\n{head}\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n".encode())
        answers = b""
        with suppress(ConnectionResetError):  # it closes a connection of which it did not read everything
            while piece := connection.recv(65536):
                answers += piece
    assert [int(found) for found in re.findall(rb"^HTTP/1.\d (\d+)", answers, re.MULTILINE)] == [status]


@pytest.mark.parametrize(
    "more",
    [
        {"SmsUnits": 10**20},
        {"SmsUnits": -(10**20)},
        {"SmsUnits": 1e300},
        {"DetailedStatusCode": 10**20},
        {"DetailedStatusCode": True},
        {"DetailedStatus": "\ud800"},
        {"DetailedStatus": {"a": []}, "DateSent": [{}]},
        {"Status": "sent\x1b]0;x\x07", "DetailedStatus": "\u202e\x00\n"},
        {"DateSent": "9999-99-99 99:99:99"},
    ],
)
def test_strange_values_beside_a_right_token_break_nothing(
    hooks: Hooks, receiver: Receiver, more: dict[str, Any]
) -> None:
    assert hooks.send().exit_code == 0
    (message,) = hooks.taken
    form = {**hooks.server.emulator().callback_form(message), **more}
    path = f"/hooks/{message.callback.rpartition('/')[2]}"
    assert receiver.post(path, dict(form), kind="application/json") == 200
    assert len(hooks.select("SELECT * FROM deliveries")) == 1
    assert hooks.exosms("log").exit_code == 0
    exit_code, said = receiver.end()
    assert exit_code == 0
    assert re.fullmatch(rf"exosms: (delivered|pending|failed): \{TO} {message.sid}\n", said)


def test_a_message_that_was_purged_has_no_callbacks_any_more(hooks: Hooks, receiver: Receiver) -> None:
    assert hooks.send().exit_code == 0
    (message,) = hooks.taken
    times = ("created_at", "attempted_at", "updated_at")
    hooks.select(f"UPDATE messages SET {', '.join(f'{time} = {time} - 86400' for time in times)}")
    assert hooks.exosms("runs", "purge", "--older-than", "1h").stdout == "1 message deleted\n"
    before = everything(hooks)
    assert receiver.call_back(message) == 404
    assert everything(hooks) == before


def test_a_message_that_is_gone_while_its_token_is_not_has_no_callbacks(hooks: Hooks, receiver: Receiver) -> None:
    assert hooks.send().exit_code == 0
    (message,) = hooks.taken
    hooks.select("DELETE FROM messages")
    assert receiver.call_back(message) == 404


def test_a_purge_leaves_no_number_by_whose_callbacks_a_message_was_known(hooks: Hooks, receiver: Receiver) -> None:
    """One that may have been sent stays, with its token, and is found by it."""
    assert hooks.send("--to", "9876500009").exit_code == 0
    rows = ["to,body", *(f"{number},Text" for number in numbers(3)), "9000000500,Text"]
    assert hooks.bulk(rows).exit_code == 10
    assert {receiver.call_back(message) for message in hooks.taken} == {200}
    for table, times in {"messages": "created_at attempted_at updated_at", "runs": "started_at updated_at"}.items():
        hooks.select(f"UPDATE {table} SET {', '.join(f'{time} = {time} - 7200' for time in times.split())}")
    assert hooks.exosms("runs", "purge", "--older-than", "1h").stdout == "5 messages deleted\n"
    recipients = "SELECT recipient FROM callback_messages JOIN callback_requests ON id = request"
    assert hooks.select(recipients) == [("+919000000500",)]
    assert hooks.select("SELECT count(*) FROM callback_requests") == [(1,)]
    assert hooks.select("SELECT * FROM deliveries") == []  # although what became of them was learned just now
    assert not any(b"+9198765" in file.read_bytes() for file in (hooks.exosms.home / "state").glob("ledger.db*"))


def test_a_ledger_that_is_locked_is_waited_for(hooks: Hooks, receiver: Receiver) -> None:
    assert hooks.send().exit_code == 0
    (message,) = hooks.taken
    answers: list[int] = []
    with closing(sqlite3.connect(hooks.exosms.home / "state" / "ledger.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        asking = threading.Thread(target=lambda: answers.append(receiver.call_back(message)))
        asking.start()
        asking.join(0.5)
        assert answers == []
        other.execute("ROLLBACK")
    asking.join(60)
    assert answers == [200]


def test_a_full_disk_is_told_to_exotel_until_there_is_room_again(hooks: Hooks, receiver: Receiver) -> None:
    assert hooks.send().exit_code == 0
    (message,) = hooks.taken
    pid, before = receiver.process.pid, resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, before[1]))
    assert receiver.call_back(message) == 503
    assert hooks.select("SELECT * FROM deliveries") == []
    resource.prlimit(pid, resource.RLIMIT_FSIZE, before)
    assert receiver.call_back(message) == 200
    assert len(hooks.select("SELECT * FROM deliveries")) == 1


class Unread(Receiver):
    """One to whose standard error, which holds few lines, nobody listens."""

    def start(self) -> None:
        super().start()
        assert self.process.stderr
        fcntl.fcntl(self.process.stderr, fcntl.F_SETPIPE_SZ, 4096)

    def _listen(self, stream: IO[bytes]) -> None:
        pass

    def read(self) -> bytes:
        """Read what there is, once."""
        assert self.process.stderr
        return os.read(self.process.stderr.fileno(), 65536)


@pytest.fixture
def unread(hooks: Hooks) -> Iterator[Unread]:
    running = Unread(hooks)
    yield running
    running.kill()
    if running.process.stderr:
        running.process.stderr.close()


def test_a_receiver_to_which_nobody_listens_answers_and_ends_all_the_same(hooks: Hooks, unread: Unread) -> None:
    assert hooks.send().exit_code == 0
    (message,) = hooks.taken
    assert {unread.call_back(message) for _ in range(200)} == {200}
    line = f"exosms: delivered: {TO} {message.sid}".encode()
    read = unread.read().splitlines()
    assert read == [line] * len(read)
    assert {unread.call_back(message) for _ in range(200)} == {200}
    assert unread.end() == (0, "")
    left = f"exosms: warning: nobody read standard error: {200 - len(read)} lines left out".encode()
    first, *others = unread.read().splitlines()
    assert (first, {*others}) == (left, {line})


def test_two_receivers_beside_one_ledger_settle_a_message_once(hooks: Hooks, receiver: Receiver) -> None:
    assert hooks.bulk(["to,body", *(f"{number},Text" for number in numbers(9))]).exit_code == 0
    lose(hooks, "rows")
    other = Receiver(hooks)
    taken = hooks.taken
    for message in taken:
        assert {each.call_back(message) for each in (receiver, other)} == {200}
    until(lambda: hooks.select("SELECT * FROM callbacks") == [])
    assert dict(hooks.select("SELECT recipient, sid FROM rows")) == {one.recipient: one.sid for one in taken}
    confirmed = sorted(f"exosms: confirmed: {one.recipient} {one.sid}\n" for one in taken)
    until(lambda: sum("exosms: confirmed" in line for line in receiver.said + other.said) >= len(taken))
    receiver.kill()
    other.kill()
    assert sorted(line for line in receiver.said + other.said if "exosms: confirmed" in line) == confirmed


def test_a_request_that_comes_byte_by_byte_is_cut_off(hooks: Hooks) -> None:
    with limited(hooks, most_connections=500, longest_request=1.0) as port:
        connection = socket.create_connection(("127.0.0.1", port))
        connection.setblocking(False)
        until(lambda: is_closed(connection))  # it is never silent for as long as a second
        connection.close()


@contextmanager
def limited(hooks: Hooks, *, most_connections: int, longest_request: float) -> Iterator[int]:
    """Start a receiver with limits of its own; yield its port."""
    script = (
        "from exosms.receiver import server\nfrom exosms.cli.app import main\n"
        f"server._MOST_CONNECTIONS, server._LONGEST_REQUEST = {most_connections}, {longest_request}\n"
        "main(['callbacks', '--port', '0'])\n"
    )
    argv = [sys.executable, "-c", script]
    with subprocess.Popen(argv, env=hooks.exosms.full_env(), stdout=subprocess.PIPE) as process:
        assert process.stdout
        try:
            yield int(process.stdout.readline().decode().strip().rpartition(":")[2])
        finally:
            process.kill()


def is_closed(connection: socket.socket) -> bool:
    """Send one more byte, and return whether the other side has hung up."""
    try:
        connection.sendall(b"P")
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def test_a_ledger_that_cannot_be_written_is_told_to_exotel(hooks: Hooks, receiver: Receiver) -> None:
    assert hooks.send().exit_code == 0
    (message,) = hooks.taken
    ledger = hooks.exosms.home / "state" / "ledger.db"
    ledger.rename(ledger.with_name("away.db"))
    assert receiver.call_back(message) == 503  # which it sends again
    ledger.with_name("away.db").rename(ledger)
    assert receiver.call_back(message) == 200


def test_a_ledger_that_was_restored_meanwhile_is_the_one_that_counts(hooks: Hooks, receiver: Receiver) -> None:
    """SQLite goes on with the file that was there before, in which what is sent from now on never comes to be."""
    assert hooks.send().exit_code == 0
    assert receiver.call_back(hooks.taken[0]) == 200
    ledger = hooks.exosms.home / "state" / "ledger.db"
    backup = ledger.with_name("backup.db")
    backup.touch(mode=0o600)
    backup.write_bytes(ledger.read_bytes())
    for file in ledger.parent.glob("ledger.db-*"):
        file.unlink()
    backup.rename(ledger)
    assert hooks.send().exit_code == 0
    lose(hooks)
    message = hooks.taken[1]
    until(lambda: receiver.call_back(message) == 200)
    until(lambda: outcomes(hooks)[1] == ("accepted", message.sid))


def test_what_was_acknowledged_survives_kills(hooks: Hooks, receiver: Receiver) -> None:
    rows = ["to,body", *(f"{number},Text {number}" for number in numbers(60))]
    assert hooks.bulk(rows, "--batch", "20").exit_code == 0
    taken = hooks.taken
    chance = random.Random(5)
    left = [*taken]
    acknowledged: set[str] = set()
    lock = threading.Lock()

    def deliver() -> None:
        while True:
            with lock:
                if not left:
                    return
                message = left.pop()
            try:
                status = receiver.call_back(message)
            except (OSError, http.client.HTTPException):
                status = 0
            with lock:
                if status == 200:
                    acknowledged.add(message.sid)
                else:
                    left.append(message)
                    time.sleep(0.01)

    threads = [threading.Thread(target=deliver) for _ in range(6)]
    for thread in threads:
        thread.start()
    for _ in range(4):
        with lock:
            wanted = min(len(taken), len(acknowledged) + chance.randint(1, 15))
        until(lambda wanted=wanted: len(acknowledged) >= wanted)  # type: ignore[misc]
        receiver.kill()
        kept = {sid for (sid,) in hooks.select("SELECT sid FROM deliveries")}
        with lock:
            assert acknowledged <= kept
        receiver.start()
    for thread in threads:
        thread.join(60)
    assert len(acknowledged) == 60
    assert len(hooks.select("SELECT sid FROM deliveries WHERE outcome = 'delivered'")) == 60


@pytest.mark.parametrize("batch", ["1", "20"])
def test_what_was_lost_is_found_by_callbacks_that_come_lost_doubled_and_reordered(
    exosms: Shell, monkeypatch: pytest.MonkeyPatch, batch: str
) -> None:
    monkeypatch.setattr(Server, "call_back", lambda *_: None)
    with serving(faults=0.3, seed=7) as server:
        hooks = Hooks(exosms, server)
        rows = ["to,body", *(f"{numbers(9)[n % 9]},Equal text" for n in range(90))]
        hooks.bulk(rows, "--batch", batch)
        unknown = hooks.select("SELECT count(*) FROM rows WHERE state = 'unknown'")[0][0]
        assert unknown
        chance = random.Random(3)
        taken = chance.sample(hooks.taken, len(hooks.taken))
        lost, doubled = taken[: len(taken) // 3], taken[len(taken) // 3 :][: len(taken) // 3]
        calls = [message for message in taken if message not in lost] + doubled
        chance.shuffle(calls)
        receiver = Receiver(hooks)
        assert {receiver.call_back(message) for message in calls} == {200}
        until(lambda: hooks.select("SELECT count(*) FROM callbacks") == [(0,)])
        receiver.kill()
        check_what_was_found(hooks, {message.sid for message in calls})


def check_what_was_found(hooks: Hooks, told: set[str]) -> None:
    """All whose callback came have their Sid, and a message has a Sid only if its own request was taken under it."""
    sids = dict(hooks.select("SELECT sid, number FROM rows WHERE state = 'accepted'"))
    assert None not in sids
    assert told <= sids.keys()
    for message in hooks.taken:
        if message.sid in sids:
            assert sids[message.sid] in {number for _, number, *_ in hooks.owners(message)}
    assert hooks.select("SELECT sid FROM rows WHERE sid IS NOT NULL GROUP BY sid HAVING count(*) > 1") == []
    assert sids.keys() <= {message.sid for message in hooks.taken}


def test_the_sandbox_loses_doubles_delays_and_reorders_callbacks_and_sends_some_early(
    exosms: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it does to callbacks, they settle what is unknown, and nothing else does."""
    faults: dict[str, str] = {}
    call_back = Server.call_back

    def noting(self: Server, message: StoredMessage, fault: str = "") -> None:
        faults[message.sid] = fault
        call_back(self, message, fault)

    monkeypatch.setattr(Server, "call_back", noting)
    with serving(faults=0.2, seed=4, callback_faults=0.8) as server:
        hooks = Hooks(exosms, server)
        receiver = Receiver(hooks)
        hooks.configure(f"{receiver.url}/hooks")
        hooks.bulk(["to,body", *(f"{number},Text" for number in numbers(60))], "--batch", "1")
        assert set(faults.values()) == {"", "lost", "doubled", "late", "early", "reordered"}
        told = {sid for sid, fault in faults.items() if fault != "lost"}
        until(lambda: {sid for (sid,) in hooks.select("SELECT sid FROM deliveries")} >= told)
        receiver.kill()
        check_what_was_found(hooks, told)


def test_without_waitress_it_says_how_to_install_it(hooks: Hooks, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("waitress", "waitress.adjustments", "waitress.channel", "waitress.server"):
        monkeypatch.setitem(sys.modules, name, None)
    done = hooks("callbacks", "--port", "0")
    assert (done.exit_code, done.stdout) == (4, "")
    assert "exosms: error: `exosms callbacks` needs waitress" in done.stderr
    assert "In the folder that has the clone: pipx install --force './exosms[callbacks]'" in done.stderr


def test_an_empty_host_is_not_every_address(hooks: Hooks) -> None:
    result = hooks.exosms("callbacks", "--host", "", "--port", "0")
    said = "exosms: error: --host is empty\n  Give it a value, or leave it out.\n"
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", said)


def test_a_port_that_is_taken_is_told(hooks: Hooks) -> None:
    done = hooks("callbacks", "--port", str(hooks.server.server_port))
    assert (done.exit_code, done.stdout) == (4, "")
    assert f"cannot listen on 127.0.0.1, port {hooks.server.server_port}" in done.stderr


def test_a_configuration_that_was_named_and_is_not_there_is_told(hooks: Hooks) -> None:
    missing = hooks.exosms.home / "none.toml"
    done = hooks.exosms("callbacks", "--port", "0", "--config", str(missing))
    assert (done.exit_code, done.stdout) == (4, "")
    assert f"The configuration {missing} cannot be read: No such file or directory" in done.stderr


def test_it_is_a_wsgi_application_too(hooks: Hooks, monkeypatch: pytest.MonkeyPatch) -> None:
    assert hooks.send().exit_code == 0
    (message,) = hooks.taken
    script = (
        "import io, sys\nfrom wsgiref.validate import validator\nfrom exosms.callbacks import application\n"
        "body = sys.argv[2].encode()\n"
        "environ = {'REQUEST_METHOD': 'POST', 'SCRIPT_NAME': '/hooks', 'PATH_INFO': '/' + sys.argv[1],\n"
        " 'CONTENT_TYPE': 'application/x-www-form-urlencoded', 'CONTENT_LENGTH': str(len(body)),\n"
        " 'QUERY_STRING': '', 'SERVER_NAME': 'a', 'SERVER_PORT': '1',\n"
        " 'SERVER_PROTOCOL': 'HTTP/1.1', 'wsgi.version': (1, 0),\n"
        " 'wsgi.url_scheme': 'http', 'wsgi.input': io.BytesIO(body), 'wsgi.errors': sys.stderr,\n"
        " 'wsgi.multithread': True, 'wsgi.multiprocess': True, 'wsgi.run_once': False}\n"
        "answer = validator(application)(environ, lambda status, headers, *_: print(status) or (lambda _: None))\n"
        "list(answer); answer.close()\n"
    )
    form = urlencode(hooks.server.emulator().callback_form(message))
    argv = [sys.executable, "-c", script, message.callback.rpartition("/")[2], form]
    done = subprocess.run(argv, check=False, env=hooks.exosms.full_env(), capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("200 OK\n", "")
    assert hooks.select("SELECT outcome FROM deliveries") == [("delivered",)]


def test_a_server_that_forks_has_no_ledger_open_then_and_leaves_all_to_its_children(hooks: Hooks) -> None:
    """With one open in a transaction, all that its children did with theirs was for ever: database is locked."""
    assert hooks.send().exit_code == 0
    (message,) = hooks.taken
    script = (
        "import io, os, sys, threading, time\n"
        "def is_open():\n"
        "    names = [os.path.realpath(f'/proc/self/fd/{name}') for name in os.listdir('/proc/self/fd')]\n"
        "    return any('ledger.db' in name for name in names)\n"
        "os.register_at_fork(before=lambda: print('open' if is_open() else 'closed', flush=True))\n"
        "from exosms.callbacks import application\n"
        "while not is_open():\n    time.sleep(0.001)\n"
        "child = os.fork()\n"
        "if child:\n    sys.exit(os.waitpid(child, 0)[1])\n"
        "body = sys.argv[2].encode()\n"
        "environ = {'REQUEST_METHOD': 'POST', 'PATH_INFO': '/' + sys.argv[1], 'CONTENT_LENGTH': str(len(body)),\n"
        " 'wsgi.input': io.BytesIO(body)}\n"
        "names = sorted(thread.name for thread in threading.enumerate())\n"
        "application(environ, lambda status, headers: print(status, *names, flush=True))\n"
        "os._exit(0)\n"
    )
    form = urlencode(hooks.server.emulator().callback_form(message))
    quiet = ("-W", "ignore::DeprecationWarning")  # of a fork beside a thread, which has nothing open
    argv = [sys.executable, *quiet, "-c", script, message.callback.rpartition("/")[2], form]
    env = hooks.exosms.full_env()
    done = subprocess.run(argv, check=False, env=env, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "closed\n200 OK MainThread callbacks confirmation\n"
    assert hooks.select("SELECT outcome FROM deliveries") == [("delivered",)]


def test_a_server_that_forks_while_a_thread_begins_with_a_shared_ledger_forks(exosms: Shell) -> None:
    """Psycopg imports logging, whose lock a fork holds: it waited for the thread that waited for that, for ever."""
    script = (
        "import os, sys, threading\n"
        "forks = threading.Event()\n"
        "class Late:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'psycopg':\n            forks.wait()\n"
        "sys.meta_path.insert(0, Late())\n"
        "from exosms.callbacks import application\n"
        "os.register_at_fork(before=forks.set)\n"
        "import logging\n"
        "child = os.fork()\n"
        "if child:\n    sys.exit(os.waitpid(child, 0)[1])\n"
        "print('forked', flush=True)\n"
        "os._exit(0)\n"
    )
    env = exosms.full_env({"EXOSMS_LEDGER": f"postgresql://exosms@127.0.0.1:{own_port()}/exosms"})
    argv = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", script]
    done = subprocess.run(argv, check=False, env=env, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "forked\n"), done.stderr


def test_a_server_that_forks_without_telling_python_has_no_ledger_open_then(hooks: Hooks) -> None:
    """That is uWSGI: its workers waited for ever for what threads held in their parent that they do not have."""
    assert hooks.send().exit_code == 0
    (message,) = hooks.taken
    script = (
        "import ctypes, io, os, sys, threading, types\n"
        "def say(*words):\n    print(*words, *sorted(one.name for one in threading.enumerate()), flush=True)\n"
        "hook = lambda: print('before', flush=True)\n"
        "uwsgi = sys.modules['uwsgi'] = types.SimpleNamespace(worker_id=lambda: 0, post_fork_hook=hook)\n"
        "from exosms.callbacks import application\n"
        "say('loaded')\n"
        "child = ctypes.PyDLL(None).fork()\n"
        "if child:\n    sys.exit(os.waitpid(child, 0)[1])\n"
        "uwsgi.post_fork_hook()\n"
        "say('forked')\n"
        "body = sys.argv[2].encode()\n"
        "environ = {'REQUEST_METHOD': 'POST', 'PATH_INFO': '/' + sys.argv[1], 'CONTENT_LENGTH': str(len(body)),\n"
        " 'wsgi.input': io.BytesIO(body)}\n"
        "application(environ, lambda status, headers: print(status, flush=True))\n"
        "os._exit(0)\n"
    )
    form = urlencode(hooks.server.emulator().callback_form(message))
    argv = [sys.executable, "-c", script, message.callback.rpartition("/")[2], form]
    env = hooks.exosms.full_env()
    done = subprocess.run(argv, check=False, env=env, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "loaded MainThread\nbefore\nforked MainThread callbacks confirmation\n200 OK\n"
    assert hooks.select("SELECT outcome FROM deliveries") == [("delivered",)]


def test_a_configuration_that_cannot_be_read_once_a_worker_begins_is_told_and_read_again(hooks: Hooks) -> None:
    """A server that had loaded the application made a worker while the file was being changed."""
    assert hooks.send().exit_code == 0
    (message,) = hooks.taken
    script = (
        "import io, os, sys\n"
        "from exosms.callbacks import application\n"
        "config = os.environ['EXOSMS_CONFIG']\n"
        "was = open(config).read()\n"
        "def write(text):\n    with open(config, 'w') as file:\n        file.write(text)\n"
        "write('[profiles')\n"
        "child = os.fork()\n"
        "if child:\n    sys.exit(os.waitpid(child, 0)[1])\n"
        "def call_back():\n"
        "    body = sys.argv[2].encode()\n"
        "    environ = {'REQUEST_METHOD': 'POST', 'PATH_INFO': '/' + sys.argv[1],\n"
        "     'CONTENT_LENGTH': str(len(body)), 'wsgi.input': io.BytesIO(body)}\n"
        "    application(environ, lambda status, headers: print(status, flush=True))\n"
        "call_back()\n"
        "write(was)\n"
        "call_back()\n"
        "os._exit(0)\n"
    )
    form = urlencode(hooks.server.emulator().callback_form(message))
    quiet = ("-W", "ignore::DeprecationWarning")  # as above
    argv = [sys.executable, *quiet, "-c", script, message.callback.rpartition("/")[2], form]
    env = hooks.exosms.full_env({"EXOSMS_CONFIG": str(hooks.path)})
    done = subprocess.run(argv, check=False, env=env, capture_output=True, text=True, timeout=60)
    told = (
        f"exosms: warning: callbacks cannot be kept: The configuration {hooks.path} cannot be read: it is not TOML"
        " at the end, line 1\n"
    )
    assert (done.returncode, done.stderr) == (0, told * 2)  # as the worker begins, and for the callback
    assert done.stdout == "503 Service Unavailable\n200 OK\n"
    assert hooks.select("SELECT outcome FROM deliveries") == [("delivered",)]
