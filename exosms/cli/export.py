"""What ``runs export`` writes: what became of the rows of a run, alone or beside the rows of its file."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TextIO

from exosms.bulk import results_csv
from exosms.bulk.original_rows import check_original, may_be_corrected, write_originals
from exosms.cli.context import run_of
from exosms.cli.output.out import Document
from exosms.config.paths import is_file
from exosms.errors import InputError
from exosms.ledger.entry import LedgerEntry
from exosms.ledger.history import History
from exosms.ledger.runs import Journal, Run
from exosms.system.escaping import printable
from exosms.system.files import unreadable
from exosms.tables.csv_file import mark_of
from exosms.tables.workbook import is_workbook

_LARGEST_COPY = 256 * 1024 * 1024
"""Bytes of standard input or of a pipe, which may have no end."""
_BLOCK = 1 << 20
_MARK = "\ufeff"
"""The byte order mark."""
_LONGEST_BEGINNING = 8
"""Bytes that tell a workbook, or an encoding by its mark."""
_NUMBERS = frozenset({"row", "line", "http_status", "code", "segments", "attempts"})
"""Columns of a result that hold numbers."""


class RowsWriter:
    """Writes the rows of a run that are asked for; ``rows`` counts them, as far as somebody reads them."""

    def __init__(
        self,
        run: Run,
        journal: Journal,
        outcomes: Sequence[str],
        original: Path | None,
        *,
        copy: IO[bytes] | None = None,
    ) -> None:
        self.rows = 0
        self._run = run
        self._journal = journal
        self._outcomes = set(outcomes)
        self._original = original
        self._copy = copy

    def may_lose(self, file: Path) -> bool:
        """Whether a person's work would be lost if a file were written over."""
        if not file.is_file() or file.stat().st_size == 0:
            return False
        found = may_be_corrected(file, self._run, self._original)
        _rewind(self._copy)
        return found

    def __call__(self, file: TextIO) -> None:
        """Write them into a file, as UTF-8; it says so where another text would be read from it, and sent.

        That is with the ``--csv-encoding`` of the file that was sent, or by a spreadsheet that could read that file.
        """
        if self._original is not None and (self._run.terms.csv_encoding or self._is_marked(self._original)):
            file.write(_MARK)
        self._write(file, cell=results_csv.harmless)

    def _is_marked(self, original: Path) -> bool:
        """Whether a spreadsheet need not guess the encoding of the file that was sent."""
        try:
            with original.open("rb") as stream:
                content = stream.read(_LONGEST_BEGINNING)
        except OSError as error:
            raise unreadable(str(original), error) from error
        _rewind(self._copy)
        return is_workbook(content) or mark_of(content)[0] != b""

    def documents(self) -> Iterator[Document]:
        """Yield them as objects, by the names of the columns."""
        import csv

        with TemporaryFile("w+", newline="", encoding="utf-8") as file:
            self._write(file, cell=lambda text: printable(text or ""), delimiter=",")  # no spreadsheet reads it
            file.seek(0)
            limit = csv.field_size_limit(sys.maxsize)  # a sheet's cell may be longer than one of a CSV
            try:
                for row in csv.DictReader(file):
                    yield row if self._original else {name: _typed(name, cell) for name, cell in row.items()}
            finally:
                csv.field_size_limit(limit)

    def _write(self, file: TextIO, *, cell: results_csv.Cell, delimiter: str | None = None) -> None:
        if self._original is None:
            rows = filter(self._is_wanted, History(self._journal.ledger).rows(self._run))
            results_csv.write(rows, file, cell=cell)
        else:
            write_originals(
                self._run,
                self._journal,
                self._original,
                file,
                is_wanted=self._is_wanted,
                cell=cell,
                delimiter=delimiter,
            )

    def _is_wanted(self, row: LedgerEntry) -> bool:
        is_wanted = not self._outcomes or row.outcome in self._outcomes
        self.rows += is_wanted
        return is_wanted


def _typed(name: str, cell: str) -> str | int | None:
    return int(cell) if cell and name in _NUMBERS else cell or None


@contextmanager
def rows_writer(
    name: str, journal: Journal, outcomes: Sequence[str], original: Path | None
) -> Iterator[tuple[Run, RowsWriter]]:
    """Hand out a run and what writes its rows; raises InputError for a file that is not the run's."""
    run = run_of(journal, name)
    copy = None
    with ExitStack() as stack:
        if original is not None and is_file(original):
            check_original(run, journal, original)
        elif original is not None:
            copy = stack.enter_context(_kept(original))
            original = Path(f"/dev/fd/{copy.fileno()}")
            check_original(run, journal, original)
            _rewind(copy)
        yield run, RowsWriter(run, journal, outcomes, original, copy=copy)


def _rewind(copy: IO[bytes] | None) -> None:
    """Let a copy be read once more from its beginning: macOS reads on where it was."""
    if copy is not None:
        copy.seek(0)


@contextmanager
def _kept(source: Path) -> Iterator[IO[bytes]]:
    """Hand out a copy of standard input or of a pipe, which is gone once it was read: it is read twice.

    The copy has no name, so that it stays behind nowhere, however we end.
    """
    with TemporaryFile() as copy:
        try:
            with nullcontext(sys.stdin.buffer) if str(source) == "-" else source.open("rb") as stream:
                while block := stream.read(_BLOCK):
                    copy.write(block)
                    if copy.tell() > _LARGEST_COPY:
                        raise InputError(
                            f"{source} is larger than {_LARGEST_COPY >> 20} MiB", remedy="Name the file itself."
                        )
            copy.seek(0)  # which flushes it
        except OSError as error:
            raise unreadable(str(source), error) from error
        yield copy
