"""Tiny plants for tests: each builder fills in what a test does not care about.

Minutes are counted from Monday 2026-03-02 00:00 UTC, the plant's zone is UTC and now is minute 0 unless a
test says otherwise; a machine is open all the time for 30 days unless a test gives it stretches. Refuses to
solve: a test that needs a plan writes it down with `placed` and `tiny_schedule`.

    instance = tiny_instance([tiny_operation("A-P1", minutes=30)])
    schedule = tiny_schedule([placed(instance, "A-P1", "M1", start=0)])
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from shopfloor.domain.calendar import OpenTime, expand, plant_default_calendar
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


def busy_instance(n_operations: int, *, n_machines: int = 74, seed: int = 0) -> Instance:
    """Return a shop of realistic size: work centres of 6 machines, day shifts with overtime, family setups.

    Jobs of 4 operations, some of them late from the start.
    """
    rng = random.Random(seed)
    machines = [
        tiny_machine(
            f"M{index:02d}",
            f"WC{index // 6:02d}",
            setup_time_same=5,
            setup_time_different=30,
            speed_factor=rng.choice((0.8, 1.0, 1.25)),
            current_setup_family=rng.choice((None, "F0", "F1")),
        )
        for index in range(n_machines)
    ]
    shift = expand(plant_default_calendar(), zone="Europe/Berlin", epoch=EPOCH, start=0, end=300 * DAY)
    centres = sorted({machine.machine_type for machine in machines})
    jobs, operations = [], []
    for number in range(n_operations // 4):
        family = f"F{rng.randrange(12)}"
        release = rng.randrange(0, 10 * DAY)
        due = release + rng.randrange(-2 * DAY, 14 * DAY)
        jobs.append(
            tiny_job(
                f"J{number:04d}", family=family, weight=float(rng.randint(1, 5)), release=release, due=due
            )
        )
        for step in range(1, 5):
            operations.append(
                tiny_operation(
                    f"J{number:04d}-P{step}",
                    minutes=rng.randint(30, 600),
                    family=family,
                    machine_type=rng.choice(centres),
                    predecessor=f"J{number:04d}-P{step - 1}" if step > 1 else None,
                )
            )
    return tiny_instance(
        operations,
        jobs=jobs,
        plant=tiny_plant(machines),
        open_time={machine.machine_id: shift for machine in machines},
        now=6 * 60,
        plant_tz="Europe/Berlin",
    )


def serial_schedule(instance: Instance, *, level: int = 0) -> Schedule:
    """Return a valid plan made by a plain loop: each operation in turn is appended where it ends first.

    Knows capacity 1, no pins and no commitments.
    """
    machines = {machine.machine_id: machine for machine in instance.plant.machines}
    free = dict.fromkeys(machines, instance.now)
    family = {name: machine.current_setup_family for name, machine in machines.items()}
    ends: dict[str, int] = {}
    items = []
    for operation in instance.operations:
        ready = ends.get(operation.predecessor or "", instance.job_by_id[operation.job_id].release)
        best: ScheduledOperation | None = None
        for machine in instance.eligible_machines(operation):
            name = machine.machine_id
            setup = instance.plant.setup_minutes(machine, family[name], operation.family)
            start = instance.open_time[name].next_open(max(ready, free[name]), level)
            item = placed(instance, operation.operation_id, name, start=start, setup=setup, level=level)
            if best is None or item.end < best.end:
                best = item
        assert best is not None
        items.append(best)
        free[best.machine_id] = ends[operation.operation_id] = best.end
        family[best.machine_id] = operation.family
    return tiny_schedule(items)
