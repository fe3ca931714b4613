"""The README's commands print what it says; what it has of ``exosms help`` is compared in ``test_topics``."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest
from conftest import Shell

from exosms.bulk import results_csv
from exosms.bulk.row_message import RECIPIENT_COLUMNS
from exosms.cli import commands, topics
from exosms.config import config_file, groups
from exosms.config.profile import KEYS, TOKEN_KEYS
from exosms.sms.message import FIELDS

README = Path(__file__).parent.parent / "README.md"
PACKAGE = README.parent / "exosms"
TEXT = README.read_text()
SECTIONS = {
    title: re.findall(r"<!-- run -->\n```console\n(.*?)```", section, re.DOTALL)
    for title, section in re.findall(r"^## (.*)\n((?:(?!## ).*\n)*)", TEXT, re.MULTILINE)
}
"""The examples of each section."""


def examples(section: str) -> list[tuple[str, str]]:
    return re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", "".join(SECTIONS[section]), re.MULTILINE)


@pytest.mark.parametrize("section", [title for title, blocks in SECTIONS.items() if blocks])
def test_examples_print_what_the_readme_says(exosms: Shell, section: str) -> None:
    """Those of a section one after the other, as its reader would try them."""
    program = " ".join(map(shlex.quote, exosms.command()))
    for command, output in examples(section):
        script = f'exosms() {{ {program} "$@"; }}\n{command}'
        done = subprocess.run(
            ["bash", "-c", script],
            env=exosms.full_env(),
            cwd=exosms.home,
            capture_output=True,
            text=True,
            check=False,
        )
        pattern = re.escape(output).replace("<sid>", "[0-9a-f]{32}").replace("<time>", r"\S+")
        assert re.fullmatch(pattern, done.stdout), (command, done.stdout, done.stderr)


def test_no_example_is_left_out() -> None:
    assert sum(len(examples(section)) for section in SECTIONS) == len(re.findall(r"^\$ ", TEXT, re.MULTILINE)) >= 20


def test_it_is_read_in_ten_minutes() -> None:
    assert TEXT.count("\n") < 620
    paragraphs = re.split(r"\n\n|(?<=\|)\n", TEXT)  # of a table each row is one
    assert max(map(len, paragraphs)) <= 800


def anchor(title: str) -> str:
    """Return how GitHub names a heading in a link."""
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


def test_the_contents_and_every_link_lead_somewhere() -> None:
    headings = re.findall(r"^(##+) (.*)$", re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL), re.MULTILINE)
    anchors = [anchor(title) for _, title in headings]
    assert len({*anchors}) == len(anchors)
    links = re.findall(r"\]\(([^)]+)\)", TEXT)
    files = [link for link in links if not link.startswith(("https://", "#"))]
    assert [file for file in files if not (README.parent / file).is_file()] == []
    assert {link[1:] for link in links if link.startswith("#")} <= {*anchors}
    contents = TEXT.partition("\n## Contents\n")[2].partition("\n## ")[0]
    linked = {*re.findall(r"\]\(#([^)]+)\)", contents)}
    assert linked >= {anchor(title) for level, title in headings if level == "##"} - {"try-it", "contents"}


def test_every_command_is_in_the_table() -> None:
    table = TEXT.partition("\n## Commands\n")[2].partition("\n## ")[0]
    named = []
    for cell in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE):
        first, *others = re.findall(r"`([^`]+)`", cell)
        group = first.rpartition(" ")[0]
        named += [first, *(f"{group} {other}".strip() for other in others)]
    every = [f"{above} {name}" for above in commands.below([]) for name in commands.below([above]) or [""]]
    assert sorted(named) == sorted({name.strip() for name in every} - {"help"})


def test_the_configuration_is_one_and_names_every_key(tmp_path: Path) -> None:
    [block] = re.findall(r"<!-- config -->\n```toml\n(.*?)```", TEXT, re.DOTALL)
    path = tmp_path / "config.toml"
    path.write_text(block)
    path.chmod(0o600)
    config = config_file.read(path)
    assert (config.default, config.warnings, config.unknown_keys("prod")) == ("prod", (), ())
    assert config.profile("prod").missing == ()
    profiles, _, of_groups = block.partition("[groups]")
    assert groups.read(path).members("oncall") == tuple(re.findall(r'"([^"]+)"', of_groups))
    named = set(re.findall(r"(?:^|# or |, or )(\w+) =", profiles, re.MULTILINE))
    assert named == {*KEYS, *TOKEN_KEYS, "version", "default_profile"}


def test_the_variables_are_those_of_the_program() -> None:
    read = {
        name
        for path in PACKAGE.rglob("*.py")
        for name in re.findall(r"\b(?:EXOSMS|EXOTEL)_[A-Z_]*[A-Z]\b", path.read_text())
    }
    table = topics.page("environment").partition("| variable | meaning |")[2]
    assert set(re.findall(r"`((?:EXOSMS|EXOTEL)_[A-Z_]+)`", table)) == read - {"EXOTEL_TEXT", "EXOTEL_NUMBER"}


def test_the_columns_are_those_of_the_program() -> None:
    assert ", ".join(f"`{column}`" for column in results_csv.COLUMNS) in TEXT
    own = TEXT.partition("If a row has cells ")[2].partition("they win")[0]
    assert set(re.findall(r"`(\w+)`", own)) == {field.column for field in FIELDS.values()}
    recipients = TEXT.partition("Recipients are in a column ")[2].partition(".")[0]
    assert tuple(re.findall(r"`(\w+)`", recipients)) == RECIPIENT_COLUMNS
