-- Advisory locks.

-- try_lock --
SELECT pg_try_advisory_lock(%(lock)s, hashtext(%(name)s)) AS taken

-- unlock --
SELECT pg_advisory_unlock(%(lock)s, hashtext(%(name)s))
