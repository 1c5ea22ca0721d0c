"""Hostile peers of every kind that the limits are for, and what a server is like meanwhile.

`python -m tests.hostile` lets an hour's worth of them at a server in ten minutes. It prints what each kind did and what
a canary measured. Its exit status is 1 where a bar is missed.

`visit.py` is one hostile peer's way to the server, `kinds.py` has what each kind does, `crowd.py` is the process in
which they all are, `canary.py` minds its own business, and `trial.py` brings them together.
"""
