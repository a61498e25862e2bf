-- The state of the lab.
--
-- Ids are UUIDs version 7, which sort by creation. Enumerations are the integers of
-- src/sql/codec.rs, times are milliseconds since the Unix epoch, git objects and hashes are
-- hexadecimal text. There are no foreign keys: every reference is written by a rule that has just
-- read the other end in the same transaction. Text that is ordered by has the order of its bytes,
-- as in SQLite.

-- Whose turn it is to write. One row; a writing transaction holds it from its first statement to
-- its commit, so that all writers of a lab come one after the other. It also gives out the numbers
-- of tasks and events, so that their order is the order of commits.
CREATE TABLE turn (
    one boolean NOT NULL PRIMARY KEY CHECK (one),
    tasks bigint NOT NULL,
    events bigint NOT NULL
) WITH (fillfactor = 10);
INSERT INTO turn VALUES (TRUE, 0, 0);

-- The last batch that each process has committed: what it asks after a cut connection.
CREATE TABLE writers (
    id uuid NOT NULL PRIMARY KEY,
    batch bigint NOT NULL,
    at timestamptz NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE orgs (
    id uuid NOT NULL PRIMARY KEY,
    name text COLLATE "C" NOT NULL UNIQUE,
    created_at bigint NOT NULL
);

CREATE TABLE projects (
    id uuid NOT NULL PRIMARY KEY,
    org uuid NOT NULL,
    name text COLLATE "C" NOT NULL,
    default_branch text NOT NULL,
    upstream text,
    archived boolean NOT NULL,
    created_at bigint NOT NULL,
    UNIQUE (org, name)
);
CREATE INDEX projects_of_org ON projects (org, id);

CREATE TABLE branch_heads (
    project uuid NOT NULL,
    branch text COLLATE "C" NOT NULL,
    head text NOT NULL,
    PRIMARY KEY (project, branch)
);

-- The part of a task that every claim and completion writes. Its words are in task_specs.
CREATE TABLE tasks (
    seq bigint NOT NULL PRIMARY KEY,
    id uuid NOT NULL UNIQUE,
    org uuid NOT NULL,
    project uuid,
    parent uuid,
    goal uuid NOT NULL,
    depth smallint NOT NULL,
    kind smallint NOT NULL,
    state smallint NOT NULL,
    waits smallint,
    unmet bigint NOT NULL,
    priority smallint NOT NULL,
    path bigint NOT NULL,
    requires text COLLATE "C" NOT NULL,
    attempts bigint NOT NULL,
    live uuid,
    lost uuid,
    tries bigint NOT NULL,
    not_before bigint,
    open_children bigint NOT NULL,
    started boolean NOT NULL,
    head text,
    prior text,
    merges text,
    published text,
    review boolean NOT NULL,
    accepted text,
    side_effects boolean NOT NULL,
    proof smallint NOT NULL,
    check_set text,
    archived boolean NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL
);
CREATE INDEX tasks_of_org ON tasks (org, id);
CREATE INDEX goals_of_org ON tasks (org, id) WHERE parent IS NULL;
CREATE INDEX tasks_of_project ON tasks (project, id) WHERE project IS NOT NULL;
CREATE INDEX tasks_of_parent ON tasks (parent, seq) WHERE parent IS NOT NULL;
CREATE INDEX tasks_of_goal ON tasks (goal) WHERE parent IS NOT NULL;
-- State 6 is done. Most tasks are, so lists and counts of the others must not meet them.
CREATE INDEX tasks_open ON tasks (org, state, id) WHERE state <> 6 AND NOT archived;
-- Kind 1 is a composite, state 2 is ready.
CREATE INDEX tasks_startable ON tasks (state) WHERE kind = 1 AND state = 2;

-- How many tasks of an org are done and not archived; see task_counts.
CREATE TABLE done_counts (
    org uuid NOT NULL PRIMARY KEY,
    tasks bigint NOT NULL
);
-- Statement triggers: a batch changes many tasks in one statement.
-- Writers switch hash joins off for their own statements; this one joins two lists.
CREATE FUNCTION count_done() RETURNS trigger LANGUAGE plpgsql SET enable_hashjoin = on AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO done_counts AS d (org, tasks)
        SELECT org, count(*) FROM changed WHERE state = 6 AND NOT archived GROUP BY org
        ON CONFLICT (org) DO UPDATE SET tasks = d.tasks + excluded.tasks;
    ELSE
        INSERT INTO done_counts AS d (org, tasks)
        SELECT c.org, sum((c.state = 6 AND NOT c.archived)::int - (b.state = 6 AND NOT b.archived)::int)
        FROM changed c JOIN before b USING (seq)
        WHERE (c.state = 6 AND NOT c.archived) <> (b.state = 6 AND NOT b.archived)
        GROUP BY c.org
        ON CONFLICT (org) DO UPDATE SET tasks = d.tasks + excluded.tasks;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER tasks_insert_done AFTER INSERT ON tasks
REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION count_done();
CREATE TRIGGER tasks_update_done AFTER UPDATE ON tasks
REFERENCING OLD TABLE AS before NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION count_done();

-- Same seq as the task, which saves an index.
CREATE TABLE task_specs (
    seq bigint NOT NULL PRIMARY KEY,
    title text NOT NULL,
    goal text NOT NULL,
    driver text,
    checks text
);

CREATE TABLE edges (
    dependent uuid NOT NULL,
    dependency uuid NOT NULL,
    PRIMARY KEY (dependent, dependency)
);
CREATE INDEX edges_back ON edges (dependency, dependent);

CREATE TABLE feedback (
    seq bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    task uuid NOT NULL,
    body text NOT NULL
);
CREATE INDEX feedback_of_task ON feedback (task, seq);

CREATE TABLE check_sets (
    hash text NOT NULL PRIMARY KEY,
    body text NOT NULL
);

-- The ready queues. The order of the key is the order of hand-out within a queue, so that the next
-- queue and its head are found with one step in the tree, however many entries wait.
CREATE TABLE ready (
    org uuid NOT NULL,
    requires text COLLATE "C" NOT NULL,
    neg_priority integer NOT NULL,
    verify_first smallint NOT NULL,
    neg_path bigint NOT NULL,
    seq bigint NOT NULL,
    work uuid NOT NULL,
    PRIMARY KEY (org, requires, neg_priority, verify_first, neg_path, seq, work)
);

CREATE TABLE due (
    task uuid NOT NULL PRIMARY KEY,
    at bigint NOT NULL
);
CREATE INDEX due_at ON due (at);

CREATE TABLE attempts (
    seq bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    id uuid NOT NULL UNIQUE,
    org uuid NOT NULL,
    task uuid NOT NULL,
    number bigint NOT NULL,
    kind smallint NOT NULL,
    candidate uuid,
    agent uuid NOT NULL,
    claim_id text NOT NULL,
    state smallint NOT NULL,
    phase smallint NOT NULL,
    lease_until bigint NOT NULL,
    base text,
    prior text,
    merges text,
    result text,
    failure smallint,
    created_at bigint NOT NULL,
    ended_at bigint,
    UNIQUE (agent, claim_id)
);
CREATE INDEX attempts_of_task ON attempts (task, seq);
-- State 0 is live, 1 is lost.
CREATE INDEX attempts_leased ON attempts (lease_until) WHERE state = 0;
CREATE INDEX attempts_held ON attempts (agent) WHERE state < 2;

CREATE TABLE agents (
    id uuid NOT NULL PRIMARY KEY,
    org uuid NOT NULL,
    name text COLLATE "C" NOT NULL,
    labels text NOT NULL,
    capacity bigint NOT NULL,
    runtime text NOT NULL,
    draining boolean NOT NULL,
    created_at bigint NOT NULL,
    seen_at bigint NOT NULL,
    UNIQUE (org, name)
);
CREATE INDEX agents_of_org ON agents (org, id);

CREATE TABLE train_entries (
    seq bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    task uuid NOT NULL UNIQUE,
    project uuid NOT NULL,
    branch text COLLATE "C" NOT NULL,
    head text NOT NULL,
    batch_max bigint NOT NULL,
    candidate uuid
);
CREATE INDEX train_order ON train_entries (project, branch, seq);

CREATE TABLE candidates (
    seq bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    id uuid NOT NULL UNIQUE,
    org uuid NOT NULL,
    project uuid NOT NULL,
    branch text COLLATE "C" NOT NULL,
    state smallint NOT NULL,
    entries text NOT NULL,
    base text,
    tip text,
    tree text,
    check_set text NOT NULL,
    live uuid,
    lost uuid,
    attempts bigint NOT NULL,
    stamp bigint NOT NULL,
    updated_at bigint NOT NULL
);
-- States below 3 are building, verifying and publishing.
CREATE INDEX candidates_live ON candidates (project, branch) WHERE state < 3;
CREATE TABLE candidate_tasks (
    task uuid NOT NULL,
    candidate uuid NOT NULL,
    PRIMARY KEY (task, candidate)
);

CREATE TABLE receipts (
    seq bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    id uuid NOT NULL UNIQUE,
    project uuid NOT NULL,
    task uuid NOT NULL,
    attempt uuid NOT NULL,
    agent uuid NOT NULL,
    candidate uuid,
    name text COLLATE "C" NOT NULL,
    command text NOT NULL,
    check_hash text NOT NULL,
    check_set text NOT NULL,
    git_commit text NOT NULL,
    tree text NOT NULL,
    exit_code bigint NOT NULL,
    passed boolean NOT NULL,
    duration_ms bigint NOT NULL,
    log_offset bigint NOT NULL,
    log_len bigint NOT NULL,
    isolation smallint NOT NULL,
    at bigint NOT NULL
);
CREATE INDEX receipts_of_tree ON receipts (project, tree, seq);
CREATE INDEX receipts_of_task ON receipts (task, seq);

CREATE TABLE patches (
    id uuid NOT NULL PRIMARY KEY,
    org uuid NOT NULL,
    project uuid NOT NULL,
    task uuid NOT NULL,
    title text NOT NULL,
    description text NOT NULL,
    target text NOT NULL,
    base text NOT NULL,
    head text NOT NULL,
    files bigint NOT NULL,
    added bigint NOT NULL,
    removed bigint NOT NULL,
    state smallint NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    told boolean NOT NULL,
    told_remarks bigint NOT NULL
);
CREATE INDEX patches_untold ON patches (id) WHERE NOT told;
CREATE INDEX patches_of_org ON patches (org, id);
CREATE INDEX patches_of_project ON patches (project, id);
CREATE INDEX patches_of_task ON patches (task, id);

CREATE TABLE patch_comments (
    patch uuid NOT NULL,
    number bigint NOT NULL,
    author text NOT NULL,
    head text NOT NULL,
    body text NOT NULL,
    verdict smallint,
    at bigint NOT NULL,
    UNIQUE (patch, number)
);

CREATE TABLE events (
    seq bigint NOT NULL PRIMARY KEY,
    org uuid NOT NULL,
    at bigint NOT NULL,
    kind smallint NOT NULL,
    project uuid,
    task uuid,
    attempt uuid,
    data text NOT NULL
);
CREATE INDEX events_of_org ON events (org, seq);

CREATE TABLE audit (
    seq bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    org uuid,
    at bigint NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    target text NOT NULL,
    request_id text NOT NULL
);
CREATE INDEX audit_of_org ON audit (org, seq);

CREATE TABLE tokens (
    id uuid NOT NULL PRIMARY KEY,
    hash text NOT NULL UNIQUE,
    role smallint NOT NULL,
    org uuid,
    note text NOT NULL,
    expires_at bigint,
    revoked_at bigint,
    created_at bigint NOT NULL
);
CREATE INDEX tokens_of_org ON tokens (org, id);

CREATE TABLE remembered (
    key text NOT NULL PRIMARY KEY,
    body text NOT NULL,
    status integer NOT NULL,
    answer text NOT NULL,
    expires_at bigint NOT NULL
);
CREATE INDEX remembered_until ON remembered (expires_at);

CREATE TABLE settings (
    key text NOT NULL PRIMARY KEY,
    value text NOT NULL
);

-- Logs of attempts: byte streams in chunks. A chunk begins where the one before it ends.
CREATE TABLE log_heads (
    attempt uuid NOT NULL PRIMARY KEY,
    len bigint NOT NULL
) WITH (fillfactor = 50);
CREATE TABLE log_chunks (
    attempt uuid NOT NULL,
    start bigint NOT NULL,
    bytes bytea NOT NULL,
    PRIMARY KEY (attempt, start)
);
-- Output of programs compresses badly while it is in small pieces, and costs time.
ALTER TABLE log_chunks ALTER COLUMN bytes SET STORAGE EXTERNAL;
