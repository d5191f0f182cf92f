"""Climb down from the champion to a plan that can be run: champion, tuned rule, greedy, last good plan.

Greedy is made first, so there is a plan before anything clever starts. The independent validator looks at
every rung; the highest one that is valid and no worse than greedy wins. Every failure leaves exactly one
incident. It reads and writes no database.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from shopfloor.data.incidents import Incident
from shopfloor.domain.instance import Instance
from shopfloor.domain.kpis import Kpis, compute_kpis, late_cohort
from shopfloor.domain.schedule import Schedule
from shopfloor.domain.validator import Violation, validate
from shopfloor.engine.arrays import Compiled, compile_instance
from shopfloor.engine.dispatch import dispatch, greedy_list, to_schedule
from shopfloor.engine.rules import RuleSpec
from shopfloor.serving.champion import Champion
from shopfloor.serving.solver_process import SolverAnswer, SolverLimits, SolverRequest, solve_in_child

log = logging.getLogger(__name__)

TOLERANCE_DAYS = 1e-6
Solve = Callable[[SolverRequest, SolverLimits], SolverAnswer]


class Rung(StrEnum):
    """Who made the plan, best first."""

    CHAMPION = "champion"
    RULE = "rule"
    GREEDY = "greedy"
    LAST_GOOD = "last_good"


@dataclass(frozen=True)
class LadderRequest:
    """What the ladder is asked.

    Attributes:
        champion: Proven model, or None.
        may_use_champion: False while the breaker is open.
        samples: Plans that the champion may try.
        seed: Of its samples.
    """

    instance: Instance
    champion: Champion | None
    limits: SolverLimits = field(default_factory=SolverLimits)
    may_use_champion: bool = True
    samples: int = 256
    seed: int = 0


@dataclass(frozen=True)
class Attempt:
    """One rung's plan, judged.

    Attributes:
        violations: What the validator found; empty = valid.
        kpis: None when it is not valid.
    """

    rung: Rung
    schedule: Schedule
    violations: tuple[Violation, ...]
    kpis: Kpis | None

    @property
    def is_valid(self) -> bool:
        return not self.violations


@dataclass(frozen=True)
class LadderResult:
    """The plan to be written, and why it is this one.

    Attributes:
        schedule: None on the last rung: the plan in force stays.
        kpis: Of the schedule.
        greedy: The plant's own greedy, for comparison; None when it failed.
        champion_was_bad: None = it was not tried.
        evaluated: Plans that the champion tried.
        timings: Wall seconds per phase.
        stale_operations: On the last rung: operations that the plan in force gets wrong.
    """

    rung: Rung
    schedule: Schedule | None
    kpis: Kpis | None
    greedy: Schedule | None
    greedy_kpis: Kpis | None
    incidents: tuple[Incident, ...]
    champion_was_bad: bool | None
    evaluated: int
    timings: Mapping[str, float] = field(default_factory=dict)
    stale_operations: tuple[str, ...] = ()


def climb(request: LadderRequest, *, solve: Solve = solve_in_child) -> LadderResult:
    """Return the best plan that can be had; never raises for what a rung does.

    Args:
        solve: Runs the champion; it answers, whatever happens.

    Raises:
        InvalidInstance: There is no problem to solve.
    """
    return _Climb(request).run(solve)


class _Climb:
    """One walk over the rungs."""

    def __init__(self, request: LadderRequest) -> None:
        self._request = request
        self._instance = request.instance
        self._incidents: list[Incident] = []
        self._timings: dict[str, float] = {}
        self._attempts: dict[Rung, Attempt] = {}
        self._cohort: frozenset[str] | None = None
        self._began = time.perf_counter()

    def run(self, solve: Solve) -> LadderResult:
        compiled = compile_instance(self._instance)
        self._try_greedy(compiled)
        self._try_rule(compiled)
        answer = self._try_champion(solve)
        chosen = self._choose()
        stale = () if chosen else self._stale()
        greedy = self._attempts.get(Rung.GREEDY)
        self._timings["schedule_seconds"] = time.perf_counter() - self._began
        result = LadderResult(
            rung=chosen.rung if chosen else Rung.LAST_GOOD,
            schedule=chosen.schedule if chosen else None,
            kpis=chosen.kpis if chosen else None,
            greedy=greedy.schedule if greedy else None,
            greedy_kpis=greedy.kpis if greedy else None,
            incidents=tuple(self._incidents),
            champion_was_bad=None if answer is None else self._was_bad(answer, chosen),
            evaluated=0 if answer is None else answer.evaluated,
            timings=self._timings,
            stale_operations=stale,
        )
        log.info("ladder rung=%s incidents=%s", result.rung, [incident.code for incident in self._incidents])
        return result

    @staticmethod
    def _was_bad(answer: SolverAnswer, chosen: Attempt | None) -> bool:
        return answer.failure is not None or chosen is None or chosen.rung is not Rung.CHAMPION

    def _try_greedy(self, compiled: Compiled) -> None:
        attempt = self._attempt(
            Rung.GREEDY, lambda: to_schedule(compiled, greedy_list(compiled), "greedy"), "GREEDY_FAILED"
        )
        if attempt is None:
            return
        if attempt.is_valid:
            self._cohort = late_cohort(self._instance, attempt.schedule)
        else:
            self._report("GREEDY_INVALID", "critical", "greedy made a plan that cannot be run", attempt)

    def _try_rule(self, compiled: Compiled) -> None:
        rule = self._request.champion.model.rule if self._request.champion else RuleSpec()
        attempt = self._attempt(
            Rung.RULE, lambda: to_schedule(compiled, dispatch(compiled, rule), rule.name), "RULE_FAILED"
        )
        if attempt is not None and not attempt.is_valid:
            self._report("PLAN_INVALID", "error", f"{rule.name} made a plan that cannot be run", attempt)

    def _try_champion(self, solve: Solve) -> SolverAnswer | None:
        champion = self._request.champion
        if champion is None:
            return None
        if not self._request.may_use_champion:
            self._add(
                "BREAKER_OPEN", "warning", "the champion rests: it failed too often", version=champion.version
            )
            return None
        began = time.perf_counter()
        answer = solve(
            SolverRequest(
                self._instance, champion.path, champion.bundle_hash, self._request.samples, self._request.seed
            ),
            self._request.limits,
        )
        self._timings |= {
            "champion_startup_s": answer.startup_s,
            "champion_search_s": answer.search_s,
            "champion_s": time.perf_counter() - began,
        }
        if answer.failure is not None:
            severity = "warning" if answer.failure.code == "DEADLINE" else "error"
            context = {**answer.failure.context, "version": champion.version}
            self._add(answer.failure.code, severity, answer.failure.summary, **context)
        self._judge_champion(champion, answer)
        return answer

    def _judge_champion(self, champion: Champion, answer: SolverAnswer) -> None:
        """Validate what came back; after a deadline the best plan so far counts, after a crash none."""
        is_usable = answer.failure is None or (answer.failure.code == "DEADLINE" and answer.improvements > 1)
        if answer.schedule is None or not is_usable:
            return
        schedule = answer.schedule
        attempt = self._attempt(Rung.CHAMPION, lambda: schedule, "PLAN_INVALID")
        if attempt is None:
            return
        if not attempt.is_valid:
            self._report(
                "PLAN_INVALID",
                "error",
                f"champion {champion.version} made a plan that cannot be run",
                attempt,
            )
        elif self._is_worse_than_greedy(attempt):
            self._report(
                "PLAN_WORSE",
                "warning",
                f"champion {champion.version} made a plan worse than greedy's",
                attempt,
            )

    def _attempt(self, rung: Rung, make: Callable[[], Schedule], code: str) -> Attempt | None:
        began = time.perf_counter()
        try:
            schedule = make()
            violations = validate(self._instance, schedule)
            kpis = None if violations else compute_kpis(self._instance, schedule, cohort=self._cohort)
        except Exception as error:
            log.exception("rung_failed rung=%s", rung)
            severity = "critical" if rung is Rung.GREEDY else "error"
            self._add(code, severity, f"the rung {rung} failed: {error}", error=type(error).__name__)
            return None
        attempt = Attempt(rung, schedule, violations, kpis)
        self._attempts[rung] = attempt
        self._timings[f"{rung}_judged_s"] = time.perf_counter() - began
        return attempt

    def _choose(self) -> Attempt | None:
        for rung in (Rung.CHAMPION, Rung.RULE, Rung.GREEDY):
            attempt = self._attempts.get(rung)
            if attempt is not None and attempt.is_valid and not self._is_worse_than_greedy(attempt):
                return attempt
        self._add("NO_VALID_PLAN", "critical", "no rung made a plan that can be run: the plan in force stays")
        return None

    def _is_worse_than_greedy(self, attempt: Attempt) -> bool:
        greedy = self._attempts.get(Rung.GREEDY)
        if greedy is None or greedy.kpis is None or attempt.kpis is None:
            return False
        return attempt.kpis.weighted_tardiness > greedy.kpis.weighted_tardiness + TOLERANCE_DAYS

    def _stale(self) -> tuple[str, ...]:
        """Return the operations for which the plan in force is wrong by now; any is an incident."""
        wrong = stale_operations(self._instance)
        if wrong:
            self._add(
                "STALE_PLAN",
                "critical",
                f"the plan in force is wrong for {len(wrong)} operations",
                operations=list(wrong[:50]),
                n_operations=len(wrong),
            )
        return wrong

    def _report(self, code: str, severity: str, summary: str, attempt: Attempt) -> None:
        greedy = self._attempts.get(Rung.GREEDY)
        self._add(
            code,
            severity,
            summary,
            rung=attempt.rung.value,
            solver=attempt.schedule.solver,
            n_violations=len(attempt.violations),
            violations=[
                {"code": found.code, "where": found.where, "values": dict(found.values)}
                for found in attempt.violations[:5]
            ],
            weighted_tardiness=attempt.kpis.weighted_tardiness if attempt.kpis else None,
            greedy_weighted_tardiness=greedy.kpis.weighted_tardiness if greedy and greedy.kpis else None,
        )

    def _add(self, code: str, severity: str, summary: str, **context: Any) -> None:
        self._incidents.append(Incident(code, severity, summary, context))


def stale_operations(instance: Instance) -> tuple[str, ...]:
    """Return the open operations that the plan in force has no runnable place for.

    An operation is stale when the plan does not know it, when its machine has left or may not do it any
    more, or when its start has passed and it has not begun.
    """
    stale = []
    for operation in instance.operations:
        if operation.operation_id in instance.commitment_by_id:
            continue
        planned = instance.active_plan.get(operation.operation_id)
        eligible = {machine.machine_id for machine in instance.eligible_machines(operation)}
        if planned is None or planned.machine_id not in eligible or planned.start < instance.now:
            stale.append(operation.operation_id)
    return tuple(stale)
