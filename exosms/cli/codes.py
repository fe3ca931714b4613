"""``exosms codes``: the catalogue of statuses and codes, offline."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from exosms.cli import options as o
from exosms.cli.output.out import Format, Out, facts
from exosms.codes import lookup as catalogue
from exosms.codes.entry import CodeEntry, Family
from exosms.errors import ExitCode, InputError, UsageError

_WIDE = 120
"""Columns that the tables need; in fewer, names would be torn apart."""


def command(
    *,
    code: Annotated[
        str | None,
        typer.Argument(metavar="[CODE]", help="An HTTP status, Exotel's code, a delivery code, or a name."),
    ] = None,
    out: o.Printer,
) -> int:
    """Explain what a status or code means, who must act, and how. Offline.

    exosms codes 403

    exosms codes 23185 --json

    exosms codes FAILED_REJECTED_DND
    """
    entries = catalogue.everything() if code is None else _find(code)
    match out.format:
        case Format.JSON:
            documents = [*map(_document, entries)]
            out.result(exit_code=0, codes=documents, error=None)
        case Format.JSONL:
            for entry in entries:
                out.document(_document(entry))
        case Format.HUMAN if code is None:
            _draw_all(out, entries)
        case Format.HUMAN:
            for entry in entries:
                out.draw(facts(_rows(entry), title=f"{entry.label} {entry.name}"))
        case _:
            for entry in entries:
                out.line(entry.family, entry.label, entry.name, entry.outcome or "", entry.meaning, entry.remedy)
    return ExitCode.OK


def _find(code: str) -> Sequence[CodeEntry]:
    """Return what is known of a number, or of a name whose letter case does not matter."""
    wanted = code.strip().upper().removeprefix("HTTP").strip()
    if re.fullmatch("[1-9][0-9]{0,4000}", wanted):
        if entries := catalogue.find(int(wanted)):
            return entries
        raise InputError(f"{code} is not a status or code that exosms knows", remedy="exosms codes lists them all.")
    if entries := catalogue.named(wanted):
        return entries
    raise UsageError(
        f"{code!r} is not a known code: write a number such as 403, or a name such as DLT_TEMPLATE_DOES_NOT_MATCH",
        remedy="exosms codes lists them all.",
    )


def _rows(entry: CodeEntry) -> Sequence[tuple[str, str]]:
    rows = [
        ("Kind", entry.family),
        ("exosms says", entry.outcome or ""),
        ("What it means", entry.meaning),
        *((("", "Possible causes")[number == 0], f"- {cause}") for number, cause in enumerate(entry.causes)),
        ("Who must act", entry.who),
        ("What to do now", entry.remedy),
        ("Send again?", entry.retry or ""),
        ("Charged?", entry.charged or ""),
    ]
    return [(name, str(value)) for name, value in rows if value]


def _draw_all(out: Out, entries: Sequence[CodeEntry]) -> None:
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    if out.width < _WIDE:
        for entry in entries:
            about = "; ".join(filter(None, (entry.outcome, f"who must act: {entry.who}")))
            out.draw(Text(f"{entry.label}  {entry.name}"), Padding(Text(f"{about}\n{entry.meaning}"), (0, 0, 0, 2)))
        return
    for family in Family:
        table = Table(title=family, title_justify="left")
        for heading in ("Code", "Name", "Outcome", "Who must act", "Meaning"):
            table.add_column(heading, overflow="fold")
        for entry in entries:
            if entry.family is family:
                cells = (entry.label, entry.name, entry.outcome or "", entry.who, entry.meaning)
                table.add_row(*(Text(str(cell)) for cell in cells))
        out.draw(table)


def _document(entry: CodeEntry) -> Mapping[str, Any]:
    return {
        "family": entry.family,
        "code": entry.code,
        "label": entry.label,
        "name": entry.name,
        "outcome": entry.outcome,
        "meaning": entry.meaning,
        "causes": list(entry.causes),
        "who": entry.who,
        "remedy": entry.remedy,
        "retry": entry.retry,
        "charged": entry.charged,
    }
