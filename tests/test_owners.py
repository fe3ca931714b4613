"""Root in a user's state directory: what it leaves there is the user's, and what is not is told for what it is."""

import multiprocessing
import os
import pwd
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from conftest import Result, Shell

from exosms.ledger.messages import Ledger
from exosms.sms.message import Encoding, Message, MessageFields
from exosms.system.files import alone

if TYPE_CHECKING:
    from multiprocessing.queues import Queue

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user for a while")

MESSAGE = Message("+919876543210", "x", Encoding.PLAIN, segments=1, fields=MessageFields(sender="ACMEIN"))
SEND = ("send", "--region", "sandbox", "--from", "ACMEIN", "--to", "9876543210", "--body", "x", "--once", "k")
fork = multiprocessing.get_context("fork")


@pytest.fixture
def user() -> pwd.struct_passwd:
    return pwd.getpwnam("nobody")


@pytest.fixture
def home(exosms: Shell, user: pwd.struct_passwd) -> Iterator[Path]:
    """A user's home in a place that the user can reach."""
    exosms(*SEND, env={"EXOSMS_STATE_DIR": str(exosms.home / "warm")})  # imports what the user may be unable to read
    directory = Path(tempfile.mkdtemp())
    os.chown(directory, user.pw_uid, user.pw_gid)
    exosms.home = directory
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def state(home: Path, user: pwd.struct_passwd) -> Path:
    """A state directory of the user's, with nothing in it."""
    state = home / "state"
    state.mkdir(mode=0o700)
    os.chown(state, user.pw_uid, user.pw_gid)
    return state


def as_user(user: pwd.struct_passwd, work: Callable[[], Result]) -> Result:
    """Have a process do it that is the user's, and not root's any more."""
    results: Queue[Any] = fork.Queue()

    def become_and_work() -> None:
        os.setgroups([])
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
        results.put(work())

    process = fork.Process(target=become_and_work)
    process.start()
    result: Result = results.get(timeout=60)
    process.join(60)
    return result


def strangers(directory: Path, user: pwd.struct_passwd) -> list[str]:
    """Return what in a directory, it included, is not the user's."""
    found = [directory, *directory.rglob("*")]
    return [path.name for path in found if (path.lstat().st_uid, path.lstat().st_gid) != user[2:4]]


def test_what_root_creates_while_it_sends_is_the_users(state: Path, user: pwd.struct_passwd) -> None:
    with closing(Ledger.open(state)) as ledger, alone(state / "ledger.db", within=20):
        ledger.claim(MESSAGE, account="acme1", profile=None)
        names = {path.name for path in state.iterdir()}
        assert names == {"ledger.db", "ledger.db-wal", "ledger.db-shm", "owners", ".ledger.db.lock"}
        assert len([*(state / "owners").iterdir()]) == 1
        assert strangers(state, user) == []


def test_the_user_goes_on_where_root_was_killed(exosms: Shell, state: Path, user: pwd.struct_passwd) -> None:
    def claim_and_die() -> None:
        ledger = Ledger.open(state)
        ledger.claim(MESSAGE, account="acme1", profile=None)
        with alone(state / "ledger.db", within=20):
            os._exit(9)

    process = fork.Process(target=claim_and_die)
    process.start()
    process.join(60)
    assert process.exitcode == 9
    assert (state / ".ledger.db.lock").exists()
    sent = as_user(user, lambda: exosms(*SEND))
    assert (sent.exit_code, sent.stdout.split("\t")[0]) == (0, "accepted")
    assert as_user(user, lambda: exosms("log", "--outcome", "unknown")).stdout.count("\n") == 1


def test_a_directory_that_root_creates_in_a_home_is_the_users(
    exosms: Shell, home: Path, user: pwd.struct_passwd
) -> None:
    env = {"EXOSMS_STATE_DIR": "", "HOME": str(home)}
    assert exosms(*SEND, env=env).exit_code == 0
    assert exosms("profile", "add", "s", "--region", "sandbox", "--from", "ACMEIN", env=env).exit_code == 0
    assert strangers(home, user) == []
    assert (home / ".local" / "state" / "exosms" / "sandbox.db").exists()
    again = as_user(user, lambda: exosms(*SEND, "-p", "s", env=env))
    assert (again.exit_code, again.stdout.split("\t")[0]) == (0, "skipped")
    assert exosms("profile", "use", "s", env=env).exit_code == 0
    assert as_user(user, lambda: exosms("profile", "list", env=env)).exit_code == 0


FILES = ["ledger.db", "ledger.db-wal", ".ledger.db.lock", "owners/1-0123456789abcdef"]


@pytest.mark.parametrize("file", FILES)
def test_a_file_of_roots_is_told_for_what_it_is(
    exosms: Shell, state: Path, user: pwd.struct_passwd, file: str
) -> None:
    """As an older exosms left it."""
    if file != ".ledger.db.lock":
        assert as_user(user, lambda: exosms(*SEND)).exit_code == 0
    path = state / file
    if file.startswith("owners"):
        with closing(Ledger.open(state)) as ledger:
            ledger.database.connection.execute("UPDATE messages SET owner = ?, state = 'in_flight'", (path.name,))
    path.touch(mode=0o600)
    os.chown(path, 0, 0)
    refused = as_user(user, lambda: exosms(*SEND))
    assert refused.exit_code == 4
    assert f"{path} belongs to root" in refused.stdout + refused.stderr
    assert f"Run: sudo chown nobody {path}" in refused.stderr
    assert "disk space" not in refused.stderr
    os.chown(path, user.pw_uid, user.pw_gid)
    assert as_user(user, lambda: exosms(*SEND)).exit_code in {0, 9}


def test_a_directory_of_another_user_is_not_taken_away(exosms: Shell, state: Path, user: pwd.struct_passwd) -> None:
    assert exosms(*SEND).exit_code == 0
    for path in (state, *state.rglob("*")):
        os.chown(path, 0, 0)
    state.chmod(0o777)
    refused = as_user(user, lambda: exosms(*SEND))
    assert refused.exit_code == 4
    assert f"{state}/ledger.db belongs to root" in refused.stderr
    assert "Run it as root, or name a directory of your own in EXOSMS_STATE_DIR." in refused.stderr


def test_a_directory_that_we_may_write_need_not_be_ours(exosms: Shell, state: Path, user: pwd.struct_passwd) -> None:
    """As a volume of a container is, or what a group shares."""
    for group, mode in ((0, 0o777), (user.pw_gid, 0o770), (0, 0o1777)):
        shutil.rmtree(state)
        state.mkdir()
        state.chmod(mode)
        os.chown(state, 0, group)
        for word in ("accepted", "skipped"):
            sent = as_user(user, lambda: exosms(*SEND))
            assert (sent.exit_code, sent.stdout.split("\t")[0]) == (0, word), sent.stderr
            assert "warning" not in sent.stderr
        assert stat.S_IMODE(state.stat().st_mode) == mode


@pytest.mark.parametrize("mode", [0o700, 0o755])
def test_a_directory_that_we_may_not_write_says_whose_it_is(
    exosms: Shell, state: Path, home: Path, user: pwd.struct_passwd, mode: int
) -> None:
    state.chmod(mode)
    os.chown(state, 0, 0)
    refused = as_user(user, lambda: exosms(*SEND))
    assert refused.exit_code == 4
    assert f"The state directory {state} cannot be written: {state} belongs to root" in refused.stderr
    assert f"  Run: sudo chown -R nobody {state}\n" in refused.stderr
    os.chown(home, 0, 0)
    home.chmod(0o755)
    remedy = f"  As root, run: chown -R nobody {state}%s; or name a directory of your own in EXOSMS_STATE_DIR.\n"
    assert remedy % "" in as_user(user, lambda: exosms(*SEND)).stderr
    in_kubernetes = {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}
    told = as_user(user, lambda: exosms(*SEND, env=in_kubernetes)).stderr
    assert remedy % " (Kubernetes: securityContext.fsGroup)" in told


def test_doctor_tells_of_locks_that_are_roots(exosms: Shell, state: Path, user: pwd.struct_passwd) -> None:
    """As where root put a copy of the directory in its place: what is sent needs a lock there."""
    doctor = ("doctor", "--region", "sandbox")
    exosms(*doctor)
    assert as_user(user, lambda: exosms(*SEND)).exit_code == 0
    (state / "owners").chmod(0o755)
    os.chown(state / "owners", 0, 0)
    results = [as_user(user, partial(exosms, *argv)) for argv in ((*SEND[:-1], "another"), doctor)]
    for result in results:
        assert result.exit_code == 4, result
        assert "owners belongs to root" in result.stderr


@pytest.mark.parametrize("command", [("profile", "list"), ("profile", "use", "s"), ("send", *SEND[3:])])
@pytest.mark.parametrize("kind", ["file", "directory"])
def test_a_configuration_of_roots_says_how_it_becomes_ours(
    exosms: Shell, home: Path, user: pwd.struct_passwd, command: tuple[str, ...], kind: str
) -> None:
    """As after `sudo nano`, or `sudo cp`."""
    env = {"EXOSMS_STATE_DIR": "", "HOME": str(home)}
    directory = home / ".config" / "exosms"
    add = ("profile", "add", "s", "--region", "sandbox", "--from", "ACMEIN")
    assert exosms(*add, env=env).exit_code == 0
    assert strangers(home, user) == []
    path = directory / "config.toml" if kind == "file" else directory
    os.chown(path, 0, 0)
    refused = as_user(user, lambda: exosms(*command, env=env))
    recursively = "-R " * (kind == "directory")
    assert refused.exit_code == 4
    done = "written" if kind == "directory" and "use" in command else "read"
    assert f"config.toml cannot be {done}: {path} belongs to root\n" in refused.stderr
    assert f"  Run: sudo chown {recursively}nobody {path}\n" in refused.stderr
    os.chown(path, user.pw_uid, user.pw_gid)
    assert as_user(user, lambda: exosms(*command, env=env)).exit_code == 0


@pytest.mark.parametrize(
    ("argv", "exit_code"),
    [
        (("bulk", "{file}", "--region", "sandbox", "--yes"), 3),
        ((*SEND, "--to-file", "{file}"), 3),
        ((*SEND[:-4], "-F", "{file}"), 3),
        (("send", "--config", "{file}", *SEND[3:]), 4),
        (("check-template", "--body-file", "{file}", "--text", "x"), 3),
        (("template", "import", "{file}"), 3),
        (("runs", "reconcile", "--region", "sandbox", "--report", "{file}"), 3),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_a_file_that_cannot_be_read_is_no_wrong_usage(
    exosms: Shell, home: Path, user: pwd.struct_passwd, argv: tuple[str, ...], exit_code: int
) -> None:
    file = home / "file"
    file.touch(mode=0o600)
    refused = as_user(user, lambda: exosms(*[word.format(file=file) for word in argv]))
    assert refused.exit_code == exit_code, refused
    assert f"{file} cannot be read: " in refused.stderr


def test_templates_of_roots_say_so_too(exosms: Shell, home: Path, user: pwd.struct_passwd) -> None:
    file = home / "templates.toml"
    file.write_text("")
    file.chmod(0o600)
    refused = as_user(user, lambda: exosms("template", "list", "--templates", str(file)))
    assert refused.exit_code == 3
    assert refused.stderr == (
        f"exosms: error: The templates {file} cannot be read: {file} belongs to root\n"
        f"  Run: sudo chown nobody {file}\n"
    )


def test_what_the_ledger_links_to_keeps_its_mode_and_its_owner(
    exosms: Shell, state: Path, home: Path, user: pwd.struct_passwd
) -> None:
    precious = home / "precious"
    precious.touch()
    precious.chmod(0o644)
    (state / "ledger.db").symlink_to(precious)
    exosms(*SEND)
    status = precious.stat()
    assert (stat.S_IMODE(status.st_mode), status.st_uid) == (0o644, 0)
    (state / "ledger.db").unlink()
    (state / "ledger.db").touch()
    (state / "ledger.db").chmod(0o644)
    os.chown(state / "ledger.db", user.pw_uid, user.pw_gid)
    as_user(user, lambda: exosms("log"))
    assert stat.S_IMODE((state / "ledger.db").stat().st_mode) == 0o600
