-- Servers, who runs which loop, and which server has the repository of a project.

ALTER TABLE projects ADD COLUMN home BLOB;
ALTER TABLE projects ADD COLUMN home_epoch INTEGER NOT NULL DEFAULT 0;
ALTER TABLE projects ADD COLUMN moving_to BLOB;
CREATE INDEX projects_at ON projects (home) WHERE home IS NOT NULL;

CREATE TABLE servers (
    id BLOB NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    roles TEXT NOT NULL,
    version TEXT NOT NULL,
    run INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    gone INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE loops (
    name TEXT NOT NULL PRIMARY KEY,
    holder BLOB,
    run INTEGER NOT NULL,
    held_until INTEGER NOT NULL,
    fired_at INTEGER
) WITHOUT ROWID;
