-- Files and folders: those that a task says it will touch, and those that its work has changed so far
-- (JSON lists, or nothing); behind whom it is held back for that, and whether others are behind it.

ALTER TABLE task_specs ADD COLUMN paths TEXT;
ALTER TABLE task_specs ADD COLUMN touched TEXT;
ALTER TABLE tasks ADD COLUMN held_by BLOB;
ALTER TABLE tasks ADD COLUMN holds INTEGER NOT NULL DEFAULT 0;
CREATE INDEX tasks_held ON tasks (held_by, seq) WHERE held_by IS NOT NULL;
-- Goals that a result may meet in the branch of their project: ready, at work, going in, waiting.
CREATE INDEX goals_open ON tasks (project, id)
    WHERE parent IS NULL AND project IS NOT NULL AND state BETWEEN 2 AND 5;
