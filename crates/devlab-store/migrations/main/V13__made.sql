-- Who a task was made for, and through what (JSON; nothing for those that were made before).

ALTER TABLE task_specs ADD COLUMN made TEXT;
