"""The cases of the search's bench: the frozen daily suite, larger books, factories with setups, tiny shops.

Each is drawn from a seed and known by its name; none is ever trained or tuned on. Solves nothing, except that
a factory's due dates are set so that EDD delivers 60 % on time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np

from shopfloor.domain.instance import Instance, Job, Operation
from shopfloor.domain.open_time import OpenTime
from shopfloor.domain.plant import Machine, Plant, SetupRule
from shopfloor.engine.arrays import compile_instance
from shopfloor.engine.dispatch import completion_minutes, dispatch
from shopfloor.engine.rules import Rule, RuleSpec
from shopfloor.twin.model import TwinModel
from shopfloor.twin.sample import sample_instance
from shopfloor.twin.suite import LOADS, SUITE_SEEDS, TIGHTNESS

EPOCH = datetime(2026, 3, 2, tzinfo=UTC)
DAY = 1440
DAILY_BASE = SUITE_SEEDS + 500_000_000
"""Seeds of the static daily suite: no training bank and no other suite draws here."""

WEEKS_52 = 364 * DAY
ANCHORS = ((6, 4, 1), (8, 4, 1), (8, 5, 1), (9, 6, 1), (10, 4, 2), (12, 5, 2), (16, 6, 2), (20, 7, 2))
"""Jobs, work centres and machines of each, by number: 15 to 60 operations, loads that leave room for a proof."""

EDD_ON_TIME = 0.6
OVERLOAD = 1.3


@dataclass(frozen=True)
class SearchCase:
    """One held-out case; `name` says the family and the number."""

    name: str
    instance: Instance


def daily_case(twin: TwinModel, number: int) -> SearchCase:
    """Return one static case of the daily suite: load and due-date tightness vary with the number."""
    instance = sample_instance(
        twin,
        seed=DAILY_BASE + number,
        load=LOADS[number % len(LOADS)],
        tightness=TIGHTNESS[number % len(TIGHTNESS)],
    )
    return SearchCase(f"daily-{number:03d}", instance)


def size_case(twin: TwinModel, n_operations: int) -> SearchCase:
    """Return a book of another size on the same floor.

    Due dates to come move away with the size (so that tightness stays), and the calendars are repeated as often
    as the work needs.
    """
    drawn = sample_instance(twin, seed=DAILY_BASE + 900_000 + n_operations, n_operations=n_operations)
    factor = max(1.0, n_operations / twin.n_open_operations)
    now = drawn.now
    jobs = tuple(
        job if job.due <= now else replace(job, due=now + round(factor * (job.due - now)))
        for job in drawn.jobs
    )
    years = 1 + int(factor // 5)
    shared = {id(value): _repeated(value, years) for value in drawn.open_time.values()}
    open_time = {name: shared[id(value)] for name, value in drawn.open_time.items()}
    return SearchCase(f"size-{n_operations}", replace(drawn, jobs=jobs, open_time=open_time))


def _repeated(open_time: OpenTime, times: int) -> OpenTime:
    """Append the last 52 weeks again and again; weekdays and shifts stay what they are."""
    last = int(open_time.ends[-1]) if len(open_time.ends) else 0
    tail = open_time.starts >= last - WEEKS_52
    shifts = [k * WEEKS_52 for k in range(1, times + 1)]
    return OpenTime(
        np.concatenate([open_time.starts, *(open_time.starts[tail] + shift for shift in shifts)]),
        np.concatenate([open_time.ends, *(open_time.ends[tail] + shift for shift in shifts)]),
        np.concatenate([open_time.kinds, *(open_time.kinds[tail] for _ in shifts)]),
    )


def factory_case(n_jobs: int, n_machines: int, number: int) -> SearchCase:
    """Return a factory without calendars: work 20..120 minutes, setups 5..60 between families, overload 1.3.

    Routes of 4..9 operations over work centres of three or four machines; releases are spread over the time
    that the work needs divided by the overload; due dates are release + k x own work with one k for all, such
    that EDD delivers 60 % on time.
    """
    rng = np.random.default_rng((5171, n_jobs, n_machines, number))
    n_centres = max(2, round(n_machines / 3.7))
    families = [f"F{k:02d}" for k in range(12)]
    rules = tuple(
        SetupRule(int(rng.integers(5, 61)), before, after)
        for before in families
        for after in families
        if before != after
    )
    plant = Plant(
        tuple(
            Machine(
                f"M{k:02d}", f"WC{k % n_centres:02d}", 5, 30, current_setup_family=families[rng.integers(12)]
            )
            for k in range(n_machines)
        ),
        rules,
    )
    routes = [rng.integers(n_centres, size=rng.integers(4, 10)) for _ in families]
    works = [rng.integers(20, 121, size=len(route)) for route in routes]
    kinds = rng.integers(12, size=n_jobs)
    total = sum(int(works[kind].sum()) + 30 * len(works[kind]) for kind in kinds)
    span = total / n_machines / OVERLOAD
    jobs, operations = [], []
    for number_of, kind in enumerate(kinds):
        name, release = f"J{number_of:04d}", int(rng.uniform(0, span))
        jobs.append(Job(name, families[kind], float(rng.integers(1, 6)), release, release))
        operations += _route(name, families[kind], routes[kind], works[kind])
    horizon = 20 * total // n_machines + 100 * DAY
    open_time = OpenTime.of([(0, horizon, 0)])
    bare = Instance(
        epoch=EPOCH,
        as_of=EPOCH,
        plant_tz="UTC",
        plant=plant,
        open_time={machine.machine_id: open_time for machine in plant.machines},
        jobs=tuple(jobs),
        operations=tuple(operations),
    )
    return SearchCase(f"factory-{n_jobs}x{n_machines}-{number:02d}", _with_due_dates(bare))


def _route(job_id: str, family: str, centres: np.ndarray, minutes: np.ndarray) -> list[Operation]:
    rows: list[Operation] = []
    for step, (centre, work) in enumerate(zip(centres, minutes, strict=True), start=1):
        before = rows[-1].operation_id if rows else None
        name = f"{job_id}-P{step:02d}"
        rows.append(Operation(name, job_id, family, step, f"WC{centre:02d}", int(work), before))
    return rows


def _with_due_dates(instance: Instance) -> Instance:
    """Bisect the due-date factor until EDD is on time for 60 % of the jobs."""
    own: dict[str, int] = {}
    for operation in instance.operations:
        own[operation.job_id] = own.get(operation.job_id, 0) + operation.processing_minutes
    low, high = 0.5, 60.0
    for _ in range(14):
        factor = (low + high) / 2
        jobs = tuple(replace(job, due=job.release + round(factor * own[job.job_id])) for job in instance.jobs)
        trial = replace(instance, jobs=jobs)
        compiled = compile_instance(trial)
        completion = completion_minutes(compiled, dispatch(compiled, RuleSpec(Rule.EDD)))
        on_time = np.mean([done <= job.due for done, job in zip(completion, jobs, strict=True)])
        low, high = (factor, high) if on_time < EDD_ON_TIME else (low, factor)
    return trial


def anchor_case(number: int) -> SearchCase:
    """Return a shop small enough for a proof: 15..60 operations, one day calendar, setups, overdue work."""
    rng = np.random.default_rng((9241, number))
    n_jobs, centres, machines = ANCHORS[number % len(ANCHORS)]
    families = ("F0", "F1", "F2", "F3")
    plant = Plant(
        tuple(
            Machine(
                f"M{centre}{k}", f"WC{centre}", 10, 60,
                speed_factor=float(rng.choice((1.0, 1.0, 0.85))),
                current_setup_family=str(rng.choice(families)),
            )
            for centre in range(centres)
            for k in range(machines)
        )
    )  # fmt: skip
    starts = np.arange(60, dtype=np.int64) * DAY + 390
    pairs = np.sort(np.concatenate([starts, starts + 330, starts + 390, starts + 660]))
    open_time = OpenTime.of([(int(a), int(b), 0) for a, b in list(pairwise(pairs.tolist()))[::2]])
    jobs, operations = [], []
    for j in range(n_jobs):
        family = str(rng.choice(families))
        route = rng.permutation(centres)[: rng.integers(2, 4)]
        minutes = 15 * rng.integers(4, 28, size=len(route))
        due = int(DAY * rng.uniform(-1.0, 3.0)) + 2 * int(minutes.sum())
        jobs.append(Job(f"J{j:02d}", family, float(rng.integers(1, 6)), int(rng.choice((0, 0, DAY))), due))
        rows = _route(f"J{j:02d}", family, route, minutes)
        rigid = rng.random(len(rows)) < 0.2
        names = {f"WC{centre:02d}": f"WC{centre}" for centre in range(centres)}
        operations += [
            replace(row, machine_type=names[row.machine_type], is_interruptible=not (stiff and work <= 200))
            for row, stiff, work in zip(rows, rigid, minutes, strict=True)
        ]
    instance = Instance(
        epoch=EPOCH,
        as_of=EPOCH,
        plant_tz="UTC",
        plant=plant,
        open_time={machine.machine_id: open_time for machine in plant.machines},
        jobs=tuple(jobs),
        operations=tuple(operations),
    )
    return SearchCase(f"anchor-{number:02d}-{len(operations)}ops", instance)
