"""The frozen suite on demand: rules, greedy and the champion, paired, with intervals; nothing is promoted."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.context import Folders
from flows.weekly_steps import SUITE_SEED
from shopfloor.domain.errors import RefusedInput
from shopfloor.settings import read_settings

if TYPE_CHECKING:
    from shopfloor.evaluation.contestant import Contestant
    from shopfloor.evaluation.evidence import ScoreTable

KPIS = ("on_time_rate", "mean_tardiness_days")


@dataclass(frozen=True)
class BenchRow:
    """One contestant over the suite.

    Attributes:
        avoidable: Mean avoidable weighted tardiness per case, weighted days.
        ratio: Of sums, against the best tuned rule, with its 95 % interval.
    """

    contestant: str
    n_cases: int
    avoidable: float
    ratio: float
    low: float
    high: float
    on_time_rate: float
    mean_tardiness_days: float
    seconds: float


@dataclass(frozen=True)
class BenchTable:
    """The suite's answer."""

    suite: str
    opponent: str
    rows: tuple[BenchRow, ...]

    def text(self) -> str:
        """Return the table for a terminal."""
        columns = f"{'ratio':>8}  {'95 % interval':17}{'on time':>8}{'tard. d':>9}{'s':>8}"
        head = f"{'contestant':34}{'cases':>6}{'avoidable':>11}{columns}"
        lines = [f"suite {self.suite}; ratio of avoidable weighted tardiness to {self.opponent}", head]
        for row in self.rows:
            interval = f"[{row.low:.3f}, {row.high:.3f}]"
            lines.append(
                f"{row.contestant:34}{row.n_cases:6d}{row.avoidable:11.1f}{row.ratio:8.3f}  {interval:17}"
                f"{row.on_time_rate:8.1%}{row.mean_tardiness_days:9.2f}{row.seconds:8.3f}"
            )
        return "\n".join(lines)


def run_bench(*, n_cases: int, n_samples: int) -> BenchTable:
    """Score everybody of the last weekly cycle on the frozen suite of its twin.

    Args:
        n_cases: Cases of the suite; every third one is dynamic.
        n_samples: Best-of-N of the candidate and of the best tuned rule, on the static cases.

    Raises:
        RefusedInput: There has been no weekly cycle yet.
    """
    from shopfloor.data.snapshot import open_snapshot
    from shopfloor.evaluation.scoring import score_on_suite
    from shopfloor.twin.fit import fit_twin
    from shopfloor.twin.suite import frozen_suite, suite_hash

    settings = read_settings()
    folders = Folders(settings.home_dir)
    facts, cycle = last_cycle()
    snapshot = open_snapshot(folders.snapshots / facts["snapshot"])
    twin = fit_twin(snapshot.frames(), as_of=snapshot.as_of, plant_tz=settings.plant_tz)
    suite = frozen_suite(twin, n_cases, seed=SUITE_SEED)
    named = suite_hash(suite)
    players = _contestants(facts, cycle, n_samples)
    scores = score_on_suite(players, suite, suite_hash=named, store=cycle / "bench.jsonl")
    return BenchTable(f"{named[:12]} of snapshot {facts['snapshot']}, {len(suite)} cases", *_rows(scores))


def last_cycle() -> tuple[dict[str, Any], Path]:
    """Return what the last weekly cycle with a candidate remembers, and its folder.

    Raises:
        RefusedInput: There is none.
    """
    for path in sorted(Folders(read_settings().home_dir).cycles.glob("*/cycle.json"), reverse=True):
        facts = json.loads(path.read_text())["facts"]
        if "tuned_rules" in facts and (path.parent / "candidate").exists():
            return facts, path.parent
    raise RefusedInput("there is no weekly cycle with a candidate yet\nhint: shopfloor weekly --preset small")


def _contestants(facts: dict[str, Any], cycle: Path, n_samples: int) -> dict[str, Contestant]:
    from shopfloor.evaluation import contestant as who
    from shopfloor.policies.bundle import load_bundle
    from shopfloor.training.tune_rules import TunedRules

    tuned = TunedRules.from_rows(facts["tuned_rules"])
    candidate = load_bundle(cycle / "candidate")
    sampling = who.Sampling(n_samples, candidate.temperature, read_settings().deadline_s)
    best = who.tuned_rules(tuned.specs)[0]
    players = [
        who.greedy(),
        *who.textbook_rules(),
        *who.tuned_rules(tuned.specs),
        who.learned(who.CANDIDATE, candidate),
        who.learned(who.CANDIDATE, candidate, sampling=sampling),
        who.Contestant(f"{best.name} best of {n_samples}", best.spec, sampling),
    ]
    return dict(who.by_name(players))


def _rows(scores: ScoreTable) -> tuple[str, tuple[BenchRow, ...]]:
    from shopfloor.evaluation import contestant as who

    tuned = [name for name in scores.contestants if name.startswith(who.TUNED) and "best of" not in name]
    opponent = scores.best(tuned)
    assert opponent is not None, "the suite was scored with tuned rules"
    rows = sorted((_row(scores, name, opponent) for name in scores.contestants), key=lambda row: row.ratio)
    return opponent, tuple(rows)


def _row(scores: ScoreTable, name: str, opponent: str) -> BenchRow:
    from shopfloor.evaluation.statistics import compare_by_case

    values = scores.values(name)
    compared = compare_by_case(values, scores.values(opponent))
    on_time, tardiness = (_mean(list(scores.values(name, kpi).values())) for kpi in KPIS)
    seconds = _mean([row.seconds for row in scores.of(name)])
    interval = compared.ratio_interval
    return BenchRow(
        name, len(values), _mean(list(values.values())), compared.ratio, interval.low, interval.high,
        on_time, tardiness, seconds,
    )  # fmt: skip


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0
