"""Where and why a body differs from its registered template, and the changes that make it match.

The cheapest account of the body by words says what a person did to it. The exact matcher is the judge: the changes
made together must match, otherwise less is claimed.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from exosms.templates.explain import wording
from exosms.templates.explain.account import account
from exosms.templates.explain.difference import broken_values
from exosms.templates.explain.scene import Difference, Scene, replaced
from exosms.templates.fold import Cause
from exosms.templates.match import Match, Text, match
from exosms.templates.syntax import Template


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


def explain(template: Template, body: str, values: Sequence[str] | None = None) -> tuple[Explanation, ...]:
    """Return what is wrong with a body, in its order; nothing if it matches.

    ``values`` has one for each marker where the body was made of them: then what is wrong is one of them.
    """
    text = Text(body)
    if isinstance(match(template, text), Match):
        return ()
    scene = Scene(template, text)
    original = Text(template.text)
    found = broken_values(scene, values) if values is not None else []
    return tuple(_problem(scene, original, difference) for difference in found or account(scene))


def mend(body: str, problems: Sequence[Explanation]) -> str:
    """Return the body with every replacement made; problems without one are left as they are."""
    return replaced(body, ((problem.offset, problem.end, problem.replacement) for problem in problems))


_KINDS = {
    Cause.UNFILLED_MARKER: ExplanationKind.UNFILLED,
    Cause.VALUE_TOO_LONG: ExplanationKind.LENGTH,
    Cause.WRONG_TYPE: ExplanationKind.TYPE,
    Cause.MISSING_VALUE: ExplanationKind.MISSING,
}


def _kind(scene: Scene, difference: Difference) -> ExplanationKind:
    wanted, seen = difference.wanted, difference.seen
    if difference.cause in _KINDS:
        return _KINDS[difference.cause]
    if seen[0] == seen[1] and seen[0] in {0, scene.text.end}:
        return ExplanationKind.MISSING
    if wanted[0] == wanted[1] and wanted[0] in {0, len(scene.wanted)}:
        return ExplanationKind.LEFTOVER
    return ExplanationKind.LITERAL


def _problem(scene: Scene, original: Text, difference: Difference) -> Explanation:
    words = wording.Words(scene, difference)
    kind = _kind(scene, difference)
    offset, end = (scene.text.origin(at) for at in difference.seen)
    template_offset, template_end = (original.origin(at) for at in difference.wanted)
    return Explanation(
        kind=kind,
        cause=_cause(scene, difference, kind),
        offset=offset,
        end=end,
        template_offset=template_offset,
        template_end=template_end,
        expected=original.body[template_offset:template_end],
        found=scene.text.body[offset:end],
        explanation=wording.explanation(words),
        change=wording.change(words),
        replacement=difference.replacement,
        variable=None if difference.variable is None else difference.variable.index,
        note=wording.note(words),
    )


def _cause(scene: Scene, difference: Difference, kind: ExplanationKind) -> Cause:
    """Punctuation at the very end is what people call a missing or an extra tail."""
    tails = {ExplanationKind.MISSING: Cause.MISSING_TAIL, ExplanationKind.LEFTOVER: Cause.EXTRA_TAIL}
    is_tail = difference.cause is Cause.PUNCTUATION and difference.seen[1] == scene.text.end
    return tails.get(kind, difference.cause) if is_tail else difference.cause
