"""The README's commands print what it says, and its exit codes are the program's."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest
from conftest import Shell

from exosms.errors import ExitCode

README = Path(__file__).parent.parent / "README.md"
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


def test_the_exit_codes_are_those_of_the_program() -> None:
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", README.read_text(), re.MULTILINE)}
    assert listed == set(ExitCode)
