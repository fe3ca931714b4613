"""Tables as a person sees them, on terminals of 40, 80 and 120 columns."""

import json
import re
from pathlib import Path

import pyte
import pytest
from conftest import Shell
from misbehaving import Misbehaving, answers

ACCOUNT = {"EXOTEL_ACCOUNT_SID": "acme1", "EXOTEL_API_KEY": "key", "EXOTEL_API_TOKEN": "token", "NO_COLOR": "1"}
SANDBOX = ("--region", "sandbox")
HINDI = "प्रिय आशा 🪔, दीपावली"
BORDERS = set("│┃|╭╰╮╯┏┗┌└├┤")


def seen(exosms: Shell, *argv: str, columns: int, **options: object) -> list[str]:
    """The lines that a command leaves on a terminal, without the sandbox's notice; moments and Sids are masked."""
    result = exosms.on_terminal(*argv, columns=columns, env={"NO_COLOR": "1"}, **options)  # type: ignore[arg-type]
    screen = pyte.Screen(columns, 100)
    pyte.Stream(screen).feed(result.stdout.replace("\n", "\r\n"))
    text = "\n".join(line.rstrip() for line in screen.display).rstrip("\n")
    text = text.replace("exosms: the sandbox answers; nothing is sent\n", "")
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "MOMENT-OF-19-LETTER", text)
    return re.sub("[0-9a-f]{32}", "5" * 32, text).split("\n")


@pytest.fixture
def june(exosms: Shell) -> Shell:
    """A home in which a run ended in several ways."""
    file = exosms.home / "june.csv"
    file.write_text("to,body\n9876543210,a\n+919000000400,b\n+919000000500,c\n+919000000400,d\n9876543211,e\n")
    argv = ("bulk", str(file), *SANDBOX, "--yes", "--run", "june", "--batch", "1", "--retry-for", "0")
    assert exosms(*argv[:-2]).exit_code == 10
    return exosms


RUN_AT_80 = """
rows  accepted  rejected  unknown
─────────────────────────────────
5     2         2         1

Status      Messages    First   What it means, What to do
────────────────────────────────────────────────────────────────────────────────
HTTP 400    2 rejected  line 3  Invalid Recipient
code 40203                      Exotel accepts none of the recipients as a
                                mobile number.
                                Correct the number; write it with its country
                                code, such as +919876543210.
HTTP 500    1 unknown   line 4  Internal Server Error
"""

RUN_AT_40 = """
rows  accepted  rejected  unknown
─────────────────────────────────
5     2         2         1

Status      Messages, First, What it
            means, What to do
────────────────────────────────────────
HTTP 400    2 rejected
code 40203  line 3
            Invalid Recipient
            Exotel accepts none of the
            recipients as a mobile
            number.
            Correct the number; write it
            with its country code, such
            as +919876543210.
HTTP 500    1 unknown
"""

RUN_AT_120 = """
rows  accepted  rejected  unknown
─────────────────────────────────
5     2         2         1

Status      Messages    First   What it means                               What to do
────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
HTTP 400    2 rejected  line 3  Invalid Recipient                           Correct the number; write it with its
code 40203                      Exotel accepts none of the recipients as a  country code, such as +919876543210.
                                mobile number.
"""


@pytest.mark.parametrize(("columns", "table"), [(40, RUN_AT_40), (80, RUN_AT_80), (120, RUN_AT_120)])
def test_the_errors_of_a_run_are_one_table_led_by_the_status(june: Shell, columns: int, table: str) -> None:
    shown = "\n" + "\n".join(seen(june, "runs", "show", "june", columns=columns))
    assert table in shown
    assert not BORDERS & set(shown)
    assert shown.count("Status") == 1


def test_what_stopped_a_run_is_in_the_table(exosms: Shell) -> None:
    file = exosms.home / "june.csv"
    file.write_text("to,body\n+919000000403,b\n+919000000403,c\n")
    shown = seen(exosms, "bulk", str(file), *SANDBOX, "--yes", "--run", "june", "--batch", "1", columns=80)
    assert shown[shown.index("rows  remaining") :] == [
        "rows  remaining",
        "─" * 15,
        "2     2",
        "",
        "Status      Messages     First  What it means, What to do",
        "─" * 80,
        "HTTP 403    2 remaining         Insufficient balance to send the SMS",
        "code 40001                      The account's balance does not cover the",
        "                                message.",
        "                                Top up the account with Exotel, then send again.",
        "exosms: Continue with: exosms runs resume june",
    ]


SEVERAL = [
    "rejected  +919000000400",
    "accepted  +919876543210",
    "  " + "5" * 32,
    "  Exotel says queued; 1 part, plain",
    "not_sent  +919000000403",
    "not_sent  +919876543211",
    "not_sent  +919876543212",
    "",
    "Status      Messages    First          What it means, What to do",
    "─" * 80,
    "HTTP 400    1 rejected  +919000000400  Invalid Recipient",
    "code 40203                             Exotel accepts none of the recipients as",
    "                                       a mobile number.",
    "                                       Correct the number; write it with its",
    "                                       country code, such as +919876543210.",
    "HTTP 403    1 not_sent  +919000000403  Insufficient balance to send the SMS",
    "code 40001                             The account's balance does not cover the",
    "                                       message.",
    "                                       Top up the account with Exotel, then send",
    "                                       again.",
    "none        2 not_sent  +919876543211  not attempted",
    "                                       Nothing was sent: the command stopped",
    "                                       before this message.",
]


def test_of_several_recipients_the_errors_are_one_table(exosms: Shell) -> None:
    to = "+919000000400,9876543210,+919000000403,9876543211,9876543212"
    assert seen(exosms, "send", *SANDBOX, "--to", to, "--body", "Hi", columns=80) == SEVERAL


@pytest.mark.parametrize("columns", [40, 80, 120])
@pytest.mark.parametrize("skips", [False, True])
def test_refused_numbers_are_rows_of_one_table_and_told_once(exosms: Shell, columns: int, *, skips: bool) -> None:
    argv = ("send", *SANDBOX, "--to", "12,34,9876543210", "--body", "Hi", *(["--skip-invalid"] * skips))
    shown = seen(exosms, *argv, columns=columns)
    words = " ".join(" ".join(shown).split())
    assert [words.count(f"'{bad}' is not an") for bad in ("12", "34")] == [1, 1]
    assert [line for line in shown if line.startswith("none")] != []
    assert words.count("Status") == 1
    assert words.count("because another recipient was refused") == (0 if skips else 1)
    assert words.count("Correct it") == 2  # nothing is wrong with the third one
    assert max(map(len, shown)) <= columns


def test_the_failures_of_several_sids_are_one_table(exosms: Shell) -> None:
    sids = []
    for digits in ("23185", "23185", "21010"):
        sent = exosms("send", *SANDBOX, "--to", f"+9190000{digits}", "--body", "Hi", "-q")
        sids.append(sent.stdout.strip())
    shown = seen(exosms, "status", *SANDBOX, *sids, columns=80)
    table = shown[shown.index("Status      Messages  First          What it means, What to do") :]
    assert table[2] == "code 23185  2 failed  +919000023185  failed 23185 DLT_TEMPLATE_DOES_NOT_MATCH"
    assert [line.split("  ")[0] for line in shown if line.startswith(("failed", "pending"))] == [
        "failed",
        "failed",
        "pending",
    ]


def test_the_plan_the_question_and_the_summary_are_on_one_screen(exosms: Shell) -> None:
    file = exosms.home / "june.csv"
    text = "Dear customer your order is on its way and will come soon. " * 20
    file.write_text("to,body\n9876543210,a\n" + "".join(f"98765{n:05d},{text} {n}\n" for n in range(20)))
    argv = ("bulk", str(file), *SANDBOX, "--run", "june")
    result = exosms.on_terminal(*argv, env={"NO_COLOR": "1"}, typed=[("[y/N]: ", "y")])
    screen = pyte.Screen(80, 24)
    pyte.Stream(screen).feed(result.stdout.replace("\n", "\r\n"))
    shown = [line.rstrip() for line in screen.display]
    assert [line for line in shown if line.startswith("plan for  ")]
    assert "messages  21 of 21 rows" in shown
    assert "rows  accepted" in shown
    assert "21    21" in shown


RUNS = [
    "Began                State     Accepted  Run   File",
    "MOMENT-OF-19-LETTER  finished  2 of 5    june  HOME/june.csv",
]


def test_runs_are_a_table(june: Shell) -> None:
    shown = [line.replace(str(june.home), "HOME") for line in seen(june, "runs", "list", columns=300)]
    assert [shown[0], *shown[2:]] == RUNS
    assert set(shown[1]) == {"─"}
    lines = june("runs", "list", "-o", "jsonl").stdout.splitlines()
    assert [json.loads(line)["run"] for line in lines] == ["june"]


@pytest.mark.parametrize("columns", [80, 120])
def test_a_long_name_of_a_run_stays_whole_in_a_table(exosms: Shell, columns: int) -> None:
    name = "customers-of-the-south-20261123-1"
    file = exosms.home / "june.csv"
    file.write_text("to,body\n9876543210,a\n")
    assert exosms("bulk", str(file), *SANDBOX, "--yes", "--run", name).exit_code == 0
    heads, _, *rows = seen(exosms, "runs", "list", columns=columns)
    assert heads.startswith("Began                State     Accepted  Run")
    assert rows[0].startswith(f"MOMENT-OF-19-LETTER  finished  1 of 1    {name}")


def test_what_was_sent_is_a_table(june: Shell) -> None:
    assert seen(june, "log", columns=80)[:6] == [
        "At                   Outcome   To             Sid, About",
        "─" * 80,
        "MOMENT-OF-19-LETTER  accepted  +919876543210  " + "5" * 32,
        "                                              queued; run june row 1; sandbox",
        "MOMENT-OF-19-LETTER  rejected  +919000000400  HTTP 400: Invalid Recipient; run",
        "                                              june row 2; sandbox",
    ]
    assert seen(june, "log", columns=40)[:7] == [
        "At: MOMENT-OF-19-LETTER",
        "Outcome: accepted",
        "To: +919876543210",
        "Sid: " + "5" * 32,
        "About: queued; run june row 1; sandbox",
        "",
        "At: MOMENT-OF-19-LETTER",
    ]


def test_a_long_log_is_several_tables(exosms: Shell) -> None:
    file = exosms.home / "june.csv"
    file.write_text("to,body\n" + "".join(f"98765{n:05d},a\n" for n in range(501)))
    assert exosms("bulk", str(file), *SANDBOX, "--yes", "--rate", "off", "--batch", "100").exit_code == 0
    lines = exosms("log", "-o", "human", env={"COLUMNS": "200"}).stdout.splitlines()
    assert [number for number, line in enumerate(lines) if line.startswith("At ")] == [0, 502]
    assert len([line for line in lines if "accepted" in line]) == 501


PROFILES = [
    "Name              Region   Account  From",
    "─" * 42,
    "prod     default  mumbai   acme1    ACMEIN",
    "sandbox           sandbox",
]


def test_profiles_and_their_test_are_tables(exosms: Shell) -> None:
    config = exosms.home / "config.toml"
    config.write_text(
        '[profiles.prod]\nregion = "mumbai"\naccount_sid = "acme1"\napi_key = "k"\napi_token = "t"\nfrom = "ACMEIN"\n'
    )
    config.chmod(0o600)
    exosms.env["EXOSMS_CONFIG"] = str(config)
    assert seen(exosms, "profile", "list", columns=80) == PROFILES
    assert exosms("profile", "list").stdout.splitlines()[0] == "prod\tdefault\tmumbai\tacme1\tACMEIN"
    assert seen(exosms, "profile", "test", "sandbox", columns=80) == [
        "Result  Profile  Status  What it means",
        "─" * 49,
        "ok      sandbox  200     the credentials are good",
    ]


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_beside_foreign_text_there_are_no_vertical_lines(exosms: Shell, columns: int, tmp_path: Path) -> None:
    """Terminals and rich disagree about the width of Devanagari and emoji, and would break such lines apart."""
    templates = tmp_path / "templates.toml"
    templates.write_text(f'[templates.diwali]\ntext = "{HINDI} {{#var#}} - Acme"\n')
    file = exosms.home / "june.csv"
    file.write_text(f"to,name,body\n9876543210,x,{HINDI}\n+919000000400,y,{HINDI}\n")
    exosms.env["EXOSMS_TEMPLATES"] = str(templates)
    for argv in (
        ("bulk", str(file), *SANDBOX, "-n"),
        ("bulk", str(file), *SANDBOX, "--yes", "--run", HINDI),
        ("runs", "list"),
        ("runs", "show", HINDI),
        ("log",),
        ("template", "list"),
        ("template", "lint"),
    ):
        shown = exosms.on_terminal(*argv, columns=columns, env={"NO_COLOR": "1"}).stdout
        assert not BORDERS & set(shown), argv
    shown = exosms.on_terminal("template", "list", columns=columns, env={"NO_COLOR": "1"}).stdout
    assert HINDI in " ".join(shown.split())


HOSTILE = "[bold]\x1b[2J\x1b]0;owned\x07\x9b31m\u202e[/foo]\r\nStatus\tend"


def test_network_text_in_the_table_is_neither_markup_nor_control(exosms: Shell) -> None:
    body = json.dumps({"RestException": {"Status": 400, "Message": HOSTILE}})
    with Misbehaving(answers(400, body), answers(400, body)) as server:
        argv = ("send", "--to", "9876543210,9876543211", "--from", "ACMEIN", "--body", "Hi", "--rate", "off")
        shown = exosms.on_terminal(*argv, "--base-url", server.url, env=ACCOUNT).stdout
    words = "".join(shown.split())
    assert r"[bold]\x1b[2J\x1b]0;owned\x07\x9b31m\u202e[/foo]\x0d\x0aStatus\x09end" in words
    assert not set("\x1b\x07\x9b\u202e\r\t") & set(shown)


def test_sentences_break_at_words_and_commands_stay_whole(exosms: Shell) -> None:
    assert seen(exosms, "runs", "show", "june", columns=40) == [
        "exosms: error: There is no run 'june'",
        "  `exosms runs list` shows them.",
    ]
    file = exosms.home / "june.csv"
    file.write_text("to,body\n+919000000400,b\n")
    exosms("bulk", str(file), *SANDBOX, "--yes", "--run", "june")
    shown = exosms.on_terminal("runs", "show", "june", columns=60).stdout.splitlines()
    assert shown[-3:] == [
        "exosms: Get the rejected rows, to be corrected and sent,",
        "  with:",
        f"  exosms runs export june rejected.csv --outcome rejected --with {file}",
    ]


def test_in_a_table_commands_stay_whole_too_and_lists_are_indented(exosms: Shell) -> None:
    lines = seen(exosms, "codes", "403", columns=60)
    assert "                   numbers on its own list" in lines
    assert "                 `exosms profile show`; then send again." in lines


def test_a_match_is_a_table_of_its_values(exosms: Shell) -> None:
    argv = (
        "check-template",
        "--text",
        "{#var#} is your OTP for {#var#}.",
        "--body",
        "4711 is your OTP for [b]login.",
    )
    assert seen(exosms, *argv, columns=80) == [
        "match  the registered text",
        "──────────────────────────",
        "1      4711",
        "2      [b]login",
    ]


@pytest.mark.parametrize("columns", [40, 80])
def test_rows_that_do_not_match_are_a_table(exosms: Shell, columns: int) -> None:
    file = exosms.home / "rows.csv"
    file.write_text("body\n4711 is your OTP.\n4711 is your OTPs.\n")
    argv = ("check-template", "--text", "{#var#} is your OTP.", "--csv", str(file))
    shown = seen(exosms, *argv, columns=columns)
    assert shown[-1] == "exosms: 1 of 2 rows match"
    assert [line.split()[0] for line in shown if line[:1].isdigit()] == ["3"]
    assert "\t" not in "".join(shown)
    assert max(map(len, shown)) <= columns
