"""Which of many templates does a body repeat? One rare piece of each is looked up before any is compared."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from exosms.templates.match import Match, Text, match
from exosms.templates.syntax import Literal, Template


class Best(NamedTuple):
    """The best of the known templates for a body."""

    name: str | None
    """The one that matches; without a match the nearest; None if none has a word in common with the body."""
    match: Match | None
    """None: the nearest one does not match, ``explain`` says why."""
    others: tuple[str, ...] = ()
    """Further ones that match and have as much fixed text, as where one text is registered twice."""


class Index:
    """Templates made ready to be searched; a thousand cost little more than one."""

    def __init__(self, templates: Mapping[str, Template]) -> None:
        self._templates = dict(templates)
        self._rank = {name: (-template.literal_length, template.marker_count) for name, template in templates.items()}
        self._names_by_window = _windows(templates)

    def best(self, body: str) -> Best:
        """Return the matching template with the most fixed text, or the nearest one.

        An over-general template only wins where nothing more specific matches.
        """
        text = Text(body)
        matching = self._matching(text)
        first = next(matching, None)
        if first is None:
            return Best(name=self._nearest(text.text), match=None)
        name, found = first
        others = tuple(other for other, _ in matching if self._rank[other][0] == self._rank[name][0])
        return Best(name=name, match=found, others=others)

    def _matching(self, text: Text) -> Iterator[tuple[str, Match]]:
        """Yield what matches, the most fixed text first, down to the least that the first one had."""
        most = None
        for name in sorted(self._likely(text.text), key=self._rank.__getitem__):
            if most is not None and self._rank[name][0] != most:
                return
            if not _possible(self._templates[name], text.text):
                continue
            found = match(self._templates[name], text)
            if isinstance(found, Match):
                most = self._rank[name][0]
                yield name, found

    def _likely(self, body: str) -> Iterator[str]:
        """Yield the templates whose rarest window occurs in the body; looking it up costs the body's length only."""
        for size, names in self._names_by_window.items():
            seen = {body[at : at + size] for at in range(len(body) - size + 1)}
            for window in names.keys() & seen:
                yield from names[window]

    def _nearest(self, body: str) -> str | None:
        """Return the template that shares the most words with the body; fixed words it lacks count against it."""
        words = _words(body)
        scores = {name: _likeness(template, words) for name, template in self._templates.items()}
        name = max(scores, key=scores.__getitem__, default=None)
        return name if name is not None and scores[name] > _NOTHING_ALIKE else None


_NOTHING_ALIKE = float("-inf")
_SIZES = (8, 4, 2, 1, 0)


def _windows(templates: Mapping[str, Template]) -> dict[int, dict[str, list[str]]]:
    """Return the templates by one window of their fixed text, as rare as can be, by the windows' sizes."""
    texts = Counter(text for template in templates.values() for text in _texts(template))
    rarest = {
        name: min(_texts(template), key=lambda text: (texts[text], -len(text)), default="")
        for name, template in templates.items()
    }
    cut = {text: _cut(text) for text in rarest.values()}
    windows = Counter(window for text in rarest.values() for window in cut[text])
    names: dict[int, dict[str, list[str]]] = {}
    for name, text in rarest.items():
        window = min(cut[text], key=windows.__getitem__)
        names.setdefault(len(window), {}).setdefault(window, []).append(name)
    return names


def _cut(text: str) -> list[str]:
    """Return windows of one size that cover the text, so that any difference from another text is in one of them."""
    size = next(size for size in _SIZES if size <= len(text))
    return [text[at : at + size] for at in (*range(0, len(text) - size, size or 1), len(text) - size)]


def _texts(template: Template) -> set[str]:
    return {literal.text for literal in template.literals}


def _possible(template: Template, body: str) -> bool:
    """Whether the fixed texts occur in their order, the outer ones at the ends; most templates fail here already."""
    at = 0
    for literal in template.literals:
        at = body.find(literal.text, at)
        if at < 0:
            return False
        at += len(literal.text)
    tokens = template.tokens
    starts = not tokens or not isinstance(tokens[0], Literal) or body.startswith(tokens[0].text)
    ends = not tokens or not isinstance(tokens[-1], Literal) or body.endswith(tokens[-1].text)
    return starts and ends


def _words(text: str) -> frozenset[str]:
    bare = (word.strip(".,:;!?-'\"()") for word in text.casefold().split())
    return frozenset(filter(None, bare))


def _likeness(template: Template, words: frozenset[str]) -> float:
    fixed = frozenset(word for literal in template.literals for word in _words(literal.text))
    shared = sum(map(len, fixed & words))
    return shared - sum(map(len, fixed - words)) / 2 if shared else _NOTHING_ALIKE
