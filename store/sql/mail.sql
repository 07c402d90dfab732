-- The outbox of mails.

-- claim --
UPDATE email_outbox SET next_at = now() + %(lease)s * interval '1 second'
WHERE id IN (SELECT id FROM email_outbox WHERE state = 'queued' AND next_at <= now()
             ORDER BY next_at, id LIMIT %(count)s FOR UPDATE SKIP LOCKED)
RETURNING id, dedupe_key, template, recipient, payload, attempts, created_at

-- count_due --
SELECT count(*) AS count FROM email_outbox WHERE state = 'queued' AND next_at <= now()

-- sent --
UPDATE email_outbox SET state = 'sent', sent_at = now(), attempts = attempts + 1, last_error = ''
WHERE id = %(id)s

-- failed --
UPDATE email_outbox SET
    attempts = attempts + 1, last_error = %(error)s,
    state = CASE WHEN %(dead)s THEN 'dead' ELSE 'queued' END,
    next_at = now() + %(seconds)s * interval '1 second'
WHERE id = %(id)s
