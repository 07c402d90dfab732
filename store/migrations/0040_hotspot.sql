-- The lasting copy of hotspot accounts, their devices and the packages. Bytes are whole bytes.

CREATE TABLE hotspot_account (
    member_id   text PRIMARY KEY,
    phone       text NOT NULL,
    approved    boolean NOT NULL,
    unlimited   boolean NOT NULL,
    expires_at  timestamptz,
    purchased   bigint NOT NULL,
    used        bigint NOT NULL,
    fup_percent integer,
    package     text NOT NULL,
    settled     text NOT NULL,
    updated_at  timestamptz NOT NULL
);
CREATE INDEX hotspot_account_by_phone ON hotspot_account (phone);

CREATE TABLE hotspot_device (
    member_id text NOT NULL,
    slot      text NOT NULL,
    mac       text NOT NULL,
    ip        text NOT NULL,
    name      text NOT NULL,
    seen_at   timestamptz NOT NULL,
    PRIMARY KEY (member_id, slot)
);

CREATE TABLE hotspot_package (
    id          text PRIMARY KEY,
    name        text NOT NULL,
    quota       bigint NOT NULL,
    days        integer NOT NULL,
    unlimited   boolean NOT NULL,
    fup_percent integer,
    updated_at  timestamptz NOT NULL
);

-- Each time the router was seen to agree with another status.
CREATE TABLE hotspot_transition (
    event_id  text PRIMARY KEY,
    member_id text NOT NULL,
    before    text NOT NULL,
    status    text NOT NULL,
    at        timestamptz NOT NULL
);
CREATE INDEX hotspot_transition_by_member ON hotspot_transition (member_id, at DESC);
