-- Execution policy: what each level says, what tasks were promised, the counters of limits, and what
-- is asked of people. A level is an org, a project or a goal, by its id.

CREATE TABLE policies (
    level BLOB NOT NULL,
    number INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    org BLOB NOT NULL,
    policy TEXT NOT NULL,
    set_by TEXT NOT NULL,
    why TEXT NOT NULL,
    at INTEGER NOT NULL,
    latest INTEGER NOT NULL,
    PRIMARY KEY (level, number)
);
CREATE INDEX policies_latest ON policies (level) WHERE latest = 1;

CREATE TABLE terms (
    hash TEXT NOT NULL PRIMARY KEY,
    body TEXT NOT NULL
) WITHOUT ROWID;

-- How many live attempts count under a limit, and how many there may be.
CREATE TABLE limits (
    org BLOB NOT NULL,
    name TEXT NOT NULL,
    used INTEGER NOT NULL,
    most INTEGER,
    PRIMARY KEY (org, name)
) WITHOUT ROWID;

CREATE TABLE asks (
    task BLOB NOT NULL,
    number INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    attempt BLOB,
    head TEXT,
    words TEXT NOT NULL,
    asked_at INTEGER NOT NULL,
    answer TEXT,
    answered_by TEXT,
    answered_at INTEGER,
    PRIMARY KEY (task, number)
);

-- The hash of what a task was promised; the limits that attempts count under. A ready queue is named
-- by its labels and, after a bar, its limits.
ALTER TABLE tasks ADD COLUMN terms TEXT;
ALTER TABLE tasks ADD COLUMN lane TEXT NOT NULL DEFAULT '';
ALTER TABLE tasks ADD COLUMN told INTEGER NOT NULL DEFAULT 0;
ALTER TABLE attempts ADD COLUMN lane TEXT NOT NULL DEFAULT '';
ALTER TABLE agents ADD COLUMN lane TEXT NOT NULL DEFAULT '';
