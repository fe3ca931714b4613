"""A run on its way: claim, send, settle, until no row is left or something says stop.

One thread, the caller's, keeps the journal and decides; others only carry requests. The first request carries one
message, to prove account, sender and template, and the second two, to prove that replies can be matched.
"""

import heapq
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from exosms.bulk.batches import FreshRows
from exosms.bulk.own_sids import Result, doubt_sids_of_others, with_sids_of_their_own
from exosms.bulk.relay import Relay
from exosms.bulk.request_threads import Request, RequestThreads
from exosms.bulk.stop import Stop, Streak, stop_after, stop_for, too_many_failed
from exosms.errors import ExitCode, GuardError, in_our_words
from exosms.exotel.client import Batch, Client
from exosms.ledger.callback_tokens import CallbackAddress
from exosms.ledger.database import LedgerError
from exosms.ledger.entry import Place, State
from exosms.ledger.messages import Ledger
from exosms.ledger.run_rows import Claim, ClaimedRow
from exosms.ledger.runs import Journal, Run
from exosms.send.pace import Pace, waiting
from exosms.sms.message import Message, Outcome, Receipt, Then, most_telling
from exosms.sms.rate import MOST_RETRIES, Rate, back_off, pause_of
from exosms.system.signals import LOOK

WORKERS = 8
"""Requests in flight: at 200 a minute and a latency of 2.4 s."""

_BUSY = 1.0
"""Seconds between two looks at rows that another run is sending."""

_MOST_LOOKS = 120
"""A request takes 90 s at most, unless its process was stopped or asked to wait longer."""

_LONG = 5.0
"""Seconds of waiting for a turn that are told: a run waits a little before each request."""

_STATES: Mapping[str, State] = {state.value: state for state in State}

_FREE_RETRIES = 20
_RETRIES_PER_REQUEST = 0.25
"""Retries that a run may make in all: a service that is failing is not helped by more requests."""


class Settled(NamedTuple):
    """A row's outcome, committed."""

    item: ClaimedRow
    receipt: Receipt


class RunSetup(NamedTuple):
    """Everything that a run needs on its way, for one command."""

    client: Client
    ledger: Ledger
    journal: Journal
    rate: Rate | None
    """None: no pace at all, not even another process's pause, since nobody is reached."""
    batch: int
    """Texts a request, at most."""
    most_failures: int | None
    most_messages: int | None
    again: bool
    """Whether only rows that were put back are sent."""
    failed: int
    """Rows that failed before the first request and count for ``most_failures``."""
    check: Callable[[Iterable[Message]], None]
    """The guards that time and profile can change; raises GuardError."""
    within_limit: Callable[[int], None] | None
    """Refuses, by GuardError, the number of parts that the account would have used today."""
    asked_to_stop: Callable[[], bool]
    """Whether nothing more is to begin."""
    must_leave: Callable[[], bool]
    """Whether what is in flight is to be given up too."""
    tell: Callable[[str], None]
    callbacks: CallbackAddress | None = None
    relay: Relay | None = None
    """What keeps copies of the journal from sending the same rows; None where nothing can."""
    now: Callable[[], float] = time.monotonic
    chance: Callable[[], float] = random.random


class RunDispatcher:
    """Sends what is left of a run that is ours."""

    def __init__(self, run: Run, setup: "RunSetup") -> None:
        self.stop: Stop | None = None
        self._run = run
        self._setup = setup
        self._carriers = RequestThreads(setup.client.send_batch, most=WORKERS)
        self._pace = Pace(setup.ledger.common, run.account, setup.rate)
        self._fresh = FreshRows(setup.journal.waiting(run, again=setup.again), most=setup.most_messages)
        self._later: list[Request] = []
        self._slot: float | None = None
        self._requests = self._retries = self._queued = 0
        self._proven = 0
        self._is_proving = False
        self._size = setup.batch
        self._failures = setup.failed
        self._streak = Streak()
        self._busy: list[ClaimedRow] = []
        self._looks = 0

    def send(self) -> Iterator[Sequence[Settled]]:
        """Yield rows as they are settled, those of one commit together; then ``stop`` says why some may be left.

        Some yields are empty: they say that time passes.

        When asked to stop it ends once whatever is in flight has its answer; when it must leave, at once, and then
        that is unknown.
        """
        self._stop_if_too_many_failed()
        while not self._setup.must_leave():
            when = self._next_start()
            if when is None and not self._carriers.flying:
                break
            yield from self._go_on(self._carriers.arrived(timeout=self._until(when)))
        else:
            yield from self._go_on(self._carriers.arrived(timeout=0.0))
            try:
                self._setup.journal.give_up(self._run)
            except LedgerError as error:
                self._halt(error)

    def _halt(self, error: Exception) -> None:
        """Let nothing more begin, for whatever reason; what is in flight still gets its answer."""
        self.stop = stop_for(in_our_words(error))

    @property
    def _is_stopping(self) -> bool:
        return self.stop is not None or self._setup.asked_to_stop()

    def _until(self, when: float | None) -> float:
        """Return the seconds for which answers are waited for before looking around again."""
        return LOOK if when is None else min(LOOK, max(0.0, when - self._setup.now()))

    def _next_start(self) -> float | None:
        """Return the moment at which another request may begin; None: not before an answer came, or never."""
        most = WORKERS if self._proven else 1
        if self._is_stopping or self._is_proving or self._carriers.flying >= min(most, self._carriers.most):
            return None
        try:
            if not self._fresh:
                self._look_again_at_busy()
                if not self._later:
                    return None
                if self._later[0].due > self._setup.now():
                    return self._later[0].due
            return self._turn()
        except Exception as error:  # noqa: BLE001  # or answers would be lost with a bug
            self._halt(error)
            return None

    def _look_again_at_busy(self) -> None:
        """Once nothing else is left, see in a second what came of the rows that another run was sending."""
        if self._later or not self._busy:
            return
        if self._looks == _MOST_LOOKS:
            self._halt(_still_busy(len(self._busy)))
            return
        if not self._looks:
            self._setup.tell(f"waiting for what comes of rows that another run is sending: {len(self._busy)}")
        self._looks += 1
        due, rows = self._setup.now() + _BUSY, FreshRows(iter(self._busy), most=None)
        while rows:  # they come from several requests, and not all of them may share one
            self._queue(rows.take(self._size), due=due)
        self._busy = []

    @property
    def _is_proven(self) -> bool:
        """Whether one message was accepted, and then two in one request."""
        return self._proven >= min(self._size, 2)

    def _turn(self) -> float:
        """Return the moment of our turn in the account's pace, taking the next one if we have none."""
        if self._slot is None:
            wait = self._pace.reserve()
            self._slot = self._setup.now() + wait
            if wait >= _LONG and wait > 2 * self._pace.interval and not self._later:  # a pause that nobody told
                self._setup.tell(waiting(wait, paused=self._pace.blocked_for()))
        return self._slot

    def _next_request(self) -> Request:
        size = self._size if self._is_proven else self._proven + 1
        if self._later and (self._later[0].due <= self._setup.now() or not self._fresh):
            request = heapq.heappop(self._later)
            if len(request.items) > size:
                self._queue(request.items[size:], due=request.due, retry=request.retry)
            return Request(due=request.due, place=0, items=request.items[:size], retry=request.retry)
        return Request(due=0.0, place=0, items=self._fresh.take(size))

    def _go_on(self, answers: Sequence[tuple[Request, Batch]]) -> Iterator[Sequence[Settled]]:
        """Commit what came back and the claim of what goes out next, then send the one and show the other."""
        believed = self._with_sids_of_their_own(answers)
        results = [result for request, batch in believed for result in self._judge(request, batch)]
        self._failures += sum(state not in {State.WAITING, State.ACCEPTED} for _, _, state in results)
        self._stop_if_too_many_failed()
        request = self._due()
        claim = self._record(results, request)
        if request and claim.ours:
            request.items = claim.ours
            self._requests += 1
            self._is_proving = len(claim.ours) > 1 and not self._is_proven
            self._carriers.carry(request)
        elif request:
            self._slot = self._setup.now()  # our turn was not used
        self._busy += claim.busy
        yield [Settled(item=item, receipt=receipt) for item, receipt, s in results if s is not State.WAITING]
        for note, items in claim.elsewhere.items():
            yield [Settled(item=item, receipt=_SKIPPED._replace(note=note)) for item in items]

    def _due(self) -> Request | None:
        """Return the request whose time has come, unless something forbids it now."""
        when = self._next_start()
        if when is None or self._setup.now() < when:
            return None
        self._slot = None
        try:
            if self._pace.blocked_for() > 0:
                return None  # Exotel asked for a pause while we waited for our turn
            if self._setup.relay:
                self._setup.relay.check()
            request = self._next_request()
            self._setup.check(item.message for item in request.items)
        except Exception as error:  # noqa: BLE001  # as in _next_start
            self._halt(error)
            return None
        return request

    def _record(self, results: list[Result], request: Request | None) -> Claim:
        """Settle rows and claim a request's, in one commit; what got another's Sid meanwhile changes in results."""
        if not results and request is None:
            return Claim()
        journal, relay = self._setup.journal, self._setup.relay
        try:
            with journal.one_commit():
                if results:
                    doubt_sids_of_others(results, self._run, self._setup.ledger)
                    journal.settle(self._run, results)
                if request is None:
                    return Claim()
                claim = journal.claim(self._run, request.items, within_limit=self._setup.within_limit)
                if relay and claim.ours:
                    relay.draw()
                if callbacks := self._setup.callbacks:
                    places = {Place(self._run.id, item.number): item.message for item in claim.ours}
                    request.callback = callbacks.url_for(self._setup.ledger.database, places)
        except Exception as error:  # noqa: BLE001  # as in _next_start
            self._halt(error)
            if request:  # it was the claim that was refused, or what it needs may be what is missing
                return self._record(results, None)
            self._setup.tell(f"results that could not be recorded, so that their rows are unknown: {len(results)}")
            return Claim()
        return self._not_claimed_elsewhere(claim)

    def _not_claimed_elsewhere(self, claim: Claim) -> Claim:
        """Return a claim that no copy of the journal can make, too; else its rows are put back, and that is all."""
        if self._setup.relay is None or not claim.ours:
            return claim
        try:
            self._setup.relay.pass_on()
        except Exception as error:  # noqa: BLE001  # as in _next_start
            self._halt(error)
            self._record([(item, _PUT_BACK, State.WAITING) for item in claim.ours], None)
            return claim._replace(ours=())
        return claim

    def _stop_if_too_many_failed(self) -> None:
        most = self._setup.most_failures
        if most is not None and self._failures >= most and self.stop is None:
            self.stop = too_many_failed(self._failures, self._run.name)

    def _with_sids_of_their_own(self, answers: Sequence[tuple[Request, Batch]]) -> Sequence[tuple[Request, Batch]]:
        try:
            return with_sids_of_their_own(answers, self._run, self._setup.ledger)
        except Exception as error:  # noqa: BLE001  # as in _next_start
            self._halt(error)
            return answers

    def _judge(self, request: Request, batch: Batch) -> list[Result]:
        """Return what becomes of each row, and plan what follows from it."""
        self._learn(request, batch)
        if batch.whole and len(request.items) > 1 and batch.receipts[0].outcome is Outcome.REJECTED:
            return self._split(request, batch)
        pause = next((receipt for receipt in batch.receipts if receipt.then is Then.PAUSE), None)
        delay = self._pause(pause, request.retry) if pause else back_off(request.retry, chance=self._setup.chance())
        again: list[ClaimedRow] = []
        results = []
        retrying = self._may_retry(request)
        for item, receipt in zip(request.items, batch.receipts, strict=True):
            state = _STATES[receipt.outcome]
            if receipt.then is Then.STOP:
                self._stop_after(receipt)
                state = State.WAITING if receipt.outcome is Outcome.NOT_SENT else state
            elif receipt.then is not Then.GO_ON and retrying:
                state = State.WAITING
                again.append(item)
            results.append((item, receipt, state))
        final = [receipt for _, receipt, state in results if state is not State.WAITING]
        if again:
            self._try_again(request, again, next(r for _, r, s in results if s is State.WAITING), delay=delay)
        if final:
            self.stop = self.stop or self._streak.count(final)
        return results

    def _learn(self, request: Request, batch: Batch) -> None:
        """Note what an answer says about how many texts a request may carry."""
        self._is_proving = self._is_proving and len(request.items) == 1
        if batch.matched and any(receipt.outcome is Outcome.ACCEPTED for receipt in batch.receipts):
            self._proven = max(self._proven, min(2, len(request.items)))
        if not batch.matched and self._size > 1:
            self._size = 1
            self._setup.tell("the reply could not be matched to the request; continuing with one text per request")

    def _split(self, request: Request, batch: Batch) -> list[Result]:
        """Send the halves of a request that was refused as a whole: some row in it is at fault.

        They come before all others, the latest first: where every row is at fault, the first ones that went alone say
        so after a few requests.
        """
        half = len(request.items) // 2
        for items in (request.items[half:], request.items[:half]):
            self._queued += 1
            heapq.heappush(self._later, Request(due=0.0, place=-self._queued, items=items))
        return [(item, receipt, State.WAITING) for item, receipt in zip(request.items, batch.receipts, strict=True)]

    def _may_retry(self, request: Request) -> bool:
        allowed = _FREE_RETRIES + _RETRIES_PER_REQUEST * self._requests
        return request.retry < MOST_RETRIES and self._retries < allowed

    def _try_again(self, request: Request, items: Sequence[ClaimedRow], receipt: Receipt, *, delay: float) -> None:
        self._retries += 1
        reason = f"HTTP {receipt.http_status}" if receipt.http_status else receipt.problem and receipt.problem.message
        self._setup.tell(f"{len(items)} not sent yet ({reason}); trying again in {delay:.1f} s")
        self._queue(items, due=self._setup.now() + delay, retry=request.retry + 1)

    def _pause(self, receipt: Receipt, retry: int) -> float:
        """Let everyone who sends for this account wait, tried again or not; return for how many seconds."""
        delay = pause_of(receipt.retry_after, retry, chance=self._setup.chance())
        self._slot = None
        try:
            self._pace.block(delay)
        except LedgerError as error:  # what was found is recorded all the same
            self._halt(error)
        return delay

    def _queue(self, items: Sequence[ClaimedRow], *, due: float, retry: int = 0) -> None:
        self._queued += 1
        heapq.heappush(self._later, Request(due=due, place=self._queued, items=items, retry=retry))

    def _stop_after(self, receipt: Receipt) -> None:
        self.stop = self.stop or stop_after(receipt)


def exit_code_of_rows(outcomes: Iterable[tuple[str, int]]) -> ExitCode:
    """Return the exit code of a finished run whose rows have these states and exit codes, each pair once.

    Any unknown, or accepted beside what was not, is 10; so 3, 6, 7 and 11 mean that nobody was accepted.
    """
    pairs = [pair for pair in outcomes if pair[0] != Outcome.SKIPPED]
    states = {state for state, _ in pairs}
    if Outcome.UNKNOWN in states or (Outcome.ACCEPTED in states and len(states) > 1):
        return ExitCode.PARTIAL
    return most_telling(exit_code for _, exit_code in pairs)


def _still_busy(rows: int) -> GuardError:
    return GuardError(
        f"{rows} row{' is' if rows == 1 else 's are'} being sent by another run for more than {_MOST_LOOKS} s",
        remedy="See which with `runs list`.",
    )


_SKIPPED = Receipt(outcome=Outcome.SKIPPED, exit_code=ExitCode.OK)
_PUT_BACK = Receipt(outcome=Outcome.NOT_SENT, exit_code=ExitCode.UNAVAILABLE)
