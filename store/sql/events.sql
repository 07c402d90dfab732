-- The event log's second reader: its cursor, and what it had to leave out.

-- add_cursor --
INSERT INTO event_cursor (name, last_id) VALUES (%(name)s, '0-0') ON CONFLICT (name) DO NOTHING

-- take_cursor --
SELECT last_id FROM event_cursor WHERE name = %(name)s FOR UPDATE

-- move_cursor --
UPDATE event_cursor SET last_id = %(last_id)s, updated_at = now() WHERE name = %(name)s

-- reject_event --
INSERT INTO event_rejected (event_id, type, data, error)
VALUES (%(event_id)s, %(type)s, %(data)s, %(error)s)
ON CONFLICT (event_id) DO NOTHING
