"""The help of every command: whole, and its examples are commands that work."""

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
import typer
from conftest import Shell

from exosms.cli import commands
from exosms.errors import ExitCode

PARSED = 77
TOPICS = "Topics of exosms help"
Pages = Mapping[tuple[str, ...], str]
SANDBOX_ONLY = {"EXOSMS_PROFILE": "sandbox", "EXOTEL_FROM": "ACMEIN"}
EXAMPLE = re.compile(r"^exosms |\| exosms |\$\(exosms ")


def page(exosms: Shell, *command: str) -> str:
    shown = exosms(*command, "--help")
    assert (shown.exit_code, shown.stderr) == (0, ""), command
    return shown.stdout


def sections(text: str) -> dict[str, dict[str, str]]:
    """Return by heading what is listed: what stands on the left, and what is said about it."""
    found: dict[str, dict[str, str]] = {}
    for heading, listed in re.findall(r"^([A-Z][\w ]*):\n((?:  .*\n)+)", text, re.MULTILINE):
        found[heading] = {}
        for entry in re.split(r"\n(?=  \S)", listed.rstrip()):
            name, _, about = entry.strip().replace("\n", "  ").partition("  ")
            found[heading][name] = " ".join(about.split())
    return found


def options(text: str) -> dict[str, str]:
    """Return every option of a page."""
    others = {"Arguments", "Commands", "Examples", TOPICS}
    return {
        name: about
        for title, listed in sections(text).items()
        if title not in others
        for name, about in listed.items()
    }


def tree(exosms: Shell, *above: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield every command with those above it, the program itself first, and its page."""
    text = page(exosms, *above)
    yield above, text
    for name in sections(text).get("Commands", {}):
        yield from tree(exosms, *above, name)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Pages:
    """The page of every command: none depends on a home."""
    return dict(tree(Shell(tmp_path_factory.mktemp("home"))))


def examples(text: str) -> list[str]:
    found = re.search(r"^Examples:\n((?:  .*\n)+)", text, re.MULTILINE)
    return [line.strip() for line in found[1].splitlines()] if found else []


def programs(example: str) -> list[list[str]]:
    """Return the arguments of each exosms in an example, as a shell would give them."""
    lexer = shlex.shlex(re.sub(r'"?\$\((.*?)\)"?', r"; \1", example), posix=True, punctuation_chars="|;")
    lexer.whitespace_split = True
    calls: list[list[str]] = [[]]
    for word in lexer:
        if word in {"|", ";"}:
            calls.append([])
        else:
            calls[-1].append(word)
    return [call[1:] for call in calls if call[:1] == ["exosms"]]


@pytest.fixture
def furnished(exosms: Shell, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A home that has what the examples name."""
    monkeypatch.chdir(exosms.home)
    exosms.env |= {**SANDBOX_ONLY, "EXOSMS_CONFIG": str(exosms.home / "config.toml")}
    config = exosms.home / "config.toml"
    config.write_text('[profiles.prod]\nregion = "sandbox"\n[profiles.staging]\nregion = "sandbox"\n[profiles.old]\n')
    config.chmod(0o600)
    text = '[templates.otp]\ntext = "{#var#} is your OTP for {#var#}. - Acme"\nvariables = ["code", "app"]\n'
    text += 'dlt_template_id = "1107160000000012345"\n'
    (exosms.home / "templates.toml").write_text(text)
    Path("alert.txt").write_text("Disk full\n")
    Path("message.txt").write_text("4711 is your OTP. - Acme\n")
    Path("customers.csv").write_text("to,name,order,code,app\n9876543210,Asha,17,4711,login\n")
    exports = (
        "DLT CT ID,Name,SMS,Header,Type,Status\n1107160000000054321,offer,Hello {#var#},ACMEIN,Promotional,Approved\n"
    )
    Path("export.csv").write_text(exports)
    return exosms


def test_every_command_option_and_argument_is_described(pages: Pages) -> None:
    assert len(pages) > 25
    for command, text in pages.items():
        for title, listed in sections(text).items():
            for name, about in listed.items() if title != "Examples" else ():
                assert re.search(r"[a-zA-Z]", re.sub(r"\[.*?\]", "", about)), (command, name)
                assert title != "Commands" or not about.endswith("..."), (command, name)


def test_every_page_has_two_examples_that_can_be_copied(pages: Pages) -> None:
    for command, text in pages.items():
        found = examples(text)
        assert len(found) >= 2, command
        assert all(EXAMPLE.search(each) and len(each) <= 78 for each in found), (command, "broken into lines")
        assert all(f"exosms {' '.join(command)}".strip() in example for example in found), command


def test_every_example_is_understood(exosms: Shell, pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real parser reads it, as far as the command's first step."""

    def stop(*_: object) -> None:
        raise SystemExit(PARSED)

    monkeypatch.setattr(commands, "_refuse_what_is_no_text", stop)
    for text in pages.values():
        for example in examples(text):
            assert {exosms(*call).exit_code for call in programs(example)} == {PARSED}, example


def test_every_example_that_can_run_here_runs(furnished: Shell, pages: Pages) -> None:
    """Against the sandbox: what it answers depends on the home, but no example is a wrong use or meets a bug."""
    for text in pages.values():
        for example in examples(text):
            if re.search(r"exosms (sandbox|callbacks)|--region (mumbai|singapore)", example):
                continue
            for call in programs(example):
                result = furnished(*call, stdin="0f477d60517e6e6a0f6d9a7e9af8630e\n")
                assert result.exit_code not in {ExitCode.BUG, ExitCode.USAGE}, (example, result)


def test_options_that_take_a_duration_say_how_one_is_written(pages: Pages) -> None:
    durations = [
        (command, name, about)
        for command, text in pages.items()
        for name, about in options(text).items()
        if "DURATION" in name
    ]
    assert len(durations) > 5
    assert [found for found in durations if not re.search(r"\b\d+m?[smhd]\b", found[2])] == []


def test_the_program_says_where_keys_and_pace_hold(exosms: Shell) -> None:
    text = " ".join(page(exosms).split())
    assert "DURATION is 90s, 15m, 24h or 7d" in text
    assert "Once keys and pace work within one state directory" in text
    assert "a fresh CI machine has none" in " ".join(page(exosms, "send").split())
    assert "with this state directory" in " ".join(page(exosms, "bulk").split())


def names(listed: Iterable[str]) -> list[str]:
    """Return each option by its last name, without what it takes."""
    return [re.findall(r"--[\w-]+", name)[-1] for name in listed]


@pytest.mark.parametrize(
    ("command", "most_used"),
    [
        ("send", "--to --body --template --once --dry-run"),
        ("job", "--to --on --body --once --within"),
        ("bulk", "--template --body --dry-run --run --yes"),
    ],
)
def test_a_long_help_begins_with_what_is_most_used(exosms: Shell, command: str, most_used: str) -> None:
    headings = [title for title in sections(page(exosms, command)) if title not in {"Arguments", "Examples"}]
    every = ["Most used", "Recipients", "Text", "File", "DLT", "Safety", "Sending", "Account", "Output"]
    assert headings == [title for title in every if title != "File" or command == "bulk"]
    listed = sections(page(exosms, command))
    assert names(listed["Most used"]) == most_used.split()
    assert names(listed["DLT"]) == ["--from", "--dlt-entity-id", "--dlt-template-id", "--type"]
    assert names(listed["Account"]) == ["--profile", "--region", "--base-url", "--config"]
    assert names(listed["Output"])[-1] == "--help"


def test_no_option_is_listed_twice_or_left_out(pages: Pages) -> None:
    program: Any = typer.main.get_command(commands._app({*commands._HELP}))
    for path, text in pages.items():
        command = reduce(lambda above, name: above.commands[name], path, program)
        declared = [option.opts[-1] for option in command.params if option.param_type_name == "option"]
        assert sorted(names(options(text))) == sorted([*declared, "--help"]), path


def test_a_short_help_needs_no_headings(exosms: Shell) -> None:
    assert [*sections(page(exosms, "runs", "list"))] == ["Examples", "Options"]


def test_shared_options_of_other_long_helps_stand_below_the_same_headings(exosms: Shell) -> None:
    listed = sections(page(exosms, "runs", "retry"))
    assert [*listed] == ["Examples", "Arguments", "Safety", "Sending", "Account", "Output"]
    assert names(listed["Safety"]) == ["--yes", "--no-input", "--dry-run"]


@pytest.mark.parametrize("width", [60, 80, 100])
def test_every_help_fits_and_its_words_are_whole(exosms: Shell, pages: Pages, width: int) -> None:
    """Only a command that may be copied, and the name of an option with all its choices, may be longer."""
    for command, as_usual in pages.items():
        text = exosms(*command, "--help", env={"COLUMNS": str(width), "FORCE_COLOR": "1"}).stdout
        assert "\x1b" not in text
        too_long = [line for line in text.splitlines() if len(line) > width]
        assert all(EXAMPLE.search(line.strip()) or re.match(r"  -\S.*\S\|", line) for line in too_long), command
        assert text.split() == as_usual.split(), command


def test_help_is_the_same_on_a_terminal(exosms: Shell) -> None:
    shown = exosms.on_terminal("send", "--help").stdout.replace("\r\n", "\n")
    assert shown.split() == page(exosms, "send").split()


def test_every_help_ends_with_where_more_is(pages: Pages) -> None:
    for command, text in pages.items():
        if command:
            last = " ".join(text.split("\n\n")[-1].split())
            assert last == "More: `exosms help exit-codes`, outcomes, environment; all: `exosms help`", command


@pytest.mark.parametrize(
    ("line", "near"),
    [
        ("sned", "Did you mean 'send'?"),
        ("runs resme june", "Did you mean 'resume'"),
        ("template ad x", "Did you mean 'add'?"),
        ("send --bdy x", "--body"),
        ("--verison", "--version"),
        ("send --to 9876543210 -b x --region mumbay", "did you mean 'mumbai'?"),
        ("send --to 9876543210 -b x --region Singapur", "did you mean 'singapore'?"),
        ("send --to 9876543210 -b x -o jsn", "did you mean 'json'?"),
        ("send --to 9876543210 -b x --type transactonal", "did you mean 'transactional'?"),
        ("send --to 9876543210 -b x --priority hihg", "did you mean 'high'?"),
        ("send --to 9876543210 -b x --encoding unicod", "did you mean 'unicode'?"),
        ("bulk x.csv --duplicates frist", "did you mean 'first'?"),
        ("bulk x.csv --sent-before skp", "did you mean 'skip'?"),
        ("log --outcome acepted", "did you mean 'accepted'?"),
        ("runs resolve june --as notsent", "did you mean 'not_sent'?"),
        ("--show-completion bsh", "did you mean 'bash'?"),
    ],
)
def test_what_is_mistyped_is_told_the_nearest(exosms: Shell, line: str, near: str) -> None:
    result = exosms(*line.split())
    assert (result.exit_code, result.stdout) == (2, "")
    assert near in result.stderr
