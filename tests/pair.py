"""Two machines that name one ledger, an Exotel that counts, and the hands on their database that tests need."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from conftest import ACCOUNT, Result, Shell
from faulty import FaultyExotel
from postgres_cluster import Cluster

TO = "+919876543210"
TEXT = "Disk full on db1"
SEND = ("send", "--to", TO, "-b", TEXT, "--retry-for", "0", "--rate", "off")
ONCE = (*SEND, "--once", "k")
PROFILE = """
[profiles.prod]
base_url = "{url}"
account_sid = "acme1"
api_key = "key"
api_token = "token"
from = "ACMEIN"
dlt_entity_id = "1101000000000000001"
{more}
"""


class Pair(NamedTuple):
    """What a test of the shared ledger works with."""

    first: Shell
    second: Shell
    exotel: FaultyExotel
    cluster: Cluster
    database: str

    @property
    def address(self) -> str:
        """The ledger's address, its password included."""
        return self.cluster.address(self.database)

    def through(self, port: int) -> dict[str, str]:
        """Return what lets a command reach the ledger on that port."""
        return {"EXOSMS_LEDGER": self.cluster.address(self.database, port=port)}

    def lapse(self) -> None:
        """Have every lease end now."""
        self._move("lease", {"timestamp with time zone": "- interval '1 day'", "double precision": "- 86400"})

    def from_the_future(self) -> None:
        """Have the tables say that a newer exosms made them."""
        self._move("version", {"integer": "+ 1000", "smallint": "+ 1000", "bigint": "+ 1000"})

    def _move(self, word: str, by: Mapping[str, str]) -> None:
        """Move what columns hold whose names have that word."""
        found = self.cluster.ask(
            "SELECT table_schema, table_name, column_name, data_type FROM information_schema.columns"
            f" WHERE column_name LIKE '%{word}%' AND table_schema NOT IN ('pg_catalog', 'information_schema')",
            self.database,
        )
        moved = [names for *names, kind in found if kind in by]
        assert moved, f"no column {word} in {found}"
        for schema, table, column, kind in found:
            if kind in by:
                name = f'"{column}"'
                self.cluster.ask(f'UPDATE "{schema}"."{table}" SET {name} = {name} {by[kind]}', self.database)


def machine(home: Path, url: str, address: str) -> Shell:
    """Return a machine with an account and a ledger."""
    home.mkdir()
    return Shell(home, {**ACCOUNT, "EXOSMS_BASE_URL": url, "EXOSMS_LEDGER": address})


@contextmanager
def paired(tmp_path: Path, cluster: Cluster) -> Iterator[Pair]:
    """Two machines, with a database of their own."""
    database = cluster.database()
    address = cluster.address(database)
    with FaultyExotel(faults=0, seed=1, latency=0) as exotel:
        first, second = (machine(tmp_path / name, exotel.url, address) for name in ("first", "second"))
        yield Pair(first, second, exotel, cluster, database)


def with_profile(shell: Shell, url: str, more: str) -> Shell:
    """Let a machine have its account from a profile, with more in it."""
    config = shell.home / "config.toml"
    config.touch(mode=0o600)
    config.write_text(PROFILE.format(url=url, more=more))
    kept = {name: value for name, value in shell.env.items() if name not in {*ACCOUNT, "EXOSMS_BASE_URL"}}
    return Shell(shell.home, {**kept, "EXOSMS_CONFIG": str(config)})


def words(result: Result) -> list[str]:
    """Return the outcome of each message that was printed."""
    return [line.partition("\t")[0] for line in result.stdout.splitlines()]


def started(shell: Shell, *argv: str, env: Mapping[str, str] | None = None) -> Result:
    """Run a command as a process of its own; one that hangs fails."""
    process = shell.start(*argv, env=env)
    try:
        out, err = process.communicate(timeout=90)
    finally:
        process.kill()
    return Result(process.returncode, out.decode(), err.decode())
