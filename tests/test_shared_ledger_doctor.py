"""``exosms doctor --ledger``: whether the shared ledger answers, and what a user needs to be let in."""

import re
from typing import Any

import pytest
from conftest import Result, Shell
from jobs import sandbox
from pair import ONCE, SEND, TEXT, Pair, words
from postgres_cluster import OVER_TLS, PASSWORD, STRANGER

from exosms.ledger.postgres.schema import MIGRATIONS


def checks(result: Result, subject: str) -> list[Any]:
    return [check for check in result.json["checks"] if check["subject"] == subject]


def examined(shell: Shell, *argv: str, env: dict[str, str] | None = None) -> tuple[Result, Any]:
    result = shell("doctor", *argv, "--json", env=env)
    assert result.json["exit_code"] == result.exit_code
    assert PASSWORD not in result.stdout + result.stderr
    (check,) = checks(result, "shared ledger")
    return result, check


def test_it_says_who_answers_and_writes_nothing(pair: Pair) -> None:
    result, check = examined(pair.first, "--ledger")
    assert (result.exit_code, check["grade"]) == (0, "ok")
    assert "as exosms, over TLS; the first command that sends makes its tables" in check["said"]
    (others,) = checks(result, "shared ledger, for others")
    assert others["said"].endswith("put its name in place of OTHER_ROLE")
    assert others["remedy"].count(" TO OTHER_ROLE;") == others["remedy"].count("GRANT ") > 3
    page = pair.first("doctor", "--ledger", "-o", "human").stdout
    assert "            GRANT USAGE ON SCHEMA exosms TO OTHER_ROLE;\n" in page
    assert "CREATE TABLE" not in pair.cluster.dump(pair.database)
    assert pair.second(*ONCE).exit_code == 0
    result, check = examined(pair.first)
    assert (result.exit_code, check["grade"], "GRANT" in result.stdout) == (0, "ok", False)
    assert "single messages: 1" in check["said"]


def test_unknown_messages_and_pauses_are_told(pair: Pair) -> None:
    pair.exotel.suffer(1, "500")
    assert pair.second(*ONCE).exit_code == 9
    result = pair.first("doctor", "--json")
    assert [check["grade"] for check in checks(result, "shared ledger")] == ["ok", "warning"]
    assert "1 of its messages may have been sent" in result.stdout


def test_what_a_dead_machine_was_sending_is_told_and_not_what_the_sandbox_lost(pair: Pair) -> None:
    assert pair.second("send", "--to", "+919000000500", "-b", TEXT, "--region", "sandbox").exit_code == 9
    with sandbox(pair.first) as served:
        served.may_answer.clear()
        with pair.first.start(*SEND) as sending:
            assert served.asked.wait(60)
            sending.kill()
        served.may_answer.set()
    (sound,) = checks(pair.second("doctor", "--json"), "shared ledger")
    assert sound["said"].endswith("; single messages: 2")
    pair.lapse()
    _, warned = checks(pair.second("doctor", "--json"), "shared ledger")
    assert warned["said"] == "1 of its messages may have been sent: their outcome is unknown"


def test_the_privileges_that_it_prints_are_those_that_others_need(pair: Pair) -> None:
    assert pair.first(*SEND).exit_code == 0
    stranger = {"EXOSMS_LEDGER": pair.cluster.address(pair.database, role=STRANGER)}
    result, check = examined(pair.second, "--ledger", env=stranger)
    assert (result.exit_code, check["grade"]) == (4, "failure")
    assert "stranger lacks" in check["said"]
    assert pair.second(*ONCE, env=stranger).exit_code == 4
    said, _, grants = check["remedy"].partition(": ")
    assert said == "Have the tables' owner run"
    assert grants.count("GRANT ") == grants.count(' TO "stranger";') > 3
    pair.cluster.ask(f"SET ROLE exosms; {grants}", pair.database)
    assert examined(pair.second, env=stranger)[0].exit_code == 0
    for argv, code in [
        (ONCE, 0),
        (("log",), 0),
        (("bulk", "-", "--yes", "--run", "june"), 0),
        (("runs", "purge", "--older-than", "0s", "--yes"), 0),
    ]:
        assert pair.second(*argv, stdin="to,body\n9876543219,Hi\n", env=stranger).exit_code == code, argv
    assert words(pair.first(*ONCE)) == ["skipped"]


def test_who_may_not_make_the_tables_is_told(pair: Pair) -> None:
    result, check = examined(
        pair.first, "--ledger", env={"EXOSMS_LEDGER": pair.cluster.address(pair.database, role=STRANGER)}
    )
    assert (result.exit_code, check["grade"]) == (4, "failure")
    assert "GRANT CREATE ON DATABASE" in check["remedy"]
    (for_it,) = checks(result, "shared ledger, for others")
    assert 'GRANT USAGE ON SCHEMA exosms TO "stranger";' in for_it["remedy"]


@pytest.mark.parametrize("may_create", [False, True])
def test_who_does_not_own_tables_that_are_old_is_told(pair: Pair, may_create: bool) -> None:
    """As where the machine of another role than the one that made them is upgraded first."""
    assert pair.first(*ONCE).exit_code == 0
    stranger = {"EXOSMS_LEDGER": pair.cluster.address(pair.database, role=STRANGER)}
    grants = examined(pair.second, "--ledger", env=stranger)[1]["remedy"].partition(": ")[2]
    pair.cluster.ask(f"SET ROLE exosms; {grants}", pair.database)
    if may_create:
        pair.cluster.ask(f"GRANT CREATE ON DATABASE {pair.database} TO stranger", pair.database)
    (newest,) = re.findall(r"CREATE TABLE (\S+)", MIGRATIONS[-1])
    before = f"DROP TABLE {newest}; UPDATE exosms.installation SET version = version - 1"
    pair.cluster.ask(before, pair.database)
    result, check = examined(pair.second, "--ledger", env=stranger)
    assert (result.exit_code, check["grade"]) == (4, "failure")
    assert check["remedy"] == "Name it once as exosms, whose they are."
    assert pair.second(*ONCE, env=stranger).exit_code == 4
    assert examined(pair.first, "--ledger")[0].exit_code == 0
    assert words(pair.first(*ONCE)) == ["skipped"]


@pytest.mark.parametrize("is_its_own", [False, True])
def test_a_schema_that_is_there_already_is_looked_at_itself(pair: Pair, is_its_own: bool) -> None:
    owner = STRANGER if is_its_own else "exosms"
    pair.cluster.ask(f"CREATE SCHEMA exosms AUTHORIZATION {owner}", pair.database)
    if not is_its_own:
        pair.cluster.ask("GRANT USAGE ON SCHEMA exosms TO stranger", pair.database)
        pair.cluster.ask(f"GRANT CREATE ON DATABASE {pair.database} TO stranger", pair.database)
    stranger = {"EXOSMS_LEDGER": pair.cluster.address(pair.database, role=STRANGER)}
    exit_code = 0 if is_its_own else 4
    assert examined(pair.second, "--ledger", env=stranger)[0].exit_code == exit_code
    assert pair.second(*ONCE, env=stranger).exit_code == exit_code


@pytest.mark.parametrize(
    ("argv", "env", "code", "said"),
    [
        (("--ledger",), "", 4, "none is named"),
        ((), "{address}?sslmode=nonsense", 4, "sslmode"),
        (("--ledger",), "{wrong}", 4, "password"),
        (("--ledger",), "{plain}?sslmode=disable", 4, "no encryption"),
        (("--ledger",), "{latin}", 4, "has the encoding LATIN1, in which not every character has a place"),
    ],
)
def test_what_has_to_be_set_is_told(pair: Pair, argv: tuple[str, ...], env: str, code: int, said: str) -> None:
    address = env.format(
        address=pair.address,
        wrong=pair.cluster.address(pair.database, password="wrong"),
        plain=pair.cluster.address(pair.database, role=OVER_TLS),
        latin=pair.cluster.address(pair.cluster.database(encoding="LATIN1")),
    )
    result = pair.first("doctor", *argv, env={"EXOSMS_LEDGER": address})
    assert (result.exit_code, said in result.stdout) == (code, True), result


def test_tables_of_a_newer_exosms_are_told(pair: Pair) -> None:
    assert pair.first(*SEND).exit_code == 0
    pair.from_the_future()
    result, check = examined(pair.second, "--ledger")
    assert (result.exit_code, "newer exosms" in check["said"], check["remedy"]) == (4, True, "Upgrade exosms.")
