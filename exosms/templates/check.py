"""A body held against registered templates: does it match, with which values, and if not, where and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from exosms.errors import InputError
from exosms.sms.compose import check_length
from exosms.system.wording import counted
from exosms.templates import syntax
from exosms.templates.edges import edge_warnings
from exosms.templates.match import Match, match
from exosms.templates.registry import Registered, Registry

if TYPE_CHECKING:
    from exosms.templates.explain.explain import Explanation


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateCheck:
    """What was found. ``template`` is the one compared with; None if none has a word in common with the body."""

    body: str
    template: Registered | None
    matches: bool
    values: Mapping[str, str] = field(default_factory=dict)
    ambiguous: bool = False
    """Other values would make the same body."""
    warnings: tuple[str, ...] = ()
    problems: tuple["Explanation", ...] = ()
    mended: str | None = None
    """The text as it should be; None if it is, and where only a person knows."""
    others: tuple[str, ...] = ()
    """Further templates that match just as specifically."""

    @property
    def name(self) -> str:
        """The name of the template compared with; empty if there is none, or if it has none."""
        return self.template.name if self.template else ""


class MismatchError(InputError):
    """The text does not match its template; the operator would drop it after it was paid for."""

    def __init__(self, verdict: TemplateCheck) -> None:
        first = verdict.problems[0]
        others = len(verdict.problems) - 1
        more = f" and in {counted(others, 'more place')}" if others else ""
        super().__init__(
            f"The text does not match the template {verdict.name!r} at offset {first.offset}{more}."
            f" {first.explanation}",
            remedy=first.change,
        )
        self.verdict = verdict


def rendered(
    registered: Registered, given: Mapping[str, str], *, fit: bool
) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """Return the text that values make, these in their order, and warnings.

    ``fit`` cuts the values to what their variables hold.
    """
    values = registered.values(given)
    fitted, warnings = syntax.fit(registered.template, values) if fit else (values, ())
    return syntax.render(registered.template, fitted), fitted, warnings


def against(body: str, registered: Registered, *, values: Sequence[str] | None = None) -> TemplateCheck:
    """Hold a body against one template; raises InputError for one that is longer than any message.

    Of a rendered one the values are known, so that none can have taken in what stands beside it.
    """
    check_length(body)
    found = match(registered.template, body)
    warnings = registered.template.warnings
    if not isinstance(found, Match):
        from exosms.templates.explain.explain import explain, mend  # texts that match, as most do, need none of it

        problems = explain(registered.template, body, values)
        return TemplateCheck(
            body=body,
            template=registered,
            matches=False,
            warnings=warnings,
            problems=problems,
            mended=_mended(registered.template, mend(body, problems), problems),
        )
    edges = () if values is not None else edge_warnings(registered.template, body, found)
    return TemplateCheck(
        body=body,
        template=registered,
        matches=True,
        values=found.named(registered.names),
        ambiguous=found.ambiguous,
        warnings=(*warnings, *found.warnings, *edges),
    )


def _mended(template: syntax.Template, text: str, problems: Sequence["Explanation"]) -> str | None:
    """Return the body with all changes made, if they are known and make it match."""
    known = all(problem.replacement is not None for problem in problems)
    return text if known and isinstance(match(template, text), Match) else None


def against_all(body: str, registry: Registry) -> TemplateCheck:
    """Hold a body against every template known; the most specific match wins, else the nearest is explained."""
    if not registry.templates:
        none = InputError(
            f"There are no templates in {registry.path}",
            remedy="Add one with `exosms template add`, or give the text with --text.",
        )
        raise next(iter(registry.flawed.values()), none)
    check_length(body)
    best = registry.index.best(body)
    if best.name is None:
        return TemplateCheck(body=body, template=None, matches=False)
    return replace(against(body, registry.templates[best.name]), others=best.others)


def sentence(verdict: TemplateCheck) -> str:
    """Return one comparison as a sentence, for a text that went out and failed."""
    if verdict.matches:
        return (
            f"check-template finds that it matches the template {verdict.name!r} as stored here, so compare that"
            " template's text and id with the DLT portal."
        )
    first = verdict.problems[0]
    where = f"against the template {verdict.name!r}, at offset {first.offset}"
    return f"check-template finds, {where}: {first.explanation} {first.change}"
