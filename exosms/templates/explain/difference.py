"""The places where a body leaves its template, as a person would tell them apart."""

import re
from collections.abc import Iterator, Sequence
from functools import reduce

from exosms.templates.explain.alignment import AlignedStep, Alignment
from exosms.templates.explain.doubts import only_a_person_knows
from exosms.templates.explain.pieces import Sort
from exosms.templates.explain.scene import Difference, Scene, Span
from exosms.templates.fold import Cause, cause_of
from exosms.templates.match import holds, is_marker
from exosms.templates.sentences import SENTENCE_END
from exosms.templates.syntax import FITTED, Literal, Variable, cut, fold_line_ends
from exosms.templates.variables import VariableType, holds_link


def differences(scene: Scene, alignment: Alignment) -> list[Difference]:
    """Return what an alignment says, in order: in the fixed text, and of values that their variables do not hold."""
    found: list[Difference] = []
    run: list[AlignedStep] = []
    for step in (*alignment.steps, None):
        if step is not None and step.is_wrong:
            run.append(step)
            continue
        found += _of_run(scene, run, step) if run else ()
        run = []
        if step is not None and step.variable and (broken := _broken_value(scene, step.variable, step.seen)):
            found.append(broken)
    doubtful = [*only_a_person_knows(scene, alignment.steps)]

    def is_known(each: Difference) -> bool:
        return all(each.seen[1] < start or end < each.seen[0] for start, end in doubtful)

    return [each if each.variable or is_known(each) else each._replace(replacement=None) for each in found]


def _of_run(scene: Scene, run: Sequence[AlignedStep], behind: AlignedStep | None) -> Iterator[Difference]:
    """Yield what steps say between which nothing is as it should be; together if one folding explains them."""
    whole = reduce(AlignedStep.with_next, run)
    if whole.variable is None and not whole.is_wrong:
        return
    is_folded = whole.variable is None and _cause(scene, whole) is not Cause.WORDING
    told = [run[0]]
    for step in run[1:]:
        if is_folded or step.belongs_to(told[-1]):
            told[-1] = told[-1].with_next(step)
        else:
            told.append(step)
    for step, following in zip(told, [*[None] * (len(told) - 1), behind], strict=True):
        yield _of_step(scene, step, following)


def _cause(scene: Scene, step: AlignedStep) -> Cause:
    return cause_of(scene.wanted[slice(*step.wanted)], scene.text.text[slice(*step.seen)])


def _of_step(scene: Scene, step: AlignedStep, behind: AlignedStep | None) -> Difference:
    wanted, seen = step.wanted, step.seen
    if step.variable is not None and not step.found and not any(each.sort is Sort.WORD for each in step.fixed):
        return Difference(Cause.MISSING_VALUE, wanted, seen, step.variable)
    cause = Cause.WORDING if step.variable else _cause(scene, step)
    if cause is not Cause.WORDING:
        return _narrowed(scene, cause, wanted, seen)
    if step.fixed and step.found:
        wanted, seen = _whole_words(scene, wanted, seen)
    elif behind is not None and behind.variable is None:
        shift = _shift(scene, wanted, seen, scene.wanted[slice(*behind.wanted)])
        wanted, seen = (wanted[0] + shift, wanted[1] + shift), (seen[0] + shift, seen[1] + shift)
    return scene.stretch(wanted, seen)


_OF_WORDING = frozenset({Cause.WORDING, Cause.MISSING_HEAD, Cause.MISSING_TAIL, Cause.EXTRA_HEAD, Cause.EXTRA_TAIL})


def joined(scene: Scene, found: Sequence[Difference]) -> list[Difference]:
    """Return the differences, those of wording as one that have no word between them: "is" for "has been"."""
    done: list[Difference] = []
    for each in found:
        last = done[-1] if done else each
        between = scene.wanted[last.wanted[1] : each.wanted[0]] + scene.text.text[last.seen[1] : each.seen[0]]
        is_known = all(one.cause in _OF_WORDING and one.replacement is not None for one in (last, each))
        if done and is_known and not between.strip():
            done[-1] = _stretch_of_words(scene, (last.wanted[0], each.wanted[1]), (last.seen[0], each.seen[1]))
        else:
            done.append(each)
    return done


def _stretch_of_words(scene: Scene, wanted: Span, seen: Span) -> Difference:
    """Return a difference of wording without the spaces that both sides begin or end with."""
    one, other = scene.wanted[slice(*wanted)], scene.text.text[slice(*seen)]
    start = one[:1].isspace() and one[:1] == other[:1]
    end = one[-1:].isspace() and one[-1:] == other[-1:]
    return scene.stretch((wanted[0] + start, wanted[1] - end), (seen[0] + start, seen[1] - end))


def _shift(scene: Scene, wanted: Span, seen: Span, fixed: str) -> int:
    """Begin where the texts first differ: of "a b" against "a new b", "new " is too much rather than " new"."""
    longer, start = (scene.text.text, seen[0]) if wanted[0] == wanted[1] else (scene.wanted, wanted[0])
    return len(fixed) if fixed.isspace() and longer.startswith(fixed, start) else 0


def _whole_words(scene: Scene, wanted: Span, seen: Span) -> tuple[Span, Span]:
    """Return the spans with the words that they cut through."""
    one, other = scene.wanted, scene.text.text
    (start, end), (seen_start, seen_end) = wanted, seen
    inside = one[start:end] + other[seen_start:seen_end]
    while start and seen_start and one[start - 1] == other[seen_start - 1] and (one[start - 1] + inside[0]).isalnum():
        start, seen_start = start - 1, seen_start - 1
    while one[end : end + 1] == other[seen_end : seen_end + 1] and (one[end : end + 1] or " ").isalnum():
        end, seen_end = end + 1, seen_end + 1
    return (start, end), (seen_start, seen_end)


_TRIMMED = frozenset(
    {
        Cause.SPACE,
        Cause.NEWLINE,
        Cause.PUNCTUATION,
        Cause.QUOTES,
        Cause.ZERO_WIDTH,
        Cause.DECOMPOSED,
        Cause.LOOK_ALIKE,
    }
)


def _narrowed(scene: Scene, cause: Cause, wanted: Span, seen: Span) -> Difference:
    """Leave out what both sides have in common at either end, unless whole words are compared."""
    (start, end), (seen_start, seen_end) = wanted, seen
    one, other = scene.wanted, scene.text.text
    while cause in _TRIMMED and start < end and seen_start < seen_end and one[start] == other[seen_start]:
        start, seen_start = start + 1, seen_start + 1
    while cause in _TRIMMED and start < end and seen_start < seen_end and one[end - 1] == other[seen_end - 1]:
        end, seen_end = end - 1, seen_end - 1
    is_stored_wrongly = cause is Cause.ESCAPE and "\\" in one[start:end]
    replacement = None if is_stored_wrongly else one[start:end]
    return Difference(cause, (start, end), (seen_start, seen_end), replacement=replacement)


def broken_values(scene: Scene, values: Sequence[str]) -> list[Difference]:
    """Return the values that their variables do not hold, of a body made of these; nothing if that is not all."""
    found: list[Difference] = []
    at = 0
    for token in scene.template.tokens:
        start = at
        if isinstance(token, Literal):
            at += len(token.text)
            continue
        at += len(fold_line_ends("".join(values[token.index : token.index + token.count])))
        if broken := _broken_value(scene, token, (start, at)):
            found.append(broken)
    return found if at == scene.text.end and scene.matches_with(found) else []


def _broken_value(scene: Scene, variable: Variable, span: Span) -> Difference | None:
    value = scene.text.text[slice(*span)]
    difference = Difference(Cause.WRONG_TYPE, (variable.start, variable.end), span, variable)
    if is_marker(value):
        return difference._replace(cause=Cause.UNFILLED_MARKER)
    if holds(variable, value):
        return None
    if variable.room is not None and holds(variable, value[: variable.room]):
        is_whole = value.isdecimal() or holds_link(value) or SENTENCE_END.search(value)
        shorter = cut(value, variable.room).rstrip() if variable.kind in FITTED and not is_whole else None
        return difference._replace(cause=Cause.VALUE_TOO_LONG, replacement=shorter)
    return difference._replace(replacement=_of_the_type(variable, value))


_GROUPED = re.compile(r"[0-9]{1,3}(?:,[0-9]{2,3})*,[0-9]{3}")
"""One number; "3, 4" and "1200 1500" may be two."""
_HOST = re.compile(r"[\w.-]+\.[A-Za-z]{2,}(?![^:/?#])")
"""Not an amount such as 12.50."""


def _of_the_type(variable: Variable, value: str) -> str | None:
    """Return the value in the form that its variable holds, where that changes nothing of its meaning."""
    bare = value.strip()
    candidates = [bare]
    if variable.kind is VariableType.NUMERIC:
        candidates += [bare.replace(",", "")] if _GROUPED.fullmatch(bare) else []
    if variable.kind in {VariableType.URL, VariableType.APP_LINK}:
        scheme, sign, rest = bare.partition("://")
        if sign:
            candidates.append(f"{scheme.lower()}://{rest}")
        elif bare[:4].lower() == "www.":
            candidates.append(f"www.{bare[4:]}")
        elif _HOST.match(bare):
            candidates.append(f"https://{bare}")
    return next((each for each in candidates if holds(variable, each) and each and not is_marker(each)), None)
