"""One message on its way: wait for its turn, check, claim, attempt, settle.

The claim is committed before the first byte leaves and the result before anybody hears of it; an attempt is
repeated only if it certainly did not reach Exotel. Where the ledger cannot be written, a message that needs nothing
of it goes out all the same.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from exosms.errors import ExitCode, ExosmsError, GuardError, InputError, Interrupted
from exosms.exotel.outcome import doubted_sid, lost_sight_of
from exosms.ledger.database import LedgerError
from exosms.ledger.entry import LedgerEntry, OnceKey, Place, State
from exosms.ledger.interface import MessageLedger
from exosms.ledger.process_locks import process_of
from exosms.send.advice import how_to_find_out
from exosms.send.session import AccountSession
from exosms.sms.guards import Guards
from exosms.sms.message import Message, Outcome, Problem, Receipt, Retry, Then, calling_back, problem_of
from exosms.sms.rate import MOST_RETRIES, pause_of
from exosms.system.escaping import for_shell
from exosms.system.times import local

_SHORT_PAUSE = 5.0
"""Seconds of a pause that a first attempt waits for whatever --retry-for says."""

UNSETTLED = {State.IN_FLIGHT, State.WAITING}
"""Where a message is on its way: a living process has it."""


class Dispatcher(NamedTuple):
    """Everything that a message needs on its way, for one account and one command."""

    session: AccountSession
    guards: Guards
    retry_until: float
    """On the monotonic clock; no retry and no wait for one begins that would end later."""
    warn: Callable[[str], None]
    patience: float = 0.0
    """Seconds that a message waits for a once key which another process is using."""
    is_ledger_needed: bool = True
    """Whether a message stays here that cannot be recorded: what was promised of it holds only by the ledger."""

    def deliver_all(self, messages: Sequence[Message], *, once: OnceKey | None = None) -> Iterator[Receipt]:
        """Yield a receipt for every message, in order; after one that stops, the others were not attempted."""
        stopped: Receipt | None = None
        asked = once
        for message in messages:
            if stopped is not None:
                try:
                    known = self._known_before(message, asked)
                except ExosmsError:  # a ledger that failed is not asked for each of them
                    known = asked = None
                yield known or not_attempted("not attempted", because=stopped)
                continue
            receipt = self.deliver(message, once=once)
            if receipt.then is Then.STOP:
                stopped = receipt
                asked = None if _is_ledger_away(receipt) else once
            yield receipt

    def deliver(self, message: Message, *, once: OnceKey | None = None, key_until: float | None = None) -> Receipt:
        """Send one message at most once and return what is known of it.

        It waits for its once key until ``key_until`` on the monotonic clock; if not given, as patience has it.
        """
        session = self.session
        key_until = session.now() + self.patience if key_until is None else key_until
        try:
            if once and (used := self._wait_for_key(message, once, key_until)):
                return used_before(used, session.flags)
            if blocked := self._blocked():
                return blocked
            session.take_turn()
            self.guards.check_hour(message, now=time.time())
            claim, message = self._claimed(message, once)
        except GuardError as error:
            return refused_here(error)
        except LedgerError as error:
            return self.deliver(message) if self._goes_on_without(error) else refused_here(error)
        if isinstance(claim, LedgerEntry):
            return self.deliver(message, once=once, key_until=key_until)
        began = time.time()
        receipt = self._attempt(claim, message)
        return self._with_advice(receipt, once, (began, time.time()))

    def _known_before(self, message: Message, once: OnceKey | None) -> Receipt | None:
        """Return what a once key says of a message that is not attempted any more: it may have been sent before."""
        if once is None:
            return None
        receipt = foreseen(message, self.session.ledger, self.session.account, once, self.session.flags)
        return None if receipt.outcome is Outcome.PLANNED else receipt

    def _with_advice(self, receipt: Receipt, once: OnceKey | None, window: tuple[float, float]) -> Receipt:
        """Return the receipt, that of an unknown message with how to find out what became of it."""
        session = self.session
        if receipt.outcome is not Outcome.UNKNOWN or receipt.problem is None or session.ledger.is_in_memory:
            return receipt  # what only this process knows nobody could compare
        which = ["--once", once.key] if once else []
        try:
            advice = how_to_find_out(
                which, account=session.account, profile=session.profile, flags=session.flags, window=window
            )
        except (OSError, ImportError, MemoryError):  # what it needs cannot be loaded any more
            return receipt
        remedy = f"Do not send again yet. {advice}{_or_decide(once.key) if once else ''}"
        return receipt._replace(problem=receipt.problem._replace(remedy=remedy))

    def _claimed(self, message: Message, once: OnceKey | None) -> tuple[LedgerEntry | int, Message]:
        """Claim the message, and return it as it is to go out: with an address of its own for its callback."""
        session = self.session
        callbacks = None if session.ledger.is_in_memory else session.callbacks  # nobody would know it
        callback = callbacks.request_for([message]) if callbacks else None
        claim = session.ledger.claim(
            message,
            account=session.account,
            profile=session.profile,
            once=once,
            within_limit=self.guards.check_day if self.guards.max_parts_per_day is not None else None,
            callback=callback,
        )
        if callback is None or isinstance(claim, LedgerEntry):
            return claim, message
        return claim, calling_back([message], callback.url)[0]

    def _goes_on_without(self, error: LedgerError) -> bool:
        """Go on in memory with what does not need it: "disk full" has to get through when the disk is full."""
        ledger = self.session.ledger
        if self.is_ledger_needed or ledger.is_in_memory:
            return False
        self.warn(going_on_without(error))
        ledger.go_on_in_memory()
        return True

    def _attempt(self, entry_id: int, message: Message) -> Receipt:
        session = self.session
        receipt = self._sent(message)
        try:
            for retry in range(MOST_RETRIES):
                delay = self._delay(receipt, retry)
                if delay is None:
                    break
                session.ledger.wait_for_retry(entry_id)
                session.pause(delay)
                if not self._take_turn_again():
                    break
                self.guards.check_hour(message, now=time.time())
                session.ledger.claim_again(entry_id)
                receipt = self._sent(message)
        except (GuardError, LedgerError) as error:  # of which others may think already that nothing was sent
            self.warn(f"{message.to} is not tried again: {error.message}")
        except Interrupted:
            self._settle(entry_id, receipt)
            raise
        return self._settle(entry_id, receipt)

    def _sent(self, message: Message) -> Receipt:
        try:
            return self.session.client.send(message)
        except Exception as error:  # noqa: BLE001  # a bug, or a part of us is gone: it may be on its way
            return lost_sight_of(error)

    def _delay(self, receipt: Receipt, retry: int) -> float | None:
        """Return the seconds to wait before a retry, or None if there is to be none."""
        if receipt.then not in {Then.RETRY, Then.PAUSE}:
            return None
        asked = receipt.retry_after if receipt.then is Then.PAUSE else None
        delay = pause_of(asked, retry, chance=self.session.chance())
        if receipt.then is Then.PAUSE:
            self.session.pace.block(delay)
        if self.session.now() + delay > self.retry_until:
            return None
        self.session.tell(f"not sent yet ({_reason(receipt)}); trying again in {delay:.1f} s")
        return delay

    def _blocked(self) -> Receipt | None:
        """Return a refusal if the pause that Exotel asked for, of whichever process, is longer than we may wait."""
        seconds = self.session.pace.blocked_for()
        if seconds <= _SHORT_PAUSE or self.session.now() + seconds <= self.retry_until:
            return None
        return Receipt(
            outcome=Outcome.NOT_SENT,
            exit_code=ExitCode.RATE_LIMITED,
            then=Then.STOP,
            problem=Problem(
                kind=Outcome.NOT_SENT,
                message=f"Exotel asked this account to pause (429); {seconds:.0f} s left",
                meaning="Nothing was sent: the pause is longer than --retry-for allows.",
                remedy="Run it again later, or with a longer --retry-for.",
                retry=Retry.SAFE,
            ),
        )

    def _take_turn_again(self) -> bool:
        """Wait for a turn to retry, unless it comes too late for that."""
        session = self.session
        if session.take_turn(at_most=self.retry_until - session.now()):
            return True
        if session.pace.blocked_for():
            session.tell("not tried again: Exotel asked this account to pause until after --retry-for ends")
        else:
            rate = f"this account's rate ({session.rate})"
            session.tell(f"not tried again: {rate} allows a request only after --retry-for ends")
        return False

    def _wait_for_key(self, message: Message, once: OnceKey, until: float) -> LedgerEntry | None:
        """Return the settled entry that uses the key, having waited for a living process that is using it.

        Raises GuardError for one that takes longer: it may be stopped, or hang.
        """
        told = False
        while used := self.session.ledger.used(once, recipient=message.to, account=self.session.account):
            if used.state not in UNSETTLED:
                return used
            if not told:
                self.session.tell(f"once key {once.key!r} is in use by another process; waiting for its result")
                told = True
            left = until - self.session.now()
            if left <= 0:
                raise in_use(once.key, used)
            self.session.pause(min(left, self.session.ledger.poll))
        return None

    def _settle(self, entry_id: int, receipt: Receipt) -> Receipt:
        """Record the receipt and return it, doubted if another message has its Sid: in one step, or both had it."""
        ledger, place = self.session.ledger, Place(0, entry_id)
        if receipt.sid and self.session.is_of_row(receipt.sid):
            receipt = doubted_sid(receipt)
        believed = receipt

        def settle() -> None:
            nonlocal believed
            is_anothers = receipt.sid and ledger.with_sid_of_another(self.session.account, {place: receipt.sid})
            believed = doubted_sid(receipt) if is_anothers else receipt
            ledger.settle(entry_id, believed)

        try:
            ledger.in_one_step(settle)
        except LedgerError as error:
            self.warn(f"the result could not be recorded, so it counts as unknown from now on: {error.message}")
        return believed


def check_what_leaves(
    messages: Sequence[Message],
    guards: Guards,
    ledger: MessageLedger,
    account: str,
    once: OnceKey | None,
    *,
    parts_today: int,
) -> None:
    """Raise GuardError for what keeps messages back, of those that their once key does not leave out anyway."""
    now = time.time()
    try:
        guards.check_all(messages, now=now, parts_today=parts_today)
    except GuardError:
        if once is None:
            raise
        holders = [ledger.used(once, recipient=each.to, account=account, rewrite=False) for each in messages]
        on_its_way = [holder for holder in holders if holder and holder.state in UNSETTLED]
        left = [each for each, holder in zip(messages, holders, strict=True) if not holder or holder in on_its_way]
        counted = sum(holder.segments for holder in on_its_way)  # for whoever sends it; a claim counts for sure
        guards.check_all(left, now=now, parts_today=parts_today - counted)


def foreseen(
    message: Message, ledger: MessageLedger, account: str, once: OnceKey | None, flags: Mapping[str, str]
) -> Receipt:
    """Return what sending would come to as far as that can be known, which is planned or skipped."""
    used = ledger.used(once, recipient=message.to, account=account, rewrite=False) if once else None
    if used and used.state not in UNSETTLED:
        return used_before(used, flags)
    return Receipt(outcome=Outcome.PLANNED, exit_code=ExitCode.OK)


def in_use(once_key: str, entry: LedgerEntry) -> GuardError:
    """Return what keeps a once key from everybody else: a living process that has not finished with it."""
    process = process_of(entry.owner or "")
    return GuardError(
        f"The once key {once_key!r} is in use by process {process}, which is still sending",
        remedy=f"Wait for process {process}, or end it: what it was sending is unknown then. Then run this again.",
    )


def going_on_without(error: ExosmsError) -> str:
    """Return the warning of a command that goes on although there is no ledger for it."""
    return f"{error.message}; continuing without a ledger, so other commands will not know about this one"


def refused_here(error: ExosmsError) -> Receipt:
    """Return the receipt of a message that one of our own errors kept back; it stops the command."""
    return Receipt(
        outcome=Outcome.REJECTED if isinstance(error, InputError) else Outcome.NOT_SENT,
        exit_code=error.exit_code,
        then=Then.STOP,
        problem=problem_of(error),
    )


def not_attempted(reason: str, *, because: Receipt | None = None) -> Receipt:
    """Return the receipt of a message that the command did not get to, since it stopped before."""
    if because and because.outcome is Outcome.UNKNOWN:  # which says nothing of this one
        because = None
    return Receipt(
        outcome=Outcome.NOT_SENT,
        exit_code=because.exit_code if because else ExitCode.UNAVAILABLE,
        problem=Problem(
            kind=Outcome.NOT_SENT,
            message=reason,
            meaning="Nothing was sent: the command stopped before this message.",
            remedy=because.problem.remedy if because and because.problem else "Run it again.",
            retry=Retry.DECIDE if because and because.exit_code is ExitCode.GUARD else Retry.SAFE,
            is_kept_back=True,
        ),
    )


def _is_ledger_away(stopped: Receipt) -> bool:
    """Whether a command stopped since its ledger does not answer, for which nothing waits twice."""
    return stopped.http_status is None and stopped.exit_code is ExitCode.UNAVAILABLE


def used_before(entry: LedgerEntry, flags: Mapping[str, str]) -> Receipt:
    """Return what a message comes to whose once key another one used, which is known to be settled."""
    moment = local(entry.used_at)
    if entry.state is State.ACCEPTED:
        return Receipt(
            outcome=Outcome.SKIPPED,
            exit_code=ExitCode.OK,
            sid=entry.sid,
            note=f"once key {entry.once_key!r} was used at {moment}: accepted",
        )
    return Receipt(
        outcome=Outcome.UNKNOWN,
        exit_code=ExitCode.UNKNOWN,
        problem=Problem(
            kind=Outcome.UNKNOWN,
            message=f"once key {entry.once_key!r} was used at {moment}, and whether that message was sent is unknown",
            meaning="Not attempted now: it may already have been sent.",
            remedy=f"{_of_key(entry, flags)}{_or_decide(entry.once_key or '')}",
            retry=Retry.DECIDE,
        ),
    )


def _of_key(entry: LedgerEntry, flags: Mapping[str, str]) -> str:
    which, window = ["--once", entry.once_key or ""], (entry.created_at, entry.created_at)
    return how_to_find_out(which, account=entry.account, profile=entry.profile, flags=flags, window=window)


def _or_decide(once_key: str) -> str:
    command = f"exosms runs resolve --once {for_shell(once_key)} --as accepted"
    return f" Or decide with `{command}`, or with --as not_sent."


def _reason(receipt: Receipt) -> str:
    if receipt.http_status is not None:
        return f"HTTP {receipt.http_status}"
    return receipt.problem.message if receipt.problem else "no answer"
