"""``exosms runs reconcile``: what Exotel says of Sids against what was to be sent settles messages, nothing else.

Most tests let the sandbox take the messages and then have the ledger forget the answers to some of them.
"""

import csv
import io
import itertools
import json
import re
import shlex
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from conftest import ACCOUNT, Result, Shell, until
from openpyxl import Workbook
from test_sandbox import serving
from workbooks import inline, sheet_of, xlsx

from exosms.exotel.listed import days_of, tail_of
from exosms.exotel.message_list import read_page, spans
from exosms.ledger.unknown import UnknownMessages
from exosms.sandbox import listing
from exosms.sandbox.emulator import Emulator, SandboxAnswer
from exosms.sandbox.server import Server
from exosms.sandbox.store import MessageStore
from exosms.send.advice import how_to_find_out

SANDBOX = ("--region", "sandbox")
OTHER = "api.exotel.com/acme2"
"""Another account, whose messages are unknown as well."""
FROM = ("--from", "ACMEIN")
TO = "+919876543210"
SID = re.compile(r"[0-9a-f]{32}")


class Home:
    """A home in which messages were sent from the sandbox, and answers were lost."""

    def __init__(self, exosms: Shell) -> None:
        self.exosms = exosms
        self.report = exosms.home / "report.csv"

    def bulk(self, *rows: str, run: str = "june", more: Sequence[str] = ()) -> None:
        path = self.exosms.home / f"{run}.csv"
        path.write_text("".join(f"{row}\n" for row in ("to,body", *rows)))
        argv = ("--yes", "--run", run, "--duplicates", "all", "--sent-before", "send", *more)
        assert self.exosms("bulk", *SANDBOX, *FROM, str(path), *argv).exit_code == 0

    def send(self, body: str, *more: str, to: str = TO) -> str:
        return self.exosms("send", *SANDBOX, *FROM, "--to", to, "-b", body, "-q", *more).stdout.strip()

    def lose(self, where: str = "1", *, singly: bool = False) -> list[str]:
        """Forget the answers to messages; return their Sids, which only Exotel knows from then on."""
        table = "messages" if singly else "rows"
        with self._ledger() as connection:
            sids = [sid for (sid,) in connection.execute(f"SELECT sid FROM {table} WHERE {where} ORDER BY rowid")]
            text = "" if singly else ", text = 'x'"
            connection.execute(f"UPDATE {table} SET state = 'unknown', sid = NULL{text} WHERE {where}")
        return sids

    def never_taken(self, *sids: str) -> None:
        with self._sandbox() as connection:
            connection.executemany("DELETE FROM messages WHERE sid = ?", [(sid,) for sid in sids])

    def take_otherwise(self, change: str) -> None:
        with self._sandbox() as connection:
            connection.execute(f"UPDATE messages SET {change}")

    def write_report(self, change: Callable[[list[dict[str, str]]], object] = lambda _: None) -> Path:
        """Export what Exotel has, as its dashboard does."""
        exported = Emulator(MessageStore(self.exosms.home / "state" / "sandbox.db")).report().decode()
        rows = list(csv.DictReader(io.StringIO(exported, newline="")))
        names = next(csv.reader([exported.splitlines()[0]]))
        change(rows)
        with self.report.open("w", newline="") as file:
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            writer.writerows(rows)
        return self.report

    def reconcile(self, *argv: str, stdin: str = "") -> Result:
        return self.exosms("runs", "reconcile", *argv, "-v", stdin=stdin)

    def rows(self) -> list[tuple[str, str | None]]:
        with self._ledger() as connection:
            return connection.execute("SELECT state, sid FROM rows ORDER BY run, number").fetchall()

    def change(self, sql: str) -> None:
        with self._ledger() as connection:
            connection.execute(sql)

    @contextmanager
    def _ledger(self) -> Iterator[sqlite3.Connection]:
        path = self.exosms.home / "state" / "ledger.db"
        with closing(sqlite3.connect(path)) as connection, connection:
            yield connection

    @contextmanager
    def _sandbox(self) -> Iterator[sqlite3.Connection]:
        path = self.exosms.home / "state" / "sandbox.db"
        with closing(sqlite3.connect(path)) as connection, connection:
            yield connection


@pytest.fixture
def home(exosms: Shell) -> Home:
    return Home(exosms)


def asked(result: Result) -> list[str]:
    """Return the Sids about which Exotel was asked."""
    return re.findall(r"GET \S+ \S*/SMS/Messages/(\w+)\.json", result.stderr)


def counts(result: Result) -> dict[str, int]:
    names = ("resolved", "absent", "ambiguous", "remaining", "strangers")
    return {name: result.json[name] for name in names if result.json[name]}


# --- what is found ---


def test_what_was_taken_is_accepted_with_its_sid_status_and_price(home: Home) -> None:
    home.bulk(f"{TO},one", "+919876543211,two", "+919876543212,three")
    first, last = home.lose("number <> 2")
    home.never_taken(last)
    result = home.reconcile("june", "--report", str(home.write_report()))
    assert (result.exit_code, result.stdout) == (
        9,
        f"accepted\t{TO}\t{first}\trun june row 1; sent\nunknown\t+919876543212\t\trun june row 3; not found\n",
    )
    assert asked(result) == [first]
    assert "1 accepted, 1 still unknown, of 2 messages" in result.stderr
    assert "1 message may have been sent, and it is not known whether" in result.stderr
    assert "exosms runs resolve june --row 3 --as accepted`, or with --as not_sent." in result.stderr
    entry = json.loads(home.exosms("log", "--run", "june", "-o", "jsonl").stdout.splitlines()[0])
    assert (entry["sid"], entry["outcome"], entry["price"], entry["message"]) == (first, "delivered", 0.25, None)
    with home._ledger() as connection:
        assert connection.execute("SELECT text FROM rows ORDER BY number").fetchall() == [(None,), (None,), ("x",)]


def test_a_document_has_these_keys(home: Home) -> None:
    home.bulk(f"{TO},one", "+919876543211,two")
    home.send("three", to="+919876543212")
    first, second = home.lose()
    (single,) = home.lose(singly=True)
    home.never_taken(second)
    result = home.reconcile(*SANDBOX, "--report", str(home.write_report()), "--json")
    assert result.exit_code == 9
    assert result.json == {
        "schema": 1,
        "command": "runs reconcile",
        "exit_code": 9,
        "resolved": 2,
        "absent": 0,
        "ambiguous": 0,
        "remaining": 1,
        "strangers": 0,
        "messages": [
            {"run": None, "row": None, "to": "+919876543212", "outcome": "accepted", "sid": single},
            {"run": "june", "row": 1, "to": TO, "outcome": "accepted", "sid": first},
            {"run": "june", "row": 2, "to": "+919876543211", "outcome": "unknown", "sid": None},
        ],
        "error": None,
        "sandbox": True,
    }
    lines = home.reconcile("june", "--report", str(home.report), "-o", "jsonl").stdout.splitlines()
    assert [json.loads(line).get("outcome") for line in lines] == ["unknown", None]
    assert (json.loads(lines[-1])["remaining"], "messages" in json.loads(lines[-1])) == (1, False)


def test_once_all_is_known_there_is_nothing_to_do_and_nobody_is_asked(home: Home) -> None:
    home.bulk(f"{TO},one")
    home.lose()
    assert home.reconcile("june", "--report", str(home.write_report())).exit_code == 0
    again = home.reconcile("june", "--report", str(home.report))
    assert (again.exit_code, again.stdout, asked(again)) == (0, "", [])


def test_a_once_key_is_used_from_then_on_or_free(home: Home) -> None:
    home.send("one", "--once", "k")
    home.send("one", "--once", "free", to="+919876543211")
    taken, not_taken = home.lose(singly=True)
    home.never_taken(not_taken)
    report = str(home.write_report())
    assert home.reconcile("--once", "k", "--report", report).exit_code == 0
    assert home.send("one", "--once", "k") == taken
    left = home.reconcile("--once", "free", "--report", report)
    assert (left.exit_code, left.stdout) == (9, "unknown\t+919876543211\t\tonce free; not found\n")


def test_only_what_was_sent_lately_is_looked_at_if_that_is_asked_for(home: Home) -> None:
    home.bulk(f"{TO},one", "+919876543211,two")
    home.lose()
    home.change("UPDATE rows SET attempted_at = attempted_at - 7200 WHERE number = 1")
    result = home.reconcile(*SANDBOX, "--since", "1h", "--report", str(home.write_report()), "--json")
    assert [one["row"] for one in result.json["messages"]] == [2]


# --- what is evidence ---


@pytest.mark.parametrize(
    "change",
    [
        "body = 'another text'",
        "body = 'one '",
        "sender = 'OTHERS'",
        "recipient = '+919876543299'",
        "created_at = created_at - 1000",
        "created_at = created_at + 1000",
        "account = 'another'",
    ],
)
def test_what_does_not_agree_changes_nothing(home: Home, change: str) -> None:
    """As where a report lies: right Sid, wrong text."""
    home.bulk(f"{TO},one")
    home.lose()
    home.write_report()
    home.take_otherwise(change)
    result = home.reconcile("june", "--report", str(home.report), "--json")
    assert (result.exit_code, counts(result)) == (9, {"remaining": 1, "strangers": 1})
    assert home.rows() == [("unknown", None)]


@pytest.mark.parametrize(
    "change",
    [
        "created_at = created_at - 300",
        "created_at = created_at + 300",
        "body = 'one' || char(13, 10) || 'more'",
        "sender = 'LM-ACMEIN'",
        "sender = '08012345678/ACMEIN'",
    ],
)
def test_clocks_line_ends_and_spellings_of_the_sender_may_differ(home: Home, change: str) -> None:
    home.bulk(f'{TO},"one\nmore"')
    home.lose()
    home.write_report()
    home.take_otherwise(change)
    assert home.reconcile("june", "--report", str(home.report)).exit_code == 0


def test_an_exophone_is_one_however_it_is_written(home: Home) -> None:
    home.bulk(f"{TO},one", more=("--from", "+918012345678"))
    home.lose()
    home.take_otherwise("sender = '08012345678'")
    assert home.reconcile("june", "--report", str(home.write_report())).exit_code == 0


def test_an_equal_message_of_another_time_is_told_and_keeps_ours_from_being_called_absent(home: Home) -> None:
    """As where Exotel's times are not of the zone that we take them for."""
    home.bulk("+919876543211,first", f"{TO},one", "+919876543212,last")
    (sid,) = home.lose("number = 2")
    home.take_otherwise(f"created_at = created_at - 19800 WHERE sid = '{sid}'")
    result = home.reconcile("june", "--report", str(home.write_report()), "--absent", "not_sent")
    assert result.exit_code == 9
    assert re.fullmatch(
        rf"unknown\t\{TO}\t\trun june row 2; not found; Exotel has an equal one of \S+, {sid}\n", result.stdout
    )


def test_a_message_from_before_there_were_fingerprints_stays(home: Home) -> None:
    home.send("one")
    home.lose(singly=True)
    home.change("UPDATE messages SET fingerprint = NULL, attempted_at = NULL")
    result = home.reconcile(*SANDBOX, "--report", str(home.write_report()))
    assert (result.exit_code, result.stdout.rpartition("; ")[2]) == (9, "its text is not known any more\n")


# --- equal messages ---


@pytest.mark.parametrize(
    ("lost", "taken", "expected"),
    [
        (2, 2, {"resolved": 2}),
        (2, 1, {"ambiguous": 2, "remaining": 2}),
        (1, 1, {"resolved": 1}),
        (1, 0, {"remaining": 1}),
        (3, 2, {"ambiguous": 3, "remaining": 3}),
        (3, 3, {"resolved": 3}),
    ],
)
def test_equal_texts_to_one_person_are_counted(home: Home, lost: int, taken: int, expected: dict[str, int]) -> None:
    """A Sid that the ledger knows, of a row that was answered, is nobody else's."""
    home.bulk(*[f"{TO},same"] * 3)
    sids = home.lose(f"number <= {lost}")
    home.never_taken(*sids[taken:])
    result = home.reconcile("june", "--report", str(home.write_report()), "--json")
    assert counts(result) == expected
    assert set(asked(result)) == set(sids[:taken])
    assert sorted(sid for _, sid in home.rows() if sid) == sorted({sid for _, sid in home.rows() if sid})
    resolved = {one["sid"] for one in result.json["messages"] if one["sid"]}
    assert resolved == (set(sids) if "resolved" in expected else set())


def test_equal_messages_are_counted_in_the_whole_ledger(home: Home) -> None:
    home.bulk(f"{TO},same")
    home.bulk(f"{TO},same", run="july")
    home.send("same")
    sids = [*home.lose(), *home.lose(singly=True)]
    home.never_taken(sids[1], sids[2])
    report = str(home.write_report())
    result = home.reconcile("july", "--report", report, "--json")
    assert counts(result) == {"ambiguous": 1, "remaining": 1}
    assert "1 message of Exotel's for 3 equal ones of ours" in home.reconcile("july", "--report", report).stdout
    assert home.rows() == [("unknown", None)] * 2


def test_equal_messages_of_other_times_are_told_apart(home: Home) -> None:
    home.bulk(*[f"{TO},same"] * 2)
    sids = home.lose()
    home.change("UPDATE rows SET attempted_at = attempted_at - 86400 WHERE number = 1")
    home.never_taken(sids[0])
    result = home.reconcile("june", "--report", str(home.write_report()), "--json")
    assert counts(result) == {"resolved": 1, "remaining": 1}
    assert [sid for _, sid in home.rows()] == [None, sids[1]]


@pytest.mark.parametrize("word", ["accepted", "not_sent"])
def test_what_a_person_said_of_an_equal_message_does_not_take_it_out(home: Home, word: str) -> None:
    home.bulk(*[f"{TO},same"] * 2)
    home.never_taken(home.lose()[1])
    assert home.exosms("runs", "resolve", "june", "--as", word, "--row", "1").exit_code == 0
    assert counts(home.reconcile("june", "--report", str(home.write_report()), "--json")) == {
        "ambiguous": 1,
        "remaining": 1,
    }


def test_an_equal_message_that_is_on_its_way_is_waited_for(home: Home) -> None:
    home.bulk(*[f"{TO},same"] * 2)
    home.lose()
    home.change("UPDATE rows SET state = 'in_flight' WHERE number = 1")
    result = home.reconcile("june", "--report", str(home.write_report()))
    assert (result.exit_code, result.stdout.rpartition("; ")[2]) == (9, "an equal message is being sent\n")


@pytest.mark.parametrize("is_single", [False, True])
def test_a_sid_is_known_however_its_letters_are_written(
    home: Home, monkeypatch: pytest.MonkeyPatch, *, is_single: bool
) -> None:
    """In the ledger, in a report and in an answer alike."""
    for run in ("june", "july"):
        home.send("same") if is_single else home.bulk(f"{TO},same", run=run)
    home.never_taken(*home.lose("id = 2" if is_single else "run = 2", singly=is_single))
    home.change(f"UPDATE {'messages' if is_single else 'rows'} SET sid = upper(sid)")
    result = home.reconcile(*SANDBOX, "--report", str(home.write_report()), "--json")
    assert (result.exit_code, counts(result), asked(result)) == (9, {"remaining": 1}, [])


def test_a_sid_that_is_listed_in_two_spellings_is_one(home: Home) -> None:
    home.bulk(*[f"{TO},same"] * 2)
    first, second = home.lose()
    home.never_taken(second)
    result = home.reconcile("june", "--sids", "-", "--json", stdin=f"{first}\n{first.upper()}\n")
    assert (counts(result), len(asked(result))) == ({"ambiguous": 2, "remaining": 2}, 1)


def test_the_first_attempt_at_a_row_that_was_tried_again_may_have_the_sid(home: Home) -> None:
    """It was resolved as not sent, by mistake perhaps; the second attempt at it is unknown, too."""
    home.bulk(f"{TO},same")
    (first,) = home.lose()
    assert home.exosms("runs", "resolve", "june", "--as", "not_sent").exit_code == 0
    home.change("UPDATE rows SET text = 'same'")
    assert home.exosms("runs", "retry", "june", "--yes").exit_code == 0
    (second,) = home.lose()
    assert first != second
    whole = home.write_report().read_text()
    home.report.write_text("".join(line for line in whole.splitlines(keepends=True) if second not in line))
    result = home.reconcile("june", "--report", str(home.report), "--absent", "not_sent", "--json")
    assert (result.exit_code, counts(result)) == (9, {"ambiguous": 1, "remaining": 1})
    home.report.write_text(whole)
    result = home.reconcile("june", "--report", str(home.report), "--json")
    assert (result.exit_code, home.rows()[0][0], home.rows()[0][1] in {first, second}) == (0, "accepted", True)


def test_a_retry_of_what_was_certainly_not_sent_leaves_one_owner(home: Home) -> None:
    home.bulk(f"{TO},same")
    home.change("UPDATE rows SET state = 'not_sent', sid = NULL, error = 'no connection', text = 'same'")
    with home._sandbox() as connection:
        connection.execute("DELETE FROM messages")
    assert home.exosms("runs", "retry", "june", "--yes").exit_code == 0
    (sid,) = home.lose()
    assert home.reconcile("june", "--report", str(home.write_report())).exit_code == 0
    assert home.rows() == [("accepted", sid)]


@pytest.mark.parametrize("is_single", [False, True])
def test_the_sid_of_a_message_that_was_purged_is_no_other_messages(home: Home, *, is_single: bool) -> None:
    """However its letters are written."""
    if is_single:
        home.send("same")
        home.send("same")
        home.never_taken(*home.lose("id = 2", singly=True))
    else:
        home.bulk(f"{TO},same")
        home.bulk(f"{TO},same", run="july")
        home.never_taken(*home.lose("run = 2"))
    assert home.exosms("runs", "purge", "--older-than", "0s").stdout == "1 message deleted\n"
    home.write_report(lambda rows: [row.update(Id=row["Id"].upper()) for row in rows])
    result = home.reconcile(*SANDBOX, "--report", str(home.report), "--json")
    assert (result.exit_code, counts(result), asked(result)) == (9, {"remaining": 1}, [])


@pytest.mark.parametrize("word", ["accepted", "not_sent"])
@pytest.mark.parametrize("is_single", [False, True])
def test_what_a_person_said_of_an_equal_message_that_was_purged_does_not_take_it_out(
    home: Home, word: str, *, is_single: bool
) -> None:
    if is_single:
        home.send("same", "--once", "june", "--within", "0s")
        home.send("same", "--once", "july")
    else:
        home.bulk(f"{TO},same")
        home.bulk(f"{TO},same", run="july")
    home.never_taken(home.lose(singly=is_single)[1])
    once = ["--once"] if is_single else []
    assert home.exosms("runs", "resolve", *once, "june", "--as", word).exit_code == 0
    assert home.exosms("runs", "purge", "--older-than", "0s").stdout == "1 message deleted\n"
    found = home.reconcile(*once, "july", *SANDBOX, "--report", str(home.write_report()), "--json")
    assert (found.exit_code, counts(found)) == (9, {"ambiguous": 1, "remaining": 1})


def test_nothing_is_remembered_of_a_purged_message_once_nothing_is_unknown(home: Home) -> None:
    def remembered() -> int:
        with home._ledger() as connection:
            return int(connection.execute("SELECT count(*) FROM purged_sids").fetchone()[0])

    home.send("one")
    home.send("two")
    home.lose("id = 2", singly=True)
    assert home.exosms("runs", "purge", "--older-than", "0s").stdout == "1 message deleted\n"
    home.change("UPDATE purged_sids SET attempted_at = attempted_at - 7200")
    home.exosms("runs", "purge", "--older-than", "0s")
    assert remembered() == 1
    home.change("DELETE FROM messages")
    home.exosms("runs", "purge", "--older-than", "0s")
    assert remembered() == 0


# --- reports ---


def _days_first(rows: list[dict[str, str]]) -> None:
    for row in rows:
        year, month, day = row["Time"].split("-")
        row["Time"] = f"{day}/{month}/{year[2:]}"


def _damaged(rows: list[dict[str, str]]) -> None:
    for row in rows:
        row.update(To="9.19877E+11", Time="#####", Id=row["Id"].strip("'"))


def _as_sheet(path: Path) -> None:
    table = list(csv.reader(io.StringIO(path.read_text(), newline="")))
    letters = "ABCDEFGHIJKLMNO"
    lines = (
        "".join(inline(f"{letters[place]}{number}", cell) for place, cell in enumerate(cells))
        for number, cells in enumerate(table, 1)
    )
    path.write_bytes(xlsx(sheet_of("".join(f'<row r="{n}">{line}</row>' for n, line in enumerate(lines, 1)))))


def _encoded(codec: str) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(path.read_text().encode(codec))


def _titled(path: Path) -> None:
    path.write_text("SMS Detailed Report\nacme1;all\n\n" + path.read_text().replace(",", ";"))


def _without_a_head(path: Path) -> None:
    path.write_text(path.read_text().partition("\n")[2])


@pytest.mark.parametrize("of_rows", [lambda _: None, _days_first, _damaged])
@pytest.mark.parametrize(
    "of_file",
    [
        lambda _: None,
        _as_sheet,
        _encoded("cp1252"),
        _encoded("utf-8-sig"),
        _encoded("utf-16"),
        _encoded("utf-16-le"),
        _titled,
        _without_a_head,
    ],
)
def test_a_report_is_read_however_people_have_it(
    home: Home, of_rows: Callable[[list[dict[str, str]]], object], of_file: Callable[[Path], object]
) -> None:
    home.bulk(f'{TO},"café\ntwo lines"', "+919876543211,another", "+919876543212,third")
    sids = home.lose("number < 3")
    of_file(home.write_report(of_rows))
    result = home.reconcile("june", "--report", str(home.report))
    assert (result.exit_code, result.stdout.count("accepted")) == (0, 2), result
    assert sorted(asked(result)) == sorted(sids)


def test_a_report_costs_only_the_questions_that_can_matter(home: Home) -> None:
    home.bulk(f"{TO},one", "+919876543211,two")
    (sid, *_) = home.lose("number = 1")

    def with_others(rows: list[dict[str, str]]) -> None:
        (own,) = (row for row in rows if row["Id"] == f"'{sid}")
        rows.extend({**own, "Id": f"'{number:032x}", "To": f"0912345{number:04d}"} for number in range(5000))
        rows.append({**own, "Id": f"'{9999:032x}", "Time": "2025-01-01"})
        rows.append(own)

    home.write_report(with_others)
    result = home.reconcile("june", "--report", str(home.report), "--json")
    assert (asked(result), counts(result)) == ([sid], {"resolved": 1, "strangers": 5001})


def test_what_is_known_of_a_sid_from_an_earlier_question_saves_another(home: Home) -> None:
    home.bulk(f"{TO},one", "+919876543211,two")
    (lost,) = home.lose("number = 1")
    stranger = home.send("other", to="+919876543213")
    home.change("DELETE FROM messages")
    assert asked(home.reconcile("june", "--sids", "-", stdin=f"{stranger}\n")) == [stranger]
    result = home.reconcile("june", "--sids", "-", "--json", stdin=f"'{stranger}\n{lost}\n{lost}")
    assert (asked(result), counts(result)) == ([lost], {"resolved": 1, "strangers": 1})


def test_a_report_of_another_account_changes_nothing(home: Home) -> None:
    home.bulk(f"{TO},one")
    home.lose()
    home.write_report(lambda rows: [row.update(Id="'" + row["Id"][:0:-1]) for row in rows])
    result = home.reconcile("june", "--report", str(home.report), "--json")
    assert (counts(result), len(asked(result))) == ({"remaining": 1, "strangers": 1}, 1)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"", "is no report of messages: it has no column Id"),
        (b"name,phone\nAsha,9876543210\n", "is no report of messages: it has no column Id"),
        (b"<html><body>Please sign in</body></html>", "is no report of messages"),
        (b'Id,To\n"abc', "a quote that opens in it is never closed"),
        (b"PK\x03\x04 not a workbook", "cannot be read as a workbook"),
    ],
)
def test_what_is_no_report_is_refused(home: Home, content: bytes | None, said: str) -> None:
    home.bulk(f"{TO},one")
    home.lose()
    if content is not None:
        home.report.write_bytes(content)
    result = home.reconcile("june", "--report", str(home.report), "--json")
    assert (result.exit_code, result.json["exit_code"], result.json["resolved"]) == (3, 3, 0)
    assert said in result.json["error"]["message"]
    assert said in result.stderr
    assert home.rows() == [("unknown", None)]


@pytest.mark.parametrize(
    ("argv", "exit_code", "said"),
    [
        (("june",), 2, "Give --report FILE, --sids FILE or --search"),
        (("june", "--once", "k", "--search"), 2, "Give either a RUN or --once KEY"),
        (("june", "--search", "--absent", "accepted"), 2, "'accepted' is not one of"),
        (("july", "--search"), 3, "There is no run 'july'"),
        (("--once", "k", "--search"), 3, "No message was sent with the once key 'k'"),
        (("june", "--sids", "none.txt"), 3, "none.txt cannot be read"),
        (("june", "--sids", "-"), 3, "'+919876543210' is not a Sid"),
        (("june", "--search", "-p", "nosuch"), 4, "nosuch"),
    ],
)
def test_what_cannot_be_asked(home: Home, argv: tuple[str, ...], exit_code: int, said: str) -> None:
    home.bulk(f"{TO},one")
    home.lose()
    result = home.reconcile(*argv, stdin=f"{TO}\n")
    assert (result.exit_code, result.stdout, said in result.stderr) == (exit_code, "", True), result.stderr


# --- what is not there ---


def test_silence_proves_nothing_unless_a_person_says_so_and_messages_around_it_are_listed(home: Home) -> None:
    home.bulk(*[f"+91987654321{number},text {number}" for number in range(5)])
    lost = home.lose("number IN (1, 3)")
    home.never_taken(*lost)
    report = str(home.write_report())
    assert home.reconcile("june", "--report", report).exit_code == 9
    result = home.reconcile("june", "--report", report, "--absent", "not_sent", "--json")
    assert (result.exit_code, counts(result)) == (9, {"absent": 1, "remaining": 1})
    assert len(asked(result)) == 2
    assert [(one["row"], one["outcome"]) for one in result.json["messages"]] == [(1, "unknown"), (3, "not_sent")]
    assert "nothing is listed from before and after 1 of them" in result.stderr
    assert [state for state, _ in home.rows()] == ["unknown", "accepted", "not_sent", "accepted", "accepted"]
    retried = home.exosms("runs", "retry", "june", "--yes")
    assert retried.stdout.startswith("accepted\t+919876543212\t")


def test_what_was_sent_last_is_told_to_wait_for_a_later_message(home: Home) -> None:
    home.bulk(f"{TO},one", "+919876543211,two")
    home.never_taken(*home.lose("number = 2"))
    home.write_report()
    told = home.reconcile("june", "--report", str(home.report), "--absent", "not_sent")
    assert told.exit_code == 9, told.stderr
    assert "stays unknown: nothing is listed of this account from before and after them\n" in told.stderr
    assert "counts as not sent, once a later message of this account is listed. Or decide with `" in told.stderr


def test_what_no_run_or_key_names_is_settled_by_its_sid_and_not_told_to_be_decided(home: Home) -> None:
    home.send("one")
    (sid,) = home.lose(singly=True)
    told = home.exosms("runs", "reconcile", "--region", "sandbox", "--sids", "-", stdin="0" * 32)
    assert told.exit_code == 9
    assert "A later report may have it" in told.stderr
    assert "runs resolve" not in told.stderr
    sids = home.exosms.home / "sids"
    sids.write_text(f"{sid}\n")
    settled = _as_printed(home.exosms, told.stderr, "its Sid settles it: (exosms .* --sids) FILE", str(sids))
    assert (settled.exit_code, settled.stdout.split("\t")[2]) == (0, sid)


def test_a_list_that_lacks_what_was_accepted_proves_no_absence(home: Home) -> None:
    """As a report does whose Type is not All."""
    home.bulk(*[f"+91987654321{number},text {number}" for number in range(5)])
    home.never_taken(*home.lose("number = 3"))
    home.write_report(lambda rows: rows.pop(1))
    result = home.reconcile("june", "--report", str(home.report), "--absent", "not_sent")
    assert (result.exit_code, "the list is not complete: 1 accepted message" in result.stderr) == (9, True)
    assert home.rows()[2] == ("unknown", None)


def test_what_is_found_proves_that_the_time_around_it_is_listed(home: Home) -> None:
    home.bulk(*[f"+91987654321{number},text {number}" for number in range(3)])
    first, second, third = home.lose()
    home.never_taken(second)
    result = home.reconcile("june", "--report", str(home.write_report()), "--absent", "not_sent", "--json")
    assert (counts(result), asked(result)) == ({"resolved": 2, "absent": 1}, [first, third])


def test_sids_that_a_person_lists_prove_no_absence(home: Home) -> None:
    home.bulk(*[f"+91987654321{number},text {number}" for number in range(3)])
    first, second, third = home.lose()
    home.never_taken(second)
    result = home.reconcile("june", "--sids", "-", "--absent", "not_sent", stdin=f"{first}\n{third}\n")
    assert (result.exit_code, [state for state, _ in home.rows()]) == (9, ["accepted", "unknown", "accepted"])
    assert "stays unknown: Sids that a person lists prove no absence" in result.stderr


class Absent:
    """Five messages, of which the answer to the third is lost; whether it may be called absent is the question."""

    to = "+919876543212"

    def __init__(self, home: Home) -> None:
        self.home = home
        home.bulk(*[f"+91987654321{number},text {number}" for number in range(5)])
        (self.sid,) = home.lose("number = 3")

    def outcome(self, *argv: str) -> tuple[int, int, str]:
        result = self.home.reconcile("june", *argv, "--absent", "not_sent", "--rate", "off", "--json")
        return result.exit_code, result.json["absent"], result.stderr


def test_sids_beside_a_report_do_not_prove_that_it_covers_their_time(home: Home) -> None:
    """It was exported before the third message, and somebody adds the Sids of later ones."""
    wanted = Absent(home)
    home.write_report(lambda rows: [rows.pop() for _ in range(3)])
    later = home.exosms.home / "later"
    later.write_text("".join(f"{sid}\n" for _, sid in home.rows()[3:]))
    exit_code, absent, said = wanted.outcome("--report", str(home.report), "--sids", str(later))
    assert (exit_code, absent, home.rows()[2]) == (9, 0, ("unknown", None))
    assert "stays unknown: Sids that a person lists prove no absence, which takes the whole report alone" in said


def _changed(**fields: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda message: {**message, **fields}


def _an_hour_off(message: dict[str, Any]) -> dict[str, Any]:
    hour = (int(message["DateCreated"][11:13]) + 1) % 24
    return {**message, "DateCreated": f"{message['DateCreated'][:11]}{hour:02}{message['DateCreated'][13:]}"}


@pytest.mark.parametrize(
    "change",
    [
        lambda _: None,
        lambda message: [message, message],
        lambda message: {name: value for name, value in message.items() if name != "Body"},
        lambda message: {name: value for name, value in message.items() if name != "To"},
        _changed(Body="text"),
        _changed(Body=None),
        _changed(From="OTHERS"),
        _changed(DateCreated=None),
        _changed(DateCreated="Thu, 26 Nov 2026 10:00:00 +0000"),
        _an_hour_off,
        _changed(To="XXXXXX3212"),
        _changed(To="9198765432XX"),
        _changed(To="91987654XXXX"),
        _changed(To="+9876543212"),
        _changed(Sid="0" * 32),
    ],
)
@pytest.mark.parametrize("beside", [{}, {"To": "09123456789"}, {"Time": "2025-01-01"}])
def test_an_answer_that_leaves_a_doubt_proves_no_absence(
    home: Home, monkeypatch: pytest.MonkeyPatch, change: Callable[[dict[str, Any]], Any], beside: dict[str, str]
) -> None:
    """Also if the report says beside the Sid that it is of another message."""
    wanted = Absent(home)
    home.write_report(lambda rows: [row.update(beside) for row in rows if wanted.sid in row["Id"]])
    answer = Emulator.answer

    def doubtful(self: Emulator, method: str, target: str, *args: Any) -> SandboxAnswer:
        answered = answer(self, method, target, *args)
        if wanted.sid not in target:
            return answered
        message = json.loads(answered.body)["SMSMessage"]
        return answered._replace(body=json.dumps({"SMSMessage": change(message)}).encode())

    monkeypatch.setattr(Emulator, "answer", doubtful)
    exit_code, absent, said = wanted.outcome("--report", str(home.report))
    assert (exit_code, absent) == (9, 0), said
    assert home.rows()[2] == ("unknown", None)
    assert re.search("Exotel does not say which|may be among those|1 still unknown", said)


@pytest.mark.parametrize(
    "answered",
    [
        SandboxAnswer(404, b"{}", "application/json"),
        SandboxAnswer(200, b"{}", "application/json"),
        SandboxAnswer(200, b"<html></html>", "text/html"),
        SandboxAnswer(200, b"", "text/plain"),
    ],
)
def test_no_answer_about_a_listed_sid_proves_no_absence(
    home: Home, monkeypatch: pytest.MonkeyPatch, answered: SandboxAnswer
) -> None:
    wanted = Absent(home)
    home.write_report()
    answer = Emulator.answer
    monkeypatch.setattr("exosms.send.asking._MOST", 1)
    monkeypatch.setattr(
        Emulator,
        "answer",
        lambda self, method, target, *args: answered if wanted.sid in target else answer(self, method, target, *args),
    )
    exit_code, absent, said = wanted.outcome("--report", str(home.report))
    assert (exit_code, absent, home.rows()[2]) == (9, 0, ("unknown", None)), said


def _own(rows: list[dict[str, str]]) -> dict[str, str]:
    (own,) = (row for row in rows if row["To"].endswith(Absent.to[-10:]))
    return own


def _two_years_off(row: dict[str, str]) -> None:
    year, month, day = row["Time"].split("-")
    row["Time"] = f"{day}.{month}.{int(year) - 2}"


@pytest.mark.parametrize(
    "change",
    [
        lambda row: row.update(To="09123456789"),
        lambda row: row.update(To="XXXXXX1234"),
        lambda row: row.update(Time="2026-01-01"),
        lambda row: row.update(To="09123456789", Time="#####"),
        _two_years_off,
    ],
)
def test_what_a_report_says_beside_a_sid_proves_no_absence(
    home: Home, change: Callable[[dict[str, str]], None]
) -> None:
    wanted = Absent(home)
    home.write_report(lambda rows: change(_own(rows)))
    assert wanted.outcome("--report", str(home.report))[:2] == (0, 0)
    assert home.rows()[2] == ("accepted", wanted.sid)


def _swallowed(path: Path) -> None:
    """Open a quote in the text of the record before, and close it in the one behind."""
    lines = path.read_text().splitlines()
    (place,) = (number for number, line in enumerate(lines) if Absent.to[-10:] in line)
    before, behind = (lines[number].split(",") for number in (place - 1, place + 1))
    before[3], behind[3] = f'"{before[3]}', f'{behind[3]}"'
    lines[place - 1], lines[place + 1] = ",".join(before), ",".join(behind)
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize(
    "of_file",
    [
        lambda path: path.write_text(re.sub(r"'?[0-9a-f]{32}(?=,[^,]*,\S*9876543212)", "1.23E+31", path.read_text())),
        lambda path: path.write_text(re.sub(r"'?[0-9a-f]{32}(?=,[^,]*,\S*9876543212)", "", path.read_text())),
        lambda path: path.write_text(
            re.sub(r"'?[0-9a-f]{32}(?=,[^,]*,\S*9876543212)", "123" + "0" * 29, path.read_text())
        ),
        _swallowed,
    ],
)
def test_a_report_with_a_sid_that_cannot_be_read_proves_no_absence(
    home: Home, of_file: Callable[[Path], object]
) -> None:
    wanted = Absent(home)
    whole = home.write_report().read_text()
    of_file(home.report)
    assert home.report.read_text() != whole
    exit_code, absent, said = wanted.outcome("--report", str(home.report))
    assert (exit_code, absent, home.rows()[2]) == (9, 0, ("unknown", None)), said


def _on_two_sheets(path: Path) -> None:
    """Put the own message, which failed perhaps, on a sheet of its own, behind one of notes."""
    rows = list(csv.reader(io.StringIO(path.read_text(), newline="")))
    own = [row for row in rows if row[2].endswith(Absent.to[-10:])]
    book = Workbook()
    sheets = book.active, book.create_sheet("Notes"), book.create_sheet("Failed"), book.create_sheet()
    assert sheets[0] is not None
    for place, some in enumerate(([row for row in rows if row not in own], [["of June"]], [rows[0], *own])):
        for row in some:
            sheets[place].append(row)
    book.create_chartsheet("Chart")
    book.save(path)


def test_a_message_on_another_sheet_of_a_report_is_listed(home: Home) -> None:
    wanted = Absent(home)
    _on_two_sheets(home.write_report())
    exit_code, absent, said = wanted.outcome("--report", str(home.report))
    assert (exit_code, absent, home.rows()[2]) == (0, 0, ("accepted", wanted.sid)), said


def test_a_report_without_a_head_whose_first_sid_is_damaged_proves_no_absence(home: Home) -> None:
    wanted = Absent(home)

    def damaged_first(rows: list[dict[str, str]]) -> None:
        own = _own(rows)
        rows.sort(key=lambda row: row is not own)
        own["Id"] = "1.2E+31"

    home.write_report(damaged_first)
    _without_a_head(home.report)
    exit_code, absent, said = wanted.outcome("--report", str(home.report))
    assert (exit_code, absent, "line 1 of" in said) == (9, 0, True), said


def test_strangers_are_asked_about_before_a_message_is_called_absent_unless_they_are_too_many(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = Absent(home)
    home.never_taken(wanted.sid)
    others = [home.send(f"other {number}", to="+919123456789") for number in range(3)]
    home.change("DELETE FROM messages")
    home.write_report()
    monkeypatch.setattr("exosms.send.reconcile._MOST_UNLIKELY", 2)
    exit_code, absent, said = wanted.outcome("--report", str(home.report))
    assert (exit_code, absent) == (9, 0)
    assert "3 Sids that this ledger does not know would have to be asked about: export a report of a" in said
    monkeypatch.setattr("exosms.send.reconcile._MOST_UNLIKELY", 3)
    result = home.reconcile("june", "--report", str(home.report), "--absent", "not_sent", "--json")
    assert counts(result) == {"absent": 1, "strangers": 3}
    assert set(others) <= set(asked(result))


def test_what_another_command_tries_again_meanwhile_is_not_absent(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That attempt is later than the report, and its answer was lost as well."""
    wanted = Absent(home)
    home.never_taken(wanted.sid)
    home.write_report()
    answer = Emulator.answer

    def meanwhile(self: Emulator, *args: Any) -> SandboxAnswer:
        home.change("UPDATE rows SET attempted_at = attempted_at + 60 WHERE state = 'unknown'")
        return answer(self, *args)

    monkeypatch.setattr(Emulator, "answer", meanwhile)
    result = home.reconcile("june", "--report", str(home.report), "--absent", "not_sent")
    assert (result.exit_code, home.rows()[2]) == (9, ("unknown", None)), result.stderr
    assert result.stdout == f"unknown\t{wanted.to}\t\trun june row 3; another command tried it again\n"


@pytest.mark.parametrize("step", ["accept", "call_absent"])
def test_what_another_machine_found_out_first_is_what_is_told(
    home: Home, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Of a ledger that machines share, no transaction here keeps others out until a message is settled."""
    wanted = Absent(home)
    if step == "call_absent":
        home.never_taken(wanted.sid)
    first, settle = ("not_sent", None) if step == "accept" else ("accepted", "f" * 32), getattr(UnknownMessages, step)

    def settling(self: UnknownMessages, *args: Any) -> None:
        self._connection.execute("UPDATE rows SET state = ?, sid = ? WHERE state = 'unknown'", first)
        settle(self, *args)

    monkeypatch.setattr(UnknownMessages, step, settling)
    result = home.reconcile("june", "--report", str(home.write_report()), "--absent", "not_sent", "--json")
    (told,) = result.json["messages"]
    assert ((told["outcome"], told["sid"]), home.rows()[2]) == (first, first)


def test_what_is_ambiguous_is_not_absent(home: Home) -> None:
    home.bulk(f"{TO},first", *["+919876543211,same"] * 2, f"{TO},last")
    home.never_taken(home.lose("number IN (2, 3)")[0])
    result = home.reconcile("june", "--report", str(home.write_report()), "--absent", "not_sent", "--json")
    assert counts(result) == {"ambiguous": 2, "remaining": 2}


# --- Exotel's list ---


def test_exotels_list_is_asked_for_the_times_of_the_messages(home: Home) -> None:
    home.bulk(*[f"+9198765{number:05d},text {number}" for number in range(150)])
    lost = home.lose("number % 50 = 0")
    home.never_taken(lost[0])
    result = home.reconcile("june", "--search", "--json")
    assert (result.exit_code, counts(result)) == (9, {"resolved": 2, "remaining": 1})
    assert sorted(asked(result)) == sorted(lost[1:])
    assert len(re.findall(r"GET \S+ \S*/SMS/Messages\.json\?DateCreated=gte", result.stderr)) == 2
    assert home.reconcile("june", "--search", "--absent", "not_sent").exit_code == 0


@contextmanager
def lost_at(server: Server, exosms: Shell, *rows: str, more: Sequence[str] = ()) -> Iterator[Home]:
    """A run whose messages a server took, and whose answers were all lost."""
    home = Home(exosms)
    exosms.env |= {
        "EXOSMS_BASE_URL": server.url,
        "EXOTEL_ACCOUNT_SID": "acme1",
        "EXOTEL_API_KEY": "key",
        "EXOTEL_API_TOKEN": "token",
        "EXOTEL_FROM": "ACMEIN",
    }
    path = exosms.home / "june.csv"
    path.write_text("".join(f"{row}\n" for row in ("to,body", *rows)))
    assert exosms("bulk", str(path), "--run", "june", "--yes", "--rate", "off", *more).exit_code == 0
    home.lose()
    home.report.write_bytes(server.emulator().report())
    yield home


def test_where_there_is_no_list_the_report_is_named(exosms: Shell) -> None:
    with serving(search=False) as server, lost_at(server, exosms, f"{TO},one") as home:
        result = home.reconcile("june", "--search", "--rate", "off")
        assert (result.exit_code, result.stdout) == (9, f"unknown\t{TO}\t\trun june row 1; not found\n")
        assert "Exotel has no list of this account's messages: export the SMS Detailed Report" in result.stderr
        assert home.reconcile("june", "--report", str(home.report), "--rate", "off").exit_code == 0


def test_the_next_page_is_asked_for_on_the_same_host_only(exosms: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = listing.page

    def page(*args: Any) -> Any:
        found = whole(*args)
        return {**found, "Metadata": {**found["Metadata"], "NextPageUri": "https://example.org/v1/next"}}

    monkeypatch.setattr(listing, "page", page)
    with serving() as server, lost_at(server, exosms, f"{TO},one", "+919876543211,two") as home:
        result = home.reconcile("june", "--search", "--rate", "off")
        assert result.exit_code == 0
        assert "the list goes on at another host, which is not asked" in result.stderr


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("/v1/Accounts/a/SMS/Messages.json?After=2", "/v1/Accounts/a/SMS/Messages.json?After=2"),
        ("https://api.exotel.com/v1/x?y", "/v1/x?y"),
        ("//example.org/x", None),
        ("https://example.org/x", None),
        ("https://api.exotel.com@example.org/x", None),
        ("https://api.exotel.com:444/x", None),
        ("@example.org/x", None),
        ("/a b", None),
        ("/a\r\nX: y", None),
        ("https://[", None),
        ("relative", None),
    ],
)
def test_an_address_of_a_next_page(address: str, path: str | None) -> None:
    body = json.dumps({"Metadata": {"NextPageUri": address}, "SMSMessages": [{"SMSMessage": {"Sid": "abc"}}]})
    page = read_page(body.encode(), host="api.exotel.com")
    assert page is not None
    assert (page.next_path, page.is_cut, [one.sid for one in page.listed]) == (path, path is None, ["abc"])


@pytest.mark.parametrize(
    "document",
    [
        {"SMSMessages": [{"SMSMessage": {"Sid": "abc"}}, {"SMSMessage": {"Sid": None}}], "Metadata": {}},
        {"SMSMessages": [{"SMSMessage": {"Sid": "abc"}}, {"SMSMessage": {}}], "Metadata": {}},
        {"SMSMessages": [{"SMSMessage": {"Sid": "abc"}}, None], "Metadata": {}},
        {"SMSMessages": {"SMSMessage": {"Sid": "abc"}}, "Metadata": {}},
        {"SMSMessages": [{"SMSMessage": {"Sid": "abc"}}]},
        {"SMSMessages": None, "Metadata": {}},
    ],
)
def test_a_page_that_may_lack_a_sid_is_not_whole(document: dict[str, Any]) -> None:
    page = read_page(json.dumps(document).encode(), host="api.exotel.com")
    assert page is not None
    assert not page.is_whole
    whole = read_page(json.dumps({"SMSMessages": [{"Sid": "abc"}], "Metadata": {}}).encode(), host="api.exotel.com")
    assert whole is not None
    assert whole.is_whole


LAST_PAGE = "/v1/Accounts/sandbox/SMS/Messages.json?After=1000"


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda found: {"Metadata": {**found["Metadata"], "NextPageUri": "https://example.org/v1/next"}},
        lambda found: {"Metadata": {**found["Metadata"], "NextPageUri": "/v1/Accounts/sandbox/SMS/Messages.json"}},
        lambda found: {"Metadata": {**found["Metadata"], "Total": len(found["SMSMessages"]) + 1}},
        lambda found: {"Metadata": {**found["Metadata"], "Total": str(len(found["SMSMessages"]) + 1)}},
        lambda found: {
            "Metadata": {**found["Metadata"], "Total": 2 * len(found["SMSMessages"])},
            "SMSMessages": 2 * found["SMSMessages"],
        },
        lambda found: {"Metadata": {"NextPageUri": LAST_PAGE, "Total": len(found["SMSMessages"]) + 1}},
        lambda found: {"SMSMessages": [*found["SMSMessages"], {"SMSMessage": {"To": Absent.to}}]},
    ],
)
def test_a_part_of_exotels_list_proves_no_absence(
    home: Home, monkeypatch: pytest.MonkeyPatch, spoilt: Callable[[Any], dict[str, Any]]
) -> None:
    wanted = Absent(home)
    home.never_taken(wanted.sid)
    whole = listing.page

    def page(*args: Any) -> Any:
        found = whole(*args)
        is_last = args[1].skipped > 0  # with nothing on it, nor said about it
        return {**found, "Metadata": {}} if is_last else {**found, **spoilt(found)}

    with monkeypatch.context() as patched:
        patched.setattr(listing, "page", page)
        assert wanted.outcome("--search")[:2] == (9, 0)
        assert home.rows()[2] == ("unknown", None)
    assert wanted.outcome("--search")[:2] == (0, 1)


def test_times_to_be_searched_are_few() -> None:
    assert list(spans([(10_000, 10_000), (100_000, 100_100), (10_500, 10_600)])) == [
        (8980, 11_620),
        (98_980, 101_120),
    ]
    assert list(spans([])) == []


# --- questions ---


def test_a_429_in_between_is_waited_for(exosms: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [f"+91987654321{number},text {number}" for number in range(4)]
    with serving() as server, lost_at(server, exosms, *rows) as home:
        faults = itertools.cycle(["429", "", "reset", ""])
        monkeypatch.setattr(server, "fault", lambda: next(faults))
        result = home.reconcile("june", "--report", str(home.report), "--rate", "off")
        assert (result.exit_code, result.stdout.count("accepted\t")) == (0, 4)
        assert "no answer yet (HTTP 429); asking again in" in result.stderr


def test_without_any_answer_the_cause_is_told_and_nothing_is_changed(exosms: Shell) -> None:
    with serving() as server, lost_at(server, exosms, f"{TO},one", "+919876543211,two") as home:
        refused = home.exosms(
            "runs", "reconcile", "june", "--report", str(home.report), "--json", env={"EXOTEL_API_TOKEN": "wrong"}
        )
        assert (refused.exit_code, refused.json["remaining"], refused.json["error"]["http_status"]) == (4, 2, 401)
        assert "401" in refused.stderr
        assert home.rows() == [("unknown", None)] * 2


def test_what_was_not_asked_about_settles_nothing(exosms: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of three Sids that may be anybody's one has no answer, so that it may be a second one of any message."""
    rows = [f"+91987654321{number},text {number}" for number in range(3)]
    with serving() as server, lost_at(server, exosms, *rows) as home:
        answer = Emulator.answer
        report = home.report.read_text()
        sids = SID.findall(report)
        (unanswered,) = [sid for line in report.splitlines() if "9876543211" in line for sid in SID.findall(line)]

        def silent(self: Emulator, method: str, target: str, *args: Any) -> Any:
            gateway = SandboxAnswer(502, b"", "text/html")
            return gateway if unanswered in target else answer(self, method, target, *args)

        monkeypatch.setattr(Emulator, "answer", silent)
        monkeypatch.setattr("exosms.send.asking._MOST", 2)
        given = "\n".join(sids)
        result = home.reconcile("june", "--sids", "-", "--rate", "off", stdin=given)
        assert (result.exit_code, result.stdout.count("Exotel could not be asked about every message")) == (9, 3)
        by_number = home.reconcile("june", "--report", str(home.report), "--rate", "off")
        assert [line.split("\t")[0] for line in by_number.stdout.splitlines()] == ["accepted", "unknown", "accepted"]


def test_questions_keep_the_accounts_pace(exosms: Shell) -> None:
    rows = [f"+91987654321{number},text {number}" for number in range(4)]
    with serving() as server, lost_at(server, exosms, *rows) as home:
        started = time.monotonic()
        assert home.reconcile("june", "--report", str(home.report), "--rate", "600/min").exit_code == 0
        assert time.monotonic() - started > 0.3


def test_two_at_once_give_no_sid_twice(exosms: Shell) -> None:
    rows = [f"+91987654321{number // 2},text {number // 2}" for number in range(10)]
    with serving() as server, lost_at(server, exosms, *rows, more=("--duplicates", "all")) as home:
        argv = ("runs", "reconcile", "june", "--report", str(home.report), "--rate", "off", "-q")
        both = [exosms.start(*argv) for _ in range(2)]
        ended = [process.communicate(timeout=60) for process in both]
        assert [process.returncode for process in both] == [0, 0], ended
        sids = [sid for _, sid in home.rows()]
        assert sorted(sids, key=str) == sorted(SID.findall(home.report.read_text()))


def test_an_interruption_keeps_what_was_found(exosms: Shell) -> None:
    rows = [f"+91987654321{number},text {number}" for number in range(6)]
    with serving() as server, lost_at(server, exosms, *rows) as home:
        argv = ("runs", "reconcile", "june", "--report", str(home.report), "--rate", "1/min", "--json")
        process = exosms.start(*argv)
        until(lambda: "accepted" in [state for state, _ in home.rows()])
        process.terminate()
        out, err = process.communicate(timeout=60)
        document = json.loads(out)
        assert (process.returncode, document["exit_code"], document["error"]["kind"]) == (143, 143, "interrupted")
        assert document["resolved"] == sum(state == "accepted" for state, _ in home.rows()) > 0
        assert b"run it again to go on" in err
        assert home.reconcile("june", "--report", str(home.report), "--rate", "off").exit_code == 0


def test_messages_of_another_account_are_named_and_left(home: Home, exosms: Shell) -> None:
    home.bulk(f"{TO},one", run="july")
    home.lose()
    report = str(home.write_report().rename(exosms.home / "of-the-sandbox.csv"))
    with serving() as server, lost_at(server, exosms, f"{TO},one"):
        home.change(f"UPDATE runs SET account = '{OTHER}' WHERE name = 'july'")
        result = home.reconcile("--report", report, "--rate", "off", "--json")
        assert counts(result) == {"remaining": 1, "strangers": 1}
        assert f"messages of other accounts are unknown as well: {OTHER}" in result.stderr
        home.change("UPDATE runs SET account = 'sandbox/sandbox' WHERE name = 'july'")
        assert home.reconcile("june", "--report", report, "-p", "sandbox").exit_code == 4
        assert home.reconcile("july", "--report", report).exit_code == 0


def test_unknown_messages_of_another_account_alone_are_something_left_unless_ours_are_named(
    home: Home, exosms: Shell
) -> None:
    home.send("once", "--once", "ours")
    home.lose(singly=True)
    home.change(f"UPDATE messages SET account = '{OTHER}'")
    report = str(home.write_report().rename(exosms.home / "of-the-sandbox.csv"))
    with serving() as server, lost_at(server, exosms, f"{TO},one") as here:
        assert here.reconcile("june", "--report", str(here.report)).exit_code == 0
        argv = ("runs", "reconcile", "--report", report)
        left = exosms(*argv)
        assert (left.exit_code, left.stdout) == (9, "")
        assert left.stderr.endswith(
            "exosms: 0 accepted, of 0 messages\n"
            "exosms: 1 Sid listed of which this ledger knows nothing: another machine sends from this account, or"
            " somebody else does\n"
            f"exosms: error: messages of other accounts may have been sent, and it is not known whether: {OTHER}\n"
            "  Name a profile of theirs with -p and give that account's report.\n"
        )
        quiet = exosms(*argv, "-q", "--json")
        assert (quiet.exit_code, quiet.json["exit_code"], quiet.json["remaining"]) == (9, 9, 0)
        assert OTHER in quiet.stderr
        named = exosms(*argv, "--base-url", server.url)
        assert (named.exit_code, f"unknown as well: {OTHER}" in named.stderr) == (0, True)
        assert exosms("runs", "reconcile", "june", "--report", report).exit_code == 0
        home.change("UPDATE messages SET account = 'sandbox/sandbox'")
        in_sandbox = exosms(*argv)
        assert (in_sandbox.exit_code, "sandbox" in in_sandbox.stderr) == (0, False)  # nobody's worry


def test_other_accounts_are_looked_at_only_for_the_time_that_is_asked_for(home: Home, exosms: Shell) -> None:
    home.bulk(f"{TO},one", run="july")
    home.lose()
    home.change("UPDATE rows SET attempted_at = attempted_at - 7200")
    home.change(f"UPDATE runs SET account = '{OTHER}'")
    report = str(home.write_report().rename(exosms.home / "of-the-sandbox.csv"))
    with serving() as server, lost_at(server, exosms, f"{TO},one") as here:
        assert here.reconcile("june", "--report", str(here.report)).exit_code == 0
        codes = [exosms("runs", "reconcile", "--report", report, "--since", time).exit_code for time in ("1h", "3h")]
        assert codes == [0, 9]


def test_a_person_sees_a_table(home: Home) -> None:
    home.bulk(f"{TO},one", "+919876543211,two")
    home.never_taken(home.lose()[1])
    home.write_report()
    seen = home.exosms.on_terminal("runs", "reconcile", "june", "--report", str(home.report), columns=120).stdout
    assert all(word in seen for word in ("Outcome", "accepted", "unknown", "run june row 2", "not found"))
    assert "1 accepted, 1 still unknown, of 2 messages" in seen


# --- a person names a Sid ---


def test_a_person_names_the_sid_of_one_message(home: Home) -> None:
    home.bulk(*[f"{TO},same"] * 2)
    first, second = home.lose()
    resolve = ("runs", "resolve", "june", "--as", "accepted", "--sid", first)
    several = home.exosms(*resolve)
    assert (several.exit_code, "2 messages are unknown, and --sid is of one" in several.stderr) == (3, True)
    result = home.exosms(*resolve, "--row", "2")
    assert (result.exit_code, result.stdout) == (0, "1 message of the run june: accepted\n")
    assert home.rows() == [("unknown", None), ("accepted", first)]
    again = home.exosms(*resolve)
    assert (again.exit_code, "is the Sid of another message; nothing was changed" in again.stderr) == (3, True)
    document = home.exosms(*resolve[:-1], second, "--json").json
    assert (document["resolved"], document["sid"]) == (1, second)
    assert home.exosms(*resolve).stderr.endswith("the run june has no unknown messages\n")


@pytest.mark.parametrize("change", ["state = 'not_sent'", "attempted_at = attempted_at + 60"])
def test_a_message_that_another_command_settles_or_tries_again_meanwhile_is_left(
    home: Home, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    home.bulk(f"{TO},one")
    (sid,) = home.lose()
    answer = Emulator.answer

    def meanwhile(self: Emulator, *args: Any) -> SandboxAnswer:
        home.change(f"UPDATE rows SET {change}")
        return answer(self, *args)

    monkeypatch.setattr(Emulator, "answer", meanwhile)
    result = home.exosms("runs", "resolve", "june", "--as", "accepted", "--sid", sid)
    assert (result.exit_code, result.stdout) == (3, "")
    assert "Another command settled that message meanwhile, or tried it again; nothing was changed" in result.stderr
    assert home.rows()[0][1] is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("recipient = '+919876543299'", "it is to +919876543299, not to +919876543210"),
        ("sender = 'OTHERS'", "it is from '/OTHERS', not from 'ACMEIN'"),
        ("body = 'another'", "its text is another"),
        ("created_at = created_at - 1000", "and ours was sent"),
    ],
)
def test_a_sid_that_a_person_names_must_be_that_message(home: Home, change: str, said: str) -> None:
    home.send("one", "--once", "k")
    (sid,) = home.lose(singly=True)
    home.take_otherwise(change)
    result = home.exosms("runs", "resolve", "--once", "k", "--as", "accepted", "--sid", sid, "--json")
    assert (result.exit_code, result.json["error"]["kind"]) == (3, "rejected")
    assert said in result.stderr
    assert home.reconcile("--once", "k", "--sids", "-", stdin=sid).exit_code == 9


def test_a_sid_about_which_exotel_says_nothing_changes_nothing(exosms: Shell) -> None:
    with serving() as server, lost_at(server, exosms, f"{TO},one") as home:
        (sid,) = SID.findall(home.report.read_text())
        argv = ("runs", "resolve", "june", "--as", "accepted", "--sid", sid, "--json")
        refused = exosms(*argv, env={"EXOTEL_API_TOKEN": "wrong"})
        assert (refused.exit_code, refused.json["exit_code"], refused.json["error"]["http_status"]) == (4, 4, 401)
        assert (home.rows(), exosms(*argv).exit_code) == ([("unknown", None)], 0)


# --- advice ---

_LATELY = r"\d{4}-\d\d-\d\d \d\d:\d\d to (\d{4}-\d\d-\d\d )?\d\d:\d\d, Indian time"


@pytest.mark.parametrize(
    ("more", "command", "end"),
    [
        ((), r"exosms runs reconcile --region sandbox --report FILE", r"\."),
        (
            ("--once", "a key"),
            r"exosms runs reconcile --once 'a key' --region sandbox --report FILE",
            r"\. Or decide with `exosms runs resolve --once 'a key' --as accepted`, or with --as not_sent\.",
        ),
    ],
)
def test_a_send_that_may_have_gone_out_names_the_report_its_time_and_the_command(
    exosms: Shell, more: tuple[str, ...], command: str, end: str
) -> None:
    argv = ("send", *SANDBOX, *FROM, "--to", "+919000000500", "-b", "one", *more, "--json")
    first, second = exosms(*argv), exosms(*argv)
    advice = (
        rf"Export the SMS Detailed Report \(Type: All\) from Exotel's dashboard, for {_LATELY}, then run `{command}`"
    )
    remedy = first.json["messages"][0]["error"]["remedy"]
    assert re.fullmatch(rf"Do not send again yet\. {advice}{end}", remedy)
    again = second.json["messages"][0]["error"]["remedy"]
    assert re.fullmatch(rf"(Do not send again yet\. )?{advice}{end}", again)


_BY_CONFIG = ("--config", "{config}")
_BY_PROFILE = (*_BY_CONFIG, "-p", "other")
_BY_ADDRESS = ("--base-url", "{url}")


@pytest.mark.parametrize(("is_bulk", "once"), [(False, ()), (False, ("--once", "a key")), (True, ())])
@pytest.mark.parametrize("account", [_BY_CONFIG, _BY_PROFILE, _BY_ADDRESS])
def test_the_advised_commands_work_as_they_are_printed(
    exosms: Shell, once: tuple[str, ...], account: tuple[str, ...], is_bulk: bool
) -> None:
    """They name configuration, profile and address where the command did that they are advised after."""
    with serving() as server:
        home = Home(exosms)
        config = exosms.home / "a config.toml"
        config.write_text(
            'default_profile = "prod"\n'
            + "".join(
                f'[profiles.{name}]\nbase_url = "{server.url}"\naccount_sid = "{name}"\napi_key = "k"\n'
                f'api_token = "t"\nfrom = "ACMEIN"\n'
                for name in ("prod", "other")
            )
        )
        config.chmod(0o600)
        flags = [word.format(config=config, url=server.url) for word in account]
        exosms.env |= {**ACCOUNT} if account is _BY_ADDRESS else {}
        if is_bulk:
            path = exosms.home / "people.csv"
            path.write_text("to,body\n+919000000500,one\n+919000000500,two\n")
            said = exosms("bulk", str(path), "--yes", "--run", "june", "--limit", "1", "--rate", "off", *flags).stderr
            said = _as_printed(
                exosms, said, "Continue with: (exosms runs resume .*)", "--yes", "--rate", "off"
            ).stderr
        else:
            sent = exosms("send", "--to", "+919000000500", "-b", "one", *flags, *once)
            assert sent.exit_code == 9
            said = exosms("send", "--to", "+919000000500", "-b", "one", *flags, *once).stderr if once else sent.stderr
        home.report.write_bytes(server.emulator().report())
        result = _as_printed(exosms, said, "`(exosms runs reconcile .*) FILE`", str(home.report), "--json")
    assert (result.exit_code, result.json["remaining"]) == (9, 2 if is_bulk else 1)


def _as_printed(exosms: Shell, said: str, pattern: str, *more: str) -> Result:
    """Run a command that is advised, as it stands there."""
    (command,) = re.findall(pattern, said)
    return exosms(*shlex.split(command)[1:], *more)


def test_a_window_names_both_days_at_midnight() -> None:
    told = how_to_find_out([], account="api.exotel.com/a", profile="prod", window=(1_764_008_000.0, 1_764_008_090.0))
    assert "for 2025-11-24 23:28 to 2025-11-25 00:00, Indian time" not in told
    told = how_to_find_out([], account="api.exotel.com/a", profile="prod", window=(1_764_009_000.0, 1_764_009_090.0))
    assert told == (
        "Export the SMS Detailed Report (Type: All) from Exotel's dashboard, for 2025-11-24 23:45 to 2025-11-25"
        " 00:16, Indian time, then run `exosms runs reconcile -p prod --report FILE`."
    )


# --- what is beside a Sid ---


@pytest.mark.parametrize(
    ("number", "tail"),
    [
        ("+919876543210", "76543210"),
        ("09876543210", "76543210"),
        ("'98765 43210", "76543210"),
        ("(0)98765-43210", "76543210"),
        ("9.19877E+11", None),
        ("98XXXXXX10", None),
        ("1234567", None),
        ("", None),
    ],
)
def test_a_number_by_its_last_digits(number: str, tail: str | None) -> None:
    assert tail_of(number) == tail


@pytest.mark.parametrize(
    ("date", "days"),
    [
        ("2026-11-23", {"2026-11-23"}),
        ("2026-11-23 10:00:00", {"2026-11-23"}),
        ("23/11/26", {"2026-11-23", "2023-11-26"}),
        ("03/04/2026", {"2026-04-03", "2026-03-04"}),
        ("'23-11-2026", {"2026-11-23"}),
        ("#####", set()),
        ("", set()),
    ],
)
def test_a_date_is_each_day_that_it_may_be(date: str, days: set[str]) -> None:
    assert {time.strftime("%Y-%m-%d", time.gmtime(moment)) for moment in days_of(date)} == days
