"""The outside things in a box: a Redis, a Postgres and a mail server that need no installation.

`supervisor.py` starts and ends processes so that none is left behind; `redis_server.py`,
`postgres_server.py` and `mail_sink.py` each run one server from a wheel. `scripts/run` and the
tests use the same ones.
"""
