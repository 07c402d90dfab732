-- Addresses that an operator put right, by the order's refId: they hold also when the order is worked
-- off anew, and for one that could not be worked off because of its address.
CREATE TABLE lynk_correction (
    ref_id text PRIMARY KEY,
    email  text NOT NULL,
    at     timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX lynk_webhook_by_order ON lynk_webhook (trx_lynk_id);
