/** The tables of a journal, as the list of steps that led to them: `user_version` is how many of them a file has had. */

const VERSION_1 = `
  CREATE TABLE runs (
    -- Never used twice: it is a part of the keys of records, and of what fences off an old owner.
    no INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id TEXT NOT NULL UNIQUE,
    agent TEXT NOT NULL,
    -- Of what the run was started with.
    fingerprint TEXT NOT NULL,
    status TEXT NOT NULL,
    -- The process that has the run; one more each time that it is taken up.
    owner TEXT,
    epoch INTEGER NOT NULL,
    -- How often it was taken up after its process had died, since it last got further.
    takeovers INTEGER NOT NULL DEFAULT 0,
    -- An answer or a cancel that came while nobody had the run.
    ready INTEGER NOT NULL DEFAULT 0,
    cancel TEXT,
    error TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX runs_owned ON runs (owner) WHERE owner IS NOT NULL;
  CREATE INDEX runs_unfinished ON runs (no) WHERE status IN ('running', 'waiting', 'blocked');

  -- JSON of any size, away from the rows that are scanned and updated.
  CREATE TABLE inputs (no INTEGER PRIMARY KEY, input TEXT NOT NULL) STRICT;
  CREATE TABLE results (no INTEGER PRIMARY KEY, result TEXT NOT NULL) STRICT;

  -- key: the run's number and the record's place in the run (see keys.ts). A run is one range, and appends to its end.
  CREATE TABLE records (key INTEGER PRIMARY KEY, id TEXT NOT NULL, record TEXT NOT NULL, at INTEGER NOT NULL) STRICT;

  CREATE TABLE waits (
    no INTEGER NOT NULL,
    id TEXT NOT NULL,
    input TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    due_at INTEGER,
    answer TEXT,
    opened_at INTEGER NOT NULL,
    answered_at INTEGER,
    PRIMARY KEY (no, id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX waits_due ON waits (due_at) WHERE answer IS NULL AND due_at IS NOT NULL;

  -- Streams: the feed of a run, the real executions of steps in it, and what they said.
  CREATE TABLE feeds (
    feed INTEGER PRIMARY KEY AUTOINCREMENT, run_id TEXT NOT NULL UNIQUE, closed INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE TABLE streams (
    stream INTEGER PRIMARY KEY,
    feed INTEGER NOT NULL,
    step TEXT NOT NULL,
    nonce TEXT NOT NULL,
    ended INTEGER NOT NULL DEFAULT 0,
    UNIQUE (feed, step, nonce)
  ) STRICT;
  CREATE TABLE chunks (
    key INTEGER PRIMARY KEY, stream INTEGER NOT NULL, place INTEGER NOT NULL, body TEXT NOT NULL,
    UNIQUE (stream, place)
  ) STRICT;

  CREATE TABLE payloads (ref TEXT PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
`

/** A row for what an execution said at one time, in place of one for each chunk; and none for the execution. */
const VERSION_2 = `
  ALTER TABLE chunks RENAME TO single_chunks;
  -- key: the feed's number and the place of the last chunk. first: the offset of the first in its execution.
  CREATE TABLE chunks (
    key INTEGER PRIMARY KEY,
    step TEXT NOT NULL,
    nonce TEXT NOT NULL,
    first INTEGER NOT NULL,
    length INTEGER NOT NULL,
    ended INTEGER NOT NULL,
    bodies TEXT NOT NULL
  ) STRICT;
  INSERT INTO chunks
    SELECT key, step, nonce, place, 1, body ->> 'type' IN ('end', 'superseded'), '[' || body || ']'
    FROM single_chunks JOIN streams USING (stream) ORDER BY key;
  DROP TABLE single_chunks;
  DROP TABLE streams;
`

export const MIGRATIONS: readonly string[] = [VERSION_1, VERSION_2]
