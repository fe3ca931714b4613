"""completions/ holds what the program prints."""

from pathlib import Path

import pytest
from conftest import Shell

FILES = {"bash": "exosms.bash", "zsh": "_exosms", "fish": "exosms.fish"}
COMPLETIONS = Path(__file__).parent.parent / "completions"


@pytest.mark.parametrize("shell", FILES)
def test_the_files_are_what_the_program_prints(exosms: Shell, shell: str) -> None:
    printed = exosms.start(env={"_EXOSMS_COMPLETE": f"source_{shell}"}).communicate()[0].decode()
    assert printed == (COMPLETIONS / FILES[shell]).read_text()


@pytest.mark.parametrize(
    ("line", "offered"),
    [("exosms pro", "profile"), ("exosms send --reg", "--region"), ("exosms profile rem", "remove")],
)
def test_bash_completes_commands_and_options(exosms: Shell, line: str, offered: str) -> None:
    env = {
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(line.split()) - 1),
        "_EXOSMS_COMPLETE": "complete_bash",
    }
    out, _ = exosms.start(env=env).communicate()
    assert out.decode().split() == [offered]
