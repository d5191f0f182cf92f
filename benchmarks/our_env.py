"""Our environments under the clock: a Gymnasium `step()` and a batch of 64, legal actions at random.

Argument: the path of a job-shop file; without it a random job shop of 30 x 20.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from benchmarks.meters import Meter, serve
from benchmarks.our_cases import job_shop_instance, random_job_shop, read_job_shop
from benchmarks.station_env import StationEnv
from shopfloor.engine.arrays import Compiled, compile_instance
from shopfloor.engine.batch import BatchEngine
from shopfloor.engine.rules import Rule, RuleSpec

RULE = RuleSpec(Rule.SPT)
N_ENVS = 64


def step_meters(compiled: Compiled) -> dict[str, Meter]:
    """Whole episodes of one Gymnasium environment, counted in operations and in steps."""
    env = StationEnv(compiled, RULE)
    draw = random.Random(0)

    def play() -> int:
        seen, _ = env.reset()
        steps, done = 0, False
        while not done:
            legal = np.flatnonzero(seen["action_mask"][:11])
            action = (int(legal[draw.randrange(len(legal))]), 10)
            seen, _, done, _, _ = env.step(action)
            steps += 1
        return steps

    play()

    def operations() -> dict[str, float]:
        return {"amount": compiled.n_operations, "steps": play()}

    return {"step_operations": operations, "step_steps": play}


def batch_meter(compiled: Compiled) -> Meter:
    """64 environments, arrays in and arrays out, until each has played one episode."""
    batch = BatchEngine([compiled], N_ENVS, rule=RULE)
    draw = np.random.default_rng(0)
    actions = np.full((N_ENVS, 2), 10, dtype=np.int64)

    def meter() -> dict[str, float]:
        for env in range(N_ENVS):
            batch.reset(env, 0, 0)
        seen = batch.observe()
        steps = 0
        while True:
            legal = seen.mask[:, :10] * draw.random((N_ENVS, 10), dtype=np.float32)
            actions[:, 0] = legal.argmax(axis=1)
            steps += N_ENVS
            if batch.step(actions).done.all():
                return {"amount": N_ENVS * compiled.n_operations, "steps": steps}

    meter()
    return meter


def meters(path: Path | None) -> dict[str, Meter]:
    """Return the meters."""
    jobs = random_job_shop(30, 20, 0) if path is None else read_job_shop(path)
    compiled = compile_instance(job_shop_instance(jobs))
    return step_meters(compiled) | {"batch": batch_meter(compiled)}


if __name__ == "__main__":
    serve("shopfloor", meters(Path(sys.argv[1]) if len(sys.argv) > 1 else None))
