"""Taillard's generator of job shops, for the large instances whose files are not at hand.

The seeds are the published ones; an instance is given out only if its load bound equals the published one.

References:
    Taillard (1993), Benchmarks for basic scheduling problems, EJOR 64, 278-285.
"""

from __future__ import annotations

from typing import NamedTuple

from shopfloor.data.public_instances import PublicInstance
from shopfloor.domain.errors import InvalidInstance

_MODULUS = 2**31 - 1


class _Published(NamedTuple):
    """One line of the paper: size, seeds, the bound by the fullest machine or longest job; best known today."""

    n_jobs: int
    n_machines: int
    time_seed: int
    machine_seed: int
    bound: int
    best: int


PUBLISHED: dict[str, _Published] = {
    "ta01": _Published(15, 15, 840612802, 398197754, 977, 1231),
    "ta41": _Published(30, 20, 1841414609, 1357882888, 1830, 2005),
    "ta51": _Published(50, 15, 17271, 718939, 2760, 2760),
    "ta61": _Published(50, 20, 8493988, 2738939, 2868, 2868),
    "ta71": _Published(100, 20, 302034063, 1203569070, 5464, 5464),
}


class _Stream:
    """Bratley, Fox & Schrage's multiplicative generator, as the paper prescribes."""

    def __init__(self, seed: int) -> None:
        self.state = seed

    def between(self, low: int, high: int) -> int:
        self.state = 16807 * self.state % _MODULUS
        return low + int(self.state / _MODULUS * (high - low + 1))


def taillard(name: str) -> PublicInstance:
    """Return an instance by its name.

    Raises:
        InvalidInstance: Its seeds are not here, or the draw does not give the published bound.
    """
    if name not in PUBLISHED:
        raise InvalidInstance(f"no seeds for {name!r}\nhint: one of {', '.join(PUBLISHED)}")
    known = PUBLISHED[name]
    times, machines = _Stream(known.time_seed), _Stream(known.machine_seed)
    minutes = [[times.between(1, 99) for _ in range(known.n_machines)] for _ in range(known.n_jobs)]
    jobs = []
    for row in minutes:
        route = list(range(known.n_machines))
        for i in range(known.n_machines):
            k = machines.between(i + 1, known.n_machines) - 1
            route[i], route[k] = route[k], route[i]
        jobs.append(tuple(((machine, t),) for machine, t in zip(route, row, strict=True)))
    drawn = PublicInstance(name, tuple(jobs))
    if drawn.simple_bound != known.bound:
        raise InvalidInstance(
            f"{name} was drawn wrongly: bound {drawn.simple_bound}, published {known.bound}\nhint: a bug"
        )
    return PublicInstance(
        name, drawn.jobs, lower=drawn.simple_bound, best=known.best, is_proved=known.best == known.bound
    )
