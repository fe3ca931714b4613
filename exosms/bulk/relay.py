"""A run that several copies of a state directory may have, and which of them sends it (``ledger/batons.py``)."""

from typing import TYPE_CHECKING

from exosms.ledger.batons import UNHEARD_OF, Batons, batons_by_name, batons_of, keep_batons, new_baton
from exosms.ledger.runs import Journal, Run

if TYPE_CHECKING:
    from exosms.ledger.postgres.runs import Begun, SharedRuns


class Relay:
    """One command's part in it; a step that is refused or fails is the last."""

    def __init__(self, run: Run, journal: Journal, elsewhere: "SharedRuns") -> None:
        self._run = run
        self._database = journal.ledger.database
        self._elsewhere = elsewhere
        self._batons = Batons(None, None)
        self._known: bytes | None = None
        """Which baton the others know it to have."""
        self._is_checked = False

    def check(self) -> None:
        """See whether it is ours, once; raises GuardError if a copy went on with the run, LedgerError as a ledger."""
        if not self._is_checked:
            self._known = self._elsewhere.held(self._run.name, batons_of(self._database, self._run.id))
            self._is_checked = True

    def draw(self) -> None:
        """Have a new baton for rows that are being claimed, in the commit of their claim."""
        self.check()
        self._batons = Batons(new_baton(), self._known)
        keep_batons(self._database, self._run.id, self._batons)

    def pass_on(self) -> None:
        """Have everybody know of the new one, before rows leave; raises as ``check``."""
        self._known = self._elsewhere.pass_on(self._run.name, self._run.account, self._batons)
        if self._batons.before == UNHEARD_OF and self._known == self._batons.latest:
            keep_batons(self._database, self._run.id, Batons(self._known, None))  # a copy sees that it was known

    def check_retry(self) -> None:
        """Raise GuardError where another machine, or copy, began the same messages since."""
        self._elsewhere.check_retry(self._begun())

    def take_up(self) -> None:
        """Have everybody know that rows of it are retried, before they are put back; raises as both checks."""
        self.draw()
        self._elsewhere.take_up(self._begun(), self._run.account, self._batons)

    def _begun(self) -> "Begun":
        from exosms.ledger.postgres.runs import Begun

        return Begun(self._run.name, b"", batons_by_name(self._database))
