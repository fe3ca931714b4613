"""Sentences about differences, as a person would say them."""

import re
from collections.abc import Sequence
from itertools import combinations_with_replacement

from exosms.system.wording import counted
from exosms.templates.explain.pieces import Sort
from exosms.templates.explain.scene import Difference, Scene
from exosms.templates.fold import Cause
from exosms.templates.sentences import SENTENCE_END
from exosms.templates.syntax import Variable
from exosms.templates.variables import RULES, VariableType, holds_link, is_digit, is_visible

TOLERATED = "Most operators compare exactly; some may tolerate a difference in spaces or punctuation only."

_TOLERABLE = frozenset(
    {Cause.SPACE, Cause.NEWLINE, Cause.QUOTES, Cause.DASH, Cause.ELLIPSIS, Cause.PUNCTUATION, Cause.ZERO_WIDTH}
)
_PLAIN_SPACES = " \n\t"


def character(text: str) -> str:
    """Return one character with its code point and name: ``“`` becomes ``“ (U+201C LEFT DOUBLE QUOTATION MARK)``."""
    import unicodedata

    fallback = {"\n": "LINE FEED", "\t": "CHARACTER TABULATION", "\r": "CARRIAGE RETURN"}
    name = unicodedata.name(text, fallback.get(text, "a control character"))
    shown = f"{text} " if is_visible(text) and not unicodedata.combining(text) else ""
    return f"{shown}(U+{ord(text):04X} {name})"


def _characters(text: str) -> str:
    return ", ".join(character(each) for each in text[:4]) + (", …" if len(text) > 4 else "")


def quoted(text: str) -> str:
    """Return the text between quotation marks, shortened in its middle, its line breaks and controls visible."""
    short = text if len(text) <= 60 else f"{text[:40]} … {text[-15:]}"
    return '"' + short.replace("\n", "\\n").replace("\t", "\\t") + '"'


class Words:
    """What the sentences about one difference are made of."""

    def __init__(self, scene: Scene, difference: Difference) -> None:
        self.scene, self.difference = scene, difference
        self.cause, self.variable, self.replacement = difference.cause, difference.variable, difference.replacement
        self.wanted = scene.wanted[slice(*difference.wanted)]
        self.seen = scene.text.text[slice(*difference.seen)]
        self.place = _place(scene, difference)
        self.around = _around(scene.text.text, *difference.seen)

    def fill(self, sentence: str) -> str:
        """Return a sentence with what its braces name."""
        return sentence.format(
            seen=quoted(self.seen),
            wanted=quoted(self.wanted),
            shown=_shown(self.wanted),
            seen_signs=_characters(self.seen),
            wanted_signs=_characters(self.wanted),
            place=self.place,
            within=_within(self),
        )


def _place(scene: Scene, difference: Difference) -> str:
    """Return where it is: at an end of the body, or after which words."""
    body = scene.text.text
    if difference.seen[0] == 0:
        return "at the beginning"
    if difference.seen[1] == len(body) and difference.wanted[1] == len(scene.wanted):
        return "at the end"
    before = body[: difference.seen[0]]
    return f"after {quoted(before[-_word_start(before) :])}"


def _word_start(before: str) -> int:
    """Return how many characters at the end of a text name a place: its last word, and what follows it."""
    size = len(before) - len(before.rstrip())
    words = before.split()
    return min(size + len(words[-1]) if words else size, 24) or 1


def _around(text: str, start: int, end: int) -> tuple[str, str]:
    """Return what stands before and behind a span: the next word, with what touches the span; empty at the ends."""
    before, behind = text[max(start - 40, 0) : start], text[end : end + 40]
    is_cut = [each.strip() == each != "" for each in (text[start - 1 : start + 1], text[end - 1 : end + 1])]
    left = re.search(r"(?:\S+\s+)?\S*\Z" if start < end and start and is_cut[0] else r"\S+\s*\Z", before)
    right = re.match(r"\S*(?:\s+\S+)?" if start < end and behind and is_cut[1] else r"\s*\S+", behind)
    return left[0] if left else "", right[0] if right else ""


def explanation(words: Words) -> str:
    """Return the cause of a difference as one sentence."""
    if words.variable is not None:
        return _about_value(words, words.variable)
    if words.cause in {Cause.SPACE, Cause.NEWLINE}:
        return _about_words_apart(words) or _about_whitespace(words)
    if words.cause is Cause.ORDER:
        return _about_order(words)
    if words.cause in _SAID:
        return _about_signs_or_letters(words)
    return "The body is empty." if not words.scene.text.text else _about_wording(words)


def _about_signs_or_letters(words: Words) -> str:
    if words.cause is Cause.PUNCTUATION and _is_plain(words.wanted + words.seen):
        return _about_punctuation(words)
    if words.cause is Cause.CASE and _is_in_capitals(words):
        return "The text is in capitals; the registered one is not."
    if words.cause is Cause.ESCAPE and "\\" in words.wanted:
        return (
            f"The registered text has a backslash and a letter, {quoted(words.wanted)}, where the body has"
            f" {_shown(words.seen)}."
        )
    missing, extra, exchanged = _SAID[words.cause]
    said = words.fill(exchanged if words.wanted and words.seen else missing if words.wanted else extra)
    return said + (_JOINERS if words.cause is Cause.ZERO_WIDTH and _joins(words) else "")


def _is_plain(text: str) -> bool:
    """Whether it is read as it is between quotation marks."""
    return text.isascii() and text.isprintable() and '"' not in text


def _about_punctuation(words: Words) -> str:
    wanted, seen = words.wanted.rstrip(), words.seen.rstrip()
    if not words.seen:
        next_word = words.around[1].strip() if words.wanted[-1:] == " " else ""
        return f"{quoted(words.wanted)} is missing {f'before {quoted(next_word)}' if next_word else words.place}."
    if not words.wanted:
        return f"{quoted(words.seen)} is too much {words.place}."
    more = (len(words.seen) - len(seen)) - (len(words.wanted) - len(wanted))
    spaces = f", and {_amount('one', abs(more), 'space')} {'too many' if more > 0 else 'missing'}" if more else ""
    return f"{quoted(seen)} should be {quoted(wanted)} {words.place}{spaces}."


def _is_in_capitals(words: Words) -> bool:
    return words.seen.isupper() and len(words.seen.split()) > _LONGEST_NAME


def _about_value(words: Words, variable: Variable) -> str:
    label = variable.subject
    rule = _rule(variable)
    if words.cause is Cause.UNFILLED_MARKER:
        return f"{label} was not filled in: the body still has the marker {quoted(words.seen)}."
    if words.cause is Cause.VALUE_TOO_LONG:
        verb = "is" if variable.count == 1 else "are together"
        size = len(words.seen)
        said = f"{quoted(words.seen)} has {size} characters, but only {variable.room} fit"
        link = "; it contains a link, which may need its own variable, {#url#}" if holds_link(words.seen) else ""
        return f"{label} {verb} too long: {said}: {size - (variable.room or 0)} too many{link}."
    if words.cause is Cause.MISSING_VALUE:
        return f"{label} has no value{_between(words)}."
    if not words.seen:
        return f"{label} has no value; it must be {rule}".rstrip(".") + "."
    return f"{label} is {quoted(words.seen)}, but it must be {rule}{_culprit(words.seen, variable)}".rstrip(".") + "."


def _rule(variable: Variable) -> str:
    """Return what a variable holds; several side by side hold as many times the characters."""
    rule = RULES[variable.kind]
    return rule.words if rule.most is None else rule.words.replace(str(rule.most), str(variable.room))


def _culprit(value: str, variable: Variable) -> str:
    """Return the first character that the variable never holds."""
    if variable.kind is VariableType.NUMERIC:
        what, is_legal = "digit", is_digit
    elif variable.kind in {VariableType.URL, VariableType.APP_LINK, VariableType.EMAIL}:
        what, is_legal = "part of one", is_visible
    else:
        return ""
    illegal = next((each for each in value if not is_legal(each)), "")
    return f"; not a {what}: {character(illegal)}" if illegal else ""


def _about_words_apart(words: Words) -> str:
    """Return that two words are written as one, or one as two; empty if something else is beside the space."""
    if sorted([words.seen, words.wanted]) != ["", " "]:
        return ""
    texts = []
    scene, difference = words.scene, words.difference
    for pieces, (start, end) in ((scene.body, difference.seen), (scene.pieces, difference.wanted)):
        touching = [piece for piece in pieces if piece.end == start or piece.start == end]
        beside = [piece.text for piece in touching if piece.sort is Sort.WORD]
        texts.append((" " * (end - start)).join(beside) if len(beside) == 2 else "")
    return f"{quoted(texts[0])} should be {quoted(texts[1])}." if all(texts) else ""


def _about_whitespace(words: Words) -> str:
    name = "line break" if words.cause is Cause.NEWLINE else "space"
    odd = [each for each in words.seen + words.wanted if each not in _PLAIN_SPACES]
    if words.wanted and words.seen:
        return _exchanged_whitespace(words, odd)
    side = words.wanted or words.seen
    look = f": {_characters(side)}" if odd or "\t" in side else ""
    if words.wanted:
        return f"{_amount('A', len(side), name)} {'is' if len(side) == 1 else 'are'} missing {words.place}{look}."
    return f"The body has {_amount('an', len(side), f'extra {name}')} {words.place}{look}."


def _amount(one: str, count: int, noun: str) -> str:
    return f"{one} {noun}" if count == 1 else counted(count, noun)


def _exchanged_whitespace(words: Words, odd: list[str]) -> str:
    wanted, seen = _whitespace(words.wanted), _whitespace(words.seen)
    if odd or "\t" in words.wanted + words.seen:
        seen, wanted = _characters(words.seen), _characters(words.wanted)
        return f"The body has another kind of space {words.place}: {seen} instead of {wanted}."
    return f"The body has {seen} instead of {wanted} {words.place}."


def _whitespace(text: str) -> str:
    breaks, others = text.count("\n"), len(text) - text.count("\n")
    return " and ".join(
        _amount("a", count, name) for count, name in ((breaks, "line break"), (others, "space")) if count
    )


def _always(sentence: str) -> tuple[str, str, str]:
    return sentence, sentence, sentence


def _other(what: str) -> tuple[str, str, str]:
    return _always(f"The body has {what} {{place}}: {{seen_signs}} instead of {{wanted_signs}}.")


_SAID = {
    Cause.QUOTES: _other("another quotation mark or apostrophe"),
    Cause.DASH: _other("another dash or hyphen"),
    Cause.ELLIPSIS: _other("an ellipsis written in another way"),
    Cause.LOOK_ALIKE: _other("a letter or sign that only looks the same"),
    Cause.ZERO_WIDTH: (
        "An invisible character is missing {place}: {wanted_signs}.",
        "The body has an invisible character {place}: {seen_signs}.",
        "The body has another invisible character {place}: {seen_signs} instead of {wanted_signs}.",
    ),
    Cause.DECOMPOSED: _always(
        "The letters look the same but have another Unicode form (NFD or NFC) {place}:"
        " {seen_signs} instead of {wanted_signs}."
    ),
    Cause.CASE: _always("{seen} should be {wanted}{within}: upper and lower case differ."),
    Cause.RUPEE: _always(
        "The rupee sign is written in another way: the body has {seen}, the registered text {wanted}."
    ),
    Cause.HTML_ENTITY: _always("The body has the HTML entity or tag {seen} where {shown} is registered."),
    Cause.DOUBLE_ENCODING: _always("The body was URL-encoded twice: it has {seen} where {shown} is registered."),
    Cause.ESCAPE: _always(
        "The body has a backslash and a letter, {seen}, where a line break is registered; the shell did not turn it"
        " into one."
    ),
    Cause.PUNCTUATION: (
        "Punctuation is missing {place}: {wanted_signs}.",
        "The body has extra punctuation {place}: {seen_signs}.",
        "The punctuation differs {place}: {seen_signs} instead of {wanted_signs}.",
    ),
}
"""What is said where something is missing, where something is too much, and where one thing stands for another."""
_JOINERS = " In Indic scripts it changes how letters are joined, so use the registered spelling."


def _joins(words: Words) -> bool:
    return bool({"\u200c", "\u200d"} & {*words.wanted, *words.seen})


def _shown(text: str) -> str:
    return _whitespace(text) if text and not text.strip(" \n") else quoted(text)


def _about_order(words: Words) -> str:
    what = "sentences" if SENTENCE_END.search(words.seen) else "words"
    parts = _exchanged_parts(words) if what == "words" else None
    if parts is None:
        seen, wanted = quoted(words.seen.strip()), quoted(words.wanted.strip())
        return f"The {what} stand in another order: {seen} against {wanted}."
    first, between, last = parts
    if between or len(first) == len(last):
        return f"{_joined(first)} and {_joined(last)} are swapped."
    if len(first) < len(last):
        return f"{_joined(first)} stands too early: it belongs behind {_joined(last[-1:])}."
    return f"{_joined(last)} stands too late: it belongs before {_joined(first[:1])}."


def _joined(parts: Sequence[str]) -> str:
    return quoted(" ".join(parts).strip(",;:"))


def _exchanged_parts(words: Words) -> tuple[Sequence[str], Sequence[str], Sequence[str]] | None:
    """Return two parts whose exchange makes the replacement, and what is between them; None if none do."""
    seen, new = words.seen.split(), (words.replacement or "").casefold().split()
    same = [one.casefold() == other for one, other in zip(seen, new, strict=False)]
    start = same.index(False) if False in same else 0
    same = [one.casefold() == other for one, other in zip(seen[::-1], new[::-1], strict=False)]
    end = len(seen) - (same.index(False) if False in same else 0)
    old, new = seen[start:end], new[start : len(new) - len(seen) + end]
    places = range(1, len(old))
    for first, last in sorted(combinations_with_replacement(places, 2), key=lambda each: each[1] - each[0]):
        turned = [*old[last:], *old[first:last], *old[:first]]
        if [word.casefold() for word in turned] == new:
            return old[:first], old[first:last], old[last:]
    return None


def _about_wording(words: Words) -> str:
    wanted, seen = words.wanted.strip(" ") or words.wanted, words.seen.strip(" ") or words.seen
    if not seen:
        if words.replacement is None and SENTENCE_END.search(f"{wanted} "):
            return f"The sentence {quoted(wanted)} is missing{_behind(words)}."
        return f"{quoted(wanted)} is missing{_between(words)}."
    if not wanted:
        return f"{quoted(seen)} is too much{_within(words)}."
    if words.replacement is None or max(len(wanted), len(seen)) > _LONGEST_WORDS:
        return words.fill("The wording differs {place}: the body has {seen}, the registered text {wanted}.")
    return f"{quoted(seen)} should be {quoted(wanted)}{_within(words)}."


_LONGEST_NAME = 3
"""Words; what is longer is the whole text."""
_LONGEST_WORDS = 60
"""Characters; more than that is no longer read as one word in place of another."""


def _within(words: Words) -> str:
    """Return the words in which something stands, to follow it."""
    before, behind = words.around
    if not before.strip() and not behind.strip():
        return ""
    edge = " at the beginning," if not before.strip() else "" if behind.strip() else " at the end,"
    return f"{edge} in {quoted(f'{before}{words.seen}{behind}'.strip())}"


def _behind(words: Words) -> str:
    """Return the words behind which something is missing."""
    before, behind = map(str.strip, words.around)
    return f" after {quoted(before)}" if before else f" before {quoted(behind)}"


def _between(words: Words) -> str:
    """Return the words between which something is missing."""
    before, behind = map(str.strip, words.around)
    if not behind:
        return f" at the end, after {quoted(before)}"
    return (
        f" between {quoted(before)} and {quoted(behind)}" if before else f" at the beginning, before {quoted(behind)}"
    )


def change(words: Words) -> str:
    """Return the smallest change that mends the difference, as one sentence."""
    wanted, offset = words.replacement, words.scene.text.origin(words.difference.seen[0])
    if wanted is None:
        return _change_of_a_person(words)
    if words.cause is Cause.VALUE_TOO_LONG:
        return f"Cut the value to {quoted(wanted)}; `--fit` of send and bulk does that."
    if words.cause is Cause.CASE and _is_in_capitals(words):
        return "Write its fixed words in the letters of the registered text."
    if not words.seen:
        return f"Insert {_named(wanted)} at offset {offset}."
    if not wanted:
        return f"Remove {_named(words.seen)} at offset {offset}."
    return f"Replace {_named(words.seen)} with {_named(wanted)} at offset {offset}."


def _named(text: str) -> str:
    """Return a text that cannot be mistaken: signs and letters that may look like others by their code points."""
    if not text.strip(" \n") or _is_plain(text) or len(text) > 2 or _is_a_syllable(text):
        return _shown(text)
    return _characters(text)


def _is_a_syllable(text: str) -> bool:
    """Whether it is a letter of an Indic script with its vowel sign."""
    import unicodedata

    return len(text) > 1 and text[0].isalnum() and unicodedata.category(text[1])[0] == "M" and text[1] >= "\u0900"


def _change_of_a_person(words: Words) -> str:
    if words.cause is Cause.UNFILLED_MARKER:
        return f"Replace {quoted(words.seen)} with its value."
    if words.cause is Cause.VALUE_TOO_LONG and holds_link(words.seen):
        return "Shorten the link, or register its variable as {#url#}."
    if words.cause is Cause.ESCAPE:
        return "Compare the registered text with the DLT portal, which may have a line break there."
    if words.variable is None:
        return f"Write {quoted(words.wanted)} as registered." if words.wanted else f"Remove {quoted(words.seen)}."
    return f"Give it {_rule(words.variable)}".rstrip(".") + "."


def note(words: Words) -> str:
    """Return what some operators are said to ignore, if only whitespace or punctuation differs; else nothing."""
    texts = words.wanted + words.seen
    signs = words.variable is None and bool(texts) and all(map(_is_sign, texts)) and "{#" not in texts
    return TOLERATED if signs or words.cause in _TOLERABLE else ""


def _is_sign(character: str) -> bool:
    """Whether it is space or punctuation: neither the vowel sign of a letter nor an emoji is."""
    import unicodedata

    return character.isspace() or unicodedata.category(character)[0] in "PZ"
