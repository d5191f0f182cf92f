"""The cases that are measured, as our instances: the random factory, job-shop files, the default plant."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.factory import DAY, Factory, draw_factory
from benchmarks.heapq_twin import Reality
from shopfloor.domain.calendar import OpenTime, expand, plant_default_calendar
from shopfloor.domain.instance import Instance, Job, Operation
from shopfloor.domain.plant import Machine, Plant, Restriction
from shopfloor.engine import layout as at
from shopfloor.engine.arrays import Compiled
from shopfloor.engine.scenario import Scenario

EPOCH = datetime(2026, 3, 2, tzinfo=UTC)
ZONE = "Europe/Berlin"


def factory_instance(n_jobs: int, n_machines: int = 74, *, seed: int = 0, bare: bool = False) -> Instance:
    """Return the random factory with the plant's default calendar, breaks and maintenance.

    Args:
        bare: Always open, no setups, speeds, restrictions or maintenance: what simple simulators know.
    """
    factory = draw_factory(n_jobs, n_machines, seed=seed)
    machines = tuple(
        Machine(
            f"M{i:02d}",
            f"T{kind + 1}",
            setup_time_same=0 if bare else factory.setup[i][0],
            setup_time_different=0 if bare else factory.setup[i][1],
            speed_factor=1.0 if bare else factory.speed[i],
            current_setup_family=f"F{factory.first_family[i]}",
        )
        for i, kind in enumerate(factory.machine_type)
    )
    rules = tuple(
        Restriction(f"M{machine:02d}", f"F{family}") for machine, family in sorted(factory.excluded)
    )
    return Instance(
        epoch=EPOCH,
        as_of=EPOCH + timedelta(minutes=300),
        plant_tz=ZONE,
        plant=Plant(machines, (), () if bare else rules),
        open_time=_open_time(factory, bare=bare),
        jobs=tuple(
            Job(f"J{j:05d}", f"F{family}", float(weight), release, due)
            for j, (family, weight, release, due) in enumerate(factory.jobs)
        ),
        operations=tuple(_operations(factory)),
    )


def _operations(factory: Factory) -> list[Operation]:
    made: list[Operation] = []
    for j, (family, *_) in enumerate(factory.jobs):
        before = None
        for step, (kind, minutes) in enumerate(factory.routes[family], start=1):
            name = f"J{j:05d}_P{step:02d}"
            made.append(Operation(name, f"J{j:05d}", f"F{family}", step, f"T{kind + 1}", minutes, before))
            before = name
    return made


def _open_time(factory: Factory, *, bare: bool) -> dict[str, OpenTime]:
    n = len(factory.machine_type)
    work = sum(minutes for family, *_ in factory.jobs for _, minutes in factory.routes[family])
    days = 60 + round(work / n * 8 / 600)
    if bare:
        always = OpenTime.of([(0, days * DAY, 0)])
        return {f"M{i:02d}": always for i in range(n)}
    week = expand(plant_default_calendar(), zone=ZONE, epoch=EPOCH, start=0, end=days * DAY)
    opened = {f"M{i:02d}": week for i in range(n)}
    for machine, start, end in factory.maintenance:
        opened[f"M{machine:02d}"] = opened[f"M{machine:02d}"].without([(start, end)])
    return opened


def reality_of(compiled: Compiled, scenario: Scenario) -> Reality:
    """Spell a scenario out for the heapq twin."""
    problem, world = compiled.problem, scenario.world
    machines = compiled.instance.plant.machines
    run = {}
    for i, name in enumerate(compiled.operation_ids):
        for pair in range(problem.op[i, at.OP_ELIG_LO], problem.op[i, at.OP_ELIG_HI]):
            slot = compiled.slots[problem.elig[pair, at.ELIG_SLOT]]
            run[(name, slot.machine_id)] = int(world.run[pair])
    opened = {}
    for index, machine in enumerate(machines):
        for level in range(scenario.max_level + 1):
            calendar = world.cal_of[index, level]
            rows = range(world.cal_off[calendar], world.cal_off[calendar + 1])
            opened[(machine.machine_id, level)] = [
                (int(world.cal_start[k]), int(world.cal_end[k])) for k in rows
            ]
    arrival = {name: int(world.arrival[i]) for i, name in enumerate(compiled.job_ids)}
    return Reality(run, opened, arrival)


def read_job_shop(path: Path) -> list[list[tuple[int, int]]]:
    """Return (machine, duration) per step and job of a job-shop file: `n m`, then a line per job."""
    lines = [line.split() for line in path.read_text().splitlines() if line and not line.startswith("#")]
    rows = [[int(word) for word in line] for line in lines[1 : 1 + int(lines[0][0])]]
    return [list(zip(row[::2], row[1::2], strict=True)) for row in rows]


def random_job_shop(n_jobs: int, n_machines: int, seed: int) -> list[list[tuple[int, int]]]:
    """Return a job shop of Taillard's kind (every job on every machine once, durations 1-99), not his."""
    draw = random.Random(seed)
    return [
        [(machine, draw.randint(1, 99)) for machine in draw.sample(range(n_machines), n_machines)]
        for _ in range(n_jobs)
    ]


def job_shop_instance(jobs: list[list[tuple[int, int]]]) -> Instance:
    """Return a job shop as a plant: each machine a type of its own, always open, no setups, due at once."""
    n_machines = 1 + max(machine for steps in jobs for machine, _ in steps)
    horizon = 4 * sum(minutes for steps in jobs for _, minutes in steps) + 1440
    always = OpenTime.of([(0, horizon, 0)])
    operations = []
    for j, steps in enumerate(jobs):
        before = None
        for step, (machine, minutes) in enumerate(steps, start=1):
            name = f"J{j:03d}_P{step:02d}"
            operations.append(Operation(name, f"J{j:03d}", "F", step, f"T{machine:02d}", minutes, before))
            before = name
    machines = tuple(Machine(f"M{i:02d}", f"T{i:02d}") for i in range(n_machines))
    return Instance(
        epoch=EPOCH,
        as_of=EPOCH,
        plant_tz="UTC",
        plant=Plant(machines),
        open_time={machine.machine_id: always for machine in machines},
        jobs=tuple(Job(f"J{j:03d}", "F", 1.0, 0, 0) for j in range(len(jobs))),
        operations=tuple(operations),
    )


def default_plant_instance(seed: int = 1000) -> Instance:
    """Return 443 open operations of the default synthetic plant: calendars, setups, machines that run."""
    from shopfloor.twin.fit import fit_twin
    from shopfloor.twin.generate import generate_plant
    from shopfloor.twin.plant_spec import DEFAULT_AS_OF, DEFAULT_SPEC
    from shopfloor.twin.sample import sample_instance

    frames = generate_plant(DEFAULT_SPEC, seed=0)
    as_of = DEFAULT_AS_OF.replace(tzinfo=UTC)
    return sample_instance(fit_twin(frames, as_of=as_of, plant_tz=DEFAULT_SPEC.plant_tz), seed=seed)
