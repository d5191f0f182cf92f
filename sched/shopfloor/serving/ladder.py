"""Climb down to a plan that can be run: policy and search, search, tuned rule, greedy, last good plan.

Greedy is made first, so there is a plan before anything clever starts. The independent validator looks at
every rung; the highest one that is valid, no worse than greedy and within the cap on moved operations wins;
where none keeps the cap, the highest one that is valid and no worse. Every failure leaves exactly one
incident. It reads and writes no database.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from shopfloor.data.incidents import Incident
from shopfloor.domain.instance import Instance
from shopfloor.domain.kpis import Kpis, compute_kpis, late_cohort
from shopfloor.domain.schedule import Schedule
from shopfloor.domain.validator import validate
from shopfloor.engine.arrays import Compiled, compile_instance
from shopfloor.engine.dispatch import dispatch, greedy_list, to_schedule
from shopfloor.engine.rules import RuleSpec
from shopfloor.serving.champion import Champion
from shopfloor.serving.rungs import Attempt, Rung, worse_figures
from shopfloor.serving.search_settings import SearchReport, SearchSettings
from shopfloor.serving.solver_process import SolverAnswer, SolverLimits, SolverRequest, solve_in_child

log = logging.getLogger(__name__)

Solve = Callable[[SolverRequest, SolverLimits], SolverAnswer]


@dataclass(frozen=True)
class LadderRequest:
    """What the ladder is asked.

    Attributes:
        champion: Proven model, or None.
        may_use_champion: False while the breaker is open.
        order: What is searched for.
    """

    instance: Instance
    champion: Champion | None
    limits: SolverLimits = field(default_factory=SolverLimits)
    may_use_champion: bool = True
    order: SearchSettings = field(default_factory=SearchSettings)


@dataclass(frozen=True)
class LadderResult:
    """The plan to be written, and why it is this one.

    Attributes:
        schedule: None on the last rung: the plan in force stays.
        kpis: Of the schedule.
        greedy: The plant's own greedy, for comparison; None when it failed.
        champion_was_bad: None = it was not tried.
        search: What the chosen plan's search did; None when a rule or greedy made it, or it was killed.
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
    search: SearchReport | None
    timings: Mapping[str, float] = field(default_factory=dict)
    stale_operations: tuple[str, ...] = ()


def climb(request: LadderRequest, *, solve: Solve = solve_in_child) -> LadderResult:
    """Return the best plan that can be had; never raises for what a rung does.

    Args:
        solve: Runs a search, the champion's or the bare one; it answers, whatever happens.

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
        self._answers: dict[Rung, SolverAnswer] = {}
        self._cohort: frozenset[str] | None = None
        self._began = time.perf_counter()

    def run(self, solve: Solve) -> LadderResult:
        compiled = compile_instance(self._instance)
        self._try_greedy(compiled)
        self._try_rule(compiled)
        self._try_champion(solve)
        if not self._is_fit(Rung.CHAMPION):
            self._try_search(Rung.SEARCH, solve)
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
            champion_was_bad=self._champion_was_bad(),
            search=self._report_of(chosen),
            timings=self._timings,
            stale_operations=stale,
        )
        log.info("ladder rung=%s incidents=%s", result.rung, [incident.code for incident in self._incidents])
        return result

    def _champion_was_bad(self) -> bool | None:
        answer = self._answers.get(Rung.CHAMPION)
        return None if answer is None else answer.failure is not None or not self._is_fit(Rung.CHAMPION)

    def _report_of(self, chosen: Attempt | None) -> SearchReport | None:
        answer = self._answers.get(chosen.rung) if chosen else None
        return answer.report if answer else None

    def _try_greedy(self, compiled: Compiled) -> None:
        attempt = self._attempt(
            Rung.GREEDY, lambda: to_schedule(compiled, greedy_list(compiled), "greedy"), "GREEDY_FAILED"
        )
        if attempt is None:
            return
        if attempt.is_valid:
            self._cohort = late_cohort(self._instance, attempt.schedule)
            kpis = compute_kpis(self._instance, attempt.schedule, cohort=self._cohort)
            self._attempts[Rung.GREEDY] = replace(attempt, kpis=kpis)
        else:
            self._report("GREEDY_INVALID", "critical", "greedy made a plan that cannot be run", attempt)

    def _try_rule(self, compiled: Compiled) -> None:
        rule = self._request.champion.model.rule if self._request.champion else RuleSpec()
        attempt = self._attempt(
            Rung.RULE, lambda: to_schedule(compiled, dispatch(compiled, rule), rule.name), "RULE_FAILED"
        )
        if attempt is not None and not attempt.is_valid:
            self._report("PLAN_INVALID", "error", f"{rule.name} made a plan that cannot be run", attempt)

    def _try_champion(self, solve: Solve) -> None:
        champion = self._request.champion
        if champion is None:
            return
        if self._request.may_use_champion:
            self._try_search(Rung.CHAMPION, solve)
        else:
            self._add(
                "BREAKER_OPEN", "warning", "the champion rests: it failed too often", version=champion.version
            )

    def _try_search(self, rung: Rung, solve: Solve) -> None:
        """Search in a child and judge what came back: the best plan so far after a deadline, else the end's."""
        request = SolverRequest(self._instance, order=self._request.order)
        who, champion = "the search", self._request.champion
        facts: dict[str, Any] = {"rung": rung.value}
        if rung is Rung.CHAMPION and champion is not None:
            request = replace(request, bundle_path=champion.path, bundle_hash=champion.bundle_hash)
            who, facts["version"] = f"champion {champion.version}", champion.version
        began = time.perf_counter()
        answer = self._answers[rung] = solve(request, self._request.limits)
        self._timings |= {
            f"{rung}_startup_s": answer.startup_s,
            f"{rung}_search_s": answer.search_s,
            f"{rung}_s": time.perf_counter() - began,
        }
        code = None if answer.failure is None else answer.failure.code
        if answer.failure is not None:
            severity = "warning" if code == "DEADLINE" else "error"
            self._add(
                answer.failure.code, severity, answer.failure.summary, **answer.failure.context, **facts
            )
        if answer.schedule is not None and code in (None, "DEADLINE"):
            self._judge(rung, who, answer.schedule)

    def _judge(self, rung: Rung, who: str, schedule: Schedule) -> None:
        attempt = self._attempt(rung, lambda: schedule, "PLAN_INVALID")
        if attempt is None:
            return
        if not attempt.is_valid:
            self._report("PLAN_INVALID", "error", f"{who} made a plan that cannot be run", attempt)
        elif worse := self._worse(attempt):
            self._report(
                "PLAN_WORSE",
                "warning",
                f"{who} made a plan worse than greedy's in {', '.join(worse)}",
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
        fit = [self._attempts[rung] for rung in Rung if self._is_fit(rung)]
        if not fit:
            self._add(
                "NO_VALID_PLAN", "critical", "no rung made a plan that can be run: the plan in force stays"
            )
            return None
        cap = self._request.order.max_moved
        calm = [attempt for attempt in fit if cap is None or _moved(attempt) <= cap]
        chosen = (calm or fit)[0]
        facts = {"rung": fit[0].rung.value, "moved_operations": _moved(fit[0]), "max_moved": cap}
        text = f"moves {_moved(fit[0])} operations against the one in force, {cap} are allowed"
        if not calm:
            self._add("MOVED_TOO_MUCH", "warning", f"the plan {text}", **facts)
        elif chosen is not fit[0]:
            self._add(
                "CALMER_PLAN",
                "info",
                f"the plan of the rung {chosen.rung} is taken: {fit[0].rung}'s {text}",
                **facts,
            )
        return chosen

    def _is_fit(self, rung: Rung) -> bool:
        attempt = self._attempts.get(rung)
        return attempt is not None and attempt.is_valid and not self._worse(attempt)

    def _worse(self, attempt: Attempt) -> tuple[str, ...]:
        greedy = self._attempts.get(Rung.GREEDY)
        answer = self._answers.get(attempt.rung)
        return worse_figures(
            attempt,
            greedy,
            overtime_hours=self._request.order.overtime_hours,
            is_even=answer is None or answer.report is None or answer.report.is_even,
        )

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


def _moved(attempt: Attempt) -> int:
    return 0 if attempt.kpis is None else attempt.kpis.moved_operations


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
