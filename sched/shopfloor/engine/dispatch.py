"""Run a whole plan: rules and policies through the event loop, the plant's own greedy through the list
builder.

No optimisation here beyond taking the best of several runs, and no judgement of the plan: that is the
validator's.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from shopfloor.domain.instance import Unassigned, UnassignedCode
from shopfloor.domain.schedule import Schedule, ScheduledOperation
from shopfloor.engine import layout as at
from shopfloor.engine.actor import ActorSpec
from shopfloor.engine.arrays import Compiled
from shopfloor.engine.episode import Episode, checked_levels, new_state
from shopfloor.engine.kernel.lists import build_list
from shopfloor.engine.layout import Code, Floats, Ints, OpStatus, State
from shopfloor.engine.rules import RuleSpec
from shopfloor.engine.scenario import Scenario, nominal_world


@dataclass(frozen=True, eq=False)
class Outcome:
    """Where every operation went; positions are those of `Compiled.operation_ids`.

    Attributes:
        slot: Slot row, int64 (operations,), -1 = none (unassigned, or committed on a machine that left).
        start, end: Minutes; 0 where unassigned.
        setup, run: Work minutes.
        level: Overtime level.
        code: `layout.Code`, 0 = scheduled.
        n_decisions: Choices made.
        end_time: Minute of the last event.
    """

    slot: Ints
    start: Ints
    end: Ints
    setup: Ints
    run: Ints
    level: Ints
    code: Ints
    n_decisions: int
    end_time: int

    @property
    def is_scheduled(self) -> np.ndarray:
        """Which operations have a place, bool (operations,)."""
        return self.code == 0


def outcome_of(state: State, levels: Ints) -> Outcome:
    """Return a copy of a finished state's answer."""
    op = state.op
    done = op[:, at.ST_STATUS] == OpStatus.DONE
    return Outcome(
        slot=np.where(done, op[:, at.ST_SLOT], -1),
        start=np.where(done, op[:, at.ST_START], 0),
        end=np.where(done, op[:, at.ST_END], 0),
        setup=np.where(done, op[:, at.ST_SETUP], 0),
        run=np.where(done, op[:, at.ST_RUN], 0),
        level=levels,
        code=np.where(done, 0, op[:, at.ST_CODE]),
        n_decisions=int(state.clock[at.CLOCK_DECISIONS]),
        end_time=int(state.clock[at.CLOCK_TIME]),
    )


def dispatch(
    compiled: Compiled,
    policy: RuleSpec | ActorSpec,
    *,
    scenario: Scenario | None = None,
    levels: Ints | None = None,
    temperature: float = 0.0,
    seed: int = 0,
) -> Outcome:
    """Run one episode: every decision is taken when it is due and never revised.

    Args:
        policy: Who decides.
        scenario: What really happens; None = everything as planned.
        levels: Overtime level of each operation, int (operations,); None = regular time.
        temperature: 0 = always the best; above, Gumbel noise of that size on the index or the logits.
        seed: Of that noise.

    Raises:
        ValueError: Impossible levels, or levels above those that the scenario was realised for.
    """
    level = checked_levels(compiled, levels)
    if scenario is not None and len(level) and level.max() > scenario.max_level:
        raise ValueError(
            f"level {level.max()} is above what the scenario realised: {scenario.max_level}\n"
            "hint: realise(..., max_level=...)"
        )
    episode = Episode(compiled, policy, scenario=scenario, levels=level)
    episode.run(float(temperature), seed)
    return outcome_of(episode.state, level)


def best_of(
    compiled: Compiled,
    policy: RuleSpec | ActorSpec,
    *,
    n: int,
    seed: int = 0,
    temperature: float = 0.3,
    deadline_s: float = 5.0,
) -> tuple[Outcome, int]:
    """Return the cheapest of one deterministic run and n - 1 samples, and how many were run.

    Always runs the deterministic one and looks at the clock after every run; which samples are drawn
    depends on the seed only, so an earlier deadline looks at a prefix of the same list.

    Args:
        n: Runs at most, >= 1.
        deadline_s: Seconds from the call after which no new run begins.
    """
    stop = time.monotonic() + deadline_s
    levels = checked_levels(compiled, None)
    episode = Episode(compiled, policy, levels=levels)
    best: Outcome | None = None
    best_cost = np.inf
    evaluated = 0
    while evaluated < max(1, n) and (evaluated == 0 or time.monotonic() < stop):
        cost = episode.run(0.0 if evaluated == 0 else temperature, (seed * 1_000_003 + evaluated) % 2**62)
        evaluated += 1
        if best is None or cost < best_cost:
            best, best_cost = outcome_of(episode.state, levels), cost
    assert best is not None
    return best, evaluated


def greedy_list(compiled: Compiled) -> Outcome:
    """Return the plant's own greedy plan.

    Operations by priority (descending), plan date, route position and id; each is appended to the eligible
    machine that finishes it first.
    """
    world = nominal_world(compiled)
    state = new_state(compiled, world)
    levels = checked_levels(compiled, None)
    bad = np.zeros(compiled.n_operations, dtype=np.int64)
    build_list(compiled.problem, world, state, levels, compiled.problem.greedy_order, bad)
    return outcome_of(state, levels)


def completion_minutes(compiled: Compiled, outcome: Outcome) -> Floats:
    """Return each job's completion minute, float64 (jobs,); the horizon if an operation has no place."""
    problem = compiled.problem
    completion = np.full(len(problem.job), -np.inf)
    horizon = problem.constant[at.CONST_HORIZON]
    ends = np.where(outcome.is_scheduled, outcome.end, horizon).astype(np.float64)
    np.maximum.at(completion, problem.op[:, at.OP_JOB], ends)
    return completion


def quick_cost(compiled: Compiled, outcome: Outcome) -> float:
    """Return the weighted tardiness in days: sum over jobs of weight x max(0, completion - due) / 1440."""
    problem = compiled.problem
    late = np.maximum(0.0, completion_minutes(compiled, outcome) - problem.job[:, at.JOB_DUE])
    return float((problem.job_weight * late).sum() / 1440.0)


def to_schedule(compiled: Compiled, outcome: Outcome, solver: str) -> Schedule:
    """Return the domain's schedule: scheduled + unassigned = input.

    Args:
        solver: Who made it, for example `greedy` or `rule:ATCS`.
    """
    instance = compiled.instance
    rows: list[ScheduledOperation] = []
    left_out: dict[str, Unassigned] = {item.operation_id: item for item in instance.set_aside}
    for i, operation in enumerate(instance.operations):
        commitment = instance.commitment_by_id.get(operation.operation_id)
        if commitment is not None:
            rows.append(
                ScheduledOperation(
                    operation_id=operation.operation_id,
                    job_id=operation.job_id,
                    machine_id=commitment.machine_id,
                    start=commitment.start,
                    end=commitment.end,
                    setup_minutes=commitment.setup_minutes,
                    run_minutes=int(outcome.run[i]),
                    level=commitment.level,
                    slot=commitment.slot,
                    is_committed=True,
                )
            )
        elif outcome.code[i]:
            code = UnassignedCode(Code(int(outcome.code[i])).name)
            left_out.setdefault(operation.operation_id, Unassigned(operation.operation_id, code))
        else:
            slot = compiled.slots[int(outcome.slot[i])]
            rows.append(
                ScheduledOperation(
                    operation_id=operation.operation_id,
                    job_id=operation.job_id,
                    machine_id=slot.machine_id,
                    start=int(outcome.start[i]),
                    end=int(outcome.end[i]),
                    setup_minutes=int(outcome.setup[i]),
                    run_minutes=int(outcome.run[i]),
                    level=int(outcome.level[i]),
                    slot=slot.slot,
                )
            )
    rows.sort(key=lambda item: (item.machine_id, item.slot, item.start))
    return Schedule(tuple(rows), tuple(left_out.values()), solver)
