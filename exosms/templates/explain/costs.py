"""What each difference costs: the cheapest account of all of them is the one that is told.

A value costs what makes it an unlikely one, a difference what makes it an unlikely slip. A word left out and another
one added must cost more than one exchanged, and either more than what a reader would overlook.
"""

import re
from collections.abc import Container, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise

from exosms.templates.explain.pieces import Piece, Sort
from exosms.templates.match import is_marker
from exosms.templates.sentences import is_abbreviation
from exosms.templates.syntax import Variable
from exosms.templates.variables import VariableType

OVERLOOKED = 2
"""Case, quotes, dashes, kinds of space, a sign for rupees, Unicode forms: nobody sees them."""
ONE_SIDED = {Sort.WORD: 12, Sort.SPACE: 3, Sort.SIGN: 4, Sort.VALUE: 0}
"""A piece too much or too few; a word is rarely forgotten, a comma often."""
TORN = 24
"""A piece too much that is torn from another one: the 50 of 12.50 belongs to the value that has the 12."""
EXCHANGED = {Sort.WORD: 10, Sort.SPACE: 4, Sort.SIGN: 4, Sort.VALUE: 0}
"""Another piece of the same sort instead; for a word that is nothing like it."""
ALIKE = 5
"""By so much less costs a word that is all but the same, as "mins" is for "minutes"."""
STRANGE = 8
"""By so much more costs a name or number in place of a word, or an unknown word in place of "at": it is a value."""
SHIFTED = 15
"""The same for a word that the template has close by: rather it stands there, and another one is missing."""
ANOTHER_SORT = 5
"""A hyphen for a space."""

NO_SENTENCE = 36
"""At most so much costs a whole sentence that is not there: it is forgotten at once, and no value ends before it."""
MORE_SENTENCE = 20
"""So much costs a whole sentence too much, or all behind the end: less than a value that takes it in and is cut."""
EMPTY = 10
"""A value that is not there: nobody sends that on purpose."""
BROKEN = 10
"""A value that its variable does not hold."""
NEXT_WORD = 11
"""A value takes in a word that the template has next to it."""
NEXT_SIGN = 8
NEXT_ALONE = 5
"""So much more if it is a word such as "by", or another one than the first."""
SENTENCE = 8
"""A value goes on behind the end of a sentence or a line."""
INNER_SIGN = 3
"""A value goes on behind a comma or a dash."""
EXTRA_WORD = 1
"""Every further word of a value, most have one."""
MANY_WORDS = 4
"""The same from the fifth on."""
FIRST_WORD = 4
"""A value begins with a word such as "your", which belongs to the wording."""
LAST_WORD = 16
"""A value ends with one, behind others."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_WORDING = _words(
    """a an the this that these those it its your you we our us i my me they their he his she her him them myself
    is are was were be been being has have had do does did done will shall would can could might must should
    won't don't can't isn't wasn't cannot no not never only also and or but if so as at by for from in into of off on
    onto out over per since than then to till until upto up under via with within without about after again before
    between during near towards all any both each every more most other some such here there now today tomorrow soon
    just very too when using where which who why how please kindly dear hi hello hey greetings respected namaste
    welcome thank thanks regards sorry mr mrs ms dr through thru across around against regarding dated dt
    dtd wef wrt effective
    है हैं था थी थे हो होगा होगी गया गई गए की का के को में से पर और या तक ने लिए एक यह वह इस इसे उस कृपया आप आपका आपकी
    आपके आपको हम हमारे हमारी न नहीं प्रिय नमस्ते धन्यवाद जी श्री अब आज जल्द जल्दी कर करें किया करे द्वारा साथ यदि तो भी ही
    अपना अपनी अपने"""
)
"""Words that no value begins or ends with."""
_KNOWN = _words(
    """account acct amount amt appointment application available balance bill booking booked branch call card cash
    charges claim click code complete completed confirm confirmed contact credited customer customers date day days
    debited delivery delivered details dispatched doctor due early enter expired expires fee fees get give help hour
    hours id immediately information kept last link login make member message minute minutes mobile money month msg
    need new next num number
    offer old one online open order orders otp paid pan parent password pay payment pending pin policy purchase
    received receipt recharge refund register registered registration reply request reset safe sale save sent service
    shared share shipped shop shopping sir madam staff started status store student submit successful successfully sms
    take team ticket time transaction transfer upi update updated use user valid verify verification visit week year
    ग्राहक खाता खाते राशि भुगतान बिल ऑर्डर संदेश सेवा जानकारी दिया कोड ओटीपी समय"""
)
"""Words of which messages are full, in whatever case; other capitalized ones are names."""


_TITLES = _words("mr mrs ms dr sh smt shri")
"""Words that belong to the name behind them."""


def _class(text: str, key: str) -> str:
    """Return what a word is: one of wording, one that is known, another one, a name or an abbreviation, a number."""
    if text[:1].isdigit():
        return "number"
    if key in _WORDING:
        return "wording"
    return "known" if key in _KNOWN else "name" if text[:1].isupper() else "other"


def exchange(wanted: Piece, seen: Piece, near: Container[str]) -> int | None:
    """Return what it costs that one piece stands for another; None where they have nothing to do with each other.

    ``near`` has the keys of the template close by.
    """
    if wanted.text == seen.text:
        return 0
    if wanted.key == seen.key:
        return OVERLOOKED
    if wanted.sort is not seen.sort:
        return ANOTHER_SORT if Sort.WORD not in {wanted.sort, seen.sort} else None
    if wanted.sort is not Sort.WORD:
        return EXCHANGED[wanted.sort]
    if seen.key in _TITLES and wanted.key not in _TITLES:
        return None
    cost = EXCHANGED[Sort.WORD] + _strangeness(wanted.text, wanted.key, seen.text, seen.key)
    return cost + (SHIFTED if seen.key in near else 0)


@lru_cache(4096)
def _strangeness(wanted: str, wanted_key: str, seen: str, seen_key: str) -> int:
    """Return how much less an exchange of two words costs because they are alike, or more because they are not."""
    is_name = seen[0].isupper() and (len(seen) == 1 or not wanted[0].isupper())
    if not is_name and _is_typo(wanted.lower(), seen.lower()):
        return -ALIKE
    classes = {_class(wanted, wanted_key), _class(seen, seen_key)}
    alike = len(classes) == 1 or classes in ({"wording", "known"}, {"known", "other"})
    return STRANGE * (not alike) - round(ALIKE * (not is_name) * _likeness(wanted_key, seen_key))


def may_be_of_value(wanted: Piece, seen: Piece) -> bool:
    """Whether a word in place of one of wording may be a part of the value beside it: a name, a number, a "New"."""
    if not wanted.sort is seen.sort is Sort.WORD or not _is_wording(wanted) or _is_typo(wanted.key, seen.key):
        return False
    sort = _class(seen.text, seen.key)
    return sort in {"name", "number"} or (sort == "known" and seen.text[0].isupper() and not wanted.text[0].isupper())


def may_be_wording(value: Sequence[Piece], *, in_capitals: bool) -> bool:
    """Whether the first word of a value with others, or of one turned round its last, may be the text's beside it."""
    if len(value) < 3:
        return False
    word, behind = value[0], value[2] if value[1].text == "." else value[1]
    return (
        behind.sort is Sort.SPACE
        and (in_capitals or word.text.islower())
        and (word.key in _WORDING or word.key in _KNOWN)
    )


def _is_typo(wanted: str, seen: str) -> bool:
    """Whether one letter is another, too much or too few, or two are exchanged."""
    if len(seen) < 2:
        return len(wanted) == 2 and seen in wanted
    if len(wanted) < 2 or any(map(str.isdigit, seen)):
        return False
    same = next((at for at, (one, other) in enumerate(zip(wanted, seen, strict=False)) if one != other), len(seen))
    one, other = wanted[same:], seen[same:]
    return one == other[1:] or other in {one[1:], one[1::-1] + one[2:]} or one[1:] == other[1:]


def _likeness(one: str, other: str) -> float:
    """Return from 0 to 1 how many pairs of letters two words share; the first letter counts as one."""
    pairs = [{f" {word[:1]}", *map("".join, pairwise(word))} for word in (one, other)]
    return 2 * len(pairs[0] & pairs[1]) / (len(pairs[0]) + len(pairs[1]))


_JOINED = re.compile(r"[0-9][.,:/-][0-9]|[a-z]\.[a-z]|[a-z0-9]@[a-z]")
_JOINED_IN_VALUES = re.compile(r"[A-Za-z][./-][0-9]|[0-9][/-][A-Za-z]|[A-Za-z]-[A-Za-z]")
"""Where neither is a word of the template."""
_HOST = re.compile(r"[a-z]\.[a-z]")
_FARTHEST_HOST = 20
"""So many pieces of an address are looked at for its host."""
_HALVES = frozenset({"am", "pm"})
"""Of the day, behind a time."""


def joined(body: Sequence[Piece], template: Sequence[Piece]) -> Iterator[tuple[int, int]]:
    """Yield where pieces begin that are one, and where they end: ``5:30 pm``, ``acme.in/pay``, ``A. K. Rao``."""
    fixed = {*map(_name, template)}
    has_spaces = any(piece.sort is Sort.SPACE for piece in body)  # otherwise a + may be one
    at = 0
    while at < len(body):
        is_plus = has_spaces and body[at].text == "+"
        end = at + 1 + (is_plus and at + 1 < len(body) and body[at + 1].text.isdecimal())
        while more := _more(body[max(at, end - _FARTHEST_HOST) : end + 3], min(end - at, _FARTHEST_HOST) - 1, fixed):
            end += more
        if end > at + 1:
            yield at, end
        at = end


def _name(piece: Piece) -> str:
    """Return a word whatever its case; a letter alone may be an initial."""
    return piece.key if piece.text[1:] else piece.text


def _more(pieces: Sequence[Piece], done: int, fixed: Container[str]) -> int:
    """Return how many of the pieces behind the first ones (``done``) and another one are one with these."""
    texts = [piece.text for piece in pieces[done:]]
    beside = texts[0][-1] + texts[1] + texts[2][0] if len(texts) > 2 else ""
    if _JOINED.fullmatch(beside):
        return 2
    last = 3 if texts[1:3] == [".", " "] else 2
    if len(texts) <= last or pieces[done + last].sort is not Sort.WORD or _name(pieces[done]) in fixed:
        return 0
    if texts[1] == "/" and _HOST.search("".join(piece.text for piece in pieces[: done + 1])):
        return last  # the template may have the pay of acme.in/pay too
    if _name(pieces[done + last]) in fixed:
        return 0
    is_short = texts[1] == "." and is_abbreviation(texts[0]) and not texts[last][0].islower()
    is_time = texts[0].isdecimal() and texts[1] == " " and texts[2].lower() in _HALVES
    return last * (is_short or is_time or _JOINED_IN_VALUES.fullmatch(beside) is not None)


def takes(piece: Piece, value: Sequence[Piece], variable: Variable, neighbours: Container[str]) -> int:
    """Return what it costs that a value goes on with one more piece."""
    return _breaks(piece, value, variable) + _continues(piece, value, neighbours)


_LEGAL = {
    VariableType.NUMERIC: re.compile(r"[0-9]*"),
    VariableType.URL: re.compile(r"(?:https?://|www\.)\S+"),
    VariableType.APP_LINK: re.compile(r"(?:https?://|www\.)\S+"),
    VariableType.CALLBACK: re.compile(r"\+?\(?[0-9][0-9 ().-]{1,20}[0-9]"),
    VariableType.EMAIL: re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+"),
    VariableType.EXOTEL_NUMBER: re.compile(r"[0-9+,.-]+"),
}
"""Values that are not just text, about as their rules have them: the matcher is asked only in the end."""
_SPACELESS = _LEGAL.keys() - {VariableType.CALLBACK}


def _breaks(piece: Piece, value: Sequence[Piece], variable: Variable) -> int:
    """Return what it costs if this piece makes a value too long, or puts the first space where none may be."""
    start = value[0].start if value else piece.start
    if variable.room is not None and piece.start - start <= variable.room < piece.end - start:
        return BROKEN
    if piece.sort is not Sort.SPACE or variable.kind not in _SPACELESS:
        return 0
    return 0 if any(each.sort is Sort.SPACE for each in value) else BROKEN


def _continues(piece: Piece, value: Sequence[Piece], neighbours: Container[str]) -> int:
    if piece.sort is Sort.SPACE:
        return SENTENCE if "\n" in piece.text or not value else 0
    if piece.text == "." and value and is_abbreviation(value[-1].text):
        return 0
    cost = 0 if piece.key not in neighbours else NEXT_WORD if piece.sort is Sort.WORD else NEXT_SIGN
    if cost and piece.sort is Sort.WORD and (_is_wording(piece) or (value and value[-1].sort is Sort.SPACE)):
        cost += NEXT_ALONE
    if not value:
        return cost + (FIRST_WORD if _is_wording(piece) else INNER_SIGN if piece.text in _STOPS else 0)
    if value[-1].sort is Sort.SPACE:
        words = sum(each.sort is Sort.SPACE for each in value)
        cost += EXTRA_WORD if words < 4 else MANY_WORDS
        if len(value) > 1 and value[-2].sort is Sort.SIGN:
            cost += SENTENCE if ends_sentence(value) else INNER_SIGN
    return cost


_STOPS = frozenset(".!?:;,\u0964")


def _is_wording(piece: Piece) -> bool:
    return piece.sort is Sort.WORD and piece.key in _WORDING


def ends_sentence(value: Sequence[Piece]) -> bool:
    """Whether the sign at its end does: not behind an abbreviation such as Dr. or St."""
    if value[-2].text not in _STOPS - {","}:
        return False
    return len(value) < 3 or not is_abbreviation(value[-3].text)


_LONGEST_MARKER = 100
"""Characters; of two thousand brackets each piece more would be looked through anew, for ten seconds."""
_NONE = frozenset({"", *_STOPS})
"""A value that is but the full stop of "Rs." is none either."""


def whole(variable: Variable, value: str) -> int:
    """Return what a whole value costs by its variable's rules, as far as it was not paid piece by piece.

    A marker in place of one costs nothing: what else could be meant? Otherwise a word beside it would hide it.
    """
    if value in _NONE:
        return EMPTY
    legal = _LEGAL.get(variable.kind)
    is_paid = variable.kind in _SPACELESS and " " in value
    if legal is None or is_paid or legal.fullmatch(value):
        return 0
    return 0 if len(value) <= _LONGEST_MARKER and is_marker(value) else BROKEN


def ends(value: Sequence[Piece]) -> int:
    """Return what it costs that a value ends so."""
    texts = [piece.text for piece in value[-2:]]
    if texts and texts[-1] in _STOPS | {"-"} and texts != ["/", "-"]:  # as in 500/-
        return INNER_SIGN
    alone = len(value) > 1 and value[-2].sort is Sort.SPACE
    return LAST_WORD if alone and _is_wording(value[-1]) else 0
