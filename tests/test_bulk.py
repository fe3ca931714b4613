"""``exosms bulk``: file and options, what is printed, exit code, and what was requested."""

import _thread
import csv
import errno
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from types import MethodType, SimpleNamespace
from typing import Any

import pytest
from campaign import listens
from conftest import ACCOUNT, Result, Shell, until
from faulty import REFUSALS, FaultyExotel
from misbehaving import Connection, Misbehaving, accepts, answers

from exosms.bulk import results_csv
from exosms.bulk import run as bulk_module
from exosms.bulk.request_threads import Request, RequestThreads
from exosms.config.settings import AccountOptions
from exosms.errors import ExosmsError, GuardError
from exosms.exotel import exchange
from exosms.exotel.client import Batch
from exosms.ledger import database, runs
from exosms.ledger.database import LedgerError
from exosms.ledger.entry import Place
from exosms.ledger.messages import Ledger
from exosms.ledger.run_rows import Claim, ClaimedRow
from exosms.ledger.runs import Journal, Run
from exosms.sms.message import Message

SANDBOX = ("--region", "sandbox", "--from", "ACMEIN")
SID = re.compile(r"[0-9a-f]{32}")
NONE_SENT = {"rows": 0, "accepted": 0, "rejected": 0, "not_sent": 0, "unknown": 0, "skipped": 0, "remaining": 0}
THIRTY = "to,body\n" + "".join(f"98765{n:05d},Hello\n" for n in range(30))
THIRTEEN = "".join(THIRTY.splitlines(keepends=True)[:14])  # by requests of ten: one row, two, ten
TWO = "to,body\n+919876543210,Hello\n+919876543211,Namaste\n"


def bulk(exosms: Shell, text: str | bytes, *argv: str, name: str = "people.csv", **options: Any) -> Result:
    """Send a file of that content through the sandbox."""
    path = exosms.home / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return exosms("bulk", *SANDBOX, str(path), *argv, **options)


def through(exosms: Shell, exotel: FaultyExotel, text: str, *argv: str, env: dict[str, str] | None = None) -> Result:
    """Send a file of that content through a server that counts."""
    path = exosms.home / "people.csv"
    path.write_text(text)
    everything = {**ACCOUNT, "EXOSMS_BASE_URL": exotel.url, **(env or {})}
    return exosms("bulk", str(path), "--yes", "--rate", "off", *argv, env=everything)


def masked(text: str) -> str:
    return SID.sub("SID", text)


def texts(exotel: FaultyExotel) -> list[tuple[str, str]]:
    """Return what was requested, as recipient and text, as often as it was."""
    return sorted(key for key, deeds in exotel.deeds.items() for _ in deeds)


# --- what is printed ---


def test_each_message_is_a_line_and_the_summary_is_not_on_standard_output(exosms: Shell) -> None:
    result = bulk(exosms, TWO + "+919000000400,Refused\n", "--yes", "--run", "june")
    assert sorted(masked(result.stdout).splitlines()) == [  # in the order in which the answers came
        "accepted\t+919876543210\tSID\tqueued",
        "accepted\t+919876543211\tSID\tqueued",
        "rejected\t+919000000400\t\tHTTP 400: Invalid Recipient",
    ]
    assert result.stderr == (
        "exosms: the sandbox answers; nothing is sent\n"
        "exosms: run june: 3 messages\n"
        "exosms: run june: 3 rows: 2 accepted, 1 rejected\n"
        "exosms:   1 rejected: HTTP 400 code 40203 Invalid Recipient (first in line 4)\n"
        "exosms: Get the rejected rows, to be corrected and sent, with:"
        f" exosms runs export june rejected.csv --outcome rejected --with {exosms.home / 'people.csv'}\n"
    )
    assert result.exit_code == 10


def test_the_document_of_a_run(exosms: Shell) -> None:
    result = bulk(exosms, TWO, "--yes", "--run", "june", "--json")
    assert result.exit_code == 0
    assert result.json == {
        "schema": 1,
        "command": "bulk",
        "run": "june",
        "file": str(exosms.home / "people.csv"),
        "exit_code": 0,
        "profile": "sandbox",
        "account": "sandbox/sandbox",
        "state": "finished",
        "counts": {**NONE_SENT, "rows": 2, "accepted": 2},
        "error": None,
        "sandbox": True,
    }


def test_json_lines_are_one_object_for_each_message_and_the_document_at_the_end(exosms: Shell) -> None:
    result = bulk(exosms, TWO, "--yes", "--run", "june", "-o", "jsonl")
    *messages, last = map(json.loads, result.stdout.splitlines())
    first, second = sorted(messages, key=lambda message: message["row"])
    assert (first["row"], first["line"], first["to"], first["outcome"]) == (1, 2, "+919876543210", "accepted")
    assert (second["row"], second["line"], second["segments"], second["encoding"]) == (2, 3, 1, "plain")
    assert (first["sandbox"], second["sandbox"], last["sandbox"], last["counts"]["accepted"]) == (True, True, True, 2)


def test_quiet_prints_only_the_sids_and_why_a_row_failed(exosms: Shell) -> None:
    assert bulk(exosms, TWO, "--yes", "-q").stderr == ""
    result = bulk(exosms, TWO + "+919000000400,Refused\n", "--yes", "-q", "--run", "june", "--sent-before", "send")
    assert masked(result.stdout) == "SID\nSID\n"
    assert result.stderr == (
        "exosms: run june: 3 rows: 2 accepted, 1 rejected\n"
        "exosms:   1 rejected: HTTP 400 code 40203 Invalid Recipient (first in line 4)\n"
        "exosms: Get the rejected rows, to be corrected and sent, with:"
        f" exosms runs export june rejected.csv --outcome rejected --with {exosms.home / 'people.csv'}\n"
    )
    assert result.exit_code == 10


def test_on_a_terminal_the_plan_is_shown_and_a_person_is_asked(exosms: Shell) -> None:
    (exosms.home / "people.csv").write_text(TWO + "+919000000403,x\n")
    argv = ("bulk", *SANDBOX, str(exosms.home / "people.csv"), "--run", "june")
    no = exosms.on_terminal(*argv, typed=[("[y/N]: ", "n")])
    assert (no.exit_code, "messages  3 of 3 rows" in re.sub("\x1b.*?m", "", no.stdout)) == (5, True)
    assert "The answer was no; nothing was done" in no.stdout
    assert exosms("runs", "list").stdout == ""
    yes = exosms.on_terminal(*argv, typed=[("Send 3 messages? [y/N]: ", "y")])
    assert yes.exit_code == 6  # nobody was accepted: the first request found the account out
    assert "HTTP 403" in yes.stdout
    assert yes.stdout.rstrip().endswith("exosms runs resume june")


def test_on_a_terminal_the_summary_is_a_table_by_outcome_and_one_by_reason(exosms: Shell) -> None:
    (exosms.home / "people.csv").write_text(TWO + "+919000000400,x\n+919000000500,x\n")
    result = exosms.on_terminal(
        "bulk", *SANDBOX, str(exosms.home / "people.csv"), "--run", "june", "--yes", columns=200
    )
    assert result.exit_code == 10
    for shown in (
        str(exosms.home / "people.csv"),
        "accepted",
        "2",
        "1 rejected",
        "HTTP 400",
        "code 40203",
        "1 unknown",
        "HTTP 500",
    ):
        assert shown in result.stdout
    assert "exosms runs reconcile june" in result.stdout.splitlines()[-1]


# --- the plan ---


def test_a_dry_run_prints_the_plan_and_writes_nothing(exosms: Shell) -> None:
    rows = "".join(f"98765{n:05d},Hello {n}\n" for n in range(299))
    result = bulk(exosms, f"to,body\n{rows}9876600000,नमस्ते\n", "--dry-run", "--region", "mumbai", env=ACCOUNT)
    assert result.stdout == (
        "rows\t300\n"
        "messages\t300\n"
        "parts\t300\n"
        "requests\t6\n"
        "time at the allowed rate\t2 s\n"
        "unicode messages\t1; because of त (U+0924 DEVANAGARI LETTER TA) in 1, न (U+0928 DEVANAGARI LETTER NA) in 1,"
        " म (U+092E DEVANAGARI LETTER MA) in 1, स (U+0938 DEVANAGARI LETTER SA) in 1,"
        " े (U+0947 DEVANAGARI VOWEL SIGN E) in 1\n"
        "first\t+919876500000\tHello 0\n"
        "longest\t+919876500100\tHello 100\n"
    )
    assert result.exit_code == 0
    assert sorted(path.name for path in exosms.home.iterdir()) == ["people.csv"]


def test_a_dry_run_needs_no_account(exosms: Shell) -> None:
    (exosms.home / "people.csv").write_text(TWO)
    result = exosms("bulk", str(exosms.home / "people.csv"), "--from", "ACMEIN", "--dry-run", "--json")
    assert result.exit_code == 0
    assert result.json["outcome"] == "planned"
    assert result.json["counts"] == {**NONE_SENT, "rows": 2, "remaining": 2}
    assert (result.json["plan"]["messages"], result.json["plan"]["requests"]) == (2, 2)


def test_the_plan_says_what_it_costs_where_the_profile_knows_a_price(exosms: Shell) -> None:
    config = exosms.home / "config.toml"
    config.write_text('[profiles.prod]\nregion = "mumbai"\nfrom = "ACMEIN"\nprice_per_part = 0.18\nrate = "60/min"\n')
    config.chmod(0o600)
    (exosms.home / "people.csv").write_text("to,body\n9876543210," + "x" * 161 + "\n9876543211,x\n")
    argv = ("bulk", str(exosms.home / "people.csv"), "-n", "-p", "prod", "--config", str(config))
    assert "parts\t3\nrequests\t2\ntime at the allowed rate\t2 s\ncost\t0.54\n" in exosms(*argv).stdout
    assert exosms(*argv, "--json").json["plan"]["cost"] == 0.54


@pytest.mark.parametrize(("rows", "requests"), [(1, 1), (2, 2), (200, 200), (201, 4), (203, 4), (204, 5), (1003, 12)])
def test_the_planned_requests_are_those_that_are_made(
    exosms: Shell, exotel: FaultyExotel, rows: int, requests: int
) -> None:
    text = "to,body\n" + "".join(f"98765{n:05d},Hello {n}\n" for n in range(rows))
    planned = bulk(exosms, text, "-n", "--json").json["plan"]["requests"]
    result = through(exosms, exotel, text, "-q")
    assert (result.exit_code, planned, exotel.requests) == (0, requests, requests)
    assert len(result.stdout.splitlines()) == len(texts(exotel)) == rows


@pytest.mark.parametrize(
    ("columns", "row", "argv"),
    [
        ("to,body", "98765{n:05d},Hello {n}", ("--priority", "high")),
        ("to,body", "98765{n:05d},Hello {n}", ("--custom-field", "x")),
        ("to,body,encoding", "98765{n:05d},Hello {n},{encoding}", ()),
        ("to,body,priority", "98765{n:05d},Hello {n},{priority}", ()),
        ("to,body", "{bad}98765{n:05d},Hello {n}", ("--skip-invalid",)),
    ],
)
def test_the_planned_requests_know_what_cannot_share_one(
    exosms: Shell, exotel: FaultyExotel, columns: str, row: str, argv: tuple[str, ...]
) -> None:
    rows = (
        row.format(
            n=n,
            encoding="plain" if n < 150 else "unicode",
            priority="high" if n % 50 == 49 else "",
            bad="" if n else "0000",
        )
        for n in range(201)
    )
    text = f"{columns}\n" + "\n".join(rows)
    planned = bulk(exosms, text, "-n", "--json", *argv).json["plan"]["requests"]
    result = through(exosms, exotel, text, "-q", *argv)
    assert planned == exotel.requests, result.stderr
    assert planned in {4, 5, 8, 201}


# --- where the texts come from ---


TEMPLATES = """
version = 1
[templates.order]
text = "Dear {#var#}, your order {#var#} has left. - Acme"
variables = ["name", "order"]
dlt_template_id = "1107000000000000001"
from = "ACMESH"
type = "transactional"
"""


def test_a_template_binds_its_variables_to_columns(exosms: Shell) -> None:
    (exosms.home / "t.toml").write_text(TEMPLATES)
    text = "Phone, NAME ,Order,note\n9876543210,Asha,7,x\n"
    argv = ("--yes", "-t", "order", "--templates", str(exosms.home / "t.toml"), "--any-hour")
    result = bulk(exosms, text, *argv)
    assert result.exit_code == 0, result.stderr
    assert "columns that are not used: note" in result.stderr
    assert "ACMESH" in result.stderr  # the registered header, while --from is another
    with closing(sqlite3.connect(exosms.home / "state" / "sandbox.db")) as connection:
        dump = "\n".join(connection.iterdump())
    assert "Dear Asha, your order 7 has left. - Acme" in dump


def test_a_row_with_the_id_of_another_template_is_a_warning(exosms: Shell, exotel: FaultyExotel) -> None:
    (exosms.home / "t.toml").write_text(TEMPLATES)
    argv = ("-t", "order", "--templates", str(exosms.home / "t.toml"), "--any-hour")
    text = "to,name,order,dlt_template_id\n9876543210,Asha,7,1107000000000000001\n9876543211,Ravi,8,{}\n"
    told = "the template 'order' is registered as 1107000000000000001, not as the row's DLT template id (1 row)"
    swapped = through(exosms, exotel, text.format("1107000000000000002"), *argv)
    assert (swapped.exit_code, swapped.stderr.count(told)) == (0, 1), swapped.stderr
    same = through(exosms, exotel, text.format("").replace("Asha,7", "Asha,9").replace("Ravi,8", "Ravi,9"), *argv)
    assert (same.exit_code, same.stderr.count("is registered as")) == (0, 0), same.stderr


def test_a_variable_may_be_made_of_columns(exosms: Shell, exotel: FaultyExotel) -> None:
    (exosms.home / "t.toml").write_text(TEMPLATES)
    text = "to,first,last,id\n9876543210,Asha,Rao,7\n"
    argv = ("-t", "order", "--templates", str(exosms.home / "t.toml"))
    result = through(
        exosms, exotel, text, *argv, "--var", "name={First} {last}", "--var", "order=#{id}", "--any-hour"
    )
    assert result.exit_code == 0, result.stderr
    assert texts(exotel) == [("+919876543210", "Dear Asha Rao, your order #7 has left. - Acme")]


def test_a_row_whose_text_is_not_the_registered_one_refuses_the_file(exosms: Shell) -> None:
    (exosms.home / "t.toml").write_text(TEMPLATES)
    text = "to,name,order\n9876543210,Asha,7\n9876543211," + "x" * 41 + ",8\n"
    argv = ("--yes", "-t", "order", "--templates", str(exosms.home / "t.toml"), "--any-hour")
    result = bulk(exosms, text, *argv)
    assert (result.exit_code, result.stdout) == (3, "")
    assert "line 3, column name: " in result.stderr
    fitted = bulk(exosms, text, *argv, "--fit")
    assert fitted.exit_code == 0, fitted.stderr


@pytest.mark.parametrize("start", ["https://acme.example/orders", "Https://acme.in/orders", "acme.co.in/orders"])
def test_no_list_gets_a_link_that_was_cut(exosms: Shell, exotel: FaultyExotel, start: str) -> None:
    (exosms.home / "t.toml").write_text(TEMPLATES)
    argv = ("-t", "order", "--templates", str(exosms.home / "t.toml"), "--any-hour", "--fit")
    text = f"to,name,order\n9876543210,Asha,{start}/9876543210-77812\n"
    result = through(exosms, exotel, text, *argv)
    assert (result.exit_code, exotel.requests) == (3, 0)
    assert "Shorten the link, or register its variable as {#url#}." in result.stderr
    assert through(exosms, exotel, text.replace(start, "https://a.in"), *argv).exit_code == 0


def test_the_number_of_an_invoice_is_no_link(exosms: Shell, exotel: FaultyExotel) -> None:
    (exosms.home / "t.toml").write_text(TEMPLATES)
    argv = ("-t", "order", "--templates", str(exosms.home / "t.toml"), "--any-hour", "--fit")
    text = "to,name,order\n9876543210,Asha,Acme.Ltd/26-27/9876543210-77812/Rs.500/-\n"
    assert (through(exosms, exotel, text, *argv).exit_code, exotel.requests) == (0, 1)


def test_a_body_has_columns_and_braces(exosms: Shell, exotel: FaultyExotel) -> None:
    text = "to,Name\n9876543210,Asha\n9876543211,{Ravi}\n"
    result = through(exosms, exotel, text, "--body", "Dear {name}, {{ok}}")
    assert result.exit_code == 0, result.stderr
    assert texts(exotel) == [("+919876543210", "Dear Asha, {ok}"), ("+919876543211", "Dear {Ravi}, {ok}")]


def test_the_sender_may_stand_in_a_column_alone(exosms: Shell, exotel: FaultyExotel) -> None:
    nobody = {"EXOTEL_FROM": ""}
    text = "to,body,From\n9876543210,a,ACMEXX\n9876543211,b,ACMEYY\n"
    assert through(exosms, exotel, text, env=nobody).exit_code == 0
    assert len(texts(exotel)) == 2
    some = through(exosms, exotel, text + "9876543212,c,\n", "--json", env=nobody)
    assert (some.exit_code, [(p["line"], p["column"]) for p in some.json["problems"]]) == (3, [(4, "From")])
    none = through(exosms, exotel, TWO, env=nobody)
    assert (none.exit_code, none.stderr.splitlines()[0].startswith("exosms: error: No sender:")) == (4, True)
    assert exotel.requests == 2


def test_another_column_may_hold_the_recipients(exosms: Shell, exotel: FaultyExotel) -> None:
    result = through(exosms, exotel, "to,parent,body\nx,9876543210,a\n", "--to-column", "Parent")
    assert (result.exit_code, texts(exotel)) == (0, [("+919876543210", "a")])


@pytest.mark.parametrize(
    ("content", "options"),
    [
        (b"\xef\xbb\xbfto,body\r\n9876543210,\xe0\xa4\xa8\r\n", ()),
        ("to;body\n9876543210;न\n".encode("utf-16"), ()),
        ("to\tbody\n9876543210\tन\n".encode(), ()),
        ("to|body\n9876543210|न\n".encode(), ("--delimiter", "|")),
        ("to\tbody\n9876543210\tन, न; न; न\n".encode(), ("--delimiter", r"\t")),
        ("to,body\n9876543210,न\n".encode("utf-16-le"), ("--csv-encoding", "utf-16-le")),
    ],
)
def test_a_file_is_read_however_it_was_saved(exosms: Shell, content: bytes, options: tuple[str, ...]) -> None:
    result = bulk(exosms, content, "--dry-run", "--json", *options)
    assert result.json["plan"]["unicode"] == 1, result.stderr


def test_standard_input_is_a_file(exosms: Shell) -> None:
    result = exosms("bulk", *SANDBOX, "-", "--yes", "--json", stdin=TWO)
    assert (result.exit_code, result.json["file"], result.json["counts"]["accepted"]) == (0, "-", 2)
    assert result.json["run"].startswith("stdin-")


def test_ids_that_columns_bring_are_not_missed(exosms: Shell, exotel: FaultyExotel) -> None:
    text = "to,body,dlt entity id,dlt template id\n9876543210,a,1101000000000000001,1107000000000000001\n"
    without = {"EXOTEL_DLT_ENTITY_ID": ""}
    assert "no DLT" not in through(exosms, exotel, text, "-n", env=without).stderr
    some = through(exosms, exotel, text + "9876543211,b,1101000000000000001,\n", "-n", env=without).stderr
    assert "warning: no DLT template id: Indian operators may drop the text later (23081, 23082) (1 row)\n" in some
    all_of_them = through(exosms, exotel, TWO, "-n", env=without).stderr
    assert (
        "no DLT entity and no template id: Indian operators may drop the text later (23081, 23082)\n" in all_of_them
    )


KEPT = 'version = 1\n[templates.sent]\ntext = "Dear {#var#}. - Acme"\ndlt_template_id = "1107000000000000001"\n'


@pytest.mark.parametrize(
    ("body", "options", "said"),
    [
        ("Dear {n}. - Acme", (), "the first text matches the template 'sent'; give -t sent"),
        ("Deer {n}. - Acme", (), "the first text matches no template in "),
        (
            "Deer {n}. - Acme",
            ("--dlt-template-id", "1107000000000000001"),
            "the first text differs from the template",
        ),
        ("Dear {n}. - Acme", ("--dlt-template-id", "1107000000000000001"), ""),
        ("Deer {n}. - Acme", ("--type", "promotional", "--any-hour"), ""),
    ],
)
def test_the_first_text_is_held_against_the_templates_that_are_kept(
    exosms: Shell, exotel: FaultyExotel, body: str, options: tuple[str, ...], said: str
) -> None:
    path = exosms.home / "kept.toml"
    path.write_text(KEPT)
    rows = "to,n\n9876543210,Asha\n9876543211,Ravi\n"
    result = through(exosms, exotel, rows, "-b", body, "-n", *options, env={"EXOSMS_TEMPLATES": str(path)})
    assert (result.exit_code, result.stderr.count("the first text ")) == (0, bool(said)), result.stderr
    assert said in result.stderr


def test_texts_of_many_parts_are_pointed_out(exosms: Shell) -> None:
    result = bulk(exosms, "to,body\n9876543210," + "x" * 1072 + "\n9876543211," + "x" * 1071 + "\n", "-n")
    assert "warning: 1 text of more than 7 parts, and each part is charged\n" in result.stderr


# --- what refuses a file ---


@pytest.mark.parametrize(
    ("text", "argv", "exit_code", "said"),
    [
        ("", (), 3, "people.csv is empty"),
        ("to,body\n", (), 3, "people.csv has a header but no rows"),
        (
            "name,body\nx,y\n",
            (),
            3,
            "The file has none of the columns to, phone, mobile, msisdn, recipient, contact, number,",
        ),
        ("to\n9876543210\n", (), 3, "The file has no column 'body', and no text was given for its rows"),
        ("to,nme\n9876543210,x\n", ("--body", "{name}"), 3, "needs the column 'name', which the file does not have"),
        ("to,body,BODY\n9876543210,x,y\n", (), 3, "body"),
        (b"PK\x03\x04xxxx", (), 3, "cannot be read as a workbook: it is damaged, or its end is missing"),
        (TWO, ("--body", "x", "-t", "y"), 2, "Give either --template, --body or --body-file"),
        (TWO, ("--var", "a=b"), 2, "--var and --fit"),
        (TWO, ("--from", ""), 2, "--from is empty"),
        (TWO, ("--batch", "101"), 2, "'101' is not a valid number of texts per request"),
        (TWO, ("--max-failures", "x"), 2, "'x' is not a valid number of failures"),
        (TWO, ("--limit", "0"), 2, "--limit"),
        (TWO, ("--run", "a b"), 2, "'a b' is not a valid run name"),
        (TWO, ("--delimiter", "ab"), 2, "'ab' is not a valid delimiter for a CSV file"),
        (TWO, ("--csv-encoding", "utf-9"), 2, "'utf-9' is not a known text encoding"),
        (TWO, ("--csv-encoding", "punycode"), 2, "'punycode' is not a known text encoding"),
        (
            "to,body,custom_field\n9876543210,Hello,x+2AA-\n",
            ("--csv-encoding", "utf-7"),
            3,
            "contains U+D800, which is not a valid character",
        ),
        (TWO, ("--results", "/dev/null/x.csv"), 4, "The result file /dev/null/x.csv cannot be written"),
        (TWO, ("--max-parts", "1"), 5, "2"),
        ("to,body\n9876543210," + "x" * 161 + "\n", ("--max-segments", "1"), 5, "2"),
        (TWO, ("-t", "nothing"), 3, "nothing"),
        (TWO, ("--sample-to", "12"), 3, "'12' is not an Indian mobile number"),
    ],
)
def test_what_refuses_a_file_sends_nothing(
    exosms: Shell, text: str | bytes, argv: tuple[str, ...], exit_code: int, said: str
) -> None:
    result = bulk(exosms, text, "--yes", *argv)
    assert (result.exit_code, result.stdout) == (exit_code, "")
    assert said in result.stderr
    assert "Traceback" not in result.stderr
    assert exosms("log").stdout == ""
    if exit_code != 2:
        document = bulk(exosms, text, "--yes", "--json", *argv).json
        assert (document["command"], document["exit_code"]) == ("bulk", exit_code)
        assert document["error"]["message"]


def test_all_bad_rows_are_told_at_once_with_line_column_and_value(exosms: Shell) -> None:
    text = 'to,body\n9876543210,"two\nlines"\n12,x\n9876543211,\n9.19877E+11,x\n9876543212,a\ufffdb\n9876543213,a,b\n'
    result = bulk(exosms, text, "--yes", "--json")
    assert result.exit_code == 3
    problems = [(p["row"], p["line"], p["column"], p["value"]) for p in result.json["problems"]]
    assert problems == [
        (2, 4, "to", "12"),
        (3, 5, "body", ""),
        (4, 6, "to", "9.19877E+11"),
        (5, 7, "body", "a\ufffdb"),
        (6, 8, None, "9876543213,a,b"),
    ]
    assert "5 bad rows in a file of 6 rows" in result.stderr
    assert result.json["counts"] == {**NONE_SENT, "rows": 6, "rejected": 5, "remaining": 1}
    assert exosms("runs", "list").stdout == ""


def test_bad_rows_can_be_left_out_and_count_as_rejected(exosms: Shell) -> None:
    result = bulk(exosms, TWO + "12,x\n", "--yes", "--skip-invalid", "--run", "june")
    assert masked(result.stdout).splitlines()[0] == (
        "rejected\t12\t\tto: '12' is not an Indian mobile number: it must have ten digits and begin with 6, 7, 8 or 9"
    )
    assert masked(result.stdout).count("accepted") == 2
    assert "left out: line 4, column to: '12' is not an Indian mobile number" in result.stderr
    assert "run june: 3 rows: 2 accepted, 1 rejected" in result.stderr
    assert result.exit_code == 10


def test_an_unclosed_quote_is_never_left_out(exosms: Shell) -> None:
    result = bulk(exosms, 'to,body\n9876543210,"x\n9876543211,y\n', "--yes", "--skip-invalid")
    assert (result.exit_code, result.stdout) == (3, "")


def test_a_quote_too_many_anywhere_sends_nothing(exosms: Shell) -> None:
    good = 'to,body\n9876543210,"Hello, ""you""\nthere"\n9876543211,plain\n9876543212,"x"\n'
    assert bulk(exosms, good, "-n").exit_code == 0
    for offset in range(len(good) + 1):
        result = bulk(exosms, good[:offset] + '"' + good[offset:], "--yes", "--skip-invalid")
        assert (result.exit_code, result.stdout) == (3, ""), offset
    assert exosms("runs", "list").stdout == ""


def test_empty_cells_are_sent_only_if_they_are_allowed(exosms: Shell, exotel: FaultyExotel) -> None:
    text = "to,name\n9876543210,\n"
    assert through(exosms, exotel, text, "--body", "Dear {name}!").exit_code == 3
    assert through(exosms, exotel, text, "--body", "Dear {name}!", "--allow-empty").exit_code == 0
    assert texts(exotel) == [("+919876543210", "Dear !")]


def test_without_a_terminal_sending_needs_a_yes(exosms: Shell) -> None:
    for argv in ((), ("--no-input",), ("--sample-to", "9876543219")):
        result = bulk(exosms, TWO, *argv)
        assert (result.exit_code, result.stdout) == (5, "")
        assert "This needs the answer yes" in result.stderr
        assert "--yes" in result.stderr
    assert exosms("log").stdout == ""


def test_bad_rows_are_told_before_any_guard(exosms: Shell) -> None:
    assert bulk(exosms, TWO + "12,x\n", "--max-parts", "1").exit_code == 3


def test_nobody_outside_the_allow_list_is_texted(exosms: Shell, exotel: FaultyExotel) -> None:
    result = through(exosms, exotel, TWO, env={"EXOSMS_ALLOW": "+919876543210"})
    assert (result.exit_code, result.stdout, exotel.requests) == (5, "", 0)
    assert "+919876543211" in result.stderr


def test_promotional_texts_wait_for_the_hours_that_are_allowed(
    exosms: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    midnight = 1_763_922_600.0  # 2025-11-24 00:00 in India
    monkeypatch.setattr(time, "time", lambda: midnight)
    result = bulk(exosms, TWO, "--yes", "--type", "promotional")
    assert (result.exit_code, result.stdout) == (5, "")
    assert bulk(exosms, TWO, "--yes", "--type", "promotional", "--any-hour").exit_code == 0


@pytest.mark.parametrize(
    ("limits", "env"),
    [
        (("--max-segments", "1"), {}),
        ((), {"EXOSMS_ALLOW": "+919876543211"}),
        (("--type", "promotional"), {}),
    ],
)
def test_guards_look_past_rows_that_are_skipped(
    exosms: Shell, monkeypatch: pytest.MonkeyPatch, limits: tuple[str, ...], env: dict[str, str]
) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_763_922_600.0)  # 2025-11-24 00:00 in India
    sent, skip = f"to,body\n9876543210,{'x' * 200}\n", ("--yes", "--sent-before", "skip", *limits)
    assert bulk(exosms, sent, "--yes").exit_code == 0
    assert bulk(exosms, sent, *skip, env=env).exit_code == 0
    assert bulk(exosms, sent + f"9876543212,{'y' * 200}\n", *skip, env=env).exit_code == 5


def test_promotional_texts_stop_when_the_hours_end(
    exosms: Shell, exotel: FaultyExotel, monkeypatch: pytest.MonkeyPatch
) -> None:
    closing = 1_764_257_400.0  # 2025-11-27 21:00 in India
    monkeypatch.setattr(time, "time", lambda: closing if exotel.deeds else closing - 1)
    result = through(exosms, exotel, TWO, "--type", "promotional", "--run", "june", "--json")
    assert (result.exit_code, result.json["error"]["kind"], exotel.requests) == (5, "guard", 1)
    assert result.json["counts"] == {**NONE_SENT, "rows": 2, "accepted": 1, "remaining": 1}
    assert result.json["error"]["remedy"].endswith("Continue with: exosms runs resume june")
    assert "Nothing" not in str(result.json["error"]) + result.stderr  # one of them was sent


def test_max_parts_counts_what_this_command_sends(exosms: Shell) -> None:
    limited = ("--limit", "1", "--max-parts", "1")
    foreseen = bulk(exosms, TWO, "-n", *limited)
    assert "messages\t2\nparts\t2\nrequests\t2\nmessages now\t1\nparts now\t1\n" in foreseen.stdout
    assert bulk(exosms, TWO, "-n", "--json", *limited).json["plan"]["now"] == {"messages": 1, "parts": 1, "left": 1}
    refused = bulk(exosms, TWO, *limited).stderr
    assert "now: 1 message, 1 part; 1 left for `runs resume`\n" in refused
    assert bulk(exosms, TWO, "--yes", *limited).exit_code == 0
    options = ("--yes", "--sent-before", "skip", "--max-parts")
    assert bulk(exosms, TWO + "9876543212,Salaam\n", *options, "1").exit_code == 5
    assert bulk(exosms, TWO + "9876543212,Salaam\n", *options, "2").exit_code == 0


def test_a_limit_is_of_the_first_rows_whatever_may_share_a_request(exosms: Shell, exotel: FaultyExotel) -> None:
    text = f"to,body\n9876543210,one\n9876543211,न\n9876543212,two\n9876543213,{'न' * 300}\n"
    limited = ("--run", "june", "--batch", "100", "--limit", "3", "--max-parts", "3")
    assert through(exosms, exotel, text, *limited).exit_code == 0
    assert [body for _, body in texts(exotel)] == ["one", "न", "two"]
    assert through(exosms, exotel, text, *limited).exit_code == 5  # the last one has five parts
    assert through(exosms, exotel, text, "--run", "june").exit_code == 0
    assert [body for _, body in texts(exotel)] == ["one", "न", "two", "न" * 300]


@pytest.mark.parametrize("dry", [("--yes",), ("-n",)])
@pytest.mark.parametrize(
    ("began_with", "guard"),
    [
        ((), ("--max-segments", "1")),
        ((), ("--max-parts", "2")),
        (("--type", "promotional", "--any-hour"), ("--type", "promotional")),
    ],
)
def test_a_run_that_is_gone_on_with_by_its_name_keeps_within_the_guards_of_that_command(
    exosms: Shell,
    monkeypatch: pytest.MonkeyPatch,
    began_with: tuple[str, ...],
    guard: tuple[str, ...],
    dry: tuple[str],
) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_763_922_600.0)  # 2025-11-24 00:00 in India
    text = f"to,body\n9876543210,Hello\n9876543211,Hello\n9876543212,{'x' * 161}\n"
    first = bulk(exosms, text, "--yes", "--run", "june", "--limit", "1", *began_with)
    assert first.exit_code == 0, first
    again = bulk(exosms, text, "--run", "june", "--json", *guard, *dry)
    assert (again.exit_code, again.json["error"]["kind"]) == (5, "guard")
    assert exosms("runs", "show", "june", "--json").json["counts"]["accepted"] == 1
    limited = bulk(exosms, text, "--yes", "--run", "june", "--limit", "1", *guard, *began_with)
    assert limited.exit_code == (5 if "--max-segments" in guard else 0)


def test_any_hour_is_heard_of_a_command_that_goes_on_with_a_run(
    exosms: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    noon = 1_763_965_800.0  # 2025-11-24 12:00 in India
    monkeypatch.setattr(time, "time", lambda: noon)
    promotional = ("--yes", "--run", "june", "--type", "promotional")
    assert bulk(exosms, TWO, *promotional, "--limit", "1").exit_code == 0
    monkeypatch.setattr(time, "time", lambda: noon + 12 * 3600)
    assert bulk(exosms, TWO, *promotional).exit_code == 5
    assert bulk(exosms, TWO, *promotional, "--any-hour").exit_code == 0


def test_every_row_of_the_file_has_its_line(exosms: Shell) -> None:
    text = "to,body\n9876543210,a\n12,b\n9876543210,a\n"
    result = bulk(exosms, text, "--yes", "--skip-invalid", "--duplicates", "first", "-o", "jsonl")
    *rows, last = map(json.loads, result.stdout.splitlines())
    assert [(row["row"], row["line"], row["outcome"]) for row in rows] == [
        (2, 3, "rejected"),
        (3, 4, "skipped"),
        (1, 2, "accepted"),
    ]
    assert (rows[0]["error"]["retry"], rows[1]["note"]) == ("no", "the same message as in an earlier row")
    assert last["counts"] == {**NONE_SENT, "rows": 3, "accepted": 1, "rejected": 1, "skipped": 1, "remaining": 0}


def test_the_result_file_is_never_the_file_itself(exosms: Shell) -> None:
    path = exosms.home / "people.csv"
    result = bulk(exosms, TWO, "--yes", "--results", str(path))
    assert (result.exit_code, path.read_text()) == (3, TWO)


# --- duplicates, and what was sent before ---


TWICE = "to,body\n9876543210,Hello\n+919876543210,Hello\n9876543210,Another\n"


def test_a_message_that_stands_there_twice_is_refused(exosms: Shell) -> None:
    result = bulk(exosms, TWICE, "--yes")
    assert (result.exit_code, result.stdout) == (3, "")
    assert "line 3: the message to +919876543210 is the same as in line 2" in result.stderr
    assert "1 row with the same recipient, text and sender as an earlier one" in result.stderr


def test_rows_that_repeat_others_are_told_with_all_that_is_wrong(exosms: Shell) -> None:
    text = "to,body\n12,x\n9876543210,a\n9876543210,a\n13,y\n"
    result = bulk(exosms, text, "--yes", "--json")
    assert [(problem["line"], problem["value"]) for problem in result.json["problems"]] == [
        (2, "12"),
        (4, "+919876543210"),
        (5, "13"),
    ]
    assert "2 bad rows in a file of 4 rows, and 1 row with the same message as an earlier one" in result.stderr
    decided = bulk(exosms, text, "--yes", "--json", "--duplicates", "all")
    assert (decided.exit_code, len(decided.json["problems"])) == (3, 2)


@pytest.mark.parametrize(("policy", "sent", "skipped"), [("first", 2, 1), ("all", 3, 0)])
def test_duplicates_are_sent_as_was_decided(
    exosms: Shell, exotel: FaultyExotel, policy: str, sent: int, skipped: int
) -> None:
    result = through(exosms, exotel, TWICE, "--duplicates", policy, "--json")
    assert result.exit_code == 0, result.stderr
    assert result.json["counts"] == {**NONE_SENT, "rows": 3, "accepted": sent, "skipped": skipped}
    assert len(texts(exotel)) == sent


def test_a_file_that_is_sent_again_reaches_nobody_twice(exosms: Shell, exotel: FaultyExotel) -> None:
    assert through(exosms, exotel, TWO, "--run", "june").exit_code == 0
    again = through(exosms, exotel, TWO)
    assert (again.exit_code, again.stdout) == (5, "")
    assert "Sent before, for example in the run june: 2 messages" in again.stderr
    corrected = TWO + "+919876543212,Third\n"
    assert through(exosms, exotel, corrected).exit_code == 5
    skipped = through(exosms, exotel, corrected, "--sent-before", "skip", "--json")
    assert (skipped.exit_code, skipped.json["counts"]["skipped"]) == (0, 2)
    assert [to[-1] for to, _ in texts(exotel)] == ["0", "1", "2"]
    assert through(exosms, exotel, TWO, "--sent-before", "send").exit_code == 0
    assert Counter(texts(exotel)).most_common(1)[0][1] == 2


def test_what_was_sent_longer_ago_does_not_count(exosms: Shell, exotel: FaultyExotel) -> None:
    assert through(exosms, exotel, TWO).exit_code == 0
    assert through(exosms, exotel, TWO, "--within", "0s").exit_code == 0


def test_other_accounts_are_other_people(exosms: Shell, exotel: FaultyExotel) -> None:
    assert through(exosms, exotel, TWO).exit_code == 0
    assert through(exosms, exotel, TWO, env={"EXOTEL_ACCOUNT_SID": "acme2"}).exit_code == 0


def test_what_is_only_unknown_was_perhaps_sent_before(exosms: Shell) -> None:
    text = "to,body\n+919000000500,x\n"
    assert bulk(exosms, text, "--yes", "--run", "june").exit_code == 10
    refused = bulk(exosms, text, "--yes")
    assert refused.exit_code == 5
    assert "error: Perhaps sent before, for example in the run june: 1 message\n" in refused.stderr


def test_unknown_ones_are_never_sent_by_skip(exosms: Shell) -> None:
    text = "to,body\n+919000000500,x\n+919876543210,y\n"
    assert bulk(exosms, text, "--yes", "--run", "june").exit_code == 10
    refused = bulk(exosms, text, "--yes")
    assert (refused.exit_code, "1 message, and possibly 1 more" in refused.stderr) == (5, True)
    result = bulk(exosms, text, "--yes", "--sent-before", "skip")
    assert result.exit_code == 0
    assert result.stdout == (
        "skipped\t+919000000500\t\tperhaps sent before, by the run june\n"
        "skipped\t+919876543210\t\tsent before, by the run june\n"
    )
    assert "left out, because they may have been sent before: 1 row" in result.stderr


# --- runs that were begun ---


def test_rows_that_repeat_others_are_told_before_any_guard(exosms: Shell, exotel: FaultyExotel) -> None:
    twice = ("--duplicates", "all", "--run", "june")
    assert through(exosms, exotel, TWICE, *twice, "--limit", "1").exit_code == 0
    assert through(exosms, exotel, TWICE).exit_code == 3
    assert through(exosms, exotel, TWICE + "9876543211,x\n", "--run", "june").exit_code == 3
    assert through(exosms, exotel, TWICE, "--duplicates", "all").exit_code == 5
    assert through(exosms, exotel, TWICE, "--run", "june").exit_code == 0  # it was decided when it began
    assert exotel.requests == 3


def test_a_pause_that_exotel_asks_for_is_kept_where_nothing_is_tried_again(
    exosms: Shell, exotel: FaultyExotel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exosms.bulk.run.MOST_RETRIES", 0)
    (exosms.home / "people.csv").write_text(TWO)
    with Misbehaving(answers(429, "", "Retry-After: 1"), answers(200, '{"SMSMessage": {"Sid": "5"}}')) as server:
        began = time.monotonic()
        env = {**ACCOUNT, "EXOSMS_BASE_URL": server.url}
        result = exosms("bulk", str(exosms.home / "people.csv"), "--yes", "--rate", "off", "--json", env=env)
        assert time.monotonic() - began >= 1
    assert result.json["counts"] == {**NONE_SENT, "rows": 2, "accepted": 1, "not_sent": 1}


def test_a_finished_run_of_that_name_sends_nothing_and_answers_again(exosms: Shell, exotel: FaultyExotel) -> None:
    assert through(exosms, exotel, TWO, "--run", "june").exit_code == 0
    again = through(exosms, exotel, TWO, "--run", "june")
    assert (again.exit_code, again.stdout, exotel.requests) == (0, "", 2)
    assert again.stderr.endswith(
        "exosms: the run june is finished; nothing was sent\nexosms: run june: 2 rows: 2 accepted\n"
    )


def test_another_file_under_the_same_name_is_refused_with_what_changed(exosms: Shell, exotel: FaultyExotel) -> None:
    assert through(exosms, exotel, TWO, "--run", "june").exit_code == 0
    other = TWO.replace("Namaste", "Hi") + "+919876543212,x\n"
    result = through(exosms, exotel, other, "--run", "june")
    assert (result.exit_code, exotel.requests) == (5, 2)
    changes = "1 of its rows unchanged, 2 new, 1 gone; 1 person got, or may have got, the former text\n"
    assert f"The run june was started with other messages: {changes}" in result.stderr


@pytest.mark.parametrize(
    "changed",
    [
        ("--type", "transactional"),
        ("--dlt-template-id", "1107000000000000001"),
        ("--dlt-entity-id", "1101000000000000002"),
        ("--priority", "high"),
        ("--encoding", "unicode"),
        ("--from", "ACMEXX"),
        ("--custom-field", "x"),
        ("--status-callback", "https://acme.example/"),
    ],
)
def test_what_changes_every_message_makes_another_run(
    exosms: Shell, exotel: FaultyExotel, changed: tuple[str, ...]
) -> None:
    assert through(exosms, exotel, TWO, "--run", "june", "--limit", "1").exit_code == 0
    result = through(exosms, exotel, TWO, "--run", "june", *changed)
    assert (result.exit_code, exotel.requests) == (5, 1)
    assert "The run june was started with other messages" in result.stderr


def test_what_changes_no_message_goes_on_with_the_run(exosms: Shell, exotel: FaultyExotel) -> None:
    assert through(exosms, exotel, TWO, "--run", "june", "--limit", "1").exit_code == 0
    options = ("--batch", "2", "--max-parts", "9", "--results", str(exosms.home / "r.csv"), "--json", "--any-hour")
    result = through(exosms, exotel, TWO, "--run", "june", *options)
    assert (result.exit_code, result.json["state"], exotel.requests) == (0, "finished", 2)


def test_a_limit_may_be_beyond_what_any_file_holds(exosms: Shell) -> None:
    first = bulk(exosms, TWO, "--yes", "--run", "june", "--limit", "1")
    beyond = ("--run", "june", "--limit", "9" * 30)
    assert (first.exit_code, bulk(exosms, TWO, "-n", *beyond).exit_code) == (0, 0)
    assert bulk(exosms, TWO, "--yes", *beyond).exit_code == 0
    assert exosms("runs", "show", "june", "--json").json["counts"]["accepted"] == 2
    assert bulk(exosms, TWO + "9876543212,Salaam\n", "--yes", "--sent-before", "skip", *beyond[2:]).exit_code == 0


def test_a_limit_leaves_the_run_unfinished_and_the_file_on_its_way(exosms: Shell, exotel: FaultyExotel) -> None:
    first = through(exosms, exotel, TWO, "--run", "june", "--limit", "1", "--json")
    assert (first.exit_code, first.json["state"], first.json["counts"]["remaining"]) == (0, "unfinished", 1)
    assert first.stderr.rstrip().endswith("Continue with: exosms runs resume june")
    for name in ("people.csv", "copy.csv"):
        (exosms.home / name).write_text(TWO)
        env = {**ACCOUNT, "EXOSMS_BASE_URL": exotel.url}
        same = exosms("bulk", str(exosms.home / name), "--yes", env=env)
        assert (same.exit_code, exotel.requests) == (5, 1)
        assert "This file already has an unfinished run, june" in same.stderr
        assert "exosms runs resume june" in same.stderr
    edited = through(exosms, exotel, TWO.replace("Namaste", "Hi"))
    assert (edited.exit_code, exotel.requests) == (5, 1)
    assert "changed since its unfinished run june: 1 of its rows unchanged, 1 new, 1 gone\n" in edited.stderr
    everybody = through(exosms, exotel, TWO.replace("\n+", "\n +").replace(",", ",Dear ").replace("Dear b", "b"))
    former = "1 person got, or may have got, the former text"
    assert f"june: 0 of its rows unchanged, 2 new, 2 gone; {former}\n" in everybody.stderr
    last = through(exosms, exotel, TWO, "--run", "june")
    assert (last.exit_code, exotel.requests) == (0, 2)
    assert len(set(texts(exotel))) == len(texts(exotel)) == 2


def test_a_named_run_that_another_process_has_is_not_asked_about(exosms: Shell) -> None:
    bulk(exosms, TWO, "--yes", "--run", "june", "--limit", "1")
    with closing(Ledger.open(exosms.home / "state")) as ledger:
        journal = Journal(ledger)
        journal.take(journal.run("june"))
        result = bulk(exosms, TWO, "--run", "june")
    assert (result.exit_code, result.stdout) == (5, "")
    assert "The run june is being sent by process" in result.stderr


def test_a_dry_run_of_a_run_that_exists_says_so(exosms: Shell) -> None:
    bulk(exosms, TWO, "--yes", "--run", "june", "--limit", "1")
    result = bulk(exosms, TWO, "-n", "--run", "june", "--json")
    assert (result.exit_code, result.json["state"], result.json["counts"]["remaining"]) == (0, "unfinished", 1)
    assert "the run june already exists; --run would continue it" in result.stderr


def test_an_account_that_refuses_leaves_every_row_to_be_sent(exosms: Shell, exotel: FaultyExotel) -> None:
    text = "to,body\n+919000000401,x\n+919876543210,y\n"
    result = bulk(exosms, text, "--yes", "--run", "june", "--json")
    assert result.exit_code == 4
    assert result.json["error"]["http_status"] == 401
    assert result.json["counts"] == {**NONE_SENT, "rows": 2, "remaining": 2}
    assert "exosms runs resume june" in result.stderr.splitlines()[-1]


def test_too_many_failures_stop_a_run(exosms: Shell) -> None:
    rows = "".join(f"+919000000400,x{n}\n+91987654{n:04d},y\n" for n in range(20))
    result = bulk(exosms, "to,body\n" + rows, "--yes", "--max-failures", "5%", "--run", "june", "--json")
    counts = result.json["counts"]
    assert result.exit_code == 10
    assert 2 <= counts["rejected"] <= 12
    assert counts["remaining"] > 0


def test_rows_that_were_left_out_count_before_the_first_message(exosms: Shell, exotel: FaultyExotel) -> None:
    text = TWO + "12,x\n"
    result = through(exosms, exotel, text, "--skip-invalid", "--max-failures", "1", "--run", "june", "--json")
    assert (result.exit_code, exotel.requests) == (10, 0)
    assert result.json["counts"] == {**NONE_SENT, "rows": 3, "rejected": 1, "remaining": 2}
    assert result.json["error"]["message"].startswith("1 row failed")
    remedy = "See why with `exosms runs show june`. Continue with: exosms runs resume june"
    assert result.json["error"]["remedy"] == remedy
    assert "Nothing" not in str(result.json["error"]) + result.stderr  # one of them was sent


def test_where_every_row_is_refused_few_requests_find_out(exosms: Shell, exotel: FaultyExotel) -> None:
    text = TWO + "9876543212,Hi\n" + "".join(f"98765{n:05d},REFUSE-THIS {n}\n" for n in range(1000))
    result = through(exosms, exotel, text, "--json")
    assert result.exit_code == 6, result.stderr
    assert exotel.requests < 100  # splitting all that is in flight level by level takes a thousand
    assert result.json["counts"]["accepted"] == 3
    assert "5 requests in a row ended like this" in result.json["error"]["message"]


def test_messages_that_go_alone_do_not_wait_for_each_other(exosms: Shell) -> None:
    """Every one but the first is answered only beside another."""
    (exosms.home / "people.csv").write_text("to,body\n" + "".join(f"98765{n:05d},Hello {n}\n" for n in range(25)))
    two = threading.Barrier(2)

    def beside_another(connection: Connection) -> None:
        two.wait(60)
        accepts(connection)

    with Misbehaving(accepts, beside_another) as server:
        argv = (
            "bulk",
            str(exosms.home / "people.csv"),
            "--yes",
            "--rate",
            "off",
            "--priority",
            "high",
            "--batch",
            "100",
        )
        assert exosms(*argv, env={**ACCOUNT, "EXOSMS_BASE_URL": server.url}).exit_code == 0
        assert server.complete_requests == 25


def test_the_result_file_has_every_row(exosms: Shell) -> None:
    path = exosms.home / "results.csv"
    text = 'to,body\n9876543210,x\n"=cmd()",y\n+919000000400,z\n'
    result = bulk(exosms, text, "--yes", "--skip-invalid", "--results", str(path))
    assert result.exit_code == 10
    header, *rows = path.read_text().splitlines()
    assert header == "row,line,to,outcome,sid,http_status,code,error,segments,attempts,updated_at"
    assert [row.split(",")[:4] for row in rows] == [
        ["1", "2", "+919876543210", "accepted"],
        ["2", "3", "'=cmd()", "rejected"],
        ["3", "4", "+919000000400", "rejected"],
    ]
    assert path.stat().st_mode & 0o777 == 0o600
    (run,) = exosms("runs", "list", "--json").json["runs"]
    for more in ((), ("--with", str(exosms.home / "people.csv"))):  # no spreadsheet reads JSON
        rows = exosms("runs", "export", run["run"], "--outcome", "rejected", "--json", *more).json["rows"]
        assert (rows[0]["to"], rows[0]["error"].partition(" is ")[0]) == ("=cmd()", "to: '=cmd()'"), rows


@pytest.mark.parametrize("first", [*"=+-@", *"＝＋－＠"])
def test_what_a_spreadsheet_would_run_is_text_in_the_results(exosms: Shell, first: str) -> None:
    path = exosms.home / "results.csv"
    text = f"to,body\n+919876543210,a\n{first}1+cmd,b\n"
    assert bulk(exosms, text, "--yes", "--skip-invalid", "--results", str(path)).exit_code == 10
    with path.open(newline="") as file:
        assert [row["to"] for row in csv.DictReader(file)] == ["+919876543210", f"'{first}1+cmd"]


@pytest.mark.parametrize(
    ("cell", "harmless"),
    [
        ("x;=1+cmd", "x;'=1+cmd"),
        ('x;"=1+cmd"', 'x;"\'=1+cmd"'),
        ("x; @cmd;-1", "x; '@cmd;'-1"),
        ("x|=cmd", "x|'=cmd"),
        ("\t=cmd", "\\x09=cmd"),
        ("\r=cmd", "\\x0d=cmd"),
        (" =cmd", " '=cmd"),
        ("x=1; 2", "x=1; 2"),
    ],
)
def test_a_formula_is_text_whatever_the_delimiter_is(exosms: Shell, cell: str, harmless: str) -> None:
    path = exosms.home / "results.csv"
    quoted = cell.replace('"', '""')
    text = f'to,body\n+919876543210,a\n"{quoted}",b\n'
    assert bulk(exosms, text, "--yes", "--skip-invalid", "--results", str(path)).exit_code == 10
    with path.open(newline="") as file:
        assert [row["to"] for row in csv.DictReader(file)][1] == harmless


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664])
def test_a_result_file_that_is_there_keeps_its_mode(exosms: Shell, mode: int) -> None:
    path = exosms.home / "results.csv"
    path.write_text("old")
    path.chmod(mode)
    assert bulk(exosms, TWO, "--yes", "--run", "june", "--results", str(path)).exit_code == 0
    assert (path.stat().st_mode & 0o777, path.read_text().count("\n")) == (mode, 3)
    assert exosms("runs", "export", "june", str(path)).exit_code == 0
    assert path.stat().st_mode & 0o777 == mode


@pytest.mark.parametrize("name", ["ledger.db", "ledger.db-wal", "link", "hard"])
def test_results_are_never_written_over_the_ledger(exosms: Shell, name: str) -> None:
    bulk(exosms, THIRTY, "--yes", "--run", "june")
    ledger = exosms.home / "state" / "ledger.db"
    (exosms.home / "link").symlink_to(ledger)
    (exosms.home / "hard").hardlink_to(ledger)
    path = str(ledger.with_name(name) if name.startswith("ledger") else exosms.home / name)
    for argv in (("runs", "export", "june", path), ("runs", "resume", "june", "--yes", "--results", path)):
        result = exosms(*argv)
        assert (result.exit_code, "over the ledger" in result.stderr) == (3, True)
    result = bulk(exosms, TWO, "--yes", "--results", path)
    assert (result.exit_code, "over the ledger" in result.stderr) == (3, True)
    assert exosms("runs", "list").stdout.count("\n") == 1


@pytest.mark.parametrize("link", ["", "soft", "hard"])
@pytest.mark.parametrize(
    ("what", "name"),
    [
        ("configuration", "own.toml"),
        ("templates", "templates.toml"),
        ("templates", "of_profile.toml"),
        ("templates", "of_variable.toml"),
        ("token", "of_profile.token"),
        ("token", "of_variable.token"),
    ],
)
def test_results_are_never_written_over_what_settings_are_read_from(
    exosms: Shell, what: str, name: str, link: str
) -> None:
    bulk(exosms, THIRTY, "--yes", "--run", "june")
    for file in ("templates.toml", "of_profile.toml", "of_variable.toml", "of_profile.token", "of_variable.token"):
        (exosms.home / file).write_text("own")
    config = exosms.home / "own.toml"
    named = 'templates = "of_profile.toml"\ntoken_file = "of_profile.token"'
    config.write_text(f"version = 1\n[profiles.other]\n{named}\n")
    config.chmod(0o600)
    env = {
        "EXOSMS_CONFIG": str(config),
        "EXOSMS_TEMPLATES": str(exosms.home / "of_variable.toml"),
        "EXOTEL_API_TOKEN_FILE": "~/of_variable.token",
    }
    path, before = exosms.home / name, (exosms.home / name).read_text()
    other = exosms.home / "results.csv"
    if link == "soft":
        other.symlink_to(path)
    elif link == "hard":
        other.hardlink_to(path)
    given = str(other if link else path)
    (exosms.home / "two.csv").write_text(TWO)
    for argv in (
        ("runs", "export", "june", given),
        ("runs", "resume", "june", "--yes", "--results", given),
        ("runs", "retry", "june", "--yes", "--results", given),
        ("bulk", str(exosms.home / "two.csv"), *SANDBOX, "--yes", "--results", given),
    ):
        result = exosms(*argv, env=env)
        assert (result.exit_code, f"would be written over the {what}" in result.stderr) == (3, True)
        assert path.read_text() == before


@pytest.mark.parametrize("option", ["--templates", "--config"])
def test_results_are_never_written_over_the_file_that_an_option_names(exosms: Shell, option: str) -> None:
    path = exosms.home / "named.toml"
    path.write_text("version = 1\n")
    path.chmod(0o600)
    result = bulk(exosms, TWO, "--yes", option, str(path), "--results", str(path))
    assert (result.exit_code, "would be written over the" in result.stderr) == (3, True)
    assert path.read_text() == "version = 1\n"


@pytest.mark.parametrize(
    "argv",
    [
        ("bulk", "{}", *SANDBOX, "--yes"),
        ("bulk", "{}", *SANDBOX, "-n"),
        ("runs", "export", "june", "--with", "{}"),
        ("runs", "reconcile", "june", "--region", "sandbox", "--report", "{}"),
    ],
    ids=" ".join,
)
def test_a_path_that_the_system_does_not_even_look_at_is_refused_as_any_other(
    exosms: Shell, argv: tuple[str, ...]
) -> None:
    """Such as one below a directory that is somebody else's, which a test that root runs does not have."""
    bulk(exosms, TWO, "--yes", "--run", "june")
    result = exosms(*(word.format("x" * 300) for word in argv))
    assert (result.exit_code, result.stdout) == (3, "")
    assert "cannot be read: File name too long" in result.stderr


def test_a_result_file_is_no_source_that_nobody_can_look_at(exosms: Shell) -> None:
    path = exosms.home / "results.csv"
    path.touch()
    assert results_csv.check_file(path, AccountOptions(), Path("x" * 300)) == path


@pytest.mark.parametrize(
    ("argv", "file"),
    [
        (("-", "--body", "Hello"), "people.csv"),
        (("people.csv", "-F", "-"), "text.txt"),
        (("people.csv", "-F", "text.txt"), "text.txt"),
    ],
)
def test_results_are_never_written_over_what_is_read(exosms: Shell, argv: tuple[str, ...], file: str) -> None:
    for name, content in (("people.csv", TWO), ("text.txt", "Hello")):
        (exosms.home / name).write_text(content)
    before = (exosms.home / file).read_text()
    with (exosms.home / file).open() as stdin:
        process = exosms.start("bulk", *argv, *SANDBOX, "--yes", "--results", file, stdin=stdin, cwd=exosms.home)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, b"over the messages themselves" in err) == (3, True)
    assert (exosms.home / file).read_text() == before


def test_a_directory_may_be_called_by_bytes_that_are_no_text(exosms: Shell) -> None:
    directory = os.fsencode(exosms.home) + b"/caf\xe9"
    try:
        os.mkdir(directory)  # noqa: PTH102  # by its bytes
    except OSError:
        pytest.skip("this system calls nothing so")
    with open(directory + b"/people.csv", "w") as file:  # noqa: PTH123
        file.write(TWO)
    sending = ("bulk", "people.csv", *SANDBOX)
    for argv, exit_code in (
        ((*sending, "-n"), 0),
        ((*sending, "--yes", "--run", "june", "--limit", "1"), 0),
        ((*sending, "--yes"), 5),
        (("runs", "resume", "june", "--yes", "--results", "people.csv"), 3),
        (("runs", "export", "june", "people.csv"), 3),
    ):
        process = exosms.start(*argv, cwd=directory)
        _, err = process.communicate(timeout=60)
        assert process.returncode == exit_code, err
    with open(directory + b"/people.csv") as file:  # noqa: PTH123
        assert file.read() == TWO
    assert exosms("runs", "list", "--json").json["runs"][0]["file"] == f"{exosms.home}/caf\\xe9/people.csv"


@pytest.mark.parametrize("other", ["people.csv", "state/ledger.db", "config.toml"])
def test_a_link_that_is_put_in_the_place_of_results_is_not_followed(
    exosms: Shell, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    path, other_path = exosms.home / "results.csv", exosms.home / other
    (exosms.home / "config.toml").write_text("version = 1\n")
    inodes = []
    write_file = results_csv.write_file

    def swapped(run: Run, journal: Journal, target: Path) -> None:
        path.unlink(missing_ok=True)
        path.symlink_to(other_path)
        inodes.append(other_path.stat().st_ino)
        write_file(run, journal, target)

    monkeypatch.setattr("exosms.bulk.results_csv.write_file", swapped)
    for _ in range(2):  # one that was not there, and one that was
        assert bulk(exosms, TWO, "--yes", "--sent-before", "send", "--results", str(path)).exit_code == 0
        assert (path.is_symlink(), path.read_text().count("\n")) == (False, 3)
        assert other_path.stat().st_ino == inodes[-1]


def test_a_result_file_that_cannot_be_written_is_found_before_the_first_message(exosms: Shell) -> None:
    bulk(exosms, THIRTY, "--yes", "--run", "june")
    (exosms.home / "link").symlink_to("nowhere")
    (exosms.home / "loop").symlink_to("loop")
    sayings = {
        str(exosms.home / "nowhere" / "out.csv"): "cannot be written: No such file or directory",
        str(exosms.home / "link"): "is a link to nowhere, which does not exist",
        str(exosms.home / "loop"): "is a link to loop, which does not exist",
        str(exosms.home / "state"): "cannot be written: Is a directory",
    }
    for path, said in sayings.items():
        results = (
            bulk(exosms, TWO, "--yes", "--results", path),
            exosms("runs", "resume", "june", "--yes", "--results", path),
            exosms("runs", "export", "june", path),
        )
        assert [(result.exit_code, said in result.stderr) for result in results] == [(4, True)] * 3
    assert exosms("runs", "list").stdout.count("\n") == 1


def test_a_run_is_exported_to_standard_output(exosms: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(exosms.home)
    bulk(exosms, TWO, "--yes", "--run", "june")
    assert exosms("runs", "export", "june", "-") == exosms("runs", "export", "june")
    assert exosms("runs", "export", "june", "-").stdout.startswith("row,line,to,")
    assert not Path("-").exists()


def test_results_go_to_a_pipe_as_well(exosms: Shell) -> None:
    (exosms.home / "people.csv").write_text(TWO)
    argv = ("bulk", *SANDBOX, str(exosms.home / "people.csv"), "--yes", "-q", "--results", "/dev/stderr")
    process = exosms.start(*argv)
    _, err = process.communicate(timeout=60)
    assert err.startswith(b"row,line,to,")
    assert err.count(b"\n") == 3


@pytest.mark.parametrize("output", [(), ("--json",)])
def test_results_that_find_no_room_leave_the_messages_truth(exosms: Shell, output: tuple[str, ...]) -> None:
    """Exit code 3, or a second document, would say that nothing was sent."""
    text = TWO + "+919000000400,Refused\n"
    argv = ("--yes", "-q", "--run", "june", "--results", "/dev/full", *output)
    for result in (bulk(exosms, text, *argv), bulk(exosms, text, *argv)):  # the second only answers again
        assert result.exit_code == 10
        assert not output or result.json["counts"] == {**NONE_SENT, "rows": 3, "accepted": 2, "rejected": 1}
        assert result.stderr.endswith(
            "exosms: error: The result file /dev/full cannot be written: the disk is full\n"
            "  Write it elsewhere with: exosms runs export june FILE\n"
        )


def test_results_that_cannot_be_written_leave_nothing_half_written(
    exosms: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    bulk(exosms, TWO, "--yes", "--run", "june")
    before = sorted(exosms.home.iterdir())

    def fill_up(_rows: object, file: Any, **_how: object) -> None:
        file.write("row,line")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("exosms.bulk.results_csv.write", fill_up)
    assert exosms("runs", "export", "june", str(exosms.home / "results.csv")).exit_code == 4
    assert sorted(exosms.home.iterdir()) == before


@pytest.mark.parametrize("kind", REFUSALS)
def test_refusals_in_any_order_make_nothing_be_sent_again(exosms: Shell, exotel: FaultyExotel, kind: str) -> None:
    """Of those that may have been sent none is called rejected; what is learned is that replies cannot be matched."""
    exotel.suffer(1.0, kind)
    begun = through(exosms, exotel, THIRTEEN, "--run", "june", "--batch", "10")
    assert [max(1, form.count(b"To%5B")) for form in exotel.forms] == [1, 2, 10]
    unlike = len(set(REFUSALS[kind])) > 1
    assert ("continuing with one text per request" in begun.stderr) == unlike
    told = "messages of this request were refused, and the answer does not tell which"
    assert (f"6 unknown: HTTP 200 {told}" in begun.stderr) == unlike
    exotel.suffer(0.0, kind)
    exosms(
        "runs", "retry", "june", "--yes", "--rejected", "--rate", "off", env=ACCOUNT | {"EXOSMS_BASE_URL": exotel.url}
    )
    acted = [sum(deed.acted for deed in deeds) for deeds in exotel.deeds.values()]
    assert max(acted) == 1
    assert acted.count(0) == (3 if unlike else 0)  # refused for certain, but nobody can tell which ones


ANOTHERS = "the answer gives it the Sid of another message"


def test_a_sid_that_another_message_has_is_not_believed(exosms: Shell) -> None:
    """Be it of this run, of an earlier one or of a single message."""
    path = exosms.home / "people.csv"
    path.write_text(TWO)
    sids = "aabbaabbbc"
    single = ("send", "--to", "9876543219", "--body", "Hi", "--json")
    with Misbehaving(*(answers(200, json.dumps({"SMSMessage": {"Sid": sid}})) for sid in sids)) as server:

        def sent(*argv: str) -> Result:
            return exosms(*argv, "--rate", "off", env={**ACCOUNT, "EXOSMS_BASE_URL": server.url})

        assert sent(*single).exit_code == 0
        (doubted,) = sent(*single).json["messages"]
        assert (doubted["outcome"], doubted["sid"]) == ("unknown", None)
        assert doubted["error"]["message"] == f"{ANOTHERS}: Sid a"
        for run, sid, unknown in (("one", "b", 1), ("two", "a", 2), ("three", "b", 2)):
            result = sent("bulk", str(path), "--yes", "--run", run, "--sent-before", "send")
            assert result.exit_code == 10
            assert f"{unknown} unknown: HTTP 200 {ANOTHERS}: Sid {sid} (first in line {4 - unknown})" in result.stderr
        assert sent(*single).exit_code == 9
        assert sent(*single).exit_code == 0
        assert server.complete_requests == len(sids)
    kept = [entry["sid"] for entry in exosms("log", "--json").json["messages"] if entry["sid"]]
    assert sorted(kept) == ["a", "b", "c"]


@pytest.mark.parametrize("is_single", [True, False])
def test_nobody_else_can_get_a_sid_between_the_look_at_others_and_the_record(
    exosms: Shell, exotel: FaultyExotel, monkeypatch: pytest.MonkeyPatch, is_single: bool
) -> None:
    """As two processes do that are given the same Sid at the same moment."""
    look, looks = Ledger.with_sid_of_another, list[bool]()

    def looked(self: Ledger, account: str, sids: Mapping[Place, str]) -> set[Place]:
        with closing(sqlite3.connect(exosms.home / "state" / "ledger.db", timeout=0)) as other:
            try:
                other.execute("BEGIN IMMEDIATE")
                looks.append(False)
            except sqlite3.OperationalError:
                looks.append(True)
        return look(self, account, sids)

    monkeypatch.setattr(Ledger, "with_sid_of_another", looked)
    if is_single:
        env = ACCOUNT | {"EXOSMS_BASE_URL": exotel.url}
        assert exosms("send", "--to", "9876543219", "--body", "Hi", "--rate", "off", env=env).exit_code == 0
        assert looks == [True]
    else:
        assert through(exosms, exotel, TWO, "--run", "june", "--batch", "1").exit_code == 0
        assert looks[1::2] == [True, True]  # the first look of each answer is what is learned of the server


def test_a_row_that_was_given_the_sid_of_another_meanwhile_is_unknown(
    exosms: Shell, exotel: FaultyExotel, monkeypatch: pytest.MonkeyPatch
) -> None:
    look, looks = Ledger.with_sid_of_another, list[Mapping[Place, str]]()

    def looked(self: Ledger, account: str, sids: Mapping[Place, str]) -> set[Place]:
        looks.append(sids)
        return set(sids) if len(looks) == 2 else look(self, account, sids)

    monkeypatch.setattr(Ledger, "with_sid_of_another", looked)
    result = through(exosms, exotel, TWO, "--run", "june", "--batch", "1")
    assert (result.exit_code, result.stdout.count("unknown\t"), result.stdout.count("accepted\t")) == (10, 1, 1)
    assert re.search(rf"1 unknown: HTTP 200 {ANOTHERS}: Sid \w+ \(first in line 2\)", result.stderr)  # the first row


def test_a_batch_with_the_sid_of_another_message_fits_no_request(
    exosms: Shell, exotel: FaultyExotel, monkeypatch: pytest.MonkeyPatch
) -> None:
    through(exosms, exotel, TWO, "--run", "may")
    taken = exosms("log", "--json").json["messages"][0]["sid"]
    sids = iter([11, 12, 13, int(taken, 16), *range(20, 90)])
    monkeypatch.setattr(exotel, "_chance", SimpleNamespace(random=lambda: 1.0, getrandbits=lambda _: next(sids)))
    result = through(exosms, exotel, THIRTEEN, "--run", "june", "--batch", "10")
    assert f"1 unknown: HTTP 200 {ANOTHERS}: Sid {taken} (first in line 5)" in result.stderr
    assert "continuing with one text per request" in result.stderr
    assert result.exit_code == 10


# --- samples ---


def test_samples_are_the_first_and_the_longest_text_and_go_to_one_number_only(
    exosms: Shell, exotel: FaultyExotel
) -> None:
    text = "to,body\n9876543210,first\n9876543211,the longest of all\n9876543212,short\n"
    result = through(exosms, exotel, text, "--sample-to", "9876543219", "--json")
    assert (result.exit_code, [message["to"] for message in result.json["messages"]]) == (0, ["+919876543219"] * 2)
    assert texts(exotel) == [("+919876543219", "first"), ("+919876543219", "the longest of all")]
    assert exosms("runs", "list").stdout == ""
    assert through(exosms, exotel, text).exit_code == 0


@pytest.mark.parametrize(
    "guard", [("--max-segments", "1"), ("--max-parts", "1"), ("--type", "promotional")], ids=lambda guard: guard[0]
)
def test_samples_pass_every_guard(
    exosms: Shell, exotel: FaultyExotel, monkeypatch: pytest.MonkeyPatch, guard: tuple[str, str]
) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_763_922_600.0)  # 2025-11-24 00:00 in India
    text = "to,body\n9876543210,first\n9876543211," + "x" * 161 + "\n"
    result = through(exosms, exotel, text, "--sample-to", "9876543219", *guard)
    assert (result.exit_code, exotel.requests) == (5, 0)


def test_a_file_without_a_sound_row_has_no_samples(exosms: Shell) -> None:
    result = bulk(exosms, "to,body\n12,x\n", "--skip-invalid", "--sample-to", "9876543219", "--yes", "--json")
    assert (result.exit_code, result.json["error"]["kind"]) == (3, "rejected")
    assert "No row of" in result.stderr


def test_a_dry_run_of_samples_sends_none(exosms: Shell) -> None:
    without_effect = ("--run", "june", "--limit", "1")
    result = bulk(exosms, TWO, "--sample-to", "9876543219", "--dry-run", *without_effect)
    assert "warning: samples are no run, so --run, --limit change nothing\n" in result.stderr
    lines = [f"planned\t+919876543219\t\t1 part, plain: {text}\n" for text in ("Hello", "Namaste")]
    assert (result.exit_code, result.stdout) == (0, "".join(lines))


# --- other processes, and streams that close ---


SLOW = 400
"""Rows that take more than a minute and a half at the pace of ``begin_slowly``, which no test waits for."""
GO_ON = ("runs", "resume", "june", "--yes", "--rate", "off", "--batch", "100", "-q")


def begin_slowly(exosms: Shell, exotel: FaultyExotel) -> "subprocess.Popen[bytes]":
    """Begin a run whose rate makes it last, and return once its first request has come."""
    (exosms.home / "people.csv").write_text("to,body\n" + "".join(f"98765{n:05d},Hello {n}\n" for n in range(SLOW)))
    env = {**ACCOUNT, "EXOSMS_BASE_URL": exotel.url}
    how = ("--batch", "1", "--rate", "240/min")
    process = exosms.start("bulk", str(exosms.home / "people.csv"), "--yes", "--run", "june", *how, env=env)
    while not exotel.requests and process.poll() is None:
        time.sleep(0.01)
    return process


def test_one_process_at_a_time_sends_a_run(exosms: Shell, exotel: FaultyExotel) -> None:
    process = begin_slowly(exosms, exotel)
    env = {**ACCOUNT, "EXOSMS_BASE_URL": exotel.url}
    (exosms.home / "copy.csv").write_bytes((exosms.home / "people.csv").read_bytes())
    (exosms.home / "people.csv").rename(exosms.home / "renamed.csv")
    for argv in (
        ("bulk", str(exosms.home / "renamed.csv"), "--yes", "--run", "june"),
        ("bulk", str(exosms.home / "renamed.csv"), "--yes"),
        ("bulk", str(exosms.home / "copy.csv"), "--yes"),
        ("runs", "resume", "june", "--yes"),
        ("runs", "retry", "june", "--yes"),
    ):
        loser = exosms(*argv, env=env)
        assert (loser.exit_code, loser.stdout) == (5, "")
        assert f"process {process.pid}" in loser.stderr
    for options in ((), ("--json",)):
        told = exosms("runs", "show", "june", *options).stderr
        assert f"It is being sent by process {process.pid}: wait for it, or stop it first.\n" in told
        assert "runs resume" not in told
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == 143
    assert exosms(*GO_ON, env=env).exit_code == 0
    assert len(texts(exotel)) == len(set(texts(exotel))) == SLOW


def remove_ledger(state: Path) -> None:
    (state / "ledger.db").unlink()


def replace_ledger(state: Path) -> None:
    shutil.copy(state / "ledger.db", state / "copy")
    (state / "copy").replace(state / "ledger.db")


@pytest.mark.parametrize("happens", [remove_ledger, replace_ledger, shutil.rmtree])
def test_a_run_whose_ledger_goes_away_sends_nothing_more(exosms: Shell, exotel: FaultyExotel, happens: Any) -> None:
    """No other command would find its claims, so the same file could be sent a second time meanwhile."""
    process = begin_slowly(exosms, exotel)
    happens(exosms.home / "state")
    before = len(texts(exotel))
    _, err = (stream.decode() for stream in process.communicate(timeout=60))
    assert process.returncode == 4
    assert "was removed or replaced while this command used it" in err
    assert "bug" not in err
    assert len(texts(exotel)) <= before + bulk_module.WORKERS  # that were on their way


def test_a_run_that_was_taken_for_dead_is_left_to_whoever_took_it(exosms: Shell, exotel: FaultyExotel) -> None:
    process = begin_slowly(exosms, exotel)
    shutil.rmtree(exosms.home / "state" / "owners")
    env = {**ACCOUNT, "EXOSMS_BASE_URL": exotel.url}
    taker = exosms(*GO_ON, env=env)
    _, err = (stream.decode() for stream in process.communicate(timeout=60))
    assert process.returncode == 4 or exosms("runs", "list", "--json").json["runs"][0]["state"] == "finished"
    assert "bug" not in err
    assert taker.exit_code in {0, 10}  # 10: a request of the other one was in flight, so that it is unknown at first
    assert len(texts(exotel)) == len(set(texts(exotel))) == SLOW
    assert exosms("runs", "list", "--json").json["runs"][0]["state"] == "finished"


@pytest.mark.parametrize("threads", [0, 1, 2, 5])
def test_a_machine_with_few_threads_makes_fewer_requests_at_a_time(
    exosms: Shell, monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    """A carrier and its exchange are two; with less than that nothing can be sent, and nothing is unknown."""
    start, start_exchange = threading.Thread.start, _thread.start_new_thread
    exchanges: list[exchange.Exchange] = []

    def ours() -> int:
        """Count the threads that have something to do: one that has its answer may take its time to end."""
        working = sum(each._answer is None and each._error is None for each in exchanges)
        return sum(thread.name.startswith("carrier") for thread in threading.enumerate()) + working

    def starting(self: threading.Thread) -> None:
        is_ours = self.name.startswith(("carrier", "probe"))
        if is_ours and ours() - lingering >= threads:
            raise RuntimeError("can't start new thread")
        start(self)

    def starting_exchange(run: MethodType, _: object) -> None:
        if ours() - lingering >= threads:
            raise RuntimeError("can't start new thread")
        assert isinstance(run.__self__, exchange.Exchange)
        exchanges.append(run.__self__)
        start_exchange(run, ())

    def until_one_is_free(_retry: int, *, chance: float) -> float:
        """A pause is as long as the requests in flight take, however busy the machine is."""
        deadline = time.monotonic() + 30
        while threads > 1 and ours() - lingering >= threads and time.monotonic() < deadline:
            time.sleep(0.001)
        return 0.001 * chance

    lingering = ours()
    monkeypatch.setattr(threading.Thread, "start", starting)
    monkeypatch.setattr(exchange, "_thread", SimpleNamespace(start_new_thread=starting_exchange))
    monkeypatch.setattr(bulk_module, "back_off", until_one_is_free)
    text = "to,body\n" + "".join(f"98765{n:05d},Hello {n}\n" for n in range(12))
    with FaultyExotel(faults=0, seed=1, latency=0.02) as server:
        result = through(exosms, server, text, "--json")
    if threads < 2:
        assert (result.exit_code, server.requests) == (7, 0)
        assert "this process may start no more threads" in result.json["error"]["message"]
        assert (result.json["counts"]["accepted"], result.json["counts"]["unknown"]) == (0, 0)
    else:
        assert (result.exit_code, result.json["counts"]["accepted"]) == (0, 12)
        assert len(texts(server)) == len(set(texts(server))) == 12


def test_a_carrier_that_left_no_thread_for_an_exchange_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or two idle carriers would hold the two threads that one request needs, and nothing could ever be sent."""
    start, begun, answer = threading.Thread.start, list[threading.Thread](), threading.Event()

    def starting(self: threading.Thread) -> None:
        if sum(thread.is_alive() for thread in begun) >= 2:
            raise RuntimeError("can't start new thread")
        start(self)
        if self.name == "probe":
            self.join()
        else:
            begun.append(self)

    def send(messages: Sequence[Message]) -> Batch:
        answer.wait(30)
        return Batch((), whole=not messages)

    monkeypatch.setattr(threading.Thread, "start", starting)
    carriers = RequestThreads(send, most=8)
    carriers.carry(Request(due=0, place=1, items=()))
    carriers.carry(Request(due=0, place=2, items=()))
    answer.set()
    arrived = 0
    while arrived < 2:
        arrived += len(carriers.arrived(timeout=30))
    until = time.monotonic() + 30
    while all(thread.is_alive() for thread in begun) and time.monotonic() < until:
        begun[0].join(0.01)
    assert sum(thread.is_alive() for thread in begun) == 1
    assert carriers.most == 1
    carriers.carry(Request(due=0, place=3, items=()))
    assert len(carriers.arrived(timeout=30)) == 1


@pytest.mark.parametrize(("signum", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_the_first_signal_waits_for_what_is_in_flight(exosms: Shell, signum: int, exit_code: int) -> None:
    with FaultyExotel(faults=0, seed=1, latency=1) as slow:
        process = begin_slowly(exosms, slow)
        process.send_signal(signum)
        out, err = (stream.decode() for stream in process.communicate(timeout=60))
        assert process.returncode == exit_code
        assert [line.split("\t")[0] for line in out.splitlines()] == ["accepted"] * len(texts(slow))
    assert "stopping after the requests in flight; press Ctrl-C again to leave at once" in err
    assert err.rstrip().endswith("Continue with: exosms runs resume june")
    counts = exosms("runs", "show", "june", "--json").json["counts"]
    sent = len(texts(slow))
    assert counts == {**NONE_SENT, "rows": SLOW, "accepted": sent, "remaining": SLOW - sent}


@pytest.mark.parametrize(
    "both",
    [(signal.SIGHUP, signal.SIGHUP), (signal.SIGTERM, signal.SIGHUP), (signal.SIGHUP, signal.SIGTERM)],
    ids=["a shell and the kernel", "systemd", "systemd, as the kernel orders them"],
)
def test_a_terminal_that_is_closed_lets_what_is_in_flight_finish(
    exosms: Shell, both: tuple[signal.Signals, signal.Signals]
) -> None:
    first, second = both
    with FaultyExotel(faults=0, seed=1, latency=2) as slow:
        process = begin_slowly(exosms, slow)
        process.send_signal(first)
        assert process.stderr
        while b"stopping" not in process.stderr.readline():
            pass
        process.send_signal(second)
        out, _ = (stream.decode() for stream in process.communicate(timeout=60))
        assert [line.split("\t")[0] for line in out.splitlines()] == ["accepted"] * len(texts(slow))
    assert process.returncode in {128 + signum for signum in both}
    assert exosms("runs", "show", "june", "--json").json["counts"]["unknown"] == 0


@pytest.mark.parametrize(("signum", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_second_signal_leaves_with_everything_in_a_known_state(
    exosms: Shell, signum: int, exit_code: int
) -> None:
    with FaultyExotel(faults=0, seed=1, latency=600) as slow:  # nobody waits for it
        process = begin_slowly(exosms, slow)
        process.send_signal(signum)
        assert process.stderr
        while b"stopping" not in process.stderr.readline():
            pass
        process.send_signal(signum)
        out, err = (stream.decode() for stream in process.communicate(timeout=60))
    assert (process.returncode, out) == (exit_code, "")
    assert err.rstrip().endswith("Continue with: exosms runs resume june")
    counts = exosms("runs", "show", "june", "--json").json["counts"]
    assert counts == {**NONE_SENT, "rows": SLOW, "unknown": 1, "remaining": SLOW - 1}


@pytest.mark.parametrize("jump", [86400.0, -86400.0, 3600.0 * 24 * 400])
def test_a_wall_clock_that_jumps_neither_repeats_nor_delays_a_message(
    exosms: Shell, exotel: FaultyExotel, monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    real, opened = time.time, Ledger.open

    def jumping() -> float:
        return real() + (jump if len(exotel.deeds) >= 3 else 0.0)

    monkeypatch.setattr(Ledger, "open", lambda directory, **how: opened(directory, clock=jumping, **how))
    monkeypatch.setattr(time, "time", jumping)
    text = "to,body\n" + "".join(f"98765{n:05d},Hello {n}\n" for n in range(10))
    began = time.monotonic()
    first = through(exosms, exotel, text, "--rate", "1200/min", "--limit", "6", "--run", "june")
    second = through(exosms, exotel, text, "--rate", "1200/min", "--run", "june")
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert time.monotonic() - began < 60
    assert len(texts(exotel)) == len(set(texts(exotel))) == 10


@pytest.mark.parametrize(("signum", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_before_the_first_request_is_a_document_too(exosms: Shell, signum: int, exit_code: int) -> None:
    process = exosms.start("bulk", *SANDBOX, "-", "--yes", "--json", stdin=subprocess.PIPE)
    until(lambda: listens(process))
    process.send_signal(signum)
    out, _ = process.communicate(timeout=60)
    document = json.loads(out)
    assert (process.returncode, document["exit_code"], document["error"]["kind"]) == (
        exit_code,
        exit_code,
        "interrupted",
    )
    assert (document["command"], document["file"], document["counts"]) == ("bulk", "-", NONE_SENT)
    assert exosms("runs", "list").stdout == ""


def test_another_process_pause_is_waited_for_and_told(exosms: Shell, exotel: FaultyExotel) -> None:
    (exosms.home / "people.csv").write_text(TWO)
    with closing(Ledger.open(exosms.home / "state")) as ledger:
        ledger.block(f"{exotel.url[7:]}/acme1", seconds=60)
    env = {**ACCOUNT, "EXOSMS_BASE_URL": exotel.url}
    process = exosms.start("bulk", str(exosms.home / "people.csv"), "--yes", "--run", "june", env=env)
    assert process.stderr
    told = [process.stderr.readline().decode() for _ in range(3)]
    process.terminate()
    process.communicate(timeout=30)
    assert re.fullmatch(r"exosms: waiting \d\d s, because Exotel asked this account to pause\n", told[-1])
    assert (process.returncode, exotel.requests) == (143, 0)


def test_a_closed_standard_output_does_not_stop_a_run(exosms: Shell, exotel: FaultyExotel) -> None:
    rows = "".join(f"98765{n:05d},Hello {n}\n" for n in range(300))
    (exosms.home / "people.csv").write_text("to,body\n" + rows)
    env = {**ACCOUNT, "EXOSMS_BASE_URL": exotel.url}
    argv = ("bulk", str(exosms.home / "people.csv"), "--yes", "--rate", "off", "--run", "june")
    process = exosms.start(*argv, env=env)
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    assert process.stderr.read().count(b"Traceback") == 0
    process.stderr.close()
    assert process.wait(60) == 0
    assert len(texts(exotel)) == 300
    assert "accepted\t300\n" in exosms("runs", "show", "june").stdout


def test_progress_is_told_where_nothing_can_be_painted(
    exosms: Shell, exotel: FaultyExotel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exosms.cli.output.progress._QUIET_SECONDS", 3600)  # which count as well
    rows = "".join(f"98{n:08d},Hello {n}\n" for n in range(70_000_000, 70_003_000))
    result = through(exosms, exotel, "to,body\n" + rows)
    assert result.exit_code == 0
    told = [line for line in result.stderr.splitlines() if " of 3000 (" in line]
    assert 1 <= len(told) <= 10
    assert re.fullmatch(r"exosms: \d+ of 3000 \(\d+ %\), \d+ accepted, \d+/s, .* left", told[0])


def test_progress_is_told_of_few_rows_and_of_none(
    exosms: Shell, exotel: FaultyExotel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exosms.cli.output.progress._QUIET_SECONDS", 3600)
    rows = "".join(f"98765{n:05d},Hello {n}\n" for n in range(40))
    told = [line for line in through(exosms, exotel, "to,body\n" + rows).stderr.splitlines() if " of 40 (" in line]
    assert 1 <= len(told) <= 4
    monkeypatch.setattr("exosms.cli.output.progress._QUIET_SECONDS", 0)  # so that none is settled by then
    result = through(exosms, exotel, TWO, "--sent-before", "send")
    assert "exosms: 0 of 2 (0 %), 0 accepted, 0/min, unknown time left\n" in result.stderr


def test_progress_is_painted_on_a_terminal(exosms: Shell, exotel: FaultyExotel) -> None:
    rows = "".join(f"98765{n:05d},Hello {n}\n" for n in range(12))
    (exosms.home / "people.csv").write_text("to,body\n" + rows)
    env = {**ACCOUNT, "EXOSMS_BASE_URL": exotel.url}
    argv = ("bulk", str(exosms.home / "people.csv"), "--yes", "--rate", "600/min", "--run", "june")
    began = time.monotonic()
    result = exosms.on_terminal(*argv, env=env, columns=100)
    seconds = time.monotonic() - began
    assert result.exit_code == 0
    paintings = re.findall(r"\d+ of 12 \(\d+ %\)", result.stdout)
    assert 1 <= len(paintings) <= 4 * seconds  # at most four a second


def test_hostile_cells_never_reach_the_terminal_as_they_are(exosms: Shell) -> None:
    hostile = "\x1b[2J[red]\u202e\x07"
    (exosms.home / "people.csv").write_text(f"to,body,{hostile}\n{hostile},x,y\n9876543210,{hostile},z\n")
    argv = ("bulk", *SANDBOX, str(exosms.home / "people.csv"), "--yes", "--skip-invalid", "--run", "june")
    for result in (exosms.on_terminal(*argv), exosms("runs", "export", "june")):
        assert "\x1b[2J" not in result.stdout
    shown = exosms.on_terminal("runs", "show", "june").stdout
    assert "\x1b[2J" not in shown
    assert "\u202e" not in shown


def test_a_state_directory_that_cannot_be_written_stops_everything(exosms: Shell, exotel: FaultyExotel) -> None:
    (exosms.home / "file").write_text("")
    result = through(exosms, exotel, TWO, env={"EXOSMS_STATE_DIR": str(exosms.home / "file" / "state")})
    assert (result.exit_code, result.stdout, exotel.requests) == (4, "", 0)


def test_the_ledger_keeps_no_text_that_was_accepted(exosms: Shell) -> None:
    text = "to,body\n9876543210,CANARY-accepted\n+919000000500,CANARY-unknown\n"
    assert bulk(exosms, text, "--yes").exit_code == 10
    state = exosms.home / "state"
    kept = b"".join(path.read_bytes() for path in state.iterdir() if path.name.startswith("ledger"))
    assert b"CANARY-accepted" not in kept
    assert b"CANARY-unknown" in kept
    assert {path.stat().st_mode & 0o777 for path in state.iterdir() if path.is_file()} == {0o600}
    assert Path(state).stat().st_mode & 0o777 == 0o700


def test_memory_does_not_grow_with_the_file(exosms: Shell, exotel: FaultyExotel) -> None:
    peaks = []
    for rows in (2_000, 20_000):
        path = exosms.home / f"{rows}.csv"
        with path.open("w") as file:
            file.write("to,body\n")
            file.writelines(f"{9_800_000_000 + n},Dear customer {n} all is well\n" for n in range(rows))
        env = {**ACCOUNT, "EXOSMS_BASE_URL": exotel.url, "EXOSMS_STATE_DIR": str(exosms.home / str(rows))}
        peaks.append(exosms.peak("bulk", str(path), "--yes", "--rate", "off", "-q", env=env) / 1024)
    assert peaks[1] < 60
    assert peaks[1] - peaks[0] < 8


def test_no_run_begins_whose_token_does_not_come(exosms: Shell, exotel: FaultyExotel, tmp_path: Path) -> None:
    config, token, people = tmp_path / "config.toml", tmp_path / "token", exosms.home / "people.csv"
    profile = f'base_url = "{exotel.url}"\naccount_sid = "a"\napi_key = "k"\nfrom = "ACMEIN"\ntoken_file = "{token}"'
    config.write_text(f"[profiles.prod]\n{profile}\n")
    config.chmod(0o600)
    people.write_text(TWO)
    command = ("bulk", str(people), "--yes", "--config", str(config), "--rate", "off")
    refused = exosms(*command)
    assert (refused.exit_code, refused.stdout, exosms("runs", "list").stdout) == (4, "", "")
    token.write_text("token")
    assert exosms(*command, "--run", "june", "--limit", "1").stdout.startswith("accepted\t")
    token.unlink()
    for resume in (("runs", "resume", "june", "--yes", "--config", str(config)), (*command, "--run", "june")):
        assert exosms(*resume).exit_code == 4
    token.write_text("token")
    assert exosms("runs", "resume", "june", "--yes", "--config", str(config)).exit_code == 0
    assert texts(exotel) == [("+919876543210", "Hello"), ("+919876543211", "Namaste")]


@pytest.mark.parametrize("released", [True, False])
def test_what_cannot_be_recorded_is_unknown_in_every_account_of_the_run(
    exosms: Shell, monkeypatch: pytest.MonkeyPatch, released: bool
) -> None:
    settle, settled = Journal.settle, 0

    def failing(self: Journal, *args: Any) -> None:
        nonlocal settled
        settled += 1
        if settled > 2:
            _full()
        settle(self, *args)

    monkeypatch.setattr(Journal, "settle", failing)
    if not released:
        monkeypatch.setattr(Journal, "release", _full)
    file = exosms.home / "people.csv"
    file.write_text("to,body\n" + "".join(f"98765432{row},Hello\n" for row in range(10, 40)))
    options = ("--region", "sandbox", "--yes", "--run", "june", "--batch", "1", "--results", str(exosms.home / "out"))
    result = exosms("bulk", str(file), *options, "--json")
    assert result.exit_code == result.json["exit_code"] == 4
    counts = result.json["counts"]
    assert counts["accepted"] >= 2  # of requests that are answered at the same time, all
    assert counts["unknown"] >= 1
    assert counts["accepted"] + counts["unknown"] + counts["remaining"] == 30
    outcomes = Counter(line.split(",")[3] for line in (exosms.home / "out").read_text().splitlines()[1:])
    assert outcomes == Counter(accepted=counts["accepted"], unknown=counts["unknown"], waiting=counts["remaining"])
    monkeypatch.undo()
    if released:
        assert exosms("runs", "show", "june", "--json").json["counts"] == counts
    assert exosms("runs", "resume", "june", "--yes").exit_code == 10
    after = exosms("runs", "show", "june", "--json").json["counts"]
    assert (after["accepted"], after["unknown"], after["remaining"]) == (30 - counts["unknown"], counts["unknown"], 0)


def test_a_request_costs_one_commit(exosms: Shell, exotel: FaultyExotel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each waits for a disk: what came back is committed together with the claim of what goes out next."""
    commits: list[str] = []
    connect = sqlite3.connect

    def watched(*args: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*args, **options)
        connection.set_trace_callback(lambda sql: commits.append(sql) if sql == "COMMIT" else None)
        return connection

    monkeypatch.setattr(sqlite3, "connect", watched)
    numbers = [f"98765{n:05d}" for n in range(400)]
    assert through(exosms, exotel, "to,body\n" + "".join(f"{to},Hi {to}\n" for to in numbers[:1])).exit_code == 0
    at_least = len(commits)
    commits.clear()
    rows = "to,body\n" + "".join(f"{to},Hello {to}\n" for to in numbers)
    assert through(exosms, exotel, rows, "--batch", "1", "--run", "june").exit_code == 0
    assert len(texts(exotel)) == 401
    ramp = 2 * bulk_module.WORKERS  # requests before the first answer, and answers after the last request
    assert len(commits) <= at_least + 400 + ramp


class _WithoutRoom(sqlite3.Connection):
    """A ledger on a disk that is full: commits still fit into its log, which cannot be emptied into the file."""

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        if "wal_checkpoint" in sql:
            raise sqlite3.OperationalError("database or disk is full")
        return super().execute(sql, *values)


def test_a_log_that_cannot_be_emptied_changes_nothing_of_what_was_sent(
    exosms: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_OPTIONS", {**database._OPTIONS, "factory": _WithoutRoom})
    (exosms.home / "people.csv").write_text("to,body\n9876543210,Hi\n")
    argv = ("bulk", str(exosms.home / "people.csv"), "--run", "june", "--region", "sandbox", "--yes", "--json")
    sent = exosms(*argv)
    assert (sent.exit_code, sent.json["state"], sent.json["error"]) == (0, "finished", None), sent
    assert exosms("runs", "purge", "--older-than", "0s", "--yes").exit_code == 0


@pytest.mark.parametrize(
    ("place", "error", "exit_code"),
    [
        ("claim", LedgerError("The ledger cannot be used: disk I/O error"), 4),
        ("claim", GuardError("too many parts", remedy=""), 5),
        ("commit", LedgerError("The ledger cannot be used: database or disk is full"), 4),
    ],
)
def test_where_no_claim_can_be_committed_what_was_found_is(
    exosms: Shell,
    exotel: FaultyExotel,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
    error: ExosmsError,
    exit_code: int,
) -> None:
    one_commit, claim = Journal.one_commit, Journal.claim
    claims = 0
    claimed = False

    def claiming(self: Journal, *args: Any, **options: Any) -> Any:
        nonlocal claims, claimed
        claims, claimed = claims + 1, True
        ours = claim(self, *args, **options)
        if place == "claim" and claims > 12:
            raise error
        return ours

    @contextmanager
    def committing(self: Journal) -> Iterator[None]:
        nonlocal claimed
        claimed = False
        with one_commit(self):
            yield
            if place == "commit" and claimed and claims > 12:
                raise error

    monkeypatch.setattr(Journal, "claim", claiming)
    monkeypatch.setattr(Journal, "one_commit", committing)
    result = through(exosms, exotel, THIRTY, "--batch", "1", "--run", "june", "--json")
    counts = result.json["counts"]
    assert (result.exit_code, counts["accepted"], counts["unknown"], counts["remaining"]) == (exit_code, 12, 0, 18)
    assert result.json["error"]["message"] == error.message
    assert len(texts(exotel)) == 12


def _busy(monkeypatch: pytest.MonkeyPatch, *, looks: int) -> list[int]:
    """Let the first three rows be another run's for so many looks; return which rows are claimed, in order."""
    claim, claimed = Journal.claim, list[int]()

    def claiming(self: Journal, run: Run, items: Sequence[ClaimedRow], **options: Any) -> Claim:
        claimed.extend(item.number for item in items)
        busy = [item for item in items if item.number <= 3 and claimed.count(item.number) <= looks]
        free = [item for item in items if item not in busy]
        return claim(self, run, free, **options)._replace(busy=busy) if free else Claim(busy=busy)

    monkeypatch.setattr(Journal, "claim", claiming)
    monkeypatch.setattr(bulk_module, "_BUSY", 0.05)
    return claimed


def test_rows_that_another_run_is_sending_come_last_and_take_no_turn(
    exosms: Shell, exotel: FaultyExotel, monkeypatch: pytest.MonkeyPatch
) -> None:
    reserve, turns = Ledger.reserve, 0

    def reserving(self: Ledger, *args: Any, **options: Any) -> float:
        nonlocal turns
        turns += 1
        return reserve(self, *args, **options)

    monkeypatch.setattr(Ledger, "reserve", reserving)
    claimed = _busy(monkeypatch, looks=4)
    argv = ("--batch", "1", "--run", "june", "--json", "--rate", "60000/min")
    result = through(exosms, exotel, THIRTY, *argv)
    assert (result.exit_code, result.json["counts"]["accepted"]) == (0, 30)
    assert len(texts(exotel)) == 30
    assert claimed[:30] == [*range(1, 31)]
    assert claimed[30:] == [1, 2, 3] * 4
    assert turns <= 31
    assert "waiting for what comes of rows that another run is sending: 3" in result.stderr


def test_rows_that_another_run_was_sending_share_only_the_requests_that_they_may_share(
    exosms: Shell, exotel: FaultyExotel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They come from several requests: one to the same person must not be beside the first, nor one in Hindi."""
    carry, carried = RequestThreads.carry, list[list[int]]()

    def carrying(self: RequestThreads, request: Request) -> None:
        carried.append([item.number for item in request.items])
        carry(self, request)

    monkeypatch.setattr(RequestThreads, "carry", carrying)
    _busy(monkeypatch, looks=2)
    first, *others = THIRTEEN.splitlines(keepends=True)[1:]
    rows = [first, first.replace("Hello", "Again"), others[0].replace("Hello", "नमस्ते"), *others[2:]]
    result = through(exosms, exotel, "to,body\n" + "".join(rows), "--batch", "10", "--run", "june", "--json")
    assert (result.exit_code, result.json["counts"]["accepted"]) == (0, 13)
    assert carried[-3:] == [[1], [2], [3]]


def test_rows_that_another_run_is_sending_for_too_long_are_left(
    exosms: Shell, exotel: FaultyExotel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_module, "_MOST_LOOKS", 2)
    _busy(monkeypatch, looks=99)
    result = through(exosms, exotel, THIRTY, "--batch", "10", "--run", "june", "--json")
    counts = result.json["counts"]
    assert (result.exit_code, counts["accepted"], counts["remaining"]) == (5, 27, 3)
    assert "3 rows are being sent by another run" in result.json["error"]["message"]
    assert "runs resume june" in result.json["error"]["remedy"]
    monkeypatch.undo()
    assert exosms("runs", "resume", "june", "--yes", env={**ACCOUNT, "EXOSMS_BASE_URL": exotel.url}).exit_code == 0
    assert len(texts(exotel)) == 30


def test_leaving_at_once_tells_what_was_sent_even_if_nothing_more_can_be_recorded(
    exosms: Shell, exotel: FaultyExotel, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle, settled = Journal.settle, 0

    def settling(self: Journal, *args: Any) -> None:
        nonlocal settled
        settled += 1
        settle(self, *args)
        if settled == 3:
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(Journal, "settle", settling)
    monkeypatch.setattr(Journal, "give_up", _full)
    results = exosms.home / "out.csv"
    result = through(exosms, exotel, THIRTY, "--batch", "1", "--run", "june", "--json", "--results", str(results))
    counts = result.json["counts"]
    assert (result.exit_code, result.json["exit_code"]) == (143, 143)
    assert counts["accepted"] >= 3
    assert counts["accepted"] + counts["unknown"] + counts["remaining"] == 30
    assert len(texts(exotel)) <= counts["accepted"] + counts["unknown"]
    assert "runs resume june" in result.stderr
    assert len(results.read_text().splitlines()) == 31


def test_a_ledger_that_can_no_longer_be_read_is_not_told_as_nothing_sent(
    exosms: Shell, exotel: FaultyExotel, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = Journal.counts
    monkeypatch.setattr(Journal, "counts", lambda *args: _full() if texts(exotel) else counts(*args))
    result = through(exosms, exotel, THIRTY, "--run", "june", "--json")
    assert (result.exit_code, result.json["exit_code"], result.json["run"]) == (4, 4, "june")
    assert result.json["counts"]["accepted"] == 30
    assert result.json["error"]["meaning"].startswith("Messages may have been sent")
    assert result.json["error"]["retry"] == "decide"
    assert len(texts(exotel)) == 30


@pytest.mark.parametrize("place", ["claim", "waiting"])
def test_a_bug_in_what_comes_next_loses_nothing_of_what_is_on_its_way(
    exosms: Shell, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    claim, waiting = Journal.claim, Journal.waiting

    def claiming(self: Journal, run: Run, items: Sequence[ClaimedRow], **options: Any) -> Claim:
        return claim(self, run, items, **options) if items[0].number < 9 else len(None)  # type: ignore[arg-type, return-value]  # the bug

    def reading(self: Journal, run: Run, **options: Any) -> Iterator[ClaimedRow]:
        for item in waiting(self, run, **options):
            yield item if item.number < 9 else len(None)  # type: ignore[arg-type, misc]  # the bug

    monkeypatch.setattr(Journal, place, {"claim": claiming, "waiting": reading}[place])
    with FaultyExotel(faults=0, seed=1, latency=0.2) as slow:
        result = through(exosms, slow, THIRTY, "--batch", "1", "--run", "june")
        assert len(texts(slow)) == 8
    assert result.exit_code == 1
    assert "a bug in exosms: TypeError" in result.stderr
    assert "Continue with: exosms runs resume june" in result.stderr
    assert [line.split("\t")[0] for line in result.stdout.splitlines()] == ["accepted"] * 8
    shown = exosms("runs", "show", "june", "--json").json["counts"]
    assert (shown["accepted"], shown["remaining"]) == (8, 22)


def test_a_bug_that_keeps_nothing_from_being_sent_is_told(exosms: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def beyond(answers: Sequence[Any], *_: object) -> Any:
        return answers and answers[len(answers)]  # the bug

    monkeypatch.setattr("exosms.bulk.run.with_sids_of_their_own", beyond)
    (exosms.home / "people.csv").write_text("to,body\n9876543210,Hi\n")
    result = exosms("bulk", str(exosms.home / "people.csv"), *SANDBOX, "--yes", "--json")
    assert (result.exit_code, result.json["counts"]["accepted"]) == (0, 1)
    assert "a bug in exosms: IndexError" in result.stderr


def test_a_pause_that_cannot_be_recorded_loses_no_answer(exosms: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ledger, "block", _full)
    with Misbehaving(answers(200, '{"SMSMessage": {"Sid": "5"}}'), answers(429, "", "Retry-After: 1")) as server:
        (exosms.home / "people.csv").write_text(TWO)
        argv = ("--base-url", server.url, "--yes", "--rate", "off", "--run", "june", "--json")
        result = exosms("bulk", str(exosms.home / "people.csv"), *argv, env=ACCOUNT)
    counts = result.json["counts"]
    assert (result.exit_code, counts["accepted"], counts["remaining"], counts["unknown"]) == (4, 1, 1, 0)
    assert "disk is full" in result.json["error"]["message"]
    assert server.complete_requests == 2


def test_rows_that_cannot_be_read_lose_no_answer(
    exosms: Shell, exotel: FaultyExotel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "_CHUNK", 10)
    waiting = Journal.waiting

    def failing(self: Journal, *args: Any, **options: Any) -> Iterator[ClaimedRow]:
        for item in waiting(self, *args, **options):
            if item.number == 25:
                _full()
            yield item

    monkeypatch.setattr(Journal, "waiting", failing)
    result = through(exosms, exotel, THIRTY, "--batch", "1", "--run", "june", "--json")
    counts = result.json["counts"]
    assert (result.exit_code, counts["accepted"], counts["remaining"]) == (4, 24, 6)
    assert len(texts(exotel)) == 24


def _full(*_: object, **__: object) -> None:
    raise LedgerError("The ledger cannot be used: database or disk is full")


@pytest.mark.parametrize(
    ("row", "more", "is_told"),
    [
        ("9876543210", (), True),
        ("9876543210", ("-q",), False),
        ("9876543210", ("-o", "plain"), False),
        ("+919000000400", (), False),
    ],
    ids=["a person", "quiet", "plain", "nothing accepted"],
)
def test_a_person_is_told_how_to_learn_of_the_delivery(
    exosms: Shell, tmp_path: Path, row: str, more: tuple[str, ...], is_told: bool
) -> None:
    (tmp_path / "rows.csv").write_text(f"to,body\n{row},Hi\n")
    argv = ("bulk", str(tmp_path / "rows.csv"), *SANDBOX, "--run", "june", "--yes", *more)
    seen = exosms.on_terminal(*argv, columns=120)
    hint = "exosms status --run june --wait 5m"
    assert seen.stdout.count(hint) == is_told
    if is_told:
        assert exosms(*hint.split()[1:]).stdout.startswith("delivered\t+919876543210\t")
