-- What is known of the event log's second reader (DESIGN §1).

-- One row per reader: the id of the last event whose effects this database holds. It moves in the
-- transaction that brings the effects.
CREATE TABLE event_cursor (
    name       text PRIMARY KEY,
    last_id    text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- Events that could not be applied for what they contain; the log went on without them.
CREATE TABLE event_rejected (
    event_id text PRIMARY KEY,
    type     text NOT NULL,
    data     text NOT NULL,
    error    text NOT NULL,
    at       timestamptz NOT NULL DEFAULT now()
);
