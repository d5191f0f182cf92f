"""Families, their routes and processing times, drawn so that each work centre reaches its load.

Processing times are not free: the mean of a work centre follows from its load, its open hours and how often
the product mix visits it. Knows nothing of dates or orders.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from shopfloor.twin.plant_spec import PlantSpec

MINIMUM_HOURS = 0.5


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a route.

    Attributes:
        machine_type: Work centre.
        hours: Planned hours of an order of mean quantity at speed 1.0, > 0.
    """

    machine_type: str
    hours: float


@dataclass(frozen=True, slots=True)
class Family:
    """A product family.

    Attributes:
        share: Share of the orders, 0..1; the shares of a mix add up to 1.
        steps: Route, P01 first.
    """

    name: str
    share: float
    steps: tuple[Step, ...]

    @property
    def hours(self) -> float:
        """Work of a whole order of mean quantity."""
        return sum(step.hours for step in self.steps)


def draw_mix(
    spec: PlantSpec, rng: np.random.Generator, *, weekly_hours: Mapping[str, float]
) -> tuple[Family, ...]:
    """Draw the families of a plant.

    Popularity falls with the square root of the rank. Routes follow the order of `spec.work_centres` but for
    an occasional swap, and prefer work centres in proportion to the work that they can take.

    Args:
        weekly_hours: Effective machine hours per week and machine type (speed, breakdowns taken off).
    """
    lengths = [1 + rank % spec.max_route for rank in range(spec.n_families)]
    rng.shuffle(lengths)
    popularity = np.arange(1, spec.n_families + 1) ** -0.5
    popularity /= popularity.sum()
    types = [centre.machine_type for centre in spec.work_centres]
    target = np.array([centre.load * weekly_hours[centre.machine_type] for centre in spec.work_centres])

    routes = [_draw_route(length, target, rng) for length in lengths]
    _visit_every_type(routes, len(types))
    raw = [rng.lognormal(-0.5 * spec.step_sigma**2, spec.step_sigma, len(route)) for route in routes]
    demand = np.zeros(len(types))
    for share, route, hours in zip(popularity, routes, raw, strict=True):
        np.add.at(demand, route, share * hours)
    scale = target / (spec.orders_per_week * demand)
    return tuple(
        Family(
            name=f"FAM_{rank + 1:02d}",
            share=float(popularity[rank]),
            steps=tuple(
                Step(types[centre], round(max(MINIMUM_HOURS, float(scale[centre] * hours)), 2))
                for centre, hours in zip(routes[rank], raw[rank], strict=True)
            ),
        )
        for rank in range(spec.n_families)
    )


def _draw_route(length: int, weight: np.ndarray, rng: np.random.Generator) -> list[int]:
    count = min(length, len(weight))
    route = sorted(rng.choice(len(weight), size=count, replace=False, p=weight / weight.sum()).tolist())
    if count > 1 and rng.random() < 0.25:
        position = int(rng.integers(count - 1))
        route[position], route[position + 1] = route[position + 1], route[position]
    if length > count:
        route.append(route[0])
    return route


def _visit_every_type(routes: list[list[int]], n_types: int) -> None:
    """Put each work centre that no family visits into a route, so that no machine stands idle."""
    for centre in range(n_types):
        if any(centre in route for route in routes):
            continue
        most = max(range(n_types), key=lambda other: sum(other in route for route in routes))
        route = next(route for route in routes if most in route)
        route[route.index(most)] = centre
