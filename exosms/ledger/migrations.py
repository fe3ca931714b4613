"""The tables of the ledger, as an append-only list of scripts."""

MIGRATIONS = (
    """
    CREATE TABLE messages (
      id INTEGER PRIMARY KEY,
      account TEXT NOT NULL,
      profile TEXT,
      once_key TEXT,
      recipient TEXT NOT NULL,
      sender TEXT NOT NULL,
      template TEXT,
      segments INTEGER NOT NULL,
      state TEXT NOT NULL
        CHECK (state IN ('waiting', 'in_flight', 'accepted', 'rejected', 'not_sent', 'unknown')),
      owner TEXT,
      attempts INTEGER NOT NULL DEFAULT 0,
      sid TEXT,
      status TEXT,
      http_status INTEGER,
      code INTEGER,
      error TEXT,
      created_at REAL NOT NULL,
      updated_at REAL NOT NULL
    ) STRICT;
    CREATE INDEX messages_by_once_key ON messages (once_key, recipient, account) WHERE once_key IS NOT NULL;
    CREATE INDEX messages_by_recipient ON messages (recipient);
    CREATE INDEX messages_by_time ON messages (account, created_at);
    CREATE INDEX messages_by_owner ON messages (owner) WHERE owner IS NOT NULL;
    CREATE TABLE pace (
      account TEXT PRIMARY KEY,
      next_at REAL NOT NULL,
      blocked_until REAL NOT NULL
    ) STRICT;
    """,
    """
    CREATE TABLE deliveries (
      account TEXT NOT NULL,
      sid TEXT NOT NULL,
      outcome TEXT NOT NULL CHECK (outcome IN ('pending', 'delivered', 'failed')),
      status TEXT,
      detailed_status_code INTEGER,
      detailed_status TEXT,
      "to" TEXT,
      segments INTEGER,
      price REAL,
      sent_at TEXT,
      updated_at TEXT,
      checked_at REAL NOT NULL,
      PRIMARY KEY (account, sid)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX deliveries_by_outcome ON deliveries (outcome);
    CREATE INDEX messages_by_sid ON messages (account, sid) WHERE sid IS NOT NULL;
    CREATE INDEX messages_by_day ON messages (created_at);
    CREATE INDEX messages_not_accepted ON messages (state) WHERE state <> 'accepted';
    """,
    """
    ALTER TABLE messages ADD COLUMN expires_at REAL;
    CREATE TABLE installation (
      fingerprint_key BLOB NOT NULL
    ) STRICT;
    CREATE TABLE runs (
      id INTEGER PRIMARY KEY,
      name TEXT NOT NULL UNIQUE,
      account TEXT NOT NULL,
      profile TEXT,
      file TEXT NOT NULL,
      digest BLOB NOT NULL,
      settings TEXT NOT NULL,
      owner TEXT,
      exit_code INTEGER,
      started_at REAL NOT NULL,
      updated_at REAL NOT NULL
    ) STRICT;
    CREATE INDEX runs_by_owner ON runs (owner) WHERE owner IS NOT NULL;
    CREATE INDEX runs_by_digest ON runs (digest);
    CREATE TABLE rows (
      run INTEGER NOT NULL,
      number INTEGER NOT NULL,
      line INTEGER NOT NULL,
      recipient TEXT NOT NULL,
      sender TEXT NOT NULL,
      fingerprint INTEGER,
      occurrence INTEGER NOT NULL,
      segments INTEGER NOT NULL,
      encoding TEXT NOT NULL,
      text TEXT,
      fields TEXT,
      state TEXT NOT NULL CHECK
        (state IN ('waiting', 'in_flight', 'accepted', 'rejected', 'not_sent', 'unknown', 'skipped')),
      attempts INTEGER NOT NULL DEFAULT 0,
      sid TEXT,
      status TEXT,
      http_status INTEGER,
      code INTEGER,
      exit_code INTEGER NOT NULL DEFAULT 0,
      error TEXT,
      updated_at REAL NOT NULL,
      PRIMARY KEY (run, number)
    ) STRICT;
    CREATE INDEX rows_by_recipient ON rows (recipient, fingerprint);
    CREATE TABLE parts (
      account TEXT NOT NULL,
      day INTEGER NOT NULL,
      parts INTEGER NOT NULL,
      PRIMARY KEY (account, day)
    ) STRICT, WITHOUT ROWID;
    """,
    """
    ALTER TABLE pace ADD COLUMN written_at REAL NOT NULL DEFAULT 0;
    CREATE INDEX rows_by_sid ON rows (sid) WHERE sid IS NOT NULL;
    """,
    # The states are compared one by one: for a list SQLite builds an index, anew for every row that it checks, and
    # then writing rows takes twice the time. From here on a run is as new as the newest of its rows.
    """
    CREATE TABLE compared_rows (
      run INTEGER NOT NULL,
      number INTEGER NOT NULL,
      line INTEGER NOT NULL,
      recipient TEXT NOT NULL,
      sender TEXT NOT NULL,
      fingerprint INTEGER,
      occurrence INTEGER NOT NULL,
      segments INTEGER NOT NULL,
      encoding TEXT NOT NULL,
      text TEXT,
      fields TEXT,
      state TEXT NOT NULL CHECK
        (state = 'waiting' OR state = 'in_flight' OR state = 'accepted' OR state = 'rejected' OR state = 'not_sent'
        OR state = 'unknown' OR state = 'skipped'),
      attempts INTEGER NOT NULL DEFAULT 0,
      sid TEXT,
      status TEXT,
      http_status INTEGER,
      code INTEGER,
      exit_code INTEGER NOT NULL DEFAULT 0,
      error TEXT,
      updated_at REAL NOT NULL,
      PRIMARY KEY (run, number)
    ) STRICT;
    INSERT INTO compared_rows SELECT * FROM rows;
    DROP TABLE rows;
    ALTER TABLE compared_rows RENAME TO rows;
    CREATE INDEX rows_by_recipient ON rows (recipient, fingerprint);
    CREATE INDEX rows_by_sid ON rows (sid) WHERE sid IS NOT NULL;
    UPDATE runs SET updated_at =
      max(updated_at, coalesce((SELECT max(r.updated_at) FROM rows r WHERE r.run = runs.id), 0));
    """,
    # By what a message is known again when its Sid turns up later; those of before have neither.
    """
    ALTER TABLE messages ADD COLUMN attempted_at REAL;
    ALTER TABLE messages ADD COLUMN fingerprint INTEGER;
    ALTER TABLE rows ADD COLUMN attempted_at REAL;
    CREATE INDEX rows_unknown ON rows (run, number) WHERE state = 'unknown';
    """,
    # Which messages a callback may be about, and callbacks whose message has no Sid yet. A run is 0 for single ones.
    """
    CREATE TABLE callback_requests (
      id INTEGER PRIMARY KEY,
      token_hash BLOB NOT NULL UNIQUE,
      account TEXT NOT NULL,
      profile TEXT,
      base_url TEXT NOT NULL,
      created_at REAL NOT NULL
    ) STRICT;
    CREATE TABLE callback_messages (
      request INTEGER NOT NULL,
      recipient TEXT NOT NULL,
      run INTEGER NOT NULL,
      number INTEGER NOT NULL,
      PRIMARY KEY (request, recipient)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE callbacks (
      request INTEGER NOT NULL,
      recipient TEXT NOT NULL,
      sid TEXT NOT NULL,
      delivery TEXT NOT NULL,
      received_at REAL NOT NULL,
      next_at REAL NOT NULL,
      questions INTEGER NOT NULL DEFAULT 0,
      PRIMARY KEY (request, recipient, sid)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX callbacks_by_time ON callbacks (next_at);
    """,
    # Keyed hashes of the Sids of purged messages, which no other message can have.
    """
    CREATE TABLE purged_sids (
      hash INTEGER PRIMARY KEY,
      attempted_at REAL NOT NULL
    ) STRICT;
    """,
    # Attempts at rows that a person, or Exotel's silence, said were not sent, once they are tried again.
    """
    CREATE TABLE former_attempts (
      id INTEGER PRIMARY KEY,
      account TEXT NOT NULL,
      recipient TEXT NOT NULL,
      sender TEXT NOT NULL,
      fingerprint INTEGER,
      since REAL NOT NULL,
      until REAL NOT NULL
    ) STRICT;
    CREATE INDEX former_attempts_by_recipient ON former_attempts (recipient);
    """,
    # A Sid is the same one however its letters are written.
    """
    DROP INDEX messages_by_sid;
    CREATE INDEX messages_by_sid ON messages (account, sid COLLATE NOCASE) WHERE sid IS NOT NULL;
    DROP INDEX rows_by_sid;
    CREATE INDEX rows_by_sid ON rows (sid COLLATE NOCASE) WHERE sid IS NOT NULL;
    """,
    # What tells a ledger from a copy that went on with the same run.
    """
    ALTER TABLE runs ADD COLUMN baton BLOB;
    ALTER TABLE runs ADD COLUMN baton_before BLOB;
    """,
)
"""``user_version`` counts how many of them a ledger has seen; never change one that was committed."""
