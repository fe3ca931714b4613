"""Callbacks: the address that a request names, what a receiver takes, and what that settles."""

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import pytest
from conftest import Result, Shell
from test_sandbox import serving

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
    monkeypatch.setattr(Server, "call_back_later", lambda *_: None)
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
    single, own, other = hooks.taken
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
        ("http://hooks.acme.in/sms", "would have callbacks come unencrypted"),
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
    assert sentence in done.stderr
    assert "pw" not in done.stderr


def test_the_callback_url_is_shown_and_set(hooks: Hooks) -> None:
    assert "http://127.0.0.1:9/hooks" in hooks("profile", "show", "prod").stdout
