-- Messages: what is due, what was sent, what has to wait.

-- add_message --
INSERT INTO message_outbox (key, member_id, kind, due_at)
VALUES (%(key)s, %(member)s, %(kind)s, %(at)s)
ON CONFLICT (key) DO NOTHING

-- take_due --
SELECT id, member_id, kind, attempts,
       (SELECT count(*) FROM message_outbox AS other
        WHERE other.member_id = message_outbox.member_id
          AND other.sent_at > now() - interval '1 minute') AS lately
FROM message_outbox
WHERE sent_at IS NULL AND due_at <= now() AND attempts < %(most)s
ORDER BY due_at
LIMIT %(count)s
FOR UPDATE SKIP LOCKED

-- mark_sent --
UPDATE message_outbox SET sent_at = now(), attempts = attempts + 1, error = NULL
WHERE id = %(id)s

-- put_off --
UPDATE message_outbox
SET attempts = attempts + %(failed)s, error = %(error)s,
    due_at = now() + make_interval(secs => %(seconds)s)
WHERE id = %(id)s
