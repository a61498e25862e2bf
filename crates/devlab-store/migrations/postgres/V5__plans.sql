-- Revisions of composites' plans. The plan itself and the tasks that it was carried out with are
-- JSON: they are read and written as a whole.
CREATE TABLE plans (
    task uuid NOT NULL,
    number bigint NOT NULL,
    org uuid NOT NULL,
    parent bigint,
    state bigint NOT NULL,
    origin text NOT NULL,
    tasks bigint NOT NULL,
    proposed_by text NOT NULL,
    proposed_at bigint NOT NULL,
    decision text,
    plan text NOT NULL,
    made text,
    PRIMARY KEY (task, number)
);
