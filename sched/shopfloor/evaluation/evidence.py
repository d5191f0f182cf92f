"""All numbers that one judgement rests on, as frozen rows that go to JSON and back.

It holds scores of contestants on the suite, the replayed weeks, the stress scenarios, the seconds and where
all of it came from. It judges nothing and computes no schedule.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

PRIMARY_KPI = "avoidable_weighted_tardiness"
BEST_OF = " best of "
"""In the name of a contestant that samples: it is compared with samplers only."""
HISTORY = "history"
"""The contestant's name of what the plant really did."""


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """One contestant on one case.

    Attributes:
        suite_hash: Of the suite that the case belongs to.
        case: Name of the case.
        kind: `static` (everything known) or `dynamic` (arrivals, breakdowns, noise revealed as time passes).
        contestant: Who.
        contestant_hash: Of everything that decides what the contestant does; a changed model has another.
        n_operations: Operations of the instance.
        seconds: Wall time from loaded instance to validated plan.
        n_violations: What the independent validator found; 0 is the only good number.
        kpis: By name, see `domain.kpis`; from realised completions where the case is dynamic.
    """

    suite_hash: str
    case: str
    kind: str
    contestant: str
    contestant_hash: str
    n_operations: int
    seconds: float
    n_violations: int
    kpis: Mapping[str, float]

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes this row reusable: same suite, same contestant, same case."""
        return self.suite_hash, self.contestant_hash, self.case

    def as_json(self) -> str:
        """Return one JSON line."""
        return json.dumps(asdict(self), sort_keys=True, allow_nan=False)

    @classmethod
    def from_json(cls, line: str) -> ScoreRow:
        """Read a line of `as_json`."""
        return cls(**json.loads(line))


@dataclass(frozen=True)
class ScoreTable:
    """Every contestant on every case, long format."""

    rows: tuple[ScoreRow, ...]

    @property
    def contestants(self) -> tuple[str, ...]:
        """Names in order of appearance."""
        return tuple(dict.fromkeys(row.contestant for row in self.rows))

    def values(self, contestant: str, kpi: str = PRIMARY_KPI, *, kind: str | None = None) -> dict[str, float]:
        """Return the KPI of a contestant by case; `kind` keeps only static or only dynamic cases."""
        return {
            row.case: float(row.kpis[kpi])
            for row in self.rows
            if row.contestant == contestant and (kind is None or row.kind == kind) and kpi in row.kpis
        }

    def of(self, contestant: str) -> tuple[ScoreRow, ...]:
        """Return the rows of one contestant."""
        return tuple(row for row in self.rows if row.contestant == contestant)

    def best(self, names: Iterable[str], kpi: str = PRIMARY_KPI) -> str | None:
        """Return which of `names` has the smallest sum over the cases that all of them have.

        Choosing the opponent after the fact favours the opponent: a winner over the best of twenty tuned
        rules has beaten some luck too.
        """
        columns = {name: self.values(name, kpi) for name in names}
        columns = {name: column for name, column in columns.items() if column}
        if not columns:
            return None
        shared = set.intersection(*(set(column) for column in columns.values()))
        return min(columns, key=lambda name: (sum(columns[name][case] for case in shared), name))

    def frame(self) -> pd.DataFrame:
        """Return the table as a DataFrame, one column per KPI."""
        import pandas as pd

        flat = [
            {name: value for name, value in asdict(row).items() if name != "kpis"} | dict(row.kpis)
            for row in self.rows
        ]
        return pd.DataFrame(flat)


@dataclass(frozen=True, slots=True)
class ReplayRow:
    """One contestant in one replayed window of the past, or what the plant really did in it.

    Attributes:
        week: ISO date of the Monday on which the window begins (plant-local).
        contestant: Who; `history` is the plant.
        n_jobs: Orders in the shop during the window: open at its start or arriving in it.
        n_completed: Of these, how many this contestant completes inside the window.
        accrued_by_job: Weighted days of tardiness that each order piles up inside the window, by job_id.
        n_cohort: Orders that the plant completed inside the window, with known completion for everybody.
        cohort_tardiness_days: Mean tardiness of the cohort, however late a contestant completes it.
        cohort_on_time_rate: Share of the cohort on time.
    """

    week: str
    contestant: str
    n_jobs: int
    n_completed: int
    accrued_by_job: Mapping[str, float]
    n_cohort: int
    cohort_tardiness_days: float
    cohort_on_time_rate: float

    @property
    def accrued(self) -> float:
        """Weighted days of tardiness inside the window, summed over the orders."""
        return float(sum(self.accrued_by_job.values()))


@dataclass(frozen=True, slots=True)
class StressRow:
    """One contestant in one stress scenario on one case; fields as in `ScoreRow`."""

    scenario: str
    case: str
    contestant: str
    avoidable_weighted_tardiness: float
    on_time_rate: float
    n_violations: int
    seconds: float


@dataclass(frozen=True, slots=True)
class LatencyRow:
    """How long a contestant takes from loaded instance to validated plan.

    Attributes:
        mode: `deterministic` or `best-of-N`.
        seconds: The slowest of the repetitions, wall time.
    """

    contestant: str
    mode: str
    n_operations: int
    seconds: float


@dataclass(frozen=True)
class Evidence:
    """What the gate judges.

    Attributes:
        candidate: Name of the candidate among the contestants.
        champion: Name of the reigning contestant; the best tuned rule while nothing learned has won yet.
        greedy: Name of the plant's greedy.
        tuned_rules: Names of the tuned rules.
        provenance: Where it came from: suite hash, snapshot, model versions, git sha, seeds.
    """

    candidate: str
    champion: str
    greedy: str
    tuned_rules: tuple[str, ...]
    scores: ScoreTable
    replay: tuple[ReplayRow, ...] = ()
    stress: tuple[StressRow, ...] = ()
    latency: tuple[LatencyRow, ...] = ()
    provenance: Mapping[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON-able values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Evidence:
        """Read `as_dict`'s values back, after a trip through JSON too."""
        return cls(
            candidate=values["candidate"],
            champion=values["champion"],
            greedy=values["greedy"],
            tuned_rules=tuple(values["tuned_rules"]),
            scores=ScoreTable(tuple(ScoreRow(**row) for row in values["scores"]["rows"])),
            replay=tuple(ReplayRow(**row) for row in values["replay"]),
            stress=tuple(StressRow(**row) for row in values["stress"]),
            latency=tuple(LatencyRow(**row) for row in values["latency"]),
            provenance=dict(values["provenance"]),
        )
