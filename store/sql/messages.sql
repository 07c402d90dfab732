-- Messages: what is due, what was sent, what has to wait.

-- add_message --
INSERT INTO message_outbox (key, member_id, kind, due_at)
VALUES (%(key)s, %(member)s, %(kind)s, %(at)s)
ON CONFLICT (key) DO NOTHING

-- claim --
UPDATE message_outbox SET claimed_until = now() + %(lease)s * interval '1 second'
WHERE id = (SELECT id FROM message_outbox
            WHERE state = 'queued' AND due_at <= now()
              AND coalesce(claimed_until, '-infinity') <= now()
            ORDER BY due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id, key, member_id, kind, phone, attempts,
          (SELECT count(*) FROM message_outbox AS other
           WHERE other.member_id = message_outbox.member_id
             AND other.sent_at > now() - interval '1 minute') AS lately

-- mark_sent --
UPDATE message_outbox SET
    state = 'sent', sent_at = now(), attempts = attempts + 1, error = NULL, claimed_until = NULL
WHERE id = %(id)s

-- overtaken --
UPDATE message_outbox SET state = 'overtaken', claimed_until = NULL WHERE id = %(id)s

-- put_off --
UPDATE message_outbox SET
    due_at = now() + %(seconds)s * interval '1 second', claimed_until = NULL
WHERE id = %(id)s

-- held --
-- behind the others, should it be this one after all that the gateway does not like
UPDATE message_outbox SET error = %(error)s, claimed_until = NULL, due_at = now()
WHERE id = %(id)s

-- failed --
UPDATE message_outbox SET
    attempts = attempts + 1, error = %(error)s, claimed_until = NULL,
    state = CASE WHEN %(dead)s THEN 'dead' ELSE 'queued' END,
    due_at = now() + %(seconds)s * interval '1 second'
WHERE id = %(id)s

-- again --
UPDATE message_outbox SET
    state = 'queued', attempts = 0, due_at = now(), sent_at = NULL, error = NULL
WHERE CASE WHEN %(id)s::bigint IS NULL THEN state = 'dead' ELSE id = %(id)s END
RETURNING id, member_id, kind

-- list --
SELECT o.id, o.state, o.member_id, o.kind, o.attempts, o.error, o.due_at, o.sent_at,
       m.name, coalesce(o.phone, m.phone) AS phone
FROM message_outbox AS o LEFT JOIN member AS m ON m.id = o.member_id
WHERE (%(state)s::text IS NULL OR o.state = %(state)s)
  AND (%(before)s::bigint IS NULL OR o.id < %(before)s)
ORDER BY o.id DESC LIMIT %(count)s

-- counts --
SELECT state, count(*) AS count FROM message_outbox GROUP BY state
