"""Callbacks that name a Sid for a message without one: Exotel is asked whether it is that message's.

With the credentials of the message's own profile, within the account's pace, again until there is an answer, also
after a restart. Only what Exotel answers settles a message.
"""

import os
import threading
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

from exosms.config.account_source import AccountOptions
from exosms.config.settings import Settings, resolve
from exosms.errors import ConfigError, ExosmsError
from exosms.exotel.client import Client
from exosms.exotel.delivery_report import DeliveryReport
from exosms.exotel.message_content import MessageContent
from exosms.exotel.transport import HttpsTransport
from exosms.ledger.callbacks import CallbackStore, Waiting
from exosms.ledger.entry import State
from exosms.ledger.interface import MessageLedger
from exosms.ledger.unsettled import Unsettled
from exosms.send.evidence import differences
from exosms.send.session import AccountSession
from exosms.sms.message import Then
from exosms.sms.rate import pause_of
from exosms.system.signals import leave_signals_to_main_thread

_LOOK = 3
"""How much longer than for a once key it takes until callbacks are looked for, which others may have received."""

_SOON = 1.0
"""Seconds until a message is looked at again that is on its way."""

_LONGEST = 60.0
"""Seconds between two questions about the same Sid, at most."""

_PATIENCE = 20.0
"""Seconds that a question waits for its turn in the account's pace before others come first."""

_TIMEOUT = 10.0

_MOST = 10
"""Callbacks taken on at a time, which wait if the process ends; and different sentences that are told."""


class Confirmation:
    """The thread that asks."""

    def __init__(
        self,
        opened: Callable[[], CallbackStore],
        *,
        config: Path | None,
        tell: Callable[[str], None],
        warn: Callable[[str], None],
    ) -> None:
        self._opened = opened
        self._config = config
        self._tell = tell
        self._warn = warn
        self._told: set[str] = set()
        self._sessions: dict[tuple[str, str | None], AccountSession] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True, name="confirmation")
        self._thread.start()

    def stop(self) -> None:
        """Begin nothing more."""
        self._stop.set()

    def end(self) -> None:
        """Stop, and return once the ledger is closed; a question that is on its way is waited for."""
        self.stop()
        self._thread.join()

    def _work(self) -> None:
        leave_signals_to_main_thread()
        while not self._stop.is_set():
            try:
                store = self._opened()
                with closing(store.ledger):
                    self._go_through(store)
            except ExosmsError as error:
                self._tell_once(f"unknown messages are not looked into: {error.message}")
            except Exception as error:  # noqa: BLE001  # a bug, after which other messages are still looked into
                self._tell_once(f"unknown messages are not looked into: a bug in exosms: {type(error).__name__}")
            self._sessions.clear()
            self._stop.wait(_SOON)

    def _go_through(self, store: CallbackStore) -> None:
        while not self._stop.is_set():
            found = store.due(_MOST)
            for one in found:
                if self._stop.is_set():
                    return
                self._look_into(one, store)
            if not found:
                self._stop.wait(_LOOK * store.ledger.poll)

    def _look_into(self, one: Waiting, store: CallbackStore) -> None:
        message = store.ledger.in_one_step(partial(_without_sid, one, store))
        if message is None:
            return
        if not message.is_unknown:
            store.look_again(one, seconds=_SOON, asked=False)
            return
        try:
            answer = self._ask(one, store.ledger)
        except ExosmsError as error:
            self._tell_once(f"messages of {one.account} are not looked into: {error.message}")
            answer = None
        if answer is None:
            seconds = min(_LONGEST, 2.0 ** min(one.questions, 10))
            store.look_again(one, seconds=seconds, asked=True)
        else:
            self._decide(one, *answer, store)

    def _ask(self, one: Waiting, ledger: MessageLedger) -> tuple[DeliveryReport, MessageContent] | None:
        """Ask once what a Sid is; None for no answer, and if it is not our turn.

        Raises ConfigError where there are no credentials.
        """
        key = (one.account, one.profile)
        session = self._sessions.get(key) or self._session(one, ledger)
        self._sessions[key] = session
        if session.pace.blocked_for() > _PATIENCE or not session.take_turn(at_most=_PATIENCE) or self._stop.is_set():
            return None
        report, content = session.client.content(one.sid)
        if report.then is Then.PAUSE:
            session.pace.block(pause_of(report.retry_after, 0, chance=session.chance()))
        if report.then is Then.STOP:  # credentials may have changed
            del self._sessions[key]
            said = report.problem.status_text if report.problem else ""
            self._tell_once(f"messages of {one.account} are not looked into: Exotel answers {said}")
        return None if content is None else (report, content)

    def _decide(self, one: Waiting, report: DeliveryReport, content: MessageContent, store: CallbackStore) -> None:
        is_confirmed = store.ledger.in_one_step(partial(_is_confirmed, one, report, content, store))
        if is_confirmed:
            store.messages(one.account).erase_texts()
            self._tell(f"confirmed: {one.recipient} {content.sid}")
        elif is_confirmed is not None:
            self._tell(f"not confirmed: {one.recipient} {one.sid}")

    def _session(self, one: Waiting, ledger: MessageLedger) -> AccountSession:
        settings = self._settings(one)
        account = settings.own_account
        transport = HttpsTransport(
            account.base_url,
            key=account.key.reveal(),
            token=account.token.fetch(environ=os.environ, warn=self._tell_once).reveal(),
            timeout=_TIMEOUT,
            observe=lambda _: None,
        )
        client = Client(transport, account_sid=account.sid)
        return AccountSession(client, ledger, one.account, settings.rate, self._pause, lambda _: None, one.profile)

    def _settings(self, one: Waiting) -> Settings:
        """Return the settings of the message's own profile, which must still be of its account."""
        for base_url in (None, one.base_url):
            settings = resolve(
                AccountOptions(profile=one.profile, config=self._config, base_url=base_url), os.environ
            )
            if settings.own_account.identity == one.account:
                return settings
        raise ConfigError(f"the profile {one.profile} is not of the account any more")

    def _pause(self, seconds: float) -> None:
        self._stop.wait(seconds)

    def _tell_once(self, text: str) -> None:
        if text not in self._told and len(self._told) < _MOST:
            self._told.add(text)
            self._warn(text)


def _without_sid(one: Waiting, store: CallbackStore) -> Unsettled | None:
    """Return the message of a callback if it may still get its Sid by that; else let go of the callback."""
    messages = store.messages(one.account)
    message = messages.at(one.place)
    _, sid = messages.now(message) if message else (None, None)
    if message and not sid and message.state in {State.WAITING, State.IN_FLIGHT, State.UNKNOWN}:
        return message
    delivery = store.forget(one)
    if delivery and sid == one.sid:
        store.ledger.keep_delivery(one.account, one.sid, delivery)
    return None


def _is_confirmed(one: Waiting, report: DeliveryReport, content: MessageContent, store: CallbackStore) -> bool | None:
    """Accept the message if all that Exotel says agrees with it; else the callback was somebody else's word.

    None if it is too late for either.
    """
    # First of all, since it waits for whoever is giving the Sid to a message, which may be this one.
    is_known = store.are_known(one.account, {one.sid, content.sid})
    message = _without_sid(one, store)  # others may have settled it meanwhile
    if message is None or not message.is_unknown:
        return None
    messages = store.messages(one.account)
    called_back = store.forget(one)
    if is_known:
        return None
    message = messages.named(message, content.to)
    if any(differences(message, content, messages.fingerprints)):
        return False
    messages.accept(message, content.sid, report.delivery.status if report.delivery else None)
    for delivery in filter(None, (report.delivery, called_back)):
        store.ledger.keep_delivery(one.account, content.sid, delivery)
    return True
