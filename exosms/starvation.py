"""A process that gets no more memory, files or threads, or has lost its directory: told as that, it is no bug."""

import errno
import os
import sys
from contextlib import suppress

_CONFIG, _UNKNOWN = 4, 9
"""Of ExitCode, whose module may be what cannot be imported."""

has_sent = False
"""Whether this process has begun to write a request that may be a message; whoever writes it says so."""

LOOK_FIRST = "Messages may have been sent: see `exosms log` before you send again."


def _lack(what: str, limit: str) -> tuple[str, str]:
    return f"this process {what}", f"Raise its limit ({limit}), or let less run beside it."


_MEMORY = _lack("gets no more memory", "ulimit -v, or that of its container or service")
_FILES = _lack("may open no more files", "ulimit -n, or LimitNOFILE= of its service")
THREADS = _lack("may start no more threads", "ulimit -u, or TasksMax= of its service")
"""What is said, and what to do."""
_DIRECTORY = "the current directory is gone", "Change to one that is there, or give paths that begin with /."

_BY_ERRNO = {errno.EMFILE: _FILES, errno.ENFILE: _FILES, errno.ENOMEM: _MEMORY}
_BY_TEXT = {
    "failed to map segment": _MEMORY,
    "annot allocate memory": _MEMORY,
    f"Error {errno.EMFILE}": _FILES,
    "can't start new thread": THREADS,
}
"""What glibc's loader says of a library that an import needs, and Python of a thread."""


def told(error: Exception) -> int | None:
    """Tell what a process ran out of and return its exit code; None if it did not.

    It is written as it is: what would break it at words may need a file to be imported.
    """
    lack = lacking(error)
    if lack is None:
        return None
    said, remedy = lack
    first = f" {LOOK_FIRST}" if has_sent else ""
    with suppress(OSError, ValueError):  # standard error is closed
        sys.stderr.write(f"exosms: error: {said}\n  {remedy}{first}\n")
    return _UNKNOWN if has_sent else _CONFIG


def lacking(error: BaseException) -> tuple[str, str] | None:
    """Return what a process ran out of, and what to do about that, where this is why something failed."""
    return next(filter(None, map(_lacking, causes(error))), None)


def causes(error: BaseException | None) -> list[BaseException]:
    """Return an error, what caused it, and so on."""
    chain: list[BaseException] = []
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__ or error.__context__
    return chain


def _lacking(error: BaseException) -> tuple[str, str] | None:
    """Return what an error lacks; SystemError is what Python's own code makes of memory that it did not get."""
    if isinstance(error, MemoryError | SystemError):
        return _MEMORY
    if isinstance(error, FileNotFoundError) and error.filename is None and _is_directory_gone():
        return _DIRECTORY
    if isinstance(error, OSError):
        return _BY_ERRNO.get(error.errno or 0)
    if isinstance(error, ImportError | RuntimeError):
        return next((lack for text, lack in _BY_TEXT.items() if text in str(error)), None)
    return None


def _is_directory_gone() -> bool:
    """Whether a path that does not begin with / leads nowhere any more."""
    try:
        os.getcwd()  # noqa: PTH109  # nothing is imported for it
    except OSError:
        return True
    return False
