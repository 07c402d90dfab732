-- What keeps an older event from undoing a newer one, and from being passed over.

-- Members that were deleted: an older copy of Redis may know them still. Kept for as long as such a
-- copy is likely to be put back (jobs/retention.py).
CREATE TABLE member_gone (
    id      text PRIMARY KEY,
    gone_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX member_gone_by_age ON member_gone (gone_at);

-- Which event of the log a meeting's list is from.
ALTER TABLE meetings
    ADD COLUMN listed_ms bigint NOT NULL DEFAULT 0,
    ADD COLUMN listed_number bigint NOT NULL DEFAULT 0;

-- Events that are set aside are tried again: after a while, for what they need may have come.
ALTER TABLE event_rejected
    ADD COLUMN tries integer NOT NULL DEFAULT 1,
    ADD COLUMN again_at timestamptz NOT NULL DEFAULT now() + interval '1 minute',
    ADD COLUMN applied_at timestamptz;
CREATE INDEX event_rejected_waiting ON event_rejected (again_at) WHERE applied_at IS NULL;

-- Fails, as a broken reference does, where an event is about a row that is not here.
CREATE FUNCTION require_row(is_here boolean, what text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF NOT is_here THEN
        RAISE EXCEPTION 'there is no %', what USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN true;
END
$$;
