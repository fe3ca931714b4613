"""``exosms check-template``: whether the operator will let a text through."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from exosms.bulk.row_message import wording_for
from exosms.bulk.row_text import Columns, RowText, TextOptions
from exosms.bulk.table import Row, RowError, Table, fold, open_table
from exosms.cli import options as o
from exosms.cli.body_text import read_text
from exosms.cli.context import find_settings
from exosms.cli.meant import text_is_a_dash
from exosms.cli.output import template_check
from exosms.cli.output.flaws import tell_some
from exosms.cli.output.out import Document, Out
from exosms.config.settings import AccountOptions, templates_path
from exosms.errors import ExitCode, InputError, UsageError
from exosms.sms import segments
from exosms.sms.compose import check_length
from exosms.sms.message import MessageFields
from exosms.system.wording import counted
from exosms.templates import marker_flaws, registry
from exosms.templates.check import TemplateCheck, against, against_all
from exosms.templates.registry import LONGEST_TEXT, Registered, Registry

_MOST_WARNINGS = 7
"""In JSON they are all there."""
_OWN_ID = fold("dlt_template_id")


def command(
    *,
    body: Annotated[
        str | None, o.option("-b", "--body", metavar="TEXT", group="Text", help="The text to be checked.")
    ] = None,
    body_file: str | None = None,
    csv: Annotated[
        Path | None,
        o.option(
            "--csv",
            metavar="FILE",
            group="Text",
            help="Check the text of every row of a CSV or a sheet; - is standard input.",
        ),
    ] = None,
    delimiter: str | None = None,
    csv_encoding: str | None = None,
    sheet: str | None = None,
    template: str | None = None,
    text: Annotated[
        str | None,
        o.option("--text", metavar="TEXT", group="Text", help="A registered text, instead of one in templates.toml."),
    ] = None,
    variables: Annotated[Mapping[str, str] | None, o.PATTERNS] = None,
    fix: Annotated[
        bool,
        o.option(
            "--fix",
            group="Output",
            help="Print only the text as it should be; exit code 0 if it already was, else 3.",
        ),
    ] = False,
    place: o.TemplateFile,
    out: o.QuietPrinter,
) -> int:
    """Check offline whether a text matches a registered DLT template, and say where and why it does not.

    Without -t and --text it is compared with every known template, and the most specific match wins. Exit code 0:
    it matches, 3: it does not.

    exosms check-template -t otp --body "123456 is your OTP for login. - Acme"

    exosms check-template -t otp --csv customers.csv --var app=login --json
    """
    if [body, body_file, csv].count(None) != 2:
        raise UsageError("Give one of --body, --body-file and --csv")
    if body == "-":
        raise text_is_a_dash(out.arguments)
    if template is not None and text is not None:
        raise UsageError("Give either -t or --text")
    if variables and (csv is None or (template is None and text is None)):
        raise UsageError("--var fills the template of -t or --text in for the rows of --csv FILE, so it needs both")
    if csv is None and (delimiter, csv_encoding, sheet) != (None, None, None):
        raise UsageError("--delimiter, --csv-encoding and --sheet describe --csv FILE, so they need it")
    if fix and csv is not None:
        raise UsageError("--fix mends one text, so it needs --body or --body-file")
    try:
        known = _known(out, template, text, place)
        if csv is None:
            given = body if body_file is None else read_text(body_file)
            return _check_one(out, given or "", known, fix=fix)
        file = None if str(csv) == "-" else csv
        with open_table(file, delimiter=delimiter, encoding=csv_encoding, sheet=sheet) as table:
            if sheet is None and table.other_sheets:
                out.warn(table.other_sheets)
            return _check_rows(out, table, known, variables or {})
    except InputError as error:
        out.failure(error, match=False, template=template, values={}, problems=[])
        return error.exit_code


def _known(out: Out, template: str | None, text: str | None, place: o.TemplateFile) -> Registered | Registry:
    """Return what to compare with: one template, or all that are known."""
    if text is not None:
        if len(text) > LONGEST_TEXT:
            raise InputError(
                f"The registered text has {len(text)} characters, more than the maximum of {LONGEST_TEXT}"
            )
        marker_flaws.check(text)
        return Registered(name="", text=text)
    settings = find_settings(out, AccountOptions(**place._asdict()), account_needed=False)
    known = registry.read(templates_path(settings))
    if template is not None:
        return known.get(template)
    for flaw in known.flawed.values():
        out.warn(flaw.message)
    return known


def _verdict(body: str, known: Registered | Registry, values: Sequence[str] | None = None) -> TemplateCheck:
    return against(body, known, values=values) if isinstance(known, Registered) else against_all(body, known)


def _check_one(out: Out, body: str, known: Registered | Registry, *, fix: bool) -> int:
    verdict = _with_unicode_of_values(_verdict(body, known))
    exit_code = ExitCode.OK if verdict.matches else ExitCode.INPUT
    if out.is_json:
        out.result(exit_code=int(exit_code), **template_check.document(verdict), error=None)
    elif fix:
        out.text(_fixed(verdict))
    else:
        template_check.show(out, verdict)
    return exit_code


def _with_unicode_of_values(verdict: TemplateCheck) -> TemplateCheck:
    """Warn of a value whose few characters alone make the text Unicode, such as curly quotes."""
    text = verdict.template.text if verdict.template and verdict.matches else None
    forcing = [] if text is None or segments.forcing_characters(text) else segments.measure(verdict.body).forcing
    if not forcing or len({each.character for each in forcing}) > segments.FEW_FORCING:
        return verdict
    verb = "makes" if len(forcing) == 1 else "make"
    return replace(
        verdict, warnings=(*verdict.warnings, f"in a value, {segments.named(forcing)} {verb} the text Unicode")
    )


def _fixed(verdict: TemplateCheck) -> str:
    """Return the text as it should be; raises InputError where only a person knows."""
    text = verdict.body if verdict.matches else verdict.mended
    if text is None:
        for_a_person = [each for each in verdict.problems if each.replacement is None] or verdict.problems
        first = f"{for_a_person[0].explanation} {for_a_person[0].change}" if for_a_person else ""
        raise InputError(
            "The text cannot be mended without you", remedy=first or "No registered template is like it."
        )
    return text


def _check_rows(out: Out, table: Table, known: Registered | Registry, variables: Mapping[str, str]) -> int:
    wording = _wording(out, table, known, variables)
    checked = matched = 0
    problems: list[Document] = []
    for row in table.rows():
        name, found = _check_row(row, wording, known)
        checked += 1
        matched += not found
        problems += [{"line": row.line, "template": name or None, **problem} for problem in found]
        if not (out.is_json or out.is_human):
            out.lines(template_check.row_line(problem) for problem in problems[-len(found) :] if found)
    if not checked:
        raise InputError(f"{table.name} has no rows below its headers", remedy="Nothing was checked.")
    exit_code = ExitCode.OK if matched == checked else ExitCode.INPUT
    dates = {
        table.dates_in(column): count for column, count in table.dates.items() if fold(column) in wording.columns
    }
    warnings = {**dates, **wording.warnings.counts}
    doubts = [*wording.told_doubts]
    if isinstance(known, Registered) and type(wording) is not RowText:  # otherwise it is said of each row
        doubts = [*known.template.warnings, *doubts]
    if table.hidden_rows:
        out.warn(table.hidden_rows)
    if out.is_json:
        out.result(
            exit_code=int(exit_code),
            match=not exit_code,
            template=known.name or None if isinstance(known, Registered) else None,
            values={},
            counts={"rows": checked, "matched": matched},
            warnings=[*doubts, *warnings],
            problems=problems,
            error=None,
        )
        return exit_code
    if problems and out.is_human:
        template_check.draw_rows(out, problems)
    for doubt in doubts:
        out.warn(doubt)
    told = [f"{warning} ({counted(count, 'row')})" for warning, count in warnings.items()]
    tell_some(out.warn, told, most=_MOST_WARNINGS, noun="warning")
    out.tell(f"{matched} of {checked} rows match")
    return exit_code


def _check_row(row: Row | RowError, wording: RowText, known: Registered | Registry) -> tuple[str, Sequence[Document]]:
    """Return the name of the template that a row was compared with, and what is wrong; nothing if it matches."""
    name = known.name if isinstance(known, Registered) else ""
    if isinstance(row, RowError):
        return name, [_error_document(row)]
    row_errors = wording.row_errors(row)
    body, is_certain = wording.write(row.cells)
    if marked := wording.unfilled(row, body):
        row_errors.append(marked)
    try:
        check_length(body)
    except InputError as error:
        row_errors.append(wording.unsendable(row, body, MessageFields(sender=""), error))
    if not row_errors:
        wording.note_doubts(row)
    if row_errors or is_certain:
        return name, [*map(_error_document, row_errors)]
    verdict = _verdict(body, _its_own(row, known), wording.values(row))
    for warning in template_check.warnings(verdict) if type(wording) is RowText else ():  # a rendered row is counted
        wording.warnings.add(warning)
    return verdict.name, template_check.problem_documents(verdict)


def _its_own(row: Row, known: Registered | Registry) -> Registered | Registry:
    """Return the template whose id the row has, with which its text goes out; else what was to be compared with."""
    if isinstance(known, Registered):
        return known
    return known.by_id.get(row.cells.get(_OWN_ID, "").strip(), known)


def _error_document(row_error: RowError) -> Document:
    return {
        "kind": "row",
        "column": row_error.column,
        "offset": None,
        "expected": None,
        "found": row_error.value,
        "explanation": f"{row_error.message}.",
        "change": row_error.remedy,
    }


def _wording(out: Out, table: Table, known: Registered | Registry, variables: Mapping[str, str]) -> RowText:
    """Return what makes the texts: the template where there is a value for each of its variables, else ``body``."""
    columns = Columns(table.headers)
    template = known if isinstance(known, Registered) else None
    if template is None and "body" not in columns:
        raise InputError(f"{table.name} has no column body", remedy="Name the template with -t, or add that column.")
    if template is not None and "body" in columns:
        if variables or (template.names and all(name in columns for name in template.names)):
            out.warn("the texts are rendered from the template, as bulk does; the column body is not used")
        else:
            template = None
    try:
        return wording_for(columns, TextOptions(template, variables))
    except InputError as error:
        raise InputError(f"{table.name}: {error.message}", remedy=error.remedy) from error
