"""Speed of the engine against peers: players that `shopfloor bench engine` starts as processes of their own.

`meters.py` is the line protocol. `our_*.py` and `peer_heapq.py`, `peer_maskable.py` run in the project's
environment; the other `peer_*.py` in `.venv-bench`, which `make bench-env` builds, and may import nothing of
ours but `meters.py` and `factory.py`. A new peer: a script that calls `meters.serve`, and its row in
`flows/bench_goals.py`.
"""
