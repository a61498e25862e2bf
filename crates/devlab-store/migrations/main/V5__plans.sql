-- Revisions of composites' plans. The plan itself and the tasks that it was carried out with are
-- JSON: they are read and written as a whole. They stand last, so that a list does not read them.
CREATE TABLE plans (
    task BLOB NOT NULL,
    number INTEGER NOT NULL,
    org BLOB NOT NULL,
    parent INTEGER,
    state INTEGER NOT NULL,
    origin TEXT NOT NULL,
    tasks INTEGER NOT NULL,
    proposed_by TEXT NOT NULL,
    proposed_at INTEGER NOT NULL,
    decision TEXT,
    plan TEXT NOT NULL,
    made TEXT,
    PRIMARY KEY (task, number)
);
