"""Callbacks made durable: one thread commits whatever came meanwhile at once, and only then each is answered."""

import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from exosms.errors import ExosmsError
from exosms.exotel.callback import Callback
from exosms.ledger.callbacks import Callbacks, CallbackStore, Taken
from exosms.ledger.database import LedgerError
from exosms.system.signals import leave_signals_to_main_thread

_MOST = 500
"""Callbacks that wait for a commit; of more the sender hears that it is to try again."""

_PATIENCE = 60.0
"""Seconds for which one waits; longer than the ledger waits for other processes."""


class NotKeptError(Exception):
    """A callback could not be made durable: Exotel is to send it again."""


@dataclass(slots=True)
class _Item:
    token: str
    callback: Callback
    is_done: threading.Event = field(default_factory=threading.Event)
    taken: Taken | None = None
    """None: it could not be kept."""


class Intake:
    """The thread that writes, and the queue before it."""

    def __init__(self, opened: Callable[[], CallbackStore], *, warn: Callable[[str], None]) -> None:
        """``opened`` opens the ledger that keeps them."""
        self._opened = opened
        self._warn = warn
        self._items: queue.Queue[_Item] = queue.Queue(_MOST)
        self._store: CallbackStore | None = None
        threading.Thread(target=self._work, daemon=True, name="callbacks").start()

    def take(self, token: str, callback: Callback) -> Taken:
        """Return what became of it, which then is durable; raises NotKeptError."""
        item = _Item(token, callback)
        try:
            self._items.put_nowait(item)
        except queue.Full:
            raise NotKeptError from None
        if not item.is_done.wait(_PATIENCE) or item.taken is None:
            raise NotKeptError
        return item.taken

    def _work(self) -> None:
        leave_signals_to_main_thread()
        while True:
            items = [self._items.get()]
            with suppress(queue.Empty):
                while len(items) < _MOST:
                    items.append(self._items.get_nowait())
            try:
                answers = self._kept(items)
            except ExosmsError as error:
                self._warn(f"callbacks could not be kept: {error.message}")
            except Exception as error:  # noqa: BLE001  # a bug, after which others must not wait for ever
                self._warn(f"callbacks could not be kept: a bug in exosms: {type(error).__name__}")
            else:
                for item, answer in zip(items, answers, strict=True):
                    item.taken = answer
            for item in items:
                item.is_done.set()

    def _kept(self, items: Sequence[_Item]) -> Sequence[Taken]:
        """Return what became of them, once it is committed."""
        self._store = store = self._store or self._opened()
        callbacks = Callbacks(store)
        try:
            known = [item for item in items if callbacks.is_known(item.token, item.callback.to)]
            known.sort(key=lambda item: item.callback.sid)  # as everybody does, lest two wait for each other

            def take() -> Mapping[int, Taken]:
                return {
                    id(item): callbacks.take(item.token, item.callback.sid, item.callback.delivery) for item in known
                }

            taken = store.ledger.in_one_step(take) if known else {}  # a stranger makes us write nothing
        except LedgerError:  # the file may have been replaced
            self._store = None
            with suppress(Exception):
                store.ledger.close()
            raise
        return [taken.get(id(item), Taken.NOBODYS) for item in items]
