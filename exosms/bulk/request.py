"""What is asked for by whoever sends a file, or goes on with a run; each field is an option of the command line."""

import os
import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from exosms.send.request import MessageOptions, PartLimits
from exosms.sms.rate import Rate


class Duplicates(StrEnum):
    """What to do with a row that repeats recipient, text and sender of an earlier one."""

    REFUSE = "refuse"
    FIRST = "first"
    ALL = "all"


class SentBefore(StrEnum):
    """What to do with a row that an earlier run sent, or may have sent."""

    REFUSE = "refuse"
    SKIP = "skip"
    SEND = "send"


class MostFailures(NamedTuple):
    """``--max-failures``: a number of rows, or a share of the file's."""

    number: int
    is_percent: bool

    def of(self, rows: int) -> int:
        """Return the number of failed rows at which a run of that many stops."""
        return max(1, -(-rows * self.number // 100) if self.is_percent else self.number)


class Handling(NamedTuple):
    """When a command leaves a run, and where it writes what became of the rows: nothing of it changes a message."""

    max_failures: MostFailures | None = None
    limit: int | None = None
    results: Path | None = None


class BulkRequest(NamedTuple):
    """The rows of a file, before any of it is checked."""

    file: str
    """``-`` is standard input."""
    template: str | None = None
    variables: Mapping[str, str] = {}
    body: str | None = None
    body_file: str | None = None
    fit: bool = False
    templates: Path | None = None
    to_column: str | None = None
    ignored: Sequence[str] = ()
    """Columns."""
    message_options: MessageOptions = MessageOptions()
    any_hour: bool = False
    limits: PartLimits = PartLimits()
    duplicates: Duplicates = Duplicates.REFUSE
    sent_before: SentBefore = SentBefore.REFUSE
    within: float = 12 * 3600.0
    skip_invalid: bool = False
    allow_empty: bool = False
    allow_damaged: bool = False
    delimiter: str | None = None
    csv_encoding: str | None = None
    sheet: str | None = None
    sample_to: str | None = None
    run: str | None = None
    batch: int | None = None
    """0 and None: as many texts a request as the number of rows suggests."""
    rate: Rate | None = None
    timeout: float = 90
    handling: Handling = Handling()
    dry_run: bool = False
    yes: bool = False
    no_input: bool = False

    @property
    def path(self) -> Path | None:
        """The file; None is standard input."""
        return None if self.file == "-" else Path(self.file)

    @property
    def file_name(self) -> str:
        """The file as it is kept with the run: by its whole path, so that the same file is known again.

        The ledger takes no bytes that are no text, which directories above it may be called.
        """
        return "-" if self.path is None else os.fsencode(self.path.absolute()).decode(errors="backslashreplace")


class RunOptions(NamedTuple):
    """How the rest of a run is sent."""

    rate: Rate | None = None
    batch: int | None = None
    """Texts a request; None: what the run began with, 0: as many as the number of rows suggests."""
    handling: Handling = Handling()
    yes: bool = False
    no_input: bool = False


def paths_of(file_name: str) -> Sequence[Path]:
    """Return where a file may be that is kept so: bytes that are no text were written with a backslash."""
    as_bytes = re.sub(rb"\\x([89a-f][0-9a-f])", lambda found: bytes.fromhex(found[1].decode()), file_name.encode())
    return Path(file_name), Path(os.fsdecode(as_bytes))
