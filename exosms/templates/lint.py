"""What a DLT portal or an operator may object to in registered templates.

Rules of registration have exceptions, and most are not published with a date: they are notes. Wrong is only what
makes a template useless here: it cannot be read, a marker, id or header is none, or one id has two texts.
"""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from functools import partial
from itertools import pairwise
from string import ascii_uppercase
from typing import NamedTuple, Self

from exosms.errors import InputError
from exosms.sms import dlt
from exosms.system.escaping import for_shell
from exosms.templates.marker_flaws import MarkerError
from exosms.templates.registry import Registered, Registry
from exosms.templates.syntax import Variable
from exosms.templates.variables import VariableType

LEAST_FIXED = 30
"""Per cent of a text that is not variables."""


class LintRule(NamedTuple):
    """Who says so and, where it is known, since when: ``YYYY-MM``."""

    source: str
    since: str | None = None


_PORTALS = LintRule("a rule of registration on DLT portals, which has exceptions")
_OPERATORS = LintRule("operators find a text by its header and its 19-digit template id")
_EXACT = LintRule("operators compare exactly, spaces included")
_EXOTEL = LintRule("without SmsType Exotel decides what a message is (Exotel support 38686)")
_OURS = LintRule("exosms")
_TYPED = LintRule("TRAI direction of 2025-11-18: variables are registered with their type", "2026-01")

_WRONG = True


class LintKind(StrEnum):
    """What sort of notice it is, by whose rule, and whether it has to be mended; the words are stable."""

    rule: LintRule
    is_wrong: bool

    def __new__(cls, word: str, rule: LintRule, is_wrong: bool = False) -> Self:  # noqa: FBT001, FBT002  # below, by place
        """Make a member, which is its word."""
        kind = str.__new__(cls, word)
        kind._value_, kind.rule, kind.is_wrong = word, rule, is_wrong
        return kind

    INVALID = "invalid", _OURS, _WRONG
    MARKER_INVALID = "marker_invalid", _EXACT, _WRONG
    ID_INVALID = "id_invalid", _OPERATORS, _WRONG
    ID_CONFLICT = "id_conflict", _OPERATORS, _WRONG
    HEADER_INVALID = "header_invalid", _OPERATORS, _WRONG
    ID_SHARED = "id_shared", _OPERATORS
    ID_UNUSUAL = "id_unusual", _OPERATORS
    HEADER_UNUSUAL = "header_unusual", _OPERATORS
    MISSING_ID = "missing_id", _OPERATORS
    MISSING_FROM = "missing_from", _OPERATORS
    MISSING_TYPE = "missing_type", _EXOTEL
    TEXT_SHARED = "text_shared", _OURS
    MARKER = "marker", _OURS
    UNTYPED = "untyped_variable", _TYPED
    UNNAMED = "unnamed_variables", _OURS
    ADJACENT = "adjacent_variables", _PORTALS
    AT_END = "variable_at_end", _PORTALS
    LITTLE_FIXED = "little_fixed_text", _PORTALS
    FORBIDDEN = "forbidden_character", _PORTALS
    SPACES = "double_space", _PORTALS
    EDGE = "space_at_end", _EXACT
    UNKNOWN_KEY = "unknown_key", _OURS


class LintNotice(NamedTuple):
    """One notice about one template; without a name about the file."""

    kind: LintKind
    template: str | None
    message: str


def lint(registry: Registry, place: Sequence[str] = ()) -> tuple[LintNotice, ...]:
    """Return what is to be said of the templates that could be read, and of those that could not.

    ``place`` is what names the file in a command.
    """
    checks = (_ids, _header, _type, _markers, partial(_names, place=place), _shape, _characters)
    notes = [LintNotice(LintKind.UNKNOWN_KEY, None, warning) for warning in registry.warnings]
    notes += [LintNotice(_kind(flaw), name, _sentence(flaw)) for name, flaw in registry.flawed.items()]
    for registered in registry.templates.values():
        notes += [
            LintNotice(kind, registered.name, message) for check in checks for kind, message in check(registered)
        ]
    return (*notes, *_shared(registry))


def _kind(flaw: InputError) -> LintKind:
    return LintKind.MARKER_INVALID if isinstance(flaw, MarkerError) else LintKind.INVALID


def _sentence(error: InputError) -> str:
    return f"{error.message}. {error.remedy}" if error.remedy else error.message


Found = Iterator[tuple[LintKind, str]]


def _ids(registered: Registered) -> Found:
    if registered.dlt_template_id is None:
        yield LintKind.MISSING_ID, "it has no dlt_template_id, so Indian operators may drop its messages"
    for entity, template in ((registered.dlt_entity_id, None), (None, registered.dlt_template_id)):
        try:
            for warning in dlt.check_ids(entity, template, is_kept=True):
                yield LintKind.ID_UNUSUAL, warning
        except InputError as error:
            yield LintKind.ID_INVALID, _sentence(error)


def _header(registered: Registered) -> Found:
    if registered.sender is None:
        yield (
            LintKind.MISSING_FROM,
            "it has no header (from), so the profile's is used, which must be registered with it",
        )
        return
    try:
        for warning in dlt.check_sender(registered.sender):
            yield LintKind.HEADER_UNUSUAL, warning
    except InputError as error:
        yield LintKind.HEADER_INVALID, _sentence(error)


def _type(registered: Registered) -> Found:
    if registered.type is None:
        yield LintKind.MISSING_TYPE, "it has no type, so Exotel decides whether it is promotional"


def _markers(registered: Registered) -> Found:
    for warning in registered.template.warnings:
        yield LintKind.MARKER, warning
    untyped = sum(each.count for each in registered.template.variables if each.kind is VariableType.UNTYPED)
    if untyped:
        what = "1 variable has" if untyped == 1 else f"{untyped} variables have"
        yield (
            LintKind.UNTYPED,
            f"{what} no type; a newly registered template needs {{#numeric#}}, {{#alphanumeric#}} and the like",
        )


def _names(registered: Registered, place: Sequence[str]) -> Found:
    unnamed = registered.names[len(registered.variables) :]
    if unnamed:
        what = f"variable{'s'[: len(unnamed) > 1]} {', '.join(unnamed)}"
        has, them = ("have no names", "them") if len(unnamed) > 1 else ("has no name", "it")
        letters = (letter for letter in ascii_uppercase if letter not in registered.variables)
        named = (*registered.variables, *letters)[: len(registered.names)]
        words = ("exosms", "template", "add", registered.name, *place, "--yes", "--variables", ",".join(named))
        command = f"`{for_shell(*words)}`"
        yield LintKind.UNNAMED, f"{what} {has}, so --var takes the number; {command} names {them}"


def _shape(registered: Registered) -> Found:
    tokens = registered.template.tokens
    pooled = any(each.count > 1 for each in registered.template.variables)
    if pooled or any(isinstance(one, Variable) and isinstance(other, Variable) for one, other in pairwise(tokens)):
        yield LintKind.ADJACENT, "variables are side by side, with no fixed text between them"
    ends = {"begins": tokens[0], "ends": tokens[-1]}
    at = [verb for verb, token in ends.items() if isinstance(token, Variable)]
    if at:
        yield LintKind.AT_END, f"the text {' and '.join(at)} with a variable"
    share = 100 * registered.template.literal_length // len(registered.template.folded)
    if share < LEAST_FIXED:
        yield LintKind.LITTLE_FIXED, f"{share} % of the text is fixed, less than {LEAST_FIXED} %"


def _characters(registered: Registered) -> Found:
    text = registered.template.folded
    for character in "<>":
        if character in text:
            yield LintKind.FORBIDDEN, f"the text has {character!r} at offset {text.index(character)}"
    if "  " in text:
        yield LintKind.SPACES, f"the text has two spaces in a row at offset {text.index('  ')}"
    if text != text.strip():
        yield LintKind.EDGE, "the text begins or ends with a space or a line break, which a body must repeat"


def _shared(registry: Registry) -> Iterator[LintNotice]:
    """Yield what several templates have in common."""
    by_id: dict[str, Registered] = {}
    by_text: dict[str, Registered] = {}
    for registered in registry.templates.values():
        own_id, text = registered.dlt_template_id, registered.template.folded
        first = by_id.setdefault(own_id, registered) if own_id else registered
        if first.template.folded != text:
            yield LintNotice(
                LintKind.ID_CONFLICT,
                registered.name,
                f"{first.name!r} has the id {own_id} too, with a different text",
            )
        elif first is not registered:
            yield LintNotice(
                LintKind.ID_SHARED, registered.name, f"{first.name!r} has the id {own_id} too, with the same text"
            )
        same = by_text.setdefault(text, registered)
        if same is not registered and first is registered:
            yield LintNotice(LintKind.TEXT_SHARED, registered.name, f"{same.name!r} has the same text")
