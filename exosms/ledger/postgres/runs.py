"""Names and contents of bulk runs in a shared ledger: none begins on two machines. Its rows stay on the first one."""

import hashlib
import socket
from collections.abc import Collection, Mapping, Sequence
from shlex import quote
from typing import Any, NamedTuple

from exosms.errors import GuardError
from exosms.ledger.batons import UNHEARD_OF, Batons, ContinuedElsewhereError, compare
from exosms.ledger.postgres.connection import Transaction
from exosms.ledger.postgres.messages import SharedLedger
from exosms.ledger.postgres.statements import NOW, now_of
from exosms.system.times import local

_LOCK = 0x72756E73
"""The number of the advisory lock of whoever begins a run: ``runs``."""

_ENTER = (
    "INSERT INTO exosms.runs (name, account, content, installation, machine, baton, has_claimed, started_at,"
    f" updated_at) VALUES (%s, %s, %s, %s, %s, %s, %s, {NOW}, {NOW})"
)
_TAKE = (
    f"{_ENTER} ON CONFLICT (name) DO UPDATE SET account = excluded.account, content = excluded.content,"
    " machine = excluded.machine, is_finished = false, started_at = excluded.started_at,"
    " updated_at = excluded.updated_at, baton = excluded.baton"
    " WHERE NOT runs.has_claimed AND runs.installation = excluded.installation"
)
_FORGET_LEFT_BEHIND = (
    "DELETE FROM exosms.runs WHERE installation = %(ours)s AND content = %(content)s AND name <> %(name)s"
    " AND NOT has_claimed AND NOT name = ANY(%(names)s)"
)
"""What this machine began here and not in its own ledger, since its process died; or a copy, which then stops."""
_OURS = "name = %(name)s AND installation = %(installation)s"
_HELD = "(baton IS NOT DISTINCT FROM %(latest)s::bytea OR baton IS NOT DISTINCT FROM %(before)s::bytea)"
"""Whether it has one of two batons."""


class Begun(NamedTuple):
    """A run as the other machines see it."""

    name: str | None
    content: bytes
    ours: Mapping[str, Batons]
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

    def begin(self, begun: Begun, account: str, baton: bytes, *, within: float, resend: bool) -> None:
        """Take a name and a content for this machine, unless ``check`` refuses; committed once this returns."""
        entry = self._entry(begun.name, account, begun.content, baton, has_claimed=False)

        def work(transaction: Transaction) -> None:
            transaction.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
            transaction.execute(_FORGET_LEFT_BEHIND, self._values(begun))
            self._check(transaction, begun, within, resend=resend)
            if not transaction.execute(_TAKE, entry).rowcount:  # a row of it was claimed meanwhile
                self._check(transaction, begun, within, resend=resend)

        self.ledger.database.run(work)

    def leave(self, name: str, batons: Batons, *, is_finished: bool) -> None:
        """Say how this machine leaves a run of its own, unless a copy of its ledger went on with that."""
        sql = f"UPDATE exosms.runs SET is_finished = %(is_finished)s, updated_at = {NOW} WHERE {_OURS} AND {_HELD}"
        self._change(sql, name, is_finished=is_finished, **batons._asdict())

    def unfinished(self) -> Collection[str]:
        """Return the runs of this machine that others take for unfinished."""
        sql = "SELECT name FROM exosms.runs WHERE installation = %s AND NOT is_finished"
        return {name for (name,) in self.ledger.database.execute(sql, (self.installation,), begins=False)}

    def forget(self, name: str, baton: bytes) -> None:
        """Give a name back under which nothing was begun after all."""
        self._change(
            f"DELETE FROM exosms.runs WHERE {_OURS} AND baton = %(baton)s AND NOT has_claimed", name, baton=baton
        )

    def purge(self, seconds: float, ours: Collection[str]) -> None:
        """Give the names back of finished runs of this machine that are so old, but not those that it still has.

        Those of other machines stay: they keep their rows, may retry them, and count as sent within the window.
        """
        self.ledger.database.execute(
            "DELETE FROM exosms.runs WHERE installation = %(installation)s AND is_finished"
            f" AND updated_at < {NOW} - %(seconds)s AND NOT name = ANY(%(ours)s)",
            {"installation": self.installation, "seconds": seconds, "ours": [*ours]},
        )

    def held(self, name: str, batons: Batons) -> bytes | None:
        """Return which of these batons a run of this machine has; raises GuardError if a copy of it went on.

        So does a run that was known and is not any more: a copy may have finished it, and then it was purged.
        A change whose commit is not certain yet is waited for: the next claim would forget the baton that it may
        still put here.
        """
        values = {"name": name, "installation": self.installation, **batons._asdict()}
        sql = f"SELECT baton, {_HELD}, machine, updated_at FROM exosms.runs WHERE {_OURS} FOR SHARE"
        found = self.ledger.database.execute(sql, values).fetchone()
        if found is None:
            if batons.latest is None or batons.before == UNHEARD_OF:  # it began without this ledger
                return UNHEARD_OF
            raise _forgotten(name)
        baton, is_held, machine, updated_at = found
        if not is_held:
            raise _continued(name, f"on the machine {machine}, last at {local(updated_at)},")
        return None if baton is None else bytes(baton)

    def pass_on(self, name: str, account: str, batons: Batons) -> bytes | None:
        """Have a run's baton be the latest, durably, and return what is known; raises GuardError for one of a copy.

        A run that was never known is from now on, unless the name is another machine's: then nobody can tell.
        """
        values = {"name": name, "installation": self.installation, **batons._asdict()}
        passed = (
            f"UPDATE exosms.runs SET baton = %(latest)s, has_claimed = true, is_finished = false, updated_at = {NOW}"
        )
        entry = self._entry(name, account, b"", batons.latest, has_claimed=True)

        def work(transaction: Transaction) -> bytes | None:
            if transaction.execute(f"{passed} WHERE {_OURS} AND {_HELD}", values).rowcount:
                return batons.latest
            if batons.before == UNHEARD_OF:
                if transaction.execute(f"{_ENTER} ON CONFLICT (name) DO NOTHING", entry).rowcount:
                    return batons.latest
                if not transaction.execute(f"SELECT FROM exosms.runs WHERE {_OURS}", values).rowcount:
                    return UNHEARD_OF
            raise _continued(name, "meanwhile")

        return self.ledger.database.run(work)

    def take_up(self, begun: Begun, account: str, batons: Batons) -> None:
        """Do what ``pass_on`` does, before rows of a finished run are put back; raises as ``check_retry``, too."""

        def work(transaction: Transaction) -> None:
            transaction.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
            for content, _ in self._began(transaction, begun):
                transaction.execute(_FORGET_LEFT_BEHIND, self._values(begun._replace(content=content)))
            self.check_retry(begun)
            self.pass_on(str(begun.name), account, batons)

        self.ledger.database.run(work)

    def check_retry(self, begun: Begun) -> None:
        """Raise GuardError where the content of a run of ours was begun elsewhere after it was here."""

        def work(transaction: Transaction) -> None:
            for content, began in self._began(transaction, begun):
                for theirs in self._found(transaction, begun._replace(name=None, content=content)):
                    if theirs.started_at > began:
                        export = (
                            f"exosms runs export {quote(str(begun.name))} --outcome not_sent,rejected --with FILE"
                        )
                        raise GuardError(
                            theirs.said,
                            remedy=f"Nothing was sent. Look there first; what was not sent there either: `{export}`.",
                        )

        self.ledger.database.run(work)

    def _began(self, transaction: Transaction, begun: Begun) -> Sequence[tuple[bytes, float]]:
        """Return the content of the run of ours that has this name, and when it began, if that is known."""
        sql = f"SELECT content, started_at FROM exosms.runs WHERE {_OURS} AND content <> ''"
        values = {"name": begun.name, "installation": self.installation}
        return [(bytes(content), began) for content, began in transaction.execute(sql, values)]

    def _entry(
        self, name: str | None, account: str, content: bytes, baton: bytes | None, *, has_claimed: bool
    ) -> Sequence[Any]:
        return name, account, content, self.installation, socket.gethostname(), baton, has_claimed

    def _change(self, sql: str, name: str, **values: Any) -> None:
        self.ledger.database.execute(sql, {"name": name, "installation": self.installation, **values})

    def _values(self, begun: Begun) -> Mapping[str, Any]:
        batons = [baton for each in begun.ours.values() for baton in each if baton is not None]
        own = {"ours": self.installation, "names": [*begun.ours], "batons": batons}
        return {"name": begun.name, "content": begun.content, **own}

    def _found(self, transaction: Transaction, begun: Begun) -> "Sequence[_Found]":
        """Return the runs of others, or of copies, that have a name or a content, the name's first."""
        found = transaction.execute(
            "SELECT name, machine, is_finished, started_at, updated_at, name = %(name)s FROM exosms.runs"
            " WHERE (name = %(name)s AND (has_claimed OR installation <> %(ours)s))"
            " OR (name IS DISTINCT FROM %(name)s::text AND content = %(content)s"
            " AND NOT (installation = %(ours)s AND CASE WHEN name = ANY(%(names)s)"
            " THEN baton IS NULL OR baton = ANY(%(batons)s) ELSE NOT has_claimed END))"
            " ORDER BY name IS DISTINCT FROM %(name)s::text, updated_at DESC",
            self._values(begun),
        )
        return [_Found(*row) for row in found]

    def _check(self, transaction: Transaction, begun: Begun, within: float, *, resend: bool) -> None:
        found = self._found(transaction, begun)
        now = now_of(transaction)
        for theirs in found:
            if theirs.has_name:
                raise GuardError(
                    f"The machine {theirs.machine} began a run {theirs.name} at {local(theirs.started_at)}",
                    remedy="Nothing was sent. Give this run another name; or go on with that one on that machine.",
                )
            if resend or (theirs.is_finished and theirs.updated_at < now - within):
                continue
            raise GuardError(
                theirs.said,
                remedy="Nothing was sent. Look there first; --sent-before send sends them all the same.",
                again_with=["--sent-before", "send"],
            )


class _Found(NamedTuple):
    """A run that somebody else has."""

    name: str
    machine: str
    is_finished: bool
    started_at: float
    updated_at: float
    has_name: bool | None

    @property
    def said(self) -> str:
        """Where the same messages are."""
        began = f"the run {self.name}, which the machine {self.machine} began at {local(self.started_at)}"
        if self.is_finished:
            return f"The same messages were sent by {began}, and which ended at {local(self.updated_at)}"
        return f"The same messages are in {began}"


def _continued(name: str, where: str) -> ContinuedElsewhereError:
    return ContinuedElsewhereError(
        f"The run {name} was continued {where} from another copy of this state directory, so what is left here may"
        " have been sent",
        remedy=f"Go on with it there. Where that copy is gone, or the database was set back, {compare(name)}",
    )


def _forgotten(name: str) -> ContinuedElsewhereError:
    return ContinuedElsewhereError(
        f"The run {name} began with a shared ledger, and this one does not know it: it is another, or the run was"
        " finished from another copy of this state directory and purged, so what is left here may have been sent",
        remedy=f"Name the ledger that it began with. Where there is none, {compare(name)}",
    )
