"""Threads that carry a run's requests and bring their answers."""

import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from exosms.exotel.client import Batch
from exosms.exotel.outcome import lost_sight_of, no_thread
from exosms.ledger.run_rows import ClaimedRow
from exosms.sms.message import Message, calling_back
from exosms.system.signals import leave_signals_to_main_thread


@dataclass(order=True, slots=True)
class Request:
    """Rows that go out together, when it is their time (on the monotonic clock); of equal times, by place."""

    due: float
    place: int
    items: Sequence[ClaimedRow] = field(compare=False)
    retry: int = field(compare=False, default=0)
    callback: str | None = field(compare=False, default=None)
    """Where its messages have their delivery posted to that name no address themselves."""


class RequestThreads:
    """Threads that carry requests and bring answers; they know neither journal nor pace."""

    def __init__(self, send: Callable[[Sequence[Message]], Batch], *, most: int) -> None:
        self.flying = 0
        self.most = most
        """Requests at a time: fewer than asked for once this machine has no more threads."""
        # A SimpleQueue waits for ever, up to Python 3.12, where a signal takes longer than what is left of its wait.
        self._answers: queue.Queue[tuple[Request, Batch]] = queue.Queue()
        self._send = send
        self._jobs: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        """None: a carrier that has nothing to do ends."""
        self._threads = 0

    def carry(self, request: Request) -> None:
        """Send a request in some thread; its answer comes by ``arrived``."""
        self.flying += 1
        if self._threads < min(self.flying, self.most):
            self._employ()
        if self._threads:
            self._jobs.put(request)
        else:
            self._answers.put((request, Batch((no_thread(),) * len(request.items), whole=True)))

    def _employ(self) -> None:
        """Start one more carrier, if there is also a thread for the exchange that it will make."""
        try:
            threading.Thread(target=self._work, daemon=True, name=f"carrier {self._threads + 1}").start()
            self._threads += 1
            threading.Thread(target=leave_signals_to_main_thread, daemon=True, name="probe").start()
        except RuntimeError:  # the system has no thread left
            self.most = max(1, self.flying - 1)
            if self._threads > self.most:  # its thread is the one that an exchange of another needs
                self._threads -= 1
                self._jobs.put(None)

    def arrived(self, *, timeout: float) -> list[tuple[Request, Batch]]:
        """Return the answers that are there; with none, wait for the first, at most so many seconds."""
        answers: list[tuple[Request, Batch]] = []
        try:
            answers.append(self._answers.get(timeout=timeout) if timeout > 0 else self._answers.get_nowait())
            while True:
                answers.append(self._answers.get_nowait())
        except queue.Empty:
            self.flying -= len(answers)
            return answers

    def _work(self) -> None:
        leave_signals_to_main_thread()
        while request := self._jobs.get():
            messages = calling_back([item.message for item in request.items], request.callback)
            self._answers.put((request, self._carried(messages)))

    def _carried(self, messages: Sequence[Message]) -> Batch:
        try:
            return self._send(messages)
        except Exception as error:  # noqa: BLE001  # a bug: its messages may be on their way, and their rows must not wait for ever
            return Batch((lost_sight_of(error),) * len(messages), whole=True)
