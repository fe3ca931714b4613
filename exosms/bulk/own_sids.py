"""Sids that another message of the account has: they are not believed, since nobody can tell whose they are."""

from collections.abc import Callable, Mapping, Sequence

from exosms.bulk.request_threads import Request
from exosms.exotel.client import Batch
from exosms.exotel.outcome import doubted_sid
from exosms.ledger.entry import Place, State
from exosms.ledger.messages import Ledger
from exosms.ledger.run_rows import ClaimedRow
from exosms.ledger.runs import Run
from exosms.sms.message import Receipt

Result = tuple[ClaimedRow, Receipt, State]
_Look = Callable[[str, Mapping[Place, str]], set[Place]]


def with_sids_of_their_own(
    answers: Sequence[tuple[Request, Batch]], run: Run, ledger: Ledger
) -> Sequence[tuple[Request, Batch]]:
    """Return the answers, those doubted that give a message the Sid of another one, whenever that was sent."""
    answered = [pair for request, batch in answers for pair in zip(request.items, batch.receipts, strict=True)]
    taken = _taken(answered, run, ledger.with_sid_of_another, ledger.with_sid_elsewhere)
    if not taken:
        return answers
    return [
        (request, _doubted(batch, [Place(run.id, item.number) in taken for item in request.items]))
        for request, batch in answers
    ]


def doubt_sids_of_others(results: list[Result], run: Run, ledger: Ledger) -> None:
    """Doubt what another process got in the meantime; in the transaction that records them, or both had the Sid."""
    taken = _taken([(item, receipt) for item, receipt, _ in results], run, ledger.with_sid_of_another)
    for place, (item, receipt, _) in enumerate(results) if taken else ():
        if Place(run.id, item.number) in taken:
            results[place] = item, doubted_sid(receipt), State.UNKNOWN


def _taken(answered: Sequence[tuple[ClaimedRow, Receipt]], run: Run, *looks: _Look) -> set[Place]:
    sids = {Place(run.id, item.number): receipt.sid for item, receipt in answered if receipt.sid is not None}
    return {place for look in looks for place in look(run.account, sids)} if sids else set()


def _doubted(batch: Batch, doubts: Sequence[bool]) -> Batch:
    receipts = (
        doubted_sid(receipt) if doubt else receipt for receipt, doubt in zip(batch.receipts, doubts, strict=True)
    )
    return batch._replace(receipts=tuple(receipts), matched=batch.matched and not any(doubts))
