"""``exosms codes``: the catalogue of statuses and codes, offline."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from exosms.cli import options as o
from exosms.cli.output.out import Out, facts
from exosms.cli.output.tables import draw_table, explanation
from exosms.codes import lookup
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
    entries = lookup.everything() if code is None else _find(code)
    if out.is_json:
        out.listing("codes", map(_document, entries))
    elif not out.is_human:
        for entry in entries:
            out.line(entry.family, entry.label, entry.name, entry.outcome or "", entry.meaning, entry.remedy)
    elif code is None:
        _draw_all(out, entries)
    else:
        for entry in entries:
            out.draw(facts(_rows(entry), title=f"{entry.label} {entry.name}"))
    return ExitCode.OK


def _find(code: str) -> Sequence[CodeEntry]:
    """Return what is known of a number, or of a name whose letter case does not matter."""
    wanted = code.strip().upper().removeprefix("HTTP").strip()
    if re.fullmatch("[1-9][0-9]{0,4000}", wanted):
        if entries := lookup.find(int(wanted)):
            return entries
        raise InputError(f"{code} is not a status or code that exosms knows", remedy="exosms codes lists them all.")
    if entries := lookup.named(wanted):
        return entries
    raise UsageError(
        f"{code!r} is not a known code: write a number such as 403, or a name such as DLT_TEMPLATE_DOES_NOT_MATCH",
        remedy="exosms codes lists them all.",
    )


def _rows(entry: CodeEntry) -> Sequence[tuple[str, str]]:
    return [
        ("Kind", entry.family),
        ("exosms says", entry.outcome or ""),
        *explanation(entry, meaning=entry.meaning, remedy=entry.remedy),
    ]


def _draw_all(out: Out, entries: Sequence[CodeEntry]) -> None:
    if out.width < _WIDE:
        _draw_narrow(out, entries)
        return
    for family in Family:
        rows = [
            (entry.label, entry.name, entry.outcome or "", entry.who, entry.meaning)
            for entry in entries
            if entry.family is family
        ]
        draw_table(out, ("Code", "Name", "Outcome", "Who must act", "Meaning"), rows, folding=1, title=family)


def _draw_narrow(out: Out, entries: Sequence[CodeEntry]) -> None:
    from rich.padding import Padding
    from rich.text import Text

    for entry in entries:
        about = "; ".join(filter(None, (entry.outcome, f"who must act: {entry.who}")))
        out.draw(Text(f"{entry.label}  {entry.name}"), Padding(Text(f"{about}\n{entry.meaning}"), (0, 0, 0, 2)))


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
