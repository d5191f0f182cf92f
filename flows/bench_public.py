"""Our search, noisy rules and CP-SAT on instances of the literature, at equal processor time.

Each contestant gets seconds x workers of processor time, so a busy machine changes nothing. Rows are kept as
they come: a run that was stopped goes on where it was. Every plan is checked before it counts.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from shopfloor.data.public_instances import SETS, PublicInstance, read_set
from shopfloor.data.taillard import PUBLISHED, taillard

if TYPE_CHECKING:
    from shopfloor.engine.dispatch import Outcome
    from shopfloor.engine.rules import RuleSpec

OURS = "search"
RULE = "noisy rule"
CP_SAT = "CP-SAT"
CONTESTANTS = (OURS, RULE, CP_SAT)
LARGE = "large"
"""The set that is drawn by Taillard's generator instead of read: 600 operations and more."""
TEMPERATURES = (0.1, 0.3, 1.0, 3.0)


@dataclass(frozen=True, slots=True)
class PublicRow:
    """One contestant on one instance.

    Attributes:
        value: Makespan, or weighted minutes late; -1 = no plan.
        best: Best known, -1 = none.
        cpu_seconds: Spent, all threads.
        n_runs: Rule: schedules built; otherwise 0.
    """

    set_name: str
    instance: str
    n_operations: int
    contestant: str
    value: int
    best: int
    lower: int
    cpu_seconds: float
    n_runs: int

    @property
    def gap(self) -> float:
        """Percent above the best known; NaN without a plan or with a best of 0."""
        if self.value < 0 or self.best <= 0:
            return float("nan")
        return 100.0 * (self.value / self.best - 1.0)


@dataclass(frozen=True, slots=True)
class SetSummary:
    """One contestant over one set.

    Attributes:
        figure: Mean gap in percent; for weighted tardiness the ratio of the sums to the sums of the best.
        low, high: 95 % interval over instances drawn with replacement.
        n_missing: Instances without a plan; they are left out of the figure.
    """

    set_name: str
    contestant: str
    n: int
    figure: float
    low: float
    high: float
    n_best: int
    n_missing: int


@dataclass(frozen=True)
class PublicTable:
    """The answer: rows of single instances, and a summary per set and contestant."""

    seconds: float
    workers: int
    rows: tuple[PublicRow, ...]
    summaries: tuple[SetSummary, ...]

    def text(self) -> str:
        """Return both tables for a terminal."""
        lines = [
            f"{self.seconds:g} processor seconds x {self.workers} for each; percent above the best known"
        ]
        lines.append(f"{'instance':12}{'ops':>6}{'best':>8}" + "".join(f"{name:>20}" for name in CONTESTANTS))
        by_instance: dict[tuple[str, str], dict[str, PublicRow]] = {}
        for row in self.rows:
            by_instance.setdefault((row.set_name, row.instance), {})[row.contestant] = row
        for (_, name), found in by_instance.items():
            any_row = next(iter(found.values()))
            cells = "".join(_cell(found.get(contestant)) for contestant in CONTESTANTS)
            lines.append(f"{name:12}{any_row.n_operations:6d}{any_row.best:8d}{cells}")
        lines.append(
            f"\n{'set':14}{'contestant':14}{'n':>4}{'figure':>9}  {'95 % interval':18}{'best':>5}{'none':>5}"
        )
        for s in self.summaries:
            interval = f"[{s.low:.2f}, {s.high:.2f}]"
            lines.append(
                f"{s.set_name:14}{s.contestant:14}{s.n:4d}{s.figure:9.2f}  {interval:18}{s.n_best:5d}{s.n_missing:5d}"
            )
        lines.append("figure: mean gap in percent; for twt the ratio of sums to the best known")
        return "\n".join(lines)


def _cell(row: PublicRow | None) -> str:
    if row is None:
        return f"{'':>20}"
    if row.value < 0:
        return f"{'no plan':>20}"
    gap = "" if row.gap != row.gap else f" {row.gap:7.2f}%"
    return f"{row.value:>11d}{gap:>9}"


def run_public_bench(
    sets: Sequence[str],
    folder: Path,
    *,
    seconds: float,
    workers: int,
    only: Sequence[str] = (),
    contestants: Sequence[str] = CONTESTANTS,
    store: Path | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> PublicTable:
    """Measure the contestants on sets of public instances.

    Args:
        sets: Names of `SETS`, `large`, or `all`.
        folder: Holds the sets' folders and the tables of bounds; `large` needs none.
        seconds: Processor seconds per worker.
        only: Instances to keep; empty = all.
        store: JSON lines of finished rows; those found there are not measured again.
        say: Called with a line after each measurement.

    Raises:
        InvalidInstance: An unknown set, no such folder, or a broken file.
        InvalidPlan: A contestant's plan breaks a rule or a bound: a bug.
    """
    names = [*SETS, LARGE] if "all" in sets else list(sets)
    kept = _stored(store, seconds, workers)
    rows = []
    is_warm = False
    for name in names:
        for public in _instances(name, folder, only):
            for contestant in contestants:
                row = kept.get((name, public.name, contestant))
                if row is None:
                    is_warm = is_warm or _warm_up()
                    row = _measure(name, public, contestant, seconds, workers)
                    _append(store, row, seconds, workers)
                say(f"{name} {public.name} {contestant}: {row.value} (best known {public.best})")
                rows.append(row)
    return PublicTable(seconds, workers, tuple(rows), tuple(_summaries(rows)))


def _instances(name: str, folder: Path, only: Sequence[str]) -> list[PublicInstance]:
    if name == LARGE:
        large = [item for item in PUBLISHED if PUBLISHED[item].n_jobs * PUBLISHED[item].n_machines >= 600]
        return [taillard(item) for item in large if not only or item in only]
    return read_set(folder, name, only)


def _warm_up() -> bool:
    """Load every kernel on shops of two jobs, so that compiling counts for nobody."""
    fixed = (((0, 3),), ((1, 2),)), (((1, 2),), ((0, 4),))
    flexible = ((((0, 3), (1, 2)),), (((0, 2), (1, 4)),))
    for public in (
        PublicInstance("fixed", fixed),
        PublicInstance("flexible", flexible),
        PublicInstance("late", fixed, (1, 1), (1, 1)),
    ):
        for contestant in CONTESTANTS:
            _measure("warm-up", public, contestant, 0.05, 1)
    return True


def _measure(
    set_name: str, public: PublicInstance, contestant: str, seconds: float, workers: int
) -> PublicRow:
    from shopfloor.policies.exact_public import solve_public
    from shopfloor.twin.public_check import checked_value

    began = time.process_time()
    n_runs = 0
    if contestant == CP_SAT:
        answer = solve_public(public, cpu_seconds=seconds * workers, workers=workers)
        plan = answer.plan
    else:
        plan, n_runs = _own_plan(public, contestant, seconds, workers)
    spent = time.process_time() - began
    value = -1 if plan is None else checked_value(public, plan)
    return PublicRow(
        set_name, public.name, public.n_operations, contestant, value, public.best, public.lower,
        round(spent, 2), n_runs,
    )  # fmt: skip


def _own_plan(
    public: PublicInstance, contestant: str, seconds: float, workers: int
) -> tuple[list[tuple[int, int, int]], int]:
    from shopfloor.engine.disjunctive import improve_disjunctive
    from shopfloor.engine.dispatch import dispatch
    from shopfloor.engine.objective import objective_of
    from shopfloor.engine.rules import Rule, RuleSpec
    from shopfloor.twin.public_check import placed
    from shopfloor.twin.public_shop import compile_public

    compiled = compile_public(public)
    objective = objective_of("tardiness" if public.is_tardiness else "makespan")
    # With one due date for all jobs the least slack is the most work remaining.
    rule = RuleSpec(Rule.ATC) if public.is_tardiness else RuleSpec(Rule.SLACK)
    if contestant == RULE:
        outcome, n_runs = noisy_best(public, rule, seconds * workers)
        return placed(compiled, outcome), n_runs
    outcome = improve_disjunctive(
        compiled, dispatch(compiled, rule), objective,
        iterations=None, seconds=seconds, workers=workers, clock=time.thread_time, goal=public.lower,
    )  # fmt: skip
    return placed(compiled, outcome), 0


def noisy_best(public: PublicInstance, rule: RuleSpec, cpu_seconds: float) -> tuple[Outcome, int]:
    """Return the best of as many noisy runs of a rule as the processor seconds allow, and their number.

    Four sizes of noise take turns; the first run has none.
    """
    from shopfloor.engine import layout as at
    from shopfloor.engine.dispatch import outcome_of
    from shopfloor.engine.episode import Episode
    from shopfloor.twin.public_shop import compile_public

    compiled = compile_public(public)
    episode = Episode(compiled, rule)
    until = time.process_time() + cpu_seconds
    best: Outcome | None = None
    best_cost = float("inf")
    n_runs = 0
    while n_runs == 0 or time.process_time() < until:
        noise = 0.0 if n_runs == 0 else TEMPERATURES[n_runs % len(TEMPERATURES)]
        late = episode.run(noise, n_runs)
        cost = late if public.is_tardiness else float(episode.state.op[:, at.ST_END].max())
        if best is None or cost < best_cost:
            best, best_cost = outcome_of(episode.state, episode.levels), cost
        n_runs += 1
    assert best is not None
    return best, n_runs


def _summaries(rows: Sequence[PublicRow]) -> list[SetSummary]:
    found = []
    for set_name in dict.fromkeys(row.set_name for row in rows):
        for contestant in dict.fromkeys(row.contestant for row in rows):
            mine = [row for row in rows if row.set_name == set_name and row.contestant == contestant]
            if mine:
                found.append(_summary(set_name, contestant, mine))
    return found


def _summary(set_name: str, contestant: str, rows: Sequence[PublicRow]) -> SetSummary:
    scored = [row for row in rows if row.value >= 0 and row.best >= 0]
    values = np.array([row.value for row in scored], dtype=np.float64)
    best = np.array([row.best for row in scored], dtype=np.float64)
    draw = np.random.default_rng(0).integers(0, max(1, len(scored)), (2_000, max(1, len(scored))))
    if not scored:
        figure = low = high = float("nan")
    elif set_name == "twt":
        figure = float(values.sum() / max(1.0, best.sum()))
        drawn = values[draw].sum(axis=1) / np.maximum(1.0, best[draw].sum(axis=1))
        low, high = (float(x) for x in np.quantile(drawn, (0.025, 0.975)))
    else:
        gaps = 100.0 * (values / best - 1.0)
        figure = float(gaps.mean())
        low, high = (float(x) for x in np.quantile(gaps[draw].mean(axis=1), (0.025, 0.975)))
    n_best = int((values <= best).sum())
    return SetSummary(set_name, contestant, len(scored), figure, low, high, n_best, len(rows) - len(scored))


def _stored(store: Path | None, seconds: float, workers: int) -> dict[tuple[str, str, str], PublicRow]:
    if store is None or not store.exists():
        return {}
    found = {}
    for line in store.read_text().splitlines():
        item = json.loads(line)
        if (item.pop("seconds"), item.pop("workers")) == (seconds, workers):
            row = PublicRow(**item)
            found[(row.set_name, row.instance, row.contestant)] = row
    return found


def _append(store: Path | None, row: PublicRow, seconds: float, workers: int) -> None:
    if store is None:
        return
    store.parent.mkdir(parents=True, exist_ok=True)
    with store.open("a") as file:
        file.write(json.dumps({**asdict(row), "seconds": seconds, "workers": workers}) + "\n")
