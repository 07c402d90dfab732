-- Payments of Lynk.id (CONTRACT §8): every delivery as it came, orders, licences, mails.

-- Every delivery of the webhook, byte for byte; `jsonb` would refuse what a stranger may send.
-- The same bytes under the same signature are one row, and a counter.
CREATE TABLE lynk_inbox (
    id           text PRIMARY KEY,
    place        bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    body         bytea NOT NULL,
    header       text NOT NULL,           -- X-Lynk-Signature, "" for none or an odd one
    address      text NOT NULL,
    tier         text NOT NULL,           -- what took it: redis, postgres, spool
    ref_id       text NOT NULL,           -- as the body says; claims nothing
    verified     boolean NOT NULL,
    signed_with  text NOT NULL,           -- fingerprint of the merchant key
    state        text NOT NULL CHECK (state IN ('received', 'processing', 'granted', 'done',
                     'ignored', 'review', 'conflict', 'dead', 'held', 'quarantined', 'test')),
    reason       text NOT NULL DEFAULT '',
    attempts     integer NOT NULL DEFAULT 0,
    next_at      timestamptz NOT NULL DEFAULT now(),
    deliveries   integer NOT NULL DEFAULT 1,
    receipts     text[] NOT NULL,         -- the last few, so that one receipt is counted once
    received_at  timestamptz NOT NULL,
    last_at      timestamptz NOT NULL,
    finished_at  timestamptz
);
CREATE INDEX lynk_inbox_due ON lynk_inbox (next_at, place)
    WHERE state IN ('received', 'processing', 'granted');
CREATE INDEX lynk_inbox_by_state ON lynk_inbox (state, place);
CREATE INDEX lynk_inbox_by_ref ON lynk_inbox (ref_id);

-- One captured signature fits many ways to cut the same characters into fields, and any body around
-- them; so it belongs to the first delivery that brought it.
CREATE TABLE lynk_signature (
    signature text PRIMARY KEY,
    inbox_id  text NOT NULL REFERENCES lynk_inbox
);

-- One order for each refId, whatever is redelivered. `content` tells another body from the same.
CREATE TABLE lynk_order (
    ref_id         text PRIMARY KEY,
    inbox_id       text NOT NULL UNIQUE REFERENCES lynk_inbox,
    content        text NOT NULL,
    id_order       text NOT NULL UNIQUE,
    id_transaction text NOT NULL UNIQUE,
    email          text NOT NULL,
    name           text NOT NULL,
    paid_at        timestamptz NOT NULL,
    member_hash    text NOT NULL DEFAULT '',  -- what a new member's row is given, drawn beforehand
    member_id      text NOT NULL DEFAULT '',
    created_at     timestamptz NOT NULL DEFAULT now()
);

-- What a product grants. One that is not here: membership under its documented title, else licence.
CREATE TABLE lynk_product (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uuid       text NOT NULL UNIQUE,
    title      text NOT NULL,
    grants     text NOT NULL CHECK (grants IN ('licence', 'membership', 'hotspot', 'nothing')),
    policy     text NOT NULL DEFAULT 'last_wins' CHECK (policy IN ('last_wins', 'first_wins')),
    package_id text NOT NULL DEFAULT '',
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- A licence: the documents' columns, and ours. One for each unit of each item of an order.
CREATE TABLE lynk_webhook (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email          text NOT NULL,
    key_license    text NOT NULL UNIQUE,
    produk_digital text NOT NULL,
    device_active  text,                  -- the instance that holds it now
    id_order       text NOT NULL,
    id_transaction text NOT NULL,
    trx_lynk_id    text NOT NULL REFERENCES lynk_order (ref_id),
    item           integer NOT NULL,
    unit           integer NOT NULL,
    title          text NOT NULL,
    status         text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'disabled')),
    policy         text NOT NULL DEFAULT 'last_wins' CHECK (policy IN ('last_wins', 'first_wins')),
    version        bigint NOT NULL DEFAULT 0,
    created_at     timestamptz NOT NULL DEFAULT now(),
    UNIQUE (trx_lynk_id, item, unit)
);
CREATE INDEX lynk_webhook_by_email ON lynk_webhook (email);

-- Every device a licence was ever active on.
CREATE TABLE license_devices (
    licence_id  bigint NOT NULL REFERENCES lynk_webhook,
    instance    text NOT NULL,
    fingerprint text NOT NULL,
    name        text NOT NULL,
    first_seen  timestamptz NOT NULL,
    last_seen   timestamptz NOT NULL,
    active      boolean NOT NULL,
    PRIMARY KEY (licence_id, instance)
);

-- Mails that are owed. Written in the transaction that makes them due; `dedupe_key` makes each once.
CREATE TABLE email_outbox (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dedupe_key text NOT NULL UNIQUE,
    template   text NOT NULL,
    recipient  text NOT NULL,
    payload    jsonb NOT NULL,
    state      text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'sent', 'dead')),
    attempts   integer NOT NULL DEFAULT 0,
    next_at    timestamptz NOT NULL DEFAULT now(),
    last_error text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    sent_at    timestamptz
);
CREATE INDEX email_outbox_due ON email_outbox (next_at, id) WHERE state = 'queued';
