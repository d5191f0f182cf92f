"""The search against rules, best-of-N ATCS and CP-SAT in one run: wiring only, the judging is `evaluation`'s.

Every played case is stored under home as it is made, so that a killed bench goes on where it stopped.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from flows.bench_search_options import SearchBenchOptions
from shopfloor.settings import read_settings

if TYPE_CHECKING:
    from shopfloor.domain.instance import Instance
    from shopfloor.engine.objective import Objective
    from shopfloor.engine.rules import RuleSpec
    from shopfloor.evaluation.search_cases import SearchCase
    from shopfloor.evaluation.search_goals import PartReport
    from shopfloor.evaluation.search_players import Player
    from shopfloor.evaluation.search_rows import RowStore, SearchRow
    from shopfloor.training.tune_rules import TunedRules
    from shopfloor.twin.model import TwinModel

Part = Literal["daily", "kpis", "sizes", "g8", "anchor", "presets"]
PARTS: tuple[Part, ...] = ("daily", "kpis", "g8", "anchor", "sizes", "presets")
Say = Callable[[str], None]

FACTORIES = ((50, 10), (500, 74))
STORE = "search.jsonl"

TUNING_BASE = 700_000
"""First seed of the instances that rules are tuned on."""


@dataclass(frozen=True)
class SearchBench:
    """The answer of `bench search`."""

    options: SearchBenchOptions
    parts: tuple[PartReport, ...]
    seconds: float

    def text(self) -> str:
        """Return all tables and goals."""
        goals = [goal for part in self.parts for goal in part.goals]
        met = sum(goal.is_met for goal in goals)
        last = f"{met} of {len(goals)} goals met in {self.seconds:.0f} s; objective {self.options.objective}"
        return "\n\n".join([*(part.text() for part in self.parts), last])

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "options": asdict(self.options),
            "seconds": self.seconds,
            "parts": [
                {
                    "title": part.title,
                    "goals": [goal.as_dict() for goal in part.goals],
                    "rows": [asdict(row) for row in part.rows],
                    "facts": dict(part.facts),
                }
                for part in self.parts
            ],
        }


def run_bench_search(
    *,
    parts: Sequence[Part],
    options: SearchBenchOptions,
    say: Say,
    home: Path | None = None,
    is_fresh: bool = False,
) -> SearchBench:
    """Measure the search.

    Args:
        parts: Which parts, in the order of `PARTS`.
        say: Hears what is going on, with the time left.
        home: Where rows are kept; None = the settings' home.
        is_fresh: Forget the rows that are stored, for example because the machine was busy.

    Raises:
        BelowBound: A plan is better than what was proven possible.
    """
    began = time.monotonic()
    folder = (home or read_settings().home_dir) / "bench"
    if is_fresh:
        (folder / STORE).unlink(missing_ok=True)
    bench = _Bench(options, say, folder)
    reports = [report for part in PARTS if part in parts for report in bench.run(part)]
    return SearchBench(options, tuple(reports), time.monotonic() - began)


@dataclass
class _Bench:
    """What the parts share: the plant, the tuned rules, the store."""

    options: SearchBenchOptions
    say: Say
    folder: Path
    _twin: TwinModel | None = None
    _today: Instance | None = None
    _tuned: dict[str, TunedRules] = field(default_factory=dict)
    _store: RowStore | None = None

    def run(self, part: Part) -> list[PartReport]:
        """Return the reports of a part."""
        if part == "daily":
            return [self.daily()]
        if part == "kpis":
            return self.figures()
        if part == "g8":
            return [self.equal_cpu(*size) for size in FACTORIES]
        if part == "presets":
            return [self.presets()]
        return [self.anchor() if part == "anchor" else self.sizes()]

    @property
    def store(self) -> RowStore:
        from shopfloor.evaluation.search_rows import RowStore

        if self._store is None:
            self._store = RowStore(self.folder / STORE)
        return self._store

    @property
    def objective(self) -> Objective:
        from shopfloor.engine.objective import objective_of

        return objective_of(self.options.objective)

    def plant(self) -> tuple[TwinModel, Instance]:
        """Return the twin of the default plant, and its book of today."""
        if self._twin is None or self._today is None:
            from shopfloor.data.assembly import assemble
            from shopfloor.twin.fit import fit_twin
            from shopfloor.twin.generate import generate_plant
            from shopfloor.twin.plant_spec import DEFAULT_AS_OF, DEFAULT_SPEC

            self.say("plant: drawing the default plant and its history, seed 0 (half a minute)")
            frames = generate_plant(DEFAULT_SPEC, seed=0)
            self._twin = fit_twin(frames, as_of=DEFAULT_AS_OF, plant_tz=DEFAULT_SPEC.plant_tz)
            self._today = assemble(frames, as_of=DEFAULT_AS_OF, plant_tz=DEFAULT_SPEC.plant_tz)
        return self._twin, self._today

    def rules(self, family: str, draw: Callable[[int], Instance], n: int) -> TunedRules:
        """Return the rules tuned on n training instances of a family."""
        if family not in self._tuned:
            from shopfloor.engine.arrays import compile_instance
            from shopfloor.training.presets import TunePreset
            from shopfloor.training.tune_rules import tune_rules

            self.say(f"rules: tuning on {n} training instances of {family}")
            bank = [compile_instance(draw(TUNING_BASE + k)) for k in range(n)]
            budget = TunePreset(n_instances=n, n_trials=40, n_refinements=15)
            self._tuned[family] = tune_rules(bank, budget=budget, seed=self.options.seed)
        return self._tuned[family]

    def daily_rules(self) -> TunedRules:
        """Return the rules tuned to the default plant."""
        from shopfloor.twin.bank import training_bank

        twin, _ = self.plant()
        return self.rules("the default plant", lambda seed: training_bank(twin, [seed])[0], 12)

    def daily(self) -> PartReport:
        """Return the frozen daily suite."""
        from shopfloor.evaluation.search_cases import daily_case
        from shopfloor.evaluation.search_goals import daily_report

        twin, _ = self.plant()
        cases = [daily_case(twin, number) for number in range(self.options.n_cases)]
        rows = self.play_all("daily", cases, self.daily_players(self.daily_rules().specs))
        report = daily_report(rows, fast="search_fast", full="search")
        return self.with_bounds(report, rows, cases[: self.options.n_bounds])

    def with_bounds(
        self, report: PartReport, rows: Mapping[str, Mapping[str, SearchRow]], cases: Sequence[SearchCase]
    ) -> PartReport:
        """Return a report with proved bounds of some of its cases."""
        from shopfloor.evaluation.search_bounds import BoundRow, bound_lines, bound_row, prove_bounds

        def prove(case: SearchCase, target: float) -> BoundRow:
            self.say(f"bound: {case.name}")
            return bound_row(self.store, case, target)

        bounds = prove_bounds(rows, cases, prove)
        facts = {"bounds": [asdict(row) for row in bounds]} if bounds else {}
        lines = (*report.lines, *bound_lines(rows, bounds))
        return replace(report, lines=lines, facts={**report.facts, **facts})

    def daily_players(self, specs: Sequence[RuleSpec]) -> dict[str, Player]:
        """Return everybody by role."""
        from shopfloor.evaluation import search_players as who

        options = self.options
        return {
            "greedy": who.greedy_player(),
            "tuned": who.tuned_player(specs),
            "best_tuned": who.best_tuned_player(specs),
            "sampled": who.sampled_atcs_player(1.0, specs),
            "cp_sat": who.reference_player(seconds=options.reference_seconds, workers=2, specs=specs),
            "search_fast": who.search_player(self.objective, seconds=1.0, workers=1, specs=specs),
            "search": who.search_player(self.objective, seconds=options.seconds, workers=2, specs=specs),
        }

    def figures(self) -> list[PartReport]:
        """Return the planner's figures: the default plant's own day, and the suite."""
        from shopfloor.evaluation.search_cases import SearchCase, daily_case
        from shopfloor.evaluation.search_figures import figures_report

        twin, today = self.plant()
        players = self.daily_players(self.daily_rules().specs)
        two = {role: players[role] for role in ("greedy", "search")}
        own = self.play_all("kpis", [SearchCase("default-plant-seed-0", today)], two)
        cases = [daily_case(twin, number) for number in range(self.options.n_cases)]
        suite = self.play_all("kpis", cases, two)
        return [
            figures_report("default plant, its own day", *(list(own[r].values()) for r in two)),
            figures_report(
                f"means over the {len(cases)} suite cases", *(list(suite[r].values()) for r in two)
            ),
        ]

    def equal_cpu(self, n_jobs: int, n_machines: int) -> PartReport:
        """Return the search against best-of-N ATCS at equal CPU."""
        from shopfloor.evaluation import search_players as who
        from shopfloor.evaluation.search_cases import factory_case
        from shopfloor.evaluation.search_goals import equal_cpu_report

        family = f"{n_jobs}x{n_machines} with setups"

        def draw(number: int) -> Instance:
            return factory_case(n_jobs, n_machines, number).instance

        specs = self.rules(family, draw, 3).specs
        seconds, workers = self.options.seconds, 2
        players = {
            "tuned": who.tuned_player(specs),
            "sampled": who.sampled_atcs_player(seconds * workers, specs),
            "search": who.search_player(
                self.objective, seconds=seconds, workers=workers, specs=specs, is_guarded=False
            ),
        }
        cases = [factory_case(n_jobs, n_machines, number) for number in range(self.options.n_factories)]
        return equal_cpu_report(family, self.play_all(f"equal CPU {family}", cases, players))

    def anchor(self) -> PartReport:
        """Return the gaps to proven optima, nothing but weighted tardiness in the objective."""
        from shopfloor.engine.objective import objective_of
        from shopfloor.evaluation import search_players as who
        from shopfloor.evaluation.search_cases import anchor_case
        from shopfloor.evaluation.search_goals import anchor_report

        objective = objective_of("tardiness")
        specs = self.rules("small shops", lambda number: anchor_case(number).instance, 8).specs
        players = {
            "exact": who.exact_player(seconds=self.options.proof_seconds, workers=2, specs=specs),
            "best_tuned": who.best_tuned_player(specs),
            "search": who.search_player(
                objective, seconds=min(2.0, self.options.seconds), workers=1, specs=specs, is_guarded=False
            ),
        }
        cases = [anchor_case(number) for number in range(self.options.n_anchors)]
        return anchor_report(self.play_all("anchor", cases, players, objective=objective))

    def presets(self) -> PartReport:
        """Return what each preset of the objective buys on books of the daily suite."""
        from shopfloor.engine.objective import PRESETS
        from shopfloor.evaluation import search_players as who
        from shopfloor.evaluation.search_cases import daily_case
        from shopfloor.evaluation.search_presets import MOVES, limits_of, presets_report

        twin, _ = self.plant()
        specs = self.daily_rules().specs
        players = {"greedy": who.greedy_player()} | {
            name: who.preset_player(objective, iterations=MOVES, specs=specs, limits=limits_of(name))
            for name, objective in PRESETS.items()
        }
        cases = [daily_case(twin, number) for number in range(self.options.n_presets)]
        return presets_report(self.play_all("presets", cases, players))

    def sizes(self) -> PartReport:
        """Return seconds, memory and gain on larger books, each in a process of its own."""
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor

        from shopfloor.evaluation.search_rows import solver_hash
        from shopfloor.evaluation.search_sizes import SizeTask, measure_size, sizes_report

        twin, _ = self.plant()
        path = self.folder / "twin.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(twin.to_json(), encoding="utf-8")
        results: list[Mapping[str, Any]] = []
        for n in self.options.sizes:
            task = SizeTask(
                str(path), n, self.daily_rules().as_rows(), self.options.objective, self.options.seconds, 2,
                self.options.seed,
            )  # fmt: skip
            key = f"size-{n}-{self.options.objective}-{self.options.seconds:g}-{solver_hash()[:16]}"
            known = self.store.get(key)
            if known is None:
                self.say(f"sizes: {n} operations")
                with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
                    known = {"key": key, **pool.submit(measure_size, task).result()}
                self.store.add(known)
            results.append(known)
        return sizes_report(results)

    def play_all(
        self,
        part: str,
        cases: Sequence[SearchCase],
        players: Mapping[str, Player],
        *,
        objective: Objective | None = None,
    ) -> dict[str, dict[str, SearchRow]]:
        """Return every player's row on every case, by role and case name."""
        from shopfloor.evaluation.search_rows import Arena

        rows: dict[str, dict[str, SearchRow]] = {role: {} for role in players}
        began = time.monotonic()
        if cases and any(player.name.startswith("search") for player in players.values()):
            self._warm_up(cases[0], players)
        for n_done, case in enumerate(cases, start=1):
            arena = Arena(case, objective or self.objective)
            for role, player in players.items():
                rows[role][case.name] = self.store.row_of(arena, player, seed=self.options.seed)
            spent = time.monotonic() - began
            left = spent / n_done * (len(cases) - n_done)
            self.say(f"{part}: {n_done}/{len(cases)} cases, {left:.0f} s left")
        return rows

    def _warm_up(self, case: SearchCase, players: Mapping[str, Player]) -> None:
        """Compile the kernels before anybody is timed."""
        from shopfloor.engine.arrays import compile_instance
        from shopfloor.engine.dispatch import greedy_list
        from shopfloor.engine.optimise import Budget, optimise

        compiled = compile_instance(case.instance)
        greedy_list(compiled)
        optimise(compiled, objective=self.objective, budget=Budget(iterations=2000, seconds=600.0, workers=2))
