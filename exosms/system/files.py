"""A file read within a bound, and changed in one step, which no crash and no other process can halve."""

import errno
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

from exosms.errors import InputError
from exosms.system.escaping import for_shell

_LOOK = 0.01
"""Seconds between looks at a lock that another process holds."""

_PATIENCE = 2.0
"""Seconds that whoever is at the other end of a named pipe gets to write all of it."""

_ALREADY_OPEN = ("/dev/fd/", "/dev/stdin", "/proc/self/fd/")

FULL = "the disk is full"

_SCARCE = 64 * 1024
"""Bytes that nobody can work with: SQLite takes half of that for what its processes share."""

CHANGED = "it was written to while it was read, so it may be incomplete"


class SmallFile(NamedTuple):
    """A file's content, and who may do what with it."""

    content: bytes
    owner: int
    mode: int

    def __repr__(self) -> str:
        """Leave the content out: it may be a token."""
        return f"SmallFile(owner={self.owner}, mode={self.mode:04o})"


_FROM_PIPES: dict[Path, SmallFile] = {}
"""What came out of pipes, which are empty then: token, configuration and templates are asked for more than once."""


def read_small(path: Path, *, limit: int) -> SmallFile:
    """Read a file of at most ``limit`` bytes; raises OSError. Owner and mode are those of what was read."""
    if path in _FROM_PIPES:
        return _FROM_PIPES[path]
    with open_promptly(path) as file:
        status = os.fstat(file.fileno())
        content = read_promptly(file, limit + 1)
    if len(content) > limit:
        raise OSError(errno.EFBIG, f"it is larger than {limit // 1024} KiB")
    small = SmallFile(content, status.st_uid, status.st_mode & 0o777)
    if content and stat.S_ISFIFO(status.st_mode):
        _FROM_PIPES[path] = small
    return small


def open_promptly(path: Path) -> BinaryIO:
    """Open a file for ``read_promptly``; raises OSError. Nobody is waited for who may never open a named pipe.

    A pipe that is open already, such as a shell's ``<(…)``, is read to its end.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    is_named_pipe = stat.S_ISFIFO(os.fstat(descriptor).st_mode) and not str(path).startswith(_ALREADY_OPEN)
    os.set_blocking(descriptor, not is_named_pipe)
    return open(descriptor, "rb")  # noqa: PTH123 - a descriptor, not a path


def read_promptly(file: BinaryIO, most: int) -> bytes:
    """Read so many bytes or to the end; raises OSError for a named pipe that is not written within two seconds."""
    descriptor = file.fileno()
    if os.get_blocking(descriptor):
        return file.read(most)
    import select

    poll, until, content = select.poll(), time.monotonic() + _PATIENCE, b""
    poll.register(descriptor, select.POLLIN)
    while len(content) < most:
        if not poll.poll(max(0.0, until - time.monotonic()) * 1000):
            raise OSError(errno.ETIMEDOUT, "it is a pipe that nobody writes into, or not to its end")
        chunk = os.read(descriptor, most - len(content))
        if not chunk:
            break
        content += chunk
    return content


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


def why_unwritten(error: OSError) -> str:
    """Return what kept something from being written, a full disk in the words that people have for it."""
    if error.errno == errno.EDQUOT:
        return f"{FULL}: the quota is used up"
    return FULL if error.errno == errno.ENOSPC else str(error.strerror)


def unreadable(what: str, error: OSError) -> InputError:
    """Return the error for a file that somebody named, which begins the sentence as ``what``."""
    return InputError(f"{what} cannot be read: {why_unwritten(error)}", remedy="Check the path and its permissions.")


def is_full(directory: Path) -> bool:
    """Whether nothing more can be written there, for want of room or by a quota, which only trying tells."""
    import tempfile

    try:
        with tempfile.TemporaryFile(dir=directory, buffering=0) as file:
            return file.write(bytes(_SCARCE)) < _SCARCE
    except OSError as error:
        return error.errno in {errno.ENOSPC, errno.EDQUOT}


def make_private(directory: Path) -> None:
    """Create a directory and those above it for their owner alone, whatever the umask; one that exists stays so."""
    if directory.is_dir() or directory == directory.parent:
        return
    make_private(directory.parent)
    with suppress(FileExistsError):
        before = os.umask(0o077)
        try:
            directory.mkdir(mode=0o700)
        finally:
            os.umask(before)
        descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            os.fchmod(descriptor, 0o700)
            hand_over(descriptor, to_owner_of=directory.parent)
        finally:
            os.close(descriptor)


def create_private(path: Path) -> int:
    """Create a file for the owner of its directory alone, whatever the umask, and return its descriptor.

    Raises FileExistsError.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    os.fchmod(descriptor, 0o600)
    hand_over(descriptor, to_owner_of=path.parent)
    return descriptor


def hand_over(descriptor: int, *, to_owner_of: Path) -> None:
    """As root, give away what we have just created beside what is another's, whom it would lock out.

    By descriptor: at its path that other one may have put another file by now.
    """
    if os.geteuid() == 0:
        owner = to_owner_of.stat()
        with suppress(OSError):  # a root that may not, as in some containers
            os.fchown(descriptor, owner.st_uid, owner.st_gid)


class Foreign(NamedTuple):
    """What keeps us from a file that belongs to somebody else."""

    said: str
    remedy: str


def foreign(path: Path, *, variable: str = "EXOSMS_STATE_DIR") -> Foreign | None:
    """Return whose a file, or its directory, is that we may not read and write; None for ours and for what we may.

    ``variable`` can name another one.
    """
    us = os.geteuid()
    for place in (path, path.parent):
        try:
            owner, above = place.stat(), place.parent.stat().st_uid
        except OSError:
            continue
        is_directory = stat.S_ISDIR(owner.st_mode)
        if owner.st_uid != us and not os.access(place, os.R_OK | os.W_OK | os.X_OK * is_directory):
            return _belongs(place, owner.st_uid, above, variable, is_directory=is_directory)
    return None


def _belongs(place: Path, owner: int, above: int, variable: str, *, is_directory: bool) -> Foreign:
    """Return what to do about a file or a directory that keeps us out: what is beside our own files can be ours."""
    import pwd

    def name_of(user: int) -> str:
        with suppress(KeyError):
            return pwd.getpwuid(user).pw_name
        return str(user)

    us = os.geteuid()
    said = f"{place} belongs to {name_of(owner)}"
    chown = f"chown {'-R ' * is_directory}{for_shell(name_of(us))} {for_shell(str(place))}"
    if above == us:
        return Foreign(said, f"Run: sudo {chown}")
    another = f"name {'a directory' if variable == 'EXOSMS_STATE_DIR' else 'a file'} of your own in {variable}."
    if is_directory:
        fs_group = " (Kubernetes: securityContext.fsGroup)" * ("KUBERNETES_SERVICE_HOST" in os.environ)
        return Foreign(said, f"As root, run: {chown}{fs_group}; or {another}")
    return Foreign(said, f"Run it as {name_of(above)}, or {another}")


@contextmanager
def alone(target: Path, *, within: float) -> Iterator[None]:
    """Keep other processes from changing the file, by a lock beside it that nobody finds afterwards.

    Raises OSError where the directory cannot be written, and with EBUSY if another process holds the lock for so
    many seconds: it may be stopped.
    """
    lock = target.parent / f".{target.name}.lock"  # not with_name: the root has none
    until = time.monotonic() + within
    descriptor = _lock(lock, until)
    while not _is_that_file(lock, descriptor):  # its holder removed it while we waited
        os.close(descriptor)
        descriptor = _lock(lock, until)
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)
        os.close(descriptor)


def _lock(path: Path, until: float) -> int:
    try:
        descriptor = create_private(path)
    except FileExistsError:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    while not _take(descriptor):
        if time.monotonic() > until:
            os.close(descriptor)
            raise OSError(errno.EBUSY, "another process holds it", str(path))
        time.sleep(_LOOK)
    return descriptor


def _take(descriptor: int) -> bool:
    """Take a lock and return whether we have it now: another process may have it."""
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


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
            hand_over(descriptor, to_owner_of=target if target.exists() else target.parent)
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
