"""One row per player and case, stored as it is made: a killed bench goes on where it stopped.

A stored row counts only for the same instance, the same settings of the player and the same source of engine
and reference: an edited solver is measured again. Compares nothing.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from statistics import pstdev
from typing import Any

import shopfloor
from shopfloor.domain.bounds import earliest_completions
from shopfloor.domain.fingerprint import instance_fingerprint
from shopfloor.domain.instance import Instance
from shopfloor.domain.kpis import busy_minutes, compute_kpis, late_cohort
from shopfloor.domain.open_time import WindowKind
from shopfloor.domain.schedule import Schedule
from shopfloor.domain.validator import validate
from shopfloor.engine.arrays import Compiled, compile_instance
from shopfloor.engine.dispatch import greedy_list, to_schedule
from shopfloor.engine.objective import Objective
from shopfloor.engine.optimise import plan_cost
from shopfloor.evaluation.search_cases import SearchCase
from shopfloor.evaluation.search_players import Player

log = logging.getLogger(__name__)
SOLVER_SOURCES = (
    "engine/**/*.py",
    "domain/*.py",
    "policies/exact*.py",
    "evaluation/search_players.py",
    "evaluation/search_sizes.py",
)


@dataclass(frozen=True)
class SearchRow:
    """One player on one case.

    Attributes:
        key: Of everything that the row depends on.
        cost: By the objective of the bench.
        n_violations: What the validator found; 0 is the only good number.
        kpis: By name, numbers only.
        facts: What the player says of itself.
    """

    key: str
    case: str
    player: str
    n_operations: int
    wall_seconds: float
    cpu_seconds: float
    cost: float
    n_violations: int
    kpis: Mapping[str, float]
    facts: Mapping[str, float | str] = field(default_factory=dict)


class Arena:
    """One case made ready for all players."""

    def __init__(self, case: SearchCase, objective: Objective) -> None:
        self.case = case
        self.objective = objective

    @cached_property
    def fingerprint(self) -> str:
        """Hash of what a solver may know."""
        return instance_fingerprint(self.case.instance)

    @cached_property
    def compiled(self) -> Compiled:
        """The arrays."""
        return compile_instance(self.case.instance)

    @cached_property
    def alone(self) -> dict[str, int]:
        """Earliest completion of each job alone."""
        return earliest_completions(self.case.instance)

    @cached_property
    def cohort(self) -> frozenset[str]:
        """Jobs that greedy delivers late."""
        return late_cohort(
            self.case.instance, to_schedule(self.compiled, greedy_list(self.compiled), "greedy")
        )

    def key_of(self, player: Player) -> str:
        """Return what names a player's row on this case."""
        parts = (solver_hash(), self.fingerprint, player.name, player.settings, repr(self.objective))
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]

    def play(self, player: Player, *, seed: int) -> SearchRow:
        """Return the player's scores."""
        played = player.play(self.compiled, seed=seed)
        instance, schedule = self.case.instance, to_schedule(self.compiled, played.outcome, player.name)
        kpis = dict(compute_kpis(instance, schedule, cohort=self.cohort, alone=self.alone).as_dict())
        kpis["utilisation_std_between_centres"] = std_between_centres(instance, schedule)
        return SearchRow(
            key=self.key_of(player),
            case=self.case.name,
            player=player.name,
            n_operations=self.compiled.n_operations,
            wall_seconds=played.wall_seconds,
            cpu_seconds=played.cpu_seconds,
            cost=plan_cost(self.compiled, played.outcome, self.objective),
            n_violations=len(validate(instance, schedule)),
            kpis={name: float(value) for name, value in kpis.items() if value is not None},
            facts=played.facts,
        )


def std_between_centres(instance: Instance, schedule: Schedule) -> float:
    """Return the utilisation spread that stays when each work centre shares its work evenly.

    Eligibility, speeds and setups left aside, no plan of the same length has less: the work of a centre is given.
    """
    end = max((item.end for item in schedule.operations), default=instance.now)
    busy: Counter[str] = Counter()
    opened: Counter[str] = Counter()
    for machine in instance.plant.machines:
        name = machine.machine_type
        open_time = instance.open_time[machine.machine_id]
        opened[name] += machine.capacity * open_time.work_between(instance.now, end, WindowKind.REGULAR)
        items = schedule.by_machine.get(machine.machine_id, ())
        busy[name] += sum(busy_minutes(instance, item) for item in items)
    shares = [
        busy[machine.machine_type] / opened[machine.machine_type]
        for machine in instance.plant.machines
        if opened[machine.machine_type]
    ]
    return pstdev(shares) if shares else 0.0


@lru_cache(maxsize=1)
def solver_hash() -> str:
    """Return the hash of every source that decides what a player does."""
    digest = hashlib.sha256()
    root = Path(next(iter(shopfloor.__path__)))
    for pattern in SOLVER_SOURCES:
        for source in sorted(root.glob(pattern)):
            if source.name.startswith("exact_bound"):
                continue
            digest.update(source.name.encode() + source.read_bytes())
    return digest.hexdigest()


class RowStore:
    """A JSON-lines file of rows of any kind, by key."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: dict[str, dict[str, Any]] = {}
        if path.exists():
            text = path.read_text(encoding="utf-8")
            if text and not text.endswith("\n"):
                with path.open("a", encoding="utf-8") as file:
                    file.write("\n")
            for line in text.splitlines():
                try:
                    row = json.loads(line)
                    self._known[row["key"]] = row
                except (ValueError, TypeError, KeyError):
                    log.warning("stored row is cut: file=%s", path)

    def get(self, key: str) -> dict[str, Any] | None:
        """Return a stored row, or None."""
        return self._known.get(key)

    def add(self, row: Mapping[str, Any]) -> None:
        """Store a row at once; it holds its `key`."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row, sort_keys=True) + "\n")
        self._known[row["key"]] = dict(row)

    def row_of(self, arena: Arena, player: Player, *, seed: int) -> SearchRow:
        """Return the player's row on a case, played now unless it is stored."""
        known = self.get(arena.key_of(player))
        if known is not None:
            return SearchRow(**known)
        row = arena.play(player, seed=seed)
        self.add(asdict(row))
        return row
