"""Who gets a text: numbers, groups of config.toml and files of recipients; one bad number, and the others."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Result, Shell
from faulty import FaultyExotel

ASHA, RAVI, MINA = "+919876543210", "+919876543211", "+919876543212"
ACCOUNT = {
    "EXOTEL_ACCOUNT_SID": "acme1",
    "EXOTEL_API_KEY": "key",
    "EXOTEL_API_TOKEN": "token",
    "EXOTEL_FROM": "ACMEIN",
}
CONFIG = f"""\
# kept
version = 1
[groups]
# who is called at night
oncall = ["{ASHA}", "98765 43211"]
managers = ["{RAVI}", "{MINA}"]  # also at night
unquoted = ["{ASHA}", +6581234567]
empty = []
alone = "{ASHA}"
bad = ["{ASHA}", "12345"]
"night shift" = ["{MINA}"]

[profiles.flawed]
region = 5
"""


@pytest.fixture
def exotel(exosms: Shell) -> Iterator[FaultyExotel]:
    """A server that counts, and exosms with an account there and groups."""
    config = exosms.home / "config.toml"
    config.write_text(CONFIG)
    config.chmod(0o600)
    with FaultyExotel(faults=0, seed=1) as server:
        exosms.env |= {**ACCOUNT, "EXOSMS_BASE_URL": server.url, "EXOSMS_CONFIG": str(config)}
        yield server


def texted(server: FaultyExotel) -> list[str]:
    return [to for to, _ in server.deeds]


def send(exosms: Shell, *argv: str, **options: Any) -> Result:
    return exosms("send", "--body", "Hello", "--rate", "off", *argv, **options)


@pytest.mark.parametrize(
    ("to", "reached"),
    [
        (["@oncall"], [ASHA, RAVI]),
        (["@oncall", "@managers"], [ASHA, RAVI, MINA]),
        (["@oncall,@managers;9876543210"], [ASHA, RAVI, MINA]),
        ([f"{MINA}", "@oncall"], [MINA, ASHA, RAVI]),
        (["@night shift"], [MINA]),
        (["9876543210; 9876543211"], [ASHA, RAVI]),
        (["9876543210\n9876543211\n\n9876543212\n"], [ASHA, RAVI, MINA]),
        (["9876543210,\r\n 9876543211 ,9876543212"], [ASHA, RAVI, MINA]),
        (["98765 43210\t;\t9876543211"], [ASHA, RAVI]),
    ],
)
def test_everybody_who_is_named_gets_one_message(
    exosms: Shell, exotel: FaultyExotel, to: list[str], reached: list[str]
) -> None:
    result = send(exosms, *(word for each in to for word in ("--to", each)))
    assert (result.exit_code, texted(exotel), exotel.requests) == (0, reached, len(reached)), result.stderr
    assert [line.split("\t")[1] for line in result.stdout.splitlines()] == reached


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("@oncal", "There is no group 'oncal' in {config}; did you mean 'oncall'?"),
        ("@nobody", "the groups are oncall, managers, unquoted, empty, alone, bad, night shift"),
        ("@OnCall", "did you mean 'oncall'?"),
        ("oncall", "'oncall' is not a phone number\n  For the group of that name write @oncall."),
        ("@", "There is no group ''"),
        ("@empty", "The group 'empty' is empty"),
        ("@alone", "The group 'alone' must be a list"),
        ("@unquoted", "The group 'unquoted' must be a list of numbers in quotes"),
        ("@bad", "The group 'bad' has a number that cannot be used: '12345' is not"),
        ("9876543210,,9876543211", "A phone number is empty"),
        ("9876543210,", "A phone number is empty"),
    ],
)
@pytest.mark.parametrize("beside", ["", "9876543213"])
def test_what_names_nobody_keeps_all_back(
    exosms: Shell, exotel: FaultyExotel, to: str, said: str, beside: str
) -> None:
    argv = ("--to", to, *(("--to", beside) if beside else ()))
    refused = send(exosms, *argv, "--json")
    assert (refused.exit_code, exotel.requests) == (3, 0)
    assert said.format(config=exosms.env["EXOSMS_CONFIG"]) in refused.stderr
    outcomes = {message["outcome"] for message in refused.json["messages"]}
    assert outcomes <= {"rejected", "not_sent"}
    assert (refused.json["exit_code"], refused.json["error"]["kind"]) == (3, "rejected")


def test_without_a_configuration_there_is_no_group(exosms: Shell) -> None:
    result = send(exosms, "--region", "sandbox", "--to", "@oncall")
    assert (result.exit_code, "no group 'oncall'" in result.stderr) == (3, True)
    assert "[groups]" in result.stderr


def test_a_group_needs_no_account_of_the_same_file(exosms: Shell, exotel: FaultyExotel) -> None:
    for account in ((), ("--region", "sandbox"), ("-p", "sandbox")):
        assert send(exosms, *account, "--to", "@oncall").exit_code == 0
    assert texted(exotel) == [ASHA, RAVI]


def test_a_table_of_groups_that_is_none_harms_nobody_else(exosms: Shell, exotel: FaultyExotel) -> None:
    Path(exosms.env["EXOSMS_CONFIG"]).write_text("version = 1\ngroups = 3\n")
    assert send(exosms, "--to", "@oncall").exit_code == 3
    assert send(exosms, "--to", ASHA).exit_code == 0
    assert texted(exotel) == [ASHA]


def test_a_configuration_that_others_can_read_lends_no_group(exosms: Shell, exotel: FaultyExotel) -> None:
    Path(exosms.env["EXOSMS_CONFIG"]).chmod(0o644)
    refused = send(exosms, "--to", "@oncall")
    assert (refused.exit_code, exotel.requests, "chmod 600" in refused.stderr) == (4, 0, True)


def test_the_allow_list_holds_for_members(exosms: Shell, exotel: FaultyExotel) -> None:
    refused = send(exosms, "--to", "@oncall", env={"EXOSMS_ALLOW": ASHA})
    assert (refused.exit_code, exotel.requests) == (5, 0)
    assert f"{RAVI} is not on the allow list" in refused.stderr


def test_recipients_stand_in_a_file(exosms: Shell, exotel: FaultyExotel, tmp_path: Path) -> None:
    listed = tmp_path / "team.txt"
    listed.write_bytes(b"\xef\xbb\xbf# the team\r\n\r\n 98765 43210 \r\n  # Ravi is away\r\n@managers\r\n")
    result = send(exosms, "--to-file", str(listed))
    assert (result.exit_code, texted(exotel)) == (0, [ASHA, RAVI, MINA]), result.stderr


def test_recipients_come_through_standard_input_and_from_several_places(
    exosms: Shell, exotel: FaultyExotel, tmp_path: Path
) -> None:
    (tmp_path / "one.txt").write_text("9876543211\n")
    files = ("--to-file", "-", "--to-file", str(tmp_path / "one.txt"))
    result = send(exosms, "--to", MINA, *files, stdin="@oncall\n")
    assert (result.exit_code, texted(exotel)) == (0, [MINA, ASHA, RAVI])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "names nobody"),
        (b"# nobody\n\n", "names nobody"),
        (b"9876543210\nAsha\n", "'Asha' is not a phone number"),
        (b"9876543210,9876543211\n", "is not a phone number"),
        (b"9876543210\n\xff\n", "is not UTF-8: byte 0xff"),
        (b"9876543210\n" * 100_000, "over 1 MB"),
        (None, "cannot be read: No such file"),
    ],
)
def test_a_file_that_names_no_recipients_is_refused(
    exosms: Shell, exotel: FaultyExotel, tmp_path: Path, content: bytes | None, said: str
) -> None:
    if content is not None:
        (tmp_path / "team.txt").write_bytes(content)
    refused = send(exosms, "--to-file", str(tmp_path / "team.txt"))
    assert (refused.exit_code, exotel.requests) == (3, 0)
    assert said in refused.stderr


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("--to-file", "-", "-F", "-"), "Standard input can be read only once"),
        (("--to-file", "-", "--to-file", "-", "-b", "x"), "Standard input can be read only once"),
        (("-b", "x"), "Give a recipient with --to or --to-file"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(exosms: Shell, argv: tuple[str, ...], said: str) -> None:
    refused = exosms("send", "--region", "sandbox", *argv, stdin="9876543210\n")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert said in refused.stderr


@pytest.mark.parametrize(
    ("to", "exit_code", "messages"),
    [
        (["12", ASHA], 10, [("12", "rejected"), (ASHA, "accepted")]),
        (["@bad", RAVI], 10, [("12345", "rejected"), (ASHA, "accepted"), (RAVI, "accepted")]),
        (["@oncal", "@empty", MINA], 10, [("@oncal", "rejected"), ("@empty", "rejected"), (MINA, "accepted")]),
        (["", ASHA], 10, [("", "rejected"), (ASHA, "accepted")]),
        ([ASHA], 0, [(ASHA, "accepted")]),
        (["12", "13"], 3, [("12", "rejected"), ("13", "rejected")]),
        (["@oncal"], 3, [("@oncal", "rejected")]),
    ],
)
def test_bad_numbers_are_left_out_where_that_is_asked_for(
    exosms: Shell, exotel: FaultyExotel, to: list[str], exit_code: int, messages: list[tuple[str, str]]
) -> None:
    argv = ("--skip-invalid", *(word for each in to for word in ("--to", each)))
    result = send(exosms, *argv, "--json")
    document = result.json
    assert (result.exit_code, document["exit_code"]) == (exit_code, exit_code)
    assert [(message["to"], message["outcome"]) for message in document["messages"]] == messages
    assert document["outcome"] == ("rejected" if exit_code else "accepted")
    assert texted(exotel) == [number for number, outcome in messages if outcome == "accepted"]
    for number, outcome in messages if exit_code == 10 else []:
        if outcome == "rejected":
            assert repr(number.removeprefix("@")) in result.stderr or not number


def test_each_format_says_who_was_left_out_and_why(exosms: Shell, exotel: FaultyExotel) -> None:
    argv = ("--skip-invalid", "--to", "12", "--to", ASHA)
    plain = send(exosms, *argv)
    said = "'12' is not an Indian mobile number: it must have ten digits and begin with 6, 7, 8 or 9"
    assert plain.stdout.splitlines()[0] == f"rejected\t12\t\t{said}"
    assert plain.stdout.splitlines()[1].startswith(f"accepted\t{ASHA}\t")
    lines = [json.loads(line) for line in send(exosms, *argv, "-o", "jsonl").stdout.splitlines()]
    assert [(line["to"], line["outcome"]) for line in lines] == [("12", "rejected"), (ASHA, "accepted")]
    quiet = send(exosms, *argv, "-q")
    assert (quiet.exit_code, len(quiet.stdout.splitlines()), said in quiet.stderr) == (10, 1, True)
    shown = exosms.on_terminal("send", "--rate", "off", "--body", "Hello", *argv)
    assert (shown.exit_code, "rejected  12" in shown.stdout, f"accepted  {ASHA}" in shown.stdout) == (10, True, True)
    assert exotel.requests == 4


def test_a_once_key_makes_repeating_safe_for_the_good_ones(exosms: Shell, exotel: FaultyExotel) -> None:
    argv = ("--skip-invalid", "--to", "12", "--to", ASHA, "--once", "nightly", "--json")
    codes = [send(exosms, *argv).exit_code for _ in range(2)]
    assert (codes, exotel.requests) == ([10, 10], 1)


def test_what_others_came_to_decides_where_it_is_worse(exosms: Shell) -> None:
    def code(answer: str, *more: str) -> int:
        to = ("--skip-invalid", "--to", "12", "--to", f"+9190000{answer}")
        return send(exosms, "--region", "sandbox", *to, "--retry-for", "0", *more).exit_code

    assert [code(answer) for answer in ("00001", "00400", "00401", "00500", "00503", "00429")] == [10, 6, 4, 9, 7, 11]
    assert code("23005", "--wait", "5s") == 10
    assert code("00001", "-n") == 0


# `exosms profile groups`.


def test_groups_are_listed_with_their_numbers(exosms: Shell, exotel: FaultyExotel) -> None:
    listed = exosms("profile", "groups")
    assert (listed.exit_code, exotel.requests) == (0, 0)
    assert listed.stdout.splitlines() == [
        f"oncall\t{ASHA},{RAVI}",
        f"managers\t{RAVI},{MINA}",
        "unquoted\t",
        "empty\t",
        "alone\t",
        f"bad\t{ASHA},12345",
        f"night shift\t{MINA}",
    ]
    assert [line.split(": ")[2].split(" ", 3)[:3] for line in listed.stderr.splitlines()] == [
        ["The", "group", "'unquoted'"],
        ["The", "group", "'empty'"],
        ["The", "group", "'alone'"],
        ["The", "group", "'bad'"],
    ]
    document = exosms("profile", "groups", "--json").json
    assert {key: document[key] for key in ("schema", "command", "exit_code", "error")} == {
        "schema": 1,
        "command": "profile groups",
        "exit_code": 0,
        "error": None,
    }
    assert document["groups"][0] == {"name": "oncall", "numbers": [ASHA, RAVI], "error": None}
    assert document["groups"][3]["error"]["kind"] == "rejected"
    assert exosms("profile", "groups", "-p", "flawed").exit_code == 4


def test_groups_are_a_table_on_a_terminal(exosms: Shell, exotel: FaultyExotel) -> None:
    shown = exosms.on_terminal("profile", "groups")
    assert shown.exit_code == 0
    table = [line.split() for line in shown.stdout.splitlines() if "+" in line and "[" not in line]
    assert table[:4] == [["oncall", ASHA], [RAVI], ["managers", RAVI], [MINA]]
    assert exotel.requests == 0


def test_where_there_are_no_groups_that_is_said(exosms: Shell) -> None:
    listed = exosms("profile", "groups")
    assert (listed.exit_code, listed.stdout) == (0, "")
    assert "no groups" in listed.stderr
    assert exosms("profile", "groups", "--json").json["groups"] == []


def test_a_profile_reads_its_groups_by_its_country(exosms: Shell, exotel: FaultyExotel) -> None:
    config = Path(exosms.env["EXOSMS_CONFIG"])
    config.write_text('[profiles.us]\nregion = "sandbox"\ncountry = "US"\n[groups]\nny = ["212 555 0123"]\n')
    assert exosms("profile", "groups", "-p", "us").stdout == "ny\t+12125550123\n"
    assert send(exosms, "-p", "us", "--to", "@ny").stdout.split("\t")[1] == "+12125550123"
    assert exotel.requests == 0


def test_profiles_are_stored_beside_groups_which_stay_as_they_are(exosms: Shell) -> None:
    config = exosms.home / "config.toml"
    groups = CONFIG[CONFIG.index("[groups]") : CONFIG.index("[profiles")]
    config.write_text(CONFIG.replace("region = 5", 'region = "sandbox"'))
    config.chmod(0o600)
    exosms.env["EXOSMS_CONFIG"] = str(config)
    changes = (
        ("add", "second", "--region", "sandbox"),
        ("use", "second"),
        ("add", "second", "--region", "sandbox", "--from", "ACMEIN", "--yes"),
        ("remove", "flawed"),
        ("add", "third", "--region", "sandbox"),
        ("remove", "second"),
        ("remove", "third"),
    )
    for change in changes:
        done = exosms("profile", *change)
        assert done.exit_code == 0, (change, done.stderr)
        text = config.read_text()
        assert groups.strip() in text, (change, text)
        assert text.startswith("# kept\nversion = 1\n"), (change, text)
        assert exosms("profile", "groups").stdout.startswith(f"oncall\t{ASHA},{RAVI}\n"), change
    assert config.stat().st_mode & 0o777 == 0o600


def test_a_group_is_no_unknown_key(exosms: Shell, exotel: FaultyExotel) -> None:
    assert exotel.requests == 0
    assert "unknown key" not in exosms("profile", "list").stderr


def test_who_is_kept_back_by_another_does_not_hear_of_the_guard_as_their_own(exosms: Shell) -> None:
    to = ("--to", f"{ASHA},{RAVI}", "--body", "Hi")
    refused = exosms("send", "--region", "sandbox", *to, "--json", env={"EXOSMS_ALLOW": ASHA})
    assert refused.exit_code == 5
    document = json.loads(refused.stdout)
    said = {each["to"]: (each["outcome"], each["error"]["message"]) for each in document["messages"]}
    own = f"{RAVI} is not on the allow list, so exosms does not send to it"
    assert said == {
        ASHA: ("not_sent", "Not sent, because another recipient was refused"),
        RAVI: ("not_sent", own),
    }
    assert document["error"]["message"] == own
    assert refused.stderr.count("not on the allow list") == 1


def test_each_who_is_not_on_the_allow_list_is_told_so(exosms: Shell) -> None:
    to = ("--to", f"{ASHA},{RAVI}", "--body", "Hi")
    refused = exosms("send", "--region", "sandbox", *to, env={"EXOSMS_ALLOW": "+919876543219"})
    assert refused.exit_code == 5
    why = [line.split("\t")[3] for line in refused.stdout.splitlines()]
    assert why == [f"{who} is not on the allow list, so exosms does not send to it" for who in (ASHA, RAVI)]
    assert f"{ASHA} is not on the allow list, so exosms does not send to it (and 1 more)" in refused.stderr


@pytest.mark.parametrize("skips", [(), ("--skip-invalid",)])
def test_a_bad_number_that_is_given_twice_is_told_once(exosms: Shell, skips: tuple[str, ...]) -> None:
    for to, outcomes in (
        ("12,12,13", ["rejected", "rejected"]),
        (f"12,{ASHA},9876543210,12", ["rejected", "accepted" if skips else "not_sent"]),
    ):
        result = exosms("send", "--region", "sandbox", "--to", to, "--body", "Hi", *skips)
        assert [line.split("\t")[0] for line in result.stdout.splitlines()] == outcomes
