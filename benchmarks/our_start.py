"""A fresh process that makes one valid plan and says what it cost: seconds, peak memory.

Arguments: jobs of the factory on 74 machines. Prints one line of JSON; times count from the interpreter's start.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.our_cases import factory_instance
from shopfloor.domain.validator import require_valid
from shopfloor.engine.arrays import compile_instance
from shopfloor.engine.dispatch import dispatch, to_schedule
from shopfloor.engine.rules import RuleSpec


def main(n_jobs: int) -> None:
    """Make a plan, validate it, and print what it took."""
    compiled = compile_instance(factory_instance(n_jobs))
    first = time.process_time()
    outcome = dispatch(compiled, RuleSpec())
    called = time.process_time() - first
    require_valid(compiled.instance, to_schedule(compiled, outcome, "rule:ATCS"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    row = {
        "operations": compiled.n_operations,
        "cpu_s": time.process_time(),
        "first_call_s": called,
        "peak_mb": peak / 1024.0,
    }
    sys.stdout.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))
