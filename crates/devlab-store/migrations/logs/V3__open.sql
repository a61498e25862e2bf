-- Whether a log may still grow, or has chunks that belong in a blob.
ALTER TABLE heads ADD COLUMN open INTEGER NOT NULL DEFAULT 1;
CREATE INDEX heads_open ON heads (attempt) WHERE open = 1;
