"""Small random cases whose calendars are spelled out by the wall clock, minute by minute: one seed, one case.

A quarter each lies around the Sunday in spring on which the clock jumps, around the one in autumn on which it
is set back, and in a plain week; the last quarter has stretches that no shift model would make. Each case
says which features of a plant it has, so that a test can count them. Solves nothing.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from oracles.minute_grid import CLOSED, kinds_of_minutes, wall_clock
from oracles.random_plants import FAMILIES, random_open_time, random_pins, random_plant
from oracles.shop_oracle import Kinds, finish, horizon_of

from shopfloor.domain.calendar import DayWindow, OpenTime, WindowKind, WorkCalendar, expand
from shopfloor.domain.instance import Commitment, CommitmentKind, Instance, Job, Operation
from shopfloor.domain.plant import Plant

ZONE = "Europe/Berlin"
SPRING = datetime(2026, 3, 28, tzinfo=UTC)
AUTUMN = datetime(2026, 10, 24, tzinfo=UTC)
PLAIN = datetime(2026, 3, 2, tzinfo=UTC)
CHANGE = 1440 + 60
"""Minute of both clock changes: Sunday 01:00 UTC."""

SPAN = 2700
"""Minutes of wall clock that a calendar case knows."""


@dataclass(frozen=True)
class Case:
    """What is solved, and what is true about it.

    Attributes:
        kinds: The kind of each minute by machine_id, 9 = closed; None = the instance's stretches are the truth.
        levels: Overtime level of each operation, by operation_id.
        features: What a plant can have and this one has.
    """

    instance: Instance
    kinds: Kinds | None
    levels: dict[str, int]
    features: frozenset[str]


@lru_cache(maxsize=8)
def shown(epoch: datetime) -> list[datetime]:
    return wall_clock(ZONE, epoch, SPAN)


def random_calendar(draw: random.Random, epoch: datetime) -> tuple[WorkCalendar, set[str]]:
    """Return a week of shifts with breaks, overtime and nights, on all days; some have an exception."""
    shake = draw.choice((0, 0, 10, 30))
    pause = draw.choice((0, 0, 60))
    early = [DayWindow(360 + shake, 720), DayWindow(720 + pause, 1050 - shake)]
    overtime = [DayWindow(1050, 1320, WindowKind.OVERTIME)]
    night = [
        DayWindow(1320, 1440, WindowKind.NIGHT),
        DayWindow(0, 120 + draw.choice((0, 30, 45, 60, 90)), WindowKind.NIGHT),
    ]
    late_shift = [
        DayWindow(1080 + shake, 1440),
        DayWindow(0, 150 + shake),
        DayWindow(150 + shake + draw.choice((0, 15, 20)), 340),
    ]
    windows, features = {
        "day": ([*early, *overtime, *night], {"overtime or night windows"}),
        "night": ([*late_shift, DayWindow(390, 800, WindowKind.OVERTIME)], {"night shift"}),
        "round the clock": ([*early, *late_shift], {"night shift"}),
    }[draw.choice(("day", "night", "night", "round the clock"))]
    if pause:
        features = features | {"break"}
    exceptions: dict[date, tuple[DayWindow, ...]] = {}
    if draw.random() < 0.2:
        exceptions[(epoch + timedelta(days=1)).date()] = draw.choice(((), (DayWindow(120, 600),)))
        features = features | {"exception"}
    return WorkCalendar("case", dict.fromkeys(range(7), tuple(windows)), exceptions), features


def open_by_calendar(
    draw: random.Random, plant: Plant, epoch: datetime, now: int
) -> tuple[dict[str, OpenTime], Kinds, set[str]]:
    """Return the same open time twice: as the product expands it, and minute by minute."""
    opened, kinds, features = {}, {}, set()
    until = min(SPAN, draw.randrange(now + 400, now + 1500))
    calendars = [random_calendar(draw, epoch) for _ in range(2)]
    grids: dict[int, list[int]] = {}
    for machine in plant.machines:
        which = draw.randrange(2)
        calendar, found = calendars[which]
        features |= found
        if which not in grids:
            grids[which] = kinds_of_minutes(calendar, shown(epoch)[:until])
        grid = list(grids[which])
        stretch = expand(calendar, zone=ZONE, epoch=epoch, start=0, end=until)
        if draw.random() < 0.3:
            features.add("maintenance")
            begin = draw.randrange(now - 200, now + 900)
            end = begin + draw.randrange(10, 200)
            stretch = stretch.without([(begin, end)])
            grid = [CLOSED if begin <= m < end else kind for m, kind in enumerate(grid)]
        opened[machine.machine_id], kinds[machine.machine_id] = stretch, grid
    return opened, kinds, features


def odd_open_time(draw: random.Random, plant: Plant, now: int) -> tuple[dict[str, OpenTime], None, set[str]]:
    horizon = now + draw.randrange(300, 1500)
    return {m.machine_id: random_open_time(draw, horizon) for m in plant.machines}, None, {"odd stretches"}


def random_case(seed: int, *, start_pins: bool = True) -> Case:
    """Return 3-12 operations with what a real plant can have."""
    draw = random.Random(seed)
    epoch, name = ((SPRING, "spring"), (AUTUMN, "autumn"), (PLAIN, "plain"), (PLAIN, "odd"))[seed % 4]
    now = draw.randrange(960, 1380) if name != "odd" else draw.randrange(0, 200)
    plant = random_plant(draw)
    if name == "odd":
        opened, kinds, features = odd_open_time(draw, plant, now)
    else:
        opened, kinds, features = open_by_calendar(draw, plant, epoch, now)
    jobs, operations = _work(draw, plant, now)
    bare = Instance(
        epoch, epoch + timedelta(minutes=now), ZONE, plant, opened, tuple(jobs), tuple(operations)
    )
    levels = {operation.operation_id: draw.choice((0, 0, 1, 2)) for operation in operations}
    commitments = _commitments(draw, bare, kinds, levels)
    pins = random_pins(draw, bare, {c.operation_id for c in commitments})
    if not start_pins:
        pins = tuple(replace(pin, start=None) for pin in pins)
    instance = replace(bare, commitments=commitments, pins=pins)
    return Case(instance, kinds, levels, frozenset(features | _features(instance, levels)))


def _work(draw: random.Random, plant: Plant, now: int) -> tuple[list[Job], list[Operation]]:
    jobs: list[Job] = []
    operations: list[Operation] = []
    kinds_of_machine = (*{m.machine_type: None for m in plant.machines}, "T1")
    for j in range(draw.randrange(1, 5)):
        family = draw.choice(FAMILIES)
        known = draw.choice((None, None, now + draw.randrange(0, 300)))
        release = draw.choice((0, now + draw.randrange(0, 400)))
        due = now + draw.randrange(-300, 1500)
        jobs.append(Job(f"J{j}", family, float(draw.randint(1, 5)), release, due, known))
        for lot in range(1, draw.choice((1, 1, 2)) + 1):
            before = None
            for step in range(1, draw.randrange(2, 5)):
                if len(operations) == 12:
                    break
                name = f"J{j}-P{step:02d}#{lot}"
                minutes = draw.choice((draw.randrange(1, 30), draw.randrange(20, 180)))
                kind = draw.choice(kinds_of_machine)
                rigid = draw.random() < 0.25
                operations.append(
                    Operation(name, f"J{j}", family, step, kind, minutes, before, not rigid, lot)
                )
                before = name
    return jobs, operations


def _commitments(
    draw: random.Random, instance: Instance, kinds: Kinds | None, levels: dict[str, int]
) -> tuple[Commitment, ...]:
    """In-progress and frozen operations where they fit, rigid ones and such in overtime among them."""
    result: list[Commitment] = []
    ends: dict[str, int] = {}
    free: dict[tuple[str, int], int] = {}
    horizon = horizon_of(instance, kinds)
    for operation in instance.operations:
        before = operation.predecessor
        machines = instance.eligible_machines(operation)
        if draw.random() > 0.25 or not machines or (before is not None and before not in ends):
            continue
        machine = draw.choice(machines)
        slot = (machine.machine_id, draw.randrange(machine.capacity))
        level = levels[operation.operation_id]
        opened = instance.open_time[machine.machine_id]
        early = instance.now - 150
        t = max(0, free.get(slot, early), ends.get(before or "", early)) + draw.randrange(0, 200)
        setup, run = draw.choice((0, 20, 60)), draw.randrange(1, 150)
        minutes = [opened.is_open(m, level) for m in range(horizon)]
        while t < horizon and not minutes[t]:
            t += 1
        end = finish(minutes, t, setup + run)
        if end < 0 or end <= instance.now or (not operation.is_interruptible and end != t + setup + run):
            continue
        kind = CommitmentKind.IN_PROGRESS if t <= instance.now else CommitmentKind.FROZEN
        name = operation.operation_id
        result.append(Commitment(name, machine.machine_id, t, end, kind, setup, level, slot[1]))
        ends[name] = free[slot] = end
    return tuple(result)


def _features(instance: Instance, levels: dict[str, int]) -> set[str]:
    """Name what is in an instance."""
    plant, now = instance.plant, instance.now
    committed = [(c, instance.operation_by_id[c.operation_id]) for c in instance.commitments]
    present = {
        "capacity above 1": any(m.capacity > 1 for m in plant.machines),
        "speed factor": any(m.speed_factor != 1.0 for m in plant.machines),
        "restriction": bool(plant.restrictions),
        "setup rule": bool(plant.setup_rules),
        "initial setup family": any(m.current_setup_family for m in plant.machines),
        "material later than now": any(job.release > now for job in instance.jobs),
        "arrival later than now": any((job.known_at or 0) > now for job in instance.jobs),
        "lots": any(operation.lot > 1 for operation in instance.operations),
        "overtime level": any(level == 1 for level in levels.values()),
        "night level": any(level == 2 for level in levels.values()),
        "rigid operation": any(not operation.is_interruptible for operation in instance.operations),
        "in progress": any(c.kind == CommitmentKind.IN_PROGRESS for c, _ in committed),
        "frozen": any(c.kind == CommitmentKind.FROZEN for c, _ in committed),
        "rigid and committed": any(not operation.is_interruptible for _, operation in committed),
        "committed in overtime": any(c.level > 0 for c, _ in committed),
        "machine pin": any(pin.start is None for pin in instance.pins),
        "start pin": any(pin.start is not None for pin in instance.pins),
    }
    return {name for name, is_there in present.items() if is_there}
