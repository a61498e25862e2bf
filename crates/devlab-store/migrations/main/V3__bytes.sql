-- Bytes outside the database: what became of the logs of attempts that are over, artifacts, and
-- what is being done with blobs.

CREATE TABLE kept_logs (
    attempt BLOB NOT NULL PRIMARY KEY,
    blob TEXT,
    len INTEGER NOT NULL,
    lines INTEGER NOT NULL,
    at INTEGER NOT NULL,
    gone INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX kept_logs_of_blob ON kept_logs (blob) WHERE blob IS NOT NULL;

CREATE TABLE artifacts (
    id BLOB NOT NULL PRIMARY KEY,
    org BLOB NOT NULL,
    task BLOB NOT NULL,
    attempt BLOB NOT NULL,
    path TEXT NOT NULL,
    blob TEXT,
    len INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (attempt, path)
) WITHOUT ROWID;
CREATE INDEX artifacts_of_task ON artifacts (task, attempt, path);
CREATE INDEX artifacts_of_blob ON artifacts (blob) WHERE blob IS NOT NULL;

-- A blob that is being put, until when; or being removed, if that is NULL.
CREATE TABLE blob_marks (
    blob TEXT NOT NULL PRIMARY KEY,
    until INTEGER
) WITHOUT ROWID;
CREATE INDEX blob_pins ON blob_marks (until) WHERE until IS NOT NULL;
CREATE INDEX blobs_condemned ON blob_marks (blob) WHERE until IS NULL;

-- Goals whose bytes were removed by the rules of retention.
CREATE TABLE retired_goals (
    goal BLOB NOT NULL PRIMARY KEY,
    at INTEGER NOT NULL
) WITHOUT ROWID;

-- Patterns of paths that a task wants kept, as a JSON array.
ALTER TABLE task_specs ADD COLUMN artifacts TEXT;
