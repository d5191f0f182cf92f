"""Small random instances that use every feature of the plant at once; one seed, one instance."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from oracles.shop_oracle import Reality, finish, horizon_of, nominal_reality, open_minutes

from shopfloor.domain.calendar import OpenTime
from shopfloor.domain.instance import Commitment, CommitmentKind, Instance, Job, Operation, Pin
from shopfloor.domain.plant import Machine, Plant, Restriction, SetupRule
from shopfloor.engine import layout as at
from shopfloor.engine.arrays import Compiled
from shopfloor.engine.scenario import Scenario

EPOCH = datetime(2026, 3, 2, tzinfo=UTC)
FAMILIES = ("F1", "F2", "F3")
TYPES = ("T1", "T2", "T3")


def random_open_time(draw: random.Random, horizon: int) -> OpenTime:
    rows = []
    t = draw.randrange(0, 120)
    while t < horizon:
        length = draw.randrange(60, 500)
        rows.append((t, min(horizon, t + length), draw.choice((0, 0, 0, 1, 2))))
        t += length + draw.choice((0, 0, draw.randrange(20, 300)))
    return OpenTime.of(rows)


def random_plant(draw: random.Random) -> Plant:
    machines = tuple(
        Machine(
            f"M{i}",
            TYPES[i % draw.choice((1, 2, 3))],
            setup_time_same=draw.choice((0, 5)),
            setup_time_different=draw.choice((0, 20, 45)),
            capacity=draw.choice((1, 1, 1, 2)),
            speed_factor=draw.choice((1.0, 1.0, 1.3, 0.7)),
            current_setup_family=draw.choice((None, *FAMILIES)),
        )
        for i in range(draw.randrange(2, 6))
    )
    rules = tuple(
        SetupRule(
            draw.randrange(0, 60),
            draw.choice((None, *FAMILIES)),
            draw.choice((None, *FAMILIES)),
            draw.choice((None, *TYPES)),
        )
        for _ in range(draw.choice((0, 0, 3)))
    )
    restrictions = tuple(
        Restriction(
            draw.choice(machines).machine_id, draw.choice((None, *FAMILIES)), draw.choice((None, 1, 2))
        )
        for _ in range(draw.choice((0, 1)))
    )
    return Plant(machines, rules, restrictions)


def random_instance(seed: int, *, with_pins: bool = True, tidy: bool = False) -> Instance:
    """Return 2-6 jobs on 2-5 machines with commitments, pins, lots, odd calendars; tidy: all jobs known."""
    draw = random.Random(seed)
    horizon = draw.choice((900, 2500, 4000))
    now = draw.randrange(0, 200)
    plant = random_plant(draw)
    jobs, operations = [], []
    for j in range(draw.randrange(2, 7)):
        family = draw.choice(FAMILIES)
        known = draw.choice((None, None, now + draw.randrange(0, 600)))
        known = None if tidy else known
        release, due = draw.randrange(0, 600), draw.randrange(200, 3000)
        jobs.append(Job(f"J{j}", family, float(draw.randint(1, 5)), release, due, known))
        for lot in range(1, draw.choice((1, 1, 2)) + 1):
            before = None
            for step in range(1, draw.randrange(1, 5)):
                name = f"J{j}-P{step:02d}#{lot}"
                operations.append(
                    Operation(
                        name,
                        f"J{j}",
                        family,
                        step,
                        draw.choice((*sorted({m.machine_type for m in plant.machines}), "T1")),
                        draw.randrange(1, 240),
                        before,
                        draw.random() < 0.8,
                        lot,
                    )
                )
                before = name
    opened = {machine.machine_id: random_open_time(draw, horizon) for machine in plant.machines}
    bare = Instance(
        EPOCH, EPOCH + timedelta(minutes=now), "UTC", plant, opened, tuple(jobs), tuple(operations)
    )
    commitments = random_commitments(draw, bare)
    pins = random_pins(draw, bare, {c.operation_id for c in commitments}) if with_pins else ()
    return Instance(
        EPOCH,
        bare.as_of,
        "UTC",
        plant,
        opened,
        bare.jobs,
        bare.operations,
        commitments=commitments,
        pins=pins,
    )


def random_commitments(draw: random.Random, instance: Instance) -> tuple[Commitment, ...]:
    result: list[Commitment] = []
    ends: dict[str, int] = {}
    free: dict[tuple[str, int], int] = {}
    for operation in instance.operations:
        before = operation.predecessor
        machines = instance.eligible_machines(operation)
        if draw.random() > 0.25 or not machines or (before is not None and before not in ends):
            continue
        if not operation.is_interruptible:
            continue
        machine = draw.choice(machines)
        slot = (machine.machine_id, draw.randrange(machine.capacity))
        minutes = open_minutes(instance, machine.machine_id, 0)
        t = max(free.get(slot, -100), ends.get(before or "", -100)) + draw.randrange(0, 150)
        while t < horizon_of(instance) and not minutes[t]:
            t += 1
        setup = draw.choice((0, 20, 60))
        end = finish(minutes, t, setup + draw.randrange(1, 200))
        if end < 0 or t < 0:
            continue
        kind = CommitmentKind.IN_PROGRESS if t <= instance.now else CommitmentKind.FROZEN
        result.append(Commitment(operation.operation_id, machine.machine_id, t, end, kind, setup, 0, slot[1]))
        ends[operation.operation_id] = free[slot] = end
    return tuple(result)


def random_pins(draw: random.Random, instance: Instance, taken: set[str]) -> tuple[Pin, ...]:
    pins = []
    for operation in instance.operations:
        machines = instance.eligible_machines(operation)
        if draw.random() > 0.12 or not machines or operation.operation_id in taken:
            continue
        start = draw.choice((None, instance.now + draw.randrange(-100, 1300)))
        pins.append(Pin(operation.operation_id, draw.choice(machines).machine_id, start))
    return tuple(pins)


def reality_of(compiled: Compiled, scenario: Scenario) -> Reality:
    """Spell a scenario out minute by minute, so that the oracle can live in it."""
    instance, world = compiled.instance, scenario.world
    reality = nominal_reality(instance)
    reality.is_scenario = True
    for i, name in enumerate(compiled.operation_ids):
        row = compiled.problem.op[i]
        for pair in range(row[at.OP_ELIG_LO], row[at.OP_ELIG_HI]):
            slot = compiled.slots[compiled.problem.elig[pair, at.ELIG_SLOT]]
            reality.run[(name, slot.machine_id)] = int(world.run[pair])
    for index, machine in enumerate(instance.plant.machines):
        for level in range(scenario.max_level + 1):
            minutes = [False] * (horizon_of(instance) + 1)
            calendar = world.cal_of[index, level]
            for k in range(world.cal_off[calendar], world.cal_off[calendar + 1]):
                for minute in range(int(world.cal_start[k]), int(world.cal_end[k])):
                    minutes[minute] = True
            reality.is_open[(machine.machine_id, level)] = minutes
    reality.arrival = {name: int(world.arrival[i]) for i, name in enumerate(compiled.job_ids)}
    for r, row in enumerate(compiled.problem.reservation):
        name = compiled.operation_ids[row[at.RES_OP]]
        reality.committed_end[name] = int(world.res_end[r])
        reality.committed_work[name] = int(world.res_work[r])
    return reality
