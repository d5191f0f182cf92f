"""Large books: seconds from loaded instance to validated plan, memory, and what the search gains there.

Runs in a process of its own, whose memory is that of one daily run. Nothing is compared across processes but
ratios within one.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shopfloor.domain.bounds import earliest_completions
from shopfloor.domain.kpis import compute_kpis
from shopfloor.domain.schedule import Schedule
from shopfloor.domain.validator import validate
from shopfloor.engine.arrays import compile_instance
from shopfloor.engine.dispatch import dispatch, greedy_list, to_schedule
from shopfloor.engine.objective import Objective, objective_of
from shopfloor.engine.optimise import Budget, optimise
from shopfloor.engine.rules import RuleSpec
from shopfloor.evaluation.search_cases import SearchCase, daily_case, size_case
from shopfloor.evaluation.search_goals import AVOIDABLE, Goal, PartReport
from shopfloor.evaluation.search_players import TUNED, best_tuned
from shopfloor.training.tune_rules import TunedRules
from shopfloor.twin.model import TwinModel

LIMITS = {500: 5.0, 2000: 10.0, 5000: 30.0}
"""Seconds from loaded instance to validated plan, by operations."""

SEARCH_SHARE = 0.8
"""Share of the limit that the search may have; the rest is for compiling and validating."""

SHORT, LONG = "search", "search within the limit"

RATIO_LIMITS = {2000: 0.80, 5000: 0.85}


@dataclass(frozen=True)
class SizeTask:
    """What a child process is told; plain values, because it starts afresh.

    Attributes:
        twin: Path of the twin's JSON.
        rules: Rows of `TunedRules.as_rows`.
        seconds: Of the short search; the long one takes what the limit allows, where that is more.
    """

    twin: str
    n_operations: int
    rules: Sequence[Mapping[str, Any]]
    objective: str
    seconds: float
    workers: int
    seed: int


def measure_size(task: SizeTask) -> dict[str, Any]:
    """Return seconds, memory and KPIs of one size; call it in a fresh process."""
    twin = TwinModel.from_json(Path(task.twin).read_text(encoding="utf-8"))
    specs = TunedRules.from_rows(task.rules).specs
    objective = objective_of(task.objective)
    warm_up = compile_instance(daily_case(twin, 0).instance)
    optimise(
        warm_up,
        objective=objective,
        budget=Budget(iterations=2000, seconds=600.0, workers=task.workers),
        starts=specs,
    )
    case = size_case(twin, task.n_operations)
    memory_before = peak_memory_mb()
    allowed = SEARCH_SHARE * LIMITS.get(task.n_operations, task.seconds / SEARCH_SHARE)
    searched = {SHORT: _searched(case, task, objective, specs, min(task.seconds, allowed))}
    if allowed > task.seconds:
        searched[LONG] = _searched(case, task, objective, specs, allowed)
    memory = peak_memory_mb()

    instance = case.instance
    compiled = compile_instance(instance)
    alone = earliest_completions(instance)
    outcomes = {
        "greedy": greedy_list(compiled),
        TUNED: dispatch(compiled, specs[0]),
        "best of tuned rules": best_tuned(compiled, specs)[0],
    }
    schedules = {name: to_schedule(compiled, outcome, name) for name, outcome in outcomes.items()}
    schedules |= {name: found.schedule for name, found in searched.items()}
    kpis = {
        name: compute_kpis(instance, schedule, alone=alone).as_dict() for name, schedule in schedules.items()
    }
    return {
        "n_operations": compiled.n_operations,
        "memory_mb": memory,
        "memory_before_mb": memory_before,
        "searches": {name: found.facts for name, found in searched.items()},
        "kpis": kpis,
    }


@dataclass(frozen=True, eq=False)
class _Searched:
    """A validated plan of the search, with what it cost."""

    schedule: Schedule
    facts: Mapping[str, Any]


def _searched(
    case: SearchCase, task: SizeTask, objective: Objective, specs: Sequence[RuleSpec], seconds: float
) -> _Searched:
    """Go from a loaded instance to a validated plan."""
    began = time.monotonic()
    compiled = compile_instance(case.instance)
    at_compiled, cpu_before = time.monotonic(), time.process_time()
    budget = Budget(seconds=seconds, workers=task.workers)
    found = optimise(compiled, objective=objective, budget=budget, seed=task.seed, starts=specs)
    at_found, cpu_after = time.monotonic(), time.process_time()
    schedule = to_schedule(compiled, found.outcome, "search")
    violations = validate(case.instance, schedule)
    at_valid = time.monotonic()
    facts = {
        "seconds": at_valid - began,
        "parts": {
            "compile": at_compiled - began,
            "search": at_found - at_compiled,
            "validate": at_valid - at_found,
        },
        "search_cpu_seconds": cpu_after - cpu_before,
        "n_violations": len(violations),
        "guard_acted": found.guard_acted,
        "is_even": found.is_even,
        "iterations": sum(found.iterations),
        "start": found.start_name,
    }
    return _Searched(schedule, facts)


def peak_memory_mb() -> float:
    """Return the peak resident memory of this process; 0 where the system does not say.

    Not `ru_maxrss`: that begins with the parent's.
    """
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s+(\d+)", status.read_text()) if status.exists() else None
    return int(found.group(1)) / 1024 if found else 0.0


def sizes_report(results: Sequence[Mapping[str, Any]]) -> PartReport:
    """Return the table of sizes: one line per search."""
    lines = [
        f"{'ops':>6}{'seconds':>9}{'compile':>9}{'search':>9}{'its CPU':>9}{'validate':>9}{'peak MB':>9}"
        f"{'avoidable: greedy':>19}{'tuned':>11}{'best tuned':>11}{'search':>11}{'/tuned':>8}{'/best':>8}"
        f"{'total /best':>12}{'moves':>11}  start"
    ]
    goals = []
    for row in results:
        n, kpis = row["n_operations"], row["kpis"]
        avoidable = {name: values[AVOIDABLE] for name, values in kpis.items()}
        best, tuned = avoidable["best of tuned rules"], avoidable[TUNED]
        for name, facts in row["searches"].items():
            parts, ours = facts["parts"], avoidable[name]
            total = kpis[name]["weighted_tardiness"] / kpis["best of tuned rules"]["weighted_tardiness"]
            lines.append(
                f"{n:6d}{facts['seconds']:9.2f}{parts['compile']:9.2f}{parts['search']:9.2f}"
                f"{facts['search_cpu_seconds']:9.2f}{parts['validate']:9.2f}"
                f"{row['memory_mb']:9.0f}{avoidable['greedy']:19.0f}{tuned:11.0f}{best:11.0f}{ours:11.0f}"
                f"{_over(ours, tuned):8.3f}{_over(ours, best):8.3f}{total:12.3f}{facts['iterations']:11d}"
                f"  {facts['start']}{'' if facts['is_even'] else ', spread given up'}"
            )
        last = LONG if LONG in row["searches"] else SHORT
        seconds = max(facts["seconds"] for facts in row["searches"].values())
        goals.append(Goal(f"{n} operations, seconds to a validated plan", seconds, LIMITS.get(n, 30.0)))
        if n in RATIO_LIMITS:
            ratio = _over(avoidable[last], tuned)
            goals.append(Goal(f"{n} operations, avoidable / best tuned rule", ratio, RATIO_LIMITS[n]))
        violations = sum(facts["n_violations"] for facts in row["searches"].values())
        goals.append(Goal(f"{n} operations, violations", float(violations), 0))
    return PartReport(
        "sizes: loaded instance to validated plan", tuple(lines), tuple(goals), facts={"sizes": results}
    )


def _over(ours: float, theirs: float) -> float:
    return ours / theirs if theirs > 0 else 1.0
