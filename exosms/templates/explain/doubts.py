"""The places where a part of a value could be lost or moved, so that only a person knows what to write there."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from exosms.templates.explain import costs
from exosms.templates.explain.alignment import AlignedStep
from exosms.templates.explain.pieces import Sort
from exosms.templates.explain.scene import Scene, Span
from exosms.templates.match import holds


def only_a_person_knows(scene: Scene, steps: Sequence[AlignedStep]) -> Iterator[Span]:
    """Yield where a change may take a part of a value, or put it elsewhere: no text is offered there."""
    yield from _torn(scene, steps)
    yield from _glued(scene, steps)
    yield from _stranded(scene, steps)
    yield from _between_values(scene, steps)
    yield from _in_place_of_words(steps)
    yield from _without_amount(scene, steps)
    yield from _beside_wording(steps)
    yield from _half_of_a_pair(scene, steps)
    yield from _half_of_emphasis(scene, steps)
    yield from _half_decoded(scene, steps)


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


def _beside_wording(steps: Sequence[AlignedStep]) -> Iterator[Span]:
    """Yield where a value would keep words that stand for what is missing beside it: "no." of "order no. 17", "#"."""
    told = [step for step in steps if any(piece.sort is not Sort.SPACE for piece in (*step.fixed, *step.found))]
    for one, other in pairwise(told):
        value, step = (one, other) if one.variable else (other, one)
        inwards = value.found if value is other else value.found[::-1]
        is_sign = step.fixed[-1:] and step.fixed[-1].text == "#"
        is_lacking = step.is_wrong and (is_sign or any(piece.sort is Sort.WORD for piece in step.fixed))
        if value.variable and is_lacking and costs.may_be_wording(inwards, in_capitals=bool(is_sign)):
            yield step.seen


def _half_of_a_pair(scene: Scene, steps: Sequence[AlignedStep]) -> Iterator[Span]:
    """Yield where one of two signs around a value, or all, would go and the other one stay: ``(www.acme.in/x)``."""
    text = scene.text.text
    for one, other in pairwise(steps):
        if _is_beside(one, other) and text[other.seen[1] - 1] == _PAIRS.get(text[one.seen[1] - 1]):
            yield one.seen
        if _is_beside(other, one) and text[other.seen[0]] == _PAIRS.get(text[one.seen[0]]):
            yield other.seen
    for one, other in ((steps[0], steps[-1]), (steps[-1], steps[0])):
        if _is_beside(one, other) and text[-1] == _PAIRS.get(text[0]):
            yield one.seen


def _half_of_emphasis(scene: Scene, steps: Sequence[AlignedStep]) -> Iterator[Span]:
    """Yield where a sign or tag would go and its other half stay in a value: ``*Rs.500*``, ``<b>Dear Ravi</b>``.

    Where values hold the halves, all changes are doubtful, since where a value ends is one of them.
    """
    text = scene.text.text
    wrong = [(step.seen, text[slice(*step.seen)].strip()) for step in steps if step.is_wrong]
    values = [(step.seen, text[slice(*step.seen)].strip(_STOPS)) for step in steps if step.variable and step.found]
    tagged = any(len(_TAG.findall(value)) != len(_END_TAG.findall(value)) for _, value in values)
    opened = sum(value[:1] in _EMPHASIS and value[-1] not in _EMPHASIS for _, value in values)  # a masked number, too
    closed = sum(value[-1:] in _EMPHASIS and value[0] not in _EMPHASIS for _, value in values)
    is_marked = any(sign[:1] in _EMPHASIS for _, sign in wrong)
    is_torn = tagged or (closed and opened + closed > 1) or (opened + closed and is_marked)
    for span, sign in wrong:
        is_first = any(span[1] <= at and value[-1:] == _PAIRS.get(sign[-1:]) for (at, _), value in values)
        is_last = any(end <= span[0] and _PAIRS.get(value[:1]) == sign[:1] for (_, end), value in values)
        if is_torn or (sign and (is_first or is_last)):
            yield span


_STOPS = " .,;:!?\u0964"
_EMPHASIS = frozenset("*_~`")
_TAG = re.compile(r"<(?!br\b)[A-Za-z]", re.IGNORECASE)
_END_TAG = re.compile(r"</[A-Za-z]")


def _is_beside(step: AlignedStep, value: AlignedStep) -> bool:
    return step.is_wrong and bool(step.found) and value.variable is not None and len(value.found) > 1


_PAIRS = dict(zip("([{<\u201c\u2018\"'*_`~", ")]}>\u201d\u2019\"'*_`~", strict=True))


def _half_decoded(scene: Scene, steps: Sequence[AlignedStep]) -> Iterator[Span]:
    """Yield what would be decoded while a value stays as it is: the spaces around "12%20Dec" in an encoded text."""
    text = scene.text.text
    in_values = {sign for step in steps if step.variable for sign in _ENCODED.findall(text[slice(*step.seen)])}
    for step in steps:
        stands_for = "".join(piece.text for piece in step.fixed)
        if step.is_wrong and stands_for and in_values & {*_ENCODED.findall(text[slice(*step.seen)])}:
            yield step.seen


_ENCODED = re.compile(r"%(?=[0-9A-Fa-f]{2})|\+|&(?=#?\w{1,31};)")


def _without_amount(scene: Scene, steps: Sequence[AlignedStep]) -> Iterator[Span]:
    """Yield where a currency would stand before what is no amount: before the "Rss" or "Rupees" in its place."""
    for at, step in enumerate(steps):
        if step.is_wrong and step.fixed and step.fixed[-1].key == "\u20b9":
            value = next((each.found for each in steps[at:] if each.variable), ())
            has_its_own = len(value) > 1 and value[-1].key in _CURRENCIES  # "500 rupees" for "Rs.500"
            if value and (has_its_own or not _AMOUNT.match(scene.text.text, step.seen[1])):
                yield step.seen


_AMOUNT = re.compile(r"\s*[\d{%]")
_CURRENCIES = frozenset({"\u20b9", "rupees", "rupee"})
