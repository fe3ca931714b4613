"""One place where a body leaves its template, and the two texts in which it is found."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from exosms.templates.fold import Cause, Mapped
from exosms.templates.match import Match, Move, Text, holds, is_marker, match, moves_of
from exosms.templates.syntax import Template, Variable, cut
from exosms.templates.variables import VariableType, holds_link


class Difference(NamedTuple):
    """``template[wanted]`` stands as ``body[seen]``; offsets of the folded texts."""

    cause: Cause
    wanted: tuple[int, int]
    seen: tuple[int, int]
    variable: Variable | None = None
    replacement: str | None = None
    """What to put there instead; None where only a person knows."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A template and a body that does not match it."""

    template: Template
    text: Text
    wanted: str = field(init=False)
    """The template's text, its line endings folded."""
    moves: list[Move] = field(init=False)
    mapped: Mapped = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "wanted", self.template.folded)
        object.__setattr__(self, "moves", moves_of(self.template.tokens))
        object.__setattr__(self, "mapped", Mapped.of(self.text.text))

    @property
    def slack(self) -> int:
        """Broken values that are told apart from hopeless ones."""
        return min(len(self.template.variables), 4)

    def mended(self, differences: Sequence[Difference]) -> str:
        """Return the folded body with every replacement made."""
        pieces: list[str] = []
        done = 0
        for difference in sorted(differences, key=lambda each: each.seen):
            start, end = difference.seen
            if difference.replacement is not None and start >= done:
                pieces += self.text.text[done:start], difference.replacement
                done = end
        return "".join(pieces) + self.text.text[done:]

    def matches_with(self, differences: Sequence[Difference]) -> bool:
        """Whether the replacements make the body match."""
        return isinstance(match(self.template, self.mended(differences)), Match)


def broken_values(scene: Scene, spans: Sequence[tuple[int, int]]) -> list[Difference]:
    """Return the values that their variables do not hold, given where each token stands in the folded body."""
    return [
        broken
        for token, span in zip(scene.template.tokens, spans, strict=True)
        if isinstance(token, Variable) and (broken := _broken_value(scene, token, span)) is not None
    ]


def _broken_value(scene: Scene, variable: Variable, span: tuple[int, int]) -> Difference | None:
    value = scene.text.text[slice(*span)]
    difference = Difference(
        cause=Cause.WRONG_TYPE, wanted=(variable.start, variable.end), seen=span, variable=variable
    )
    if is_marker(value):
        return difference._replace(cause=Cause.UNFILLED_MARKER)
    if holds(variable, value):
        return None
    if variable.room is not None and holds(variable, value[: variable.room]):
        shorter = None if value.isdecimal() or holds_link(value) else cut(value, variable.room)
        return difference._replace(cause=Cause.VALUE_TOO_LONG, replacement=shorter)
    return difference._replace(replacement=_of_the_type(variable, value))


def _of_the_type(variable: Variable, value: str) -> str | None:
    """Return the value in the form that its variable holds, where that changes nothing of its meaning."""
    bare = value.strip()
    candidates = [bare]
    if variable.kind is VariableType.NUMERIC:
        candidates.append(bare.replace(",", "").replace(" ", ""))
    if variable.kind in {VariableType.URL, VariableType.APP_LINK}:
        scheme, sign, rest = bare.partition("://")
        if sign:
            candidates.append(f"{scheme.lower()}://{rest}")
        elif bare[:4].lower() == "www.":
            candidates.append(f"www.{bare[4:]}")
        elif "." in bare.strip(".") and "@" not in bare:
            candidates.append(f"https://{bare}")
    return next((each for each in candidates if holds(variable, each) and each and not is_marker(each)), None)
