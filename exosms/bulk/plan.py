"""What a run would do, before it does it: rows, parts, requests, time and cost."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from exosms.bulk.batches import size_for
from exosms.bulk.decide import decide
from exosms.bulk.prepare import BulkSetup, Inspection
from exosms.bulk.request import SentBefore
from exosms.ledger.earlier_runs import EarlierMessages
from exosms.ledger.runs import Journal
from exosms.ledger.staging import Envelopes, RowMessage, Samples, Staging, Totals
from exosms.sms.rate import Rate
from exosms.sms.segments import FEW_FORCING


class Part(NamedTuple):
    """As much of a plan as ``--limit`` lets one command send."""

    messages: int
    parts: int
    left: int
    """Messages for another one."""


class Plan(NamedTuple):
    """What would be sent."""

    totals: Totals
    duplicates: int
    before: EarlierMessages
    """What earlier runs sent of it, or may have sent."""
    are_those_skipped: bool
    requests: int
    seconds: float | None
    """At the allowed rate; None without one."""
    cost: float | None
    """In the currency of the profile's ``price_per_part``."""
    forcing: tuple[tuple[str, int], ...]
    """The most frequent characters that make texts Unicode, with the number of texts."""
    own_fields: Sequence[tuple[str, str, int]]
    """The columns that set a field of the message, with the field and the number of rows."""
    named_senders: str
    """The first of those that a column sets, and how many more."""
    account: str
    """Empty where a dry run has none."""
    samples: Samples | None
    """None: nothing would be sent."""
    texted_otherwise: int
    """People who lately got, or may have got, another text from an earlier run."""
    within: float
    """Seconds: how long ago that was at most."""
    now: Part | None
    """None: all of it."""


def plan_for(
    setup: BulkSetup, inspection: Inspection, staging: Staging, journal: Journal, *, now: float, parts_today: int
) -> Plan:
    """Return what would be sent of what is laid out; raises as ``decide`` does for what is not to be sent."""
    before = decide(setup, inspection, staging, journal, now=now, parts_today=parts_today)
    settings, totals = setup.settings, staging.totals()
    if totals.skipped and inspection.forcing:
        inspection.forget_left_out(row.message for row in staging.planned() if isinstance(row, RowMessage))
    size = size_for(totals.rows, asked=setup.request.batch or 0)
    requests = requests_for(staging.envelopes(), size=size)
    price = settings.price_per_part
    return Plan(
        totals=totals,
        duplicates=staging.duplicates(),
        before=before,
        are_those_skipped=setup.request.sent_before is SentBefore.SKIP,
        requests=requests,
        seconds=None if settings.is_sandbox else seconds_for(requests, settings.rate),
        cost=None if price is None else price * totals.parts,
        forcing=inspection.most_forcing(FEW_FORCING + 1),
        own_fields=inspection.mapper.own_fields,
        named_senders=inspection.mapper.named_senders,
        account=setup.account,
        samples=staging.samples(),
        texted_otherwise=staging.earlier.texted_otherwise(now - setup.request.within, now, account=setup.account),
        within=setup.request.within,
        now=_part_of(setup.request.handling.limit, staging, messages=totals.messages),
    )


def _part_of(limit: int | None, staging: Staging, *, messages: int) -> Part | None:
    if limit is None or limit >= messages:
        return None
    return Part(limit, staging.parts_of_first(limit), messages - limit)


def requests_for(envelopes: Envelopes, *, size: int) -> int:
    """Return the requests of at most ``size`` texts that messages take at least.

    The first carries one message, the second two; only messages with the same envelope share one.
    """
    if size == 1:
        return envelopes.alone + sum(envelopes.shared)
    most, *others = sorted(envelopes.shared, reverse=True) or [0]
    proving = min(most, 2) + math.ceil(max(most - 3, 0) / size)
    return envelopes.alone + proving + sum(math.ceil(messages / size) for messages in others)


def seconds_for(requests: int, rate: Rate | None) -> float | None:
    """Return how long requests take at a rate; None where there is none."""
    return requests * rate.interval if rate and rate.per_minute else None
