-- The keys that orgs sign provenance with, each with what the key before says of it (a DSSE envelope),
-- and the goals that were published and have no provenance attached yet.

CREATE TABLE org_keys (
    org uuid NOT NULL,
    number bigint NOT NULL,
    public text NOT NULL,
    rotation text,
    created_at bigint NOT NULL,
    PRIMARY KEY (org, number)
);

-- Their secret halves, apart: an org takes its keys along to another lab, and not these.
CREATE TABLE org_secrets (
    org uuid NOT NULL,
    number bigint NOT NULL,
    secret text NOT NULL,
    PRIMARY KEY (org, number)
);

CREATE TABLE unattested (
    goal uuid NOT NULL PRIMARY KEY
);
INSERT INTO unattested (goal)
    SELECT id FROM tasks WHERE parent IS NULL AND project IS NOT NULL AND published IS NOT NULL;
