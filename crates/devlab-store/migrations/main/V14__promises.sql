-- What was asked about the review of a task's result apart from what policy says: 0 nothing, 1 that there
-- is none, 2 that there is one; nothing for tasks from before this was kept, which keep what they have.
-- A ready queue may have a third part in its name, after another bar: the agent that may not take from it.
-- The hash of what policy promised the task when an attempt was claimed.

ALTER TABLE tasks ADD COLUMN asked INTEGER;
ALTER TABLE attempts ADD COLUMN terms TEXT;
