"""A plan carried out: what happens when each slot works through its line, alone or moment by moment.

A slot either waits for the first of its line, or takes the first that may start. Nothing is decided here beyond
that, and nothing is optimised.
"""

from __future__ import annotations

import numpy as np

from shopfloor.engine import layout as at
from shopfloor.engine.arrays import Compiled
from shopfloor.engine.dispatch import Outcome, outcome_of
from shopfloor.engine.episode import checked_levels, new_state
from shopfloor.engine.kernel.events import begin, finish, next_decision
from shopfloor.engine.kernel.follow import Lines, carry_out, find_down, run_lines
from shopfloor.engine.layout import Bools, Role, State, Status
from shopfloor.engine.scenario import Scenario, nominal_world

__all__ = ["Lines", "Shop", "follow", "lines_of"]


def lines_of(compiled: Compiled, outcome: Outcome) -> Lines:
    """Return the line of each slot in a plan: its operations by start, but for what is committed."""
    n_slots = len(compiled.problem.slot)
    chosen = np.flatnonzero(
        outcome.is_scheduled & (outcome.slot >= 0) & (compiled.problem.op[:, at.OP_ROLE] != Role.COMMITTED)
    )
    order = chosen[np.lexsort((outcome.end[chosen], outcome.start[chosen], outcome.slot[chosen]))]
    off = np.searchsorted(outcome.slot[order], np.arange(n_slots + 1)).astype(np.int64)
    return Lines(order.astype(np.int64), off, np.append(off[:-1], 0).astype(np.int64))


def follow(
    compiled: Compiled, plan: Outcome, *, scenario: Scenario | None = None, waits: bool = True
) -> Outcome:
    """Return what happens when a plan is followed in regular time, without a second thought.

    Args:
        plan: Whose order is followed; its times are not.
        scenario: What really happens; None = everything as planned.
        waits: A slot waits for the first of its line; else it takes the first that may start.
    """
    world = nominal_world(compiled) if scenario is None else scenario.world
    state = new_state(compiled, world)
    levels = checked_levels(compiled, None)
    lines = lines_of(compiled, plan)
    status = run_lines(compiled.problem, world, state, levels, lines, int(waits), int(scenario is not None))
    _require_ok(status)
    return outcome_of(state, levels)


class Shop:
    """A shop in which a scenario comes true, seen from decision moment to decision moment.

    Attributes:
        state: Where everything stands; ends of running operations in it are nobody's to read.
    """

    def __init__(self, compiled: Compiled, scenario: Scenario) -> None:
        """Open the shop at the instance's now."""
        self.compiled = compiled
        self.scenario = scenario
        self.levels = checked_levels(compiled, None)
        self.state: State = new_state(compiled, scenario.world)
        begin(compiled.problem, scenario.world, self.state, self.levels, 1)
        self._asked = next_decision(compiled.problem, scenario.world, self.state, self.levels)

    @property
    def now(self) -> int:
        """The minute."""
        return int(self.state.clock[at.CLOCK_TIME])

    @property
    def is_over(self) -> bool:
        """Whether nothing will ever happen again."""
        return self._asked < 0

    def machines_down(self) -> Bools:
        """Return which machines stand still in their open time now, bool (machines,)."""
        problem = self.compiled.problem
        down = np.zeros(len(problem.machine), dtype=np.int64)
        find_down(problem, self.scenario.world, self.now, down)
        return down == 1

    def carry_on(self, lines: Lines, *, waits: bool) -> None:
        """Do what the lines say now, and move the clock to the next moment at which anything may start."""
        problem, world = self.compiled.problem, self.scenario.world
        before = self.now
        while self._asked >= 0 and self.now == before:
            self._asked = carry_out(problem, world, self.state, self.levels, lines, self._asked, int(waits))

    def outcome(self) -> Outcome:
        """Close the books and return what happened."""
        finish(self.compiled.problem, self.state)
        _require_ok(int(self.state.clock[at.CLOCK_STATUS]))
        return outcome_of(self.state, self.levels)


def _require_ok(status: int) -> None:
    if status != Status.OK:
        raise RuntimeError(f"event heap overflow: {Status(status).name}\nhint: a bug in heap_capacity")
