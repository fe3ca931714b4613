"""What can be found out about a shared ledger without writing anything: who we are there, and what we may do."""

import time
from collections.abc import Sequence
from contextlib import closing
from typing import NamedTuple

from exosms.config.ledger_address import LedgerAddress
from exosms.ledger.postgres.connection import SharedDatabase, Transaction
from exosms.ledger.postgres.schema import GRANTS, prepared
from exosms.ledger.postgres.statements import NOW, SEEN

OTHER_ROLE = "OTHER_ROLE"
"""Stands for a role's name in a statement."""


class Examined(NamedTuple):
    """How a shared ledger stands."""

    server: str
    """Its version, as PostgreSQL gives it."""
    database: str
    role: str
    is_encrypted: bool
    round_trip: float
    """Seconds that a question takes."""
    is_ready: bool
    """Whether its tables are there, and of this version; else the next command makes them so."""
    may_create: bool
    """Whether the role may make them, or bring them up to date, which their owner alone may."""
    owner: str | None
    """Whose they are, or the schema that they will be in; None where there is none yet."""
    lacks: Sequence[str]
    """The privileges that the role lacks on what is there."""
    messages: int = 0
    unknown: int = 0
    paused: float = 0.0
    """Seconds that are left of a pause of the account."""

    @property
    def lets_in(self) -> str:
        """Whom the grants are for: the role, unless it needs none, since it owns the tables or will."""
        needs = self.lacks or not (self.is_ready or self.may_create)
        return _quoted(self.role) if needs else OTHER_ROLE

    @property
    def grants(self) -> Sequence[str]:
        """What an owner of the tables lets another role use them by."""
        return [f"{grant.format(role=self.lets_in)};" for grant in GRANTS]

    @property
    def grant_to_begin(self) -> str:
        """What lets the role make the tables."""
        return f"GRANT CREATE ON DATABASE {_quoted(self.database)} TO {_quoted(self.role)};"


_WHO = """
    SELECT current_setting('server_version'), current_database()::text, current_user::text,
      CASE WHEN n.oid IS NULL THEN has_database_privilege(current_database(), 'CREATE')
        ELSE has_schema_privilege(n.oid, 'CREATE') AND coalesce(pg_has_role(c.relowner, 'USAGE'), true) END,
      pg_get_userbyid(coalesce(c.relowner, n.nspowner))::text
    FROM (SELECT) one LEFT JOIN pg_namespace n ON n.nspname = 'exosms'
    LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = 'installation'
"""
_LACKS = """
    SELECT 'USAGE on the schema exosms' FROM pg_namespace
    WHERE nspname = 'exosms' AND NOT has_schema_privilege(oid, 'USAGE')
    UNION ALL SELECT privilege || ' on exosms.' || relname FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'exosms'
    CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS privilege
    WHERE c.relkind = 'r' AND (relname <> 'installation' OR privilege = 'SELECT')
      AND NOT has_table_privilege(c.oid, privilege)
    ORDER BY 1
"""
_HELD = f"""
    SELECT count(*), count(*) FILTER (WHERE {SEEN["state"]} = 'unknown' AND NOT starts_with(account, 'sandbox/')),
      coalesce((SELECT blocked_until - {NOW} FROM exosms.pace WHERE account = %s), 0)
    FROM exosms.messages m
"""
"""Also what the lease of a dead machine makes of its message; what the sandbox lost is nobody's worry."""


def examine(address: LedgerAddress, account: str | None) -> Examined:
    """Look into the ledger at an address.

    Raises LedgerAwayError where it is away, ConfigError where it cannot be opened, or is of a newer exosms.
    """
    with closing(SharedDatabase(address, is_hasty=True)) as database:
        found = database.run(_look)
        if found.lacks or prepared(database, is_dry=True) is None:
            return found
        held = database.execute(_HELD, (account,)).fetchone() or (0, 0, 0)
        return found._replace(is_ready=True, messages=held[0], unknown=held[1], paused=max(0.0, float(held[2])))


def _look(transaction: Transaction) -> Examined:
    found = transaction.execute(_WHO).fetchone()
    (server, name, role, may_create, owner) = found or ("", "", "", False, None)
    began = time.monotonic()
    lacks = [str(lack) for (lack,) in transaction.execute(_LACKS)]
    return Examined(
        server=str(server).partition(" ")[0],
        database=str(name),
        role=str(role),
        is_encrypted=bool(transaction.pgconn.ssl_in_use),
        round_trip=time.monotonic() - began,
        is_ready=False,
        may_create=bool(may_create),
        owner=owner,
        lacks=lacks,
    )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
