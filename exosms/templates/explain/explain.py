"""Where and why a body differs from its registered template, and the smallest change that makes it match.

First without the limits of the variables: what breaks is a value. Then with foldings, one at a time and the smallest
set that matches: what they hide is the cause. Then with a few edits of the fixed text. Else the stretch between the
furthest points reached from either end.
"""

import re
from collections.abc import Sequence
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple

from exosms.templates.explain import wording
from exosms.templates.explain.difference import Difference, Scene, broken_values
from exosms.templates.explain.edits import edited_differences
from exosms.templates.explain.folding import differences_under, folded_differences
from exosms.templates.explain.frontier import frontier_difference
from exosms.templates.fold import Cause, folds
from exosms.templates.match import Match, Text, assign, match, sweep
from exosms.templates.syntax import Template

_DLT_MARKER = re.compile(r"\{#[^\s{}#]+#\}")


class ExplanationKind(StrEnum):
    """What sort of thing is wrong; the words are stable."""

    LITERAL = "literal"
    """Fixed text differs."""
    LENGTH = "length"
    """A value is too long."""
    TYPE = "type"
    """A value is not of its variable's type."""
    LEFTOVER = "leftover"
    """The body has text before the template's beginning or behind its end."""
    MISSING = "missing"
    """The body lacks the template's beginning or end."""
    UNFILLED = "unfilled"
    """A marker is still in the body."""


class Explanation(NamedTuple):
    """One difference. Offsets are 0-based code points of the texts as given, ends exclusive."""

    kind: ExplanationKind
    cause: Cause
    offset: int
    end: int
    """``body[offset:end]`` is what was found; empty where something is missing."""
    template_offset: int
    template_end: int
    """``template.text[template_offset:template_end]`` stands against it."""
    expected: str
    """The registered text there; for a value its marker."""
    found: str
    explanation: str
    """The cause as one sentence."""
    change: str
    """What to do about it as one sentence."""
    replacement: str | None
    """What to put in place of ``found``; None where only a person knows."""
    variable: int | None
    """The marker's number from 0, if a value is at fault."""
    note: str
    """What some operators may do otherwise; may be empty."""


def explain(template: Template, body: str) -> tuple[Explanation, ...]:
    """Return what is wrong with a body, in its order; nothing if it matches."""
    text = Text(body)
    if isinstance(match(template, text), Match):
        return ()
    scene = Scene(template, text)
    original = Text(template.text)
    differences = _of_values(scene) or folded_differences(scene) or _of_wording(scene)
    return tuple(_problem(scene, original, difference) for difference in differences)


def mend(body: str, problems: Sequence[Explanation]) -> str:
    """Return the body with every replacement made; problems without one are left as they are."""
    pieces: list[str] = []
    done = 0
    for problem in problems:
        if problem.replacement is not None and problem.offset >= done:
            pieces += body[done : problem.offset], problem.replacement
            done = problem.end
    return "".join(pieces) + body[done:]


def _of_values(scene: Scene) -> list[Difference]:
    """Return the values that are at fault if all fixed text is right."""
    found = assign(scene.text, scene.moves, sweep(scene.text, scene.moves, slack=scene.slack))
    if found is None:
        return []
    broken = broken_values(scene, found.spans)
    if any(each.cause is Cause.WRONG_TYPE for each in broken):
        return _whitespace_beside_values(scene) or broken
    return broken


def _whitespace_beside_values(scene: Scene) -> list[Difference]:
    """A space too many in front of a number is a space too many, not a number that begins with one."""
    for fold in folds():
        if fold.cause in {Cause.SPACE, Cause.NEWLINE}:
            differences = differences_under(scene, (fold,))
            if differences and all(each.variable is None for each in differences):
                return differences
    return []


def _of_wording(scene: Scene) -> list[Difference]:
    """Return what lies between the points reached from either end, and the markers left elsewhere."""
    gap = frontier_difference(scene)
    edits = edited_differences(scene)
    if _tells_more(scene, edits, gap):
        return edits
    markers = [
        _left_marker(scene, gap, number, found)
        for number, found in enumerate(_DLT_MARKER.finditer(scene.text.text))
        if found.end() <= gap.seen[0] or found.start() >= gap.seen[1]
    ]
    return sorted([gap, *markers], key=lambda each: each.seen)


def _tells_more(scene: Scene, edits: Sequence[Difference], gap: Difference) -> bool:
    """Whether edits in several places say it better than one stretch.

    Not if they leave a value between them empty or cut a word of the body in two: there the fewest edits are none
    that a person made.
    """
    if not edits or any(one.seen[1] == other.seen[0] for one, other in pairwise(edits)):
        return False
    if any(_cuts_a_word(scene, edit) for edit in edits):
        return False
    return gap.replacement is None or 2 * sum(map(_size, edits)) < _size(gap)


def _cuts_a_word(scene: Scene, edit: Difference) -> bool:
    start, end = edit.seen
    around = scene.text.text[max(start - 1, 0) : start + 1]
    wanted = scene.wanted[slice(*edit.wanted)]
    return start == end and len(around) == 2 and around.isalnum() and not wanted.isalnum() and wanted.strip() != ""


def _size(difference: Difference) -> int:
    (wanted_start, wanted_end), (seen_start, seen_end) = difference.wanted, difference.seen
    return max(wanted_end - wanted_start, seen_end - seen_start)


def _left_marker(scene: Scene, gap: Difference, number: int, found: re.Match[str]) -> Difference:
    """Return a marker left in a body that differs elsewhere too, with its variable if that is plain to see."""
    variable = next((each for each in scene.template.variables[number:] if each.marker == found[0]), None)
    wanted = (gap.wanted[0], gap.wanted[0]) if variable is None else (variable.start, variable.end)
    return Difference(cause=Cause.UNFILLED_MARKER, wanted=wanted, seen=found.span(), variable=variable)


def _kind(scene: Scene, difference: Difference) -> ExplanationKind:
    by_cause = {
        Cause.UNFILLED_MARKER: ExplanationKind.UNFILLED,
        Cause.VALUE_TOO_LONG: ExplanationKind.LENGTH,
        Cause.WRONG_TYPE: ExplanationKind.TYPE,
    }
    if difference.cause in by_cause:
        return by_cause[difference.cause]
    wanted, seen = difference.wanted, difference.seen
    if seen[0] == seen[1] and (seen[0] in {0, scene.text.end}):
        return ExplanationKind.MISSING
    if wanted[0] == wanted[1] and (wanted[0] in {0, len(scene.wanted)}):
        return ExplanationKind.LEFTOVER
    return ExplanationKind.LITERAL


def _problem(scene: Scene, original: Text, difference: Difference) -> Explanation:
    offset, end = (scene.text.origin(at) for at in difference.seen)
    template_offset, template_end = (original.origin(at) for at in difference.wanted)
    return Explanation(
        kind=_kind(scene, difference),
        cause=_tail(scene, difference),
        offset=offset,
        end=end,
        template_offset=template_offset,
        template_end=template_end,
        expected=original.body[template_offset:template_end],
        found=scene.text.body[offset:end],
        explanation=wording.explanation(scene, difference),
        change=wording.change(scene, difference),
        replacement=difference.replacement,
        variable=None if difference.variable is None else difference.variable.index,
        note=wording.TOLERATED if wording.tolerable(scene, difference) else "",
    )


def _tail(scene: Scene, difference: Difference) -> Cause:
    """Punctuation at the very end is what people call a missing or an extra tail."""
    kind = _kind(scene, difference)
    if difference.cause is not Cause.PUNCTUATION or difference.seen[1] != scene.text.end:
        return difference.cause
    tails = {ExplanationKind.MISSING: Cause.MISSING_TAIL, ExplanationKind.LEFTOVER: Cause.EXTRA_TAIL}
    return tails.get(kind, difference.cause)
