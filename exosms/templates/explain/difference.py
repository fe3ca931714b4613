"""The places where a body leaves its template, as a person would tell them apart."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import NamedTuple

from exosms.templates.explain.alignment import Alignment
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

    def stretch(self, wanted: Span, seen: Span) -> Difference:
        """Return a difference of wording; where values lie within, only a person knows what to put there."""
        crossed = any(each.start < wanted[1] and each.end > wanted[0] for each in self.template.variables)
        replacement = None if crossed else self.wanted[slice(*wanted)]
        return Difference(self._tail_cause(wanted, seen), wanted, seen, replacement=replacement)

    def _tail_cause(self, wanted: Span, seen: Span) -> Cause:
        """Return whether something is missing or too much at either end, or the wording differs."""
        ends = (wanted[1], seen[1]) == (len(self.wanted), self.text.end)
        if seen[0] == seen[1]:
            return Cause.MISSING_TAIL if ends else Cause.WORDING if seen[0] or wanted[0] else Cause.MISSING_HEAD
        if wanted[0] == wanted[1]:
            return Cause.EXTRA_TAIL if ends else Cause.WORDING if seen[0] or wanted[0] else Cause.EXTRA_HEAD
        return Cause.WORDING

    def without_repeats(self, differences: Sequence[Difference]) -> list[Difference]:
        """Return the differences, without the replacements that say again what a value of the mended body says.

        Then the value has taken in what belongs to the fixed text, and only a person knows which of both is right.
        """
        found = match(self.template, self.mended(differences, trial=True))
        said = {word for value in found.values for word in _words(value)} if isinstance(found, Match) else set()

        def repeats(each: Difference) -> bool:
            new = _words(each.replacement or "") - _words(self.text.text[slice(*each.seen)])
            return each.variable is None and each.cause is not Cause.CASE and bool(said & new)

        return [each._replace(replacement=None) if repeats(each) else each for each in differences]

    def matches_with(self, differences: Sequence[Difference]) -> bool:
        """Whether the replacements make the body match, with legal values for those that only a person knows."""
        return isinstance(match(self.template, self.mended(differences, trial=True)), Match)


_SAMPLES = dict.fromkeys(VariableType, "1") | {
    VariableType.URL: "www.a",
    VariableType.APP_LINK: "www.a",
    VariableType.CALLBACK: "100",
    VariableType.EMAIL: "a@a.a",
}


def _words(text: str) -> set[str]:
    """Return the words of a text, without the signs around them; an address is one."""
    return {word.strip(".,;:!?-\u0964") for word in text.split()} - {""}


class _Part(NamedTuple):
    """What stands for what, and of which pieces it is made."""

    wanted: Span
    seen: Span
    fixed: tuple[Piece, ...]
    """Of the template."""
    found: tuple[Piece, ...]
    """Of the body."""

    @property
    def variable(self) -> Variable | None:
        """The first variable in it."""
        return next((piece.variable for piece in self.fixed if piece.variable), None)

    @property
    def is_wrong(self) -> bool:
        """Whether the fixed text differs, or a value is not there at all."""
        if self.variable is not None:
            return not self.found
        return "".join(each.text for each in self.fixed) != "".join(each.text for each in self.found)

    @property
    def is_folded(self) -> bool:
        """Whether one piece stands for another that a reader takes for the same."""
        return [each.key for each in self.fixed] == [each.key for each in self.found]

    def with_next(self, other: "_Part") -> "_Part":
        """Return both as one."""
        wanted, seen = (self.wanted[0], other.wanted[1]), (self.seen[0], other.seen[1])
        return _Part(wanted, seen, self.fixed + other.fixed, self.found + other.found)

    def belongs_to(self, other: "_Part") -> bool:
        """Whether a person would tell it together with what stands before it: not if one is but a sign."""
        if self.is_folded or other.is_folded:
            return False
        if self.variable or other.variable:
            return not self.found and not other.found
        exchanged = [bool(each.fixed) and bool(each.found) for each in (self, other)]
        signs = [{piece.sort for piece in each.fixed + each.found} == {Sort.SIGN} for each in (self, other)]
        return exchanged in ([True, True], [False, False]) or not any(signs)


def differences(scene: Scene, alignment: Alignment) -> list[Difference]:
    """Return what an alignment says, in order: in the fixed text, and of values that their variables do not hold."""
    found: list[Difference] = []
    run: list[_Part] = []
    for part in (*_parts(scene, alignment), None):
        if part is not None and part.is_wrong:
            run.append(part)
            continue
        found += _of_run(scene, run, part)
        run = []
        broken = _broken_value(scene, part.variable, part.seen) if part is not None and part.variable else None
        found += [broken] if broken else []
    return found


def _parts(scene: Scene, alignment: Alignment) -> Iterator[_Part]:
    wanted_at, seen_at = 0, 0
    for step in alignment.steps:
        fixed, found = scene.pieces[slice(*step.wanted)], scene.body[slice(*step.seen)]
        wanted = wanted_at, fixed[-1].end if fixed else wanted_at
        seen = seen_at, found[-1].end if found else seen_at
        yield _Part(wanted, seen, tuple(fixed), tuple(found))
        wanted_at, seen_at = wanted[1], seen[1]


def _of_run(scene: Scene, run: Sequence[_Part], behind: _Part | None) -> Iterator[Difference]:
    """Yield what parts say between which nothing is as it should be; together if one folding explains them."""
    if not run:
        return
    whole = reduce(_Part.with_next, run)
    cause = None if whole.variable else _cause(scene, whole)
    if whole.variable is None and not whole.is_wrong:
        return
    if cause not in {None, Cause.WORDING}:
        yield _of_part(scene, whole, behind)
        return
    part = run[0]
    for other in run[1:]:
        if other.belongs_to(part):
            part = part.with_next(other)
        else:
            yield _of_part(scene, part, None)
            part = other
    yield _of_part(scene, part, behind)


def _cause(scene: Scene, part: _Part) -> Cause:
    return cause_of(scene.wanted[slice(*part.wanted)], scene.text.text[slice(*part.seen)])


def _of_part(scene: Scene, part: _Part, behind: _Part | None) -> Difference:
    wanted, seen = part.wanted, part.seen
    if part.variable is not None and part.found == () and not any(each.sort is Sort.WORD for each in part.fixed):
        return Difference(Cause.MISSING_VALUE, wanted, seen, part.variable)
    cause = Cause.WORDING if part.variable else _cause(scene, part)
    if cause is not Cause.WORDING:
        return _narrowed(scene, cause, wanted, seen)
    if part.fixed and part.found:
        wanted, seen = _whole_words(scene, wanted, seen)
    elif behind is not None and behind.variable is None:
        shift = _shift(scene, wanted, seen, scene.wanted[slice(*behind.wanted)])
        wanted, seen = (wanted[0] + shift, wanted[1] + shift), (seen[0] + shift, seen[1] + shift)
    return scene.stretch(wanted, seen)


_OF_WORDING = frozenset({Cause.WORDING, Cause.MISSING_HEAD, Cause.MISSING_TAIL, Cause.EXTRA_HEAD, Cause.EXTRA_TAIL})


def joined(scene: Scene, found: Sequence[Difference]) -> list[Difference]:
    """Return the differences, those of wording as one that have no word between them: "is" for "has been"."""
    done: list[Difference] = []
    for each in found:
        last = done[-1] if done else each
        between = scene.wanted[last.wanted[1] : each.wanted[0]] + scene.text.text[last.seen[1] : each.seen[0]]
        is_known = all(one.cause in _OF_WORDING and one.replacement is not None for one in (last, each))
        if done and is_known and not between.strip():
            done[-1] = _stretch_of_words(scene, (last.wanted[0], each.wanted[1]), (last.seen[0], each.seen[1]))
        else:
            done.append(each)
    return done


def _stretch_of_words(scene: Scene, wanted: Span, seen: Span) -> Difference:
    """Return a difference of wording without the spaces that both sides begin or end with."""
    one, other = scene.wanted[slice(*wanted)], scene.text.text[slice(*seen)]
    start = one[:1].isspace() and one[:1] == other[:1]
    end = one[-1:].isspace() and one[-1:] == other[-1:]
    return scene.stretch((wanted[0] + start, wanted[1] - end), (seen[0] + start, seen[1] - end))


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
        shorter = None if value.isdecimal() or holds_link(value) else cut(value, variable.room).rstrip()
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
