"""A file read within a bound, and changed in one step, which no crash and no other process can halve."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

CHANGED = "it was written to while it was read, so it may be incomplete"


class SmallFile(NamedTuple):
    """A file's content, and who may do what with it."""

    content: bytes
    owner: int
    mode: int

    def __repr__(self) -> str:
        """Leave the content out: it may be a token."""
        return f"SmallFile(owner={self.owner}, mode={self.mode:04o})"


def read_small(path: Path, *, limit: int) -> SmallFile:
    """Read a file of at most ``limit`` bytes; raises OSError. Owner and mode are those of what was read."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor, not a path
        status = os.fstat(descriptor)
        content = file.read(limit + 1)
    if len(content) > limit:
        raise OSError(errno.EFBIG, f"it is larger than {limit // 1024} KiB")
    return SmallFile(content=content, owner=status.st_uid, mode=status.st_mode & 0o777)


@contextmanager
def steady(file: BinaryIO) -> Iterator[None]:
    """Read a file to its end; raises OSError there if somebody wrote to it meanwhile, for then it may be half of it.

    Pipes and devices end where they end.
    """
    before = _written(file)
    yield
    if _written(file) != before:
        raise OSError(errno.EBUSY, CHANGED)


def _written(file: BinaryIO) -> tuple[int, int] | None:
    with suppress(OSError, AttributeError):  # what a caller put in the place of standard input may have no descriptor
        status = os.fstat(file.fileno())
        if stat.S_ISREG(status.st_mode):
            return status.st_size, status.st_mtime_ns
    return None


def make_private(directory: Path) -> None:
    """Create a directory and those above it for us alone, whatever the umask; one that exists stays as it is."""
    if directory.is_dir() or directory == directory.parent:
        return
    make_private(directory.parent)
    with suppress(FileExistsError):
        directory.mkdir(mode=0o700)
        directory.chmod(0o700)


@contextmanager
def alone(target: Path) -> Iterator[None]:
    """Keep other processes from changing the file, by a lock beside it that nobody finds afterwards.

    Raises OSError where the directory cannot be written.
    """
    lock = target.parent / f".{target.name}.lock"  # not with_name: the root has none
    descriptor = _lock(lock)
    while not _is_that_file(lock, descriptor):  # its holder removed it while we waited
        os.close(descriptor)
        descriptor = _lock(lock)
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)
        os.close(descriptor)


def _lock(path: Path) -> int:
    import fcntl

    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def _is_that_file(path: Path, descriptor: int) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    return False


@contextmanager
def beside(target: Path) -> Iterator[tuple[int, Path]]:
    """Lend a new file in the same directory, by descriptor and path; if something fails it is gone afterwards."""
    import tempfile

    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        yield descriptor, Path(name)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def replace(target: Path, content: bytes, *, mode: int) -> None:
    """Put a new file of that mode in the place of the old one: until the rename the old one stands, then the new.

    Raises OSError, and then the old file is as it was.
    """
    with beside(target) as (descriptor, name):
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, not a path
            os.fchmod(descriptor, mode)
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        name.replace(target)
    _sync_directory(target.parent)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
