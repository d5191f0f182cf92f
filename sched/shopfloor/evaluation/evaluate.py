"""All of an evaluation in one call: suite, replay, stress and seconds become the evidence that the gate
judges.

It judges nothing, trains nothing and loads no model: models, suite and tables are handed in.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from shopfloor.engine.rules import RuleSpec
from shopfloor.evaluation import contestant as who
from shopfloor.evaluation.contestant import Contestant, Sampling
from shopfloor.evaluation.evidence import BEST_OF, Evidence, LatencyRow, ReplayRow, ScoreTable, StressRow
from shopfloor.evaluation.past import Frames, Record
from shopfloor.evaluation.replay import replay_weeks
from shopfloor.evaluation.scoring import Arena, Progress, enter, play, score_on_suite
from shopfloor.evaluation.stress import SCENARIOS, overload

if TYPE_CHECKING:
    from shopfloor.policies.model import DispatchModel
    from shopfloor.twin.bank import SuiteCase

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EvaluationSize:
    """How much is run.

    Attributes:
        n_static: Cases where everything is known.
        n_dynamic: Cases with arrivals, breakdowns and noise.
        n_weeks: Replayed windows of the past.
        n_stress: Cases per stress scenario.
        n_samples: Best-of-N of the candidate and of the best tuned rule on static cases; 0 = not run.
        sampling_s: Wall seconds of one best-of-N.
        latency_operations: Size of the timed instance.
        n_replanned: Cases on which the policy, planning again and both together meet.
    """

    n_static: int = 30
    n_dynamic: int = 20
    n_weeks: int = 4
    n_stress: int = 4
    n_samples: int = 256
    sampling_s: float = 2.0
    latency_operations: int = 500
    n_replanned: int = 6

    @property
    def n_cases(self) -> int:
        """How many cases a frozen suite needs to hold that many of each kind: every third is dynamic."""
        return max(-(-3 * self.n_static // 2), 3 * self.n_dynamic)


SMALL = EvaluationSize(
    n_static=30, n_dynamic=15, n_weeks=2, n_stress=2, n_samples=64, sampling_s=0.25, n_replanned=3
)
FULL = EvaluationSize()
SIZES: Mapping[str, EvaluationSize] = {"small": SMALL, "standard": FULL, "full": FULL}


@dataclass(frozen=True)
class Trial:
    """Who and what is evaluated.

    Attributes:
        candidate: The model on trial.
        champion: The reigning model; None while there is none: then the best tuned rule reigns.
        tuned: Rules with the parameters tuned for this plant, one spec per rule.
        suite: Held-out cases, static and dynamic.
        suite_hash: Names the suite.
        frames: Tables of the snapshot, for the replay; None = no replay (the gate will not accept that).
        as_of: Of the snapshot, aware UTC.
        plant_tz: IANA zone of the plant.
        provenance: Whatever else says where this came from.
        processing_time_unit: Of the tables: `hours` or `minutes`.
    """

    candidate: DispatchModel
    champion: DispatchModel | None
    tuned: Sequence[RuleSpec]
    suite: Sequence[SuiteCase]
    suite_hash: str
    frames: Frames | None
    as_of: datetime
    plant_tz: str
    provenance: Mapping[str, str] = field(default_factory=dict)
    processing_time_unit: str = "hours"


def evaluate_candidate(
    trial: Trial,
    size: EvaluationSize = SMALL,
    *,
    store: Path | None = None,
    progress: Progress | None = None,
    seed: int = 0,
) -> Evidence:
    """Return the evidence on a candidate.

    Args:
        trial: Who and what.
        size: How much is run; `SIZES` has the presets.
        store: JSON-lines file of suite scores: a killed evaluation finishes only what is missing.
        progress: Called with (done, total, what).
        seed: Of samples and stress scenarios.
    """
    began = time.perf_counter()
    cases = _cut(trial.suite, size)
    field_of = _contestants(trial)
    scores = score_on_suite(field_of, cases, suite_hash=trial.suite_hash, store=store, progress=progress)
    tuned = tuple(name for name in field_of if name.startswith(who.TUNED))
    best = scores.best(tuned)
    samplers = _samplers(trial, field_of, best, size)
    if samplers:
        sampled = score_on_suite(
            samplers,
            [case for case in cases if case.disturbances is None],
            suite_hash=trial.suite_hash,
            store=store,
            progress=progress,
        )
        scores = ScoreTable(scores.rows + sampled.rows)
    champion = who.CHAMPION if who.CHAMPION in field_of else (best or who.GREEDY)
    names = dict.fromkeys((who.GREEDY, best, champion, who.CANDIDATE))
    few = [field_of[name] for name in names if name is not None]
    ways = [c for name, c in (field_of | samplers).items() if name.startswith(who.CANDIDATE)]
    static = [case for case in cases if case.disturbances is None]
    evidence = Evidence(
        candidate=who.CANDIDATE,
        champion=champion,
        greedy=who.GREEDY,
        tuned_rules=tuned,
        scores=scores,
        replay=_replay(trial, few, size),
        stress=_stress(static[: size.n_stress], few, seed=seed),
        latency=_latency(static, ways, size, seed=seed),
        provenance={
            **trial.provenance,
            "suite hash": trial.suite_hash,
            "cases": f"{len(static)} static, {len(cases) - len(static)} dynamic",
            "as of": trial.as_of.isoformat(),
            "candidate": field_of[who.CANDIDATE].content_hash,
            "champion": f"{champion} {field_of[champion].content_hash}",
            "seed": str(seed),
        },
    )
    log.info("evaluated: rows=%d seconds=%.1f", len(scores.rows), time.perf_counter() - began)
    return evidence


def _cut(suite: Sequence[SuiteCase], size: EvaluationSize) -> list[SuiteCase]:
    static = [case for case in suite if case.disturbances is None]
    dynamic = [case for case in suite if case.disturbances is not None]
    return static[: size.n_static] + dynamic[: size.n_dynamic]


def _contestants(trial: Trial) -> dict[str, Contestant]:
    """Return everybody who plays all cases; a model is `candidate` or `champion`, whatever its own name."""
    tuned = who.tuned_rules(trial.tuned)
    known = {player.content_hash for player in tuned}
    textbook = (player for player in who.textbook_rules() if player.content_hash not in known)
    players = [who.greedy(), *textbook, *tuned, who.learned(who.CANDIDATE, trial.candidate)]
    if trial.champion is not None:
        players.append(who.learned(who.CHAMPION, trial.champion))
    return dict(who.by_name(players))


def _samplers(
    trial: Trial, field_of: Mapping[str, Contestant], best: str | None, size: EvaluationSize
) -> dict[str, Contestant]:
    """Return best-of-N of the candidate and, as its fair opponent, of the best tuned rule at equal N."""
    if size.n_samples <= 1:
        return {}
    sampling = Sampling(size.n_samples, trial.candidate.temperature, size.sampling_s)
    players = [who.learned(who.CANDIDATE, trial.candidate, sampling=sampling)]
    if best is not None:
        players.append(Contestant(f"{best}{BEST_OF}{sampling.n}", field_of[best].spec, sampling))
    return dict(who.by_name(players))


def _replay(trial: Trial, players: Sequence[Contestant], size: EvaluationSize) -> tuple[ReplayRow, ...]:
    if trial.frames is None or size.n_weeks == 0:
        return ()
    record = Record(trial.frames, trial.as_of, trial.plant_tz, trial.processing_time_unit)
    return replay_weeks(record, players, n_weeks=size.n_weeks)


def _stress(cases: Sequence[SuiteCase], players: Sequence[Contestant], *, seed: int) -> tuple[StressRow, ...]:
    rows = []
    for scenario, change in SCENARIOS.items():
        for case in cases:
            rng = np.random.default_rng([seed, case.scenario_seed])
            arena = enter(replace(case, instance=change(case.instance, rng)))
            for player in players:
                row = play(arena, player, seed=seed)
                rows.append(
                    StressRow(
                        scenario=scenario,
                        case=case.name,
                        contestant=player.name,
                        avoidable_weighted_tardiness=row.kpis["avoidable_weighted_tardiness"],
                        on_time_rate=row.kpis["on_time_rate"],
                        n_violations=row.n_violations,
                        seconds=row.seconds,
                    )
                )
    return tuple(rows)


def _latency(
    cases: Sequence[SuiteCase], players: Sequence[Contestant], size: EvaluationSize, *, seed: int
) -> tuple[LatencyRow, ...]:
    """Time the candidate's ways on an instance of the stated size or more; the slowest run counts."""
    if not cases:
        return ()
    case = max(cases, key=lambda item: len(item.instance.operations))
    missing = size.latency_operations / max(1, len(case.instance.operations)) - 1.0
    if missing > 0:
        grown = overload(case.instance, np.random.default_rng(seed), extra=1.3 * missing + 0.1)
        case = replace(case, instance=grown)
    rows = []
    for player in players:
        mode = "deterministic" if player.sampling is None else f"best of {player.sampling.n}"
        repeats = 3 if player.sampling is None else 1
        seconds = max(_timed(enter(case), player, seed) for _ in range(repeats))
        rows.append(LatencyRow(who.CANDIDATE, mode, len(case.instance.operations), seconds))
    return tuple(rows)


def _timed(arena: Arena, player: Contestant, seed: int) -> float:
    return play(arena, player, seed=seed).seconds
