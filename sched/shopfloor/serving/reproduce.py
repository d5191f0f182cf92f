"""Make a stored plan again: the same problem, settings, model and steps, on the rung that made it.

It compares and explains; it writes nothing. A search that its clock cut short is done again move by move; one
that was killed left no record of where it stood, and cannot be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shopfloor.domain.instance import Instance
from shopfloor.domain.schedule import Schedule, ScheduledOperation
from shopfloor.engine.arrays import compile_instance
from shopfloor.engine.dispatch import dispatch, greedy_list, to_schedule
from shopfloor.engine.rules import RuleSpec
from shopfloor.serving.champion import Champion
from shopfloor.serving.rungs import SEARCHED, Rung
from shopfloor.serving.search_settings import Replay, SearchReport, SearchSettings, report_from
from shopfloor.serving.solver_process import (
    COMPILING_S,
    SolverLimits,
    SolverRequest,
    Watch,
    solve_in_child,
)

PATIENCE_S = 900.0
"""A replay is bound by its moves; this ends one that hangs."""


@dataclass(frozen=True)
class StoredFacts:
    """What was stored with a plan; `solver_facts` of its run.

    Attributes:
        settings: `serving.daily.plan_settings` of then.
        bundle_hash: Of the model that the plan depends on; None = on none.
        engine: Hash of the kernels.
        instance: Fingerprint of the problem.
        search: What the search did; None for other rungs and for one that was killed.
    """

    rung: Rung
    settings: Mapping[str, Any]
    bundle_hash: str | None
    engine: str
    instance: str
    search: SearchReport | None

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> StoredFacts:
        """Return the facts of a stored run.

        Raises:
            ValueError: A fact is missing or of another form.
        """
        try:
            search = None if values["search"] is None else report_from(values["search"])
            return cls(
                rung=Rung(values["rung"]),
                settings=dict(values["settings"]),
                bundle_hash=values["bundle_hash"],
                engine=str(values["engine"]),
                instance=str(values["instance"]),
                search=search,
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"a fact is missing: {error}") from error


class NotMadeAgain(RuntimeError):
    """The rung that made the plan makes none now; the message says why."""


def make_again(
    instance: Instance,
    facts: StoredFacts,
    order: SearchSettings,
    *,
    champion: Champion | None,
    watch: Watch | None = None,
) -> Schedule:
    """Return the plan that the stored rung makes now.

    Args:
        order: From the settings of then.
        champion: The model of then; None where the plan depends on none.

    Raises:
        NotMadeAgain: The search failed.
    """
    if facts.rung not in SEARCHED:
        compiled = compile_instance(instance)
        if facts.rung is Rung.GREEDY:
            return to_schedule(compiled, greedy_list(compiled), "greedy")
        rule = champion.model.rule if champion else RuleSpec()
        return to_schedule(compiled, dispatch(compiled, rule), rule.name)
    request = SolverRequest(
        instance,
        None if champion is None else champion.path,
        "" if champion is None else champion.bundle_hash,
        order,
        None
        if facts.search is None
        else Replay(facts.search.iterations, facts.search.samples, facts.search.rule_tries),
    )
    is_killed = facts.search is None
    deadline = float(facts.settings["deadline_s"]) if is_killed else PATIENCE_S
    answer = solve_in_child(request, SolverLimits(deadline, COMPILING_S), watch=watch)
    if answer.schedule is None or (answer.failure is not None and not is_killed):
        code = "SOLVER_SILENT" if answer.failure is None else answer.failure.code
        text = "" if answer.failure is None else answer.failure.summary
        raise NotMadeAgain(f"the search ended without its plan: {code}: {text}")
    return answer.schedule


def differences(instance: Instance, then: Schedule, now: Schedule) -> list[str]:
    """Return what two plans decide differently, one line per operation, earliest start first."""
    before, after = then.by_operation, now.by_operation
    changed = [name for name in before.keys() | after.keys() if before.get(name) != after.get(name)]

    def first_start(name: str) -> tuple[int, str]:
        items = [item for item in (before.get(name), after.get(name)) if item is not None]
        return min(item.start for item in items), name

    return [
        f"{name}: {_place(instance, after.get(name))}, stored {_place(instance, before.get(name))}"
        for name in sorted(changed, key=first_start)
    ]


def _place(instance: Instance, item: ScheduledOperation | None) -> str:
    if item is None:
        return "no place"
    start, end = (instance.to_datetime(minute) for minute in (item.start, item.end))
    level = f" level {item.level}" if item.level else ""
    return f"{item.machine_id}/{item.slot} {start:%Y-%m-%d %H:%M}-{end:%Y-%m-%d %H:%M}Z{level}"


def possible_causes(
    facts: StoredFacts, *, engine_now: str, instance_now: str, code: Sequence[str | None]
) -> list[str]:
    """Return what can explain another plan; nothing = a defect of ours.

    Args:
        code: Commit of then and of now; None or empty = unknown.
    """
    causes = []
    if facts.instance != instance_now:
        causes.append(
            f"the stored data makes another problem now ({facts.instance[:12]} then, {instance_now[:12]} now): "
            "checks or assembly of the data have changed"
        )
    if facts.engine != engine_now:
        causes.append(f"the engine is of another version: {facts.engine} then, {engine_now} now")
    if facts.rung in SEARCHED and facts.search is None:
        causes.append("the search was killed at its deadline then: where it stood is not known")
    elif facts.search is not None and facts.search.is_cut:
        causes.append("the deadline cut the search then; its moves were done again up to there")
    then, now = code
    if then and now and then != now:
        causes.append(f"the code is of another commit: {then[:12]} then, {now[:12]} now")
    return causes
