-- The event log's second reader: its cursor, and what it had to leave out.

-- add_cursor --
INSERT INTO event_cursor (name, last_id) VALUES (%(name)s, '0-0') ON CONFLICT (name) DO NOTHING

-- take_cursor --
-- nothing also while another run holds the row
SELECT last_id FROM event_cursor WHERE name = %(name)s FOR UPDATE SKIP LOCKED

-- cursor_holder --
-- who has had the cursor in hand for longest: whoever locks a row holds its table too
SELECT activity.pid, activity.state, extract(epoch FROM now() - activity.xact_start)::float8 AS seconds
FROM pg_locks AS held JOIN pg_stat_activity AS activity USING (pid)
WHERE held.relation = to_regclass('event_cursor') AND held.mode = 'RowShareLock' AND held.granted
  AND activity.datname = current_database()
ORDER BY activity.xact_start LIMIT 1

-- move_cursor --
UPDATE event_cursor SET last_id = %(last_id)s, updated_at = now() WHERE name = %(name)s

-- reject_event --
INSERT INTO event_rejected (event_id, type, data, error)
VALUES (%(event_id)s, %(type)s, %(data)s, %(error)s)
ON CONFLICT (event_id) DO NOTHING
