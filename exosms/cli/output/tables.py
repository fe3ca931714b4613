"""Tables for people. They cut nothing and have no vertical lines: terminals disagree about the width of many scripts.

Columns that have no room beside each other share one, from the last on; where there is not even room for two, a row
is a list of names and values.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from exosms.cli.output.out import Out
from exosms.system.escaping import printable

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from exosms.codes.entry import CodeEntry

Cell = str | tuple[str, ...]
"""A text, or several lines; a line break within a text is none of ours, and shown as an escape."""

GAP = 2
"""Columns between those of a table."""

_RULE = "    \n    \n ── \n    \n ── \n ── \n    \n    \n"
"""Rules between rows alone, as rich describes boxes."""

_LEAST_TEXT = 24
"""Columns in which a text may be folded; with less room than that beside names and ids it shares their column."""


def draw_table(out: Out, columns: Sequence[str], rows: Iterable[Sequence[Cell]], *, folding: int = 1) -> None:
    """Draw a table whose last columns may fold; the others hold names and ids, which are copied and never broken."""
    out.draw(*table(columns, rows, folding=folding, width=out.width))


def table(
    columns: Sequence[str], rows: Iterable[Sequence[Cell]], *, folding: int = 1, width: int
) -> Sequence["RenderableType"]:
    """Return a table as it fits so many columns of a terminal."""
    cells = [[*map(_lines, row)] for row in rows]
    widest = [*map(_widest, zip(map(_lines, columns), *cells, strict=True))]
    fixed = len(columns) - folding
    least = [min(each, _LEAST_TEXT) if place >= fixed else each for place, each in enumerate(widest)]
    heads, merged = [*columns], cells
    while sum(least) + GAP * (len(least) - 1) > width:
        if not folding or len(heads) == 2:
            return _one_below_the_other(columns, cells)
        heads[-2:] = [f"{heads[-2]}, {heads[-1]}"]
        least[-2:] = [max(*least[-2:], min(len(heads[-1]), _LEAST_TEXT))]
        merged = [[*row[:-2], tuple(filter(None, row[-2] + row[-1]))] for row in merged]
        fixed = min(fixed, len(heads) - 1)
    return [_drawn([[*map(_lines, heads)], *merged], fixed=fixed)]


def facts(rows: Iterable[tuple[str, Cell]]) -> "RenderableType":
    """Return a table of names and values that is led by the first of them; an empty value is left out."""
    return _drawn([(_lines(name), _lines(value)) for name, value in rows if value], fixed=1, has_names=True)


def _one_below_the_other(
    columns: Sequence[str], rows: Sequence[Sequence[tuple[str, ...]]]
) -> Sequence["RenderableType"]:
    """Return each row as lines of names and values, with an empty line between two rows."""
    from rich.text import Text

    drawn: list[RenderableType] = []
    for row in rows:
        named = [(f"{name}: ".lstrip(": "), value) for name, value in zip(columns, row, strict=True) if any(value)]
        drawn += [*(Text.assemble((name, "bold"), "\n".join(value)) for name, value in named), ""]
    return drawn[:-1]


def _drawn(rows: Sequence[Sequence[tuple[str, ...]]], *, fixed: int, has_names: bool = False) -> "Table":
    """Return what rich draws, led by the first row; the first so many columns keep their width, or are names."""
    from rich.box import Box
    from rich.table import Table

    from exosms.cli.output.folded import Folded

    table = Table(box=Box(_RULE), show_header=False, show_edge=False, pad_edge=False, padding=(0, GAP - 1, 0, 0))
    for place in range(len(rows[0])):
        style = "bold" if has_names and not place else ""
        table.add_column(overflow="fold", no_wrap=place < fixed, style=style)
    for place, row in enumerate(rows):
        cells = (Folded("\n".join(cell)) for cell in row)
        table.add_row(*cells, style=None if place else "bold", end_section=not place)
    return table


def _lines(cell: Cell) -> tuple[str, ...]:
    return tuple(map(printable, (cell,) if isinstance(cell, str) else cell))


def _widest(cells: Iterable[tuple[str, ...]]) -> int:
    from rich.cells import cell_len

    return max(cell_len(line) for cell in cells for line in cell or ("",))


def explanation(
    entry: "CodeEntry | None", *, meaning: str, remedy: str, sent: str = ""
) -> Sequence[tuple[str, Cell]]:
    """Return the rows of a table that say what happened and what to do, as far as the catalogue knows it."""
    return [
        ("What it means", meaning),
        ("Possible causes", tuple(f"- {cause}" for cause in entry.causes) if entry else ""),
        ("Was it sent?", sent),
        ("Who must act", entry.who if entry else ""),
        ("What to do now", remedy),
        ("Send again?", entry.retry if entry else ""),
        ("Charged?", entry.charged if entry else ""),
    ]
