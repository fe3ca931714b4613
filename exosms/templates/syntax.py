"""The text of a registered template as literals and variables, and back to a body."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from exosms.errors import InputError
from exosms.sms.foreign_markers import BARE_MARKER
from exosms.templates.variables import POOLED, RULES, SPELLINGS, VariableType, kind_of

_MARKER = re.compile(rf"\{{#([^\s{{}}#]+)#\}}|{BARE_MARKER}")
_EXOTEL = re.compile(r"%%|\d%[sd](?=[^\W\d_])|%([sd])")
"""The group is the letter of a placeholder: ``50%discount`` has none."""
_LINE_END = re.compile(r"\r\n?")
_ESCAPED = (
    r"the registered text contains a literal \n, which is sent as it is; if the DLT portal has a line break there,"
    r" give the text as $'…\n…' or in a file"
)
_OPEN = (
    "the registered text ends with a line break, which is sent as it is; if the DLT portal has none there, remove it:"
    ' in templates.toml """ stands right behind the last word'
)
_BREAK = re.compile(r"\r\n|[\r\n\v\f\x85\u2028\u2029]")


class Literal(NamedTuple):
    """Text that a body must repeat exactly, its line endings folded to LF."""

    text: str
    start: int
    end: int
    """Offsets in the template's folded text."""


@dataclass(frozen=True, slots=True)  # a tuple has a count and an index of its own
class Variable:
    """A marker, or several side by side that share one room."""

    kind: VariableType
    marker: str
    """As the registered text spells it; of several, all of them."""
    index: int
    """Of the first marker among all markers, from 0."""
    count: int
    """Markers side by side."""
    start: int
    end: int
    """Offsets in the template's folded text."""

    @property
    def room(self) -> int | None:
        """The characters it holds at most, None where no limit is known."""
        most = RULES[self.kind].most
        return None if most is None else most * self.count

    @property
    def label(self) -> str:
        """How a sentence calls it: ``variable 2 ({#numeric#})``."""
        if self.count == 1:
            return f"variable {self.index + 1} ({self.marker})"
        return f"variables {self.index + 1} to {self.index + self.count} ({self.marker})"

    @property
    def subject(self) -> str:
        """The label, to begin a sentence."""
        return f"{self.label[0].upper()}{self.label[1:]}"


Token = Literal | Variable


@dataclass(frozen=True, slots=True)
class Template:
    """A registered text, parsed."""

    text: str
    """As it was given."""
    tokens: tuple[Token, ...]
    warnings: tuple[str, ...] = field(default=(), compare=False)
    """Sentences about markers and line breaks that may not mean what their author thought."""

    @property
    def variables(self) -> tuple[Variable, ...]:
        """The variables in order; those side by side count as one."""
        return tuple(token for token in self.tokens if isinstance(token, Variable))

    @property
    def literals(self) -> tuple[Literal, ...]:
        """The fixed texts in order."""
        return tuple(token for token in self.tokens if isinstance(token, Literal))

    @property
    def marker_count(self) -> int:
        """As many values as this make a body."""
        return sum(variable.count for variable in self.variables)

    @property
    def literal_length(self) -> int:
        """Characters that are fixed."""
        return sum(len(literal.text) for literal in self.literals)

    @property
    def folded(self) -> str:
        """The text with CRLF and CR as LF; the tokens' offsets count in it."""
        return fold_line_ends(self.text)


def fold_line_ends(text: str) -> str:
    """Return the text with CRLF and CR as LF: how operators treat the three is not documented."""
    return _LINE_END.sub("\n", text) if "\r" in text else text


def parse(text: str, *, types: Sequence[str] | None = None) -> Template:
    """Return the template of a registered text.

    ``types`` has one type per marker where the portal keeps them beside the text. Raises InputError for an empty
    text, and if the number of types is wrong or one of them is unknown.
    """
    if not text:
        raise InputError("The registered text is empty", remedy="Copy it from the DLT portal.")
    folded = fold_line_ends(text)
    markers = _dlt_markers(folded) or _exotel_markers(folded)
    warnings = [warning for marker in markers if (warning := _warning(marker, folded))]
    if types is not None:
        warnings += _clashes(markers, types)
        markers = _typed(markers, types)
    if r"\n" in text:
        warnings.append(_ESCAPED)
    if folded.rstrip(" \t").endswith("\n"):  # as TOML has it where """ stands on a line of its own
        warnings.append(_OPEN)
    return Template(text=text, tokens=tuple(_tokens(folded, markers)), warnings=tuple(warnings))


def _dlt_markers(text: str) -> list[Variable]:
    return [
        Variable(SPELLINGS.get(marker[0].strip("{#}"), VariableType.UNTYPED), marker[0], index, 1, *marker.span())
        for index, marker in enumerate(_MARKER.finditer(text))
    ]


def _exotel_markers(text: str) -> list[Variable]:
    placeholders = [found for found in _EXOTEL.finditer(text) if found[1]]
    return [
        Variable(VariableType(found[0]), found[0], index, 1, *found.span())
        for index, found in enumerate(placeholders)
    ]


def _warning(marker: Variable, text: str) -> str:
    if marker.kind in {VariableType.EXOTEL_TEXT, VariableType.EXOTEL_NUMBER}:
        touches = (
            text[max(marker.start - 1, 0) : marker.start].isdigit() or text[marker.end : marker.end + 1].isalpha()
        )
        around = text[max(marker.start - 8, 0) : marker.end + 8]
        return f"{marker.marker} in {around!r} is read as Exotel's placeholder" if touches else ""
    if marker.marker.startswith("#"):
        return f"{marker.marker} is read as {{{marker.marker}}}; compare it with the DLT portal, which writes braces"
    if marker.marker[2:-2] in SPELLINGS:
        return ""
    return f"{marker.marker} is not a known marker; it is read as {{#var#}}"


def _check_types(markers: Sequence[Variable], types: Sequence[str]) -> list[VariableType]:
    if len(types) != len(markers):
        raise InputError(
            f"{len(types)} types are given for a text with {len(markers)} variables",
            remedy="Give one type for each marker, in order.",
        )
    return [kind_of(name) for name in types]


def _clashes(markers: Sequence[Variable], types: Sequence[str]) -> list[str]:
    return [
        f"{marker.marker} is read as {kind}, the type given beside the text"
        for marker, kind in zip(markers, _check_types(markers, types), strict=True)
        if marker.kind not in {VariableType.UNTYPED, VariableType.EXOTEL_TEXT, kind}
    ]


def _typed(markers: Sequence[Variable], types: Sequence[str]) -> list[Variable]:
    kinds = _check_types(markers, types)
    return [replace(marker, kind=kind) for marker, kind in zip(markers, kinds, strict=True)]


def _tokens(text: str, markers: Sequence[Variable]) -> list[Token]:
    tokens: list[Token] = []
    done = 0
    for marker in markers:
        if done < marker.start:
            tokens.append(Literal(text[done : marker.start], done, marker.start))
        last = tokens[-1] if tokens else None
        if isinstance(last, Variable) and last.kind is marker.kind and marker.kind in POOLED:
            tokens[-1] = replace(last, marker=last.marker + marker.marker, count=last.count + 1, end=marker.end)
        else:
            tokens.append(marker)
        done = marker.end
    if done < len(text):
        tokens.append(Literal(text[done:], done, len(text)))
    return tokens


def render(template: Template, values: Sequence[str]) -> str:
    """Return the body with one value for each marker, whatever the values hold; line endings are LF.

    Raises InputError for another number of values.
    """
    _check_count(template, values)
    return "".join(
        token.text if isinstance(token, Literal) else "".join(values[token.index : token.index + token.count])
        for token in template.tokens
    )


FITTED = frozenset({VariableType.UNTYPED, VariableType.ALPHANUMERIC})
"""Only text is cut: a shortened number, link or address is a wrong one."""


def fit(template: Template, values: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the values cut to what their variables hold, line breaks inside them as spaces, and a warning for each.

    What is no text stays for the check to refuse.
    Raises InputError for another number of values.
    """
    _check_count(template, values)
    one_line = [_BREAK.sub(" ", value) for value in values]
    warnings = [
        f"Line breaks in the value of variable {index + 1} were changed to spaces"
        for index, (before, after) in enumerate(zip(values, one_line, strict=True))
        if before != after
    ]
    fitted = list(one_line)
    for variable in template.variables:
        if variable.kind in FITTED and variable.room is not None:
            own = slice(variable.index, variable.index + variable.count)
            fitted[own] = _share(one_line[own], variable.room)
    warnings += [
        f"The value of variable {index + 1} was cut from {len(before)} to {len(after)} characters: {after!r}"
        for index, (before, after) in enumerate(zip(one_line, fitted, strict=True))
        if before != after
    ]
    return tuple(fitted), tuple(warnings)


def _share(values: Sequence[str], room: int) -> list[str]:
    """Cut the longest values, all to the same length, until they fit the room together."""
    longest = min(max(map(len, values)), room)
    level = max(size for size in range(longest + 1) if sum(min(len(value), size) for value in values) <= room)
    return [value if len(value) <= level else cut(value, level).rstrip() for value in values]


def cut(value: str, size: int) -> str:
    """Return at most ``size`` characters, ending before a letter that would lose its accents, signs or joiners."""
    import unicodedata

    while 0 < size < len(value) and (
        unicodedata.category(value[size]) in {"Mn", "Mc", "Me"} or "\u200d" in value[size - 1 : size + 1]
    ):
        size -= 1
    return value[:size]


def _check_count(template: Template, values: Sequence[str]) -> None:
    if len(values) != template.marker_count:
        raise InputError(
            f"The template has {template.marker_count} variables, but {len(values)} values are given",
            remedy="Give exactly one value for each variable, in order.",
        )
