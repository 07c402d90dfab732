-- The lasting copy of the members that live in Redis.

-- The folded names are how logins are compared (`store.members.fold`). Their uniqueness is checked
-- at commit: two members who swap a name do so in one batch, in whichever order it is written.
CREATE TABLE member (
    id                 text PRIMARY KEY,
    email              text NOT NULL,
    email_folded       text NOT NULL UNIQUE DEFERRABLE INITIALLY DEFERRED,
    username           text NOT NULL,
    username_folded    text NOT NULL UNIQUE DEFERRABLE INITIALLY DEFERRED,
    name               text NOT NULL,
    phone              text NOT NULL,
    role               text NOT NULL,
    password           text NOT NULL,
    status             text NOT NULL,
    must_change        boolean NOT NULL,
    fingerprint_device text NOT NULL,
    action             text NOT NULL,
    created_at         timestamptz NOT NULL,
    updated_at         timestamptz NOT NULL
);

-- The admin's list, newest first, paged by its last row.
CREATE INDEX member_by_creation ON member (created_at DESC, id DESC);
