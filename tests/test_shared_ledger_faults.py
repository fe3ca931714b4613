"""The shared ledger is away, mute, locked or wrong: what goes out, what does not, and what is said of it."""

import json
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import NamedTuple

import pytest
from conftest import Result, Shell, own_port, until
from jobs import Sandbox, sandbox
from machines import Finished, Nursery
from pair import ONCE, SEND, TEXT, TO, Pair, started, with_profile, words
from postgres_cluster import OVER_TLS, PASSWORD, ROLE, STRANGER
from postgres_proxy import Manner, Proxy, Strike, _end, _greeting

from exosms.ledger.postgres import connection


@pytest.fixture
def served(pair: Pair) -> Iterator[Sandbox]:
    """An Exotel that holds its answers back when it is asked to; both machines send to it."""
    with sandbox(pair.first) as server:
        pair.second.env |= {"EXOSMS_BASE_URL": server.url}
        yield server


# What is wrong, and has to be put right.


class Wrong(NamedTuple):
    """An address that cannot be right, and a word of what is said of it."""

    address: Callable[[Pair], str]
    says: str


WRONG = {
    "password": Wrong(lambda pair: pair.cluster.address(pair.database, password="wrong-canary"), "password"),
    "no password": Wrong(lambda pair: pair.cluster.address(pair.database, password=None), "password"),
    "role": Wrong(lambda pair: pair.cluster.address(pair.database, role="nobody"), "nobody"),
    "database": Wrong(lambda pair: pair.cluster.address("nowhere"), "nowhere"),
    "encoding": Wrong(lambda pair: pair.cluster.address(pair.cluster.database(encoding="LATIN1")), "LATIN1, in"),
    "TLS is demanded by the server": Wrong(
        lambda pair: pair.cluster.address(pair.database, role=OVER_TLS) + "?sslmode=disable", ""
    ),
    "another certificate": Wrong(
        lambda pair: pair.address + f"?sslmode=verify-full&sslrootcert={pair.first.home}/no.pem", ""
    ),
    "no privileges": Wrong(lambda pair: pair.cluster.address(pair.database, role=STRANGER), "privileges"),
    "another scheme": Wrong(lambda pair: pair.address.replace("postgresql", "mysql"), "postgresql://"),
    "an option that is none": Wrong(lambda pair: pair.address + "?bogus=1", "bogus"),
    "a port that is none": Wrong(lambda pair: pair.address.replace(f":{pair.cluster.port}", ":http"), ""),
}

EVERY = {
    "once": ONCE,
    "plain": SEND,
    "log": ("log",),
    "resolve": ("runs", "resolve", "--once", "k", "--as", "not_sent"),
    "bulk": ("bulk", "-", "--yes", "--run", "june"),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told_and_nothing_leaves(pair: Pair, wrong: Wrong) -> None:
    if wrong is WRONG["no privileges"]:
        assert pair.first(*SEND, "--to", "+919876543219").exit_code == 0  # the tables are there, another's
    before = pair.exotel.requests
    for argv in EVERY.values():
        result = pair.second(*argv, stdin=f"to,body\n{TO},Hi\n", env={"EXOSMS_LEDGER": wrong.address(pair)})
        assert (result.exit_code, pair.exotel.requests) == (4, before), result
        assert wrong.says in result.stderr
        assert_tells_no_secret(result)


def test_tls_is_demanded_of_a_server_that_has_none(pair: Pair) -> None:
    with Proxy(pair.cluster.port) as proxy:
        address = pair.cluster.address(pair.database, port=proxy.port)
        plain = pair.first(*ONCE, env={"EXOSMS_LEDGER": address})
        demanded = pair.first(*SEND, env={"EXOSMS_LEDGER": f"{address}?sslmode=require"})
    assert (plain.exit_code, demanded.exit_code, pair.exotel.requests) == (0, 4, 1)
    assert "SSL" in demanded.stderr


def test_a_certificate_is_verified_where_that_is_asked(pair: Pair) -> None:
    verified = f"{pair.address}?sslmode=verify-full&sslrootcert={pair.cluster.authority}"
    assert pair.first(*ONCE, env={"EXOSMS_LEDGER": verified}).exit_code == 0
    over_tls = pair.cluster.address(pair.database, role=OVER_TLS) + "?sslmode=require"
    assert words(pair.second(*ONCE, env={"EXOSMS_LEDGER": over_tls})) == ["skipped"]


WITHOUT_EXTRA = "import sys; sys.modules['psycopg'] = None; from exosms.cli.app import entry_point; entry_point()"


def test_without_the_extra_it_says_what_to_install(pair: Pair) -> None:
    """In processes of their own: what is imported once more here would stand beside what other tests have."""
    for argv in (ONCE, SEND, ("log",)):
        command = [sys.executable, "-c", WITHOUT_EXTRA, *argv]
        done = subprocess.run(
            command, env=pair.first.full_env(), capture_output=True, text=True, timeout=60, check=False
        )
        assert (done.returncode, pair.exotel.requests) == (4, 0)
        assert "exosms[postgres]" in done.stderr
        assert_tells_no_secret(Result(done.returncode, done.stdout, done.stderr))


def test_tables_of_a_newer_exosms_are_refused(pair: Pair) -> None:
    assert pair.first(*ONCE).exit_code == 0
    pair.from_the_future()
    for argv in (ONCE, SEND, ("log",)):
        result = pair.second(*argv)
        assert (result.exit_code, pair.exotel.requests) == (4, 1)
        assert "newer" in result.stderr
        assert "Upgrade exosms" in result.stderr


def test_two_machines_that_begin_together_make_the_tables_once(pair: Pair) -> None:
    processes = [shell.start("log") for shell in (pair.first, pair.second) * 4]
    for process in processes:
        _, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (0, b"")


# It is away.


def refusing(pair: Pair) -> str:
    """Nobody listens there."""
    return pair.cluster.address(pair.database, port=own_port())


@contextmanager
def away(pair: Pair, how: str) -> Iterator[str]:
    """An address where nobody listens, or from which no answer comes."""
    if how == "refused":
        yield refusing(pair)
        return
    with Proxy(pair.cluster.port) as proxy:
        proxy.fail(Manner.STALL_BEFORE if how == "mute" else Manner.CUT_BEFORE)
        yield pair.cluster.address(pair.database, port=proxy.port)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands of this process wait a second for a server from which nothing comes; how long else is another test."""
    monkeypatch.setattr(connection, "PATIENCE", 1.0)


HOW = ("refused", "reset", "mute")
SHORT = ("--retry-for", "1s")


@pytest.mark.parametrize("how", HOW)
def test_what_needs_it_is_not_sent(pair: Pair, impatient: None, how: str) -> None:
    with away(pair, how) as address:
        env = {"EXOSMS_LEDGER": address}
        limited = with_profile(pair.first, pair.exotel.url, "max_parts_per_day = 3")
        results = [
            pair.first("send", "--to", TO, "-b", TEXT, "--once", "k", *SHORT, env=env),
            limited("send", "--to", TO, "-b", TEXT, *SHORT, env=env),
            pair.first("bulk", "-", "--yes", stdin=f"to,body\n{TO},Hi\n", env=env),
        ]
    for result in results:
        assert (result.exit_code, pair.exotel.requests) == (7, 0), result
        assert_tells_no_secret(result)
        assert "error: " in result.stderr


@pytest.mark.parametrize("how", HOW)
def test_a_plain_message_and_a_job_s_go_out_with_a_warning(pair: Pair, how: str) -> None:
    with away(pair, how) as address:
        env = {"EXOSMS_LEDGER": address}
        sent = pair.first("send", "--to", TO, "-b", TEXT, *SHORT, env=env)
        assert (sent.exit_code, words(sent), pair.exotel.requests) == (0, ["accepted"], 1)
        assert "warning: " in sent.stderr
        assert_tells_no_secret(sent)
        job = started(pair.first, "job", "--to", TO, *SHORT, "--", "sh", "-c", "echo out; exit 3", env=env)
        assert (job.exit_code, job.stdout, pair.exotel.requests) == (3, "out\n", 2)
        assert_tells_no_secret(job)
    assert pair.first("log").stdout == ""


@pytest.mark.parametrize("how", HOW)
def test_what_looks_into_it_says_so(pair: Pair, impatient: None, how: str) -> None:
    with away(pair, how) as address:
        for argv in (("log",), ("doctor",), ("log", "--json"), ("doctor", "--json"), EVERY["resolve"]):
            result = pair.first(*argv, env={"EXOSMS_LEDGER": address})
            assert result.exit_code == 7, result
            assert_tells_no_secret(result)
            if "--json" in argv:
                assert result.json["exit_code"] == 7


@pytest.mark.parametrize("manner", [Manner.CUT_BEFORE, Manner.STALL_BEFORE])
def test_away_after_the_request_the_outcome_stands_and_the_claim_stays(
    pair: Pair, served: Sandbox, manner: Manner
) -> None:
    assert pair.second("log").exit_code == 0  # there are tables
    with Proxy(pair.cluster.port) as proxy:
        served.may_answer.clear()
        sending = pair.first.start(*ONCE, "--retry-for", "3s", env=pair.through(proxy.port))
        assert served.asked.wait(60)
        proxy.fail(manner)
        served.may_answer.set()
        out, err = (stream.decode() for stream in sending.communicate(timeout=60))
    assert (sending.returncode, out.partition("\t")[0]) == (0, "accepted")
    assert "could not be recorded" in err
    pair.lapse()
    then = pair.second(*ONCE)
    assert (then.exit_code, words(then), served.requests) == (9, ["unknown"], 1)


def test_a_database_that_is_closed_for_a_while_is_away(pair: Pair) -> None:
    assert pair.first("log").exit_code == 0  # there are tables
    pair.cluster.ask(f"ALTER DATABASE {pair.database} ALLOW_CONNECTIONS false")
    send = ("send", "--to", TO, "-b", TEXT, *SHORT)
    assert (pair.first(*send, "--once", "k").exit_code, pair.exotel.requests) == (7, 0)
    assert (pair.first(*send).exit_code, pair.exotel.requests) == (0, 1)


def test_a_standby_that_nobody_has_promoted_yet_is_away(pair: Pair) -> None:
    """As in the middle of a failover."""
    assert pair.first("log").exit_code == 0  # there are tables
    with pair.cluster.standing_by():
        for argv in (("send", "--to", TO, "-b", TEXT, *SHORT, "--once", "k"), EVERY["bulk"], ("log",)):
            result = pair.first(*argv, stdin=f"to,body\n{TO},Hi\n")
            assert (result.exit_code, pair.exotel.requests) == (7, 0), result
    assert (pair.first(*ONCE).exit_code, pair.exotel.requests) == (0, 1)


@pytest.mark.parametrize(("is_bulk", "code"), [(False, 0), (True, 4)])
def test_one_that_is_refused_from_now_on_takes_nothing_from_what_was_accepted(
    pair: Pair, served: Sandbox, *, is_bulk: bool, code: int
) -> None:
    """As after a new password, or where the database has another name, and the connection is cut."""
    file = pair.first.home / "june.csv"
    file.write_text(f"to,body\n{TO},one\n{TO},two\n")
    argv = ("bulk", str(file), "--yes", "--rate", "off", "--batch", "1") if is_bulk else ONCE
    served.may_answer.clear()
    sending = pair.first.start(*argv, "--json")
    assert served.asked.wait(60)
    for statement in (
        "ALTER DATABASE {0} ALLOW_CONNECTIONS false",
        "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname = '{0}'",
        "ALTER DATABASE {0} RENAME TO {0}_of_another_name",
    ):
        pair.cluster.ask(statement.format(pair.database))
    served.may_answer.set()
    out, err = sending.communicate(timeout=60)
    told = json.loads(out)
    found = told["counts"]["accepted"] if is_bulk else told["outcome"]
    assert (sending.returncode, found, served.requests) == (code, 1 if is_bulk else "accepted", 1), err


class Refusing(Proxy):
    """A server, or a pooler, that lets nobody in and says why; without a word it ends in the middle of TLS."""

    def __init__(self, said: str) -> None:
        super().__init__(0)
        self._said = said

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError):
            if self._said:
                _greeting(client)
                fields = b"SFATAL\0C08P01\0M" + self._said.encode() + b"\0\0"
                client.sendall(b"E" + struct.pack("!I", len(fields) + 4) + fields)
            else:
                client.recv(8)
                client.sendall(b"S")
            client.shutdown(socket.SHUT_WR)
            while client.recv(4096):
                pass
        _end(client)


@pytest.mark.parametrize(
    "said",
    [
        "server login has been failing, try again later (server_login_retry)",
        "server login has been failing, cached error: connect failed (server_login_retry)",
        "MaxClientsInSessionMode: max clients reached",
        "Timed-out waiting to acquire database connection",
        "das Datenbanksystem startet gerade",
        "",
    ],
)
def test_a_pooler_that_has_no_server_for_us_is_away(pair: Pair, impatient: None, said: str) -> None:
    with Refusing(said) as pooler:
        env = pair.through(pooler.port)
        once = pair.first("send", "--to", TO, "-b", TEXT, *SHORT, "--once", "k", env=env)
        assert (once.exit_code, words(once), pair.exotel.requests) == (7, ["not_sent"], 0), once
        plain = pair.first("send", "--to", TO, "-b", TEXT, *SHORT, env=env)
        assert (plain.exit_code, words(plain), pair.exotel.requests) == (0, ["accepted"], 1), plain
    assert said in plain.stderr


@pytest.mark.parametrize(
    "said", ["Passwort-Authentifizierung für Benutzer »exosms« fehlgeschlagen", "no such user: exosms"]
)
def test_whom_it_does_not_let_in_has_to_be_set_otherwise(pair: Pair, said: str) -> None:
    with Refusing(said) as pooler:
        result = pair.first(*SEND, env=pair.through(pooler.port))
    assert (result.exit_code, pair.exotel.requests) == (4, 0), result
    assert said in result.stderr


def test_a_server_that_comes_back_was_waited_for(pair: Pair) -> None:
    with Proxy(pair.cluster.port) as proxy:
        proxy.fail(Manner.CUT_BEFORE)
        waiting = pair.first.start(*ONCE, "--retry-for", "60s", env=pair.through(proxy.port))
        until(lambda: proxy.refused)
        proxy.heal()
        out, err = waiting.communicate(timeout=90)
    assert (waiting.returncode, out.partition(b"\t")[0], pair.exotel.requests) == (0, b"accepted", 1), err


def test_nobody_waits_for_a_lock_that_another_holds(pair: Pair) -> None:
    assert pair.first(*SEND).exit_code == 0
    tables = pair.cluster.ask(
        "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname NOT LIKE 'pg_%'"
        " AND schemaname <> 'information_schema'",
        pair.database,
    )
    names = ", ".join(str(name) for (name,) in tables)
    with pair.cluster._connect(pair.database) as holder:
        holder.autocommit = False
        holder.execute(f"LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE")
        once = started(pair.first, "send", "--to", TO, "-b", TEXT, "--once", "k", *SHORT)
        plain = started(pair.first, "send", "--to", TO, "-b", TEXT, *SHORT)
        holder.rollback()
    assert (once.exit_code, words(once)) == (7, ["not_sent"])
    assert (plain.exit_code, words(plain), pair.exotel.requests) == (0, ["accepted"], 2)


# Struck at every request that a send makes of it.


def alert(manner: Manner, number: int) -> tuple[str, ...]:
    """The first one is struck by nothing, and only counted: it may take its time."""
    key, to = f"{manner} {number}", f"+9198765{number:05d}"
    return ("send", "--to", to, "-b", key, "--retry-for", "1s" if number else "60s", "--rate", "off", "--once", key)


def requested(pair: Pair, argv: Sequence[str]) -> int:
    return sum(len(deeds) for key, deeds in pair.exotel.deeds.items() if key[0] == argv[2])


@pytest.mark.parametrize(
    ("manner", "stays"),
    [
        (Manner.CUT_BEFORE, False),
        (Manner.CUT_AFTER, False),
        (Manner.CUT_AFTER, True),
        (Manner.STALL_AFTER, True),
    ],
)
def test_struck_anywhere_nothing_is_sent_twice_nothing_hangs_and_no_exit_code_lies(
    pair: Pair, manner: Manner, stays: bool
) -> None:
    with Nursery(pair.first.full_env()) as nursery, ThreadPoolExecutor(8) as pool:

        def strike(number: int) -> tuple[int, Finished, int]:
            with Proxy(pair.cluster.port, Strike.at(number, manner, stays=stays)) as proxy:
                env = pair.first.full_env(pair.through(proxy.port))
                return number, nursery.start(*alert(manner, number), env=env).wait(), proxy.requests

        *_, all_of_them = strike(0)
        assert all_of_them > 3
        struck = [*pool.map(strike, range(1, all_of_them + 1))]
    sent = {}
    for number, result, _ in struck:
        sent[number] = requested(pair, alert(manner, number))
        expected = (0, ["accepted"]) if sent[number] else (7, ["not_sent"])
        assert (result.code, result.words) == expected, (number, result)
        assert PASSWORD not in result.out + result.err
    assert {*sent.values()} <= {0, 1}
    pair.lapse()
    for number, was_sent in sent.items():
        then = pair.second(*alert(manner, number))
        may_be = [(0, ["skipped" if was_sent else "accepted"]), (9, ["unknown"])]
        assert (then.exit_code, words(then)) in may_be, (number, then)
        assert requested(pair, alert(manner, number)) <= 1


class Slow(Proxy):
    """A way on which the answer to a claim is lost; when the next connection comes, ``then`` has happened."""

    def __init__(self, pair: Pair, then: Callable[[], object]) -> None:
        super().__init__(pair.cluster.port)
        self._then = then
        self._is_claimed = self._is_cut = False

    def fate(self, statement: bytes) -> Manner | None:
        super().fate(statement)
        if self._is_cut:
            self._then()
            self._then = lambda: None
        elif self._is_claimed and b"COMMIT" in statement:
            self._is_cut = True
            return Manner.CUT_AFTER
        self._is_claimed |= b"INSERT INTO exosms.messages" in statement
        return None


@pytest.mark.parametrize("is_seen", [False, True], ids=["unseen", "seen"])
def test_a_claim_that_is_confirmed_too_late_has_a_lease_of_its_own_or_is_given_up(pair: Pair, is_seen: bool) -> None:
    seen = "UPDATE exosms.messages SET state = 'unknown', owner = NULL, lease_until = NULL"

    def ends() -> None:
        pair.lapse()
        if is_seen:  # by another machine, which writes down what it told
            pair.cluster.ask(seen, pair.database)

    with Slow(pair, ends) as proxy:
        late = started(pair.first, *ONCE, "--retry-for", "60s", env=pair.through(proxy.port))
    then = pair.second(*ONCE)
    if is_seen:  # somebody may have decided by now
        assert (late.exit_code, words(late), pair.exotel.requests) == (4, ["not_sent"], 0)
        assert (then.exit_code, words(then)) == (9, ["unknown"])
    else:
        assert (late.exit_code, words(late), pair.exotel.requests) == (0, ["accepted"], 1)
        assert (then.exit_code, words(then)) == (0, ["skipped"])


# Secrets.


def assert_tells_no_secret(result: Result) -> None:
    for said in (result.stdout, result.stderr):
        assert PASSWORD not in said
        assert "wrong-canary" not in said


@pytest.mark.parametrize(
    "argv",
    [
        ("profile", "show", "prod"),
        ("profile", "list"),
        ("profile", "show", "prod", "--json"),
        ("doctor",),
        ("doctor", "--json"),
        ("doctor", "--ledger"),
        ("doctor", "--ledger", "--json"),
        (*ONCE, "-v"),
        ("log", "-v"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("is_away", [False, True], ids=["there", "away"])
def test_the_password_is_never_told(pair: Pair, argv: Sequence[str], is_away: bool) -> None:
    address = refusing(pair) if is_away else pair.address
    profile = with_profile(pair.first, pair.exotel.url, f'ledger = "{address}"')
    for shell in (profile, Shell(profile.home, {**profile.env, "EXOSMS_LEDGER": address})):
        result = shell(*argv)
        assert_tells_no_secret(result)
        assert "Traceback" not in result.stderr
        assert ROLE in result.stdout or argv[0] != "doctor"
