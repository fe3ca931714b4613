"""The furthest point to which a body follows its template, from the left and from the right."""

from itertools import product
from typing import NamedTuple

from exosms.templates.explain.difference import Difference, Scene
from exosms.templates.fold import Cause
from exosms.templates.match import Move, Text, mirrored, sweep
from exosms.templates.variables import Word


class Front(NamedTuple):
    """The moves that were made, the characters of the next one that were, and the offsets they can have led to."""

    moves: int
    characters: int
    offsets: tuple[int, ...]


def frontier_difference(scene: Scene) -> Difference:
    """Return the stretch between the points reached from either end, as one difference of wording."""
    left = _fronts(scene.text, scene.moves)
    right = _fronts(Text(scene.text.text[::-1]), mirrored(scene.moves))
    gaps = [(gap, one, other) for one, other in product(left, right) if (gap := _gap(scene, one, other)) is not None]
    if not gaps:
        return _described(scene, *_from_the_left(scene, left[-1]))
    return _described(scene, *min(gaps, key=_size)[0])


Gap = tuple[tuple[int, int], tuple[int, int]]


def _size(gap: tuple[Gap, Front, Front]) -> tuple[int, int]:
    """Return the longer side; of equal ones, the gap beside which more of the literal was found counts as smaller."""
    ((wanted_start, wanted_end), (seen_start, seen_end)), left, right = gap
    return max(wanted_end - wanted_start, seen_end - seen_start), -left.characters - right.characters


def _fronts(text: Text, moves: list[Move]) -> list[Front]:
    """Return where the moves got stuck, and also where the last literal that was begun would begin."""
    swept = [levels[0] for levels in sweep(text, moves)]
    made = max(number for number, reach in enumerate(swept) if reach)
    begun = Front(made, 0, _bits(swept[made]))
    if made == len(moves) or moves[made].loose:
        return [begun]
    characters, reach = _partly(text, swept[made], moves[made])
    return [begun, Front(made, characters, _bits(reach))] if characters else [begun]


def _partly(text: Text, reach: int, literal: Move) -> tuple[int, int]:
    word = literal.shapes[0][0]
    characters = 0
    for character in word.text if isinstance(word, Word) else "":
        further = (reach & text.at(character)) << 1
        if not further:
            break
        reach, characters = further, characters + 1
    return characters, reach


def _bits(reach: int) -> tuple[int, ...]:
    return tuple(offset for offset, bit in enumerate(reversed(f"{reach:b}")) if bit == "1")


def _gap(scene: Scene, left: Front, right: Front) -> Gap | None:
    """Return the spans between two fronts in template and body; None if they have passed each other."""
    tokens = scene.template.tokens
    wanted = _place(scene, left), len(scene.wanted) - _mirrored_place(scene, right)
    last = len(tokens) - 1 - right.moves
    rights = [scene.text.end - offset for offset in right.offsets]
    if left.moves > last + 1 or (wanted[0] > wanted[1] and left.moves != last):
        return None
    seen = _closest(left.offsets, rights) if left.moves == last else _outermost(scene, left, right, rights)
    overlap = max(wanted[0] - wanted[1], seen[0] - seen[1], 0)
    return (wanted[0], wanted[1] + overlap), (seen[0], seen[1] + overlap)


def _place(scene: Scene, front: Front) -> int:
    tokens = scene.template.tokens
    return (tokens[front.moves].start if front.moves < len(tokens) else len(scene.wanted)) + front.characters


def _mirrored_place(scene: Scene, front: Front) -> int:
    tokens = scene.template.tokens
    ends = tokens[len(tokens) - 1 - front.moves].end if front.moves < len(tokens) else 0
    return len(scene.wanted) - ends + front.characters


def _closest(lefts: tuple[int, ...], rights: list[int]) -> tuple[int, int]:
    """Return the pair with the least between them; both ascend or descend, so one pass finds it."""
    ascending = sorted(rights)
    best = (lefts[0], max(ascending[-1], lefts[0]))
    number = 0
    for left in lefts:
        while number < len(ascending) and ascending[number] < left:
            number += 1
        if number < len(ascending) and ascending[number] - left < best[1] - best[0]:
            best = (left, ascending[number])
    return best if best[0] <= max(ascending) else (lefts[0], ascending[-1])


def _outermost(scene: Scene, left: Front, right: Front, rights: list[int]) -> tuple[int, int]:
    """Return the widest pair, except that a template which is used up has been followed as far as possible."""
    whole = len(scene.template.tokens)
    start = left.offsets[-1] if left.moves == whole else left.offsets[0]
    return start, min(rights) if right.moves == whole else max(rights)


def _from_the_left(scene: Scene, left: Front) -> Gap:
    tokens = scene.template.tokens
    ends = tokens[left.moves].end if left.moves < len(tokens) else len(scene.wanted)
    start = _place(scene, left)
    at = left.offsets[-1] if left.moves == len(tokens) else left.offsets[0]
    return (start, ends), (at, min(at + max(ends - start, 1), scene.text.end))


def _described(scene: Scene, wanted: tuple[int, int], seen: tuple[int, int]) -> Difference:
    crossed = [each for each in scene.template.variables if each.start < wanted[1] and each.end > wanted[0]]
    difference = Difference(
        cause=tail_cause(scene, wanted, seen),
        wanted=wanted,
        seen=seen,
        replacement=None if crossed else scene.wanted[slice(*wanted)],
    )
    if difference.replacement is None or scene.matches_with([difference]):
        return difference
    return Difference(cause=difference.cause, wanted=wanted, seen=seen)


def tail_cause(scene: Scene, wanted: tuple[int, int], seen: tuple[int, int]) -> Cause:
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
