-- Requests of desktops to be let in by a phone, as they ended. `token` is a digest; what opens
-- anything is never kept here. `step` orders the states, so that an older event that comes late
-- never takes a request back. Members belong to no tenant (`approved_by_tenant_id` is the
-- document's column).
CREATE TABLE qr_login_token (
    id                    text PRIMARY KEY,
    token                 text NOT NULL UNIQUE,
    status                text NOT NULL,
    step                  smallint NOT NULL DEFAULT 0,
    delivery              text NOT NULL,
    web_fingerprint       text NOT NULL,
    web_user_agent        text NOT NULL,
    web_ip                text NOT NULL,
    web_name              text NOT NULL,
    browser_id            text NOT NULL,
    approved_by_user_id   text,
    approved_by_tenant_id text,
    scanned_at            timestamptz,
    approved_at           timestamptz,
    redeemed_at           timestamptz,
    expires_at            timestamptz NOT NULL,
    created_at            timestamptz NOT NULL
);
CREATE INDEX qr_login_token_by_creation ON qr_login_token (created_at);
CREATE INDEX qr_login_token_by_member ON qr_login_token (approved_by_user_id, created_at DESC)
    WHERE approved_by_user_id IS NOT NULL;
