-- Meetings and attendance: the lasting copy, the last wall against a second row, and the reports.

-- `version` counts a meeting's changes, so that an older event never undoes a newer one.
CREATE TABLE meetings (
    id         text PRIMARY KEY,
    title      text NOT NULL,
    starts_at  timestamptz NOT NULL,
    ends_at    timestamptz NOT NULL,
    is_active  boolean NOT NULL,
    closed     boolean NOT NULL,
    timezone   text NOT NULL,
    rotating   boolean NOT NULL,
    owner      text NOT NULL,
    version    bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    deleted_at timestamptz
);
CREATE INDEX meetings_by_start ON meetings (starts_at DESC);

-- A student's id is made of the folded class and name, so the same person is the same row.
CREATE TABLE students (
    id    uuid PRIMARY KEY,
    name  text NOT NULL,
    class text NOT NULL
);

-- Who may fill in, where a meeting has a list.
CREATE TABLE meeting_students (
    meeting_id text NOT NULL,
    student_id uuid NOT NULL REFERENCES students (id),
    PRIMARY KEY (meeting_id, student_id)
);

-- One row per student, meeting and calendar day in the meeting's zone. A record made by hand has
-- no device, and any number of those may be.
CREATE TABLE attendances (
    id             text PRIMARY KEY,
    student_id     uuid NOT NULL REFERENCES students (id),
    meeting_id     text NOT NULL,
    device_id      text,
    attendance_day date NOT NULL,
    status         text NOT NULL,
    source         text NOT NULL,
    reason         text NOT NULL,
    flags          text NOT NULL,
    trace          text NOT NULL,
    changed_by     text NOT NULL,
    changed_at     timestamptz NOT NULL,
    recorded_at    timestamptz NOT NULL,
    CONSTRAINT attendances_student_once UNIQUE (meeting_id, student_id, attendance_day)
);
CREATE UNIQUE INDEX attendances_device_once ON attendances (meeting_id, device_id, attendance_day)
    WHERE device_id IS NOT NULL;
CREATE INDEX attendances_device_id_idx ON attendances (device_id);
CREATE INDEX attendances_recorded_at_idx ON attendances (recorded_at);
CREATE INDEX attendances_by_student ON attendances (student_id, recorded_at DESC);

-- What was taken back; kept apart, so that reports see one row per student and device.
CREATE TABLE attendances_revoked (
    id             text PRIMARY KEY,
    meeting_id     text NOT NULL,
    student_id     uuid NOT NULL,
    attendance_day date NOT NULL,
    revoked_by     text NOT NULL,
    revoked_at     timestamptz NOT NULL
);
CREATE INDEX attendances_revoked_by_day ON attendances_revoked (attendance_day);

-- Attempts that were refused, and (WALL_DUPLICATE) records that the gate let in and this database
-- did not: the latter must never happen, and are shown where they do.
CREATE TABLE attendance_attempts (
    event_id       text PRIMARY KEY,
    meeting_id     text NOT NULL,
    attendance_day date NOT NULL,
    type           text NOT NULL,
    name           text NOT NULL,
    class          text NOT NULL,
    device_id      text NOT NULL,
    winner         text NOT NULL,
    ip             text NOT NULL,
    user_agent     text NOT NULL,
    at             timestamptz NOT NULL
);
CREATE INDEX attendance_attempts_by_meeting ON attendance_attempts (meeting_id, attendance_day, at);
