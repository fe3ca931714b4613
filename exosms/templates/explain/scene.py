"""A template and a body side by side, and the places where they differ."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from exosms.templates.explain import costs
from exosms.templates.explain.pieces import body_pieces, template_pieces
from exosms.templates.fold import Cause
from exosms.templates.match import Match, Text, match
from exosms.templates.syntax import Template, Variable
from exosms.templates.variables import VariableType

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
