-- What a person may choose from to answer a question of an agent: a JSON list, or nothing.
ALTER TABLE asks ADD COLUMN choices TEXT;
