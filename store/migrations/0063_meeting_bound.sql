-- How many requests of one address a meeting takes in ten minutes: a class behind one line never
-- meets 300; a hall of more may be given more.
ALTER TABLE meetings ADD COLUMN per_address integer NOT NULL DEFAULT 300;
