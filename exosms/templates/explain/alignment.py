"""The cheapest account of how a body came of a template, piece by piece: a search of the A* kind.

A state is how many pieces of the template and of the body are accounted for, and where the value began in which the
body is. What is left to come is estimated by the words of the template that the body does not have at all.
"""

from collections.abc import Iterator, Sequence
from heapq import heappop, heappush
from itertools import accumulate, pairwise
from typing import NamedTuple

from exosms.templates.explain import costs
from exosms.templates.explain.pieces import Piece, Sort
from exosms.templates.syntax import Variable

MOST_STATES = 8_000
"""So many are looked at; real texts take some hundreds. It bounds the time for hostile ones."""
FARTHEST_BACK = 60
"""Pieces of the template: an account that lies further behind another one is given up."""


class AlignedStep(NamedTuple):
    """Pieces of the template that stand as pieces of the body, and where in the folded texts."""

    fixed: Sequence[Piece]
    found: Sequence[Piece]
    wanted: tuple[int, int]
    seen: tuple[int, int]

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

    def with_next(self, other: "AlignedStep") -> "AlignedStep":
        """Return both as one."""
        wanted, seen = (self.wanted[0], other.wanted[1]), (self.seen[0], other.seen[1])
        return AlignedStep([*self.fixed, *other.fixed], [*self.found, *other.found], wanted, seen)

    def belongs_to(self, other: "AlignedStep") -> bool:
        """Whether a person would tell it together with what stands before it: not if one is but a sign."""
        if self.is_folded or other.is_folded:
            return False
        if self.variable or other.variable:
            return not self.found and not other.found
        exchanged = [bool(each.fixed and each.found) for each in (self, other)]
        signs = [{piece.sort for piece in (*each.fixed, *each.found)} == {Sort.SIGN} for each in (self, other)]
        return exchanged in ([True, True], [False, False]) or not any(signs)


class Alignment(NamedTuple):
    """All steps, from the beginning of both texts to their ends."""

    steps: tuple[AlignedStep, ...]
    cost: float
    states: int
    """So many were looked at."""
    is_whole: bool
    """Otherwise the last step is all that was not reached."""


State = tuple[int, int, int]
_OUTSIDE = -1


def align(template: Sequence[Piece], body: Sequence[Piece], *, limit: float, most: int) -> Alignment:
    """Return the cheapest account, or what of it was found within a cost (``limit``) and ``most`` states."""
    return _Search(template, body).run(limit, most)


class _Search:
    def __init__(self, template: Sequence[Piece], body: Sequence[Piece]) -> None:
        self.template, self.body = template, body
        self.near = [_near(template, at) for at in range(len(template))]
        texts, keys = {piece.text for piece in body}, {piece.key for piece in body}
        least = [0 if piece.text in texts else _least(piece, keys) for piece in reversed(template)]
        self.ahead = [0, *accumulate(least)][::-1]
        self.sentences = dict(_sentences(template))
        self.more_sentences = dict(_sentences(body))
        self.neighbours = [_neighbours(template, at) for at in range(len(template))]
        self.whole = dict(costs.joined(body, template))
        inside = (at for start, end in self.whole.items() for at in range(start, end))
        self.joined = {at for at in inside if body[at].sort is Sort.WORD or body[at].text == "+"}
        self.reached: dict[State, tuple[int, State | None]] = {}
        self.queue: list[tuple[int, int, State]] = []

    def run(self, limit: float, most: int) -> Alignment:
        start: State = (0, 0, _OUTSIDE)
        goal: State = (len(self.template), len(self.body), _OUTSIDE)
        self._reach(start, 0, None)
        done: set[State] = set()
        front = farthest = start
        while self.queue and len(done) < most:
            least, _, state = heappop(self.queue)
            if least >= limit:
                break
            if state in done or state[0] < front[0] - FARTHEST_BACK:
                continue
            done.add(state)
            if state == goal:
                return self._account(state, len(done))
            if state[2] == _OUTSIDE and state[:2] > farthest[:2]:
                farthest = state
            front = max(front, state)
            self._follow(state, self.reached[state][0])
        return self._account(farthest, len(done))

    def _reach(self, state: State, cost: int, before: State | None) -> None:
        known = self.reached.get(state)
        if known is None or cost < known[0]:
            self.reached[state] = cost, before
            heappush(self.queue, (cost + self.ahead[state[0]], -state[0] - state[1], state))

    def _follow(self, state: State, cost: int) -> None:
        at, seen_at, began = state
        wanted = self.template[at] if at < len(self.template) else None
        seen = self.body[seen_at] if seen_at < len(self.body) else None
        if began != _OUTSIDE:
            self._follow_value(state, cost, seen)
            return
        if seen is not None:
            extra = costs.TORN if seen_at in self.joined else costs.ONE_SIDED[seen.sort]
            self._reach((at, seen_at + 1, _OUTSIDE), cost + extra, state)
            if seen_at in self.whole:
                end = self.whole[seen_at]
                extra = sum(costs.ONE_SIDED[piece.sort] for piece in self.body[seen_at:end])
                self._reach((at, end, _OUTSIDE), cost + extra, state)
            if seen_at in self.more_sentences:
                self._reach((at, self.more_sentences[seen_at], _OUTSIDE), cost + costs.MORE_SENTENCE, state)
        if wanted is None:
            is_behind = seen is not None and seen.sort is Sort.SPACE and seen_at > 0
            if is_behind and self.body[seen_at - 1].key == self.template[-1].key:
                self._reach((at, len(self.body), _OUTSIDE), cost + costs.MORE_SENTENCE, state)
            return
        if wanted.variable is not None:
            self._reach((at, seen_at, seen_at), cost, state)
            return
        self._reach((at + 1, seen_at, _OUTSIDE), cost + costs.ONE_SIDED[wanted.sort], state)
        if at in self.sentences:
            end = self.sentences[at]
            least = max(costs.NO_SENTENCE, self.ahead[at] - self.ahead[end])
            self._reach((end, seen_at, _OUTSIDE), cost + least, state)
        is_plus = seen is not None and seen.text == "+" and seen_at in self.joined
        exchange = None if seen is None or is_plus else costs.exchange(wanted, seen, self.near[at])
        if exchange is not None:
            self._reach((at + 1, seen_at + 1, _OUTSIDE), cost + exchange, state)

    def _follow_value(self, state: State, cost: int, seen: Piece | None) -> None:
        at, seen_at, began = state
        variable = self.template[at].variable
        if variable is None:
            return
        value = self.body[began:seen_at]
        if seen is not None:
            further = costs.takes(seen, value, variable, self.neighbours[at])
            self._reach((at, seen_at + 1, began), cost + further, state)
        if not value or value[-1].sort is not Sort.SPACE:
            text = "".join([piece.text for piece in value])
            self._reach((at + 1, seen_at, _OUTSIDE), cost + costs.whole(variable, text) + costs.ends(value), state)

    def _account(self, last: State, states: int) -> Alignment:
        """Follow the way back; what a value took is one step."""
        ends = len(self.template), len(self.body)
        corners = [] if last[:2] == ends else [ends]
        state: State | None = last
        while state is not None:
            if state[2] == _OUTSIDE:
                corners.append(state[:2])
            state = self.reached[state][1]
        steps = tuple(self._step(*pair) for pair in pairwise(reversed(corners)))
        return Alignment(steps, self.reached[last][0], states, last[:2] == ends)

    def _step(self, one: tuple[int, int], other: tuple[int, int]) -> AlignedStep:
        (at, seen_at), (end, seen_end) = one, other
        wanted = _end(self.template, at), _end(self.template, end)
        seen = _end(self.body, seen_at), _end(self.body, seen_end)
        return AlignedStep(self.template[at:end], self.body[seen_at:seen_end], wanted, seen)


def _end(pieces: Sequence[Piece], count: int) -> int:
    """Return the offset at which so many pieces end."""
    return pieces[count - 1].end if count else 0


def _sentences(pieces: Sequence[Piece]) -> Iterator[tuple[int, int]]:
    """Yield each sentence that follows another one and has one behind it: with the space before it, and its end."""
    ends = [
        at + 1
        for at in range(1, len(pieces) - 1)
        if pieces[at + 1].sort is Sort.SPACE and costs.ends_sentence(pieces[max(at - 1, 0) : at + 2])
    ]
    return pairwise(ends)


def _least(piece: Piece, keys: set[str]) -> int:
    """Return the least that a piece costs of which the body has no equal."""
    if piece.sort is Sort.VALUE:
        return 0
    if piece.key in keys:
        return costs.OVERLOOKED
    return min(costs.EXCHANGED[piece.sort] - costs.ALIKE * (piece.sort is Sort.WORD), costs.ONE_SIDED[piece.sort])


def _neighbours(template: Sequence[Piece], at: int) -> frozenset[str]:
    """Return the last words before a variable and the first ones behind it, and the signs between."""
    if template[at].variable is None:
        return frozenset()
    before, behind = template[max(at - 4, 0) : at], template[at + 1 : at + 6]
    values = [number for number, piece in enumerate(before) if piece.variable] or [-1]
    first_value = next((number for number, piece in enumerate(behind) if piece.variable), len(behind))
    near = [*before[values[-1] + 1 :], *behind[:first_value]]
    return frozenset(piece.key for piece in near if piece.sort is not Sort.SPACE)


def _near(template: Sequence[Piece], at: int) -> frozenset[str]:
    """Return the fixed words close to a piece."""
    return frozenset(piece.key for piece in template[max(at - 4, 0) : at + 5] if piece.sort is Sort.WORD)
