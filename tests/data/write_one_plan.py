"""A process that takes the lease and writes the small plant's plan. Arguments: URL, run key, owner."""

from __future__ import annotations

import sys

from tiny_plant import record

from shopfloor.data.connection import open_database
from shopfloor.data.leases import acquire
from shopfloor.data.writeback import write_plan

if __name__ == "__main__":
    url, run_key, owner = sys.argv[1:]
    engine = open_database(url)
    outcome = write_plan(engine, record(run_key), lease=acquire(engine, "daily", owner=owner, ttl_s=1))
    sys.stdout.write(outcome.status)
