-- Payments: the inbox of deliveries, and what became of each.

-- receive --
WITH known AS (
    INSERT INTO lynk_inbox (id, body, header, address, tier, ref_id, verified, signed_with, state,
                            reason, receipts, received_at, last_at)
    VALUES (%(id)s, %(body)s, %(header)s, %(address)s, %(tier)s, %(ref_id)s, %(verified)s,
            %(signed_with)s, %(state)s, %(reason)s, ARRAY[%(receipt)s], %(at)s, %(at)s)
    ON CONFLICT (id) DO UPDATE SET
        deliveries = lynk_inbox.deliveries + 1,
        receipts = (lynk_inbox.receipts || excluded.receipts)[greatest(1,
            cardinality(lynk_inbox.receipts) - 18):],
        last_at = greatest(lynk_inbox.last_at, excluded.last_at),
        -- it has proved now what it could not when it first came: the key was set or put right
        state = CASE WHEN excluded.verified AND lynk_inbox.state IN ('held', 'quarantined')
                     THEN excluded.state ELSE lynk_inbox.state END,
        verified = lynk_inbox.verified OR excluded.verified,
        signed_with = CASE WHEN excluded.verified THEN excluded.signed_with
                           ELSE lynk_inbox.signed_with END
    WHERE NOT lynk_inbox.receipts @> excluded.receipts
    RETURNING state
)
DELETE FROM lynk_inbox WHERE %(state)s IN ('quarantined', 'test') AND state = %(state)s
    AND place < (SELECT min(place) FROM (SELECT place FROM lynk_inbox WHERE state = %(state)s
                 ORDER BY place DESC LIMIT 1000) AS newest)

-- repeat --
WITH counted AS (
    UPDATE lynk_inbox SET
        deliveries = deliveries + 1,
        receipts = (receipts || ARRAY[%(receipt)s])[greatest(1, cardinality(receipts) - 18):],
        last_at = greatest(last_at, %(at)s)
    WHERE id = %(id)s AND NOT receipts @> ARRAY[%(receipt)s]
)
SELECT require_row(EXISTS (SELECT FROM lynk_inbox WHERE id = %(id)s), 'delivery ' || %(id)s)

-- is_due --
SELECT EXISTS (SELECT 1 FROM lynk_inbox WHERE state IN ('received', 'processing', 'granted')
               AND next_at <= now()) AS payments,
       EXISTS (SELECT 1 FROM email_outbox
               WHERE state = 'queued' AND next_at <= now()
                 AND coalesce(claimed_until, '-infinity') <= now())
       AND NOT EXISTS (SELECT 1 FROM outbox_pause WHERE outbox = 'mail' AND until > now()) AS mails

-- next_due --
SELECT id, body, header, state, verified, attempts, received_at
FROM lynk_inbox
WHERE state IN ('received', 'processing', 'granted') AND next_at <= now()
ORDER BY place LIMIT 1

-- claim_signature --
INSERT INTO lynk_signature (signature, inbox_id) VALUES (%(signature)s, %(id)s)
ON CONFLICT (signature) DO NOTHING

-- owner_of_signature --
SELECT inbox_id FROM lynk_signature WHERE signature = %(signature)s

-- order_by_ref --
SELECT ref_id, inbox_id, content, id_order, id_transaction, email, name, paid_at, member_hash,
       member_id
FROM lynk_order WHERE ref_id = %(ref_id)s

-- products --
SELECT uuid, grants, policy, package_id FROM lynk_product WHERE uuid = ANY(%(uuids)s)

-- add_order --
INSERT INTO lynk_order (ref_id, inbox_id, content, id_order, id_transaction, email, name, paid_at,
                        member_hash)
VALUES (%(ref_id)s, %(inbox_id)s, %(content)s, %(id_order)s, %(id_transaction)s, %(email)s,
        %(name)s, %(paid_at)s, %(member_hash)s)
ON CONFLICT DO NOTHING
RETURNING ref_id

-- set_member --
UPDATE lynk_order SET member_id = %(member_id)s WHERE ref_id = %(ref_id)s

-- add_licence --
INSERT INTO lynk_webhook (email, key_license, produk_digital, id_order, id_transaction, trx_lynk_id,
                          item, unit, title, policy)
VALUES (%(email)s, %(key_license)s, %(uuid)s, %(id_order)s, %(id_transaction)s, %(ref_id)s,
        %(item)s, %(unit)s, %(title)s, %(policy)s)
ON CONFLICT DO NOTHING

-- licences_of --
SELECT id, key_license, produk_digital, title, item, unit, status, policy, version
FROM lynk_webhook WHERE trx_lynk_id = %(ref_id)s ORDER BY item, unit

-- move --
UPDATE lynk_inbox SET
    state = %(state)s, reason = %(reason)s,
    finished_at = CASE WHEN %(state)s IN ('processing', 'granted') THEN NULL ELSE now() END
WHERE id = %(id)s

-- postpone --
UPDATE lynk_inbox SET
    attempts = attempts + 1, reason = %(reason)s,
    state = CASE WHEN %(seconds)s::float8 IS NULL THEN 'dead' ELSE state END,
    next_at = now() + coalesce(%(seconds)s::float8, 0) * interval '1 second'
WHERE id = %(id)s

-- list_inbox --
SELECT * FROM lynk_inbox
WHERE (%(state)s = '' OR state = %(state)s)
  AND ((%(ref)s = '' AND %(words)s = '') OR ref_id = %(ref)s
       OR (%(words)s <> '' AND ref_id IN (SELECT o.ref_id FROM lynk_order AS o
           WHERE strpos(lower(o.email), lower(%(words)s)) > 0
              OR strpos(lower(o.name), lower(%(words)s)) > 0))
       OR (%(words)s <> '' AND state IN ('review', 'dead')
           AND position(convert_to(%(words)s, 'UTF8') IN body) > 0)
       OR (%(number)s <> '' AND ref_id IN (SELECT o.ref_id FROM lynk_order AS o
           WHERE o.id_order = %(number)s OR o.id_transaction = %(number)s)))
  AND (%(before)s::bigint IS NULL OR place < %(before)s)
ORDER BY place DESC LIMIT %(count)s

-- count_inbox --
SELECT state, count(*) AS count FROM lynk_inbox GROUP BY state

-- read_inbox --
SELECT * FROM lynk_inbox WHERE id = %(id)s

-- order_by_inbox --
SELECT o.id_order, o.id_transaction, o.email, o.member_id,
       (SELECT count(*) FROM lynk_webhook AS l WHERE l.trx_lynk_id = o.ref_id) AS licences,
       (SELECT coalesce(jsonb_object_agg(m.template, m.state), '{}') FROM email_outbox AS m
        WHERE starts_with(m.dedupe_key, 'lynk-' || o.ref_id || '-')) AS mails
FROM lynk_order AS o WHERE o.inbox_id = %(id)s

-- granted --
SELECT (SELECT count(*) FROM lynk_webhook WHERE trx_lynk_id = %(ref_id)s) AS licences,
       (SELECT count(*) FROM email_outbox WHERE starts_with(dedupe_key, %(mails)s)) AS mails,
       (SELECT count(*) FROM member WHERE email_folded = %(email)s) AS members

-- owner --
SELECT inbox_id FROM lynk_order WHERE ref_id = %(ref_id)s
UNION ALL
SELECT inbox_id FROM lynk_signature WHERE signature = %(signature)s AND %(signature)s <> ''
LIMIT 1

-- replay --
UPDATE lynk_inbox SET
    state = CASE WHEN state IN ('granted', 'done') THEN 'granted'
                 WHEN state = 'processing' THEN 'processing' ELSE 'received' END,
    reason = 'replayed', attempts = 0, next_at = now(), finished_at = NULL,
    verified = verified OR %(signed_with)s <> '', signed_with = %(signed_with)s
WHERE id = %(id)s AND state = %(state)s

-- known_refs --
SELECT DISTINCT ON (ref_id) ref_id, state FROM lynk_inbox WHERE ref_id = ANY(%(refs)s)
ORDER BY ref_id, (state = 'done') DESC, place DESC

-- order_page --
SELECT i.state, o.id_order, o.email, o.member_id,
       (SELECT count(*) FROM lynk_webhook AS l WHERE l.trx_lynk_id = i.ref_id) AS licences
FROM lynk_inbox AS i LEFT JOIN lynk_order AS o ON o.ref_id = i.ref_id AND o.inbox_id = i.id
WHERE i.ref_id = %(ref)s AND i.state IN ('received', 'processing', 'granted', 'done', 'review')
ORDER BY (o.id_order IS NOT NULL) DESC, i.place LIMIT 1

-- owned_licences --
SELECT key_license, status FROM lynk_webhook
WHERE lower(email) = lower(%(email)s) AND produk_digital = %(product)s
ORDER BY id DESC LIMIT 20

-- list_licences --
SELECT id, email, key_license, produk_digital, device_active, id_order, id_transaction,
       trx_lynk_id, title, status, policy, created_at,
       (SELECT d.name FROM license_devices AS d
        WHERE d.licence_id = l.id AND d.instance = l.device_active) AS device_name
FROM lynk_webhook AS l
WHERE (%(search)s = '' OR key_license = %(exact)s OR id_order = %(exact)s
       OR id_transaction = %(exact)s OR trx_lynk_id = %(exact)s OR strpos(lower(email), lower(%(search)s)) > 0)
  AND (%(before)s::bigint IS NULL OR id < %(before)s)
ORDER BY id DESC LIMIT %(count)s

-- list_products --
SELECT id, uuid, title, grants, policy, package_id FROM lynk_product ORDER BY title, id

-- recent_payments --
SELECT body, header, received_at FROM lynk_inbox
WHERE state NOT IN ('quarantined', 'test', 'ignored', 'conflict')
  AND octet_length(body) <= %(bytes)s::int
ORDER BY place DESC LIMIT %(count)s

-- save_product --
INSERT INTO lynk_product (uuid, title, grants, policy, package_id)
VALUES (%(uuid)s, %(title)s, %(grants)s, %(policy)s, %(package_id)s)
ON CONFLICT (uuid) DO UPDATE SET title = excluded.title, grants = excluded.grants,
    policy = excluded.policy, package_id = excluded.package_id, updated_at = now()
RETURNING id, uuid, title, grants, policy, package_id

-- delete_product --
DELETE FROM lynk_product WHERE id = %(id)s RETURNING id

-- hold_licence --
WITH device AS (
    INSERT INTO license_devices (licence_id, instance, fingerprint, name, first_seen, last_seen,
                                 active)
    SELECT id, %(instance)s, %(fingerprint)s, %(name)s, %(at)s, %(at)s, true
    FROM lynk_webhook WHERE id = %(id)s AND version < %(version)s
    ON CONFLICT (licence_id, instance) DO UPDATE SET
        fingerprint = excluded.fingerprint, name = excluded.name, last_seen = excluded.last_seen,
        active = true
), others AS (
    UPDATE license_devices SET active = false
    WHERE licence_id = %(id)s AND instance <> %(instance)s AND active
      AND EXISTS (SELECT 1 FROM lynk_webhook WHERE id = %(id)s AND version < %(version)s)
), held AS (
    UPDATE lynk_webhook SET device_active = %(instance)s, version = %(version)s
    WHERE id = %(id)s AND version < %(version)s
)
SELECT require_row(EXISTS (SELECT FROM lynk_webhook WHERE id = %(id)s), 'licence ' || %(id)s)

-- change_licence --
WITH devices AS (
    UPDATE license_devices SET active = false
    WHERE licence_id = %(id)s AND active AND instance <> %(instance)s
      AND EXISTS (SELECT 1 FROM lynk_webhook WHERE id = %(id)s AND version < %(version)s)
), changed AS (
    UPDATE lynk_webhook SET
        device_active = nullif(%(instance)s, ''),
        status = coalesce(nullif(%(status)s, ''), status),
        policy = coalesce(nullif(%(policy)s, ''), policy),
        version = %(version)s
    WHERE id = %(id)s AND version < %(version)s
)
SELECT require_row(EXISTS (SELECT FROM lynk_webhook WHERE id = %(id)s), 'licence ' || %(id)s)

-- read_licences --
SELECT l.id, l.key_license, l.title, l.status, l.policy, l.version, l.device_active,
       d.fingerprint, d.name AS device_name
FROM lynk_webhook AS l
LEFT JOIN license_devices AS d ON d.licence_id = l.id AND d.instance = l.device_active
WHERE l.id > %(after)s ORDER BY l.id LIMIT %(count)s

-- correction --
SELECT email FROM lynk_correction WHERE ref_id = %(ref_id)s

-- keep_correction --
INSERT INTO lynk_correction (ref_id, email) VALUES (%(ref_id)s, %(email)s)
ON CONFLICT (ref_id) DO UPDATE SET email = excluded.email, at = now()

-- correct_order --
UPDATE lynk_order SET email = %(email)s WHERE ref_id = %(ref_id)s

-- correct_licences --
UPDATE lynk_webhook SET email = %(email)s WHERE trx_lynk_id = %(ref_id)s

-- correct_mails --
-- what tells of a new account becomes what tells a member that they have one already
UPDATE email_outbox SET
    payload = CASE WHEN payload ? 'username'
                   THEN payload || jsonb_build_object('username', %(email)s::text) ELSE payload END
              || CASE WHEN %(is_known)s AND payload ? 'password'
                      THEN '{"password": ""}'::jsonb ELSE '{}'::jsonb END,
    template = CASE WHEN %(is_known)s AND template = 'pendaftaran_member'
                    THEN 'sudah_terdaftar' ELSE template END
WHERE ref_id = %(ref_id)s

-- mails_gone --
SELECT id FROM email_outbox WHERE ref_id = %(ref_id)s AND state IN ('sent', 'dead') ORDER BY id

-- packages_of --
SELECT member_id, id, package, taken_at IS NOT NULL AS taken FROM hotspot_purchase
WHERE once <> '' AND starts_with(once, %(ref_id)s || ':') ORDER BY once

-- deliveries_of --
SELECT id, state, reason FROM lynk_inbox
WHERE ref_id = %(ref_id)s AND state NOT IN ('quarantined', 'test') ORDER BY place

-- mark_reviewed --
UPDATE lynk_inbox SET state = 'ignored', reason = 'reviewed', finished_at = now()
WHERE id = %(id)s AND state = 'review' AND reason IN ('other event', 'unknown event')
RETURNING id

-- pass_numbers --
-- no number that Redis knows is given to another licence
SELECT setval(pg_get_serial_sequence('lynk_webhook', 'id'), greatest(%(highest)s::bigint, last_value))
FROM pg_sequences WHERE schemaname = 'public' AND sequencename = 'lynk_webhook_id_seq'
  AND %(highest)s::bigint > coalesce(last_value, 0)

-- refill_licence --
WITH device AS (
    INSERT INTO license_devices (licence_id, instance, fingerprint, name, first_seen, last_seen,
                                 active)
    SELECT %(id)s, %(instance)s, %(fingerprint)s, %(name)s, now(), now(), true
    WHERE %(instance)s <> ''
    ON CONFLICT (licence_id, instance) DO NOTHING
), others AS (
    UPDATE license_devices SET active = (instance = %(instance)s)
    WHERE licence_id = %(id)s
      AND EXISTS (SELECT 1 FROM lynk_webhook WHERE id = %(id)s AND version < %(version)s)
)
UPDATE lynk_webhook SET
    device_active = nullif(%(instance)s, ''), status = %(status)s, policy = %(policy)s,
    version = %(version)s
WHERE id = %(id)s AND version < %(version)s
