"""Does a body repeat a registered template? Exact, case-sensitive and without backtracking.

The set of offsets that the tokens so far can reach is an integer used as a bit set. A literal shifts it, a variable
smears it over its legal characters (the carry of one addition runs to the end of each run); so the whole costs tokens
times text, in words of the machine. Values are found from the last token back, by bisection over the same sets.
"""

from collections.abc import Sequence
from typing import NamedTuple

from exosms.sms.foreign_markers import is_one, may_hold_one, unfilled
from exosms.templates.syntax import Literal, Template, Token, Variable, fold_line_ends
from exosms.templates.variables import RULES, Chars, Shape, Step, Word, warnings

_SPELLED = "%s", "%d"


class Match(NamedTuple):
    """The body is what was registered."""

    values: tuple[str, ...]
    """One for each marker."""
    spans: tuple[tuple[int, int], ...]
    """Where the values stand in the body."""
    ambiguous: bool
    """Other values would make the same body."""
    warnings: tuple[str, ...]
    """Sentences about values that operators may refuse."""

    def named(self, names: Sequence[str] = ()) -> dict[str, str]:
        """Return the values by their names; those without a name are ``1``, ``2``, …."""
        return {
            names[index] if index < len(names) else str(index + 1): value for index, value in enumerate(self.values)
        }


class Mismatch(NamedTuple):
    """The body is not what was registered; ``explain`` says why."""

    offset: int
    """How far into the body the template could be followed."""


class Text:
    """A body ready to be compared with many templates; line endings are folded."""

    def __init__(self, body: str) -> None:
        self.body = body
        self.text = fold_line_ends(body)
        self._at: dict[str, int] | None = None
        self._where: dict[Chars, int] = {}
        self._origins: list[int] | None = None

    @property
    def end(self) -> int:
        """The offset behind the last character of the folded text."""
        return len(self.text)

    def at(self, character: str) -> int:
        """Return the offsets of a character as a bit set."""
        if self._at is None:
            self._at = _offsets(self.text)
        return self._at.get(character, 0)

    def where(self, chars: Chars) -> int:
        """Return the offsets of all legal characters as a bit set."""
        if chars not in self._where:
            self._where[chars] = sum(self.at(character) for character in set(self.text) if chars(character))
        return self._where[chars]

    def origin(self, offset: int) -> int:
        """Return the offset in the body as given for one in the folded text."""
        if len(self.body) == len(self.text):
            return offset
        if self._origins is None:
            self._origins = _origins(self.body)
        return self._origins[offset]


def _offsets(text: str) -> dict[str, int]:
    bits: dict[str, bytearray] = {character: bytearray(len(text) // 8 + 1) for character in set(text)}
    for offset, character in enumerate(text):
        bits[character][offset >> 3] |= 1 << (offset & 7)
    return {character: int.from_bytes(own, "little") for character, own in bits.items()}


def _origins(body: str) -> list[int]:
    """Return, for each offset of the folded text and its end, the offset in the body as given."""
    kept = [offset for offset in range(len(body)) if not (body[offset] == "\n" and body[offset - 1 : offset] == "\r")]
    return [*kept, len(body)]


Move = tuple[Shape, ...]
"""What a token does to the set of offsets: any of these shapes."""


def _move(token: Token) -> Move:
    if isinstance(token, Literal):
        return ((Word(token.text),),)
    return tuple(shape * token.count for shape in RULES[token.kind].shapes)


def advance(text: Text, reach: int, move: Move) -> int:
    """Return the offsets that one move reaches from a set of offsets."""
    reached = 0
    for shape in move:
        reached |= _through(text, reach, shape)
    return reached


def _through(text: Text, reach: int, shape: Shape) -> int:
    for step in shape:
        if not reach:
            break
        reach = _word(text, reach, step.text) if isinstance(step, Word) else _run(text, reach, step)
    return reach


def _word(text: Text, reach: int, word: str) -> int:
    for character in word:
        reach = (reach & text.at(character)) << 1
        if not reach:
            break
    return reach


def _run(text: Text, reach: int, step: Step) -> int:
    legal = text.where(step.chars)
    for _ in range(step.least):
        reach = (reach & legal) << 1
    # Adding the starts to the legal characters carries each start to the end of its run.
    whole_runs = (((reach & legal) + legal) ^ legal) | reach
    return whole_runs if step.most is None else whole_runs & _smear(reach, step.most - step.least)


def _smear(reach: int, width: int) -> int:
    """Return the offsets up to ``width`` behind those of the set; the nearest start decides, so runs can be cut."""
    done = 0
    while done < width:
        shift = min(done + 1, width - done)
        reach |= reach << shift
        done += shift
    return reach


def _sweep(text: Text, moves: Sequence[Move]) -> list[int]:
    """Return the reachable offsets before each move and after the last."""
    swept = [1]
    for move in moves:
        swept.append(advance(text, swept[-1], move) if swept[-1] else 0)
    return swept


class Assignment(NamedTuple):
    """Where each token stands in the folded text."""

    spans: tuple[tuple[int, int], ...]
    unique: bool


def _assign(text: Text, moves: Sequence[Move], swept: Sequence[int]) -> Assignment | None:
    """Return one way to the end of the text, the first variables shortest."""
    final = 1 << text.end
    if not swept[-1] & final:
        return None
    end, unique = text.end, True
    spans: list[tuple[int, int]] = []
    for move, before in zip(reversed(moves), reversed(swept[:-1]), strict=True):
        start = _first_start(text, move, before, end)
        others = before & ~(1 << start)
        unique = unique and (not others or not advance(text, others, move) >> end & 1)
        spans.append((start, end))
        end = start
    return Assignment(tuple(reversed(spans)), unique)


def _first_start(text: Text, move: Move, starts: int, end: int) -> int:
    """Return the first of the starts from which the move can end at ``end``, as it can from one of them."""
    starts &= (1 << (end + 1)) - 1
    low, high = (starts & -starts).bit_length() - 1, starts.bit_length() - 1
    while low < high:
        middle = (low + high) // 2
        if advance(text, starts & ((2 << middle) - 1), move) >> end & 1:
            high = middle
        else:
            low = middle + 1
    return low


def match(template: Template, body: str | Text) -> Match | Mismatch:
    """Return the values, or that the body does not match.

    Compared exactly and with case, as operators do (AWS, Exotel and Kaleyra agree); line endings are equal. A marker
    that is still in the body never matches, though an untyped variable would hold it.
    """
    text = body if isinstance(body, Text) else Text(body)
    moves = [_move(token) for token in template.tokens]
    swept = _sweep(text, moves)
    found = _assign(text, moves, swept)
    if found is None:
        return Mismatch(offset=text.origin(_furthest(text, swept)))
    unfilled = _unfilled_marker(template, text, found.spans)
    if unfilled is not None:
        return Mismatch(offset=text.origin(unfilled[0]))
    return _matched(template, text, found)


def _furthest(text: Text, swept: Sequence[int]) -> int:
    alive = [reach for reach in swept if reach]
    return min((alive[-1] & -alive[-1]).bit_length() - 1, text.end)


def _unfilled_marker(template: Template, text: Text, spans: Sequence[tuple[int, int]]) -> tuple[int, int] | None:
    """Return where the folded text still has a marker: one for certain anywhere, others as a whole value."""
    if marker := unfilled(text.text):
        return marker.start, marker.end
    for token, (start, end) in zip(template.tokens, spans, strict=True):
        if isinstance(token, Variable) and is_marker(text.text[start:end]):
            return start, end
    return None


def is_marker(value: str) -> bool:
    """Whether a value is nothing but a placeholder, such as ``[name]``, ``{name}``, ``%s`` or ``{#var#}``.

    ``XXXX`` is none: that is how banks mask a number.
    """
    bare = value.strip()
    if not may_hold_one(bare):
        return False
    if unfilled(bare) or bare in _SPELLED:
        return True
    return is_one(bare) and bare.strip("Xx -") != ""


def _matched(template: Template, text: Text, found: Assignment) -> Match:
    placed = [
        (token, span) for token, span in zip(template.tokens, found.spans, strict=True) if isinstance(token, Variable)
    ]
    spans = [part for token, span in placed for part in _parts(token, span)]
    origins = [(text.origin(start), text.origin(end)) for start, end in spans]
    return Match(
        values=tuple(text.body[start:end] for start, end in origins),
        spans=tuple(origins),
        ambiguous=not found.unique or any(_divisible(token, end - start) for token, (start, end) in placed),
        warnings=tuple(
            f"{token.subject} {caution}: {text.text[start:end]!r}"
            for token, (start, end) in placed
            for caution in warnings(token.kind, text.text[start:end], count=token.count)
        ),
    )


def _parts(variable: Variable, span: tuple[int, int]) -> list[tuple[int, int]]:
    """Divide what markers side by side hold, filling the first ones."""
    start, end = span
    if variable.count == 1 or variable.room is None:
        return [span]
    each = variable.room // variable.count
    return [
        (min(start + number * each, end), min(start + (number + 1) * each, end)) for number in range(variable.count)
    ]


def _divisible(variable: Variable, length: int) -> bool:
    return variable.count > 1 and length not in {0, variable.room}


def holds(variable: Variable, value: str) -> bool:
    """Whether the variable's limits of length and type allow the value."""
    text = Text(value)
    return bool(advance(text, 1, _move(variable)) >> text.end & 1)
