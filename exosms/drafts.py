"""Rows to messages, by a recipe that was checked against the file's columns before its first row."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from exosms import dlt, phone
from exosms.compose import Letterhead, compose
from exosms.errors import InputError, UsageError
from exosms.message import Encoding, Message, MessageType, Priority
from exosms.registry import Registered
from exosms.rows import Flaw, Row, fold, shown
from exosms.template import syntax
from exosms.template.kinds import RULES, Step, anything, cautions, is_digit
from exosms.template.match import holds
from exosms.template.syntax import Literal, Template, Variable
from exosms.verdict import against

RECIPIENT_COLUMNS = ("to", "phone", "mobile")
"""Where numbers are looked for, in this order."""

MOST_WARNINGS = 50
"""Different sentences that are counted one by one."""

FURTHER = "further warnings"
"""Under which the others are counted."""

_BRACE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_SCIENTIFIC = re.compile(r"\+?[0-9]+(?:[.,][0-9]*)?[eE]\+?[0-9]+")
_DECIMAL = re.compile(r"\+?[0-9]{8,}[.,]0+")
_LOST = "\N{REPLACEMENT CHARACTER}"
_SENDER = "Fill it, or add --from SENDER for such rows."
_FILL = "Fill it; bulk --allow-empty sends such rows as they are."


class Columns:
    """The columns of a file, found as people write them."""

    def __init__(self, headers: Sequence[str]) -> None:
        self.written: Mapping[str, str] = {fold(header): header for header in headers}

    def __contains__(self, name: str) -> bool:
        return fold(name) in self.written

    def find(self, name: str, *, wanted_by: str) -> str:
        """Return a column's folded name; raises InputError naming the nearest one."""
        if name in self:
            return fold(name)
        raise InputError(
            f"{wanted_by} needs the column {name!r}, which the file does not have{self._near(name)}",
            remedy=self.listed,
        )

    @property
    def listed(self) -> str:
        """A sentence with the columns there are."""
        return f"Its columns are: {', '.join(self.written.values())}."

    def _near(self, name: str) -> str:
        import difflib

        near = difflib.get_close_matches(fold(name), list(self.written), n=1)
        return f"; did you mean {self.written[near[0]]!r}?" if near else ""


class Pattern(NamedTuple):
    """A text with columns in it; what a cell holds is never read as a pattern again."""

    skeleton: str
    """In the notation of Python's ``%``."""
    columns: tuple[str, ...]
    """Folded; in order, once for each place."""

    @classmethod
    def parse(cls, text: str, columns: Columns, *, name: str) -> "Pattern":
        """Read ``Dear {name}``, where ``{{`` and ``}}`` are braces; raises InputError with the offset of others."""
        parts: list[str] = []
        used: list[str] = []
        done = 0
        for found in _BRACE.finditer(text):
            parts.append(_literal(text[done : found.start()]))
            done = found.end()
            if found[0] in {"{{", "}}"}:
                parts.append(found[0][0])
            elif found[1]:
                used.append(columns.find(found[1], wanted_by=name))
                parts.append("%s")
            else:
                raise InputError(
                    f"{name} has a brace at offset {found.start()} without a column name: {shown(text)!r}",
                    remedy="Write {Column}, and {{ or }} for a literal brace.",
                )
        return cls("".join((*parts, _literal(text[done:]))), tuple(used))

    def fill(self, cells: Mapping[str, str]) -> str:
        """Return the text with the cells in their places."""
        return self.skeleton % tuple([cells[column] for column in self.columns])


def _literal(text: str) -> str:
    return text.replace("%", "%%")


class Warnings:
    """Counts of the sentences about many rows, so that a million of them make one line."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def add(self, sentence: str) -> None:
        """Count a sentence, of its own or with the others."""
        is_known = sentence in self.counts or len(self.counts) < MOST_WARNINGS
        self.counts[sentence if is_known else FURTHER] += 1


class Proof:
    """Shows from the values alone that a text matches its template, much faster than by comparing the whole text.

    The text is made of the template's own fixed texts; so if every value is legal for its variable, the text matches.
    What a comparison finds beyond that are markers left unfilled: without a brace in the fixed texts, and without
    brace and percent sign in the values, there can be none. Whatever this does not show is left to ``verdict``.
    """

    def __init__(self, template: Template) -> None:
        self._checks = [(variable, _legal(variable)) for variable in template.variables]
        self._is_possible = not any("{" in literal.text for literal in template.literals)

    def holds_for(self, values: Sequence[str]) -> bool:
        """Whether the text with one value for each marker matches for sure."""
        together = "".join(values)
        # A carriage return may join the line feed of the text behind it.
        if not self._is_possible or "{" in together or "%" in together or "\r" in together:
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


class Wording:
    """Where the text of each row comes from: a pattern, the column ``body`` or a template."""

    def __init__(self, columns: Columns, patterns: Sequence[Pattern], *, allow_empty: bool) -> None:
        self.columns = tuple(dict.fromkeys(column for pattern in patterns for column in pattern.columns))
        """Folded, each once."""
        self.warnings = Warnings()
        self._written = columns.written
        self._patterns = patterns
        self._allow_empty = allow_empty

    @classmethod
    def of(
        cls,
        headers: Sequence[str],
        *,
        template: Registered | None,
        variables: Mapping[str, str],
        body: str | None,
        fit: bool,
        allow_empty: bool,
    ) -> "Wording":
        """Return the wording for a file with these columns; raises InputError for a column that is missing.

        ``variables`` has patterns for variables of the template; the others are columns of the same name.
        """
        columns = Columns(headers)
        if template is not None:
            if body is not None:
                raise UsageError("Give the text with a template or with --body, not both")
            return Rendering(
                columns, _bound(template, variables, columns), template, fit=fit, allow_empty=allow_empty
            )
        if body is not None:
            return cls(columns, [Pattern.parse(body, columns, name="The text")], allow_empty=allow_empty)
        if "body" in columns:
            return cls(columns, [Pattern("%s", ("body",))], allow_empty=allow_empty)
        raise InputError(
            "The file has no column 'body', and no text was given for its rows",
            remedy=f"Give --template or --body, or add that column. {columns.listed}",
        )

    def write(self, cells: Mapping[str, str]) -> tuple[str, bool]:
        """Return a row's text, and whether it is certain to be what was registered without being compared."""
        return self._patterns[0].fill(cells), False

    def mismatches(self, _row: Row, _body: str) -> list[Flaw]:
        """Return a flaw for everything that makes a row's text differ from its template."""
        return []

    def flaws(self, row: Row) -> list[Flaw]:
        """Return a flaw for every cell of the text that lost a character or, unless these are allowed, is empty."""
        return [*_lost(row, self.columns, self._written), *([] if self._allow_empty else self._empty(row))]

    def unsendable(self, row: Row, body: str, letterhead: Letterhead, error: InputError) -> Flaw:
        """Return the flaw of a text that ``compose`` refused, in the column whose cell is refused on its own."""
        guilty = [column for column in self.columns if _is_refused(row.cells[column], letterhead)]
        column = guilty[0] if guilty else self.columns[0] if len(self.columns) == 1 else None
        return self._flaw(row, column, error.message, error.remedy, value=body)

    def _empty(self, row: Row) -> list[Flaw]:
        return [
            self._flaw(row, column, "The cell is empty, and the text uses it", _FILL)
            for column in self.columns
            if not row.cells[column].strip()
        ]

    def _flaw(self, row: Row, column: str | None, message: str, remedy: str, *, value: str = "") -> Flaw:
        return _flaw(row, self._written, column, message, remedy, value=value)


class Rendering(Wording):
    """Texts rendered from a template, checked to be what was registered."""

    def __init__(
        self, columns: Columns, patterns: Sequence[Pattern], template: Registered, *, fit: bool, allow_empty: bool
    ) -> None:
        super().__init__(columns, patterns, allow_empty=allow_empty)
        self._template = template
        self._fit = fit
        self._skeleton = _skeleton(template.template)
        self._proof = Proof(template.template)
        self._variables = template.template.variables

    def write(self, cells: Mapping[str, str]) -> tuple[str, bool]:
        """Return a row's text, and whether it is certain to be what was registered without being compared."""
        values = tuple([pattern.fill(cells) for pattern in self._patterns])
        is_certain = self._proof.holds_for(values)
        if self._fit and not (is_certain and all(map(str.isprintable, values))):
            values = self._fitted(values)
            is_certain = self._proof.holds_for(values)
        for variable in self._variables:
            for caution in cautions(variable.kind, _of(variable, values), count=variable.count):
                self.warnings.add(f"{variable.label} {caution}")
        return self._skeleton % values, is_certain

    def mismatches(self, row: Row, body: str) -> list[Flaw]:
        """Return a flaw for everything that makes a row's text differ from its template."""
        return [
            self._flaw(
                row,
                self._column_of(problem.variable),
                f"The text does not match the template {self._template.name!r}: {problem.explanation}",
                problem.change,
                value=problem.found,
            )
            for problem in against(body, self._template).problems
        ]

    def _fitted(self, values: tuple[str, ...]) -> tuple[str, ...]:
        """Return the values cut to what their variables hold, counting which were."""
        fitted, _ = syntax.fit(self._template.template, values)
        for name, before, after in zip(self._template.names, values, fitted, strict=True):
            if not before.startswith(after):
                self.warnings.add(f"line breaks in the value of {name} were changed to spaces")
            if len(after) < len(before) - before.count("\r\n"):
                self.warnings.add(f"the value of {name} was cut to the length its variable allows")
        return fitted

    def _column_of(self, marker: int | None) -> str | None:
        """Return the folded column that alone fills a marker and those that share its room; None if it is none."""
        sharing = next((slice(v.index, v.index + v.count) for v in self._variables if v.index == marker), slice(0))
        columns = {column for pattern in self._patterns[sharing] for column in pattern.columns}
        return columns.pop() if len(columns) == 1 else None


class Recipe:
    """How each row of one file becomes a message."""

    def __init__(
        self,
        columns: Columns,
        *,
        wording: Wording,
        letterhead: Letterhead,
        recipient: str,
        country: str,
        sender_needed: bool,
    ) -> None:
        self._written = columns.written
        self._sender_needed = sender_needed
        self._wording = wording
        self._letterhead = letterhead
        self._recipient = recipient
        self._country = country
        self._own = [
            (column, field, read)
            for name, (field, read) in _OWN_FIELDS.items()
            if (column := fold(name)) in columns.written and column != recipient
        ]
        self._beside = (recipient, *(column for column, _, _ in self._own))
        self._double_uses = [self._double_use(column) for column in self._beside if column in wording.columns]

    @classmethod
    def of(  # noqa: PLR0913 - every one of them is an option of a command
        cls,
        headers: Sequence[str],
        *,
        letterhead: Letterhead,
        country: str,
        to_column: str | None,
        template: Registered | None,
        variables: Mapping[str, str],
        body: str | None,
        fit: bool,
        allow_empty: bool,
        sender_needed: bool = False,
    ) -> "Recipe":
        """Return the recipe for a file with these columns; raises InputError for a column that is missing.

        The text comes from the template (each variable from ``variables``, whose patterns may hold ``{Column}``, else
        from the column of its name), from the pattern ``body``, or from the column ``body``. ``country`` is where
        numbers without ``+`` belong. With ``sender_needed`` a row is flawed for which nothing gives a sender.
        """
        columns = Columns(headers)
        wording = Wording.of(
            headers, template=template, variables=variables, body=body, fit=fit, allow_empty=allow_empty
        )
        recipient = _recipient_column(columns, to_column)
        return cls(
            columns,
            wording=wording,
            letterhead=letterhead,
            recipient=recipient,
            country=country,
            sender_needed=sender_needed and not letterhead.sender,
        )

    @property
    def unused(self) -> tuple[str, ...]:
        """The columns that nothing uses, as the file writes them."""
        used = {*self._beside, *self._wording.columns}
        return tuple(header for column, header in self._written.items() if column not in used)

    @property
    def warnings(self) -> Mapping[str, int]:
        """Sentences about the rows so far, and how many rows each is true of."""
        return self._wording.warnings.counts

    def reads(self, name: str) -> bool:
        """Whether the rows have that field of the message of their own."""
        return any(column == fold(name) for column, _, _ in self._own)

    def recipient_in(self, row: Row) -> str:
        """Return what stands in the file in the place of the recipient."""
        return row.cells[self._recipient]

    def draft(self, row: Row) -> Message | tuple[Flaw, ...]:
        """Return a row's message, or everything that is wrong with the row."""
        for double_use in self._double_uses:
            self._wording.warnings.add(double_use)
        of_text = self._wording.flaws(row)
        flaws = [*of_text, *_lost(row, self._beside, self._written)]
        letterhead = self._headed(row, flaws) if self._own else self._letterhead
        to = self._number(row, flaws)
        body, is_certain = self._wording.write(row.cells)
        try:
            message = compose(to, body, letterhead)
        except InputError as error:
            if body.strip() or not of_text:  # else it is empty because a cell is
                flaws.append(self._wording.unsendable(row, body, letterhead, error))
            return tuple(flaws)
        if not is_certain:
            flaws += self._wording.mismatches(row, body)
        return tuple(flaws) if flaws else message

    def _double_use(self, column: str) -> str:
        what = "the recipient" if column == self._recipient else "a field of the message"
        return f"the column {self._written[column]!r} is {what} and also part of the text"

    def _number(self, row: Row, flaws: list[Flaw]) -> str:
        """Return the recipient in E.164, or nothing and one more flaw."""
        cell = row.cells[self._recipient]
        try:
            if not cell.isdigit():
                _check_undamaged(cell)
            return phone.parse(cell, country=self._country)
        except InputError as error:
            flaws.append(self._flaw(row, self._recipient, error.message, error.remedy))
            return ""

    def _headed(self, row: Row, flaws: list[Flaw]) -> Letterhead:
        """Return the letterhead with what the row has of its own; what is wrong there is one more flaw."""
        own: dict[str, Any] = {}
        for column, field, read in self._own:
            cell = row.cells[column]
            if not cell.strip():
                if field == "sender" and self._sender_needed:
                    flaws.append(self._flaw(row, column, "The cell is empty, and no other sender is set", _SENDER))
                continue
            try:
                own[field], warnings = read(cell)
            except InputError as error:
                flaws.append(self._flaw(row, column, error.message, error.remedy))
                continue
            for warning in warnings:
                self._wording.warnings.add(warning)
        return self._letterhead._replace(**own) if own else self._letterhead

    def _flaw(self, row: Row, column: str, message: str, remedy: str) -> Flaw:
        return _flaw(row, self._written, column, message, remedy)


def _lost(row: Row, columns: Sequence[str], written: Mapping[str, str]) -> list[Flaw]:
    """Return a flaw for every cell that lost a character before it came here."""
    if _LOST not in "".join([row.cells[column] for column in columns]):
        return []
    return [
        _flaw(
            row,
            written,
            column,
            f"The cell {shown(row.cells[column])!r} contains U+FFFD, which replaces a character that was lost",
            "Export the file again as CSV UTF-8.",
        )
        for column in columns
        if _LOST in row.cells[column]
    ]


def _recipient_column(columns: Columns, name: str | None) -> str:
    if name is not None:
        return columns.find(name, wanted_by="--to-column")
    for usual in RECIPIENT_COLUMNS:
        if usual in columns:
            return usual
    raise InputError(
        f"The file has none of the columns {', '.join(RECIPIENT_COLUMNS)}, so it has no recipients",
        remedy=f"Give the column of phone numbers with --to-column. {columns.listed}",
    )


def _check_undamaged(cell: str) -> None:
    """Raise InputError for a number that went through a spreadsheet's arithmetic."""
    number = cell.strip()
    if _SCIENTIFIC.fullmatch(number):
        raise InputError(
            f"{number!r} is a phone number that a spreadsheet changed; its digits are lost",
            remedy="Format the column as text in the spreadsheet and enter the numbers again.",
        )
    if _DECIMAL.fullmatch(number):
        raise InputError(
            f"{number!r} is a phone number that a spreadsheet or script changed to a decimal",
            remedy="Export the column as text.",
        )


_Read = Callable[[str], tuple[object, Iterable[str]]]
"""From a cell that is not empty to a field of the letterhead and warnings; raises InputError."""


def _read_sender(cell: str) -> tuple[str, tuple[str, ...]]:
    sender = cell.strip()
    return sender, dlt.check_sender(sender)


def _read_entity(cell: str) -> tuple[str, tuple[str, ...]]:
    entity = cell.strip()
    return entity, dlt.check_ids(entity, None)


def _read_template_id(cell: str) -> tuple[str, tuple[str, ...]]:
    template = cell.strip()
    return template, dlt.check_ids(None, template)


def _read_word(name: str, words: Mapping[str, object]) -> _Read:
    def read(cell: str) -> tuple[object, tuple[str, ...]]:
        word = cell.strip().casefold()
        if word not in words:
            raise InputError(f"{shown(cell)!r} is not a valid {name}", remedy=f"Write one of: {', '.join(words)}.")
        return words[word], ()

    return read


def _read_address(cell: str) -> tuple[str, tuple[str, ...]]:
    address = cell.strip()
    if not re.fullmatch(r"https?://[^\s/]+\S*", address):
        raise InputError(f"{shown(cell)!r} is not a valid URL", remedy="Write http://… or https://….")
    return address, ()


def _read_text(cell: str) -> tuple[str, tuple[str, ...]]:
    return cell, ()


_OWN_FIELDS: Mapping[str, tuple[str, _Read]] = {
    "from": ("sender", _read_sender),
    "dlt_entity_id": ("dlt_entity_id", _read_entity),
    "dlt_template_id": ("dlt_template_id", _read_template_id),
    "type": ("type", _read_word("type", {word.value: word for word in MessageType})),
    "priority": ("priority", _read_word("priority", {word.value: word for word in Priority})),
    "encoding": (
        "encoding",
        _read_word("encoding", {"auto": None, **{word.value: word for word in Encoding}}),
    ),
    "status_callback": ("status_callback", _read_address),
    "custom_field": ("custom_field", _read_text),
}
"""Columns whose cells win over the letterhead, the field that each fills, and how it is read."""


def _skeleton(template: Template) -> str:
    return "".join(
        _literal(token.text) if isinstance(token, Literal) else "%s" * token.count for token in template.tokens
    )


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


def _is_refused(cell: str, letterhead: Letterhead) -> bool:
    if not cell.strip():
        return False
    try:
        compose("", cell, letterhead)
    except InputError:
        return True
    return False


def _flaw(
    row: Row, written: Mapping[str, str], column: str | None, message: str, remedy: str, *, value: str = ""
) -> Flaw:
    return Flaw(
        number=row.number,
        line=row.line,
        column=None if column is None else written[column],
        value=shown(value if column is None else row.cells[column]),
        message=message,
        remedy=remedy,
    )
