"""A value that may have taken in more than its own, above all at the very beginning or end of a text.

Nothing fixed stands there to stop it: ``OTP is {#var#}`` matches ``OTP is 4711. Thanks``, which operators drop.
"""

import re
from collections.abc import Iterator

from exosms.templates.match import Match
from exosms.templates.sentences import SENTENCE_END
from exosms.templates.syntax import Template, Variable
from exosms.templates.variables import VariableType

_TEXT = frozenset({VariableType.UNTYPED, VariableType.ALPHANUMERIC, VariableType.EXOTEL_TEXT})
_INSIDE = rf"(?:{SENTENCE_END.pattern})\s*\S|\s[-–—]\s|[,;:]\s"
_AT_THE_BEGINNING = re.compile(
    rf"(?i:\s|[.,;:!?]|(?:hi|hello|hey|dear|your|the|please|kindly|प्रिय|नमस्ते|आपका|आपकी)\s)|(?s:.*?)(?:{_INSIDE})"
    r"|[^\W\d].*\s\d{4,}\Z"
)
_AT_THE_END = re.compile(
    rf"(?s:.*)(?:[\s.,;:!?\u0964]|\b(?i:thanks|thank\syou|regards|team|only|please|sir|madam|जी|धन्यवाद))\Z"
    rf"|(?s:.*?)(?:{_INSIDE})|\d{{4,}}\s+[^\W\d]"
)
_WITH_A_SENTENCE = re.compile(rf"(?s:.*?)(?<=[^\s.]{{3}})(?:{SENTENCE_END.pattern})\s*([^\W\d]\S*\s+\S(?s:.*))")
"""Initials end no sentence, and one more word may be a name behind a title."""


def edge_warnings(template: Template, body: str, found: Match) -> Iterator[str]:
    """Yield a sentence for each value that seems to hold words besides: at either end of the text, or a sentence."""
    tokens = template.tokens
    checks = (
        *((token, _WITH_A_SENTENCE, "behind the end of a sentence") for token in tokens[1:-1]),
        (tokens[0], _AT_THE_BEGINNING, "at the beginning of the text"),
        (tokens[-1], _AT_THE_END, "at the end of the text"),
    )
    for token, pattern, where in checks:
        if isinstance(token, Variable) and token.kind in _TEXT:
            value = body[found.spans[token.index][0] : found.spans[token.index + token.count - 1][1]]
            if taken := pattern.match(value):
                further = taken[1] if pattern is _WITH_A_SENTENCE else value
                yield f"{token.subject} takes in what stands {where}, which operators may refuse: {further!r}"
