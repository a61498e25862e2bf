-- Execution policy: what each level says, what tasks were promised, the counters of limits, and what
-- is asked of people. A level is an org, a project or a goal, by its id.

CREATE TABLE policies (
    level uuid NOT NULL,
    number bigint NOT NULL,
    kind bigint NOT NULL,
    org uuid NOT NULL,
    policy text NOT NULL,
    set_by text NOT NULL,
    why text NOT NULL,
    at bigint NOT NULL,
    latest bigint NOT NULL,
    PRIMARY KEY (level, number)
);
CREATE INDEX policies_latest ON policies (level) WHERE latest = 1;

CREATE TABLE terms (
    hash text COLLATE "C" NOT NULL PRIMARY KEY,
    body text NOT NULL
);

-- How many live attempts count under a limit, and how many there may be.
CREATE TABLE limits (
    org uuid NOT NULL,
    name text COLLATE "C" NOT NULL,
    used bigint NOT NULL,
    most bigint,
    PRIMARY KEY (org, name)
);

CREATE TABLE asks (
    task uuid NOT NULL,
    number bigint NOT NULL,
    kind bigint NOT NULL,
    attempt uuid,
    head text,
    words text NOT NULL,
    asked_at bigint NOT NULL,
    answer text,
    answered_by text,
    answered_at bigint,
    PRIMARY KEY (task, number)
);

-- The hash of what a task was promised; the limits that attempts count under. A ready queue is named
-- by its labels and, after a bar, its limits.
ALTER TABLE tasks ADD COLUMN terms text;
ALTER TABLE tasks ADD COLUMN lane text NOT NULL DEFAULT '';
ALTER TABLE tasks ADD COLUMN told boolean NOT NULL DEFAULT FALSE;
ALTER TABLE attempts ADD COLUMN lane text NOT NULL DEFAULT '';
ALTER TABLE agents ADD COLUMN lane text NOT NULL DEFAULT '';
