-- Devices and the history of their sessions. No secret of a session is kept here.

-- One row per member and device: the device's id is a digest of both. `sid` is the session opened
-- on it last, so that an older session's end never switches off a device that is in use again.
-- `refresh_token_hash` and `expires_at` belong to the document's record; a session does not
-- outlive Redis, so nothing is lost while they are empty.
CREATE TABLE user_device (
    id                 text PRIMARY KEY,
    member_id          text NOT NULL,
    device_type        text NOT NULL,
    device_name        text NOT NULL,
    browser_id         text NOT NULL,
    device_fingerprint text NOT NULL,
    user_agent         text NOT NULL,
    last_ip            text NOT NULL,
    refresh_token_hash text,
    is_active          boolean NOT NULL DEFAULT true,
    is_primary         boolean NOT NULL DEFAULT false,
    sid                text NOT NULL,
    opened_at          timestamptz NOT NULL,
    last_active_at     timestamptz NOT NULL,
    expires_at         timestamptz,
    created_at         timestamptz NOT NULL
);
CREATE INDEX user_device_by_member ON user_device (member_id, last_active_at DESC);

-- One row per session, from the day it was opened to why it ended.
CREATE TABLE session_history (
    sid        text PRIMARY KEY,
    member_id  text NOT NULL,
    device_id  text NOT NULL,
    kind       text NOT NULL,
    method     text,
    epoch      bigint NOT NULL,
    opened_at  timestamptz,
    ended_at   timestamptz,
    reason     text,
    ended_by   text,
    kick_id    text,
    ip         text,
    user_agent text
);
CREATE INDEX session_history_by_member ON session_history (member_id, opened_at DESC);
