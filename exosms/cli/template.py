"""``exosms template``: the registered texts in ``templates.toml``."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from exosms.cli import completion_values
from exosms.cli import options as o
from exosms.cli.commands import group
from exosms.cli.output.out import Format, Out
from exosms.cli.output.tables import draw_table, stacked
from exosms.errors import ExitCode, InputError, UsageError
from exosms.sms.message import MessageType

if TYPE_CHECKING:
    from exosms.templates.edit_file import Saved
    from exosms.templates.lint import LintNotice
    from exosms.templates.portal_columns import ExportField
    from exosms.templates.portal_export import Export, ExportNotice
    from exosms.templates.registry import Registered, Registry

_SHORTER = {"dlt_template_id": "template id", "dlt_entity_id": "entity id"}
"""Headings for people: beside the longer ones an id has no room in 40 columns."""

Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME", autocompletion=completion_values.templates, help="The template's name, or its 19-digit id."
    ),
]


def list_(
    *,
    place: o.TemplateFile,
    out: o.Printer,
) -> int:
    """List the registered texts in templates.toml.

    In a pipe a line is NAME, ID, FROM, TYPE and TEXT, with tabs between them.

    exosms template list

    exosms template list --json
    """
    known = _registry(place)
    found = list(known.templates.values())
    for flaw in known.flawed.values():
        out.warn(flaw.message)
    if out.format is Format.JSON:
        out.result(exit_code=0, templates=[*map(_document, found)], error=None)
    elif out.format is Format.JSONL:
        for each in found:
            out.document(_document(each))
    elif not found and not known.flawed:
        out.tell(f"no templates in {known.path}")
    elif out.is_human:
        draw_table(out, ("Name", "Id", "From", "Type", "Text"), [*map(_cells, found)], folding=1)
    else:
        for each in found:
            out.line(*_cells(each))
    return ExitCode.OK


def show(
    *,
    name: Name,
    place: o.TemplateFile,
    out: o.Printer,
) -> int:
    """Show one registered text and what is sent with it.

    exosms template show otp

    exosms template show 1107160000000012345 --json
    """
    document = _document(_registry(place).get(name))
    if out.format in {Format.JSON, Format.JSONL}:
        out.result(exit_code=0, template=document, error=None)
        return ExitCode.OK
    rows = [(key, ", ".join(each) if isinstance(each, list) else each or "") for key, each in document.items()]
    if out.is_human:
        out.draw(stacked((_SHORTER.get(key, key), value) for key, value in rows))
    else:
        for row in rows:
            out.line(*row)
    return ExitCode.OK


def add(
    *,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name to use with -t and --template.")],
    text: Annotated[
        str | None,
        o.option("--text", metavar="TEXT", help="The text, exactly as registered."),
    ] = None,
    text_file: Annotated[
        str | None,
        o.option(
            "--text-file",
            metavar="FILE",
            help="A file with the text; - is standard input. One final newline is dropped.",
        ),
    ] = None,
    variables: Annotated[
        str | None,
        o.option("--variables", metavar="A,B", help="Names for the variables, in order."),
    ] = None,
    types: Annotated[
        str | None,
        o.option(
            "--types", metavar="T,T", help="A type for each variable, if the portal shows types beside the text."
        ),
    ] = None,
    dlt_template_id: str | None = None,
    dlt_entity_id: str | None = None,
    sender: str | None = None,
    type_: MessageType | None = None,
    place: o.TemplateFile,
    yes: Annotated[
        bool, o.option("-y", "--yes", help="Replace a template of that name; its other settings stay.")
    ] = False,
    out: o.Printer,
) -> int:
    """Add a registered text to templates.toml; comments and order of the file stay.

    With --yes it replaces a template of that name and keeps what is not given; an empty value removes one.

    exosms template add login --text "{#var#} is your OTP. - Acme" --from ACMEIN

    pbpaste | exosms template add offer --text-file - --type promotional
    """
    if (text is None) == (text_file is None):
        raise UsageError("Give one of --text and --text-file")

    from exosms.cli.body_text import read_text
    from exosms.templates import edit_file

    path = _path(place)
    said = {
        "text": text if text is not None else read_text(text_file or "-"),
        "variables": None if variables is None else _items(variables),
        "types": None if types is None else _items(types),
        "dlt_template_id": dlt_template_id,
        "dlt_entity_id": dlt_entity_id,
        "from": sender,
        "type": type_ and type_.value,
    }
    kept = edit_file.stored(path, name) if yes else {}
    table = {**kept, **{key: value for key, value in said.items() if value is not None}}
    table = {key: value for key, value in table.items() if value}
    for warning in _checked(path, name, table):
        out.warn(warning)
    saved = edit_file.add(path, name, table, replace=yes)
    _tell(out, path, saved)
    return ExitCode.OK


def remove(
    *,
    name: Name,
    place: o.TemplateFile,
    out: o.Printer,
) -> int:
    """Remove a text from templates.toml; nothing changes on the DLT portal.

    exosms template remove otp

    exosms template remove otp --json
    """
    from exosms.templates import edit_file

    known = _registry(place)
    own = name if name in known.flawed else known.get(name).name
    edit_file.remove(known.path, own)
    if out.format in {Format.JSON, Format.JSONL}:
        out.result(exit_code=0, file=str(known.path), removed=[own], error=None)
    else:
        out.line("removed", own)
    return ExitCode.OK


def import_(
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV or XLSX file exported by a DLT portal.")],
    column: Annotated[
        list[str] | None,
        o.option(
            "--column",
            metavar="FIELD=HEADER",
            help="Which column is id, name, text, header, type or status; can be repeated.",
        ),
    ] = None,
    type_: Annotated[
        MessageType | None,
        o.choice(
            MessageType,
            "--type",
            about="The type for rows without a category, or with an unknown one.",
            show_default=False,
        ),
    ] = None,
    place: o.TemplateFile,
    yes: Annotated[bool, o.option("-y", "--yes", help="Update templates that are already there.")] = False,
    out: o.Printer,
) -> int:
    """Import the approved templates that a DLT portal exported; if one cannot be read, none is imported.

    exosms template import templates.xlsx

    exosms template import export.csv --column id="DLT CT ID" --column text=SMS
    """
    columns = _columns(column)

    from exosms.templates import edit_file, portal_export

    path = _path(place)
    try:
        export = portal_export.read(file, columns=columns, default=type_)
    except portal_export.ExportError as error:
        return _refuse(out, error)
    for note in export.notes:
        out.warn(_placed(note, export.label))
    saved = edit_file.store(path, export.templates, replace=yes)
    _tell(out, path, saved, export=export)
    return ExitCode.OK


def lint(
    *,
    place: o.TemplateFile,
    out: o.Printer,
) -> int:
    """Show what DLT portals and operators may object to, by which rule and since when.

    Notes alone are exit code 0: registration rules have exceptions, and only the portal decides. Something wrong
    is 3: a template that cannot be read, an id or header that is not valid, or one id with two texts.

    exosms template lint

    exosms template lint --json
    """
    from exosms.templates import registry
    from exosms.templates.lint import lint as lint_registry

    path = _path(place, must_exist=True)
    known = registry.read(path)
    return _report(out, lint_registry(known), count=len(known.templates) + len(known.flawed))


# What the commands share.


def _path(place: o.TemplateFile, *, must_exist: bool = False) -> Path:
    """Return where the templates are. No account is needed, so nothing is said about one."""
    from exosms.config.settings import AccountOptions, resolve, templates_path

    settings = resolve(AccountOptions(**place._asdict()), os.environ, account_needed=False)
    return templates_path(settings, must_exist=must_exist)


def _registry(place: o.TemplateFile) -> "Registry":
    from exosms.templates import registry

    return registry.read(_path(place, must_exist=True))


def _items(text: str | None) -> list[str]:
    return [item.strip() for item in text.split(",")] if text else []


def _columns(items: Sequence[str] | None) -> "Mapping[ExportField, str]":
    """Read ``FIELD=HEADER`` items."""
    if not items:
        return {}
    from exosms.templates.portal_columns import ExportField

    columns: dict[ExportField, str] = {}
    for item in items:
        part, _, header = item.partition("=")
        if part not in list(ExportField) or not header.strip() or part in columns:
            raise UsageError(
                f"--column {item!r} does not give a new field a column",
                remedy=f"Write --column FIELD=HEADER, once for each field; the fields are: {', '.join(ExportField)}.",
            )
        columns[ExportField(part)] = header
    return columns


def _checked(path: Path, name: str, table: Mapping[str, Any]) -> Sequence[str]:
    """Return warnings about a template to be added; raises InputError for what cannot be meant."""
    from exosms.sms import dlt
    from exosms.templates import registry

    registered = registry.check(path, name, dict(table))
    return (
        *(dlt.check_sender(registered.sender) if registered.sender else ()),
        *dlt.check_ids(registered.dlt_entity_id, registered.dlt_template_id),
        *registered.template.warnings,
    )


def _document(registered: "Registered") -> dict[str, Any]:
    return {
        "name": registered.name,
        "text": registered.text,
        "variables": list(registered.names),
        "types": list(registered.types),
        "dlt_template_id": registered.dlt_template_id,
        "dlt_entity_id": registered.dlt_entity_id,
        "from": registered.sender,
        "type": registered.type,
    }


def _cells(registered: "Registered") -> Sequence[str]:
    own = (registered.name, registered.dlt_template_id, registered.sender, registered.type, registered.text)
    return [str(cell or "") for cell in own]


def _tell(out: Out, path: Path, saved: "Saved", export: "Export | None" = None) -> None:
    """Say what became of the templates."""
    for warning in saved.warnings:
        out.warn(warning)
    if out.format in {Format.JSON, Format.JSONL}:
        changes = {"added": saved.added, "updated": saved.updated, "unchanged": saved.unchanged}
        more = _export_document(export) if export else {}
        out.result(exit_code=0, file=str(path), **changes, **more, error=None)
        return
    for word, names in (("added", saved.added), ("updated", saved.updated)):
        for name in names:
            out.line(word, name)
    if saved.unchanged:
        out.tell(f"{len(saved.unchanged)} unchanged")
    if export and export.not_approved:
        counts = ", ".join(f"{count} {status}" for status, count in export.not_approved.items())
        out.tell(f"left out, because they are not approved: {counts}")
    if export and export.repeated:
        out.tell(f"{export.repeated} repeated with the same text, imported once")


def _export_document(export: "Export") -> Mapping[str, Any]:
    return {
        "rows": export.rows,
        "not_approved": dict(export.not_approved),
        "repeated": export.repeated,
        "notes": [*map(_notice_document, export.notes)],
    }


def _notice_document(notice: "ExportNotice") -> Mapping[str, Any]:
    return {"kind": notice.kind, "row": notice.row, "column": notice.column, "message": notice.message}


def _placed(notice: "ExportNotice", label: str) -> str:
    return f"{label} {notice.row}, column {notice.column}: {notice.message}" if notice.row else notice.message


def _refuse(out: Out, error: Any) -> int:
    """Tell all problems of a file."""
    if out.format in {Format.HUMAN, Format.PLAIN}:
        for problem in error.problems:
            out.line("refused", f"{error.label} {problem.row}", problem.column or "", problem.message)
    out.failure(error, problems=[*map(_notice_document, error.problems)])
    return int(error.exit_code)


def _report(out: Out, notes: "Sequence[LintNotice]", *, count: int) -> int:
    """Tell what was found, what is wrong first."""
    notes = sorted(notes, key=lambda note: not note.kind.is_wrong)
    wrong = sum(note.kind.is_wrong for note in notes)
    exit_code = ExitCode.INPUT if wrong else ExitCode.OK
    error = InputError(
        f"{wrong} problem{'s'[: wrong != 1]} to fix in the templates", remedy="Compare them with the DLT portal."
    )
    documents = [*map(_note_document, notes)]
    if out.format in {Format.JSON, Format.JSONL}:
        if wrong:
            out.failure(error, templates=count, notes=documents)
        else:
            out.result(exit_code=0, templates=count, notes=documents, error=None)
        return exit_code
    if out.is_human and notes:
        draw_table(out, ("", "Template", "Kind", "What", "Rule"), [*map(_note_cells, notes)], folding=2)
    for cells in () if out.is_human else map(_note_cells, notes):
        out.line(*cells)
    if wrong:
        out.fail(error.message, remedy=error.remedy)
    else:
        out.tell(f"{count} template{'s'[: count != 1]}, nothing wrong")
    return exit_code


def _note_cells(note: "LintNotice") -> Sequence[str]:
    rule = note.kind.rule.source + (f", since {note.kind.rule.since}" if note.kind.rule.since else "")
    return "wrong" if note.kind.is_wrong else "note", note.template or "", note.kind, note.message, rule


def _note_document(note: "LintNotice") -> Mapping[str, Any]:
    return {
        "template": note.template,
        "kind": note.kind,
        "wrong": note.kind.is_wrong,
        "message": note.message,
        "rule": note.kind.rule.source,
        "since": note.kind.rule.since,
    }


command = group(
    "template",
    {
        "list": list_,
        "show": show,
        "add": add,
        "import": import_,
        "lint": lint,
        "remove": remove,
    },
    examples=("exosms template import export.csv", "exosms template list"),
)
