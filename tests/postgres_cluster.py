"""A PostgreSQL of its own, from Debian's binaries, on loopback and in memory; and a pooler in front of it.

Nothing of it outlives the process that started it: a keeper waits for a pipe that ends with that process, takes the
server down and removes its directory; and the kernel takes the server down where the keeper is killed.

As root the server runs as ``postgres``, since it refuses root. It waits for no disk, but commits in order, so that it
may be killed and started again with everything that it has confirmed.
"""

import itertools
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import psycopg
from conftest import in_memory, own_port, until
from psycopg import sql

PASSWORD = "canary-of-the-database"  # it is searched for

ROLE = "exosms"
"""May do what it likes in the databases that are its own, by password."""
OVER_TLS = "over_tls"
"""The same, but admitted over TLS only."""
STRANGER = "stranger"
"""May connect, and owns nothing."""

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "16MB",
    "max_connections": "120",
    "wal_level": "replica",  # to stand by
    "max_wal_senders": "0",
    "autovacuum": "off",
    "jit": "off",
    "ssl": "on",
    "ssl_cert_file": "server.pem",
    "ssl_key_file": "server.key",
    "password_encryption": "scram-sha-256",
}
_ADMITTED = f"""
local   all postgres trust
hostssl all {OVER_TLS} 127.0.0.1/32 scram-sha-256
host    all {ROLE},{STRANGER} 127.0.0.1/32 scram-sha-256
"""

_KEEPER = """
import ctypes, os, shutil, signal, subprocess, sys
user, group, directory, *argv = sys.argv[1:]
to_be = {"user": int(user), "group": int(group), "extra_groups": []} if os.geteuid() == 0 else {}
die_with_us = lambda: ctypes.CDLL(None).prctl(1, signal.SIGQUIT)  # PR_SET_PDEATHSIG, after the change of user
with open(directory + "/log", "ab") as log:
    kept = subprocess.Popen(argv, cwd=directory, stdout=log, stderr=log, preexec_fn=die_with_us, **to_be)
is_over = not sys.stdin.readline()
kept.send_signal(signal.SIGQUIT)
kept.wait()
if is_over:
    shutil.rmtree(directory, ignore_errors=True)
"""


def binaries() -> Path | None:
    """Return where the newest PostgreSQL's programs are; None where there is no server."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: float(path.parts[4]))
    return found[-1].parent if found else None


def pgbouncer() -> str | None:
    """Return the pooler's program, if it is installed."""
    return shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


class Kept:
    """A server that ends with this process or by ``stop``, and its directory unless it will be started again."""

    def __init__(self, user: pwd.struct_passwd, directory: Path, *argv: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _KEEPER, str(user.pw_uid), str(user.pw_gid), str(directory), *argv],
            stdin=subprocess.PIPE,
            env={"PATH": os.environ["PATH"], "HOME": str(directory), "LC_ALL": "C"},
            start_new_session=True,  # a Ctrl-C is not for it
        )

    def stop(self, *, for_now: bool = False) -> None:
        """Take it down at once, as a crash would."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(b"stop\n" if for_now else b"")
            self._process.stdin.close()
        self._process.wait(60)


class Cluster:
    """A server with databases for one test each; to be used as a context."""

    def __init__(self) -> None:
        found = binaries()
        assert found, "PostgreSQL is not installed"
        self._programs = found
        self._user = pwd.getpwnam("postgres") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        self.directory = Path(tempfile.mkdtemp(prefix="exosms-postgres-", dir=in_memory()))
        self.port = own_port()
        self._databases = itertools.count(1)
        self._kept: Kept | None = None

    def __enter__(self) -> Self:
        self._make_private(self.directory)
        self._create()
        self.start()
        for role in (ROLE, OVER_TLS, STRANGER):
            named = sql.Identifier(role)
            self.ask(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(named, sql.Literal(PASSWORD)))
        self.ask(sql.SQL("GRANT {} TO {}").format(sql.Identifier(ROLE), sql.Identifier(OVER_TLS)))
        return self

    def __exit__(self, *_: object) -> None:
        if self._kept:
            self._kept.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._kept = Kept(self._user, self.directory, str(self._programs / "postgres"), "-D", str(self._data))
        until(self._answers)

    def stop(self) -> None:
        """Take it down as ``pg_ctl stop -m immediate`` does: what was not committed is gone, clients are cut off."""
        if self._kept:
            self._kept.stop(for_now=True)
            self._kept = None

    def restart(self) -> None:
        """Do what ``pg_ctl restart -m immediate`` does."""
        self.stop()
        self.start()

    @contextmanager
    def standing_by(self) -> Iterator[None]:
        """Let it serve as a standby does that nobody has promoted yet."""
        argv = [str(self._programs / "pg_ctl"), "stop", "-m", "fast", "-w", "-D", str(self._data)]
        subprocess.run(argv, check=True, capture_output=True, **self._become)  # else it is not consistent
        self.stop()
        (self._data / "standby.signal").touch()
        self._make_private(self._data / "standby.signal")
        self.start()
        try:
            yield
        finally:
            self.ask("SELECT pg_promote()")

    def database(self, owner: str = ROLE, *, encoding: str = "UTF8") -> str:
        """Create a database and return its name."""
        name = f"of_test_{next(self._databases)}"
        created = sql.SQL("CREATE DATABASE {} OWNER {} ENCODING {} TEMPLATE template0")
        self.ask(created.format(sql.Identifier(name), sql.Identifier(owner), sql.Literal(encoding)))
        return name

    def address(self, database: str, *, role: str = ROLE, password: str | None = PASSWORD, port: int = 0) -> str:
        """Return a database's address, as ``EXOSMS_LEDGER`` has it."""
        secret = "" if password is None else f":{password}"
        return f"postgresql://{role}{secret}@127.0.0.1:{port or self.port}/{database}"

    def ask(self, statement: str | sql.Composable, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Have a statement done by who may do everything."""
        with self._connect(database) as connection:
            done = connection.execute(statement)  # type: ignore[arg-type]  # a test's own
            return done.fetchall() if done.description else []

    def dump(self, database: str) -> str:
        """Return everything that a database holds, as ``pg_dump`` writes it."""
        argv = [str(self._programs / "pg_dump"), "-h", str(self.directory), "-p", str(self.port), "-U", "postgres"]
        return subprocess.run([*argv, database], capture_output=True, text=True, check=True, timeout=60).stdout

    def log(self) -> str:
        """Return what the server wrote about itself."""
        return (self.directory / "log").read_text(errors="replace")

    @property
    def authority(self) -> Path:
        """The certificate that its own is signed by."""
        return self.directory / "ca.pem"

    @property
    def _data(self) -> Path:
        return self.directory / "data"

    def _connect(self, database: str) -> "psycopg.Connection[tuple[Any, ...]]":
        return psycopg.connect(
            host=str(self.directory), port=self.port, user="postgres", dbname=database, autocommit=True
        )

    def _answers(self) -> bool:
        try:
            self._connect("postgres").close()
        except psycopg.OperationalError:
            return False
        return True

    def _create(self) -> None:
        argv = [str(self._programs / "initdb"), "-D", str(self._data), "-U", "postgres", "-A", "trust"]
        options = ["--no-locale", "-E", "UTF8", "--no-sync", "--no-instructions"]
        how = {"cwd": self.directory, "env": {"PATH": os.environ["PATH"]}, **self._become}
        subprocess.run([*argv, *options], check=True, capture_output=True, **how)
        settings = {**_SETTINGS, "port": str(self.port), "unix_socket_directories": str(self.directory)}
        lines = [f"{name} = '{value}'\n" for name, value in settings.items()]
        with (self._data / "postgresql.conf").open("a") as file:
            file.writelines(lines)
        (self._data / "pg_hba.conf").write_text(_ADMITTED)
        self._certify()

    @property
    def _become(self) -> dict[str, Any]:
        """What makes a program run as the server's user."""
        if os.geteuid() != 0:
            return {}
        return {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}

    def _certify(self) -> None:
        import trustme

        authority = trustme.CA()
        certificate = authority.issue_cert("127.0.0.1")
        authority.cert_pem.write_to_path(str(self.authority))
        certificate.cert_chain_pems[0].write_to_path(str(self._data / "server.pem"))
        key = self._data / "server.key"
        key.touch(mode=0o600)
        certificate.private_key_pem.write_to_path(str(key))
        self._make_private(key)

    def _make_private(self, path: Path) -> None:
        if os.geteuid() == 0:
            os.chown(path, self._user.pw_uid, self._user.pw_gid)


class Pooler:
    """pgbouncer in transaction mode, so that a client's next transaction may be in another session; a context."""

    def __init__(self, cluster: Cluster) -> None:
        program = pgbouncer()
        assert program, "pgbouncer is not installed"
        self._program = program
        self._cluster = cluster
        self._user = pwd.getpwnam("postgres") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        self._directory = Path(tempfile.mkdtemp(prefix="exosms-pooler-", dir=in_memory()))
        self.port = own_port()

    def __enter__(self) -> Self:
        settings = {
            "listen_addr": "127.0.0.1",
            "listen_port": self.port,
            "unix_socket_dir": "",
            "pool_mode": "transaction",
            "default_pool_size": 5,
            "max_client_conn": 200,
            "auth_type": "scram-sha-256",
            "auth_file": self._directory / "users",
        }
        lines = [f"[databases]\n* = host=127.0.0.1 port={self._cluster.port}\n\n[pgbouncer]\n"]
        lines += [f"{name} = {value}\n" for name, value in settings.items()]
        (self._directory / "pgbouncer.ini").write_text("".join(lines))
        (self._directory / "users").write_text(f'"{ROLE}" "{PASSWORD}"\n')
        if os.geteuid() == 0:
            for path in (self._directory, *self._directory.iterdir()):
                os.chown(path, self._user.pw_uid, self._user.pw_gid)
        self._kept = Kept(self._user, self._directory, self._program, str(self._directory / "pgbouncer.ini"))
        until(self._listens)
        return self

    def __exit__(self, *_: object) -> None:
        self._kept.stop()

    def _listens(self) -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0
