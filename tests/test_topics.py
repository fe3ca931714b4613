"""``exosms help``: its topics are the README's, and what they say is what the program does."""

import re
from pathlib import Path

import pytest
from conftest import Shell
from misbehaving import Misbehaving, answers

from exosms.cli import topics
from exosms.errors import ExitCode
from exosms.sms.message import Outcome

README = (Path(__file__).parent.parent / "README.md").read_text()
TOPICS = ["columns", "configuration", "environment", "exit-codes", "outcomes", "templates"]


@pytest.fixture
def sandbox(exosms: Shell, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Exosms with the sandbox's account and a file, so that nothing else is missing."""
    monkeypatch.chdir(exosms.home)
    (exosms.home / "rows.csv").write_text("to,body\n9876543210,Hello\n")
    exosms.env |= {"EXOSMS_PROFILE": "sandbox", "EXOTEL_FROM": "ACMEIN"}
    return exosms


def first_cells(topic: str) -> str:
    """Return the first column of a page's table, without its head."""
    return "\n".join(re.findall(r"^\|([^|]*)\|", topics.page(topic), re.MULTILINE)[2:])


def test_without_a_topic_it_is_the_help_of_the_program(exosms: Shell) -> None:
    shown = exosms("help")
    assert (shown.exit_code, shown.stderr) == (0, "")
    assert shown == exosms("--help") == exosms("-h")
    for topic, title in topics.titles().items():
        assert re.search(rf"^  {topic} +{re.escape(title)}$", shown.stdout, re.MULTILINE)
    assert [*topics.titles()] == TOPICS


@pytest.mark.parametrize("words", ["send", "job", "runs", "runs reconcile", "profile set", "help"])
def test_a_command_is_explained_as_by_its_own_help(exosms: Shell, words: str) -> None:
    assert exosms("help", *words.split()) == exosms(*words.split(), "--help")


@pytest.mark.parametrize("topic", TOPICS)
def test_a_topic_is_a_page_that_the_readme_has_or_links_to(exosms: Shell, topic: str) -> None:
    title, _, body = topics.page(topic).partition("\n\n")
    assert body in README or f"](exosms/help/{topic}.md)" in README, f"exosms/help/{topic}.md and README.md differ"
    for width in (60, 80):
        shown = exosms("help", topic, env={"COLUMNS": str(width), "FORCE_COLOR": "1"})
        assert (shown.exit_code, shown.stderr) == (0, "")
        assert shown.stdout.startswith(title.removeprefix("# ") + "\n\n")
        assert all(
            len(line) <= 80 if line.startswith("    ") else len(line) <= width for line in shown.stdout.split("\n")
        )
        assert not re.search(r"<!--|-->|```|^\|", shown.stdout, re.MULTILINE)
        told = re.sub(r"<!--.*?-->|^```\w*$|^\|[-|]+$", "", body, flags=re.MULTILINE)
        assert sorted(re.findall(r"\w+", shown.stdout.partition("\n\n")[2])) == sorted(re.findall(r"\w+", told))


def test_a_page_as_it_is_printed(exosms: Shell) -> None:
    assert exosms("help", "outcomes", env={"COLUMNS": "80"}).stdout.startswith("""\
What became of a message, in one word

  outcome                     meaning
  accepted                    Exotel accepted it and gave a Sid; that is not
                              yet delivered
  rejected                    refused, by Exotel or by a check before the
""")
    assert "\n    [profiles.prod]\n    region = " in exosms("help", "configuration").stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("exitcodes", "There is no topic and no command 'exitcodes'; did you mean 'exit-codes'?"),
        ("exit codes", "There is no topic and no command 'exit'; did you mean 'exit-codes'?"),
        ("outcome", "There is no topic and no command 'outcome'; did you mean 'outcomes'?"),
        ("sned", "There is no topic and no command 'sned'; did you mean 'send'?"),
        ("zzz", "There is no topic and no command 'zzz'"),
        ("runs recncile", "runs has no command 'recncile'; did you mean 'reconcile'?"),
        ("send foo", "send has no command 'foo'"),
        ("runs list foo", "runs list has no command 'foo'"),
        ("outcomes foo", "outcomes has no command 'foo'"),
    ],
)
def test_what_is_unknown_is_told_the_nearest(exosms: Shell, words: str, told: str) -> None:
    refused = exosms("help", *words.split())
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert refused.stderr == f"exosms: error: {told}\n  `exosms help` lists topics and commands.\n"


def test_the_exit_codes_are_those_of_the_program() -> None:
    assert {int(code) for code in re.findall(r"\d+", first_cells("exit-codes"))} == {*ExitCode, 129, 130, 143}


ENDINGS = [
    (0, "send --to 9876543210 -b x"),
    (0, "runs list"),
    (2, "send --bdy x"),
    (3, "send --to 123 -b x"),
    (4, "send --to +919000000401 -b x"),
    (5, "bulk rows.csv"),
    (6, "send --to +919000000403 -b x"),
    (7, "send --to +919000000503 -b x --retry-for 0"),
    (8, "send --to +919000021010 -b x --wait 0"),
    (9, "send --to +919000000500 -b x"),
    (10, "send --to 9876543210,+919000000403 -b x"),
    (11, "send --to +919000000429 -b x --retry-for 0"),
    (12, "send --to +919000023182 -b x --wait 60s"),
]


@pytest.mark.parametrize(("exit_code", "line"), ENDINGS)
def test_every_exit_code_of_the_page_is_one_that_the_sandbox_can_show(
    sandbox: Shell, exit_code: int, line: str
) -> None:
    assert sandbox(*line.split()).exit_code == exit_code


def test_no_exit_code_of_the_page_is_left_out_here() -> None:
    assert {code for code, _ in ENDINGS} == {*ExitCode} - {ExitCode.BUG}


@pytest.mark.parametrize(
    ("exit_code", "line"),
    [
        (2, "sned"),
        (2, "send --bdy x"),
        (2, "send --to 9876543210"),
        (2, "send --to 9876543210 -b x --rate fast"),
        (2, "log --outcome lost"),
        (3, "send --to 123 -b x"),
        (3, "send --to @nobody -b x"),
        (3, "send --to-file none.txt -b x"),
        (3, "send --to 9876543210 -F none.txt"),
        (3, "send --to 9876543210 -b {#var#}"),
        (3, "send --to 9876543210 -t none"),
        (3, "bulk none.csv -b x"),
        (3, "bulk rows.csv --to-column none"),
        (3, "check-template --text a -b b"),
        (3, "runs show none"),
        (3, "runs reconcile --report none.csv"),
        (3, "template show none"),
        (3, "codes nothing-of-that-name"),
        (4, "send -p none --to 9876543210 -b x"),
        (4, "send --config none.toml --to 9876543210 -b x"),
        (4, "profile show none"),
        (4, "profile set none rate=1/min"),
        (4, "bulk rows.csv --yes --results none/x.csv"),
    ],
)
def test_2_is_the_command_line_3_what_is_sent_and_4_what_it_is_sent_with(
    sandbox: Shell, exit_code: int, line: str
) -> None:
    assert sandbox(*line.split()).exit_code == exit_code


def test_the_outcomes_are_those_of_the_program_and_the_one_word_that_is_none(exosms: Shell) -> None:
    assert {*re.findall(r"`(\w+)`", first_cells("outcomes"))} == {*Outcome, "not_found"}
    looked_up = exosms("status", "0f477d60517e6e6a0f6d9a7e9af8630e", "--region", "sandbox")
    assert looked_up.exit_code == ExitCode.REFUSED
    assert looked_up.stdout.startswith("not_found\t")


@pytest.mark.parametrize(
    ("status", "word"), [(401, "config"), (403, "refused"), (429, "rate_limited"), (500, "unavailable")]
)
def test_the_page_names_what_stands_where_status_found_out_nothing(
    exosms: Shell, monkeypatch: pytest.MonkeyPatch, status: int, word: str
) -> None:
    monkeypatch.setattr("exosms.send.track.back_off", lambda *_args, **_more: 0.0)
    with Misbehaving(answers(status, "", "Retry-After: 0")) as server:
        argv = ("status", "0f477d60517e6e6a0f6d9a7e9af8630e", "--base-url", server.url)
        env = {"EXOTEL_ACCOUNT_SID": "acme1", "EXOTEL_API_KEY": "key", "EXOTEL_API_TOKEN": "token"}
        assert exosms(*argv, env=env).stdout.split("\t")[0] == word
    assert f"`{word}`" in exosms("help", "outcomes").stdout
