"""The same sentences, or the two sides of one, in another order."""

import re
from bisect import bisect
from collections.abc import Iterator, Sequence
from itertools import accumulate, combinations, pairwise
from typing import NamedTuple

from exosms.templates.explain.pieces import Piece, Sort
from exosms.templates.explain.scene import Difference, Scene, Span
from exosms.templates.fold import Cause
from exosms.templates.match import Text
from exosms.templates.sentences import SENTENCE_END

LEAST_SHARED = 0.5
"""Of its fixed words, a sentence of the template must have so many in one of the body."""
MOST_WORDS = 18
"""Longer sentences are not turned round."""


class Order(NamedTuple):
    """A body with parts of it in another order."""

    scene: Scene
    slices: tuple[Span, ...]
    """The parts of the body, as they follow each other now."""
    wanted: Span
    """Where they stand in the template."""
    seen: Span
    """Where they stand in the body, in either order."""

    def difference(self, found: Sequence[Difference]) -> list[Difference]:
        """Return the other order as one difference, and those that were found besides, where they are in the body."""
        start, end = self.seen
        inside = [each for each in found if start <= each.seen[0] < end]
        known = all(each.replacement is not None for each in inside)
        mended = self.scene.mended(inside)
        text = mended[start : len(mended) - self.scene.text.end + end] if known else None
        others = [each._replace(seen=self._placed(each.seen)) for each in found if not self._is_of_order(each)]
        order = Difference(Cause.ORDER, self.wanted, self.seen, replacement=text)
        return sorted([order, *others], key=lambda each: (each.seen[0], -each.seen[1]))

    @property
    def _starts(self) -> list[int]:
        """Where the parts begin as they follow each other now."""
        return [0, *accumulate(end - start for start, end in self.slices[:-1])]

    def _is_of_order(self, difference: Difference) -> bool:
        """Whether a word is written small or large because it begins the sentence or no longer does."""
        if difference.cause is not Cause.CASE or difference.seen[0] not in self._starts:
            return False
        return not SENTENCE_END.search(self.scene.text.text[slice(*self.seen)])

    def _placed(self, seen: Span) -> Span:
        """Return where a part of the reordered body stands in the body."""
        starts = self._starts
        number = bisect(starts, seen[0]) - 1
        start, end = self.slices[number]
        offset = start + seen[0] - starts[number]
        return offset, min(offset + seen[1] - seen[0], max(end, offset))


def moved(scene: Scene) -> Iterator[Order]:
    """Yield the body with its sentences where the template has those that are most like them, if others are."""
    wanted, seen = _both_sentences(scene)
    bodies = [_words(scene.body, span) for span in seen]
    fixed = [_words(scene.pieces, span) for span in wanted]
    scored = sorted(
        (-_shared(own, words), abs(number - other), number, other)
        for number, own in enumerate(fixed)
        for other, words in enumerate(bodies)
        if _shared(own, words) >= LEAST_SHARED
    )
    pairs: dict[int, int] = {}
    for _, _, number, other in scored:
        if number not in pairs and other not in pairs.values():
            pairs[number] = other
    places = [pairs[number] for number in sorted(pairs)]
    changed = [(slot, place) for slot, place in zip(sorted(places), places, strict=True) if slot != place]
    if changed:
        numbers = [number for number, place in pairs.items() if any(place == other for _, other in changed)]
        parts = _with_fragments({place: fixed[number] for number, place in pairs.items()}, bodies, seen)
        slots = [(parts[slot], parts[place]) for slot, place in changed]
        wanted_span = wanted[min(numbers)][0], wanted[max(numbers)][1]
        yield _reordered(scene, slots, wanted_span, (slots[0][0][0], slots[-1][0][1]))


def turned(scene: Scene) -> Iterator[Order]:
    """Yield the body with the two sides of a sentence exchanged."""
    wanted, seen = _both_sentences(scene)
    if len(wanted) == len(seen):
        for one, other in zip(wanted, seen, strict=True):
            if _shared(_words(scene.pieces, one), _words(scene.body, other)) >= LEAST_SHARED:
                yield from _turned(scene, one, other)


def _both_sentences(scene: Scene) -> tuple[list[Span], list[Span]]:
    """Return the sentences of both; one of the body's also begins where two words begin one of the template's."""
    wanted = _sentences(scene.wanted, SENTENCE_END)
    begins = [re.match(r"\S+(?:\s+[^\s{%]+)?", scene.wanted[start:]) for start, _ in wanted]
    begin = "|".join(re.escape(found[0]) for found in begins if found and "{" not in found[0])
    end = re.compile(rf"{SENTENCE_END.pattern}|\s(?=(?:{begin})\b)") if begin else SENTENCE_END
    return wanted, _sentences(scene.text.text, end)


def _sentences(text: str, end: re.Pattern[str]) -> list[Span]:
    ends = [found.end() for found in end.finditer(text)]
    parts = [
        (start, end) for start, end in zip([0, *ends], [*ends, len(text)], strict=True) if text[start:end].strip()
    ]
    return [(end - len(text[start:end].lstrip()), start + len(text[start:end].rstrip())) for start, end in parts]


def _words(pieces: Sequence[Piece], span: Span) -> set[str]:
    return {
        piece.key for piece in pieces if piece.sort is Sort.WORD and span[0] <= piece.start and piece.end <= span[1]
    }


def _shared(fixed: set[str], words: set[str]) -> float:
    return len(fixed & words) / len(fixed) if fixed else 0.0


def _with_fragments(fixed: dict[int, set[str]], bodies: Sequence[set[str]], seen: Sequence[Span]) -> dict[int, Span]:
    """Return the sentences, each with a fragment beside it that a line break or a full stop too much has cut off."""
    parts = {place: seen[place] for place in fixed}
    for number, words in enumerate(bodies):
        beside = [place for place in (number - 1, number + 1) if place in fixed and fixed[place] & words]
        if number not in fixed and beside:
            place = max(beside, key=lambda each: len(fixed[each] & words))
            spans = parts[place], seen[number]
            parts[place] = min(spans)[0], max(spans)[1]
    return parts


def _reordered(scene: Scene, moved: Sequence[tuple[Span, Span]], wanted: Span, seen: Span) -> Order:
    """Return the body with another part of it in each slot."""
    slices: list[Span] = []
    done = 0
    for slot, part in moved:
        slices += (done, slot[0]), part
        done = slot[1]
    slices.append((done, scene.text.end))
    body = "".join(scene.text.text[start:end] for start, end in slices)
    return Order(Scene(scene.template, Text(body)), tuple(slices), wanted, seen)


def _turned(scene: Scene, wanted: Span, seen: Span) -> Iterator[Order]:
    """Yield a sentence with two parts of it exchanged, if that puts its fixed words in the right order."""
    words = [piece for piece in scene.body if piece.sort is Sort.WORD and seen[0] <= piece.start < seen[1]]
    fixed = [piece.key for piece in scene.pieces if piece.sort is Sort.WORD and wanted[0] <= piece.start < wanted[1]]
    keys = [piece.key for piece in words]
    known = [key for key in fixed if key in keys]
    if len(words) > MOST_WORDS or [key for key in keys if key in fixed] == known:
        return
    wanted, seen = _without_end(scene.wanted, wanted), _without_end(scene.text.text, seen)
    before_values = {
        one.key for one, other in pairwise(p for p in scene.pieces if p.sort is not Sort.SPACE) if other.variable
    }
    places = [
        at
        for at in range(1, len(words))
        if keys[at] in fixed or (keys[at - 1] in fixed and keys[at - 1] not in before_values)
    ]
    for start, first, last, end in _cuts([0, *places, len(words)]):
        turned = keys[:start] + keys[last:end] + keys[first:last] + keys[start:first] + keys[end:]
        if [key for key in turned if key in fixed] == known:
            one, other = _around(words[start:first]), _around(words[last:end])
            yield _reordered(scene, [(one, other), (other, one)], wanted, seen)


def _cuts(places: Sequence[int]) -> Iterator[tuple[int, int, int, int]]:
    """Yield where two parts begin and end: those that touch each other, and those of which one is at the end."""
    for start, first, end in combinations(places, 3):
        yield start, first, first, end
    for start, first, last in combinations(places[:-1], 3):
        yield start, first, last, places[-1]


def _around(words: Sequence[Piece]) -> Span:
    return words[0].start, words[-1].end


def _without_end(text: str, span: Span) -> Span:
    return span[0], span[0] + len(text[slice(*span)].rstrip(".!?\u0964"))
