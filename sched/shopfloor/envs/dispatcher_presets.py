"""The single dispatcher's exercises by name: toy, dependency, time, medium, production.

Each adds one thing to the one before: processes that follow each other, working hours with overtime, a shop
of ten machines, the whole plant. A smaller exercise has a smaller observation of the same make: the network
shares its weights over machines and jobs, so what it learned in one can be tried in another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from shopfloor.domain.errors import ShopfloorError
from shopfloor.engine.arrays import Compiled
from shopfloor.engine.dispatcher_observation import PRODUCTION_LAYOUT, DeskLayout
from shopfloor.engine.layout import OP_JOB, Ints
from shopfloor.envs.dispatcher_shops import ShopSpec


class UnknownExercise(ShopfloorError, KeyError):
    """No exercise of the single dispatcher has that name."""

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True, slots=True)
class Exercise:
    """One named environment.

    Attributes:
        layout: Size of the observation.
        shop: Where its books come from unless a source is given.
        max_operations: Operations of a book at most.
        may_wait: Whether leaving machines idle is an action; learning it costs more than it brings where jobs
            are many, so it is masked there.
        has_overtime: Whether urgent jobs work through evenings (weight 3 and more) and nights (weight 5).
    """

    name: str
    layout: DeskLayout
    shop: ShopSpec
    max_operations: int
    may_wait: bool = False
    has_overtime: bool = False

    def levels(self, compiled: Compiled) -> Ints:
        """Return the overtime level of each operation, int64 (operations,)."""
        problem = compiled.problem
        levels = np.zeros(len(problem.op), dtype=np.int64)
        if self.has_overtime:
            weight = problem.job_weight[problem.op[:, OP_JOB]]
            levels = (weight >= 3.0).astype(np.int64) + (weight >= 5.0)
        return levels


EXERCISES: Final = {
    item.name: item
    for item in (
        Exercise(
            "toy",
            DeskLayout(2, 5),
            ShopSpec(centres=(2,), n_jobs=5, max_steps=1, pressure=0.1),
            max_operations=5,
            may_wait=True,
        ),
        Exercise(
            "dependency",
            DeskLayout(4, 6),
            ShopSpec(centres=(2, 2), n_jobs=6, max_steps=3, pressure=0.1),
            max_operations=18,
            may_wait=True,
        ),
        Exercise(
            "time",
            DeskLayout(4, 8),
            ShopSpec(centres=(2, 2), n_jobs=8, max_steps=3, pressure=0.3, has_shifts=True),
            max_operations=24,
            may_wait=True,
            has_overtime=True,
        ),
        Exercise(
            "medium",
            DeskLayout(10, 50),
            ShopSpec(
                centres=(2, 2, 3, 1, 2),
                n_jobs=50,
                max_steps=4,
                n_families=8,
                setup_same=10,
                setup_different=45,
                has_shifts=True,
            ),
            max_operations=200,
        ),
        Exercise(
            "production",
            PRODUCTION_LAYOUT,
            ShopSpec(
                centres=(4, 8, 9, 6, 4, 3, 6, 3, 6, 3, 14, 8),
                n_jobs=0,
                max_steps=8,
                mean_run=360.0,
                n_families=60,
                setup_same=15,
                setup_different=60,
                has_shifts=True,
                started_share=0.5,
            ),
            max_operations=500,
        ),
    )
}


def exercise_named(name: str) -> Exercise:
    """Return an exercise.

    Raises:
        UnknownExercise: None has that name.
    """
    if name not in EXERCISES:
        raise UnknownExercise(f"no exercise is called {name!r}\nhint: one of {', '.join(EXERCISES)}")
    return EXERCISES[name]
