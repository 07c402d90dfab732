-- Messages have a state: what was given up is seen, and what time has overtaken is not sent.
ALTER TABLE message_outbox
    ADD COLUMN state text NOT NULL DEFAULT 'queued'
        CHECK (state IN ('queued', 'sent', 'dead', 'overtaken')),
    ADD COLUMN claimed_until timestamptz;

UPDATE message_outbox SET state = CASE WHEN sent_at IS NOT NULL THEN 'sent' ELSE 'dead' END
WHERE sent_at IS NOT NULL OR attempts >= 8;

DROP INDEX message_outbox_due;
CREATE INDEX message_outbox_due ON message_outbox (due_at, id) WHERE state = 'queued';
CREATE INDEX message_outbox_by_state ON message_outbox (state, id);
-- asked for each message: how many this member got in the last minute
CREATE INDEX message_outbox_by_member ON message_outbox (member_id, sent_at);
