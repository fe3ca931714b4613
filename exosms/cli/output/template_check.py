"""How a comparison with a template is shown: for people with the two texts one above the other."""

import shutil
from collections.abc import Sequence
from itertools import accumulate

from exosms.cli.output.out import Document, Format, Out
from exosms.system.escaping import printable
from exosms.templates.check import TemplateCheck
from exosms.templates.explain.explain import Explanation

_AROUND = 24
"""Code points of either text that are shown on each side of a difference."""

_LABELS = ("registered  ", "your text   ")

_LEAST = 8
"""Cells that are kept for either side of a long difference."""

_UNLIKE_ALL = "No registered template has a word in common with this text."


def show(out: Out, verdict: TemplateCheck) -> None:
    """Print one comparison as lines, or drawn for people; JSON is the caller's."""
    name = verdict.template.name if verdict.template else ""
    for warning in _warnings(verdict):
        out.warn(warning)
    if verdict.matches:
        values = [f"{key}={value}" for key, value in verdict.values.items()]
        if verdict.ambiguous:
            out.tell("other values would make the same text")
        out.line("match", name, *values)
    elif verdict.template is None:
        out.line("mismatch", "", "0", "unlike_all", _UNLIKE_ALL)
    else:
        _show_problems(out, verdict, name)


def _warnings(verdict: TemplateCheck) -> list[str]:
    others = [f"equally specific, and also matching: {', '.join(verdict.others)}"] if verdict.others else []
    return [*verdict.warnings, *others]


def _show_problems(out: Out, verdict: TemplateCheck, name: str) -> None:
    if out.format is not Format.HUMAN:
        for problem in verdict.problems:
            out.line("mismatch", name, str(problem.offset), problem.kind, f"{problem.explanation} {problem.change}")
        return
    out.line(f"mismatch  {name}".rstrip())
    for problem in verdict.problems:
        out.line("")
        out.line(f"At offset {problem.offset}: {problem.explanation}")
        for line in side_by_side(verdict, problem, columns=shutil.get_terminal_size().columns):
            out.line(line)
        out.line(problem.change)
        if problem.note:
            out.line(problem.note)


def side_by_side(verdict: TemplateCheck, problem: Explanation, *, columns: int) -> tuple[str, str, str]:
    """Return the registered text, the body below it and a line of marks below the difference, aligned by cells.

    They are cut to the width of the terminal, which would break them apart from each other.
    """
    from rich.cells import cell_len

    text = verdict.template.text if verdict.template else ""
    parts = (
        _cut(text, problem.template_offset, problem.template_end),
        _cut(verdict.body, problem.offset, problem.end),
    )
    room = max(columns - len(_LABELS[0]), 3 * _LEAST)
    marked = [_head(part[1], room - 2 * _LEAST) for part in parts]
    width = max(*map(cell_len, marked), 1)
    before = [_tail(part[0], (room - width) // 2) for part in parts]
    indent = max(map(cell_len, before))
    lines = [
        label + " " * (indent - cell_len(start)) + start + own + _head(part[2], room - indent - cell_len(own))
        for label, start, own, part in zip(_LABELS, before, marked, parts, strict=True)
    ]
    return lines[0], lines[1], " " * (len(_LABELS[0]) + indent) + "^" * width


def _cut(text: str, start: int, end: int) -> tuple[str, str, str]:
    """Return what is around a difference, and the difference, all of it visible."""
    before = text[max(0, start - _AROUND) : start]
    after = text[end : end + _AROUND]
    marked = _visible(text[start:end]).replace(" ", "␣")
    return (
        "…" + _from_a_letter(_visible(before)) if start > _AROUND else _visible(before),
        marked if _from_a_letter(marked) else "".join(f"\\u{ord(each):04x}" for each in marked),
        _visible(after) + ("…" if end + _AROUND < len(text) else ""),
    )


def _from_a_letter(text: str) -> str:
    """Return the text without accents and joiners whose letter stands before it: nobody could see them alone."""
    from rich.cells import cell_len

    seen = next((number for number, each in enumerate(text) if cell_len(each)), len(text))
    return text[seen:]


def _head(text: str, cells: int) -> str:
    """Return the beginning that has room in so many cells."""
    from rich.cells import cell_len

    if cell_len(text) <= cells:
        return text
    widths = accumulate(map(cell_len, text))
    return text[: sum(width < cells for width in widths)] + "…"


def _tail(text: str, cells: int) -> str:
    """Return the end that has room in so many cells."""
    from rich.cells import cell_len

    if cell_len(text) <= cells:
        return text
    widths = accumulate(map(cell_len, reversed(text)))
    return "…" + _from_a_letter(text[len(text) - sum(width < cells for width in widths) :])


def _visible(text: str) -> str:
    return printable(text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "↵").replace("\t", "⇥"))


def document(verdict: TemplateCheck) -> Document:
    """Return a comparison with the keys that scripts rely on."""
    return {
        "match": verdict.matches,
        "template": verdict.template.name if verdict.template and verdict.template.name else None,
        "values": dict(verdict.values),
        "ambiguous": verdict.ambiguous,
        "warnings": _warnings(verdict),
        "problems": problem_documents(verdict),
    }


def problem_documents(verdict: TemplateCheck) -> Sequence[Document]:
    """Return every difference; that no template is like the text is one too, so that a mismatch is never without."""
    if verdict.matches or verdict.problems:
        return [problem._asdict() for problem in verdict.problems]
    return [
        {
            "kind": "unlike_all",
            "offset": 0,
            "end": len(verdict.body),
            "expected": "",
            "found": verdict.body,
            "explanation": _UNLIKE_ALL,
            "change": "",
        }
    ]
