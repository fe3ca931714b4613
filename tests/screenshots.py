"""Pictures of what the program prints, for README.md: `python tests/screenshots.py` draws them anew.

Each is the output of a command that runs in an empty home, drawn by rich; none of them loads anything from elsewhere.
"""

import io
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent / "pictures"

_COLUMNS = 88

_SVG = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px; }}
.{unique_id}-title {{ font-family: sans-serif; font-size: 18px; font-weight: bold; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""
"""What rich fills in; its own format loads a font from the network."""


class Picture(NamedTuple):
    """A command, and the files that it reads."""

    title: str
    argv: tuple[str, ...]
    files: Mapping[str, str] = {}


_PEOPLE = """to,name,item,date
9876543210,Asha,lamp,Friday
9876543211,Ravi,"set of six brass lamps, hand made",Saturday
+91 98765 43212,Mina,lamp,Friday
"""

PICTURES = {
    "errors": Picture(
        "Every status, what it means, and what to do",
        (
            "send",
            "--region",
            "sandbox",
            "--to",
            "+919000000400,+919000000404,+919000000403,+919876543210,+919876543211",
            "--body",
            "Backup failed",
        ),
    ),
    "differences": Picture(
        "Why an operator would drop it, before it is paid",
        (
            "check-template",
            "--text",
            "Dear {#var#}, your OTP for {#var#} is {#var#}. Do not share it. - Acme",
            "--body",
            "Dear Asha, you OTP for login is 482913. Do not share it - Acme",
        ),
    ),
    "plan": Picture(
        "What a list would send, and cost in parts and time",
        (
            "bulk",
            "people.csv",
            "--region",
            "sandbox",
            "--dry-run",
            "--body",
            "Dear {name}, your {item} comes on {date}.",
        ),
        {"people.csv": _PEOPLE},
    ),
}


def printed(picture: Picture) -> str:
    """Return what its command prints on a terminal of the pictures' width, but for where its home was."""
    with tempfile.TemporaryDirectory() as home:
        for name, content in picture.files.items():
            (Path(home) / name).write_text(content)
        env = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(FOLDER.parent),
            "HOME": home,
            "EXOSMS_STATE_DIR": f"{home}/state",
            "COLUMNS": str(_COLUMNS),
            "TERM": "xterm-256color",
            "FORCE_COLOR": "1",
            "PYTHONUTF8": "1",
        }
        command = [sys.executable, "-m", "exosms", *picture.argv, "-o", "human"]
        done = subprocess.run(command, cwd=home, env=env, capture_output=True, check=False)
    text = done.stdout.decode().replace(f"{os.path.realpath(home)}/", "").replace(f"{home}/", "")
    return re.sub(r" +((?:\x1b\[0m)?)$", r"\1", text, flags=re.MULTILINE).rstrip("\n")


def drawn(name: str) -> str:
    """Return a picture as SVG."""
    from rich.console import Console
    from rich.terminal_theme import MONOKAI
    from rich.text import Text

    console = Console(
        record=True,
        file=io.StringIO(),
        width=_COLUMNS,
        force_terminal=True,
        color_system="truecolor",
        highlight=False,
        legacy_windows=False,
        _environ={},
    )
    picture = PICTURES[name]
    console.print(Text(f"$ {shlex.join(['exosms', *picture.argv])}"), Text.from_ansi(printed(picture)), sep="\n")
    svg = console.export_svg(title=picture.title, theme=MONOKAI, code_format=_SVG, unique_id=name)
    return "\n".join(line.rstrip() for line in svg.split("\n"))


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for each in PICTURES:
        (FOLDER / f"{each}.svg").write_text(drawn(each), encoding="utf-8")
