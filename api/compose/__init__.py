"""The composition root: reads settings and builds the processes out of their parts. The only place that knows every package.

Each module but `parts` and `delivery` is one process, named as its verb. Its `run` builds, says that it is ready, serves until `stop` is
set, and lets go of everything; its parts tell the process's heart that they get on (`api.heartbeat`). A process loads nothing of the
others: how soon it is back after a kill is how long an alarm may wait.
"""
