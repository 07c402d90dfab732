-- A member's packages are a stack of purchases, each with terms of its own (store/hotspot/stack.py).
-- What an account held so far becomes one purchase.

ALTER TABLE hotspot_account ADD COLUMN stack jsonb NOT NULL DEFAULT '[]';

UPDATE hotspot_account SET stack = jsonb_build_array(jsonb_strip_nulls(jsonb_build_object(
    'id', '',
    'package', package,
    'quota', purchased,
    'unlimited', unlimited,
    'ends_at', (extract(epoch FROM expires_at) * 1000)::bigint,
    'fup_percent', fup_percent,
    'fup_remaining', fup_remaining,
    'used', used)))
WHERE purchased > 0 OR unlimited OR package <> '' OR expires_at IS NOT NULL;

ALTER TABLE hotspot_account
    DROP COLUMN unlimited, DROP COLUMN expires_at, DROP COLUMN purchased, DROP COLUMN used,
    DROP COLUMN fup_percent, DROP COLUMN fup_remaining, DROP COLUMN package;

-- Every purchase that was ever made: what an order gave, and what was taken back. `once` is what
-- the purchase is known by, empty for what an operator gave.
CREATE TABLE hotspot_purchase (
    member_id text NOT NULL,
    id        text NOT NULL,
    once      text NOT NULL,
    package   text NOT NULL,
    quota     bigint NOT NULL,
    unlimited boolean NOT NULL,
    given_at  timestamptz NOT NULL,
    ends_at   timestamptz,
    taken_at  timestamptz,
    PRIMARY KEY (member_id, id)
);
CREATE INDEX hotspot_purchase_once ON hotspot_purchase (once) WHERE once <> '';
