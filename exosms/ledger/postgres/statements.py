"""The statements of a shared ledger for single messages, each within a transaction.

What they say of states, keys and turns is ``ledger/rules.py``, or what a lease makes of them.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from exosms.ledger.database import PIECE
from exosms.ledger.day_parts import IMPOSSIBLE_DAY, IS_COUNTED, last_before_midnight
from exosms.ledger.entry import DELIVERY, ENTRY, LedgerEntry, quoted, read_delivery, read_entry
from exosms.ledger.portable import Cursor
from exosms.ledger.postgres.connection import Transaction
from exosms.ledger.rules import MAY_BE_FORGOTTEN, Turns
from exosms.ledger.traces import BY_HAND, LONGEST_UNKNOWN, SETTLED_BY_WORD
from exosms.ledger.wrong_clocks import SET_BACK, corrects, in_its_place
from exosms.sms.message import Delivery
from exosms.system.times import day_in_india

NOW = "extract(epoch FROM clock_timestamp())::double precision"
_LEASE_OVER = "the lease ended before a result was recorded"

_IS_OVER = f"coalesce(m.lease_until < {NOW}, false)"
SEEN = {
    "state": f"CASE WHEN {_IS_OVER} AND m.state = 'in_flight' THEN 'unknown'"
    f" WHEN {_IS_OVER} AND m.state = 'waiting' THEN 'not_sent' ELSE m.state END",
    "error": f"CASE WHEN {_IS_OVER} THEN '{_LEASE_OVER}' ELSE m.error END",
}
"""What is to be seen of a message: what its lease makes of it, also where nobody has written that yet."""

COLUMNS = ", ".join(SEEN.get(name, f"m.{name}") for name in ENTRY)
"""Those of an entry."""

_TYPES = {
    "claim": "uuid", "account": "text", "profile": "text", "once_key": "text", "recipient": "text",
    "recipient_hash": "bytea", "sender": "text", "template": "text", "segments": "integer", "state": "text",
    "owner": "text", "attempts": "integer", "fingerprint": "bigint", "callback_token": "bytea",
    "base_url": "text",
}  # fmt: skip
"""The columns of a new message that are given."""

ENTER = f"""
    INSERT INTO exosms.messages ({", ".join(_TYPES)}, created_at, updated_at, attempted_at, lease_until, expires_at)
    SELECT {", ".join(f"%({name})s::{kind}" for name, kind in _TYPES.items())}, now.at, now.at, now.at,
      now.at + %(lease)s::double precision, now.at + %(within)s::double precision
    FROM (SELECT {NOW} AS at) now {{only}} ON CONFLICT (claim) DO NOTHING RETURNING id
"""
HOLD_ON = f"""
    UPDATE exosms.messages SET lease_until = CASE state WHEN 'in_flight' THEN {NOW} + %(lease)s::double precision END
    WHERE claim = %(claim)s RETURNING id, state = 'in_flight'
"""
"""Takes up a claim that was made, although no answer came, and begins its lease anew."""
KEY = "account = %(account)s AND once_key = %(once_key)s AND recipient_hash = %(recipient_hash)s"
HOLD_KEY = f"SELECT true FROM exosms.once_keys WHERE {KEY} FOR UPDATE"
TAKE_KEY = (
    "INSERT INTO exosms.once_keys VALUES (%(account)s, %(once_key)s, %(recipient_hash)s)"
    " ON CONFLICT DO NOTHING RETURNING true"
)
FIRST_OF_KEY = f"WITH key AS ({TAKE_KEY}) {ENTER.format(only='CROSS JOIN key')}"


class Portable(NamedTuple):
    """Runs the statements of the rules, which know neither our place for values nor our schema."""

    transaction: Transaction

    def execute(self, sql: str, values: Sequence[Any] = (), /) -> Cursor:
        """Run one."""
        return self.transaction.execute(_ours(sql), values)


def storable(said: object) -> object:
    """Return what others said as PostgreSQL takes it: no NUL, no half character, no number that is too large."""
    if isinstance(said, str):
        return str(said).encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
    return None if isinstance(said, int) and abs(said) >= 1 << 31 else said


def _ours(sql: str) -> str:
    """Return a statement of the rules as PostgreSQL has it: our schema, and its place for a value."""
    return sql.replace(" messages ", " exosms.messages ").replace("?", "%s")


def now_of(transaction: Transaction) -> float:
    """Return what the database's clock shows."""
    (now,) = transaction.execute(f"SELECT {NOW}").fetchone() or (0.0,)
    return float(now)


def entries_of(transaction: Transaction, where: str, values: Mapping[str, Any]) -> list[LedgerEntry]:
    """Return what there is of single messages, oldest first."""
    cursor = transaction.execute(f"SELECT {COLUMNS} FROM exosms.messages m {where} ORDER BY id", values)
    return [*map(read_entry, cursor)]


def settle_claim(transaction: Transaction, values: Mapping[str, Any]) -> None:
    """Record what became of a claim of ours, unless somebody found out more meanwhile, or decided."""
    ours = "claim = %(claim)s"
    found = transaction.execute(
        f"SELECT sid IS NOT NULL, owner IS NULL FROM exosms.messages WHERE {ours} FOR UPDATE", values
    ).fetchone()
    has_sid, is_settled = found or (False, False)
    if values["sid"] is None and (has_sid or (is_settled and values["state"] == "unknown")):
        return
    if not found:  # another server took over that knew nothing of it
        if values["once_key"] is not None:
            transaction.execute(TAKE_KEY, values)
        transaction.execute(ENTER.format(only=""), values)
    transaction.execute(
        "UPDATE exosms.messages SET state = %(state)s, owner = NULL, lease_until = NULL, sid = %(sid)s,"
        " status = %(status)s, http_status = %(http_status)s, code = %(code)s, error = %(error)s,"
        f" updated_at = {NOW} WHERE {ours}",
        values,
    )


def resolve_key(transaction: Transaction, once_key: str, state: str, account: str | None) -> int:
    """Record a person's decision about an account's unknown messages of a once key; return how many there were.

    Without an account it is about those of all.
    """
    values = {"state": state, "once_key": once_key, "account": account}
    settle_leases(transaction, "once_key = %(once_key)s", values)
    return transaction.execute(
        f"UPDATE exosms.messages SET state = %(state)s, error = '{BY_HAND}', owner = NULL, updated_at = {NOW}"
        " WHERE once_key = %(once_key)s AND state = 'unknown' AND account = coalesce(%(account)s, account)",
        values,
    ).rowcount


def settle_leases(transaction: Transaction, which: str, values: Mapping[str, Any]) -> None:
    """Write down what ended leases mean, so that whoever had them cannot go on as if nobody had looked."""
    transaction.execute(
        f"UPDATE exosms.messages SET state = CASE state WHEN 'in_flight' THEN 'unknown' ELSE 'not_sent' END,"
        f" owner = NULL, lease_until = NULL, error = '{_LEASE_OVER}', updated_at = lease_until"
        f" WHERE lease_until < {NOW} AND {which}",
        values,
    )


def parts_since_midnight(transaction: Transaction, account: str) -> int:
    """Return the parts that the account used today, in India, those that may have been sent included."""
    now = now_of(transaction)
    (singly,) = transaction.execute(
        "SELECT coalesce(sum(segments), 0)::bigint FROM exosms.messages WHERE id > %s AND account = %s"
        f" AND {IS_COUNTED}",
        (last_before_midnight(Portable(transaction), now), account),
    ).fetchone() or (0,)
    (in_bulk,) = transaction.execute(
        "SELECT coalesce(sum(parts), 0)::bigint FROM exosms.parts WHERE account = %s AND (day >= %s OR day < %s)",
        (account, day_in_india(now), IMPOSSIBLE_DAY),
    ).fetchone() or (0,)
    return int(singly) + int(in_bulk)


def lock_parts(transaction: Transaction, account: str) -> None:
    """Keep others from counting an account's parts until the commit, so that no two take the last one."""
    transaction.execute("SELECT pg_advisory_xact_lock(hashtextextended('parts/' || %s, 0))", (account,))


def count_parts(transaction: Transaction, account: str, parts: int) -> None:
    """Add to what bulk runs used today, or take back what was not used after all."""
    transaction.execute(
        "INSERT INTO exosms.parts AS p VALUES (%s, %s, greatest(0, %s))"
        " ON CONFLICT (account, day) DO UPDATE SET parts = greatest(0, p.parts + %s)",
        (account, day_in_india(now_of(transaction)), parts, parts),
    )


def settle_day(transaction: Transaction, account: str) -> bool:
    """Have what counts as of today, although it is of the future, count for no other day; tell if anything does."""
    now = now_of(transaction)
    if not corrects(now):
        return False
    messages = transaction.execute(
        "SELECT id FROM exosms.messages WHERE account = %s AND created_at > %s", (account, now + SET_BACK)
    ).fetchall()
    for (number,) in messages:
        transaction.execute(
            "UPDATE exosms.messages SET created_at = %s, updated_at = greatest(updated_at, %s) WHERE id = %s",
            (in_its_place(Portable(transaction), number, now), now, number),
        )
    days = transaction.execute(
        "DELETE FROM exosms.parts WHERE account = %s AND (day > %s OR day < %s) RETURNING parts",
        (account, day_in_india(now), IMPOSSIBLE_DAY),
    ).fetchall()
    if days:
        count_parts(transaction, account, sum(int(parts) for (parts,) in days))
    return bool(messages or days)


def lock_sids(transaction: Transaction, account: str, sids: Sequence[str]) -> None:
    """Keep others from giving messages of an account these Sids until the commit; their letters are small."""
    for sid in sids:  # in their order, or two wait for each other
        transaction.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('sids/' || %s || '/' || %s, 0))", (account, sid)
        )


def keep_delivery(transaction: Transaction, account: str, sid: str, delivery: Delivery) -> None:
    """Record what Exotel says of a message, which then is not merely accepted any more; a final state stays."""
    values = [*(storable(getattr(delivery, name)) for name in DELIVERY), account, sid]
    new = ", ".join(f'"{name}" = excluded."{name}"' for name in (*DELIVERY, "checked_at"))
    transaction.execute(
        f"INSERT INTO exosms.deliveries AS d ({quoted(DELIVERY)}, account, sid, checked_at)"
        f" VALUES ({', '.join(['%s'] * len(values))}, {NOW})"
        f" ON CONFLICT (account, sid) DO UPDATE SET {new} WHERE d.outcome = 'pending'",
        values,
    )
    transaction.execute(
        "UPDATE exosms.messages SET has_delivery = true"
        " WHERE account = %s AND lower(sid) = lower(%s) AND sid = %s AND NOT has_delivery",
        (account, sid, sid),
    )


def delivery_of(transaction: Transaction, account: str, sid: str) -> Delivery | None:
    """Return what Exotel last said of a message."""
    sql = f"SELECT {quoted(DELIVERY)} FROM exosms.deliveries WHERE account = %s AND sid = %s"
    row = transaction.execute(sql, (account, sid)).fetchone()
    return read_delivery(row) if row else None


def owners_of_sids(transaction: Transaction, account: str, sids: Sequence[str]) -> list[tuple[str, int]]:
    """Return which of an account's messages have these Sids, and will until the commit; their letters are small."""
    lock_sids(transaction, account, sids)
    sql = "SELECT lower(sid), id FROM exosms.messages WHERE account = %s AND lower(sid) = ANY(%s)"
    return transaction.execute(sql, (account, [*sids])).fetchall()


def turns_of(transaction: Transaction, account: str) -> tuple[Turns, float]:
    """Return an account's turns, which nobody else changes until the commit, and the moment from which on."""
    row = transaction.execute(
        "INSERT INTO exosms.pace AS p VALUES (%s, 0, 0, 0)"
        " ON CONFLICT (account) DO UPDATE SET account = p.account"
        f" RETURNING next_at, blocked_until, written_at, {NOW}",
        (account,),
    ).fetchone()
    if row is None:
        raise AssertionError("an upsert returns its row")
    return Turns.of(row[:3], row[3]), float(row[3])


def set_turns(transaction: Transaction, account: str, turns: Turns, now: float) -> None:
    """Keep an account's turns as they are at that moment."""
    transaction.execute(
        "UPDATE exosms.pace SET next_at = %s, blocked_until = %s, written_at = %s WHERE account = %s",
        (*turns, now, account),
    )


_MAY_BE_MISTAKEN = (
    "EXISTS (SELECT FROM exosms.messages u WHERE u.state IN ('unknown', 'in_flight', 'waiting')"
    " AND u.account = m.account AND u.recipient_hash = m.recipient_hash AND u.fingerprint = m.fingerprint)"
)
"""Whether there is an equal message that may be unknown: it must not get this one's Sid."""


HASH_OF_SID = "sha256((SELECT key FROM exosms.installation) || convert_to(lower({sid}), 'UTF8'))"
"""What is kept of the Sid of a purged message."""

_OF_ATTEMPT = "account, recipient_hash, sender, fingerprint, attempted_at"


def purge_messages(transaction: Transaction, seconds: float, after: int) -> tuple[int, int | None]:
    """Delete some of the messages that were settled so many seconds ago; return how many, and the last one's number.

    They come in their order, those with a number above ``after``; None: there are no more. What became of them goes
    with them, however late that was found out. A hash of their Sids stays, and of those without one the attempt: only
    the machine that has a run knows which of its rows are unknown. The parts of today's count on, as those of bulk
    runs do.
    """
    yesterday = last_before_midnight(Portable(transaction), now_of(transaction))
    gone = transaction.execute(
        "WITH gone AS (DELETE FROM exosms.messages WHERE id IN (SELECT id FROM exosms.messages m"
        f" WHERE id > %(after)s AND greatest(created_at, updated_at) < {NOW} - %(seconds)s"
        f" AND {MAY_BE_FORGOTTEN.format(now=NOW)} AND NOT {_MAY_BE_MISTAKEN} ORDER BY id LIMIT {PIECE} FOR UPDATE)"
        f" RETURNING *, CASE WHEN id > %(yesterday)s AND {IS_COUNTED} THEN segments ELSE 0 END AS used),"
        f" kept AS (INSERT INTO exosms.purged_sids SELECT account, {HASH_OF_SID.format(sid='sid')}, attempted_at"
        " FROM gone WHERE sid IS NOT NULL ON CONFLICT DO NOTHING),"
        " learned AS (DELETE FROM exosms.deliveries d USING gone m WHERE d.account = m.account AND d.sid = m.sid),"
        f" former AS (INSERT INTO exosms.former_attempts ({_OF_ATTEMPT}) SELECT {_OF_ATTEMPT} FROM gone m"
        f" WHERE {SETTLED_BY_WORD})"
        " SELECT account, count(*), sum(used)::bigint, max(id) FROM gone GROUP BY account ORDER BY account",
        {"after": after, "seconds": seconds, "yesterday": yesterday},
    ).fetchall()
    for account, _, used, _ in gone:
        count_parts(transaction, account, used)
    return sum(messages for _, messages, _, _ in gone), max((last for *_, last in gone), default=None)


def purge_deliveries(transaction: Transaction, seconds: float) -> bool:
    """Delete some of what Exotel said of messages so many seconds ago; return whether there may be more."""
    gone = transaction.execute(
        f"WITH old AS (SELECT account, sid FROM exosms.deliveries WHERE checked_at < {NOW} - %s"
        f" LIMIT {PIECE} FOR UPDATE), gone AS (DELETE FROM exosms.deliveries d USING old"
        " WHERE d.account = old.account AND d.sid = old.sid RETURNING d.account, lower(d.sid) AS sid)"
        " SELECT account, array_agg(sid) FROM gone GROUP BY account",
        (seconds,),
    ).fetchall()
    for account, sids in gone:  # joined with those, all messages would be sorted for each piece
        transaction.execute(
            "UPDATE exosms.messages SET has_delivery = false WHERE account = %s AND lower(sid) = ANY(%s)",
            (account, sids),
        )
    return sum(len(sids) for _, sids in gone) == PIECE


def purge_the_rest(transaction: Transaction, seconds: float) -> None:
    """Delete what is known of messages that are gone, or for longer than is needed."""
    values = {"seconds": seconds, "longest": LONGEST_UNKNOWN}
    for table in ("purged_sids", "former_attempts"):
        transaction.execute(f"DELETE FROM exosms.{table} WHERE attempted_at < {NOW} - %(longest)s", values)
    # Whoever claims a key meanwhile waits, and then takes it anew.
    transaction.execute("LOCK TABLE exosms.once_keys IN EXCLUSIVE MODE")
    transaction.execute(
        "DELETE FROM exosms.once_keys k WHERE NOT EXISTS (SELECT FROM exosms.messages m WHERE"
        " m.once_key = k.once_key AND m.recipient_hash = k.recipient_hash AND m.account = k.account)"
    )
    transaction.execute("DELETE FROM exosms.parts WHERE day < %s", (day_in_india(now_of(transaction) - seconds),))
