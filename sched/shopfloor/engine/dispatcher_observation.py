"""What the single dispatcher sees, by name: four numbers per machine, eight per job of its window, ten of the plant.

Names, scales and meanings only; the numbers are worked out in `kernel/desk_view.py`, in this order. All lie
in [-1, 1]. `squash(x) = x / (1 + |x| / 3)`, so `squash(x) / 3` is bounded by 1. Work is measured in mean runs
of the operation's work centre, calendar time in mean runs times the calendar's stretch. Rows of machines or
jobs that an instance does not have are zero, but for `readiness`, which is -1.

The schema hash goes into every stored dispatcher: one that was trained on another table is refused.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Feature:
    """One number of the observation.

    Attributes:
        name: Unique within its block.
        scale: How it is brought to [-1, 1].
        meaning: What it is before that.
    """

    name: str
    scale: str
    meaning: str


MACHINE: Final = (
    Feature("utilisation", "share, at most 1", "work given to it so far / its open regular minutes so far"),
    Feature("lateness", "squash / 3", "mean days that the jobs waiting at its work centre would be late by"),
    Feature("job_count", "log1p / 3, at most 1", "operations that wait at its work centre, per slot there"),
    Feature("hours_busy", "squash / 3", "working days (of 8 h) until its first slot is free; 0 = idle"),
)
JOB: Final = (
    Feature("priority", "/ 5, at most 1", "weight of the job; 5 = most urgent"),
    Feature("days_late", "squash / 3", "days after its due minute if nothing made it wait from now on"),
    Feature("slack", "squash / 3", "due minute - that completion, in mean runs; negative = late"),
    Feature("processing_time", "squash / 3", "log of its next operation's run / the centre's mean run"),
    Feature("setup", "squash / 3", "setup it needs now / the centre's mean setup; 0 unless it may start now"),
    Feature("work_after", "squash / 3", "work behind its next operation, in mean runs"),
    Feature(
        "readiness",
        "as is",
        "1 may start now, 0.5 waits elsewhere or later, 0 runs, -0.5 unreleased, -1 none",
    ),
    Feature(
        "index", "clip at -6, / 6", "log-index of the rule less the best one's; -1 unless it may start now"
    ),
)
GLOBAL: Final = (
    Feature("elapsed", "squash / 3", "weeks since the beginning"),
    Feature("time_of_day", "share", "plant-local minute of the day / 1440"),
    Feature("day_of_week", "/ 6", "plant-local weekday, Monday = 0"),
    Feature("done_share", "share", "operations done / all"),
    Feature("waiting", "log1p / 3, at most 1", "waiting operations per slot"),
    Feature("running_share", "share", "running operations / slots"),
    Feature("congested_share", "share", "work centres with more waiting operations than slots"),
    Feature("late_share", "share", "open jobs that would be late if nothing made them wait / open jobs"),
    Feature("tardiness", "log1p / 9, at most 1", "weighted days that the whole book would be late by then"),
    Feature("choices", "share", "jobs that may start now / rows of the window"),
)

N_MACHINE: Final = len(MACHINE)
N_JOB: Final = len(JOB)
N_GLOBAL: Final = len(GLOBAL)
INDEX_CLIP: Final = 6.0
"""A job's last feature times this is its clipped log-index relative to the best, in [-6, 0]."""

DISPATCHER_SCHEMA_HASH: Final = hashlib.sha256(
    repr(("1", MACHINE, JOB, GLOBAL)).encode(),
).hexdigest()


@dataclass(frozen=True, slots=True)
class DeskLayout:
    """How large one dispatcher's observation is.

    Attributes:
        n_machines: Rows of machines, >= 1; plants may have fewer.
        window: Rows of jobs, >= 1; of more open jobs the most urgent are shown, those that may start first.
    """

    n_machines: int
    window: int

    def __post_init__(self) -> None:
        if self.n_machines < 1 or self.window < 1:
            raise ValueError(
                f"a desk needs machines and jobs: {self.n_machines} and {self.window}\n"
                "hint: the production layout is 74 machines and 100 jobs"
            )

    @property
    def jobs_at(self) -> int:
        """Position of the first job's first feature."""
        return N_MACHINE * self.n_machines

    @property
    def global_at(self) -> int:
        """Position of the first plant-wide feature."""
        return self.jobs_at + N_JOB * self.window

    @property
    def size(self) -> int:
        """Numbers in all; 1106 for production."""
        return self.global_at + N_GLOBAL

    @property
    def n_actions(self) -> int:
        """One per row of the window, and waiting."""
        return self.window + 1

    @property
    def wait(self) -> int:
        """The action that starts nothing."""
        return self.window

    def names(self) -> tuple[str, ...]:
        """Return every number's name, in order."""
        return (
            *(f"machine_{m}_{item.name}" for m in range(self.n_machines) for item in MACHINE),
            *(f"job_{j}_{item.name}" for j in range(self.window) for item in JOB),
            *(f"plant_{item.name}" for item in GLOBAL),
        )


PRODUCTION_LAYOUT: Final = DeskLayout(n_machines=74, window=100)
