"""What the search minimises: one cost of a plan, in weighted days of tardiness, and presets of its weights.

The cost steers the search only; plans are compared and reported by `domain.kpis`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np

from shopfloor.engine.layout import Floats


@dataclass(frozen=True, slots=True)
class Objective:
    """Weights of the cost of a plan; the unit is one day of tardiness of a job of weight 1.

    Attributes:
        name: Of the preset.
        tardiness: Per weight x day of a job's tardiness.
        days_late: Per day of a job's tardiness, whatever its weight.
        late_job: Per job that is late at all.
        setup: Per hour of setup.
        overtime: Per hour worked in overtime windows; night hours count twice.
        balance: Per squared hour of work of a machine slot, summed over slots; in books of more than 100 hours a
            slot in proportion less, or it would outweigh all tardiness.
        moves: Per operation that the plan moves against the active one.
        all_moves: Count moves whenever they are; else those in the first five working days, as the KPI does.
        makespan: Per day from now to the last end.
        buys_overtime: Whether the search may give an operation an overtime level.
    """

    name: str
    tardiness: float = 1.0
    days_late: float = 0.2
    late_job: float = 0.3
    setup: float = 0.0
    overtime: float = 0.5
    balance: float = 0.001
    moves: float = 0.0
    makespan: float = 0.0
    buys_overtime: bool = False
    all_moves: bool = False

    def __post_init__(self) -> None:
        negative = [name for name, value in asdict(self).items() if name != "name" and value < 0]
        if negative:
            raise ValueError(f"weights must not be negative: {', '.join(negative)} of {self.name!r}")

    def weights(self) -> Floats:
        """Return what the kernels read, float64 (8,)."""
        row = (
            self.tardiness,
            self.days_late,
            self.late_job,
            self.setup,
            self.overtime,
            self.balance,
            self.moves,
            self.makespan,
        )
        return np.array(row, dtype=np.float64)


PRESETS: Mapping[str, Objective] = {
    preset.name: preset
    for preset in (
        Objective("balanced", moves=0.01),
        Objective("tardiness", days_late=0.0, late_job=0.0, balance=0.0),
        Objective("on_time", late_job=3.0),
        Objective("calm", moves=0.5, setup=0.02),
        Objective("even", balance=0.005),
        Objective("overtime", overtime=0.3, buys_overtime=True),
        Objective("makespan", tardiness=0.0, days_late=0.0, late_job=0.0, balance=0.0, makespan=1.0),
    )
}
"""By name: `balanced` the default; `tardiness` nothing but weighted tardiness; `on_time` few late jobs;
`calm` few moves and setups; `even` equal load of machines; `overtime` buys hours where they win days;
`makespan` the classic of the literature."""


def objective_of(name: str) -> Objective:
    """Return a preset.

    Raises:
        ValueError: There is none of that name.
    """
    if name not in PRESETS:
        raise ValueError(f"no objective {name!r}\nhint: one of {', '.join(PRESETS)}")
    return PRESETS[name]
