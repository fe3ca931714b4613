"""The places where a body leaves its template, as a person would tell them apart."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from exosms.templates.explain.alignment import Alignment, Step
from exosms.templates.explain.pieces import Piece, Sort, body_pieces, template_pieces
from exosms.templates.fold import Cause, cause_of
from exosms.templates.match import Match, Text, holds, is_marker, match
from exosms.templates.syntax import Template, Variable, cut
from exosms.templates.variables import VariableType, holds_link

Span = tuple[int, int]


class Difference(NamedTuple):
    """``template[wanted]`` stands as ``body[seen]``; offsets of the folded texts."""

    cause: Cause
    wanted: tuple[int, int]
    seen: tuple[int, int]
    variable: Variable | None = None
    replacement: str | None = None
    """What to put there instead; None where only a person knows."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A template and a body that does not match it."""

    template: Template
    text: Text
    wanted: str = field(init=False)
    """The template's text, its line endings folded."""
    pieces: list[Piece] = field(init=False)
    """Those of the template."""
    body: list[Piece] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "wanted", self.template.folded)
        object.__setattr__(self, "pieces", template_pieces(self.template, self.text.text))
        object.__setattr__(self, "body", body_pieces(self.text.text, self.pieces))

    def mended(self, differences: Sequence[Difference], *, trial: bool = False) -> str:
        """Return the folded body with every replacement made; ``trial`` has samples where a person must choose."""
        pieces: list[str] = []
        done = 0
        for difference in differences:
            start, end = difference.seen
            new = self._sample(difference) if trial else difference.replacement
            if new is not None and start >= done:
                pieces += self.text.text[done:start], new
                done = end
        return "".join(pieces) + self.text.text[done:]

    def _sample(self, difference: Difference) -> str:
        if difference.replacement is not None:
            return difference.replacement
        start, end = difference.wanted
        return "".join(
            piece.text[max(start - piece.start, 0) : end - piece.start]
            if piece.variable is None
            else _SAMPLES[piece.variable.kind]
            for piece in self.pieces
            if piece.start < end and piece.end > start
        )

    def matches_with(self, differences: Sequence[Difference]) -> bool:
        """Whether the replacements make the body match, with legal values for those that only a person knows."""
        return isinstance(match(self.template, self.mended(differences, trial=True)), Match)


_SAMPLES = dict.fromkeys(VariableType, "1") | {
    VariableType.URL: "www.a",
    VariableType.APP_LINK: "www.a",
    VariableType.CALLBACK: "100",
    VariableType.EMAIL: "a@a.a",
}


class _Run(NamedTuple):
    """Steps without anything between them that is as it should be, and what follows them."""

    steps: list[Step]
    behind: Step | None


def differences(scene: Scene, alignment: Alignment) -> list[Difference]:
    """Return what an alignment says, in order: in the fixed text, and of values that their variables do not hold."""
    found: list[Difference] = []
    steps: list[Step] = []
    for step in (*_with_contractions(scene, alignment.steps), None):
        if step is not None and _is_wrong(scene, step):
            steps.append(step)
            continue
        found += _of_run(scene, _Run(steps, step))
        steps = []
        variable = None if step is None else _variable(scene, step)
        if step is not None and variable is not None:
            broken = _broken_value(scene, variable, _seen(scene, step))
            found += [broken] if broken else []
    return found


_CONTRACTED = re.compile(
    r"['’`]|(?:do|ca|wo|is|are|was|were|has|have|had|did|does|sh?ould|would|could|must|can)no?t\Z"
)


def _with_contractions(scene: Scene, steps: Sequence[Step]) -> list[Step]:
    """Return the steps with "not" beside "Do" where "Do not" stands for "Don't", or the other way round."""
    done = list(steps)
    for at in range(len(done) - 3):
        word, gap, *rest = done[at : at + 4]
        texts = _texts(scene, [word])
        if not any(map(_CONTRACTED.search, map(str.casefold, texts))) or texts[0] == texts[1] or "" in texts:
            continue
        sides = {(each.wanted[1] - each.wanted[0], each.seen[1] - each.seen[0]) for each in rest}
        one, other = _texts(scene, [gap])
        last = _texts(scene, rest[1:])
        if len(sides) == 1 and sides <= {(0, 1), (1, 0)} and one == other == "".join(last):
            size, seen_size = sides.pop()
            i, j = word.wanted[1], word.seen[1]
            parts = [(size, seen_size), (size, seen_size), (1, 1)]
            for number, (wide, seen_wide) in enumerate(parts, at + 1):
                done[number] = Step((i, i + wide), (j, j + seen_wide))
                i, j = i + wide, j + seen_wide
    return done


def _variable(scene: Scene, step: Step) -> Variable | None:
    return scene.pieces[step.wanted[0]].variable if step.wanted[1] - step.wanted[0] == 1 else None


def _is_wrong(scene: Scene, step: Step) -> bool:
    """Whether the fixed text differs, or a value is not there at all."""
    if _variable(scene, step) is not None:
        return step.seen[0] == step.seen[1]
    return _texts(scene, [step])[0] != _texts(scene, [step])[1]


def _wanted(scene: Scene, step: Step) -> Span:
    return _span(scene.pieces, step.wanted, len(scene.wanted))


def _seen(scene: Scene, step: Step) -> Span:
    return _span(scene.body, step.seen, scene.text.end)


def _span(pieces: Sequence[Piece], part: tuple[int, int], end: int) -> Span:
    start = pieces[part[0]].start if part[0] < len(pieces) else end
    return start, pieces[part[1] - 1].end if part[1] > part[0] else start


def _both(scene: Scene, steps: Sequence[Step]) -> tuple[Span, Span]:
    """Return where steps stand in the template and in the body."""
    whole = Step((steps[0].wanted[0], steps[-1].wanted[1]), (steps[0].seen[0], steps[-1].seen[1]))
    return _wanted(scene, whole), _seen(scene, whole)


def _texts(scene: Scene, steps: Sequence[Step]) -> tuple[str, str]:
    wanted, seen = _both(scene, steps)
    return scene.wanted[slice(*wanted)], scene.text.text[slice(*seen)]


def _of_run(scene: Scene, run: _Run) -> Iterator[Difference]:
    if not run.steps or _texts(scene, run.steps)[0] == _texts(scene, run.steps)[1]:
        return
    lacks_value = any(_variable(scene, step) for step in run.steps)
    cause = Cause.WORDING if lacks_value else cause_of(*_texts(scene, run.steps))
    if cause is not Cause.WORDING:
        yield _narrowed(scene, cause, *_both(scene, run.steps))
        return
    parts = _parts(scene, run.steps)
    for number, part in enumerate(parts):
        yield _of_part(scene, part, run.behind if number == len(parts) - 1 else None)


def _parts(scene: Scene, steps: Sequence[Step]) -> list[list[Step]]:
    """Divide steps into what a person would tell apart: another letter case, a sign, a word."""
    parts = [[steps[0]]]
    for one, other in pairwise(steps):
        sorts = {_sort(scene, one), _sort(scene, other)}
        if _FOLDED in sorts or sorts == {_EXCHANGED, _SIGN} or _leaves_value_alone(scene, one, other):
            parts.append([other])
        else:
            parts[-1].append(other)
    return parts


def _leaves_value_alone(scene: Scene, one: Step, other: Step) -> bool:
    """Whether one of them is an empty value and the other not a piece that is missing with it."""
    values = [_variable(scene, each) is not None for each in (one, other)]
    return any(values) and not all(each.seen[0] == each.seen[1] for each in (one, other))


_FOLDED, _EXCHANGED, _SIGN, _OTHER = range(4)


def _sort(scene: Scene, step: Step) -> int:
    wanted, seen = scene.pieces[slice(*step.wanted)], scene.body[slice(*step.seen)]
    if len(wanted) == len(seen) == 1 and wanted[0].variable is None:
        if wanted[0].key == seen[0].key:
            return _FOLDED
        return _SIGN if wanted[0].sort is Sort.SIGN else _EXCHANGED
    return _SIGN if [each.sort for each in (*wanted, *seen)] == [Sort.SIGN] else _OTHER


def _of_part(scene: Scene, part: Sequence[Step], behind: Step | None) -> Difference:
    wanted, seen = _both(scene, part)
    variable = next((found for step in part if (found := _variable(scene, step))), None)
    if variable is not None:
        return _without_value(scene, part, variable)
    cause = cause_of(scene.wanted[slice(*wanted)], scene.text.text[slice(*seen)])
    if cause is not Cause.WORDING:
        return _narrowed(scene, cause, wanted, seen)
    one_sided = wanted[0] == wanted[1] or seen[0] == seen[1]
    if one_sided and behind is not None and _variable(scene, behind) is None:
        shift = _shift(scene, wanted, seen, _texts(scene, [behind])[0])
        wanted, seen = (wanted[0] + shift, wanted[1] + shift), (seen[0] + shift, seen[1] + shift)
    elif not one_sided:
        wanted, seen = _whole_words(scene, wanted, seen)
    cause = tail_cause(scene, wanted, seen)
    crossed = any(each.start < wanted[1] and each.end > wanted[0] for each in scene.template.variables)
    return Difference(cause, wanted, seen, replacement=None if crossed else scene.wanted[slice(*wanted)])


def _without_value(scene: Scene, part: Sequence[Step], variable: Variable) -> Difference:
    """Return a value that is not there; with words beside it, these are what is missing."""
    wanted, seen = _both(scene, part)
    if any(piece.sort is Sort.WORD for step in part for piece in scene.pieces[slice(*step.wanted)]):
        return Difference(tail_cause(scene, wanted, seen), wanted, seen)
    return Difference(Cause.MISSING_VALUE, wanted, seen, variable)


def _shift(scene: Scene, wanted: tuple[int, int], seen: tuple[int, int], fixed: str) -> int:
    """Begin where the texts first differ: of "a b" against "a new b", "new " is too much rather than " new"."""
    longer, start = (scene.text.text, seen[0]) if wanted[0] == wanted[1] else (scene.wanted, wanted[0])
    return len(fixed) if fixed.isspace() and longer.startswith(fixed, start) else 0


def _whole_words(scene: Scene, wanted: Span, seen: Span) -> tuple[Span, Span]:
    """Return the spans with the words that they cut through."""
    one, other = scene.wanted, scene.text.text
    (start, end), (seen_start, seen_end) = wanted, seen
    inside = one[start:end] + other[seen_start:seen_end]
    while start and seen_start and one[start - 1] == other[seen_start - 1] and (one[start - 1] + inside[0]).isalnum():
        start, seen_start = start - 1, seen_start - 1
    while one[end : end + 1] == other[seen_end : seen_end + 1] and (one[end : end + 1] or " ").isalnum():
        end, seen_end = end + 1, seen_end + 1
    return (start, end), (seen_start, seen_end)


_TRIMMED = frozenset(
    {
        Cause.SPACE,
        Cause.NEWLINE,
        Cause.PUNCTUATION,
        Cause.QUOTES,
        Cause.ZERO_WIDTH,
        Cause.DECOMPOSED,
        Cause.LOOK_ALIKE,
    }
)


def _narrowed(scene: Scene, cause: Cause, wanted: Span, seen: Span) -> Difference:
    """Leave out what both sides have in common at either end, unless whole words are compared."""
    (start, end), (seen_start, seen_end) = wanted, seen
    one, other = scene.wanted, scene.text.text
    while cause in _TRIMMED and start < end and seen_start < seen_end and one[start] == other[seen_start]:
        start, seen_start = start + 1, seen_start + 1
    while cause in _TRIMMED and start < end and seen_start < seen_end and one[end - 1] == other[seen_end - 1]:
        end, seen_end = end - 1, seen_end - 1
    return Difference(cause, (start, end), (seen_start, seen_end), replacement=one[start:end])


def tail_cause(scene: Scene, wanted: Span, seen: Span) -> Cause:
    """Return whether something is missing or too much at either end, or the wording differs."""
    if seen[0] == seen[1] == scene.text.end and wanted[1] == len(scene.wanted):
        return Cause.MISSING_TAIL
    if wanted[0] == wanted[1] == len(scene.wanted) and seen[1] == scene.text.end:
        return Cause.EXTRA_TAIL
    if seen == (0, 0) and wanted[0] == 0:
        return Cause.MISSING_HEAD
    if wanted == (0, 0) and seen[0] == 0:
        return Cause.EXTRA_HEAD
    return Cause.WORDING


def _broken_value(scene: Scene, variable: Variable, span: tuple[int, int]) -> Difference | None:
    value = scene.text.text[slice(*span)]
    difference = Difference(
        cause=Cause.WRONG_TYPE, wanted=(variable.start, variable.end), seen=span, variable=variable
    )
    if is_marker(value):
        return difference._replace(cause=Cause.UNFILLED_MARKER)
    if holds(variable, value):
        return None
    if variable.room is not None and holds(variable, value[: variable.room]):
        shorter = None if value.isdecimal() or holds_link(value) else cut(value, variable.room)
        return difference._replace(cause=Cause.VALUE_TOO_LONG, replacement=shorter)
    return difference._replace(replacement=_of_the_type(variable, value))


def _of_the_type(variable: Variable, value: str) -> str | None:
    """Return the value in the form that its variable holds, where that changes nothing of its meaning."""
    bare = value.strip()
    candidates = [bare]
    if variable.kind is VariableType.NUMERIC:
        candidates.append(bare.replace(",", "").replace(" ", ""))
    if variable.kind in {VariableType.URL, VariableType.APP_LINK}:
        scheme, sign, rest = bare.partition("://")
        if sign:
            candidates.append(f"{scheme.lower()}://{rest}")
        elif bare[:4].lower() == "www.":
            candidates.append(f"www.{bare[4:]}")
        elif "." in bare.strip(".") and "@" not in bare:
            candidates.append(f"https://{bare}")
    return next((each for each in candidates if holds(variable, each) and each and not is_marker(each)), None)
