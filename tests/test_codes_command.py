"""``exosms codes`` and ``exosms log``: what is known offline, and what was sent from here."""

import json

import pytest
from conftest import Shell


@pytest.mark.parametrize("code", [200, 400, 401, 403, 429, 500, 503, 40001, 40404, 20005, 23185, 23999, 633])
def test_a_code_is_explained_in_every_form(exosms: Shell, code: int) -> None:
    plain = exosms("codes", str(code))
    assert plain.exit_code == 0
    assert all(line.count("\t") == 5 for line in plain.stdout.splitlines())
    document = exosms("codes", str(code), "--json").json
    assert (document["command"], document["exit_code"]) == ("codes", 0)
    assert document["codes"][0]["remedy"] or document["codes"][0]["outcome"] in {"accepted", "delivered"}
    assert document["codes"][0]["name"] in exosms("codes", str(code), "-o", "human").stdout.replace("\n", " ")


def test_without_a_code_there_are_the_tables(exosms: Shell) -> None:
    lines = exosms("codes").stdout.splitlines()
    assert {line.split("\t")[0] for line in lines} == {"http", "exotel", "delivery", "operator"}
    assert len(exosms("codes", "-o", "jsonl").stdout.splitlines()) == len(lines)
    assert "FAILED_REJECTED_DND" in exosms("codes", "-o", "human", env={"COLUMNS": "200"}).stdout


@pytest.mark.parametrize(
    ("argv", "exit_code"), [(("99999999",), 3), (("abcd",), 3), (("0",), 3), (("template", "xyzzy"), 3)]
)
def test_what_is_no_code_is_refused(exosms: Shell, argv: tuple[str, ...], exit_code: int) -> None:
    result = exosms("codes", *argv, "--json")
    assert result.exit_code == exit_code
    assert " ".join(argv) in result.stderr
    assert json.loads(result.stdout)["error"]["kind"] == "rejected"


@pytest.mark.parametrize(
    ("name", "label"),
    [("FAILED_REJECTED_DND", "23"), ("failed rejected dnd", "23"), ("HTTP 403", "403"), ("http403", "403")],
)
def test_a_code_may_be_named(exosms: Shell, name: str, label: str) -> None:
    result = exosms("codes", name)
    assert result.exit_code == 0
    assert {line.split("\t")[1][: len(label)] for line in result.stdout.splitlines()} == {label}


@pytest.mark.parametrize(
    ("words", "labels"),
    [
        (("IP", "whitel"), {"403", "34009"}),
        (("telemark", "hash"), {"614–618"}),
        (("forbidden",), {"403", "34009"}),
        (("rejected", "dnd"), {"23005"}),
        (("rejected dnd",), {"23005"}),
        (("TEMPLATE", "does", "not", "match"), {"23185"}),
    ],
)
def test_words_find_every_entry_that_holds_all_of_them(
    exosms: Shell, words: tuple[str, ...], labels: set[str]
) -> None:
    result = exosms("codes", *words)
    assert (result.exit_code, {line.split("\t")[1] for line in result.stdout.splitlines()}) == (0, labels)
    assert {entry["label"] for entry in exosms("codes", *words, "--json").json["codes"]} == labels


@pytest.mark.parametrize("code", range(611, 617))
def test_what_two_operators_use_for_different_things_is_said_of_both(exosms: Shell, code: int) -> None:
    (entry,) = exosms("codes", str(code), "--json").json["codes"]
    assert "telemarketer" in entry["meaning"]
    assert "a header, CLI, template or category: what another operator means by 611 to 616" in entry["causes"]


def test_the_log_of_a_region(exosms: Shell) -> None:
    """Also of an address of that region; a dry host gets nothing."""
    exosms("send", "--region", "sandbox", "--to", "9876543210", "--body", "Hi")
    account = {"EXOTEL_ACCOUNT_SID": "acme1", "EXOTEL_API_KEY": "key", "EXOTEL_API_TOKEN": "token"}
    proxy = {"HTTPS_PROXY": "http://127.0.0.1:1"}  # nothing answers there
    send = (
        "send",
        "--region",
        "mumbai",
        "--to",
        "9876543211",
        "--from",
        "ACMEIN",
        "--body",
        "Hi",
        "--retry-for",
        "0",
    )
    assert exosms(*send, env={**account, **proxy}).exit_code == 7
    for region, outcomes in {"sandbox": ["accepted"], "mumbai": ["not_sent"], "singapore": []}.items():
        found = exosms("log", "--region", region, "--json").json["messages"]
        assert [message["outcome"] for message in found] == outcomes
    assert exosms("log", "--region", "my.mum1.exotel.com").stdout.count("\n") == 1
    assert exosms("log", "--region", "delhi").exit_code == 2


def test_the_log_shows_what_was_sent_and_filters_it(exosms: Shell) -> None:
    send = ("send", "--region", "sandbox", "--body", "secret words", "--retry-for", "0")
    exosms(*send, "--to", "9876543210", "--once", "k")
    exosms(*send, "--to", "+919000000400")
    lines = [line.split("\t") for line in exosms("log").stdout.splitlines()]
    assert [line[1:3] for line in lines] == [["accepted", "+919876543210"], ["rejected", "+919000000400"]]
    assert lines[1][4].startswith("HTTP 400: Invalid Recipient")
    for argv, count in {
        ("--to", "98765 43210"): 1,
        ("--outcome", "rejected"): 1,
        ("--once", "k"): 1,
        ("--since", "1h"): 2,
        ("--to", "9876543211"): 0,
    }.items():
        assert len(exosms("log", *argv, "--json").json["messages"]) == count
    assert "secret words" not in exosms("log", "--json").stdout
    assert exosms("log", "-o", "jsonl").stdout.count("\n") == 2
    assert "+919876543210" in exosms("log", "-o", "human").stdout
    assert "nothing" in exosms("log", "--to", "9876543211", "-o", "human").stderr


@pytest.mark.parametrize(
    ("label", "name"),
    [("4xx", "Client error"), ("23XXX", "Failed (any"), ("600-604", "Entity"), ("600–604", "Entity")],
)
def test_a_range_is_found_as_the_tables_write_it(exosms: Shell, label: str, name: str) -> None:
    result = exosms("codes", label)
    assert result.exit_code == 0
    (line,) = result.stdout.splitlines()
    assert line.split("\t")[2].startswith(name)


@pytest.mark.parametrize("code", ["1234567890", "9" * 4000])
def test_a_number_of_any_length_is_a_code_that_is_not_known(exosms: Shell, code: str) -> None:
    assert exosms("codes", code).exit_code == 3


@pytest.mark.parametrize("columns", ["40", "80", "119", "120"])
def test_the_tables_never_tear_a_name_apart(exosms: Shell, columns: str) -> None:
    from exosms.codes import lookup

    shown = exosms("codes", "-o", "human", env={"COLUMNS": columns}).stdout
    long_names = [entry.name for entry in lookup.everything() if "_" in entry.name]
    assert [name for name in long_names if name not in shown] == []
    assert max(map(len, shown.splitlines())) <= int(columns)


def test_several_entries_stand_apart(exosms: Shell) -> None:
    shown = exosms("codes", "delivered", "-o", "human").stdout
    assert [part.split()[0] for part in shown.split("\n\n")] == ["20005", "20006", "20xxx"]
