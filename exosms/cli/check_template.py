"""``exosms check-template``: whether the operator will let a text through."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from exosms.cli import options as o
from exosms.cli.output.out import Format, Out
from exosms.errors import ExitCode, InputError, UsageError
from exosms.system.wording import counted

if TYPE_CHECKING:
    from exosms.bulk.row_text import RowText
    from exosms.bulk.table import Row, RowError, Table
    from exosms.templates.check import TemplateCheck
    from exosms.templates.registry import Registered, Registry


def command(
    *,
    body: str | None = None,
    body_file: str | None = None,
    csv: Annotated[
        Path | None,
        o.option("--csv", metavar="FILE", help="Check the text of every row of a CSV file, or of '-'."),
    ] = None,
    delimiter: str | None = None,
    csv_encoding: str | None = None,
    template: str | None = None,
    text: Annotated[str | None, o.option("--text", metavar="TEXT", help="A registered text, given here.")] = None,
    place: o.TemplateFile,
    out: o.QuietPrinter,
) -> int:
    """Check offline whether a text matches a registered DLT template, and say where and why it does not.

    Without -t and --text it is compared with every known template, and the most specific match wins. Exit code 0:
    it matches, 3: it does not.

    exosms check-template -t otp --body "123456 is your OTP for login. - Acme"

    exosms check-template -t otp --csv customers.csv --json
    """
    if [body, body_file, csv].count(None) != 2:
        raise UsageError("Give one of --body, --body-file and --csv")
    if template is not None and text is not None:
        raise UsageError("Give either -t or --text")
    if csv is None and (delimiter is not None or csv_encoding is not None):
        raise UsageError("--delimiter and --csv-encoding describe --csv FILE, so they need it")
    try:
        known = _known(out, template, text, place)
        if csv is not None:
            return _check_rows(out, csv, known, delimiter=delimiter, encoding=csv_encoding)
        return _check_one(out, body, body_file, known)
    except InputError as error:
        out.failure(error, match=False, template=template, values={}, problems=[])
        return error.exit_code


def _known(out: Out, template: str | None, text: str | None, place: o.TemplateFile) -> "Registered | Registry":
    """Return what to compare with: one template, or all that are known."""
    from exosms.templates.registry import LONGEST_TEXT, Registered

    if text is not None:
        if not text:
            raise InputError("The registered text is empty")
        if len(text) > LONGEST_TEXT:
            raise InputError(
                f"The registered text has {len(text)} characters, more than the maximum of {LONGEST_TEXT}"
            )
        return Registered(name="", text=text)
    from exosms.cli.context import find_settings, open_registry
    from exosms.config.settings import AccountOptions

    settings = find_settings(out, AccountOptions(**place._asdict()), account_needed=False)
    registry = open_registry(settings)
    if template is not None:
        return registry.get(template)
    for flaw in registry.flawed.values():
        out.warn(flaw.message)
    return registry


def _verdict(body: str, known: "Registered | Registry") -> "TemplateCheck":
    from exosms.templates.check import against, against_all
    from exosms.templates.registry import Registered

    return against(body, known) if isinstance(known, Registered) else against_all(body, known)


def _check_one(out: Out, body: str | None, body_file: str | None, known: "Registered | Registry") -> int:
    from exosms.cli.body_text import read_text
    from exosms.cli.output import template_check

    verdict = _verdict(body if body is not None else read_text(body_file or "-"), known)
    exit_code = ExitCode.OK if verdict.matches else ExitCode.INPUT
    if out.format in {Format.JSON, Format.JSONL}:
        out.result(exit_code=int(exit_code), **template_check.document(verdict), error=None)
    else:
        template_check.show(out, verdict)
    return exit_code


def _check_rows(
    out: Out, file: Path, known: "Registered | Registry", *, delimiter: str | None, encoding: str | None
) -> int:
    from exosms.bulk.table import open_table
    from exosms.templates.registry import Registered

    checked = matched = 0
    problems: list[Mapping[str, Any]] = []
    with open_table(None if str(file) == "-" else file, delimiter=delimiter, encoding=encoding) as sheet:
        wording = _wording(out, sheet, known)
        for line, row_check in _row_checks(sheet, wording, known):
            found = _problems(row_check)
            checked += 1
            matched += not found
            name = _name(row_check, known)
            for problem in found:
                problems.append({"line": line, "template": name or None, **problem})
                if out.format not in {Format.JSON, Format.JSONL}:
                    offset = "" if problem["offset"] is None else str(problem["offset"])
                    said = f"{problem['explanation']} {problem['change']}".rstrip()
                    out.line("mismatch", name, f"line {line}", offset, said)
    if not checked:
        raise InputError(f"{sheet.name} has no rows below its headers", remedy="Nothing was checked.")
    warnings = wording.warnings.counts
    exit_code = ExitCode.OK if matched == checked else ExitCode.INPUT
    if out.format in {Format.JSON, Format.JSONL}:
        counts = {"rows": checked, "matched": matched}
        own = known.name or None if isinstance(known, Registered) else None
        out.result(
            exit_code=int(exit_code),
            match=not exit_code,
            template=own,
            values={},
            counts=counts,
            warnings=[*warnings],
            problems=problems,
            error=None,
        )
    else:
        for warning, count in warnings.items():
            out.warn(f"{warning} ({counted(count, 'row')})")
        out.tell(f"{matched} of {checked} rows match")
    return exit_code


def _row_checks(
    sheet: "Table", wording: "RowText", known: "Registered | Registry"
) -> "Iterator[tuple[int, TemplateCheck | Sequence[RowError]]]":
    """Yield for each record its physical line and what was found: a verdict, or flaws; none if it matches."""
    from exosms.bulk.table import RowError

    for row in sheet.rows():
        yield row.line, [row] if isinstance(row, RowError) else _row_check(row, wording, known)


def _row_check(
    row: "Row", wording: "RowText", known: "Registered | Registry"
) -> "TemplateCheck | Sequence[RowError]":
    from exosms.sms.compose import check_length
    from exosms.sms.message import MessageFields

    row_errors = wording.row_errors(row)
    body, is_certain = wording.write(row.cells)
    try:
        check_length(body)
    except InputError as error:
        row_errors.append(wording.unsendable(row, body, MessageFields(sender=""), error))
    return row_errors if row_errors or is_certain else _verdict(body, known)


def _wording(out: Out, sheet: "Table", known: "Registered | Registry") -> "RowText":
    """Return what makes the texts: the template where the file has columns for its variables, else ``body``."""
    from exosms.bulk.row_message import wording_for
    from exosms.bulk.row_text import Columns
    from exosms.templates.registry import Registered

    columns = Columns(sheet.headers)
    template = known if isinstance(known, Registered) else None
    if template is None and "body" not in columns:
        raise InputError(f"{sheet.name} has no column body", remedy="Name the template with -t, or add that column.")
    if template is not None and "body" in columns:
        if template.names and all(name in columns for name in template.names):
            out.warn("the texts are rendered from the template's columns, as bulk does; the column body is not used")
        else:
            template = None
    try:
        return wording_for(columns, template=template, variables={}, body=None, fit=False, allow_empty=False)
    except InputError as error:
        raise InputError(f"{sheet.name}: {error.message}", remedy="Name the columns as the variables.") from error


def _problems(row_check: "TemplateCheck | Sequence[RowError]") -> Sequence[Mapping[str, Any]]:
    """Return what is wrong as documents."""
    from exosms.cli.output import template_check
    from exosms.templates.check import TemplateCheck

    if isinstance(row_check, TemplateCheck):
        return template_check.problem_documents(row_check)
    return [
        {
            "kind": "row",
            "column": row_error.column,
            "offset": None,
            "expected": None,
            "found": row_error.value,
            "explanation": f"{row_error.message}.",
            "change": row_error.remedy,
        }
        for row_error in row_check
    ]


def _name(row_check: "TemplateCheck | Sequence[RowError]", known: "Registered | Registry") -> str:
    from exosms.templates.check import TemplateCheck
    from exosms.templates.registry import Registered

    template = row_check.template if isinstance(row_check, TemplateCheck) else known
    return template.name if isinstance(template, Registered) else ""
