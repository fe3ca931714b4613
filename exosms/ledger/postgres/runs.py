"""Names and contents of bulk runs in a shared ledger: none begins on two machines. Its rows stay on the first one."""

import hashlib
import socket
from collections.abc import Collection
from typing import Any, NamedTuple

from exosms.errors import GuardError
from exosms.ledger.postgres.connection import Transaction
from exosms.ledger.postgres.messages import SharedLedger
from exosms.ledger.postgres.statements import NOW, now_of
from exosms.system.times import local

_LOCK = 0x72756E73
"""The number of the advisory lock of whoever begins a run: ``runs``."""


class Begun(NamedTuple):
    """A run as the other machines see it."""

    name: str | None
    content: bytes
    ours: Collection[str]
    """The runs that this machine's ledger has: of another that has our key it may be a copy, as a CI's cache is."""


class SharedRuns(NamedTuple):
    """The runs of all machines, as one of them sees those of the others."""

    ledger: SharedLedger
    installation: bytes
    """What tells this machine's ledger from every other, which is not its name."""

    @classmethod
    def of(cls, ledger: SharedLedger, key: bytes) -> "SharedRuns":
        """Return them for the installation that has this key."""
        return cls(ledger, hashlib.blake2b(b"installation", key=key, digest_size=16).digest())

    @property
    def mark(self) -> str:
        """A few letters that machines of the same name do not share."""
        return self.installation.hex()[:6]

    def check(self, begun: Begun, *, within: float, resend: bool) -> None:
        """Raise GuardError for a name that another machine has, and for what it is sending, or sent.

        ``within``: seconds for which a finished run keeps others from sending the same; with ``resend`` none does.
        """
        self.ledger.database.run(lambda transaction: self._check(transaction, begun, within, resend=resend))

    def begin(self, begun: Begun, account: str, *, within: float, resend: bool) -> None:
        """Take a name and a content for this machine, unless ``check`` refuses; committed once this returns."""

        def work(transaction: Transaction) -> None:
            transaction.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
            self._check(transaction, begun, within, resend=resend)
            transaction.execute(
                "INSERT INTO exosms.runs (name, account, content, installation, machine, started_at, updated_at)"
                f" VALUES (%s, %s, %s, %s, %s, {NOW}, {NOW}) ON CONFLICT (name) DO UPDATE SET"
                " account = excluded.account, content = excluded.content, machine = excluded.machine,"
                " is_finished = false, started_at = excluded.started_at, updated_at = excluded.updated_at",
                (begun.name, account, begun.content, self.installation, socket.gethostname()),
            )

        self.ledger.database.run(work)

    def leave(self, name: str, *, is_finished: bool) -> None:
        """Say how this machine leaves a run of its own."""
        self._change("SET is_finished = %(is_finished)s, updated_at = {now}", name, is_finished=is_finished)

    def forget(self, name: str) -> None:
        """Give a name back under which nothing was begun after all."""
        self._change(None, name)

    def _change(self, assignments: str | None, name: str, **values: Any) -> None:
        what = "DELETE FROM exosms.runs" if assignments is None else f"UPDATE exosms.runs {assignments}"
        sql = f"{what.format(now=NOW)} WHERE name = %(name)s AND installation = %(installation)s"
        self.ledger.database.execute(sql, {"name": name, "installation": self.installation, **values})

    def _check(self, transaction: Transaction, begun: Begun, within: float, *, resend: bool) -> None:
        name = begun.name
        found = transaction.execute(
            "SELECT name, machine, is_finished, started_at, updated_at, name = %s FROM exosms.runs"
            " WHERE (name = %s OR content = %s) AND NOT (installation = %s AND name = ANY(%s))"
            " ORDER BY name <> %s, updated_at DESC",
            (name, name, begun.content, self.installation, list(begun.ours), name),
        ).fetchall()
        now = now_of(transaction)
        for theirs, machine, is_finished, started_at, updated_at, has_name in found:
            began = f"the run {theirs}, which the machine {machine} began at {local(started_at)}"
            if has_name:
                raise GuardError(
                    f"The name is taken by {began}",
                    remedy="Nothing was sent. Give this run another name; or go on with that one on that machine.",
                )
            if resend or (is_finished and updated_at < now - within):
                continue
            done = f"sent by {began}, and which ended at {local(updated_at)}" if is_finished else f"in {began}"
            raise GuardError(
                f"The same messages are {done}" if not is_finished else f"The same messages were {done}",
                remedy="Nothing was sent. Look there first; --sent-before send sends them all the same.",
                again_with=["--sent-before", "send"],
            )
