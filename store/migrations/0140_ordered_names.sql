-- What a pupil is called and where an attendance stands is ordered as all else is: by its event's
-- place in the log.
ALTER TABLE students
    ADD COLUMN named_ms bigint NOT NULL DEFAULT 0,
    ADD COLUMN named_number bigint NOT NULL DEFAULT 0;
ALTER TABLE attendances
    ADD COLUMN placed_ms bigint NOT NULL DEFAULT 0,
    ADD COLUMN placed_number bigint NOT NULL DEFAULT 0;

-- A package that was removed stays away, whatever an older log says of it; there are few.
ALTER TABLE hotspot_package ADD COLUMN removed_at timestamptz;
