"""JSSEnv: a Gymnasium environment of the job shop, legal actions at random, on the ta41 that it ships."""

from __future__ import annotations

import random
from importlib.metadata import version
from pathlib import Path

import numpy as np
from JSSEnv.envs import jss_env
from meters import Meter, serve


def instance_path() -> Path:
    """Return the file of ta41, 30 jobs on 20 machines."""
    return Path(jss_env.__file__).parent / "instances" / "ta41"


def meters() -> dict[str, Meter]:
    """Return the meters: whole episodes, counted in operations and in steps."""
    env = jss_env.JssEnv({"instance_path": instance_path()})
    draw = random.Random(0)

    def play() -> tuple[int, int]:
        seen = env.reset()
        steps, done = 0, False
        while not done:
            legal = np.flatnonzero(seen["action_mask"])
            seen, _, done, *_ = env.step(int(legal[draw.randrange(len(legal))]))
            steps += 1
        return env.jobs * env.machines, steps

    def operations() -> dict[str, float]:
        made, steps = play()
        return {"amount": made, "steps": steps}

    def steps() -> float:
        return play()[1]

    return {"operations": operations, "steps": steps}


if __name__ == "__main__":
    serve(f"JSSEnv {version('JSSEnv')}", meters())
