"""Sentences about differences, as a person would say them."""

from exosms.templates.explain.difference import Difference, Scene
from exosms.templates.fold import Cause
from exosms.templates.syntax import Variable
from exosms.templates.variables import RULES, VariableType, holds_link, is_digit, is_visible

TOLERATED = "Most operators compare exactly; some may tolerate a difference in spaces or punctuation only."

_TOLERABLE = frozenset(
    {Cause.SPACE, Cause.NEWLINE, Cause.QUOTES, Cause.DASH, Cause.ELLIPSIS, Cause.PUNCTUATION, Cause.ZERO_WIDTH}
)
_PLACES = {Cause.MISSING_HEAD: "beginning", Cause.MISSING_TAIL: "end"}
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


def tolerable(scene: Scene, difference: Difference) -> bool:
    """Whether only whitespace or punctuation differs, which some operators are said to ignore."""
    if difference.cause in _TOLERABLE:
        return True
    texts = scene.wanted[slice(*difference.wanted)] + scene.text.text[slice(*difference.seen)]
    return difference.variable is None and bool(texts) and all(map(_is_sign, texts)) and "{#" not in texts


def _is_sign(character: str) -> bool:
    """Whether it is space or punctuation: neither the vowel sign of a letter nor an emoji is."""
    import unicodedata

    return character.isspace() or unicodedata.category(character)[0] in "PZ"


class _Words:
    """What the sentences about one difference are made of."""

    def __init__(self, scene: Scene, difference: Difference) -> None:
        self.cause = difference.cause
        self.wanted = scene.wanted[slice(*difference.wanted)]
        self.seen = scene.text.text[slice(*difference.seen)]
        self.variable = difference.variable
        self.replacement = difference.replacement
        self.empty = not scene.text.text
        self.place = _place(scene, difference)
        self.wanted_words = quoted(_widened(scene.wanted, *difference.wanted))
        self.seen_words = quoted(_widened(scene.text.text, *difference.seen))


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


def _widened(text: str, start: int, end: int) -> str:
    """Return the span with the words that it cuts through."""
    while start > 0 and text[start - 1].isalnum() and end - start < 60:
        start -= 1
    while end < len(text) and text[end].isalnum() and end - start < 60:
        end += 1
    return text[start:end]


def explanation(scene: Scene, difference: Difference) -> str:
    """Return the cause of a difference as one sentence."""
    words = _Words(scene, difference)
    if difference.variable is not None:
        return _about_value(words, difference.variable)
    if words.cause in {Cause.SPACE, Cause.NEWLINE}:
        return _about_whitespace(words)
    if words.cause in _SWAPPED:
        return _about_characters(words)
    return _ABOUT.get(words.cause, _about_wording)(words)


def _about_value(words: _Words, variable: Variable) -> str:
    label = f"{variable.label[0].upper()}{variable.label[1:]}"
    rule = _rule(variable)
    if words.cause is Cause.UNFILLED_MARKER:
        return f"{label} was not filled in: the body still has the marker {quoted(words.seen)}."
    if words.cause is Cause.VALUE_TOO_LONG:
        verb = "is" if variable.count == 1 else "are together"
        size = f"{quoted(words.seen)} has {len(words.seen)} characters, but only {variable.room} fit"
        link = "; it contains a link, which may need its own variable, {#url#}" if holds_link(words.seen) else ""
        return f"{label} {verb} too long: {size}{link}."
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


def _about_whitespace(words: _Words) -> str:
    name = "line break" if words.cause is Cause.NEWLINE else "space"
    odd = [each for each in words.seen + words.wanted if each not in _PLAIN_SPACES]
    if words.wanted and words.seen:
        return _exchanged_whitespace(words, odd)
    side = words.wanted or words.seen
    amount = f"a {name}" if len(side) == 1 else f"{len(side)} {name}s"
    look = f": {_characters(side)}" if odd or "\t" in side else ""
    if words.wanted:
        return f"{amount[0].upper()}{amount[1:]} {'is' if len(side) == 1 else 'are'} missing {words.place}{look}."
    extra = f"an extra {name}" if len(side) == 1 else f"{len(side)} extra {name}s"
    return f"The body has {extra} {words.place}{look}."


def _exchanged_whitespace(words: _Words, odd: list[str]) -> str:
    wanted, seen = _whitespace(words.wanted), _whitespace(words.seen)
    if odd or "\t" in words.wanted + words.seen:
        seen, wanted = _characters(words.seen), _characters(words.wanted)
        return f"The body has another kind of space {words.place}: {seen} instead of {wanted}."
    return f"The body has {seen} instead of {wanted} {words.place}."


def _whitespace(text: str) -> str:
    breaks, others = text.count("\n"), len(text) - text.count("\n")
    names = [(breaks, "line break"), (others, "space")]
    parts = [f"a {name}" if count == 1 else f"{count} {name}s" for count, name in names if count]
    return " and ".join(parts)


_SWAPPED = {
    Cause.QUOTES: "another quotation mark or apostrophe",
    Cause.DASH: "another dash or hyphen",
    Cause.ELLIPSIS: "an ellipsis written in another way",
    Cause.LOOK_ALIKE: "a letter or sign that only looks the same",
}


def _about_characters(words: _Words) -> str:
    return (
        f"The body has {_SWAPPED[words.cause]} {words.place}:"
        f" {_characters(words.seen)} instead of {_characters(words.wanted)}."
    )


def _about_zero_width(words: _Words) -> str:
    joiners = any(each in "\u200c\u200d" for each in words.wanted + words.seen)
    meaning = (
        " In Indic scripts it changes how letters are joined, so use the registered spelling." if joiners else ""
    )
    if words.wanted:
        return f"An invisible character is missing {words.place}: {_characters(words.wanted)}.{meaning}"
    return f"The body has an invisible character {words.place}: {_characters(words.seen)}.{meaning}"


def _about_decomposed(words: _Words) -> str:
    seen, wanted = _characters(words.seen), _characters(words.wanted)
    return (
        f"The letters look the same but have another Unicode form (NFD or NFC) {words.place}:"
        f" {seen} instead of {wanted}."
    )


def _about_case(words: _Words) -> str:
    return f"Upper and lower case differ: the body has {words.seen_words}, the registered text {words.wanted_words}."


def _about_rupee(words: _Words) -> str:
    return (
        f"The rupee sign is written in another way: the body has {quoted(words.seen)},"
        f" the registered text {quoted(words.wanted)}."
    )


def _about_entity(words: _Words) -> str:
    return f"The body has the HTML entity or tag {quoted(words.seen)} where {_shown(words.wanted)} is registered."


def _about_encoding(words: _Words) -> str:
    return f"The body was URL-encoded twice: it has {quoted(words.seen)} where {_shown(words.wanted)} is registered."


def _about_escape(words: _Words) -> str:
    return (
        f"The body has a backslash and a letter, {quoted(words.seen).replace(chr(10), '')}, where a line break"
        " is registered; the shell did not turn it into one."
    )


def _shown(text: str) -> str:
    return _whitespace(text) if text and not text.strip(" \n") else quoted(text)


def _about_punctuation(words: _Words) -> str:
    if not words.seen:
        return f"Punctuation is missing {words.place}: {_characters(words.wanted)}."
    if not words.wanted:
        return f"The body has extra punctuation {words.place}: {_characters(words.seen)}."
    return f"The punctuation differs {words.place}: {_characters(words.seen)} instead of {_characters(words.wanted)}."


def _about_marker(words: _Words) -> str:
    return f"A variable was not filled in: the body still has the marker {quoted(words.seen)}."


def _about_missing(words: _Words) -> str:
    if words.empty:
        return "The body is empty."
    return f"The body lacks {quoted(words.wanted)} at its {_PLACES[words.cause]}."


def _about_extra_head(words: _Words) -> str:
    return f"The body begins with {quoted(words.seen)}, which is not in the registered text."


def _about_extra_tail(words: _Words) -> str:
    return f"The body continues with {quoted(words.seen)} after the end of the registered text."


def _about_wording(words: _Words) -> str:
    if not words.seen:
        return f"The body lacks {quoted(words.wanted)} {words.place}."
    if not words.wanted:
        return f"The body has {quoted(words.seen)} {words.place}, which is not in the registered text."
    return (
        f"The wording differs {words.place}: the body has {words.seen_words},"
        f" the registered text {words.wanted_words}."
    )


_ABOUT = {
    Cause.UNFILLED_MARKER: _about_marker,
    Cause.ZERO_WIDTH: _about_zero_width,
    Cause.DECOMPOSED: _about_decomposed,
    Cause.CASE: _about_case,
    Cause.RUPEE: _about_rupee,
    Cause.HTML_ENTITY: _about_entity,
    Cause.DOUBLE_ENCODING: _about_encoding,
    Cause.ESCAPE: _about_escape,
    Cause.PUNCTUATION: _about_punctuation,
    Cause.MISSING_HEAD: _about_missing,
    Cause.MISSING_TAIL: _about_missing,
    Cause.EXTRA_HEAD: _about_extra_head,
    Cause.EXTRA_TAIL: _about_extra_tail,
}


def change(scene: Scene, difference: Difference) -> str:
    """Return the smallest change that mends the difference, as one sentence."""
    words = _Words(scene, difference)
    offset = scene.text.origin(difference.seen[0])
    if difference.replacement is None:
        return _change_of_a_person(words)
    if words.cause is Cause.VALUE_TOO_LONG:
        return f"Cut the value to {quoted(difference.replacement)}."
    wanted = difference.replacement
    if not words.seen:
        return f"Insert {_named(wanted)} at offset {offset}."
    if not wanted:
        return f"Remove {_named(words.seen)} at offset {offset}."
    return f"Replace {_named(words.seen)} with {_named(wanted)} at offset {offset}."


def _named(text: str) -> str:
    """Return a text that cannot be mistaken: signs by their code points."""
    plain = text.isascii() and any(map(str.isalnum, text))
    signs = len(text) <= 2 and bool(text.strip(" \n")) and not plain
    return _characters(text) if signs else _shown(text)


def _change_of_a_person(words: _Words) -> str:
    if words.cause is Cause.UNFILLED_MARKER:
        return f"Replace {quoted(words.seen)} with its value."
    if words.cause is Cause.VALUE_TOO_LONG and holds_link(words.seen):
        return "Shorten the link, or register its variable as {#url#}."
    if words.variable is None:
        return f"Write {words.wanted_words} as registered." if words.wanted else f"Remove {quoted(words.seen)}."
    return f"Give it {_rule(words.variable)}".rstrip(".") + "."
