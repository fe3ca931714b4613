"""How a comparison with a template is shown: for people with the two texts one above the other."""

from collections.abc import Mapping, Sequence
from typing import Any

from exosms.cli.render import Format, Out
from exosms.escaping import printable
from exosms.template.explain import Problem
from exosms.verdict import Verdict

_AROUND = 24
"""Code points of either text that are shown on each side of a difference."""

_UNLIKE_ALL = "No registered template has a word in common with this text."


def show(out: Out, verdict: Verdict) -> None:
    """Print one comparison as lines, or drawn for people; JSON is the caller's."""
    name = verdict.template.name if verdict.template else ""
    for warning in verdict.warnings:
        out.warn(warning)
    if verdict.others:
        out.warn(f"as specific, and matching too: {', '.join(verdict.others)}")
    if verdict.matches:
        values = [f"{key}={value}" for key, value in verdict.values.items()]
        if verdict.ambiguous:
            out.tell("other values would make the same text")
        out.line("match", name, *values)
    elif verdict.template is None:
        out.line("mismatch", "", "0", "unlike_all", _UNLIKE_ALL)
    else:
        _show_problems(out, verdict, name)


def _show_problems(out: Out, verdict: Verdict, name: str) -> None:
    if out.format is not Format.HUMAN:
        for problem in verdict.problems:
            out.line("mismatch", name, str(problem.offset), problem.kind, f"{problem.explanation} {problem.change}")
        return
    out.line(f"mismatch  {name}")
    for problem in verdict.problems:
        out.line("")
        out.line(f"At offset {problem.offset}: {problem.explanation}")
        for line in side_by_side(verdict, problem):
            out.line(line)
        out.line(problem.change)
        if problem.note:
            out.line(problem.note)


def side_by_side(verdict: Verdict, problem: Problem) -> tuple[str, str, str]:
    """Return the registered text, the body below it and a line of marks below the difference, aligned by cells."""
    from rich.cells import cell_len

    text = verdict.template.text if verdict.template else ""
    registered = _cut(text, problem.template_offset, problem.template_end)
    body = _cut(verdict.body, problem.offset, problem.end)
    indent = max(cell_len(registered[0]), cell_len(body[0]))
    lines = [
        label + " " * (indent - cell_len(before)) + before + marked + after
        for label, (before, marked, after) in (("registered  ", registered), ("your text   ", body))
    ]
    width = max(cell_len(registered[1]), cell_len(body[1]), 1)
    return lines[0], lines[1], " " * (len("registered  ") + indent) + "^" * width


def _cut(text: str, start: int, end: int) -> tuple[str, str, str]:
    """Return what is around a difference, and the difference, all of it visible."""
    before = text[max(0, start - _AROUND) : start]
    after = text[end : end + _AROUND]
    return (
        ("…" if start > _AROUND else "") + _visible(before),
        _visible(text[start:end]).replace(" ", "␣"),
        _visible(after) + ("…" if end + _AROUND < len(text) else ""),
    )


def _visible(text: str) -> str:
    return printable(text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "↵").replace("\t", "⇥"))


def document(verdict: Verdict) -> Mapping[str, Any]:
    """Return a comparison with the keys that scripts rely on."""
    return {
        "match": verdict.matches,
        "template": verdict.template.name if verdict.template and verdict.template.name else None,
        "values": dict(verdict.values),
        "ambiguous": verdict.ambiguous,
        "warnings": list(verdict.warnings),
        "problems": problem_documents(verdict),
    }


def problem_documents(verdict: Verdict) -> Sequence[Mapping[str, Any]]:
    """Return every difference; that no template is like the text is one too, so that a mismatch is never without."""
    if verdict.matches or verdict.problems:
        return [problem_document(problem) for problem in verdict.problems]
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


def problem_document(problem: Problem) -> Mapping[str, Any]:
    """Return one difference; offsets are 0-based code points, ends exclusive."""
    return {
        "kind": problem.kind,
        "cause": problem.cause,
        "offset": problem.offset,
        "end": problem.end,
        "template_offset": problem.template_offset,
        "template_end": problem.template_end,
        "expected": problem.expected,
        "found": problem.found,
        "explanation": problem.explanation,
        "change": problem.change,
        "replacement": problem.replacement,
        "variable": problem.variable,
        "note": problem.note,
    }
