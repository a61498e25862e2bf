-- The state of the lab.
--
-- Ids are the 16 bytes of a UUID version 7, which sort by creation. Enumerations are the integers
-- of src/sqlite/codec.rs, times are milliseconds since the Unix epoch, git objects and hashes are
-- hexadecimal text. Rows that are wide have a rowid, so that inner pages of their tree stay dense.
-- There are no foreign keys: every reference is written by a rule that has just read the other
-- end in the same transaction, and checking it again would double the reads of the hot path.

CREATE TABLE orgs (
    id BLOB NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
);

CREATE TABLE projects (
    id BLOB NOT NULL PRIMARY KEY,
    org BLOB NOT NULL,
    name TEXT NOT NULL,
    default_branch TEXT NOT NULL,
    upstream TEXT,
    archived INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (org, name)
);
CREATE INDEX projects_of_org ON projects (org, id);

CREATE TABLE branch_heads (
    project BLOB NOT NULL,
    branch TEXT NOT NULL,
    head TEXT NOT NULL,
    PRIMARY KEY (project, branch)
) WITHOUT ROWID;

-- The part of a task that every claim and completion writes. Its words are in task_specs.
CREATE TABLE tasks (
    seq INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    org BLOB NOT NULL,
    project BLOB,
    parent BLOB,
    goal BLOB NOT NULL,
    depth INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    state INTEGER NOT NULL,
    waits INTEGER,
    unmet INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    path INTEGER NOT NULL,
    requires TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    live BLOB,
    lost BLOB,
    tries INTEGER NOT NULL,
    not_before INTEGER,
    open_children INTEGER NOT NULL,
    started INTEGER NOT NULL,
    head TEXT,
    prior TEXT,
    merges TEXT,
    published TEXT,
    review INTEGER NOT NULL,
    accepted TEXT,
    side_effects INTEGER NOT NULL,
    proof INTEGER NOT NULL,
    check_set TEXT,
    archived INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
);
CREATE INDEX tasks_of_org ON tasks (org, id);
CREATE INDEX goals_of_org ON tasks (org, id) WHERE parent IS NULL;
CREATE INDEX tasks_of_project ON tasks (project, id) WHERE project IS NOT NULL;
-- An index without the rowid's name ends in it: children come in the order of their seq.
CREATE INDEX tasks_of_parent ON tasks (parent) WHERE parent IS NOT NULL;
CREATE INDEX tasks_of_goal ON tasks (goal) WHERE parent IS NOT NULL;
-- State 6 is done. Most tasks are, so lists and counts of the others must not meet them.
CREATE INDEX tasks_open ON tasks (org, state, id) WHERE state <> 6 AND archived = 0;
-- Kind 1 is a composite, state 2 is ready.
CREATE INDEX tasks_startable ON tasks (state) WHERE kind = 1 AND state = 2;

-- How many tasks of an org are done and not archived; see task_counts.
CREATE TABLE done_counts (
    org BLOB NOT NULL PRIMARY KEY,
    tasks INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TRIGGER tasks_insert_done AFTER INSERT ON tasks
WHEN new.state = 6 AND new.archived = 0
BEGIN
    INSERT INTO done_counts (org, tasks) VALUES (new.org, 1)
    ON CONFLICT (org) DO UPDATE SET tasks = tasks + 1;
END;
CREATE TRIGGER tasks_enter_done AFTER UPDATE OF state, archived ON tasks
WHEN new.state = 6 AND new.archived = 0 AND NOT (old.state = 6 AND old.archived = 0)
BEGIN
    INSERT INTO done_counts (org, tasks) VALUES (new.org, 1)
    ON CONFLICT (org) DO UPDATE SET tasks = tasks + 1;
END;
CREATE TRIGGER tasks_leave_done AFTER UPDATE OF state, archived ON tasks
WHEN old.state = 6 AND old.archived = 0 AND NOT (new.state = 6 AND new.archived = 0)
BEGIN
    UPDATE done_counts SET tasks = tasks - 1 WHERE org = new.org;
END;

-- Same seq as the task, which saves an index.
CREATE TABLE task_specs (
    seq INTEGER PRIMARY KEY,
    title TEXT NOT NULL,
    goal TEXT NOT NULL,
    driver TEXT,
    checks TEXT
);

CREATE TABLE edges (
    dependent BLOB NOT NULL,
    dependency BLOB NOT NULL,
    PRIMARY KEY (dependent, dependency)
) WITHOUT ROWID;
CREATE INDEX edges_back ON edges (dependency, dependent);

CREATE TABLE feedback (
    seq INTEGER PRIMARY KEY,
    task BLOB NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX feedback_of_task ON feedback (task);

CREATE TABLE check_sets (
    hash TEXT NOT NULL PRIMARY KEY,
    body TEXT NOT NULL
) WITHOUT ROWID;

-- The ready queues. The order of the key is the order of hand-out within a queue, so that the next
-- queue and its head are found with one step in the tree, however many entries wait.
CREATE TABLE ready (
    org BLOB NOT NULL,
    requires TEXT NOT NULL,
    neg_priority INTEGER NOT NULL,
    verify_first INTEGER NOT NULL,
    neg_path INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    work BLOB NOT NULL,
    PRIMARY KEY (org, requires, neg_priority, verify_first, neg_path, seq, work)
) WITHOUT ROWID;

CREATE TABLE due (
    task BLOB NOT NULL PRIMARY KEY,
    at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX due_at ON due (at);

CREATE TABLE attempts (
    seq INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    org BLOB NOT NULL,
    task BLOB NOT NULL,
    number INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    candidate BLOB,
    agent BLOB NOT NULL,
    claim_id TEXT NOT NULL,
    state INTEGER NOT NULL,
    phase INTEGER NOT NULL,
    lease_until INTEGER NOT NULL,
    base TEXT,
    prior TEXT,
    merges TEXT,
    result TEXT,
    failure INTEGER,
    created_at INTEGER NOT NULL,
    ended_at INTEGER,
    UNIQUE (agent, claim_id)
);
CREATE INDEX attempts_of_task ON attempts (task);
-- State 0 is live, 1 is lost.
CREATE INDEX attempts_leased ON attempts (lease_until) WHERE state = 0;
CREATE INDEX attempts_held ON attempts (agent) WHERE state < 2;

CREATE TABLE agents (
    id BLOB NOT NULL PRIMARY KEY,
    org BLOB NOT NULL,
    name TEXT NOT NULL,
    labels TEXT NOT NULL,
    capacity INTEGER NOT NULL,
    runtime TEXT NOT NULL,
    draining INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    UNIQUE (org, name)
);
CREATE INDEX agents_of_org ON agents (org, id);

CREATE TABLE train_entries (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    task BLOB NOT NULL UNIQUE,
    project BLOB NOT NULL,
    branch TEXT NOT NULL,
    head TEXT NOT NULL,
    batch_max INTEGER NOT NULL,
    candidate BLOB
);
CREATE INDEX train_order ON train_entries (project, branch);

CREATE TABLE candidates (
    seq INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    org BLOB NOT NULL,
    project BLOB NOT NULL,
    branch TEXT NOT NULL,
    state INTEGER NOT NULL,
    entries TEXT NOT NULL,
    base TEXT,
    tip TEXT,
    tree TEXT,
    check_set TEXT NOT NULL,
    live BLOB,
    lost BLOB,
    attempts INTEGER NOT NULL,
    stamp INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
);
-- States below 3 are building, verifying and publishing.
CREATE INDEX candidates_live ON candidates (project, branch) WHERE state < 3;
CREATE TABLE candidate_tasks (
    task BLOB NOT NULL,
    candidate BLOB NOT NULL,
    PRIMARY KEY (task, candidate)
) WITHOUT ROWID;

CREATE TABLE receipts (
    seq INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    project BLOB NOT NULL,
    task BLOB NOT NULL,
    attempt BLOB NOT NULL,
    agent BLOB NOT NULL,
    candidate BLOB,
    name TEXT NOT NULL,
    command TEXT NOT NULL,
    check_hash TEXT NOT NULL,
    check_set TEXT NOT NULL,
    git_commit TEXT NOT NULL,
    tree TEXT NOT NULL,
    exit_code INTEGER NOT NULL,
    passed INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL,
    log_offset INTEGER NOT NULL,
    log_len INTEGER NOT NULL,
    isolation INTEGER NOT NULL,
    at INTEGER NOT NULL
);
CREATE INDEX receipts_of_tree ON receipts (project, tree);
CREATE INDEX receipts_of_task ON receipts (task);

CREATE TABLE patches (
    id BLOB NOT NULL PRIMARY KEY,
    org BLOB NOT NULL,
    project BLOB NOT NULL,
    task BLOB NOT NULL,
    title TEXT NOT NULL,
    description TEXT NOT NULL,
    target TEXT NOT NULL,
    base TEXT NOT NULL,
    head TEXT NOT NULL,
    files INTEGER NOT NULL,
    added INTEGER NOT NULL,
    removed INTEGER NOT NULL,
    state INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    told INTEGER NOT NULL,
    told_remarks INTEGER NOT NULL
);
CREATE INDEX patches_untold ON patches (id) WHERE told = 0;
CREATE INDEX patches_of_org ON patches (org, id);
CREATE INDEX patches_of_project ON patches (project, id);
CREATE INDEX patches_of_task ON patches (task, id);

CREATE TABLE patch_comments (
    patch BLOB NOT NULL,
    number INTEGER NOT NULL,
    author TEXT NOT NULL,
    head TEXT NOT NULL,
    body TEXT NOT NULL,
    verdict INTEGER,
    at INTEGER NOT NULL,
    UNIQUE (patch, number)
);

-- AUTOINCREMENT: a place in the stream is never used again, even when its end was cut off.
CREATE TABLE events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    org BLOB NOT NULL,
    at INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    project BLOB,
    task BLOB,
    attempt BLOB,
    data TEXT NOT NULL
);
CREATE INDEX events_of_org ON events (org);

CREATE TABLE audit (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    org BLOB,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    request_id TEXT NOT NULL
);
CREATE INDEX audit_of_org ON audit (org);

CREATE TABLE tokens (
    id BLOB NOT NULL PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    role INTEGER NOT NULL,
    org BLOB,
    note TEXT NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER,
    created_at INTEGER NOT NULL
);
CREATE INDEX tokens_of_org ON tokens (org, id);

CREATE TABLE remembered (
    key TEXT NOT NULL PRIMARY KEY,
    body TEXT NOT NULL,
    status INTEGER NOT NULL,
    answer TEXT NOT NULL,
    expires_at INTEGER NOT NULL
);
CREATE INDEX remembered_until ON remembered (expires_at);

CREATE TABLE settings (
    key TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;
