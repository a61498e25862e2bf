-- What a task has to do with a choice among alternatives: 0 is a composite of them, with the one that
-- was taken; 1 is one of them.

ALTER TABLE tasks ADD COLUMN choice INTEGER;
ALTER TABLE tasks ADD COLUMN chosen BLOB;
