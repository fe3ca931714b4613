"""Help as plain text for a width in columns, from paragraphs, rows and pages in Markdown.

Words stay whole, options such as ``--retry-for`` too, and so does a command that may be copied.
"""

import re
import shutil
import textwrap
from collections.abc import Iterable, Sequence
from itertools import groupby

WIDEST = 100
"""Columns of a page at most, however wide the terminal is."""

WIDEST_NAMES = 22
"""Columns for the names of a list; with more, little room would be left for what is said about them."""

_COMMAND = re.compile(r"^exosms |\| exosms |\$\(exosms ")
_WHOLE = re.compile(r"`[^`]{1,30}`|\[default: [^]]{1,20}\]")
_INDENT = "  "


def _joined(text: str) -> str:
    """Return a text whose short commands and defaults are not broken into lines."""
    return _WHOLE.sub(lambda found: found[0].replace(" ", "\xa0"), text)


def columns() -> int:
    """Return how wide a page is: the terminal or ``COLUMNS``, within the bounds of Typer's help."""
    return max(min(shutil.get_terminal_size().columns, WIDEST) - 2, 50)


def filled(text: str, width: int, indent: str = "") -> str:
    """Return one paragraph in lines of at most this many columns; a command is one line."""
    text = " ".join(text.split("\n"))
    if _COMMAND.search(text):
        return indent + text
    return textwrap.fill(
        _joined(text),
        width,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    ).replace("\xa0", " ")


def paragraphs(text: str, width: int) -> str:
    """Return paragraphs, with empty lines between them; commands that follow each other are examples."""
    parts = groupby(text.strip().split("\n\n"), lambda each: bool(_COMMAND.search(each)))
    return (
        "\n\n".join(
            ("Examples:\n" if are_commands else "")
            + ("\n" if are_commands else "\n\n").join(filled(each, width, _INDENT) for each in part)
            for are_commands, part in parts
        )
        + "\n"
    )


def sections(listed: Iterable[tuple[str, Sequence[tuple[str, str]]]], width: int) -> str:
    """Return names below headings, and beside each what is said about it; a long name has a line of its own."""
    filled_in = [(heading, rows) for heading, rows in listed if rows]
    names = max(len(name) for _, rows in filled_in for name, _ in rows if len(name) <= WIDEST_NAMES)
    return "\n".join(
        f"{heading}:\n" + "".join(_row(*row, names, width) for row in rows) for heading, rows in filled_in
    )


def _row(name: str, about: str, names: int, width: int) -> str:
    margin = " " * (len(_INDENT) + names + 2)
    text = filled(about, width, margin)
    if len(name) > names:
        return f"{_INDENT}{name}\n{text}\n"
    return f"{_INDENT}{name:{names}}  {text[len(margin) :]}\n"


def from_markdown(page: str, width: int) -> str:
    """Return a page as text: its title, paragraphs, tables and code; comments are for whoever writes it."""
    blocks = re.findall(r"(?s:```.*?```)|(?:.+\n?)+", re.sub(r"<!--.*?-->\n", "", page))
    return "\n\n".join(_block(each.strip(), width) for each in blocks)


def _block(text: str, width: int) -> str:
    if text.startswith("# "):
        return filled(text.removeprefix("# "), width)
    if text.startswith("```"):
        return textwrap.indent("\n".join(text.split("\n")[1:-1]), _INDENT * 2)
    if text.startswith("|"):
        return _table(text, width)
    return filled(text, width, _INDENT)


def _table(text: str, width: int) -> str:
    """Return a table whose widest columns are broken into lines at words until it fits."""
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.split("\n")]
    table = [[first.replace("`", ""), *others] for first, *others in (cells[0], *cells[2:])]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    least = [
        max(len(word) for cell in column for word in _joined(cell).split(" ")) for column in zip(*table, strict=True)
    ]
    room = width - len(_INDENT) - 2 * (len(widths) - 1)
    while sum(widths) > room and widths != least:
        widest = max(range(len(widths)), key=lambda at: (widths[at] > least[at], widths[at]))
        widths[widest] -= 1
    return "\n".join(line for row in table for line in _lines(row, widths))


def _lines(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    cells = [filled(cell, size).split("\n") for cell, size in zip(row, widths, strict=True)]
    height = max(map(len, cells))
    padded = [cell + [""] * (height - len(cell)) for cell in cells]
    return [
        (_INDENT + "  ".join(f"{part:{size}}" for part, size in zip(line, widths, strict=True))).rstrip()
        for line in zip(*padded, strict=True)
    ]
