"""The differences that are told: as many as are needed, and no more than the exact matcher confirms."""

from collections.abc import Iterator, Sequence
from math import inf

from exosms.templates.explain.alignment import MOST_STATES, Alignment, align
from exosms.templates.explain.difference import differences, joined
from exosms.templates.explain.order import Order, moved, turned
from exosms.templates.explain.pieces import Sort
from exosms.templates.explain.scene import Difference, Scene
from exosms.templates.fold import Cause
from exosms.templates.match import Match, holds, match

ORDER = 12
"""What another order costs, in the measure of ``costs``: less than two words."""
ANOTHER = 40
"""A body whose account costs no more than some words is no other text, however short."""
LEAST_ALIKE = 1 / 3
"""Of the fixed letters; a body that has fewer of them is another text."""
MOST_TRIED = 16
"""So many differences are tried one by one."""


def account(scene: Scene) -> list[Difference]:
    """Return the differences in the body's order, without any that is not needed for a match."""
    found = _account(scene)
    cased = sum(each.cause is Cause.CASE for each in found)
    if scene.text.text.isupper() and cased > CAPITALS and all(each.cause in _OF_CAPITALS for each in found):
        whole = scene.stretch((0, len(scene.wanted)), (0, scene.text.end))
        return [whole._replace(cause=Cause.CASE, replacement=scene.mended(found))]
    return found


CAPITALS = 3
"""So many words in capitals are told one by one, if the whole text is."""
_OF_CAPITALS = frozenset({Cause.CASE, Cause.RUPEE})


def _account(scene: Scene) -> list[Difference]:
    order, ordered = _cheapest(moved(scene), inf, MOST_STATES // 2)
    most = MOST_STATES - ordered.states
    plain = align(scene.pieces, scene.body, limit=ordered.cost + ORDER, most=most)
    if order is None and plain.is_whole:
        order, ordered = _cheapest(turned(scene), plain.cost - ORDER, most - plain.states)
    if order is not None and (ordered.cost + ORDER < plain.cost or not plain.is_whole):
        is_all = isinstance(match(scene.template, order.scene.text.text), Match)
        found = order.difference([] if is_all else _claimed(order.scene, ordered))
        mended = scene.mended(found)
        is_torn = any(scene.text.text[slice(*span)] not in mended for span in scene.joined)
        if scene.matches_with(found) and not is_torn:
            return found
    return _claimed(scene, plain)


def _cheapest(orders: Iterator[Order], limit: float, most: int) -> tuple[Order | None, Alignment]:
    """Return the order whose account costs the least, less than ``limit``; ``most`` bounds the states of all."""
    best: tuple[Order | None, Alignment] = None, Alignment((), inf, 0, is_whole=False)
    states = 0
    for order in orders:
        alignment = align(order.scene.pieces, order.scene.body, limit=limit, most=most - states)
        states += alignment.states
        if alignment.is_whole and alignment.cost < best[1].cost:
            best = order, alignment
    return best[0], best[1]._replace(states=states)


def _claimed(scene: Scene, alignment: Alignment) -> list[Difference]:
    """Return what an account says as far as the matcher confirms it."""
    found = _with_swaps(scene, joined(scene, differences(scene, alignment)))
    if _is_another_text(scene, alignment):
        found = _as_one(scene, found)
    for claim in (_needed(scene, found), _as_one(scene, found)):
        if claim and scene.matches_with(claim):
            return scene.without_repeats(claim)
    return [scene.stretch((0, len(scene.wanted)), (0, scene.text.end))]


def _with_swaps(scene: Scene, found: Sequence[Difference]) -> list[Difference]:
    """Return the differences, words that are missing here and too much close by as another order of words."""
    done: list[Difference] = []
    for each in found:
        pair = _with_its_value(scene, done[-1], each) if done else None
        if pair is not None and _is_moved(scene, *pair):
            wanted, seen = (pair[0].wanted[0], each.wanted[1]), (pair[0].seen[0], each.seen[1])
            mended = scene.mended(pair)
            text = mended[seen[0] : len(mended) - scene.text.end + seen[1]]
            done[-1] = Difference(Cause.ORDER, wanted, seen, replacement=text)
        else:
            done.append(each)
    return done


def _with_its_value(scene: Scene, one: Difference, other: Difference) -> tuple[Difference, Difference]:
    """Return both; a value that is missing is what is too much in the other one."""

    def filled(each: Difference, value: str) -> Difference:
        if each.variable is None or each.cause is not Cause.MISSING_VALUE or not holds(each.variable, value):
            return each
        text = scene.wanted[slice(*each.wanted)].replace(each.variable.marker, value)
        return each._replace(replacement=text, variable=None)

    values = [scene.text.text[slice(*each.seen)].strip() for each in (one, other)]
    return filled(one, values[1]), filled(other, values[0])


def _is_moved(scene: Scene, one: Difference, other: Difference) -> bool:
    """Whether a word is missing in one that is too much in the other."""
    texts = [text for each in (one, other) for text in (each.replacement or "", scene.text.text[slice(*each.seen)])]
    wanted, seen, other_wanted, other_seen = (text.strip().casefold() for text in texts)
    is_same = (wanted, seen) == (other_seen, other_wanted) and not (wanted and seen)
    return is_same and any(map(str.isalnum, wanted + seen))


def _is_another_text(scene: Scene, alignment: Alignment) -> bool:
    if not scene.text.text or alignment.cost <= ANOTHER:
        return False
    pairs = [pair for step in alignment.steps for pair in zip(step.fixed, step.found, strict=False)]
    same = sum(len(one.text) for one, other in pairs if one.sort is Sort.WORD and one.key == other.key)
    return same < LEAST_ALIKE * sum(len(piece.text) for piece in scene.pieces if piece.sort is Sort.WORD)


def _as_one(scene: Scene, found: Sequence[Difference]) -> list[Difference]:
    """Return all that lies between the first and the last difference of the fixed text as one."""
    if not found:
        return []
    fixed = [each for each in found if each.variable is None] or found
    first, last = fixed[0], fixed[-1]
    stretch = scene.stretch((first.wanted[0], last.wanted[1]), (first.seen[0], last.seen[1]))
    before = [each for each in found if each.seen[1] <= first.seen[0] and each is not first]
    behind = [each for each in found if each.seen[0] >= last.seen[1] and each not in (first, last)]
    return [*before, stretch, *behind]


def _needed(scene: Scene, found: list[Difference]) -> list[Difference]:
    """Leave out what the body matches without, since a value may hold the difference; but no value is nothing."""
    needed = list(found)
    for each in found if len(found) <= MOST_TRIED else ():
        if each.cause is Cause.MISSING_VALUE:
            continue
        fewer = [other for other in needed if other is not each]
        if fewer and scene.matches_with(fewer):
            needed = fewer
    return needed
