"""Tables for people, which cut nothing: where a terminal has no room for a row, the row is a table of its own."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from exosms.cli.output.out import Out, facts
from exosms.system.escaping import printable

if TYPE_CHECKING:
    from rich.console import RenderableType

    from exosms.codes.entry import CodeEntry

_LEAST_TEXT = 24
"""Columns in which a text may be folded; with less room than that beside names and ids, each row is a table."""


def _line_by_line(text: str) -> str:
    return "\n".join(map(printable, text.split("\n")))


def draw_table(
    out: Out, columns: Sequence[str], rows: Sequence[Sequence[str]], *, folding: int, title: str | None = None
) -> None:
    """Draw a table whose last columns fold; nothing is cut, and names and ids, which are copied, are not broken."""
    from rich.cells import cell_len
    from rich.table import Table
    from rich.text import Text

    widths = [max(map(cell_len, column)) for column in zip(columns, *rows, strict=True)]
    widths[-folding:] = [min(width, _LEAST_TEXT) for width in widths[-folding:]]
    if sum(widths) + 3 * len(columns) + 1 > out.width:
        out.draw(*(stacked(zip(columns, row, strict=True)) for row in rows))
        return
    table = Table(title=title, title_justify="left")
    for name, width in zip(columns, widths, strict=True):
        table.add_column(name, overflow="fold", min_width=width)
    for row in rows:
        table.add_row(*(Text(_line_by_line(cell)) for cell in row))
    out.draw(table)


def stacked(rows: Iterable[tuple[str, str]]) -> "RenderableType":
    """Return a table of names and values, in which every line of a text stands on a line of its own."""
    lines = [(name, value.split("\n")) for name, value in rows if value]
    return facts([(name * (not number), line or " ") for name, own in lines for number, line in enumerate(own)])


def explanation(entry: "CodeEntry | None", *, meaning: str, remedy: str, sent: str = "") -> Sequence[tuple[str, str]]:
    """Return the rows of a table that say what happened and what to do, as far as the catalogue knows it."""
    causes = entry.causes if entry else ()
    return [
        ("What it means", meaning),
        *(("" if number else "Possible causes", f"- {cause}") for number, cause in enumerate(causes)),
        ("Was it sent?", sent),
        ("Who must act", entry.who if entry else ""),
        ("What to do now", remedy),
        ("Send again?", entry.retry if entry else ""),
        ("Charged?", entry.charged if entry else ""),
    ]
