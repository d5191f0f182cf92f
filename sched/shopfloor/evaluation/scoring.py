"""Score contestants on a suite: same instances, same noise, independent validator, one KPI definition.

It compares nothing. A row that is stored already (same suite, same contestant, same case) is not computed
again, so a killed evaluation finishes what is missing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from shopfloor.domain.bounds import earliest_completions
from shopfloor.domain.instance import Instance
from shopfloor.domain.kpis import compute_kpis, late_cohort
from shopfloor.domain.schedule import Schedule
from shopfloor.domain.validator import validate
from shopfloor.domain.violation import Violation
from shopfloor.engine.arrays import Compiled, compile_instance
from shopfloor.engine.compile_operations import run_minutes
from shopfloor.engine.dispatch import Outcome, to_schedule
from shopfloor.engine.scenario import Scenario, realise
from shopfloor.evaluation.contestant import Contestant, greedy
from shopfloor.evaluation.evidence import ScoreRow, ScoreTable
from shopfloor.evaluation.world import happened, turned_out

if TYPE_CHECKING:
    from shopfloor.twin.bank import SuiteCase

log = logging.getLogger(__name__)
Progress = Callable[[int, int, str], None]
"""Called with (done, total, what)."""


@dataclass(frozen=True)
class Arena:
    """One case made ready: compiled once, its future drawn once, for all contestants.

    Attributes:
        name: Of the case.
        compiled: The instance's arrays.
        scenario: What really happens; None on static cases.
        compile_seconds: What compiling took: part of every plan's time.
    """

    name: str
    compiled: Compiled
    scenario: Scenario | None
    compile_seconds: float

    @property
    def kind(self) -> str:
        """`static` or `dynamic`."""
        return "static" if self.scenario is None else "dynamic"

    @cached_property
    def world(self) -> Instance:
        """The instance as it really happened: what realised completions are scored against."""
        return self.compiled.instance if self.scenario is None else turned_out(self.compiled, self.scenario)

    @cached_property
    def alone(self) -> dict[str, int]:
        """The earliest possible completion of each job, alone in the shop: what nobody can win back."""
        return earliest_completions(self.world)

    @cached_property
    def cohort(self) -> frozenset[str]:
        """The jobs that greedy delivers late on this case."""
        outcome = greedy().play(self.compiled, scenario=self.scenario)
        return late_cohort(self.world, self.schedule_of(outcome, "greedy"))

    def violations(self, schedule: Schedule) -> list[Violation]:
        """Return what the validator finds wrong, on dynamic cases less what is the world's doing alone.

        There durations may differ by the engine's and the domain's rounding of one realised duration (2 minutes at
        most), and an operation that may not be interrupted is interrupted all the same where it fitted as it was
        known at its start and took longer, or its machine broke down. A plan gets no such allowance.
        """
        found = validate(self.world, schedule)
        if self.scenario is None:
            return list(found)
        return [item for item in found if not self._is_fate(item, schedule)]

    def _is_fate(self, violation: Violation, schedule: Schedule) -> bool:
        if violation.code == "RUN_MINUTES":
            run, expected = (float(violation.values[name]) for name in ("run", "expected"))
            return abs(run - expected) <= 2
        if violation.code != "NOT_CONTIGUOUS":
            return False
        known = self.compiled.instance
        row = schedule.by_operation[violation.where]
        machine = known.plant.machines[known.plant.machine_index[row.machine_id]]
        nominal = known.operation_by_id[row.operation_id].processing_minutes
        work = row.setup_minutes + run_minutes(nominal, machine.speed_factor)
        return known.open_time[row.machine_id].fits(row.start, work, row.level) == row.start

    def schedule_of(self, outcome: Outcome, solver: str) -> Schedule:
        """Return the plan, or on dynamic cases what happened."""
        make = to_schedule if self.scenario is None else happened
        return make(self.compiled, outcome, solver)


def enter(case: SuiteCase) -> Arena:
    """Compile a case and draw its future."""
    began = time.perf_counter()
    compiled = compile_instance(case.instance)
    seconds = time.perf_counter() - began
    scenario = None if case.disturbances is None else realise(compiled, case.disturbances, case.scenario_seed)
    return Arena(case.name, compiled, scenario, seconds)


def play(arena: Arena, contestant: Contestant, *, suite_hash: str = "", seed: int = 0) -> ScoreRow:
    """Return the scores of one contestant on one case.

    A static plan is validated against the instance; what happened on a dynamic case against the world as it
    was.
    """
    began = time.perf_counter()
    outcome = contestant.play(arena.compiled, scenario=arena.scenario, seed=seed)
    schedule = arena.schedule_of(outcome, contestant.name)
    violations = arena.violations(schedule)
    seconds = arena.compile_seconds + time.perf_counter() - began
    if violations:
        log.warning(
            "plan is not valid: contestant=%s case=%s first=%s", contestant.name, arena.name, violations[0]
        )
    return ScoreRow(
        suite_hash=suite_hash,
        case=arena.name,
        kind=arena.kind,
        contestant=contestant.name,
        contestant_hash=contestant.content_hash,
        n_operations=arena.compiled.n_operations,
        seconds=seconds,
        n_violations=len(violations),
        kpis=kpis_of(arena, schedule),
    )


def kpis_of(arena: Arena, schedule: Schedule) -> dict[str, float]:
    """Return the KPIs by name, numbers only."""
    values = compute_kpis(arena.world, schedule, cohort=arena.cohort, alone=arena.alone).as_dict()
    return {name: float(value) for name, value in values.items() if isinstance(value, int | float)}


def score_on_suite(
    contestants: Mapping[str, Contestant],
    suite: Sequence[SuiteCase],
    *,
    suite_hash: str,
    store: Path | None = None,
    progress: Progress | None = None,
) -> ScoreTable:
    """Return every contestant's scores on every case that it may play.

    Args:
        contestants: By name; one that samples plays static cases only.
        suite: The cases.
        suite_hash: Names the suite in the rows.
        store: JSON-lines file of rows; read first, appended to as rows are made. Two names for one way of
            working are scored once.
        progress: Called after every row.
    """
    known = {row.key: row for row in read_rows(store)} if store is not None else {}
    plan = [
        (case, [c for c in contestants.values() if case.disturbances is None or not c.is_static_only])
        for case in suite
    ]
    total = sum(len(players) for _, players in plan)
    rows: list[ScoreRow] = []
    for case, players in plan:
        arena: Arena | None = None
        for contestant in players:
            row = known.get((suite_hash, contestant.content_hash, case.name))
            if row is None:
                arena = arena or enter(case)
                row = play(arena, contestant, suite_hash=suite_hash, seed=case.scenario_seed)
                known[row.key] = row
                if store is not None:
                    append_row(store, row)
            rows.append(replace(row, contestant=contestant.name))
            if progress is not None:
                progress(len(rows), total, f"{contestant.name} on {case.name}")
    return ScoreTable(tuple(rows))


def read_rows(store: Path) -> list[ScoreRow]:
    """Read stored rows; a last line that was cut by a kill is ignored."""
    if not store.exists():
        return []
    rows = []
    for line in store.read_text(encoding="utf-8").splitlines():
        try:
            rows.append(ScoreRow.from_json(line))
        except (ValueError, TypeError):
            log.warning("stored row is cut or of another version: file=%s", store)
    return rows


def append_row(store: Path, row: ScoreRow) -> None:
    """Append one row, on a line of its own even after a line that was cut."""
    store.parent.mkdir(parents=True, exist_ok=True)
    with store.open("a+b") as file:
        file.seek(0, 2)
        if file.tell() and _last_byte(store) != b"\n":
            file.write(b"\n")
        file.write(row.as_json().encode() + b"\n")
        file.flush()


def _last_byte(store: Path) -> bytes:
    with store.open("rb") as file:
        file.seek(-1, 2)
        return file.read(1)
