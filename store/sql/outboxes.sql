-- Outboxes that rest as a whole.

-- rest_of --
SELECT failures, until, words, since, until > now() AS is_on
FROM outbox_pause WHERE outbox = %(outbox)s

-- rest --
INSERT INTO outbox_pause (outbox, failures, until, words)
VALUES (%(outbox)s, 1, now() + %(first)s * interval '1 second', %(words)s)
ON CONFLICT (outbox) DO UPDATE SET
    failures = outbox_pause.failures + 1, words = excluded.words,
    until = now() + least(%(first)s * 2 ^ least(outbox_pause.failures, 20), %(longest)s)
                  * interval '1 second'
-- many that fail in one outage are one failure
WHERE outbox_pause.until <= now()

-- try_now --
UPDATE outbox_pause SET until = now() WHERE outbox = %(outbox)s

-- end --
DELETE FROM outbox_pause WHERE outbox = %(outbox)s
