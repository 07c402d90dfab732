-- The outbox of mails: whose order a mail is about, how it is sent anew, and who is at it.
ALTER TABLE email_outbox
    ADD COLUMN ref_id        text NOT NULL DEFAULT '',  -- the order, "" for none
    -- how often it was sent anew: each turn has a Message-ID of its own
    ADD COLUMN turn          integer NOT NULL DEFAULT 0,
    -- how often it stood at the head when the server would not take anything from us
    ADD COLUMN holds         integer NOT NULL DEFAULT 0,
    ADD COLUMN claimed_until timestamptz;

UPDATE email_outbox SET ref_id = coalesce(payload ->> 'ref_id', '')
WHERE starts_with(dedupe_key, 'lynk-');

-- Mails leave in the order of their age.
DROP INDEX email_outbox_due;
CREATE INDEX email_outbox_due ON email_outbox (id) WHERE state = 'queued';
CREATE INDEX email_outbox_by_state ON email_outbox (state, id);
CREATE INDEX email_outbox_by_order ON email_outbox (ref_id) WHERE ref_id <> '';
CREATE INDEX email_outbox_by_recipient ON email_outbox (lower(recipient));

-- An outbox that rests as a whole, because what is beyond it takes nothing from us: nobody's
-- attempts are used up meanwhile. A row is deleted by the first thing that is taken.
CREATE TABLE outbox_pause (
    outbox   text PRIMARY KEY,  -- 'mail' or 'messages'
    failures integer NOT NULL,  -- one after the other; the wait grows with them
    until    timestamptz NOT NULL,
    words    text NOT NULL,     -- what was answered, for the operator
    since    timestamptz NOT NULL DEFAULT now()
);
