-- Attendance: the lasting copy, the reports, and what the gates are rebuilt from.

-- save_meeting --
INSERT INTO meetings (
    id, title, starts_at, ends_at, is_active, closed, timezone, rotating, per_address,
    owner, version, created_at, updated_at
) VALUES (
    %(id)s, %(title)s, %(starts_at)s, %(ends_at)s, %(is_active)s, %(closed)s, %(timezone)s,
    %(rotating)s, %(per_address)s, %(owner)s, %(version)s, %(created_at)s, %(updated_at)s
)
ON CONFLICT (id) DO UPDATE SET
    title = excluded.title,
    starts_at = excluded.starts_at,
    ends_at = excluded.ends_at,
    is_active = excluded.is_active,
    closed = excluded.closed,
    timezone = excluded.timezone,
    rotating = excluded.rotating,
    per_address = excluded.per_address,
    owner = excluded.owner,
    version = excluded.version,
    updated_at = excluded.updated_at
WHERE meetings.version < excluded.version

-- delete_meeting --
WITH gone AS (
    UPDATE meetings SET deleted_at = coalesce(deleted_at, now()) WHERE id = %(id)s
)
SELECT require_row(EXISTS (SELECT FROM meetings WHERE id = %(id)s), 'meeting ' || %(id)s)

-- list_students --
-- a list that is older than the one here is not taken
WITH turn AS (
    UPDATE meetings SET listed_ms = %(ms)s, listed_number = %(number)s
    WHERE id = %(meeting)s AND (listed_ms, listed_number) <= (%(ms)s, %(number)s)
    RETURNING id
), given AS (
    SELECT given.* FROM jsonb_to_recordset(%(students)s) AS given (id uuid, name text, class text), turn
), kept AS (
    INSERT INTO students (id, name, class, named_ms, named_number)
    SELECT id, name, class, %(ms)s, %(number)s FROM given
    ON CONFLICT (id) DO UPDATE SET
        name = excluded.name, class = excluded.class,
        named_ms = excluded.named_ms, named_number = excluded.named_number
    WHERE (students.named_ms, students.named_number) <= (%(ms)s, %(number)s)
), gone AS (
    DELETE FROM meeting_students
    WHERE %(replace)s AND meeting_id IN (SELECT id FROM turn)
      AND student_id NOT IN (SELECT id FROM given)
), listed AS (
    INSERT INTO meeting_students (meeting_id, student_id) SELECT %(meeting)s, id FROM given
    ON CONFLICT DO NOTHING
)
SELECT require_row(EXISTS (SELECT FROM meetings WHERE id = %(meeting)s), 'meeting ' || %(meeting)s)

-- record --
WITH known AS (
    INSERT INTO students (id, name, class) VALUES (%(student)s, %(name)s, %(class)s)
    ON CONFLICT (id) DO NOTHING
), kept AS (
    INSERT INTO attendances (
        id, student_id, meeting_id, device_id, attendance_day, status, source, reason, flags,
        trace, changed_by, changed_at, recorded_at, placed_ms, placed_number
    )
    SELECT
        %(id)s, %(student)s, %(meeting)s, nullif(%(device)s, ''), %(day)s, %(status)s, %(source)s,
        %(reason)s, %(flags)s, %(trace)s, %(by)s, %(changed_at)s, %(at)s, %(ms)s, %(number)s
    WHERE NOT EXISTS (SELECT FROM attendances_revoked WHERE id = %(id)s)
    ON CONFLICT DO NOTHING
    RETURNING id
)
INSERT INTO attendance_attempts (
    event_id, meeting_id, attendance_day, type, name, class, device_id, winner, ip, user_agent, at
)
SELECT
    %(event_id)s, %(meeting)s, %(day)s, 'WALL_DUPLICATE', %(name)s, %(class)s, %(device)s, '', '',
    '', %(at)s
WHERE NOT EXISTS (SELECT FROM kept)
  AND NOT EXISTS (SELECT FROM attendances WHERE id = %(id)s)
  AND NOT EXISTS (SELECT FROM attendances_revoked WHERE id = %(id)s)
ON CONFLICT (event_id) DO NOTHING

-- change --
WITH changed AS (
    UPDATE attendances
    SET status = %(status)s, reason = %(reason)s, changed_by = %(by)s, changed_at = %(changed_at)s
    WHERE id = %(id)s AND changed_at <= %(changed_at)s
)
SELECT require_row(
    EXISTS (SELECT FROM attendances WHERE id = %(id)s)
    OR EXISTS (SELECT FROM attendances_revoked WHERE id = %(id)s), 'attendance ' || %(id)s)

-- revoke --
WITH gone AS (DELETE FROM attendances WHERE id = %(id)s)
INSERT INTO attendances_revoked (id, meeting_id, student_id, attendance_day, revoked_by, revoked_at)
VALUES (%(id)s, %(meeting)s, %(student)s, %(day)s, %(by)s, %(at)s)
ON CONFLICT (id) DO NOTHING

-- refuse --
INSERT INTO attendance_attempts (
    event_id, meeting_id, attendance_day, type, name, class, device_id, winner, ip, user_agent, at
) VALUES (
    %(event_id)s, %(meeting)s, %(day)s, %(type)s, %(name)s, %(class)s, %(device)s, %(winner)s,
    %(ip)s, %(user_agent)s, %(at)s
)
ON CONFLICT (event_id) DO NOTHING

-- read_day --
SELECT a.id, a.meeting_id AS meeting, a.student_id::text AS student, s.name, s.class,
       coalesce(a.device_id, '') AS device, a.status, a.attendance_day::text AS day,
       a.source, a.reason, a.flags, a.trace, a.changed_by AS by, '' AS key,
       (extract(epoch FROM a.recorded_at) * 1000)::bigint AS at,
       (extract(epoch FROM a.changed_at) * 1000)::bigint AS changed_at
FROM attendances AS a JOIN students AS s ON s.id = a.student_id
WHERE a.meeting_id = %(meeting)s AND a.attendance_day >= %(first)s AND a.attendance_day <= %(last)s
ORDER BY a.attendance_day, a.recorded_at, a.id

-- read_one --
SELECT a.id, a.meeting_id AS meeting, a.student_id::text AS student, s.name, s.class,
       coalesce(a.device_id, '') AS device, a.status, a.attendance_day::text AS day,
       a.source, a.reason, a.flags, a.trace, a.changed_by AS by, '' AS key,
       (extract(epoch FROM a.recorded_at) * 1000)::bigint AS at,
       (extract(epoch FROM a.changed_at) * 1000)::bigint AS changed_at
FROM attendances AS a JOIN students AS s ON s.id = a.student_id
WHERE a.id = %(id)s

-- read_student --
SELECT id::text, name, class FROM students WHERE id = %(id)s

-- read_history --
SELECT a.id, a.meeting_id AS meeting, m.title, m.timezone, a.attendance_day::text AS day, a.status,
       a.reason, a.source, (extract(epoch FROM a.recorded_at) * 1000)::bigint AS at
FROM attendances AS a JOIN meetings AS m ON m.id = a.meeting_id
WHERE a.student_id = ANY(%(students)s::uuid[]) AND (%(owner)s = '' OR m.owner = %(owner)s)
ORDER BY a.recorded_at DESC
LIMIT %(count)s

-- report_day --
SELECT s.name, s.class, a.device_id, a.recorded_at
FROM attendances AS a JOIN students AS s ON s.id = a.student_id
WHERE a.meeting_id = %(meeting)s AND a.attendance_day = %(day)s
ORDER BY a.recorded_at, a.id

-- report_devices --
SELECT a.device_id, count(*) AS times, array_agg(s.name ORDER BY a.recorded_at) AS names
FROM attendances AS a JOIN students AS s ON s.id = a.student_id
WHERE a.meeting_id = %(meeting)s AND a.attendance_day = %(day)s AND a.device_id IS NOT NULL
GROUP BY a.device_id
HAVING count(*) > 1
ORDER BY a.device_id

-- count_walled --
SELECT count(*) AS times FROM attendance_attempts
WHERE meeting_id = %(meeting)s AND attendance_day = %(day)s AND type = 'WALL_DUPLICATE'

-- restore_meetings --
SELECT id, title, timezone, owner, version, per_address, listed_ms,
       is_active::int AS is_active, closed::int AS closed, rotating::int AS rotating,
       (extract(epoch FROM starts_at) * 1000)::bigint AS starts_at,
       (extract(epoch FROM ends_at) * 1000)::bigint AS ends_at,
       (extract(epoch FROM created_at) * 1000)::bigint AS created_at,
       (extract(epoch FROM updated_at) * 1000)::bigint AS updated_at
FROM meetings
WHERE deleted_at IS NULL AND id > %(after)s
ORDER BY id
LIMIT %(count)s

-- restore_roster --
SELECT s.id::text, s.name, s.class
FROM meeting_students AS m JOIN students AS s ON s.id = m.student_id
WHERE m.meeting_id = %(meeting)s

-- restore_revoked --
SELECT id, student_id::text AS student FROM attendances_revoked
WHERE meeting_id = %(meeting)s AND attendance_day = %(day)s

-- read_renaming --
SELECT s.name, s.class,
       EXISTS (
           SELECT FROM attendances AS a JOIN meetings AS m ON m.id = a.meeting_id
           WHERE a.student_id = s.id AND (%(owner)s = '' OR m.owner = %(owner)s)
       ) OR EXISTS (
           SELECT FROM meeting_students AS l JOIN meetings AS m ON m.id = l.meeting_id
           WHERE l.student_id = s.id AND (%(owner)s = '' OR m.owner = %(owner)s)
       ) AS known,
       (
           SELECT m.title || ', ' || to_char(a.attendance_day, 'DD/MM/YYYY')
           FROM attendances AS a
           JOIN meetings AS m ON m.id = a.meeting_id
           JOIN attendances AS other ON other.meeting_id = a.meeting_id
                AND other.attendance_day = a.attendance_day AND other.student_id = %(to)s
           WHERE a.student_id = s.id AND (%(owner)s = '' OR m.owner = %(owner)s)
           LIMIT 1
       ) AS both
FROM students AS s
WHERE s.id = %(student)s

-- rename_student --
-- what was recorded, renamed or listed later than this stays as it is
WITH known AS (
    INSERT INTO students (id, name, class, named_ms, named_number)
    VALUES (%(to)s, %(name)s, %(class)s, %(ms)s, %(number)s)
    ON CONFLICT (id) DO UPDATE SET
        name = excluded.name, class = excluded.class,
        named_ms = excluded.named_ms, named_number = excluded.named_number
    WHERE (students.named_ms, students.named_number) <= (%(ms)s, %(number)s)
), theirs AS (
    SELECT id, (listed_ms, listed_number) <= (%(ms)s, %(number)s) AS is_listed_before FROM meetings
    WHERE CASE WHEN %(meeting)s <> '' THEN id = %(meeting)s
               ELSE %(owner)s = '' OR owner = %(owner)s END
), moved AS (
    UPDATE attendances AS a
    SET student_id = %(to)s, placed_ms = %(ms)s, placed_number = %(number)s
    WHERE a.student_id = %(student)s AND a.meeting_id IN (SELECT id FROM theirs)
      AND (a.placed_ms, a.placed_number) <= (%(ms)s, %(number)s)
      AND NOT EXISTS (
          SELECT FROM attendances AS other
          WHERE other.meeting_id = a.meeting_id AND other.attendance_day = a.attendance_day
            AND other.student_id = %(to)s
      )
), before AS (
    SELECT meeting_id FROM meeting_students JOIN theirs ON theirs.id = meeting_id
    WHERE student_id = %(student)s AND is_listed_before
), turn AS (
    UPDATE meetings SET listed_ms = %(ms)s, listed_number = %(number)s
    WHERE id IN (SELECT meeting_id FROM before)
), listed AS (
    INSERT INTO meeting_students (meeting_id, student_id) SELECT meeting_id, %(to)s FROM before
    ON CONFLICT DO NOTHING
)
DELETE FROM meeting_students
WHERE student_id = %(student)s AND %(student)s::uuid <> %(to)s::uuid
  AND meeting_id IN (SELECT meeting_id FROM before)

-- forget_revoked --
DELETE FROM attendances WHERE id = ANY(%(ids)s)
