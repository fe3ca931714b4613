"""How a comparison with a template is shown: for people with the two texts one above the other."""

import shutil
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

from exosms.cli.output.out import Document, Format, Out
from exosms.cli.output.tables import draw_table, facts
from exosms.system.escaping import printable
from exosms.templates.check import TemplateCheck
from exosms.templates.syntax import fold_line_ends

_AROUND = 24
"""Code points of either text that are shown on each side of a difference."""

_LABELS = ("registered  ", "your text   ")

_MOST_TOLD = 5
"""Differences that are told to a person; more than that are counted."""

_LEAST = 8
"""Cells that are kept for either side of a long difference."""

_UNLIKE_ALL = "No registered template has a word in common with this text."


def show(out: Out, verdict: TemplateCheck) -> None:
    """Print one comparison as lines, or drawn for people; JSON is the caller's."""
    for warning in warnings(verdict):
        out.warn(warning)
    if verdict.matches:
        if verdict.ambiguous:
            out.tell("other values would make the same text")
        if out.is_human:
            out.draw(facts([("match", verdict.name or "the registered text"), *verdict.values.items()]))
        else:
            out.line("match", verdict.name, *(f"{key}={value}" for key, value in verdict.values.items()))
    elif verdict.template is None and out.is_human:
        out.lines((["mismatch"], [""]))
        out.sentence(_UNLIKE_ALL)
    elif verdict.template is None:
        out.line("mismatch", "", "0", "unlike_all", _UNLIKE_ALL)
    else:
        _show_problems(out, verdict)


def warnings(verdict: TemplateCheck) -> list[str]:
    """Return what may go wrong although a text matches."""
    others = [f"equally specific, and also matching: {', '.join(verdict.others)}"] if verdict.others else []
    return [*verdict.warnings, *others]


def _show_problems(out: Out, verdict: TemplateCheck) -> None:
    if out.format is not Format.HUMAN:
        for problem in verdict.problems:
            out.line(
                "mismatch", verdict.name, str(problem.offset), problem.kind, f"{problem.explanation} {problem.change}"
            )
        return
    out.line(f"mismatch  {verdict.name}".rstrip())
    out.line("")
    for line in drawing(verdict, columns=shutil.get_terminal_size().columns):
        out.line(line)
    for problem in verdict.problems[:_MOST_TOLD]:
        out.line("")
        for sentence in (problem.explanation, problem.change, problem.note):
            if sentence:
                out.sentence(sentence)
    if len(verdict.problems) > _MOST_TOLD:
        out.line("")
        out.line(f"and {len(verdict.problems) - _MOST_TOLD} more")
    if verdict.mended is not None:
        out.line("")
        out.line("The text as it should be:")
        for line in fold_line_ends(verdict.mended).split("\n"):
            out.line(line)


def row_line(problem: Document) -> Sequence[str]:
    """Return the cells of a line about one difference in a row of a file."""
    offset = "" if problem["offset"] is None else str(problem["offset"])
    said = f"{_placed(problem)} {problem['change']}".rstrip()
    return "mismatch", problem["template"] or "", f"line {problem['line']}", offset, said


def draw_rows(out: Out, problems: Sequence[Document]) -> None:
    """Draw the differences in the rows of a file."""
    cells = [(str(each["line"]), each["template"] or "", (_placed(each), each["change"])) for each in problems]
    draw_table(out, ("Line", "Template", "What differs, What to do"), cells)


def _placed(problem: Document) -> str:
    """Return what is wrong, with the column of a cell that is."""
    column = problem.get("column")
    return f"Column {column}: {problem['explanation']}" if column else str(problem["explanation"])


class _Cells(NamedTuple):
    """A stretch of both texts, visible, and whether it is marked."""

    registered: str
    body: str
    is_marked: bool

    @property
    def width(self) -> int:
        from rich.cells import cell_len

        return max(cell_len(self.registered), cell_len(self.body), int(self.is_marked))

    def padded(self) -> tuple[str, str, str]:
        """Return both, as wide as each other, and the marks; what is not marked stands close to what follows it."""
        from rich.cells import cell_len

        gaps = [" " * (self.width - cell_len(text)) for text in (self.registered, self.body)]
        if self.is_marked:
            return self.registered + gaps[0], self.body + gaps[1], "^" * self.width
        return gaps[0] + self.registered, gaps[1] + self.body, " " * self.width


def drawing(verdict: TemplateCheck, *, columns: int) -> Iterator[str]:
    """Yield the registered text, the body below it and marks below every difference, aligned by cells.

    They are broken into as many rows as the terminal needs, which would break them apart from each other; of long
    stretches without a difference only the ends are shown.
    """
    room = max(columns - len(_LABELS[0]), 3 * _LEAST)
    row: list[_Cells] = []
    for cells in _stretches(verdict, room):
        if sum(each.width for each in row) + cells.width > room and row:
            yield from _row(row)
            row = []
        row.append(cells)
    yield from _row(row)


def _row(row: Sequence[_Cells]) -> Iterator[str]:
    lines = ["".join(texts) for texts in zip(*(cells.padded() for cells in row), strict=True)]
    for label, line in zip((*_LABELS, " " * len(_LABELS[0])), lines, strict=True):
        if line.strip():
            yield f"{label}{line}".rstrip()


def _stretches(verdict: TemplateCheck, room: int) -> Iterator[_Cells]:
    """Yield what is common and what differs, in turns; a difference within another one is not shown by itself."""
    text = verdict.template.text if verdict.template else ""
    at, seen_at = 0, 0
    for problem in verdict.problems:
        if problem.offset < seen_at or problem.template_offset < at:
            continue
        wide = room - 2 * _LEAST
        cells = _Cells(
            _head(_marked(text[problem.template_offset : problem.template_end]), wide),
            _head(_marked(verdict.body[problem.offset : problem.end]), wide),
            is_marked=True,
        )
        common = text[at : problem.template_offset], verdict.body[seen_at : problem.offset]
        left = max((room - cells.width) // (1 if at else 2), _LEAST)
        above, below = (_ends(_visible(part), left, is_first=not seen_at) for part in common)
        yield _Cells(above, below, is_marked=False)
        yield cells
        at, seen_at = problem.template_end, problem.end
    yield _Cells(_beginning(text[at:]), _beginning(verdict.body[seen_at:]), is_marked=False)


def _beginning(text: str) -> str:
    return _visible(text[:_AROUND]) + "…" * (len(text) > _AROUND)


def _ends(text: str, cells: int, *, is_first: bool) -> str:
    """Return the end of a common stretch, and of one between two differences its beginning."""
    short = text if len(text) <= 2 * _AROUND else f"{'' if is_first else text[:_AROUND]} … {text[-_AROUND:]}".lstrip()
    return _tail(short, cells)


def _marked(text: str) -> str:
    visible = _visible(text).replace(" ", "␣")
    return visible if _from_a_letter(visible) else "".join(f"\\u{ord(each):04x}" for each in visible)


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
    end = _from_a_letter(text[len(text) - sum(width < cells for width in widths) :])
    return "…" + (end.lstrip(" ").removeprefix("…") if end.startswith(("…", " …")) else end)


def _visible(text: str) -> str:
    return printable(fold_line_ends(text).replace("\n", "↵").replace("\t", "⇥"))


def document(verdict: TemplateCheck) -> Document:
    """Return a comparison with the keys that scripts rely on."""
    return {
        "match": verdict.matches,
        "template": verdict.name or None,
        "values": dict(verdict.values),
        "ambiguous": verdict.ambiguous,
        "warnings": warnings(verdict),
        "problems": problem_documents(verdict),
        "fixed": verdict.body if verdict.matches else verdict.mended,
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
