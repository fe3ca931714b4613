"""The README's commands print what it says; what it has of ``exosms help`` is compared in ``test_topics``."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest
from conftest import Shell

from exosms.bulk import results_csv
from exosms.bulk.row_message import RECIPIENT_COLUMNS
from exosms.config import config_file, groups
from exosms.config.profile import KEYS, TOKEN_KEYS
from exosms.sms.message import FIELDS

README = Path(__file__).parent.parent / "README.md"
PACKAGE = README.parent / "exosms"
BLOCKS = re.findall(r"<!-- run -->\n```console\n(.*?)```", README.read_text(), re.DOTALL)


def examples(block: str) -> list[tuple[str, str]]:
    return [(command, output) for command, output in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)]


@pytest.mark.parametrize("block", BLOCKS)
def test_examples_print_what_the_readme_says(exosms: Shell, block: str) -> None:
    program = " ".join(map(shlex.quote, exosms.command()))
    for command, output in examples(block):
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


def test_there_are_examples() -> None:
    assert sum(len(examples(block)) for block in BLOCKS) >= 5


def test_the_configuration_is_one_and_names_every_key(tmp_path: Path) -> None:
    [block] = re.findall(r"<!-- config -->\n```toml\n(.*?)```", README.read_text(), re.DOTALL)
    path = tmp_path / "config.toml"
    path.write_text(block)
    path.chmod(0o600)
    config = config_file.read(path)
    assert (config.default, config.warnings, config.unknown_keys("prod")) == ("prod", (), ())
    assert config.profile("prod").missing == ()
    profiles, _, of_groups = block.partition("[groups]")
    assert groups.read(path, home=None).members("oncall") == tuple(re.findall(r'"([^"]+)"', of_groups))
    named = set(re.findall(r"(?:^|# or |, or )(\w+) =", profiles, re.MULTILINE))
    assert named == {*KEYS, *TOKEN_KEYS, "version", "default_profile"}


def test_the_variables_are_those_of_the_program() -> None:
    read = {
        name
        for path in PACKAGE.rglob("*.py")
        for name in re.findall(r"\b(?:EXOSMS|EXOTEL)_[A-Z_]*[A-Z]\b", path.read_text())
    }
    table = README.read_text().partition("| variable | meaning |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`((?:EXOSMS|EXOTEL)_[A-Z_]+)`", table)) == read - {"EXOTEL_TEXT", "EXOTEL_NUMBER"}


def test_the_columns_are_those_of_the_program() -> None:
    text = README.read_text()
    assert f"\n{','.join(results_csv.COLUMNS)}\n" in text
    text = " ".join(text.split())
    own = text.partition("If a row has cells ")[2].partition("they win")[0]
    assert set(re.findall(r"`(\w+)`", own)) == {field.column for field in FIELDS.values()}
    recipients = text.partition("Recipients are in a column ")[2].partition(".")[0]
    assert tuple(re.findall(r"`(\w+)`", recipients)) == RECIPIENT_COLUMNS
