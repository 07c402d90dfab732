-- Several routers, each with what it was last seen to agree with; bytes by day; fair use that begins
-- at so many bytes left.

ALTER TABLE hotspot_account ADD COLUMN fup_remaining bigint;
ALTER TABLE hotspot_package ADD COLUMN fup_remaining bigint;
ALTER TABLE hotspot_transition ADD COLUMN router text NOT NULL DEFAULT 'utama';

CREATE TABLE hotspot_settled (
    member_id text NOT NULL,
    router    text NOT NULL,
    status    text NOT NULL,
    at        timestamptz NOT NULL,
    PRIMARY KEY (member_id, router)
);
INSERT INTO hotspot_settled (member_id, router, status, at)
SELECT member_id, 'utama', settled, updated_at FROM hotspot_account WHERE settled <> '';

-- A day is the house's own.
CREATE TABLE hotspot_day (
    member_id text NOT NULL,
    day       date NOT NULL,
    bytes     bigint NOT NULL,
    PRIMARY KEY (member_id, day)
);
