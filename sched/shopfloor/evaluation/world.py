"""Between an instance as it was known and the world as it turned out: the bridge from domain to engine and
back.

A scenario of the engine is arrays; an instance "as it turned out" says the same in the domain's words, so
that the independent scorer can read it. Nothing is drawn here, and nothing here decides.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from shopfloor.domain.calendar import OpenTime
from shopfloor.domain.errors import InvalidInstance
from shopfloor.domain.instance import Instance
from shopfloor.domain.schedule import Schedule
from shopfloor.engine import layout as at
from shopfloor.engine.arrays import Compiled, compile_instance
from shopfloor.engine.dispatch import Outcome, to_schedule
from shopfloor.engine.layout import Ints, World
from shopfloor.engine.scenario import Scenario

MAX_LEVEL = 2


def scenario_of(compiled: Compiled, turned_out: Instance) -> Scenario:
    """Return the scenario in which the durations, closures and ends of `turned_out` come true.

    Args:
        compiled: What was known.
        turned_out: The same jobs, operations, commitments and machines with what really happened.

    Raises:
        InvalidInstance: The two differ in what may not differ.
    """
    real = compile_instance(turned_out)
    known, seen = compiled.problem, real.problem
    same = (
        compiled.operation_ids == real.operation_ids
        and compiled.slots == real.slots
        and np.array_equal(known.elig[:, at.ELIG_SLOT], seen.elig[:, at.ELIG_SLOT])
        and np.array_equal(known.reservation[:, at.RES_OP], seen.reservation[:, at.RES_OP])
    )
    if not same:
        raise InvalidInstance(
            "what was known and what turned out differ in operations, machines or commitments\n"
            "hint: change minutes, open time and ends only"
        )
    world = World(
        run=np.ascontiguousarray(seen.elig[:, at.ELIG_RUN]),
        arrival=np.ascontiguousarray(known.job[:, at.JOB_ARRIVAL]),
        res_end=np.ascontiguousarray(seen.reservation[:, at.RES_END]),
        res_work=np.ascontiguousarray(seen.reservation[:, at.RES_WORK]),
        cal_of=seen.cal_of,
        cal_off=seen.cal_off,
        cal_start=seen.cal_start,
        cal_end=seen.cal_end,
        cal_cum=seen.cal_cum,
    )
    return Scenario(world=world, seed=0, max_level=MAX_LEVEL)


def turned_out(compiled: Compiled, scenario: Scenario) -> Instance:
    """Return the instance as it turned out under a scenario, for plans in regular time.

    A job may not start before it is known, so its release is its arrival where that is later. Processing
    minutes are those of the fastest eligible machine at speed 1.0; on slower ones the engine's own rounding
    may differ by 1.
    """
    instance, problem, world = compiled.instance, compiled.problem, scenario.world
    jobs = tuple(
        replace(job, release=max(job.release, int(arrival))) if arrival > instance.now else job
        for job, arrival in zip(instance.jobs, world.arrival, strict=True)
    )
    operations = []
    for row, operation in enumerate(instance.operations):
        lo, hi = problem.op[row, at.OP_ELIG_LO], problem.op[row, at.OP_ELIG_HI]
        if hi > lo:
            speeds = [_speed(compiled, int(slot)) for slot in problem.elig[lo:hi, at.ELIG_SLOT]]
            minutes = min(int(run) * speed for run, speed in zip(world.run[lo:hi], speeds, strict=True))
            operation = replace(operation, processing_minutes=max(1, int(minutes + 1e-6)))
        operations.append(operation)
    ends = {
        compiled.operation_ids[problem.reservation[row, at.RES_OP]]: int(world.res_end[row])
        for row in range(len(problem.reservation))
    }
    commitments = tuple(
        replace(commitment, end=max(commitment.start + 1, ends.get(commitment.operation_id, commitment.end)))
        for commitment in instance.commitments
    )
    open_time = {
        machine.machine_id: _less_breakdowns(compiled, world, row, instance.open_time[machine.machine_id])
        for row, machine in enumerate(instance.plant.machines)
        if machine.machine_id in instance.open_time
    }
    return replace(
        instance, jobs=jobs, operations=tuple(operations), commitments=commitments, open_time=open_time
    )


def happened(compiled: Compiled, outcome: Outcome, solver: str) -> Schedule:
    """Return what happened: like a plan, but committed operations end when they really ended."""
    plan = to_schedule(compiled, outcome, solver)
    end_of = dict(zip(compiled.operation_ids, outcome.end, strict=True))
    return replace(
        plan,
        operations=tuple(
            replace(item, end=max(item.start + 1, int(end_of[item.operation_id])))
            if item.is_committed
            else item
            for item in plan.operations
        ),
    )


def _speed(compiled: Compiled, slot: int) -> float:
    machine_id = compiled.slots[slot].machine_id
    plant = compiled.instance.plant
    return plant.machines[plant.machine_index[machine_id]].speed_factor


def _stretches(arrays: tuple[Ints, Ints, Ints, Ints], machine: int) -> tuple[Ints, Ints]:
    """Return starts and ends of a machine's regular time from (cal_of, cal_off, cal_start, cal_end)."""
    cal_of, cal_off, start, end = arrays
    calendar = cal_of[machine, 0]
    rows = slice(cal_off[calendar], cal_off[calendar + 1])
    return start[rows], end[rows]


def _less_breakdowns(compiled: Compiled, world: World, machine: int, open_time: OpenTime) -> OpenTime:
    """Return the open time without the pauses that only the realised calendar has."""
    problem = compiled.problem
    nominal = _stretches((problem.cal_of, problem.cal_off, problem.cal_start, problem.cal_end), machine)
    real = _stretches((world.cal_of, world.cal_off, world.cal_start, world.cal_end), machine)
    if np.array_equal(nominal[0], real[0]) and np.array_equal(nominal[1], real[1]):
        return open_time
    return open_time.without(sorted(_pauses(*real, nominal) - _pauses(*nominal, nominal)))


def _pauses(starts: Ints, ends: Ints, frame: tuple[Ints, Ints]) -> set[tuple[int, int]]:
    """Return the pauses between stretches, from the frame's first open minute to its last."""
    begin = np.concatenate([frame[0][:1], ends])
    end = np.concatenate([starts, frame[1][-1:]])
    keep = begin < end
    return set(zip(begin[keep].tolist(), end[keep].tolist(), strict=True))
