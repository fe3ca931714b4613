"""``exosms template``: the registered texts in ``templates.toml``."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from exosms.cli import completion_values
from exosms.cli import options as o
from exosms.cli.body_text import read_text
from exosms.cli.commands import group
from exosms.cli.output.out import Document
from exosms.cli.output.tables import Cell, draw_table, facts
from exosms.cli.output.templates import placed, report_lint, tell_refused, tell_saved
from exosms.config.settings import AccountOptions, resolve, templates_path
from exosms.errors import ExitCode, GuardError, InputError, UsageError
from exosms.sms import dlt
from exosms.sms.message import MessageType
from exosms.templates import edit_file, registry
from exosms.templates.registry import Registered, Registry

if TYPE_CHECKING:
    from exosms.templates.portal_columns import ExportField

_SHORTER = {"dlt_template_id": "template id", "dlt_entity_id": "entity id"}
"""Names for people: beside the longer ones an id has no room in 40 columns."""

Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME", autocompletion=completion_values.templates, help="The template's name, or its 19-digit id."
    ),
]


def list_(
    *,
    place: o.TemplateFile,
    out: o.QuietPrinter,
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
    if out.is_json:
        out.listing("templates", map(_document, found))
    elif not found and not known.flawed:
        out.tell(f"no templates in {known.path}")
    elif out.is_human:
        rows: list[Sequence[Cell]] = [(*cells, tuple(text.split("\n"))) for *cells, text in map(_cells, found)]
        draw_table(out, ("Name", "Id", "From", "Type", "Text"), rows)
    else:
        out.lines(map(_cells, found))
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
    rows = [(key, ", ".join(each) if isinstance(each, list) else each or "") for key, each in document.items()]
    if out.is_json:
        out.result(exit_code=0, template=document, error=None)
    elif out.is_human:
        out.draw(facts((_SHORTER.get(key, key), tuple(value.split("\n")) if value else "") for key, value in rows))
    else:
        out.lines(rows)
    return ExitCode.OK


class GivenTemplate(NamedTuple):
    """What the command line says of a template; None is what it does not say."""

    text: str | None = None
    text_file: str | None = None
    variables: str | None = None
    types: str | None = None
    dlt_template_id: str | None = None
    dlt_entity_id: str | None = None
    sender: str | None = None
    type: MessageType | None = None

    def table(self) -> Mapping[str, Any]:
        """Return what is said, by the keys of templates.toml; an empty value removes one."""
        said = {
            "text": self.text if self.text_file is None else read_text(self.text_file),
            "variables": None if self.variables is None else _items(self.variables),
            "types": None if self.types is None else _items(self.types),
            "dlt_template_id": self.dlt_template_id,
            "dlt_entity_id": self.dlt_entity_id,
            "from": self.sender,
            "type": self.type and self.type.value,
        }
        return {key: value for key, value in said.items() if value is not None}


_GIVEN = {
    "text": o.option("--text", metavar="TEXT", group="Text", help="The text, exactly as registered."),
    "text_file": o.option(
        "--text-file",
        metavar="FILE",
        group="Text",
        help="A file with the text; - is standard input. One final newline is dropped.",
    ),
    "variables": o.option(
        "--variables", metavar="A,B", group="Text", help="Names for the variables, in their order."
    ),
    "types": o.option(
        "--types",
        metavar="T,T",
        group="Text",
        help="A type for each variable, if the portal shows types beside the text.",
    ),
}


def add(
    *,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name to use with -t and --template.")],
    given: Annotated[GivenTemplate, _GIVEN],
    place: o.TemplateFile,
    yes: Annotated[
        bool,
        o.option("-y", "--yes", group="Safety", help="Replace a template of that name; its other settings stay."),
    ] = False,
    out: o.QuietPrinter,
) -> int:
    """Add a registered text to templates.toml; comments and order of the file stay.

    With --yes it replaces a template of that name and keeps what is not given; an empty value removes one.

    exosms template add login --text "{#var#} is your OTP. - Acme" --from ACMEIN

    exosms template add login --yes --variables code

    pbpaste | exosms template add offer --text-file - --type promotional
    """
    path = _path(place)
    kept = edit_file.stored(path, name) if yes else {}
    texts = (given.text is not None) + (given.text_file is not None)
    if texts > 1 or not (texts or kept):
        raise UsageError("Give one of --text and --text-file")

    said = given.table()
    for warning in _checked(path, name, edit_file.merged(kept, said)):
        out.warn(warning)
    tell_saved(out, path, edit_file.add(path, name, said, replace=yes))
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
    known = _registry(place)
    own = name if name in known.flawed else known.get(name).name
    edit_file.remove(known.path, own)
    out.done("removed", own, file=str(known.path), removed=[own])
    return ExitCode.OK


def import_(
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV or a sheet exported by a DLT portal.")],
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
    approved: Annotated[
        list[str] | None,
        o.option(
            "--approved",
            metavar="WORD",
            help="Import rows with this status too; of themselves approved, registered, active and whitelisted count,"
            " but not if they are expired, blocked or the like. Can be repeated.",
        ),
    ] = None,
    place: o.TemplateFile,
    yes: Annotated[bool, o.option("-y", "--yes", help="Update templates that are already there.")] = False,
    out: o.QuietPrinter,
) -> int:
    """Import the approved templates that a DLT portal exported.

    Rows that cannot be taken are listed with the reason, and the others are imported: exit code 3.

    exosms template import templates.xlsx

    exosms template import export.csv --column id="DLT CT ID" --column text=SMS
    """
    columns = _columns(column)
    if not all(map(str.strip, approved or ())):
        raise UsageError("--approved needs a status that is not empty")  # a variable of the shell that was not set

    from exosms.templates import portal_export

    path = _path(place)
    export = portal_export.read(file, columns=columns, default=type_, approved=approved or ())
    for note in export.notes:
        out.warn(placed(note, export.label))
    error = tell_refused(out, file, export) if export.problems else None
    try:
        saved = edit_file.store(path, export.templates, replace=yes) if export.templates else edit_file.Saved()
    except GuardError as guard:
        if error is None:
            raise
        error = InputError(f"{error.message}. {guard.message}", remedy=guard.remedy)
        saved = edit_file.Saved()
    saved.warnings += edit_file.lapsed(path, export.templates, export.statuses, place.words)
    tell_saved(out, path, saved, export, error)
    return error.exit_code if error else ExitCode.OK


def lint(
    *,
    place: o.TemplateFile,
    out: o.QuietPrinter,
) -> int:
    """Show what DLT portals and operators may object to, by which rule and since when.

    Notes alone are exit code 0: registration rules have exceptions, and only the portal decides. Something wrong
    is 3: a template that cannot be read, a marker, id or header that is not valid, or one id with two texts.

    exosms template lint

    exosms template lint --json
    """
    from exosms.templates.lint import lint as lint_registry

    known = _registry(place)
    return report_lint(out, lint_registry(known, place.words), count=len(known.templates) + len(known.flawed))


def _path(place: o.TemplateFile, *, must_exist: bool = False) -> Path:
    """Return where the templates are. No account is needed, so nothing is said about one."""
    settings = resolve(AccountOptions(**place._asdict()), os.environ, account_needed=False)
    return templates_path(settings, must_exist=must_exist)


def _registry(place: o.TemplateFile) -> Registry:
    return registry.read(_path(place, must_exist=True))


def _items(text: str) -> list[str]:
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
    registered = registry.check(path, name, dict(table))
    return (
        *(dlt.check_sender(registered.sender) if registered.sender else ()),
        *dlt.check_ids(registered.dlt_entity_id, registered.dlt_template_id, is_kept=True),
        *registered.template.warnings,
    )


def _document(registered: Registered) -> Document:
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


def _cells(registered: Registered) -> Sequence[str]:
    own = (registered.name, registered.dlt_template_id, registered.sender, registered.type, registered.text)
    return [str(cell or "") for cell in own]


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
