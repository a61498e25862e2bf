-- Logs of attempts: byte streams in chunks. A chunk begins where the one before it ends.

CREATE TABLE heads (
    attempt BLOB NOT NULL PRIMARY KEY,
    len INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE chunks (
    seq INTEGER PRIMARY KEY,
    attempt BLOB NOT NULL,
    start INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    UNIQUE (attempt, start)
);
