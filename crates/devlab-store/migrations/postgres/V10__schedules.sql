-- Templates of goals, and what started them: times of a schedule, deliveries of a webhook, wishes.

CREATE TABLE templates (
    id uuid NOT NULL PRIMARY KEY,
    org uuid NOT NULL,
    name text COLLATE "C" NOT NULL,
    project uuid,
    goal text NOT NULL,
    starts text NOT NULL,
    enabled boolean NOT NULL,
    next_at bigint,
    secret bigint NOT NULL,
    made_by text NOT NULL,
    created_at bigint NOT NULL,
    UNIQUE (org, name)
);
CREATE INDEX templates_due ON templates (next_at) WHERE next_at IS NOT NULL;

-- A start without an outcome has neither a goal nor a reason.
CREATE TABLE firings (
    template uuid NOT NULL,
    key text COLLATE "C" NOT NULL,
    at bigint NOT NULL,
    delivery text,
    filled text NOT NULL,
    goal uuid,
    reason text,
    PRIMARY KEY (template, key)
);
CREATE INDEX firings_delivery ON firings (template, delivery) WHERE delivery IS NOT NULL;
CREATE INDEX firings_at ON firings (template, at);
CREATE INDEX firings_pending ON firings (at) WHERE goal IS NULL AND reason IS NULL;
