-- Bytes outside the database: what became of the logs of attempts that are over, artifacts, and
-- what is being done with blobs.

CREATE TABLE kept_logs (
    attempt uuid NOT NULL PRIMARY KEY,
    blob text COLLATE "C",
    len bigint NOT NULL,
    lines bigint NOT NULL,
    at bigint NOT NULL,
    gone boolean NOT NULL
);
CREATE INDEX kept_logs_of_blob ON kept_logs (blob) WHERE blob IS NOT NULL;

CREATE TABLE artifacts (
    id uuid NOT NULL PRIMARY KEY,
    org uuid NOT NULL,
    task uuid NOT NULL,
    attempt uuid NOT NULL,
    path text COLLATE "C" NOT NULL,
    blob text COLLATE "C",
    len bigint NOT NULL,
    created_at bigint NOT NULL,
    UNIQUE (attempt, path)
);
CREATE INDEX artifacts_of_task ON artifacts (task, attempt, path);
CREATE INDEX artifacts_of_blob ON artifacts (blob) WHERE blob IS NOT NULL;

-- A blob that is being put, until when; or being removed, if that is NULL.
CREATE TABLE blob_marks (
    blob text COLLATE "C" NOT NULL PRIMARY KEY,
    until bigint
);
CREATE INDEX blob_pins ON blob_marks (until) WHERE until IS NOT NULL;
CREATE INDEX blobs_condemned ON blob_marks (blob) WHERE until IS NULL;

-- Goals whose bytes were removed by the rules of retention.
CREATE TABLE retired_goals (
    goal uuid NOT NULL PRIMARY KEY,
    at bigint NOT NULL
);

-- Patterns of paths that a task wants kept, as a JSON array.
ALTER TABLE task_specs ADD COLUMN artifacts text;

-- Whether a log may still grow, or has chunks that belong in a blob.
ALTER TABLE log_heads ADD COLUMN open boolean NOT NULL DEFAULT TRUE;
CREATE INDEX log_heads_open ON log_heads (attempt) WHERE open;
