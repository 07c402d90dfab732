-- Who did what to whom (CONTRACT §10). `event_id` is the event's place in the log.
CREATE TABLE audit (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id text NOT NULL UNIQUE,
    actor    text NOT NULL,
    act      text NOT NULL,
    subject  text NOT NULL,
    detail   jsonb NOT NULL,
    ip       text NOT NULL,
    at       timestamptz NOT NULL
);
CREATE INDEX audit_by_subject ON audit (subject, id DESC);
CREATE INDEX audit_by_actor ON audit (actor, id DESC);
