"""How hard an order book is: the plant's greedy beside rules and beside what nobody can avoid.

A book whose lateness is mostly unavoidable hides every difference between schedulers; this table shows it.
Measures only; the numbers that make the default plant hard enough live in `plant_spec`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shopfloor.domain.instance import Instance
from shopfloor.domain.kpis import compute_kpis
from shopfloor.engine.arrays import compile_instance
from shopfloor.engine.dispatch import dispatch, greedy_list, to_schedule
from shopfloor.engine.rules import Rule, RuleSpec

GREEDY = "greedy"

RULES: Mapping[str, RuleSpec] = {
    "FIFO": RuleSpec(Rule.FIFO),
    "SPT": RuleSpec(Rule.SPT),
    "EDD": RuleSpec(Rule.EDD),
    "WSPT": RuleSpec(Rule.WSPT),
    "CR": RuleSpec(Rule.CR),
    "SLACK": RuleSpec(Rule.SLACK),
    "GREEDY_DISPATCH": RuleSpec(Rule.GREEDY_DISPATCH),
    "ATC": RuleSpec(Rule.ATC),
    "ATCS": RuleSpec(Rule.ATCS),
} | {
    f"ATCS k1={k1:g} k2={k2:g}": RuleSpec(Rule.ATCS, k1=k1, k2=k2)
    for k1 in (0.25, 0.5, 1.0, 4.0)
    for k2 in (0.5, 2.0)
}
"""Rules that are compared: the named ones with textbook parameters and a small grid of ATCS."""


@dataclass(frozen=True, slots=True)
class BookMeasure:
    """One scheduler on one book; weighted tardiness in weight x days."""

    solver: str
    avg_days_late: float
    on_time_rate: float
    weighted_tardiness: float
    unavoidable: float

    @property
    def avoidable(self) -> float:
        """Weighted tardiness beyond what each job has alone in the shop."""
        return self.weighted_tardiness - self.unavoidable

    @property
    def unavoidable_share(self) -> float:
        """Unavoidable over total, 0..1."""
        return self.unavoidable / self.weighted_tardiness if self.weighted_tardiness > 0 else 0.0


def measure_book(instance: Instance, rules: Mapping[str, RuleSpec] = RULES) -> dict[str, BookMeasure]:
    """Return what greedy and each rule make of an instance, by solver."""
    compiled = compile_instance(instance)
    outcomes = {GREEDY: greedy_list(compiled)} | {
        name: dispatch(compiled, spec) for name, spec in rules.items()
    }
    measures = {}
    for name, outcome in outcomes.items():
        kpis = compute_kpis(instance, to_schedule(compiled, outcome, name))
        measures[name] = BookMeasure(
            solver=name,
            avg_days_late=kpis.avg_days_late,
            on_time_rate=kpis.on_time_rate,
            weighted_tardiness=kpis.weighted_tardiness,
            unavoidable=kpis.unavoidable_weighted_tardiness,
        )
    return measures


def best_rule(measures: Mapping[str, BookMeasure]) -> BookMeasure:
    """Return the rule with the smallest weighted tardiness; greedy does not compete."""
    return min((m for name, m in measures.items() if name != GREEDY), key=lambda m: m.weighted_tardiness)
