-- What the log's second reader knows of the history it follows: its epoch, and a digest of the
-- entry at the cursor, by which the log proves that it is the same one still.
ALTER TABLE event_cursor
    ADD COLUMN epoch text NOT NULL DEFAULT '',
    ADD COLUMN mark  text NOT NULL DEFAULT '';
