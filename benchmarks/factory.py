"""A random factory as plain data: the same one in every interpreter that draws it. Standard library only.

74 machines in 20 types, 60 families with routes of 3-11 operations (7 on average, so 500 jobs are about
3 500 operations), work of 20-160 minutes, sequence-dependent setups, slow machines, restrictions, planned
maintenance, due dates and priorities. Calendars are added by who knows calendars.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

DAY = 1440


@dataclass(frozen=True)
class Factory:
    """Types are numbers 0..n_types-1, machines 0..n_machines-1, families 0..n_families-1.

    Attributes:
        machine_type: Type of each machine.
        speed: Factor of each machine.
        first_family: Family each machine is set up for.
        setup: (same family, different family) minutes of each machine.
        excluded: (machine, family) pairs that do not go together.
        maintenance: (machine, start, end) minutes.
        routes: (type, work minutes) per step, by family.
        jobs: (family, weight 1..5, release, due) minutes.
    """

    machine_type: tuple[int, ...]
    speed: tuple[float, ...]
    first_family: tuple[int, ...]
    setup: tuple[tuple[int, int], ...]
    excluded: frozenset[tuple[int, int]]
    maintenance: tuple[tuple[int, int, int], ...]
    routes: tuple[tuple[tuple[int, int], ...], ...]
    jobs: tuple[tuple[int, int, int, int], ...]

    @property
    def n_operations(self) -> int:
        return sum(len(self.routes[family]) for family, *_ in self.jobs)


def draw_factory(n_jobs: int, n_machines: int, *, n_types: int = 20, seed: int = 0) -> Factory:
    """Draw a factory; due dates are spread over about the time that its work takes."""
    draw = random.Random(seed)
    n_families = 60
    machine_type = tuple(machine % n_types for machine in range(n_machines))
    routes = tuple(
        tuple(
            (kind, draw.randrange(20, 161))
            for kind in draw.sample(range(n_types), min(n_types, draw.randrange(3, 12)))
        )
        for _ in range(n_families)
    )
    excluded = set()
    for family in range(n_families):
        for kind in range(n_types):
            if draw.random() < 0.3:
                group = [machine for machine in range(n_machines) if machine_type[machine] == kind]
                excluded |= {(machine, family) for machine in draw.sample(group, len(group) // 2)}
    families = [draw.randrange(n_families) for _ in range(n_jobs)]
    work = sum(minutes for family in families for _, minutes in routes[family])
    span = work / n_machines * 2.4 + 2 * DAY
    return Factory(
        machine_type=machine_type,
        speed=tuple(draw.choice((1.0, 1.0, 1.0, 0.85)) for _ in range(n_machines)),
        first_family=tuple(draw.randrange(n_families) for _ in range(n_machines)),
        setup=tuple(draw.choice(((15, 60), (5, 30), (0, 20))) for _ in range(n_machines)),
        excluded=frozenset(excluded),
        maintenance=tuple(
            (machine, start, start + draw.randrange(120, 480))
            for machine in range(n_machines)
            if draw.random() < 0.15
            for start in [draw.randrange(0, 14) * DAY + 420]
        ),
        routes=routes,
        jobs=tuple(
            (family, draw.randint(1, 5), 0, round(draw.uniform(0.2, 1.4) * span)) for family in families
        ),
    )
