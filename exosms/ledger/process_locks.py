"""Who is alive: a lock that dies with its process tells a living owner of something in flight from a dead one."""

import fcntl
import os
import re
from contextlib import suppress
from pathlib import Path

from exosms.system.files import create_private, make_private

_NAME = re.compile(r"[0-9]{1,10}-[0-9a-f]{16}", re.ASCII)


class Owners:
    """A locked file for each process that has something in flight; the lock dies with it, however it ends."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._name = ""
        self._lock: int | None = None

    def mine(self) -> str:
        """Return our own name, locked from the first time on; raises OSError where it cannot be."""
        if not self._name:
            self._name = f"{os.getpid()}-{os.urandom(8).hex()}"
            if self._directory is not None:
                self._lock = _lock_private(self._directory / self._name)
        return self._name

    def is_alive(self, name: str) -> bool:
        """Tell whether the process of that name still runs; a dead one's file is removed."""
        if name == self._name or self._directory is None:
            return True
        if not _NAME.fullmatch(name):  # it would lead to another file
            return False
        path = self._directory / name
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        else:
            path.unlink(missing_ok=True)
            return False
        finally:
            os.close(descriptor)

    def leave(self) -> None:
        """Remove our file and let go of the lock."""
        if self._lock is not None and self._directory is not None:
            with suppress(OSError):  # it cannot be written any more; what was sent is known all the same
                (self._directory / self._name).unlink()
            os.close(self._lock)
            self._lock = None


def _lock_private(path: Path) -> int:
    make_private(path.parent)
    descriptor = create_private(path)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def process_of(name: str) -> str:
    """Return the process id in an owner's name, for people; with the machine, where there are several."""
    return name if " on " in name else name.partition("-")[0]
