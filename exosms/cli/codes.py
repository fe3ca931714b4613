"""``exosms codes``: the catalogue of statuses and codes, offline."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from exosms.cli import options as o
from exosms.cli.output.out import Out
from exosms.cli.output.tables import Cell, draw_table, explanation, facts
from exosms.codes import lookup
from exosms.codes.entry import CodeEntry, Family
from exosms.errors import ExitCode, InputError

_ALL = "`exosms codes` lists them all."


def command(
    *,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[CODE|WORD...]",
            help="An HTTP status, Exotel's code, a delivery code, a name, or words to look for.",
        ),
    ] = None,
    out: o.Printer,
) -> int:
    """Explain what a status or code means, who must act, and how. Offline.

    exosms codes 403

    exosms codes 23185 --json

    exosms codes template match
    """
    entries = _find(words) if words else lookup.everything()
    if out.is_json:
        out.listing("codes", map(_document, entries))
    elif not out.is_human:
        for entry in entries:
            out.line(entry.family, entry.label, entry.name, entry.outcome or "", entry.meaning, entry.remedy)
    elif not words:
        _draw_all(out, entries)
    else:
        for place, entry in enumerate(entries):
            out.draw(*[""][: place > 0], facts(_rows(entry)))
    return ExitCode.OK


def _find(words: Sequence[str]) -> Sequence[CodeEntry]:
    """Return what is known of a number; of words the entries of that name, then all others that hold them."""
    said = " ".join(words).strip()
    number = re.sub("^HTTP *", "", said, flags=re.IGNORECASE)
    if re.fullmatch("[0-9]{1,4000}", number):
        if entries := lookup.find(int(number)):
            return entries
        raise InputError(f"{said} is not a status or code that exosms knows", remedy=_ALL)
    if re.search("[0-9]", said) and (entries := lookup.named(said.upper())):
        return entries  # a range as the tables write it
    wanted = said.split()
    entries = tuple(dict.fromkeys((*lookup.named(said.upper()), *lookup.holding(wanted)))) if wanted else ()
    if entries:
        return entries
    raise InputError(f"No status or code is known by {said!r}", remedy=f"Try fewer words. {_ALL}")


def _rows(entry: CodeEntry) -> Sequence[tuple[str, Cell]]:
    return [
        (entry.label, entry.name),
        ("Kind", entry.family),
        ("exosms says", entry.outcome or ""),
        *explanation(entry, meaning=entry.meaning, remedy=entry.remedy),
    ]


def _draw_all(out: Out, entries: Sequence[CodeEntry]) -> None:
    for family in Family:
        rows = [
            (entry.label, entry.outcome or "", entry.who, entry.name, entry.meaning)
            for entry in entries
            if entry.family is family
        ]
        draw_table(out, (family.title(), "Outcome", "Who must act", "Name", "Meaning"), rows, folding=1)
        out.line("")


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
