"""Tiny plants for tests: each builder fills in what a test does not care about.

Minutes are counted from Monday 2026-03-02 00:00 UTC, the plant's zone is UTC and now is minute 0 unless a
test says otherwise; a machine is open all the time for 30 days unless a test gives it stretches. Refuses to
solve: a test that needs a plan writes it down with `placed` and `tiny_schedule`.

    instance = tiny_instance([tiny_operation("A-P1", minutes=30)])
    schedule = tiny_schedule([placed(instance, "A-P1", "M1", start=0)])
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from shopfloor.domain.calendar import OpenTime
from shopfloor.domain.instance import Instance, Job, Operation, Unassigned, UnassignedCode
from shopfloor.domain.plant import Machine, Plant
from shopfloor.domain.schedule import Schedule, ScheduledOperation

EPOCH = datetime(2026, 3, 2, tzinfo=UTC)
DAY = 1440
HORIZON = 30 * DAY


def always_open(end: int = HORIZON) -> OpenTime:
    """Return one regular stretch from minute 0 to `end`."""
    return OpenTime.of([(0, end, 0)])


def day_shifts(days: int = 30, *, start: int = 480, end: int = 960) -> OpenTime:
    """Return one regular stretch per day, 08:00-16:00 unless given."""
    return OpenTime.of([(day * DAY + start, day * DAY + end, 0) for day in range(days)])


def tiny_machine(machine_id: str = "M1", machine_type: str = "MILL", **fields: Any) -> Machine:
    """Return a machine without setup times."""
    return Machine(machine_id, machine_type, **fields)


def tiny_plant(machines: Sequence[Machine] | None = None, **fields: Any) -> Plant:
    """Return a plant; two machines M1 and M2 of type MILL unless given."""
    return Plant(tuple(machines or (tiny_machine("M1"), tiny_machine("M2"))), **fields)


def tiny_job(job_id: str = "A", *, due: int = 10 * DAY, **fields: Any) -> Job:
    """Return a job of family F, weight 1, released at minute 0."""
    return Job(job_id, **({"family": "F", "weight": 1.0, "release": 0} | fields), due=due)


def tiny_operation(operation_id: str = "A-P1", *, minutes: int = 60, **fields: Any) -> Operation:
    """Return an operation on MILL; `A-P1` belongs to job A and has sequence 1."""
    job_id, _, step = operation_id.rpartition("-P")
    defaults = {
        "job_id": job_id,
        "family": "F",
        "sequence": int(step.split("#")[0]),
        "machine_type": "MILL",
    }
    return Operation(operation_id, processing_minutes=minutes, **(defaults | fields))


def tiny_instance(
    operations: Sequence[Operation] = (),
    *,
    jobs: Sequence[Job] | None = None,
    plant: Plant | None = None,
    open_time: Mapping[str, OpenTime] | None = None,
    now: int = 0,
    **fields: Any,
) -> Instance:
    """Return an instance; jobs, plant and open time are made up where not given.

    Args:
        open_time: By machine_id; machines left out are always open.
        now: Minute of `as_of`.
        fields: commitments, pins, set_aside, active_plan, freeze_until, plant_tz.
    """
    plant = plant or tiny_plant()
    if jobs is None:
        jobs = [tiny_job(job_id) for job_id in dict.fromkeys(operation.job_id for operation in operations)]
    given = open_time or {}
    return Instance(
        epoch=EPOCH,
        as_of=EPOCH + timedelta(minutes=now),
        plant_tz=fields.pop("plant_tz", "UTC"),
        plant=plant,
        open_time={
            machine.machine_id: given.get(machine.machine_id, always_open()) for machine in plant.machines
        },
        jobs=tuple(jobs),
        operations=tuple(operations),
        **{name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()},
    )


def placed(
    instance: Instance, operation_id: str, machine_id: str, *, start: int, setup: int = 0, **fields: Any
) -> ScheduledOperation:
    """Return the operation on a machine, with the run minutes and the end that follow."""
    operation = instance.operation_by_id[operation_id]
    machine = instance.plant.machines[instance.plant.machine_index[machine_id]]
    run = math.ceil(operation.processing_minutes / machine.speed_factor - 1e-9)
    end = instance.open_time[machine_id].advance(start, setup + run, fields.get("level", 0))
    return ScheduledOperation(
        operation_id,
        operation.job_id,
        machine_id,
        **({"start": start, "end": end, "setup_minutes": setup, "run_minutes": run} | fields),
    )


def tiny_schedule(
    items: Iterable[ScheduledOperation], *, unassigned: Iterable[Unassigned] = (), solver: str = "test"
) -> Schedule:
    """Return a schedule with its operations in the order that `Schedule` asks for."""
    ordered = sorted(items, key=lambda item: (item.machine_id, item.slot, item.start))
    return Schedule(tuple(ordered), tuple(unassigned), solver)


def left_out(operation_id: str, code: str = "NO_OPEN_TIME") -> Unassigned:
    """Return an unassigned operation."""
    return Unassigned(operation_id, UnassignedCode(code))
