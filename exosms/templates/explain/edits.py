"""The fewest single-character edits of the fixed text after which a body matches.

The sets of reachable offsets are carried forward as in ``match``, one for each number of edits made so far
(the bit-parallel approximate matching of Wu and Manber, Communications of the ACM 35(10), 1992).
"""

from collections.abc import Sequence
from typing import NamedTuple

from exosms.templates.explain.difference import Difference, Scene, broken_values
from exosms.templates.explain.folding import cause_of
from exosms.templates.explain.frontier import tail_cause
from exosms.templates.fold import Cause
from exosms.templates.match import Levels, Move, Text, advance, first_start
from exosms.templates.syntax import Literal

MOST_EDITS = 12
"""More than that is another text, of which only the ends are worth comparing."""

Rows = list[Levels]
"""The offsets reachable before a literal's first character and after each; for a variable before it and after."""


class Edit(NamedTuple):
    """``template[wanted]`` against ``body[seen]``, one of them possibly empty."""

    wanted: tuple[int, int]
    seen: tuple[int, int]


def edited_differences(scene: Scene) -> list[Difference]:
    """Return the fewest edits, those of one word together, and markers left in values; nothing if they are many."""
    most = min(MOST_EDITS, scene.template.literal_length // 3)
    rows = _rows(scene, most)
    final = 1 << scene.text.end
    level = next((number for number, reach in enumerate(rows[-1][-1]) if reach & final), None)
    if level is None:
        return []
    edits, spans = _trace(scene, rows, level)
    words = _by_word(scene, [_rightmost(scene, edit) for edit in _joined(edits)])
    found = [_described(scene, edit) for edit in words] + broken_values(scene, spans)
    return sorted(found, key=lambda each: each.seen)


def _rows(scene: Scene, most: int) -> list[Rows]:
    levels: Levels = [1] + [0] * most
    rows: list[Rows] = []
    for token, move in zip(scene.template.tokens, scene.moves, strict=True):
        if isinstance(token, Literal):
            own = _literal_rows(scene.text, levels, token.text)
        else:
            own = [levels, [advance(scene.text, reach, move) if reach else 0 for reach in levels]]
        rows.append(own)
        levels = own[-1]
    return rows


def _literal_rows(text: Text, levels: Levels, literal: str) -> Rows:
    whole = (2 << text.end) - 1
    rows = [_with_extra(levels, whole)]
    for character in literal:
        at, before = text.at(character), rows[-1]
        after = [(reach & at) << 1 for reach in before]
        for number in range(1, len(after)):
            after[number] |= (before[number - 1] << 1) | before[number - 1]
        rows.append(_with_extra(after, whole))
    return rows


def _with_extra(levels: Levels, whole: int) -> Levels:
    """Let the body have characters too many."""
    extended = [levels[0]]
    for reach in levels[1:]:
        extended.append((reach | extended[-1] << 1) & whole)
    return extended


def _trace(scene: Scene, rows: Sequence[Rows], level: int) -> tuple[list[Edit], list[tuple[int, int]]]:
    """Return the edits on one way to the end of the body, and where the tokens stand."""
    end = scene.text.end
    edits: list[Edit] = []
    spans: list[tuple[int, int]] = []
    for token, move, own in zip(reversed(scene.template.tokens), reversed(scene.moves), reversed(rows), strict=True):
        if isinstance(token, Literal):
            entered = rows[len(rows) - len(spans) - 2][-1] if len(spans) + 1 < len(rows) else [1]
            start, level = _trace_literal(scene.text, token, own, (end, level), entered, edits)
        else:
            start = _trace_variable(scene.text, move, own[0][level], end)
        spans.append((start, end))
        end = start
    return edits[::-1], spans[::-1]


def _trace_variable(text: Text, move: Move, starts: int, end: int) -> int:
    start = first_start(text, move, starts, end)
    return end if start is None else start


def _trace_literal(
    text: Text, token: Literal, rows: Rows, state: tuple[int, int], entered: Levels, edits: list[Edit]
) -> tuple[int, int]:
    """Follow one literal from its end to its start; a character too many is preferred, as it keeps the fixed text."""
    (at, level), row = state, len(token.text)
    while row or not (level < len(entered) and entered[level] >> at & 1):
        here = token.start + row
        if row and at and text.text[at - 1] == token.text[row - 1] and rows[row - 1][level] >> (at - 1) & 1:
            row, at = row - 1, at - 1
        elif at and rows[row][level - 1] >> (at - 1) & 1:
            edits.append(Edit((here, here), (at - 1, at)))
            at, level = at - 1, level - 1
        elif rows[row - 1][level - 1] >> at & 1:
            edits.append(Edit((here - 1, here), (at, at)))
            row, level = row - 1, level - 1
        else:
            edits.append(Edit((here - 1, here), (at - 1, at)))
            row, at, level = row - 1, at - 1, level - 1
    return at, level


def _joined(edits: Sequence[Edit]) -> list[Edit]:
    """Join edits that touch."""
    joined: list[Edit] = []
    for edit in edits:
        touching = joined and joined[-1].wanted[1] == edit.wanted[0] and joined[-1].seen[1] == edit.seen[0]
        joined.append(_both(joined.pop(), edit) if touching else edit)
    return joined


def _both(one: Edit, other: Edit) -> Edit:
    return Edit((one.wanted[0], other.wanted[1]), (one.seen[0], other.seen[1]))


def _rightmost(scene: Scene, edit: Edit) -> Edit:
    """Begin where the texts first differ: of "a b" against "a new b", "new " is too much rather than " new"."""
    (wanted_start, wanted_end), (seen_start, seen_end) = edit.wanted, edit.seen
    if (wanted_start == wanted_end) == (seen_start == seen_end):
        return edit
    wanted, seen = scene.wanted, scene.text.text
    fixed = next((each.end for each in scene.template.literals if each.start <= wanted_end < each.end), wanted_end)
    longer, start = (wanted, wanted_start) if seen_start == seen_end else (seen, seen_start)
    shift = 0
    while wanted_end + shift < fixed and longer[start + shift] == wanted[wanted_end + shift]:
        if seen_end + shift >= len(seen) or seen[seen_end + shift] != wanted[wanted_end + shift]:
            break
        shift += 1
    return Edit((wanted_start + shift, wanted_end + shift), (seen_start + shift, seen_end + shift))


def _by_word(scene: Scene, edits: Sequence[Edit]) -> list[Edit]:
    """Join edits within one word."""
    words: list[Edit] = []
    for edit in edits:
        same = words and _in_one_word(scene, words[-1], edit)
        words.append(_both(words.pop(), edit) if same else edit)
    return words


def _in_one_word(scene: Scene, one: Edit, other: Edit) -> bool:
    wanted = scene.wanted[one.wanted[1] : other.wanted[0]]
    seen = scene.text.text[one.seen[1] : other.seen[0]]
    return wanted == seen and not any(map(str.isspace, seen))


def _described(scene: Scene, edit: Edit) -> Difference:
    wanted, seen = scene.wanted[slice(*edit.wanted)], scene.text.text[slice(*edit.seen)]
    difference = Difference(cause=cause_of(wanted, seen), wanted=edit.wanted, seen=edit.seen, replacement=wanted)
    if difference.cause is not Cause.WORDING:
        return difference
    return difference._replace(cause=tail_cause(scene, edit.wanted, edit.seen))
