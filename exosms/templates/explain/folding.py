"""The smallest set of foldings under which a body repeats its template, and the differences that they hide."""

from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise

from exosms.templates.explain.difference import Difference, Scene, broken_values
from exosms.templates.fold import Cause, Fold, Mapped, folds
from exosms.templates.match import Assignment, Move, Text, assign, sweep
from exosms.templates.syntax import Literal, Variable
from exosms.templates.variables import Word

Folded = tuple[list[Mapped | None], Mapped, Assignment]
"""The folded literals (None for a variable), the folded body, and where the tokens stand in it."""


def folded_differences(scene: Scene) -> list[Difference]:
    """Return what a smallest set of foldings hides; nothing if not even all of them make the texts equal."""
    active = [fold for fold in folds() if _acts(scene, fold)]
    if not active or _fold(scene, active) is None:
        return []
    best: list[Difference] = []
    for chosen in _candidates(scene, active):
        differences = differences_under(scene, chosen)
        if differences and (not best or _values_at_fault(differences) < _values_at_fault(best)):
            best = differences
        if best and not _values_at_fault(best):
            break
    return best


def _values_at_fault(differences: Sequence[Difference]) -> int:
    return sum(difference.variable is not None for difference in differences)


def _candidates(scene: Scene, active: Sequence[Fold]) -> Iterator[Sequence[Fold]]:
    for size in (1, 2):
        yield from combinations(active, size)
    kept = list(active)
    for fold in reversed(active):
        fewer = [each for each in kept if each is not fold]
        if _fold(scene, fewer) is not None:
            kept = fewer
    yield kept


def differences_under(scene: Scene, chosen: Sequence[Fold]) -> list[Difference]:
    """Return the differences in the fixed text and in values, if the texts are equal under these foldings."""
    folded = _fold(scene, chosen)
    if folded is None:
        return []
    literals, body, assignment = folded
    spans = _unfolded(scene, literals, body, assignment.spans)
    edits = [
        edit
        for token, literal, inside, span in zip(scene.template.tokens, literals, assignment.spans, spans, strict=True)
        if isinstance(token, Literal) and literal is not None
        for edit in _edits(scene, token, literal, body.part(*inside), span)
    ]
    values = broken_values(scene, spans)
    return sorted([*_needed(scene, edits, values), *values], key=lambda each: each.seen)


def _acts(scene: Scene, fold: Fold) -> bool:
    texts = [scene.text.text, *(literal.text for literal in scene.template.literals)]
    return any(fold.text(text) != text for text in texts)


def _apply(mapped: Mapped, chosen: Sequence[Fold]) -> Mapped:
    for fold in chosen:
        mapped = fold.apply(mapped)
    return mapped


def _fold(scene: Scene, chosen: Sequence[Fold]) -> Folded | None:
    body = _apply(scene.mapped, chosen)
    literals = [
        _apply(Mapped.of(token.text), chosen) if isinstance(token, Literal) else None
        for token in scene.template.tokens
    ]
    moves = [
        move if literal is None else Move(((Word(literal.text),),), loose=False)
        for move, literal in zip(scene.moves, literals, strict=True)
    ]
    text = Text(body.text)
    assignment = assign(text, moves, sweep(text, moves, slack=scene.slack))
    return None if assignment is None else (literals, body, assignment)


def _unfolded(
    scene: Scene, literals: Sequence[Mapped | None], body: Mapped, spans: Sequence[tuple[int, int]]
) -> list[tuple[int, int]]:
    """Return where the tokens stand in the unfolded body; what was folded away between them goes to the literals."""
    bounds = [0]
    tokens = scene.template.tokens
    for number, (start, end) in enumerate(spans[1:], 1):
        if isinstance(tokens[number], Variable):
            at = (
                _value_start(scene, body, start)
                if end > start
                else _empty_value(scene, literals[number - 1], body, start)
            )
        else:
            at = _end_before(body, start)
        bounds.append(max(bounds[-1], at))
    bounds.append(scene.text.end)
    return list(pairwise(bounds))


def _value_start(scene: Scene, body: Mapped, offset: int) -> int:
    return body.spans[offset][0] if offset < len(body.spans) else scene.text.end


def _end_before(body: Mapped, offset: int) -> int:
    return body.spans[offset - 1][1] if offset else 0


def _empty_value(scene: Scene, literal: Mapped | None, body: Mapped, offset: int) -> int:
    """Return where an empty value stands in what was folded away: behind what belongs to the literal before it."""
    start, end = _end_before(body, offset), _value_start(scene, body, offset)
    if literal is None:
        return start
    tail = literal.original[literal.spans[-1][1] if literal.spans else 0 :]
    gap = scene.text.text[start:end]
    return start + next(
        (n for n, (one, other) in enumerate(zip(tail, gap, strict=False)) if one != other), min(len(tail), len(gap))
    )


def _edits(scene: Scene, token: Literal, literal: Mapped, body: Mapped, span: tuple[int, int]) -> list[Difference]:
    """Compare one literal with its place in the body, folded character by folded character."""
    pairs = _pairs(len(token.text), literal, body, span)
    edits: list[Difference] = []
    for (wanted_start, wanted_end), (seen_start, seen_end) in pairs:
        wanted = token.text[wanted_start:wanted_end]
        seen = scene.text.text[seen_start:seen_end]
        if wanted == seen:
            continue
        edit = Difference(
            cause=cause_of(wanted, seen),
            wanted=(token.start + wanted_start, token.start + wanted_end),
            seen=(seen_start, seen_end),
            replacement=wanted,
        )
        if edits and _belong(edits[-1], edit):
            edit = _joined(scene, edits.pop(), edit)
        edits.append(edit)
    return [_trimmed(scene, edit) for edit in edits]


Pair = tuple[tuple[int, int], tuple[int, int]]


def _pairs(size: int, literal: Mapped, body: Mapped, span: tuple[int, int]) -> Iterator[Pair]:
    """Yield the spans that correspond, those of what was folded away between them included."""
    wanted_at, (seen_at, seen_end) = 0, span
    first = 0
    while first < len(literal.text):
        last = first
        while last + 1 < len(literal.text) and _one_unit(literal, body, last):
            last += 1
        wanted = (literal.spans[first][0], literal.spans[last][1])
        seen = (max(seen_at, body.spans[first][0]), max(seen_at, body.spans[last][1]))
        yield (wanted_at, wanted[0]), (seen_at, seen[0])
        yield wanted, seen
        wanted_at, seen_at = wanted[1], seen[1]
        first = last + 1
    yield (wanted_at, size), (seen_at, max(seen_at, seen_end))


def _one_unit(literal: Mapped, body: Mapped, offset: int) -> bool:
    return literal.spans[offset] == literal.spans[offset + 1] or body.spans[offset] == body.spans[offset + 1]


def cause_of(wanted: str, seen: str) -> Cause:
    """Return the first folding that makes two texts equal, alone or after all before it, if it says what differs."""
    if "\n" in wanted + seen and not (wanted + seen).strip():
        return Cause.NEWLINE
    # "Rs. " against "Rs." is a space to a person, though the rupee sign would explain it too.
    for fold in sorted(folds(), key=lambda each: each.cause is not Cause.SPACE):
        if fold.equal(wanted, seen):
            return fold.cause
    return _joint_cause(wanted, seen)


def _joint_cause(wanted: str, seen: str) -> Cause:
    lettered = any(map(str.isalnum, wanted + seen))
    for fold in folds():
        wanted, seen = fold.text(wanted), fold.text(seen)
        if wanted == seen:
            return Cause.WORDING if lettered and fold.cause is Cause.PUNCTUATION else fold.cause
    return Cause.WORDING


def _belong(one: Difference, other: Difference) -> bool:
    """Whether two edits are one to a person: the same cause without a gap; letter case also across short ones."""
    gap = other.wanted[0] - one.wanted[1]
    return (
        one.cause is other.cause
        and gap <= (3 if one.cause is Cause.CASE else 0)
        and gap == other.seen[0] - one.seen[1]
    )


def _joined(scene: Scene, one: Difference, other: Difference) -> Difference:
    wanted = (one.wanted[0], other.wanted[1])
    return one._replace(wanted=wanted, seen=(one.seen[0], other.seen[1]), replacement=scene.wanted[slice(*wanted)])


def _trimmed(scene: Scene, edit: Difference) -> Difference:
    """Leave out what both sides have in common at either end, unless a whole word or sign is exchanged."""
    if edit.cause not in {Cause.SPACE, Cause.NEWLINE, Cause.PUNCTUATION, Cause.CASE}:
        return edit
    (wanted_start, wanted_end), (seen_start, seen_end) = edit.wanted, edit.seen
    wanted, seen = scene.wanted, scene.text.text
    while wanted_start < wanted_end and seen_start < seen_end and wanted[wanted_start] == seen[seen_start]:
        wanted_start, seen_start = wanted_start + 1, seen_start + 1
    while wanted_start < wanted_end and seen_start < seen_end and wanted[wanted_end - 1] == seen[seen_end - 1]:
        wanted_end, seen_end = wanted_end - 1, seen_end - 1
    return edit._replace(
        wanted=(wanted_start, wanted_end),
        seen=(seen_start, seen_end),
        replacement=wanted[wanted_start:wanted_end],
    )


def _needed(scene: Scene, edits: list[Difference], values: Sequence[Difference]) -> list[Difference]:
    """Leave out the edits without which the body matches as well, since a value may hold the difference."""
    if any(value.replacement is None for value in values) or len(edits) > 16:
        return edits
    needed = list(edits)
    for edit in edits:
        fewer = [each for each in needed if each is not edit]
        if (fewer or values) and scene.matches_with([*fewer, *values]):
            needed = fewer
    return needed
