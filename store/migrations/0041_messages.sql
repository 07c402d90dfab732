-- Messages to members, each sent once: put here in the transaction that makes them due.
CREATE TABLE message_outbox (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key        text NOT NULL UNIQUE,
    member_id  text NOT NULL,
    kind       text NOT NULL,
    due_at     timestamptz NOT NULL,
    attempts   integer NOT NULL DEFAULT 0,
    sent_at    timestamptz,
    error      text
);
CREATE INDEX message_outbox_due ON message_outbox (due_at) WHERE sent_at IS NULL;
