"""The commands around the product; the operator's are here, everything else has a house below.

run  test  check  bench     on one's own machine (`enter` finds the Python for them)
migrate  restore  seed      the data: migrations, Redis from Postgres, what a demo shows
member  lynk  router_check  members, payments and routers from the command line
router_simulator            a MikroTik to try it with

development/  what `run` starts       embedded/   Redis, Postgres and a mail sink from wheels
simulator/    the router              benchmark/  what `bench` measures, and with what
tools/        for whoever works on the project itself
"""
