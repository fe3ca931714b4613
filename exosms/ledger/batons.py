"""Which copy of a machine's ledger goes on with a run: the one that holds the baton it has in the shared ledger.

A state directory is copied, by a CI's cache or a backup, and then the same rows are left in both. So each claim of
rows, and each retry of a run, has a new baton, committed with it here and only then, instead of the one before, in
the ledger that many machines share; nothing leaves before that. A copy that is behind has another one from then on,
whichever of the two it is, and what it sends next would have been sent already. Where a process dies in between, the
shared ledger has the one or the other.
"""

import os
from collections.abc import Mapping
from shlex import quote
from typing import NamedTuple

from exosms.errors import GuardError
from exosms.ledger.database import Database

UNHEARD_OF = b""
"""In the place of the baton before: there was none that the shared ledger knew."""


class ContinuedElsewhereError(GuardError):
    """A run cannot be gone on with here any more: a copy was."""


class Batons(NamedTuple):
    """Those of a run here; None is that of a run which began without a shared ledger."""

    latest: bytes | None
    before: bytes | None


def unnamed(name: str) -> GuardError:
    """Return what keeps a run back that has a baton where no ledger is named that could tell who holds the latest."""
    return GuardError(
        f"The run {name} was begun or continued with a shared ledger, and none is named now, so what is left here may"
        " have been sent from another copy of this state directory",
        remedy=f"Name that ledger in EXOSMS_LEDGER or in the profile. Where there is none any more, {compare(name)}",
    )


def compare(name: str) -> str:
    """Return what is left to do where no ledger can tell any more whether what is left of a run was sent."""
    return f"compare what is left with Exotel's report: `exosms runs export {quote(name)} --outcome waiting`"


def new_baton() -> bytes:
    """Return one that nobody else can have."""
    return os.urandom(16)


def batons_of(database: Database, run: int) -> Batons:
    """Return what a run has here."""
    found = database.read_one("SELECT baton, baton_before FROM runs WHERE id = ?", (run,))
    return Batons(*(found or (None, None)))


def batons_by_name(database: Database) -> Mapping[str, Batons]:
    """Return what every run has here."""
    found = database.read("SELECT name, baton, baton_before FROM runs")
    return {name: Batons(*batons) for name, *batons in found}


def keep_batons(database: Database, run: int, batons: Batons) -> None:
    """Commit what a run has here from now on."""
    with database.transaction() as connection:
        connection.execute("UPDATE runs SET baton = ?, baton_before = ? WHERE id = ?", (*batons, run))
