-- The keys that orgs sign provenance with, each with what the key before says of it (a DSSE envelope),
-- and the goals that were published and have no provenance attached yet.

CREATE TABLE org_keys (
    org BLOB NOT NULL,
    number INTEGER NOT NULL,
    public TEXT NOT NULL,
    rotation TEXT,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (org, number)
);

-- Their secret halves, apart: an org takes its keys along to another lab, and not these.
CREATE TABLE org_secrets (
    org BLOB NOT NULL,
    number INTEGER NOT NULL,
    secret TEXT NOT NULL,
    PRIMARY KEY (org, number)
);

CREATE TABLE unattested (
    goal BLOB NOT NULL PRIMARY KEY
) WITHOUT ROWID;
INSERT INTO unattested (goal)
    SELECT id FROM tasks WHERE parent IS NULL AND project IS NOT NULL AND published IS NOT NULL;
