"""The gate's criteria, one function each: evidence and bar in, criteria with their numbers out.

A criterion that cannot be measured fails and says so. None of them knows what the others found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shopfloor.evaluation.bar import GateConfig, KpiMargin
from shopfloor.evaluation.evidence import BEST_OF, HISTORY, Evidence
from shopfloor.evaluation.statistics import PairedComparison, compare_by_case, finite_or_none

BEATS_RULE = "beats_best_tuned_rule"
BEATS_CHAMPION = "beats_champion"


@dataclass(frozen=True, slots=True)
class Criterion:
    """One question with its answer.

    Attributes:
        name: Stable name.
        passed: The answer.
        value: What was measured; None = not measured or not a finite number.
        threshold: What it was held against.
        interval: 95 % interval of `value` (low, high), None where there is none; an end is None when
            infinite.
        detail: One clause with the numbers.
    """

    name: str
    passed: bool
    value: float | None
    threshold: float | None
    interval: tuple[float | None, float | None] | None
    detail: str

    @property
    def title(self) -> str:
        """The name for people."""
        return self.name.replace("_", " ").replace(":", ": ")

    def line(self, width: int = 0) -> str:
        """Return one console line."""
        return f"  {'ok  ' if self.passed else 'FAIL'} {self.name:<{width}}  {self.detail}"

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Criterion:
        """Read a dict of the fields back."""
        interval = values["interval"]
        return cls(**{**values, "interval": None if interval is None else (interval[0], interval[1])})


def _unmeasured(name: str, detail: str, threshold: float | None = None) -> Criterion:
    return Criterion(name, False, None, threshold, None, f"not measured: {detail}")


def _ratio_criterion(
    name: str, result: PairedComparison, *, against: str, threshold: float, needs_proof: bool
) -> Criterion:
    """Judge a ratio: with proof its whole interval lies below the threshold, else the ratio itself."""
    interval = result.ratio_interval
    passed = interval.high < threshold if needs_proof else result.ratio <= threshold
    wanted = f"interval below {threshold:g}" if needs_proof else f"at most {threshold:g}"
    detail = (
        f"{result.ratio:.3f} x {against} [{interval.low:.3f}, {interval.high:.3f}], {wanted}; "
        f"better on {result.wins:.0%}, worse on {result.losses:.0%} of {result.n}"
    )
    low, high = finite_or_none(interval.low), finite_or_none(interval.high)
    return Criterion(name, passed, finite_or_none(result.ratio), threshold, (low, high), detail)


def _paired(
    evidence: Evidence, opponent: str, bar: GateConfig, *, kind: str | None = None
) -> PairedComparison | None:
    ours = evidence.scores.values(evidence.candidate, kind=kind)
    theirs = evidence.scores.values(opponent, kind=kind)
    return compare_by_case(ours, theirs, seed=bar.seed) if ours.keys() & theirs.keys() else None


def enough_cases(evidence: Evidence, bar: GateConfig) -> tuple[Criterion, ...]:
    """Cases that candidate, champion, greedy and every tuned rule share."""
    names = {evidence.candidate, evidence.champion, evidence.greedy, *evidence.tuned_rules}
    n = len(set.intersection(*(set(evidence.scores.values(name)) for name in names)))
    detail = f"{n} cases shared by all contestants, at least {bar.min_cases} needed"
    return (Criterion("enough_cases", n >= bar.min_cases, float(n), float(bar.min_cases), None, detail),)


def beats_best_rule(evidence: Evidence, bar: GateConfig) -> tuple[Criterion, ...]:
    """Avoidable weighted tardiness against the best of the tuned rules: the whole interval below 1."""
    best = evidence.scores.best(evidence.tuned_rules)
    result = None if best is None else _paired(evidence, best, bar)
    if best is None or result is None:
        return (_unmeasured(BEATS_RULE, "no tuned rule on the candidate's cases", 1.0),)
    return (_ratio_criterion(BEATS_RULE, result, against=best, threshold=1.0, needs_proof=True),)


def beats_champion(evidence: Evidence, bar: GateConfig) -> tuple[Criterion, ...]:
    """The same against the champion, scored now on the same cases."""
    result = _paired(evidence, evidence.champion, bar)
    if result is None:
        return (_unmeasured(BEATS_CHAMPION, f"{evidence.champion} has none of the candidate's cases", 1.0),)
    return (
        _ratio_criterion(BEATS_CHAMPION, result, against=evidence.champion, threshold=1.0, needs_proof=True),
    )


def holds_on_each_kind(evidence: Evidence, bar: GateConfig) -> tuple[Criterion, ...]:
    """A gain on static cases must not hide a loss on dynamic ones, or the other way round."""
    best = evidence.scores.best(evidence.tuned_rules)
    kinds = sorted({row.kind for row in evidence.scores.of(evidence.candidate)})
    rows = []
    for kind in kinds:
        name = f"holds_on_{kind}_cases"
        result = None if best is None else _paired(evidence, best, bar, kind=kind)
        if best is None or result is None:
            rows.append(_unmeasured(name, "no tuned rule on these cases", bar.kind_ratio))
        else:
            rows.append(
                _ratio_criterion(name, result, against=best, threshold=bar.kind_ratio, needs_proof=False)
            )
    return tuple(rows)


def no_worse_than_greedy(evidence: Evidence, bar: GateConfig) -> tuple[Criterion, ...]:
    """Non-inferiority on every other KPI: the interval of the mean loss stays inside the stated margin."""
    return tuple(_kpi_criterion(evidence, bar, kpi, margin) for kpi, margin in bar.kpi_margins.items())


def _kpi_criterion(evidence: Evidence, bar: GateConfig, kpi: str, margin: KpiMargin) -> Criterion:
    name = f"kpi:{kpi}"
    sign = 1.0 if margin.is_cost else -1.0
    ours = {case: sign * value for case, value in evidence.scores.values(evidence.candidate, kpi).items()}
    theirs = {case: sign * value for case, value in evidence.scores.values(evidence.greedy, kpi).items()}
    shared = ours.keys() & theirs.keys()
    if not shared:
        return _unmeasured(name, f"{evidence.greedy} and {evidence.candidate} share no case with it")
    result = compare_by_case(ours, theirs, seed=bar.seed)
    mean_ours = sign * sum(ours[case] for case in shared) / len(shared)
    mean_theirs = sign * sum(theirs[case] for case in shared) / len(shared)
    allowed = margin.relative * abs(mean_theirs) + margin.absolute
    high = result.difference_interval.high
    detail = (
        f"{_show(mean_ours)} against greedy's {_show(mean_theirs)}; loss {_show(result.difference)} "
        f"[{_show(result.difference_interval.low)}, {_show(high)}], at most {_show(allowed)}"
    )
    interval = (finite_or_none(result.difference_interval.low), finite_or_none(high))
    return Criterion(name, high <= allowed + 1e-9, result.difference, allowed, interval, detail)


def _show(value: float) -> str:
    """Return a number with about three digits and no exponent."""
    digits = 0 if abs(value) >= 100 else 2 if abs(value) >= 1 else 4
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def all_plans_valid(evidence: Evidence, _bar: GateConfig) -> tuple[Criterion, ...]:
    """Every plan of the candidate, on the suite and under stress, passed the validator."""
    rows = evidence.scores.of(evidence.candidate)
    stress = [row for row in evidence.stress if row.contestant == evidence.candidate]
    bad = sum(row.n_violations > 0 for row in rows) + sum(row.n_violations > 0 for row in stress)
    n = len(rows) + len(stress)
    if n == 0:
        return (_unmeasured("all_plans_valid", "no plan of the candidate", 1.0),)
    share = 1.0 - bad / n
    return (Criterion("all_plans_valid", bad == 0, share, 1.0, None, f"{n - bad} of {n} plans valid"),)


def fast_enough(evidence: Evidence, bar: GateConfig) -> tuple[Criterion, ...]:
    """The slowest way of making a plan of the stated size, from loaded instance to validated plan."""
    name = f"seconds_for_{bar.latency_operations}_operations"
    rows = [
        row
        for row in evidence.latency
        if row.contestant == evidence.candidate and row.n_operations >= bar.latency_operations
    ]
    if not rows:
        return (_unmeasured(name, f"no timing with {bar.latency_operations} operations", bar.max_seconds),)
    slowest = max(rows, key=lambda row: row.seconds)
    modes = ", ".join(f"{row.mode} {row.seconds:.3f} s" for row in rows)
    wanted = "" if slowest.seconds <= bar.wanted_seconds else f", {bar.wanted_seconds:g} s wanted"
    detail = f"{slowest.n_operations} operations: {modes}; at most {bar.max_seconds:g} s{wanted}"
    passed = slowest.seconds <= bar.max_seconds
    return (Criterion(name, passed, slowest.seconds, bar.max_seconds, None, detail),)


def stands_stress(evidence: Evidence, bar: GateConfig) -> tuple[Criterion, ...]:
    """In each stress scenario at most so much worse than the better of the tuned rules and greedy."""
    scenarios = tuple(dict.fromkeys(row.scenario for row in evidence.stress))
    if not scenarios:
        return (_unmeasured("stress", "no stress scenario was run", bar.stress_ratio),)
    opponents = {evidence.greedy, *evidence.tuned_rules}
    return tuple(_stress_criterion(evidence, bar, scenario, opponents) for scenario in scenarios)


def _stress_criterion(evidence: Evidence, bar: GateConfig, scenario: str, opponents: set[str]) -> Criterion:
    name = f"stress:{scenario}"
    columns: dict[str, dict[str, float]] = {}
    for row in evidence.stress:
        if row.scenario == scenario:
            columns.setdefault(row.contestant, {})[row.case] = row.avoidable_weighted_tardiness
    ours = columns.get(evidence.candidate, {})
    rivals = {
        who: column for who, column in columns.items() if who in opponents and column.keys() & ours.keys()
    }
    if not ours or not rivals:
        return _unmeasured(name, "candidate or opponents were not run", bar.stress_ratio)
    best = min(
        rivals, key=lambda who: (sum(rivals[who][case] for case in rivals[who].keys() & ours.keys()), who)
    )
    result = compare_by_case(ours, rivals[best], seed=bar.seed)
    return _ratio_criterion(name, result, against=best, threshold=bar.stress_ratio, needs_proof=False)


def no_worse_than_history(evidence: Evidence, bar: GateConfig) -> tuple[Criterion, ...]:
    """Weighted tardiness piled up in the replayed windows, against what the plant really did."""
    name = "no_worse_than_history"
    weeks: dict[str, dict[str, dict[str, float]]] = {}
    for row in evidence.replay:
        weeks.setdefault(row.week, {})[row.contestant] = dict(row.accrued_by_job)
    whole = {week: rows for week, rows in weeks.items() if {HISTORY, evidence.candidate} <= rows.keys()}
    if len(whole) < bar.min_replay_weeks:
        detail = f"{len(whole)} replayed weeks, at least {bar.min_replay_weeks} needed"
        return (_unmeasured(name, detail, bar.replay_ratio),)
    ours = {f"{w} {j}": v for w, rows in whole.items() for j, v in rows[evidence.candidate].items()}
    theirs = {f"{w} {j}": v for w, rows in whole.items() for j, v in rows[HISTORY].items()}
    if not ours.keys() & theirs.keys():
        return (_unmeasured(name, "no order was in the shop in the replayed weeks", bar.replay_ratio),)
    result = compare_by_case(ours, theirs, seed=bar.seed)
    return (_ratio_criterion(name, result, against=HISTORY, threshold=bar.replay_ratio, needs_proof=False),)


def primary_comparisons(evidence: Evidence, *, seed: int = 0) -> dict[str, PairedComparison]:
    """Return the candidate against every other contestant on the primary KPI, by opponent.

    Like meets like: who samples is compared with the candidate's own samples, who does not with its plain
    run.
    """
    names = evidence.scores.contestants
    sampler = next((name for name in names if name.startswith(evidence.candidate + BEST_OF)), None)
    found = {}
    for name in names:
        us = sampler if BEST_OF in name else evidence.candidate
        if us is None or name in (us, evidence.candidate):
            continue
        ours, theirs = evidence.scores.values(us), evidence.scores.values(name)
        if ours.keys() & theirs.keys():
            found[name] = compare_by_case(ours, theirs, seed=seed)
    return found
