-- Advisory locks, each as long as its transaction.

-- try_lock --
-- the transaction waits for the work beside it: a rebuilding takes minutes
SELECT pg_try_advisory_xact_lock(%(lock)s, hashtext(%(name)s)) AS taken,
       set_config('idle_in_transaction_session_timeout', '15min', true)
