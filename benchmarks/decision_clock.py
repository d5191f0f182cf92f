"""The deployed decision loop with a stopwatch in it: cycles of each single decision.

The loop is that of `engine.kernel.actor.run_actor` and its `actor_step`; only the stamps are added. A decision
is observation, mask, network and choice; simulation is outside.
"""

from __future__ import annotations

import time

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from shopfloor.engine.actor import ActorSpec
from shopfloor.engine.arrays import Compiled
from shopfloor.engine.episode import Episode
from shopfloor.engine.kernel.act import act, forced_choice
from shopfloor.engine.kernel.actor import choose, forward
from shopfloor.engine.kernel.events import begin, finish, next_decision
from shopfloor.engine.kernel.jit import entry
from shopfloor.engine.kernel.observe import observe
from shopfloor.engine.kernel.starts import assign


@intrinsic
def cycles(typingctx):  # type: ignore[no-untyped-def]
    """Return the processor's cycle counter."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        function = builder.module.declare_intrinsic(
            "llvm.readcyclecounter", (), ir.FunctionType(ir.IntType(64), ())
        )
        return builder.call(function, ())

    return types.int64(), codegen


@entry
def run_stamped(problem, world, state, levels, scratch, rule, par, weights, beta, stamps):  # type: ignore[no-untyped-def]
    """Run one nominal episode; write the cycles of each decision into `stamps` and return how many."""
    n_decisions = 0
    begin(problem, world, state, levels, 0)
    while True:
        w = next_decision(problem, world, state, levels)
        if w < 0:
            break
        op, pair = forced_choice(problem, world, state, w, levels)
        if op >= 0:
            assign(problem, world, state, op, pair, levels[op])
            continue
        at = cycles()
        n = observe(
            problem, world, state, levels, w, rule, par, scratch.obs, scratch.mask, scratch.cand, scratch.seen
        )
        forward(weights, beta, scratch.obs, min(n, 10), scratch.logits, scratch.hidden)
        first, second = choose(scratch.logits, scratch.mask, scratch.cand, 0.0, 0, state.clock[0])
        stamps[n_decisions] = cycles() - at
        n_decisions += 1
        act(problem, world, state, levels, w, scratch.cand, scratch.mask, first, second)
    finish(problem, state)
    return n_decisions


class DecisionClock:
    """Times every decision of a policy's episodes on one instance."""

    def __init__(self, compiled: Compiled, spec: ActorSpec) -> None:
        self.episode = Episode(compiled, spec)
        self.spec = spec
        self.stamps = np.zeros(compiled.n_operations + 1, dtype=np.int64)
        self.run()
        self.cycles_per_us = self._cycles_per_us()

    def _cycles_per_us(self) -> float:
        """A busy fifth of a second, to learn how long a cycle is."""
        _now()  # compiled before the watch starts
        began, first = time.perf_counter(), int(_now())
        while time.perf_counter() < began + 0.2:
            pass
        return (int(_now()) - first) / ((time.perf_counter() - began) * 1e6)

    def run(self) -> np.ndarray:
        """Return the cycles of each decision of one episode."""
        e, spec = self.episode, self.spec
        n = run_stamped(
            e.compiled.problem,
            e.world,
            e.state,
            e.levels,
            e.scratch,
            int(spec.rule.rule),
            spec.rule.parameters(),
            spec.weights,
            float(spec.beta),
            self.stamps,
        )
        return self.stamps[:n].copy()

    def microseconds(self) -> np.ndarray:
        """Return the microseconds of each decision of one episode."""
        return self.run() / self.cycles_per_us


@entry
def _now():  # type: ignore[no-untyped-def]
    return cycles()
