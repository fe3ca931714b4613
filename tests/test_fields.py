"""Every field of a message: by option and by column, whoever shares a request with whom, each recipient gets his own.

Exotel's names and what they mean in a request with several messages (api/send-bulk-sms-with-dynamic-content) stand
here once more, since a mistake in the program's table must not be repeated by its test.
"""

import json
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qsl

import pytest
from conftest import Shell
from faulty import FaultyExotel

from exosms.sms.message import FIELDS

PACKAGE = Path(__file__).parent.parent / "exosms"
ACCOUNT = {
    "EXOTEL_ACCOUNT_SID": "acme1",
    "EXOTEL_API_KEY": "key",
    "EXOTEL_API_TOKEN": "token",
    "EXOTEL_FROM": "ACMEIN",
}
REQUEST, MESSAGE, ALONE = "REQUEST", "MESSAGE", "ALONE"


class Sent(NamedTuple):
    """What a file came to."""

    planned: int
    """Requests, as the plan has them."""
    requests: Sequence[Sequence[Mapping[str, str]]]
    """What each said to each of its recipients."""


class Known(NamedTuple):
    """What Exotel says of a field, values of it, and those that are not said since they go without saying."""

    name: str
    scope: str
    values: tuple[str, ...]
    unsaid: str | None = None


KNOWN = {
    "from": Known("From", MESSAGE, ("ACMEIN", "OTHERS", "600123")),
    "dlt_entity_id": Known("DltEntityId", REQUEST, ("1101000000000000001", "1101000000000000002")),
    "dlt_template_id": Known("DltTemplateId", MESSAGE, ("1107000000000000001", "1107000000000000002")),
    "type": Known("SmsType", MESSAGE, ("transactional", "transactional_opt_in", "promotional")),
    "priority": Known("Priority", ALONE, ("normal", "high"), unsaid="normal"),
    "encoding": Known("EncodingType", REQUEST, ("plain", "unicode")),
    "status_callback": Known("StatusCallback", REQUEST, ("https://acme.example/1?a=b&c", "https://acme.example/2")),
    "custom_field": Known("CustomField", ALONE, ("order 7", "&To=+919999999999")),
}


def received(form: bytes) -> Sequence[Mapping[str, str]]:
    """Return what a request says to each of its recipients."""
    everybody: dict[str, str] = {}
    several: dict[str, dict[str, str]] = {}
    for name, value in parse_qsl(form.decode("ascii"), keep_blank_values=True, strict_parsing=True):
        if match := re.fullmatch(r"Messages\[(\d+)\]\[(\w+)\]|(To)\[(\d+)\]", name):
            several.setdefault(match[1] or match[4], {})[match[2] or match[3]] = value
        else:
            assert name not in everybody
            everybody[name] = value
    return [{**everybody, **own} for own in several.values()] or [everybody]


def bulk(
    exosms: Shell, exotel: FaultyExotel, rows: Sequence[Mapping[str, str]], *argv: str, program: Path | None = None
) -> Sent:
    """Send rows, by another program if one is given."""
    file = exosms.home / "people.csv"
    lines = [list(rows[0]), *(list(row.values()) for row in rows)]
    file.write_text("".join(",".join(f'"{cell}"' for cell in line) + "\n" for line in lines))
    command = ("bulk", str(file), "--any-hour", "--batch", "100", "--rate", "off", "--json", *argv)
    env = {**ACCOUNT, "EXOSMS_BASE_URL": exotel.url}
    plan, sent = (run(exosms, (*command, how), env, program) for how in ("--dry-run", "--yes"))
    assert json.loads(sent)["counts"]["accepted"] == len(rows)
    requests = [received(form) for form in exotel.forms]
    assert sorted(one["To"] for request in requests for one in request) == sorted(row["to"] for row in rows)
    return Sent(json.loads(plan)["plan"]["requests"], requests)


def run(exosms: Shell, command: Sequence[str], env: Mapping[str, str], program: Path | None) -> str:
    """Return standard output of a command that ended well."""
    if program is None:
        result = exosms(*command, env=env)
        assert result.exit_code == 0, result.stderr
        return result.stdout
    argv = [sys.executable, "-m", "exosms", *command]
    done = subprocess.run(argv, cwd=program, env=exosms.full_env(env), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def rows_with(column: str, cells: Sequence[str], *, same_text: bool) -> Sequence[Mapping[str, str]]:
    """Return rows of which neighbours have different cells in that column."""
    return [
        {
            "to": f"+9198765432{place:02}",
            "body": "Hello" if same_text else f"Hello {place}",
            column: cells[place % len(cells)],
        }
        for place in range(6 * len(cells))
    ]


def check(sent: Sent, expected: Mapping[str, str | None], *, name: str, scope: str) -> None:
    """See that each recipient got his own value, and that only those shared a request who may, as was planned."""
    requests = sent.requests
    assert sent.planned == len(requests)
    shared = [{one.get(name) for one in request} for request in requests]
    assert {one["To"]: one.get(name) for request in requests for one in request} == expected
    assert max(map(len, requests)) > 1 or (scope == ALONE and None not in expected.values())
    if scope == MESSAGE:
        assert max(map(len, shared)) > 1
    else:
        assert max(map(len, shared)) == 1
    if scope == ALONE:
        assert all(values == {None} or len(request) == 1 for request, values in zip(requests, shared, strict=True))


def test_every_field_is_known_here() -> None:
    assert set(KNOWN) == {field.column for field in FIELDS.values()}


@pytest.mark.parametrize("same_text", [True, False], ids=["one text", "texts"])
@pytest.mark.parametrize("column", KNOWN)
def test_each_row_has_its_own(exosms: Shell, exotel: FaultyExotel, column: str, same_text: bool) -> None:
    known = KNOWN[column]
    rows = rows_with(column, known.values, same_text=same_text)
    expected = {row["to"]: None if row[column] == known.unsaid else row[column] for row in rows}
    check(bulk(exosms, exotel, rows), expected, name=known.name, scope=known.scope)


@pytest.mark.parametrize("seed", range(3))
def test_whatever_rows_have_of_their_own_each_gets_it(exosms: Shell, exotel: FaultyExotel, seed: int) -> None:
    chance = random.Random(seed)
    rows = [
        {
            "to": f"+9198765432{place:02}",
            "body": chance.choice(["Hello", f"Hello {place}"]),
            **{column: chance.choice(known.values) for column, known in KNOWN.items() if known.scope != ALONE},
            **{
                column: chance.choice(["", "", "", *known.values])
                for column, known in KNOWN.items()
                if known.scope == ALONE
            },
        }
        for place in range(90)
    ]
    requests = bulk(exosms, exotel, rows).requests
    assert len(requests) < len(rows)
    said = {one["To"]: one for request in requests for one in request}
    for row in rows:
        assert said[row["to"]] == {
            "To": row["to"],
            "Body": row["body"],
            **{
                known.name: cell for column, known in KNOWN.items() if (cell := row[column]) not in {"", known.unsaid}
            },
        }


@pytest.mark.parametrize("column", KNOWN)
@pytest.mark.parametrize("command", ["send", "bulk"])
def test_an_option_says_it_for_all(exosms: Shell, exotel: FaultyExotel, command: str, column: str) -> None:
    known, value = KNOWN[column], KNOWN[column].values[-1]
    argv = (f"--{column.replace('_', '-')}", value)
    if command == "bulk":
        rows = [{"to": "+919876543210", "body": "Hello"}, {"to": "+919876543211", "body": "Namaste"}]
        requests = bulk(exosms, exotel, rows, *argv).requests
    else:
        send = ("send", "--to", "+919876543210", "--body", "Hello", "--any-hour", *argv)
        run(exosms, send, {**ACCOUNT, "EXOSMS_BASE_URL": exotel.url}, None)
        requests = [received(form) for form in exotel.forms]
    assert {one[known.name] for request in requests for one in request} == {value}


LAST = "    template: str | None = None\n"
ONE_MORE = '    made_up: Annotated[str | None, Field("MadeUp", Scope.{})] = None\n'


@pytest.mark.parametrize("scope", [REQUEST, MESSAGE, ALONE])
def test_one_line_makes_a_field(exosms: Shell, exotel: FaultyExotel, tmp_path: Path, scope: str) -> None:
    """The line is all that it takes: from a column to the batches, to the ledger and back, and into the forms."""
    program = tmp_path / "program"
    shutil.copytree(PACKAGE, program / "exosms", ignore=shutil.ignore_patterns("__pycache__"))
    file = program / "exosms" / "sms" / "message.py"
    source = file.read_text()
    assert source.count(LAST) == 1
    file.write_text(source.replace(LAST, ONE_MORE.format(scope) + LAST))
    rows = rows_with("Made up", ("", "a", " b & c "), same_text=False)
    expected = {row["to"]: row["Made up"] or None for row in rows}
    check(bulk(exosms, exotel, rows, program=program), expected, name="MadeUp", scope=scope)
