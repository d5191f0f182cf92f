"""simpy: one PriorityResource per machine type, earliest due date first; no calendars, setups or breakdowns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import simpy
from factory import Factory, draw_factory
from meters import Meter, serve


def run(factory: Factory) -> list[float]:
    """Return each job's completion."""
    shop = simpy.Environment()
    types = range(1 + max(factory.machine_type))
    centres = [simpy.PriorityResource(shop, factory.machine_type.count(kind)) for kind in types]
    completion = [0.0] * len(factory.jobs)

    def job(number: int, family: int, due: int) -> Iterator[Any]:
        for kind, minutes in factory.routes[family]:
            with centres[kind].request(priority=due) as turn:
                yield turn
                yield shop.timeout(minutes)
        completion[number] = shop.now

    for number, (family, _, _, due) in enumerate(factory.jobs):
        shop.process(job(number, family, due))
    shop.run()
    return completion


def meters() -> dict[str, Meter]:
    """Return the meters; the amount is operations."""
    factory = draw_factory(500, 74)

    def edd() -> float:
        run(factory)
        return factory.n_operations

    return {"edd": edd}


if __name__ == "__main__":
    serve(f"simpy {simpy.__version__}", meters())
