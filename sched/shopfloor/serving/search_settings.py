"""What a search is asked for, and what it did: everything that its plan depends on besides data and model.

Both are stored with the plan, so that it can be made again. Nothing here searches.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from shopfloor.domain.errors import InvalidSettings
from shopfloor.engine.objective import PRESETS, Objective, objective_of
from shopfloor.settings import Settings


@dataclass(frozen=True)
class SearchSettings:
    """The order for one search.

    Attributes:
        objective: What is minimised.
        iterations: Moves that each worker tries at most.
        workers: Chains side by side, one core each.
        samples: Runs of the policy that the search may start from, the deterministic one included.
        seed: Of samples and moves.
        overtime_hours: Hours that a plan may use beyond what greedy uses.
        max_moved: Operations that a plan may move against the active one; None = no cap.
    """

    objective: Objective = PRESETS["balanced"]
    iterations: int = 1_000_000
    workers: int = 2
    samples: int = 256
    seed: int = 0
    overtime_hours: float = 0.0
    max_moved: int | None = None

    @classmethod
    def of(cls, settings: Settings) -> SearchSettings:
        """Return the order that an installation's settings make.

        Raises:
            InvalidSettings: There is no objective of that name.
        """
        try:
            objective = objective_of(settings.objective)
        except ValueError as error:
            raise InvalidSettings(f"SHOPFLOOR_OBJECTIVE: {error}") from error
        return cls(
            objective=objective,
            iterations=settings.search_iterations,
            workers=settings.search_workers,
            samples=settings.rollouts,
            seed=settings.seed,
            overtime_hours=settings.overtime_hours,
            max_moved=settings.max_moved,
        )


@dataclass(frozen=True)
class Replay:
    """How far an earlier search came: the same steps are done again, whatever the clock says.

    Attributes:
        iterations: Per worker.
        samples: Runs of the policy.
        rule_tries: Rules that were fitted to the instance.
    """

    iterations: tuple[int, ...]
    samples: int
    rule_tries: int


@dataclass(frozen=True)
class SearchReport:
    """What a search did.

    Attributes:
        objective: Name of the preset.
        planned: Moves that each worker was to try.
        iterations: Moves that were tried, per worker.
        samples: Runs of the policy that were done.
        is_cut: The clock ended it before its moves were tried: another machine may come to another plan.
        seconds: Wall time of samples and search.
        start_name: Who made the plan that it started from.
        start_cost, cost: By the objective, before and after.
        guard_acted: The cheapest plan was worse than greedy on a guarded figure, and a dearer one was taken.
        is_even: Whether the spread of utilisation was held to greedy's; False where that would have cost too much.
        rule_tries: Rules that were fitted to the instance before the search.
    """

    objective: str
    planned: int
    iterations: tuple[int, ...]
    samples: int
    is_cut: bool
    seconds: float
    start_name: str
    start_cost: float
    cost: float
    guard_acted: bool
    is_even: bool
    rule_tries: int

    @property
    def iterations_per_second(self) -> float:
        """Moves of all workers per wall second."""
        return sum(self.iterations) / self.seconds if self.seconds > 0 else 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return the facts by name."""
        return asdict(self)


def report_from(values: object) -> SearchReport:
    """Return the report that `as_dict` gave, after a way through JSON.

    Raises:
        ValueError: A field is missing or of another type.
    """
    if not isinstance(values, Mapping) or set(values) != {item.name for item in fields(SearchReport)}:
        raise ValueError(f"not a search report: {str(values)[:80]}")
    numbers = [float(values[name]) for name in ("seconds", "start_cost", "cost")]
    if not all(map(math.isfinite, numbers)):
        raise ValueError(f"a search report with a number that is none: {numbers}")
    seconds, start_cost, cost = numbers
    return SearchReport(
        objective=str(values["objective"])[:64],
        planned=int(values["planned"]),
        iterations=tuple(int(count) for count in values["iterations"]),
        samples=int(values["samples"]),
        is_cut=bool(values["is_cut"]),
        seconds=seconds,
        start_name=str(values["start_name"])[:128],
        start_cost=start_cost,
        cost=cost,
        guard_acted=bool(values["guard_acted"]),
        is_even=bool(values["is_even"]),
        rule_tries=int(values["rule_tries"]),
    )
