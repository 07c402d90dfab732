-- The event log's second reader: its cursor, and what it had to leave out.

-- add_cursor --
INSERT INTO event_cursor (name, last_id) VALUES (%(name)s, '0-0') ON CONFLICT (name) DO NOTHING

-- take_cursor --
-- nothing also while another run holds the row
SELECT epoch, last_id, mark FROM event_cursor WHERE name = %(name)s FOR UPDATE SKIP LOCKED

-- read_cursor --
SELECT epoch, last_id, mark FROM event_cursor WHERE name = %(name)s

-- cursor_holder --
-- who has had the cursor in hand for longest: whoever locks a row holds its table too
SELECT activity.pid, activity.state, extract(epoch FROM now() - activity.xact_start)::float8 AS seconds
FROM pg_locks AS held JOIN pg_stat_activity AS activity USING (pid)
WHERE held.relation = to_regclass('event_cursor') AND held.mode = 'RowShareLock' AND held.granted
  AND activity.datname = current_database()
ORDER BY activity.xact_start LIMIT 1

-- move_cursor --
UPDATE event_cursor
SET epoch = %(epoch)s, last_id = %(last_id)s, mark = %(mark)s, updated_at = now()
WHERE name = %(name)s

-- turn_epoch --
INSERT INTO event_cursor (name, epoch, last_id) VALUES (%(name)s, %(epoch)s, '0-0')
ON CONFLICT (name) DO UPDATE
SET epoch = excluded.epoch, last_id = excluded.last_id, mark = '', updated_at = now()

-- reject_event --
INSERT INTO event_rejected (event_id, type, data, error)
VALUES (%(event_id)s, %(type)s, %(data)s, %(error)s)
ON CONFLICT (event_id) DO NOTHING

-- rejected_due --
SELECT event_id, type, data FROM event_rejected
WHERE applied_at IS NULL AND again_at <= now()
ORDER BY at, event_id LIMIT %(count)s FOR UPDATE SKIP LOCKED

-- mark_applied --
UPDATE event_rejected SET applied_at = now(), data = '' WHERE event_id = ANY(%(ids)s)

-- try_rejected_later --
-- after a minute, then twice as long each time, a day at most
UPDATE event_rejected SET
    tries = tries + 1, error = %(error)s,
    again_at = now() + least(power(2, least(tries, 11)) * interval '1 minute', interval '1 day')
WHERE event_id = %(event_id)s

-- rejected --
SELECT event_id, type, error, at FROM event_rejected WHERE applied_at IS NULL
ORDER BY at DESC LIMIT %(count)s

-- drop_rejected --
DELETE FROM event_rejected WHERE applied_at IS NULL AND event_id = %(event_id)s

-- retry_rejected --
UPDATE event_rejected SET again_at = now() WHERE applied_at IS NULL
