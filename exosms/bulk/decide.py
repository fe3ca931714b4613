"""What keeps a file back although its rows are sound, or leaves rows of it out: each message is sent once."""

from exosms.bulk.prepare import BadRowsError, BulkSetup, Inspection, repeated_flaw, repeated_rows
from exosms.bulk.request import Duplicates, SentBefore
from exosms.errors import GuardError
from exosms.ledger.earlier_runs import EarlierMessages
from exosms.ledger.runs import Journal, Run, already_on_its_way
from exosms.ledger.staging import RowMessage, Staging
from exosms.sms.guards import Guards
from exosms.system.wording import counted


def run_to_go_on_with(name: str | None, staging: Staging, journal: Journal) -> Run | None:
    """Return the run that ``--run`` names, if it is there and has the rows that are laid out."""
    run = _named(name, journal)
    return run if run is not None and run.digest == staging.digest else None


def decide(
    setup: BulkSetup,
    inspection: Inspection,
    staging: Staging,
    journal: Journal,
    *,
    now: float,
    parts_today: int,
) -> EarlierMessages:
    """Leave out what is not to be sent by the policies, and return what earlier runs sent or may have sent.

    Raises BadRowsError for rows that repeat others, and GuardError for a file that is on its way already, for what a
    guard says, and for rows sent before.
    """
    _refuse_duplicates(staging, setup.request.duplicates)
    _refuse_what_is_on_its_way(setup, staging, journal)
    if inspection.refused is not None and setup.request.sent_before is not SentBefore.SKIP:
        raise inspection.refused
    if not setup.request.dry_run and staging.earlier.correct_times(now):
        journal.ledger.warn(
            "what was sent of this file before counts as sent now, because the clock was wrong when it was sent,"
            " or is now"
        )
    before = _compare_with_earlier(setup.request.sent_before, staging, since=now - setup.request.within, now=now)
    if inspection.refused is not None:
        _guard_what_is_left(setup.guards, staging, now=now)
    limit = setup.request.handling.limit
    parts = staging.totals().parts if limit is None else staging.parts_of_first(limit)
    setup.guards.check_total(parts, parts_today=parts_today)
    return before


def _guard_what_is_left(guards: Guards, staging: Staging, *, now: float) -> None:
    """Raise GuardError for the first row that would still be sent and may not be: others may have been skipped."""
    for row in staging.planned():
        if isinstance(row, RowMessage):
            guards.check_message(row.message)
            guards.check_hour(row.message, now=now)


def _named(name: str | None, journal: Journal) -> Run | None:
    """Return the run of that name, if there is one, whatever is in it."""
    try:
        return journal.run(name) if name is not None else None
    except KeyError:
        return None


def _refuse_duplicates(staging: Staging, policy: Duplicates) -> None:
    if policy is Duplicates.FIRST:
        staging.skip_duplicates()
    if repeated := repeated_rows(staging, policy):
        raise BadRowsError(
            f"{counted(staging.duplicates(), 'row')} with the same recipient, text and sender as an earlier one",
            remedy="Nothing was sent. Remove them, or choose --duplicates all, or first.",
            again_with=["--duplicates", "first"],
            row_errors=repeated,
            flaws=repeated_flaw(repeated, staging),
        )


def _refuse_what_is_on_its_way(setup: BulkSetup, staging: Staging, journal: Journal) -> None:
    """Raise GuardError for a name that is taken, and for a file already on its way, changed or not."""
    request = setup.request
    named = _named(request.run, journal)
    if named is not None:
        raise GuardError(
            f"The run {named.name} was started with other messages: {_changes(named, staging)}",
            remedy="Nothing was sent. Give this run another name.",
        )
    same = journal.unfinished(digest=staging.digest)
    if same is not None:
        raise already_on_its_way(same)
    if request.sent_before is SentBefore.REFUSE:
        other = journal.unfinished_of(request.file_name, account=setup.account)
        if other is not None and request.path is not None:
            raise GuardError(
                f"The file or its text has changed since its unfinished run {other.name}: {_changes(other, staging)}",
                remedy=f"Nothing was sent. Continue with the old content: `exosms runs resume {other.name}`, or"
                " send the rows that were not sent yet with --sent-before skip.",
                again_with=["--sent-before", "skip"],
            )


def _changes(run: Run, staging: Staging) -> str:
    same, new, gone, people = staging.earlier.changed_since(run.id)
    former = f"; {'1 person' if people == 1 else f'{people} people'} got, or may have got, the former text"
    return f"{same} of its rows unchanged, {new} new, {gone} gone{former * (people > 0)}"


def _compare_with_earlier(policy: SentBefore, staging: Staging, *, since: float, now: float) -> EarlierMessages:
    before = staging.earlier.sent_before(since, now)
    if before.rows and policy is SentBefore.REFUSE:
        said = f"Perhaps sent before, for example in the run {before.run}: {counted(before.unknown, 'message')}"
        if before.accepted:
            said = f"Sent before, for example in the run {before.run}: {counted(before.accepted, 'message')}"
            said += f", and possibly {before.unknown} more" * bool(before.unknown)
        said += f" ({before.from_another} with the same text from another sender)" * bool(before.from_another)
        raise GuardError(
            said,
            remedy="Nothing was sent. Send all with --sent-before send, or only the others with --sent-before skip.",
            again_with=["--sent-before", "skip"],
        )
    if policy is SentBefore.SKIP:
        staging.earlier.skip_sent_before(since, now)
    return before
