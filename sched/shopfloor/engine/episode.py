"""The memory of one run, allocated once and used as often as wanted, and the run itself.

No answer is made here: `dispatch.py` reads the state when a run is over.
"""

from __future__ import annotations

import numpy as np

from shopfloor.engine import layout as at
from shopfloor.engine.actor import ActorSpec, ActorWeights, hidden_scratch, zero_weights
from shopfloor.engine.arrays import Compiled
from shopfloor.engine.kernel.actor import run_actor
from shopfloor.engine.kernel.estimates import state_cost
from shopfloor.engine.kernel.ranking import write_keys
from shopfloor.engine.kernel.rule_run import run_rule
from shopfloor.engine.layout import Ints, Ranking, Scratch, State, Status, World
from shopfloor.engine.observation import MASK_SIZE, N_ACTIONS, N_CANDIDATES, N_HEADS, OBSERVATION_SIZE
from shopfloor.engine.rules import RuleSpec
from shopfloor.engine.scenario import Scenario, nominal_world


def heap_capacity(compiled: Compiled) -> int:
    """Return events that can be pending at once: each operation, each reservation, a few wakes per slot."""
    p = compiled.problem
    return 2 * len(p.op) + len(p.reservation) + 16 * len(p.slot) + 64


def new_state(compiled: Compiled, world: World) -> State:
    """Return an uninitialised state of the right shapes."""
    p = compiled.problem

    def zeros(*shape: int) -> Ints:
        return np.zeros(shape, dtype=np.int64)

    return State(
        clock=zeros(at.CLOCK_COLUMNS),
        heap=zeros(heap_capacity(compiled)),
        op=zeros(len(p.op), at.ST_COLUMNS),
        slot=zeros(len(p.slot), at.SS_COLUMNS),
        wc=zeros(len(p.wc), at.SW_COLUMNS),
        queue=zeros(len(p.op)),
        hint=zeros(len(p.cal_off) + len(world.cal_off)),
    )


def new_ranking(compiled: Compiled, state: State, rule: RuleSpec) -> Ranking:
    """Return the order of a rule's runs over an instance, with its keys written and nobody waiting."""
    p = compiled.problem
    ranking = Ranking(
        ops=np.zeros(len(p.op), dtype=np.int64),
        group=np.zeros((len(p.group), at.RG_COLUMNS), dtype=np.int64),
        line=np.zeros(len(p.group), dtype=np.int64),
        n_line=np.zeros(len(p.wc), dtype=np.int64),
        key=np.zeros((len(p.op), 2)),
        gap=np.zeros((p.group[-1, at.GROUP_SLOT_HI] if len(p.group) else 0, 2)),
        loss=np.zeros((len(p.group), 2)),
        bound=np.zeros(len(p.group)),
        chosen=np.zeros(4, dtype=np.int64),
        best=np.zeros(1),
    )
    write_keys(p, state, ranking, int(rule.rule), rule.parameters())
    return ranking


def new_scratch(compiled: Compiled, weights: ActorWeights | None = None) -> Scratch:
    """Return the working memory of one decision at a time."""
    p = compiled.problem
    return Scratch(
        obs=np.zeros(OBSERVATION_SIZE, dtype=np.float32),
        mask=np.zeros(MASK_SIZE, dtype=np.bool_),
        cand=np.zeros((N_CANDIDATES, 3), dtype=np.int64),
        seen=np.zeros((len(p.op) + N_CANDIDATES, 6)),
        logits=np.zeros((N_HEADS, N_ACTIONS), dtype=np.float32),
        hidden=hidden_scratch(weights or zero_weights(1, 1)),
        jobs=np.zeros((len(p.job), 2)),
    )


def checked_levels(compiled: Compiled, levels: Ints | None) -> Ints:
    """Return the overtime level of each operation; None = regular time only.

    Raises:
        ValueError: Wrong length or a level outside 0..2.
    """
    if levels is None:
        return np.zeros(compiled.n_operations, dtype=np.int64)
    levels = np.ascontiguousarray(levels, dtype=np.int64)
    if levels.shape != (compiled.n_operations,) or ((levels < 0) | (levels > 2)).any():
        raise ValueError(
            f"levels must be {compiled.n_operations} numbers in 0..2: shape {levels.shape}\n"
            "hint: 0 regular, 1 with overtime, 2 with night"
        )
    return levels


class Episode:
    """One instance, one policy, one world; each run begins anew and leaves its answer in `state`."""

    def __init__(
        self,
        compiled: Compiled,
        policy: RuleSpec | ActorSpec,
        *,
        scenario: Scenario | None = None,
        levels: Ints | None = None,
    ) -> None:
        """Allocate the arrays.

        Args:
            scenario: What really happens; None = everything as planned.
            levels: Overtime level of each operation; None = regular time.
        """
        self.compiled = compiled
        self.policy = policy
        self.levels = checked_levels(compiled, levels)
        self.world = nominal_world(compiled) if scenario is None else scenario.world
        self.is_scenario = int(scenario is not None)
        self.state = new_state(compiled, self.world)
        if isinstance(policy, RuleSpec):
            self.ranking = new_ranking(compiled, self.state, policy)
            self.jobs = np.zeros((len(compiled.problem.job), 2))
        else:
            self.scratch = new_scratch(compiled, policy.weights)
            self.jobs = self.scratch.jobs

    def run(self, temperature: float, seed: int) -> float:
        """Run from the beginning and return the weighted tardiness in days."""
        problem, state = self.compiled.problem, self.state
        begin = (problem, self.world, state, self.levels, self.is_scenario)
        policy = self.policy
        if isinstance(policy, RuleSpec):
            rule = (int(policy.rule), policy.parameters())
            status = run_rule(*begin, self.ranking, *rule, temperature, seed)
        else:
            rule = (int(policy.rule.rule), policy.rule.parameters())
            network = (policy.weights, float(policy.beta))
            status = run_actor(*begin, self.scratch, *rule, *network, temperature, seed)
        if status != Status.OK:
            raise RuntimeError(f"event heap overflow: {Status(status).name}\nhint: a bug in heap_capacity")
        return state_cost(problem, state, self.jobs)
