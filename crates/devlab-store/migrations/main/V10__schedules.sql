-- Templates of goals, and what started them: times of a schedule, deliveries of a webhook, wishes.

CREATE TABLE templates (
    id BLOB NOT NULL PRIMARY KEY,
    org BLOB NOT NULL,
    name TEXT NOT NULL,
    project BLOB,
    goal TEXT NOT NULL,
    starts TEXT NOT NULL,
    enabled INTEGER NOT NULL,
    next_at INTEGER,
    secret INTEGER NOT NULL,
    made_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (org, name)
) WITHOUT ROWID;
CREATE INDEX templates_due ON templates (next_at) WHERE next_at IS NOT NULL;

-- A start without an outcome has neither a goal nor a reason.
CREATE TABLE firings (
    template BLOB NOT NULL,
    key TEXT NOT NULL,
    at INTEGER NOT NULL,
    delivery TEXT,
    filled TEXT NOT NULL,
    goal BLOB,
    reason TEXT,
    PRIMARY KEY (template, key)
) WITHOUT ROWID;
CREATE INDEX firings_delivery ON firings (template, delivery) WHERE delivery IS NOT NULL;
CREATE INDEX firings_at ON firings (template, at);
CREATE INDEX firings_pending ON firings (at) WHERE goal IS NULL AND reason IS NULL;
