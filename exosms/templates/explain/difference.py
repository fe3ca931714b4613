"""The places where a body leaves its template, as a person would tell them astep."""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from itertools import pairwise
from typing import NamedTuple

from exosms.templates.explain import costs
from exosms.templates.explain.alignment import AlignedStep, Alignment
from exosms.templates.explain.pieces import Sort, body_pieces, template_pieces
from exosms.templates.fold import Cause, cause_of
from exosms.templates.match import Match, Text, holds, is_marker, match
from exosms.templates.syntax import FITTED, Template, Variable, cut
from exosms.templates.variables import VariableType, holds_link

Span = tuple[int, int]


class Difference(NamedTuple):
    """``template[wanted]`` stands as ``body[seen]``; offsets of the folded texts."""

    cause: Cause
    wanted: Span
    seen: Span
    variable: Variable | None = None
    replacement: str | None = None
    """What to put there instead; None where only a person knows."""


def replaced(text: str, changes: Iterable[tuple[int, int, str | None]]) -> str:
    """Return a text with new parts from one offset to another, but those that are None or within another one."""
    pieces: list[str] = []
    done = 0
    for start, end, new in changes:
        if new is not None and start >= done:
            pieces += text[done:start], new
            done = end
    return "".join(pieces) + text[done:]


class Scene:
    """A template and a body that does not match it."""

    def __init__(self, template: Template, text: Text) -> None:
        self.template, self.text = template, text
        self.wanted = template.folded
        """The template's text, its line endings folded."""
        self.pieces = template_pieces(template, text.text)
        """Those of the template."""
        self.body = body_pieces(text.text, self.pieces)

    @property
    def joined(self) -> list[Span]:
        """Where signs stand in the body that join what is beside them."""
        pairs = costs.joined(self.body, self.pieces)
        return [(self.body[first].start, self.body[end - 1].end) for first, end in pairs]

    def mended(self, differences: Sequence[Difference], *, trial: bool = False) -> str:
        """Return the folded body with every replacement made; ``trial`` has samples where a person must choose."""
        return replaced(
            self.text.text,
            ((*each.seen, self._sample(each) if trial else each.replacement) for each in differences),
        )

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


def differences(scene: Scene, alignment: Alignment) -> list[Difference]:
    """Return what an alignment says, in order: in the fixed text, and of values that their variables do not hold."""
    found: list[Difference] = []
    run: list[AlignedStep] = []
    for step in (*alignment.steps, None):
        if step is not None and step.is_wrong:
            run.append(step)
            continue
        found += _of_run(scene, run, step) if run else ()
        run = []
        if step is not None and step.variable and (broken := _broken_value(scene, step.variable, step.seen)):
            found.append(broken)
    doubtful = [*_only_a_person_knows(scene, alignment.steps)]

    def is_known(each: Difference) -> bool:
        return all(each.seen[1] < start or end < each.seen[0] for start, end in doubtful)

    return [each if each.variable or is_known(each) else each._replace(replacement=None) for each in found]


def _only_a_person_knows(scene: Scene, steps: Sequence[AlignedStep]) -> Iterator[Span]:
    """Yield where a change may take a part of a value, or put it elsewhere: no text is offered there."""
    yield from _torn(scene, steps)
    yield from _glued(scene, steps)
    yield from _stranded(scene, steps)
    yield from _between_values(scene, steps)
    yield from _in_place_of_words(steps)
    yield from _without_amount(scene, steps)


def _torn(scene: Scene, steps: Sequence[AlignedStep]) -> Iterator[Span]:
    """Yield where a change would tear what is one and belongs to a value, such as ``12.50``."""
    values = [step for step in steps if step.variable and step.found]
    for start, end in scene.joined:
        if any(value.seen[0] < end and start < value.seen[1] for value in values):
            yield start + 1, end - 1


def _glued(scene: Scene, steps: Sequence[AlignedStep]) -> Iterator[Span]:
    """Yield words that may be one of the template and a part of the value beside it: "forcard" of "for card"."""
    pairs = [*pairwise(piece for piece in scene.pieces if piece.sort is not Sort.SPACE)]
    before = {one.start for one, other in pairs if other.variable}
    behind = {other.start for one, other in pairs if one.variable}
    for step in steps:
        are_words = all(piece.sort is Sort.WORD for piece in (*step.fixed, *step.found))
        if len(step.fixed) != 1 or not are_words or not step.is_wrong:
            continue
        at, wanted = step.fixed[0].start, step.fixed[0].text
        words = [each.text for each in step.found] + _words_beside(scene.text.text, step.seen)
        rests = [(each, each.removeprefix(wanted)) for each in words if at in before]
        rests += [(each, each.removesuffix(wanted)) for each in words if at in behind]
        # One small letter too much is a slip: "orders".
        if any(rest != each and (len(rest) > 1 or rest.isupper()) for each, rest in rests):
            yield step.seen


def _words_beside(text: str, span: Span) -> list[str]:
    """Return the word before a part of a text and the one behind it."""
    before, behind = text[max(span[0] - _FARTHEST, 0) : span[0]], text[span[1] : span[1] + _FARTHEST]
    found = re.search(r"(\w*)\s*\Z", before), re.match(r"\s*(\w*)", behind)
    return [each[1] for each in found if each]


_FARTHEST = 60
"""So many characters beside a place are looked at for a word."""


def _stranded(scene: Scene, steps: Sequence[AlignedStep]) -> Iterator[Span]:
    """Yield what may end a value and is one with the word behind it: the "A" of "Block Atill"."""
    for before, step in pairwise(each for each in steps if not all(one.sort is Sort.SPACE for one in each.found)):
        word = scene.text.text[slice(*step.seen)]
        is_one = scene.text.text[step.seen[1] : step.seen[1] + 1].isalnum()
        if before.variable and not step.fixed and is_one and word.isalnum() and (len(word) > 1 or word.isupper()):
            yield step.seen


def _between_values(scene: Scene, steps: Sequence[AlignedStep]) -> Iterator[Span]:
    """Yield where a word is missing between two values of which nothing says where the first one ends."""
    text = scene.text.text
    inside = {at for start, end in scene.joined for at in range(start, end)}
    told = [step for step in steps if any(piece.sort is not Sort.SPACE for piece in (*step.fixed, *step.found))]
    for one, step, other in zip(told, told[1:], told[2:], strict=False):
        if not (one.variable and other.variable) or step.found or step.variable:
            continue
        value, behind = (text[slice(*each.seen)] for each in (one, other))
        is_code = " " not in value and value[2:] and value[-1].isdigit() and behind[:1].isalpha()  # "OD-77812 Monday"
        spaces = (piece for piece in (*one.found, *other.found) if piece.sort is Sort.SPACE)
        if not is_code and any(
            piece.start not in inside
            and holds(one.variable, text[one.seen[0] : piece.start])
            and holds(other.variable, text[piece.end : other.seen[1]])
            for piece in spaces
        ):
            yield step.seen


def _in_place_of_words(steps: Sequence[AlignedStep]) -> Iterator[Span]:
    """Yield words that stand for one beside a value, and may be its own: "New" of "off New Delhi", without "in"."""
    told = [step for step in steps if any(piece.sort is not Sort.SPACE for piece in step.fixed)]
    for before, step, behind in zip([None, *told], told, [*told[1:], None], strict=False):
        is_beside = any(each and each.variable for each in (before, behind))
        is_one = len(step.fixed) == len(step.found) == 1
        if is_beside and is_one and costs.may_be_of_value(step.fixed[0], step.found[0]):
            yield step.seen


def _without_amount(scene: Scene, steps: Sequence[AlignedStep]) -> Iterator[Span]:
    """Yield where a currency would stand before what is no amount: before the "Rss" or "Rupees" in its place."""
    for at, step in enumerate(steps):
        if step.is_wrong and step.fixed and step.fixed[-1].key == "\u20b9":
            value = next((each.found for each in steps[at:] if each.variable), ())
            if any(piece.sort is Sort.WORD for piece in value) and not _AMOUNT.match(scene.text.text, step.seen[1]):
                yield step.seen


_AMOUNT = re.compile(r"\s*[\d{%]")


def _of_run(scene: Scene, run: Sequence[AlignedStep], behind: AlignedStep | None) -> Iterator[Difference]:
    """Yield what steps say between which nothing is as it should be; together if one folding explains them."""
    whole = reduce(AlignedStep.with_next, run)
    if whole.variable is None and not whole.is_wrong:
        return
    is_folded = whole.variable is None and _cause(scene, whole) is not Cause.WORDING
    told = [run[0]]
    for step in run[1:]:
        if is_folded or step.belongs_to(told[-1]):
            told[-1] = told[-1].with_next(step)
        else:
            told.append(step)
    for step, following in zip(told, [*[None] * (len(told) - 1), behind], strict=True):
        yield _of_step(scene, step, following)


def _cause(scene: Scene, step: AlignedStep) -> Cause:
    return cause_of(scene.wanted[slice(*step.wanted)], scene.text.text[slice(*step.seen)])


def _of_step(scene: Scene, step: AlignedStep, behind: AlignedStep | None) -> Difference:
    wanted, seen = step.wanted, step.seen
    if step.variable is not None and not step.found and not any(each.sort is Sort.WORD for each in step.fixed):
        return Difference(Cause.MISSING_VALUE, wanted, seen, step.variable)
    cause = Cause.WORDING if step.variable else _cause(scene, step)
    if cause is not Cause.WORDING:
        return _narrowed(scene, cause, wanted, seen)
    if step.fixed and step.found:
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


def _shift(scene: Scene, wanted: Span, seen: Span, fixed: str) -> int:
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


def _broken_value(scene: Scene, variable: Variable, span: Span) -> Difference | None:
    value = scene.text.text[slice(*span)]
    difference = Difference(Cause.WRONG_TYPE, (variable.start, variable.end), span, variable)
    if is_marker(value):
        return difference._replace(cause=Cause.UNFILLED_MARKER)
    if holds(variable, value):
        return None
    if variable.room is not None and holds(variable, value[: variable.room]):
        is_text = variable.kind in FITTED and not value.isdecimal() and not holds_link(value)
        shorter = cut(value, variable.room).rstrip() if is_text else None
        return difference._replace(cause=Cause.VALUE_TOO_LONG, replacement=shorter)
    return difference._replace(replacement=_of_the_type(variable, value))


_GROUPED = re.compile(r"[0-9]{1,3}(?:,[0-9]{2,3})*,[0-9]{3}")
"""One number; "3, 4" and "1200 1500" may be two."""
_HOST = re.compile(r"[^@/]+\.[A-Za-z]{2,}(?![^:/?#])")
"""Not an amount such as 12.50."""


def _of_the_type(variable: Variable, value: str) -> str | None:
    """Return the value in the form that its variable holds, where that changes nothing of its meaning."""
    bare = value.strip()
    candidates = [bare]
    if variable.kind is VariableType.NUMERIC:
        candidates += [bare.replace(",", "")] if _GROUPED.fullmatch(bare) else []
    if variable.kind in {VariableType.URL, VariableType.APP_LINK}:
        scheme, sign, rest = bare.partition("://")
        if sign:
            candidates.append(f"{scheme.lower()}://{rest}")
        elif bare[:4].lower() == "www.":
            candidates.append(f"www.{bare[4:]}")
        elif _HOST.match(bare):
            candidates.append(f"https://{bare}")
    return next((each for each in candidates if holds(variable, each) and each and not is_marker(each)), None)
