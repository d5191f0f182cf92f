"""Planning again at every event against rules and the learned policy: wiring only, the judging is `evaluation`'s.

Every played case is stored under home as it is made, so that a killed bench goes on where it stopped.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.bench import last_cycle
from flows.durations import duration_text
from flows.learning_plant import OWN, PlantChoice, choose_plant, twin_of
from flows.weekly_steps import SUITE_SEED
from shopfloor.domain.errors import RefusedInput
from shopfloor.settings import read_settings

if TYPE_CHECKING:
    from shopfloor.engine.actor import ActorSpec
    from shopfloor.engine.rules import RuleSpec
    from shopfloor.evaluation.replan_bench import ReplanPlayer, ReplanRow, ReplanTable
    from shopfloor.evaluation.scoring import Arena
    from shopfloor.evaluation.search_rows import RowStore
    from shopfloor.twin.bank import SuiteCase
    from shopfloor.twin.model import TwinModel

Say = Callable[[str], None]
STORE = "replan.jsonl"
N_RULES = 2
"""Tuned rules that play: the best on the training bank first."""

TUNING_SEED = 700_000
"""First seed of the instances that rules are tuned on where there is no weekly cycle."""


@dataclass(frozen=True, slots=True)
class ReplanOptions:
    """What is asked.

    Attributes:
        n_cases: Cases with a hidden future.
        budgets_ms: CPU milliseconds of the search at each planning; the first plays every variant.
        plant: `own`, `default`, `tiny`; None = own where there is one.
        model: Folder of a model bundle; None = the candidate of the last weekly cycle, if there is one.
        are_all: Also play the other ways to follow a plan and to be woken.
        is_fresh: Forget the rows that are stored.
    """

    n_cases: int = 10
    budgets_ms: tuple[float, ...] = (10.0, 50.0, 200.0)
    plant: str | None = None
    model: Path | None = None
    are_all: bool = True
    is_fresh: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.budgets_ms or min(self.budgets_ms) <= 0:
            raise ValueError(f"budgets are positive milliseconds: {self.budgets_ms}\nhint: 10,50,200")


@dataclass(frozen=True)
class ReplanReport:
    """The answer of `bench replan`.

    Attributes:
        moves: Of the search by budget.
    """

    plant: str
    moves: Mapping[str, int]
    table: ReplanTable
    seconds: float

    def text(self) -> str:
        """Return the table."""
        bought = ", ".join(f"{name} = {n} moves" for name, n in self.moves.items())
        return f"plant {self.plant}; {bought}\n{self.table.text()}\n{duration_text(self.seconds)} now"

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "plant": self.plant,
            "moves": dict(self.moves),
            "seconds": self.seconds,
            **self.table.as_dict(),
        }


def run_bench_replan(options: ReplanOptions, *, say: Say, home: Path | None = None) -> ReplanReport:
    """Play everybody on every case, and compare.

    Args:
        say: Hears what is going on, with the time left.
        home: Where rows are kept; None = the settings' home.

    Raises:
        RefusedInput: The model in the folder is a rule and not a policy.
    """
    from shopfloor.evaluation.replan_bench import players, table_of
    from shopfloor.evaluation.search_rows import RowStore

    began = time.monotonic()
    path = (home or read_settings().home_dir) / "bench" / STORE
    if options.is_fresh:
        path.unlink(missing_ok=True)
    store = RowStore(path)
    plant = choose_plant(options.plant)
    twin = twin_of(plant)
    rules, policy = _learned(store, plant, twin, options.model, say)
    cases = _cases(twin, options.n_cases)
    moves = _moves(store, cases[0], rules[0], options.budgets_ms)
    everybody = players(rules, policy, moves, are_all=options.are_all)
    if policy is None:
        say("no learned policy: shopfloor weekly makes one, or --model names one")
    rows = _play_all(store, cases, everybody, options.seed, say)
    return ReplanReport(plant.identity, moves, table_of(rows, everybody), time.monotonic() - began)


def _cases(twin: TwinModel, n_cases: int) -> list[SuiteCase]:
    """Return the first cases with a hidden future of the frozen suite."""
    from shopfloor.twin.suite import frozen_suite

    return [case for case in frozen_suite(twin, 3 * n_cases, seed=SUITE_SEED) if case.disturbances]


def _learned(
    store: RowStore, plant: PlantChoice, twin: TwinModel, model: Path | None, say: Say
) -> tuple[tuple[RuleSpec, ...], ActorSpec | None]:
    """Return the best tuned rules, and the policy if there is one."""
    from shopfloor.engine.actor import ActorSpec
    from shopfloor.policies.bundle import load_bundle
    from shopfloor.training.tune_rules import TunedRules

    folder = model
    if plant.name == OWN:
        facts, cycle = last_cycle()
        rules = TunedRules.from_rows(facts["tuned_rules"]).specs
        folder = model or cycle / "candidate"
    else:
        rules = _tuned(store, plant, twin, say)
    if folder is None:
        return rules[:N_RULES], None
    spec = load_bundle(folder).spec()
    if isinstance(spec, ActorSpec):
        return rules[:N_RULES], spec
    if model is not None:
        raise RefusedInput(f"the model is a rule and not a policy: {model}\nhint: name a trained candidate")
    return rules[:N_RULES], None


def _tuned(store: RowStore, plant: PlantChoice, twin: TwinModel, say: Say) -> tuple[RuleSpec, ...]:
    """Return rules tuned to a plant that has had no weekly cycle; they are tuned once per home."""
    from shopfloor.engine.arrays import compile_instance
    from shopfloor.engine.kernel_cache import kernel_hash
    from shopfloor.training.presets import TunePreset
    from shopfloor.training.tune_rules import TunedRules, tune_rules
    from shopfloor.twin.bank import training_bank

    key = f"rules-{plant.identity}-{kernel_hash()}"
    known = store.get(key)
    if known is not None:
        return TunedRules.from_rows(known["rules"]).specs
    say("rules: tuning on 12 training instances")
    bank = [compile_instance(item) for item in training_bank(twin, range(TUNING_SEED, TUNING_SEED + 12))]
    budget = TunePreset(n_instances=len(bank), n_trials=40, n_refinements=15)
    tuned = tune_rules(bank, budget=budget, seed=0)
    store.add({"key": key, "rules": tuned.as_rows()})
    return tuned.specs


def _moves(store: RowStore, case: SuiteCase, rule: RuleSpec, budgets_ms: Sequence[float]) -> dict[str, int]:
    """Return the moves that each budget buys, by its name; the pace is measured once per home."""
    from shopfloor.engine.arrays import compile_instance
    from shopfloor.engine.kernel_cache import kernel_hash
    from shopfloor.evaluation.replanning import moves_per_ms

    key = f"pace-{len(case.instance.operations)}-{kernel_hash()}"
    known = store.get(key)
    if known is None:
        known = {"key": key, "pace": moves_per_ms(compile_instance(case.instance), rule)}
        store.add(known)
    return {f"{budget:g} ms": max(1, round(budget * known["pace"])) for budget in budgets_ms}


def _play_all(
    store: RowStore,
    cases: Sequence[SuiteCase],
    everybody: Sequence[ReplanPlayer],
    seed: int,
    say: Say,
) -> list[ReplanRow]:
    """Return all rows; what is not stored is played, cheap players first, and the time left is told."""
    from shopfloor.evaluation.replan_bench import keep, play, stored
    from shopfloor.evaluation.scoring import enter

    rows, missing = [], []
    for case in cases:
        for player in everybody:
            row = stored(store, case, player, seed=seed)
            if row is None:
                missing.append((case, player))
            else:
                rows.append(row)
    say(f"{len(rows)} of {len(rows) + len(missing)} rows are there")
    missing.sort(key=lambda pair: 0 if pair[1].settings is None else pair[1].settings.moves)
    weights = [2000 if player.settings is None else 5000 + player.settings.moves for _, player in missing]
    arenas: dict[str, Arena] = {}
    began = time.monotonic()
    for number, (case, player) in enumerate(missing, start=1):
        if case.name not in arenas:
            arenas[case.name] = enter(case)
        row = play(arenas[case.name], case, player, seed=seed)
        keep(store, row)
        rows.append(row)
        left = (time.monotonic() - began) * sum(weights[number:]) / sum(weights[:number])
        say(f"[{number}/{len(missing)}] {player.name} on {case.name}, about {duration_text(left)} left")
    return rows
