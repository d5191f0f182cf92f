"""Jumanji's JobShop on the CPU, compiled and batched by 256, on its own default instances; one thread.

Legal actions at random inside the compiled loop; an operation counts when a machine takes up a job.
"""

from __future__ import annotations

import os

os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["JAX_PLATFORMS"] = "cpu"

from importlib.metadata import version
from typing import Any

import jax
import jumanji
from jumanji.wrappers import AutoResetWrapper
from meters import Meter, serve

BATCH = 256
STEPS = 100


def meters() -> dict[str, Meter]:
    """Return the meters; the amount is operations dispatched, beside it environment steps."""
    env = AutoResetWrapper(jumanji.make("JobShop-v0"))
    n_jobs = env.unwrapped.num_jobs

    def act(carry: Any, key: Any) -> Any:
        state, seen = carry
        logits = jax.numpy.where(seen.action_mask, 0.0, -1e9)
        action = jax.random.categorical(key, logits, axis=-1)
        state, timestep = env.step(state, action)
        return (state, timestep.observation), (action < n_jobs).sum()

    def play(state: Any, seen: Any, key: Any) -> Any:
        return jax.lax.scan(act, (state, seen), jax.random.split(key, STEPS))

    compiled = jax.jit(jax.vmap(play))
    keys = jax.random.split(jax.random.PRNGKey(0), BATCH)
    state, timestep = jax.jit(jax.vmap(env.reset))(keys)
    held = {"carry": (state, timestep.observation), "key": jax.random.PRNGKey(1)}

    def operations() -> dict[str, float]:
        held["key"], key = jax.random.split(held["key"])
        held["carry"], taken = compiled(*held["carry"], jax.random.split(key, BATCH))
        return {"amount": float(taken.sum()), "steps": BATCH * STEPS}

    operations()
    return {"operations": operations}


if __name__ == "__main__":
    serve(f"Jumanji {version('jumanji')}, batch {BATCH}", meters())
