-- The outbox of mails.

-- owe --
INSERT INTO email_outbox (dedupe_key, template, recipient, payload, ref_id)
VALUES (%(key)s, %(template)s, %(recipient)s, %(payload)s, %(ref_id)s)
ON CONFLICT (dedupe_key) DO NOTHING

-- owe_letter --
-- A member who came by the hotspot's code has no address, and nobody has none. A number that is to be
-- told as well is told at once.
WITH message AS (
    INSERT INTO message_outbox (key, member_id, kind, phone, due_at)
    SELECT %(key)s, %(member)s, %(template)s, %(phone)s, now() WHERE %(phone)s <> ''
    ON CONFLICT (key) DO NOTHING
)
INSERT INTO email_outbox (dedupe_key, template, recipient, payload)
SELECT %(key)s, %(template)s, recipient, jsonb_build_object('name', name, 'member', id) || %(said)s
FROM (SELECT id, name, coalesce(nullif(%(to)s, ''), email) AS recipient
      FROM member WHERE id = %(member)s) AS letter
WHERE recipient NOT LIKE '%%.invalid'
ON CONFLICT (dedupe_key) DO NOTHING

-- send_anew --
-- Whoever is sending it at this moment reports of a turn that is over, and is not heard.
UPDATE email_outbox SET
    state = 'queued', turn = turn + 1, attempts = 0, holds = 0, next_at = now(),
    claimed_until = NULL, last_error = '', sent_at = NULL,
    recipient = coalesce(%(recipient)s::text, recipient),
    payload = CASE WHEN %(recipient)s::text IS NULL THEN payload
                   ELSE payload || jsonb_build_object('email', %(recipient)s::text) END
WHERE (%(id)s::bigint IS NULL OR id = %(id)s) AND (%(ref_id)s::text IS NULL OR ref_id = %(ref_id)s)
RETURNING id, ref_id, recipient

-- hurry --
-- One that still waits goes as it is, under the name that the server may have seen.
UPDATE email_outbox SET next_at = now(), attempts = 0
WHERE id = %(id)s AND state = 'queued'
RETURNING id, ref_id, recipient

-- revive --
UPDATE email_outbox SET
    state = 'queued', turn = turn + 1, attempts = 0, holds = 0, next_at = now(),
    claimed_until = NULL, last_error = ''
WHERE state = 'dead'

-- list --
SELECT id, state, recipient, template, ref_id, attempts, turn, last_error, created_at, next_at,
       sent_at, payload ->> 'id_order' AS id_order
FROM email_outbox
WHERE (%(state)s::text IS NULL OR state = %(state)s)
  AND (%(search)s = '' OR strpos(lower(recipient), lower(%(search)s)) > 0
       OR ref_id = %(search)s OR upper(payload ->> 'id_order') = upper(%(search)s))
  AND (%(ref_id)s::text IS NULL OR ref_id = %(ref_id)s)
  AND (%(recipient)s::text IS NULL OR lower(recipient) = lower(%(recipient)s))
  AND (%(before)s::bigint IS NULL OR id < %(before)s)
ORDER BY id DESC LIMIT %(count)s

-- counts --
SELECT state, count(*) AS count FROM email_outbox GROUP BY state

-- claim --
UPDATE email_outbox SET claimed_until = now() + %(lease)s * interval '1 second'
WHERE id = (SELECT id FROM email_outbox
            WHERE state = 'queued' AND next_at <= now()
              AND coalesce(claimed_until, '-infinity') <= now()
            ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id, dedupe_key, turn, template, recipient, payload, attempts, holds, created_at

-- count_due --
SELECT count(*) AS count FROM email_outbox WHERE state = 'queued' AND next_at <= now()

-- sent --
UPDATE email_outbox SET
    state = 'sent', sent_at = now(), attempts = attempts + 1, last_error = '', claimed_until = NULL
WHERE id = %(id)s AND turn = %(turn)s

-- failed --
UPDATE email_outbox SET
    attempts = attempts + 1, last_error = %(error)s, claimed_until = NULL,
    state = CASE WHEN %(dead)s THEN 'dead' ELSE 'queued' END,
    next_at = now() + %(seconds)s * interval '1 second'
WHERE id = %(id)s AND turn = %(turn)s

-- held --
UPDATE email_outbox SET holds = holds + 1, last_error = %(error)s, claimed_until = NULL
WHERE id = %(id)s AND turn = %(turn)s
