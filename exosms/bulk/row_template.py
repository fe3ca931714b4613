"""The text of each row from a registered template, checked to be what was registered."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from exosms.bulk.row_text import Columns, Pattern, RowText, TextOptions, escaped
from exosms.bulk.table import Row, RowError, fold
from exosms.errors import InputError
from exosms.sms.foreign_markers import may_hold_one
from exosms.templates import syntax
from exosms.templates.check import against
from exosms.templates.match import holds
from exosms.templates.registry import Registered
from exosms.templates.syntax import Literal, Template, Variable
from exosms.templates.variables import RULES, Step, anything, holds_link, is_digit, warnings


class Proof:
    """Shows from the values alone that a text matches its template, much faster than by comparing the whole text.

    The text is made of the template's own fixed texts; so if every value is legal for its variable, the text matches.
    What a comparison finds beyond that are markers left unfilled: without their signs in the fixed texts and in the
    values there can be none. Whatever this does not show is left to ``against``.
    """

    def __init__(self, template: Template) -> None:
        self._checks = [(variable, _legal(variable)) for variable in template.variables]
        self._is_possible = not any("{" in literal.text or "#" in literal.text for literal in template.literals)

    def holds_for(self, values: Sequence[str]) -> bool:
        """Whether the text with one value for each marker matches for sure."""
        together = "".join(values)
        # A carriage return may join the line feed of the text behind it.
        if not self._is_possible or may_hold_one(together) or "\r" in together:
            return False
        return all(is_legal(_of(variable, values)) for variable, is_legal in self._checks)


def _of(variable: Variable, values: Sequence[str]) -> str:
    """Return what a variable holds; markers side by side share one room."""
    if variable.count == 1:
        return values[variable.index]
    return "".join(values[variable.index : variable.index + variable.count])


def _legal(variable: Variable) -> Callable[[str], bool]:
    """Return the fastest check for what ``match.holds`` decides."""
    shapes = RULES[variable.kind].shapes
    if len(shapes) == 1 and len(shapes[0]) == 1:
        step = shapes[0][0]
        if isinstance(step, Step) and step.chars in {anything, is_digit} and step.most is not None:
            sort = "." if step.chars is anything else "[0-9]"
            runs = f"{{{step.least * variable.count},{step.most * variable.count}}}"
            fullmatch = re.compile(sort + runs, re.DOTALL).fullmatch
            return lambda value: fullmatch(value) is not None
    return partial(holds, variable)


class RowTemplate(RowText):
    """Texts rendered from a template, checked to be what was registered."""

    def __init__(self, columns: Columns, template: Registered, options: TextOptions) -> None:
        super().__init__(columns, _bound(template, options.variables, columns), options)
        self._template = template
        self._skeleton = _skeleton(template.template)
        self._proof = Proof(template.template)
        self._variables = template.template.variables

    def write(self, cells: Mapping[str, str], *, is_counted: bool = True) -> tuple[str, bool]:
        """Return a row's text, and whether it is certain to be what was registered without being compared."""
        values = tuple([pattern.fill(cells) for pattern in self._patterns])
        is_certain = self._proof.holds_for(values)
        if self._options.fit and not (is_certain and all(map(str.isprintable, values))):
            values = self._fitted(values, is_counted=is_counted)
            is_certain = self._proof.holds_for(values)
        for variable in self._variables if is_counted else ():
            for caution in warnings(variable.kind, _of(variable, values), count=variable.count):
                self.warnings.add(f"{variable.label} {caution}")
        return self._skeleton % values, is_certain

    def values(self, row: Row) -> Sequence[str]:
        """Return the values of a row's text, one for each marker."""
        values = tuple([pattern.fill(row.cells) for pattern in self._patterns])
        return self._fitted(values, is_counted=False) if self._options.fit else values

    def mismatches(self, row: Row, body: str) -> list[RowError]:
        """Return a flaw for everything that makes a row's text differ from its template."""
        values = self.values(row)
        return [
            self._row_error(
                row,
                self._column_of(problem.variable),
                f"The text does not match the template {self._template.name!r}. {problem.explanation}",
                problem.change,
                value=problem.found,
            )
            for problem in against(body, self._template, values=values).problems
        ]

    def note_id(self, dlt_template_id: str) -> None:
        """Count a row whose own cell says that its text is registered under another id."""
        registered = self._template.dlt_template_id
        if registered and dlt_template_id != registered:
            name = self._template.name
            self.warnings.add(
                f"the template {name!r} is registered as {registered}, not as the row's DLT template id"
            )

    def _fitted(self, values: tuple[str, ...], *, is_counted: bool) -> tuple[str, ...]:
        """Return the values cut to what their variables hold, counting which were; a link is left for refusal."""
        shorter, _ = syntax.fit(self._template.template, values)
        both = [*zip(values, shorter, strict=True)]
        fitted = tuple([one if holds_link(one) and _is_cut(one, other) else other for one, other in both])
        for name, before, after in zip(self._template.names, values, fitted, strict=True) if is_counted else ():
            if not before.startswith(after):
                self.warnings.add(f"line breaks in the value of {name} were changed to spaces")
            if _is_cut(before, after):
                self.warnings.add(f"the value of {name} was cut to the length its variable allows")
        return fitted

    def _column_of(self, marker: int | None) -> str | None:
        """Return the folded column that alone fills a marker and those that share its room; None if it is none."""
        sharing = next((slice(v.index, v.index + v.count) for v in self._variables if v.index == marker), slice(0))
        columns = {column for pattern in self._patterns[sharing] for column in pattern.columns}
        return columns.pop() if len(columns) == 1 else None


def _bound(template: Registered, variables: Mapping[str, str], columns: Columns) -> list[Pattern]:
    """Return a pattern for every marker; raises InputError for a variable that is unknown or bound to nothing."""
    template.values({**dict.fromkeys(template.names, ""), **variables})  # for its sentence about an unknown name
    missing = [name for name in template.names if name not in variables and name not in columns]
    if missing:
        raise InputError(
            f"The template {template.name!r} needs values for {', '.join(missing)}, and the file has no such column",
            remedy=f"{' '.join(f'--var {name}=…' for name in missing)}, or add the column. {columns.listed}",
        )
    return [
        Pattern.parse(variables[name], columns, name=f"The value of {name}")
        if name in variables
        else Pattern("%s", (fold(name),))
        for name in template.names
    ]


def _is_cut(before: str, after: str) -> bool:
    return len(after) < len(before) - before.count("\r\n")


def _skeleton(template: Template) -> str:
    return "".join(
        escaped(token.text) if isinstance(token, Literal) else "%s" * token.count for token in template.tokens
    )
