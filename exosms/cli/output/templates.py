"""What is said of ``templates.toml``: what a change or an import did to it, and what is to be objected to."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from exosms.cli.output.out import Document, Out
from exosms.cli.output.tables import draw_table
from exosms.errors import ExitCode, InputError
from exosms.system.wording import counted

if TYPE_CHECKING:
    from exosms.templates.edit_file import Saved
    from exosms.templates.lint import LintNotice
    from exosms.templates.portal_export import Export, ExportNotice


def tell_saved(
    out: Out, path: Path, saved: "Saved", export: "Export | None" = None, error: InputError | None = None
) -> None:
    """Say what became of the templates, and of the rows that were not taken."""
    for warning in saved.warnings:
        out.warn(warning)
    if out.is_json:
        changes = {"added": saved.added, "updated": saved.updated, "unchanged": saved.unchanged}
        more = _export_document(export) if export else {}
        if error:
            out.failure(error, file=str(path), **changes, **more)
        else:
            out.result(exit_code=0, file=str(path), **changes, **more, error=None)
        return
    for word, names in (("added", saved.added), ("updated", saved.updated)):
        for name in names:
            out.line(word, name)
    if saved.unchanged:
        out.tell(f"{len(saved.unchanged)} unchanged")
    if export:
        _tell_of_export(out, export)
    if error:
        out.failure(error)


def _tell_of_export(out: Out, export: "Export") -> None:
    if export.not_approved:
        counts = ", ".join(f"{count} {status}" for status, count in export.not_approved.items())
        out.tell(f"left out, because they are not approved: {counts}")
    if export.repeated:
        out.tell(f"{export.repeated} repeated with the same text, imported once")
    if export.unread:
        all_count = "; none says which templates are approved, so all count" * (not export.has_status)
        out.tell(f"columns that were not read: {', '.join(export.unread)}{all_count}")


def _export_document(export: "Export") -> Document:
    return {
        "rows": export.rows,
        "not_approved": dict(export.not_approved),
        "repeated": export.repeated,
        "columns_not_read": [*export.unread],
        "notes": [*map(_notice_document, export.notes)],
        "problems": [*map(_notice_document, export.problems)],
    }


def _notice_document(notice: "ExportNotice") -> Document:
    return {"kind": notice.kind, "row": notice.row, "column": notice.column, "message": notice.message}


def placed(notice: "ExportNotice", label: str) -> str:
    """Return what is said of a place in an export; ``label`` is what a row is called there."""
    return f"{label} {notice.row}, column {notice.column}: {notice.message}" if notice.row else notice.message


def tell_refused(out: Out, file: Path, export: "Export") -> InputError:
    """Tell which rows were not taken, and why; return it as one sentence."""
    if not out.is_json:
        for problem in export.problems:
            if out.is_human:
                out.sentence(f"refused: {placed(problem, export.label)}")
            else:
                out.line("refused", f"{export.label} {problem.row}", problem.column or "", problem.message)
    rows = len({problem.row for problem in export.problems})
    first = export.problems[0]
    more = f" (and {len(export.problems) - 1} more)" if len(export.problems) > 1 else ""
    return InputError(
        f"{counted(rows, 'row')} of {file} cannot be imported: {export.label} {first.row}, {first.message}{more}",
        remedy="Fix the file, or export it again.",
    )


def report_lint(out: Out, notices: "Sequence[LintNotice]", *, count: int) -> int:
    """Tell what was found, what is wrong first; return the exit code."""
    notices = sorted(notices, key=lambda notice: not notice.kind.is_wrong)
    wrong = sum(notice.kind.is_wrong for notice in notices)
    documents = [*map(_lint_document, notices)]
    if out.is_human and notices:
        draw_table(out, ("", "Template", "What", "Rule"), map(_lint_row, notices), folding=2)
    elif not out.is_json:
        out.lines(map(_lint_cells, notices))
    if wrong:
        error = InputError(
            f"{counted(wrong, 'problem')} to fix in the templates", remedy="Compare them with the DLT portal."
        )
        out.failure(error, templates=count, notes=documents)
        return error.exit_code
    if out.is_json:
        out.result(exit_code=0, templates=count, notes=documents, error=None)
    else:
        notes = f"; {counted(len(notices), 'note')}" if notices else ""
        out.tell(f"{counted(count, 'template')}, nothing wrong{notes}")
    return ExitCode.OK


def _lint_cells(notice: "LintNotice") -> Sequence[str]:
    source, since = notice.kind.rule
    rule = f"{source}, since {since}" if since else source
    return "wrong" if notice.kind.is_wrong else "note", notice.template or "", notice.kind, notice.message, rule


def _lint_row(notice: "LintNotice") -> Sequence[str]:
    """Return what a person sees: no word for programs, and no rule where it is our own."""
    word, template, _, message, rule = _lint_cells(notice)
    return word, template, message, "" if rule == "exosms" else rule


def _lint_document(notice: "LintNotice") -> Document:
    return {
        "template": notice.template,
        "kind": notice.kind,
        "wrong": notice.kind.is_wrong,
        "message": notice.message,
        "rule": notice.kind.rule.source,
        "since": notice.kind.rule.since,
    }
