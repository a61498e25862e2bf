-- Servers, who runs which loop, and which server has the repository of a project.

ALTER TABLE projects ADD COLUMN home uuid;
ALTER TABLE projects ADD COLUMN home_epoch bigint NOT NULL DEFAULT 0;
ALTER TABLE projects ADD COLUMN moving_to uuid;
CREATE INDEX projects_at ON projects (home) WHERE home IS NOT NULL;

CREATE TABLE servers (
    id uuid NOT NULL PRIMARY KEY,
    name text NOT NULL,
    url text NOT NULL,
    roles text NOT NULL,
    version text NOT NULL,
    run bigint NOT NULL,
    started_at bigint NOT NULL,
    seen_at bigint NOT NULL,
    gone boolean NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE loops (
    name text COLLATE "C" NOT NULL PRIMARY KEY,
    holder uuid,
    run bigint NOT NULL,
    held_until bigint NOT NULL,
    fired_at bigint
) WITH (fillfactor = 50);
