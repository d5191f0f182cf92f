"""One episode from beginning to end: who dispatches, what came of it, its score, and a picture on request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flows.learning_plant import OWN, PlantChoice, choose_plant, twin_of
from flows.weekly_steps import SUITE_SEED
from shopfloor.domain.errors import RefusedInput

if TYPE_CHECKING:
    from shopfloor.engine.actor import ActorSpec
    from shopfloor.engine.dispatch import Outcome
    from shopfloor.engine.rules import RuleSpec
    from shopfloor.envs.score import EpisodeKpis
    from shopfloor.evaluation.scoring import Arena
    from shopfloor.training.presets import ScorePreset

CANDIDATE = "candidate"


@dataclass(frozen=True)
class EpisodeReport:
    """What one episode amounts to.

    Attributes:
        by: Who dispatched.
        case: Held-out case, `static-000` or `dynamic-002`.
        kpis: Key figures of the episode.
        reference: The same of the reference rule on the same case and noise.
        parts: The score's parts, each relative to the reference, 1 = like it.
        score: Their weighted mean.
        n_violations: Rules that what happened broke, by the independent validator.
        gantt: Picture; None = not asked for.
    """

    by: str
    against: str
    plant: str
    case: str
    kpis: EpisodeKpis
    reference: EpisodeKpis
    parts: Mapping[str, float]
    score: float
    n_violations: int
    gantt: Path | None

    def text(self) -> str:
        """Return the figures beside the reference's, and the score."""
        head = f"{self.by} on {self.case} of the plant {self.plant!r}; reference {self.against}"
        rows = [
            f"{name:22}{ours:12.3f}{theirs:12.3f}"
            + (f"{self.parts[name]:10.3f}" if name in self.parts else "")
            for name, ours, theirs in zip(self.kpis._fields, self.kpis, self.reference, strict=True)
        ]
        lines = [head, f"{'':22}{'episode':>12}{'reference':>12}{'gain':>10}", *rows]
        lines.append(f"score {self.score:.3f} (1 = like the reference), {self.n_violations} broken rules")
        return "\n".join(lines if self.gantt is None else [*lines, f"picture {self.gantt}"])

    def as_dict(self) -> dict[str, object]:
        """Return JSON values."""
        return {
            "by": self.by,
            "against": self.against,
            "plant": self.plant,
            "case": self.case,
            "kpis": self.kpis._asdict(),
            "reference": self.reference._asdict(),
            "parts": dict(self.parts),
            "score": self.score,
            "n_violations": self.n_violations,
            "gantt": None if self.gantt is None else str(self.gantt),
        }


def play_episode(
    by: str, case: int, *, plant: str | None, score: ScorePreset, gantt: Path | None
) -> EpisodeReport:
    """Play one held-out case.

    Args:
        by: A rule's name, or `candidate`: the model of the last weekly cycle.
        case: Number in the frozen suite; every third is disturbed.
        plant: As in `choose_plant`.
        score: Weights.
        gantt: Where the picture goes.

    Raises:
        RefusedInput: There is no such rule, or no candidate.
    """
    from shopfloor.engine.dispatch import dispatch
    from shopfloor.envs.score import ScoreWeights, episode_kpis, score_parts
    from shopfloor.envs.score import score as weighted
    from shopfloor.evaluation.scoring import enter
    from shopfloor.twin.suite import frozen_suite

    chosen = choose_plant(plant)
    player, reference = _player(by, chosen), _reference(chosen)
    arena = enter(frozen_suite(twin_of(chosen), case + 1, seed=SUITE_SEED)[case])
    outcome = dispatch(arena.compiled, player, scenario=arena.scenario)
    ours = episode_kpis(arena.compiled, outcome)
    theirs = episode_kpis(arena.compiled, dispatch(arena.compiled, reference, scenario=arena.scenario))
    broken = arena.violations(arena.schedule_of(outcome, by))
    return EpisodeReport(
        by=by,
        against=f"{reference.name}({reference.k1:.2f}, {reference.k2:.2f}, {reference.tail:.2f})",
        plant=chosen.identity,
        case=arena.name,
        kpis=ours,
        reference=theirs,
        parts=score_parts([ours], [theirs]),
        score=weighted([ours], [theirs], ScoreWeights(**score.model_dump())),
        n_violations=len(broken),
        gantt=None if gantt is None else _draw(arena, outcome, by, gantt),
    )


def _player(by: str, plant: PlantChoice) -> RuleSpec | ActorSpec:
    from shopfloor.engine.rules import Rule, RuleSpec

    if by == CANDIDATE:
        return _candidate(plant)
    names = [rule.name for rule in Rule]
    if by.upper() not in names:
        raise RefusedInput(
            f"nobody dispatches by that name: {by!r}\nhint: {CANDIDATE}, or {', '.join(names)}"
        )
    return RuleSpec(Rule[by.upper()])


def _candidate(plant: PlantChoice) -> RuleSpec | ActorSpec:
    from flows.bench import last_cycle
    from shopfloor.policies.bundle import load_bundle

    if plant.name != OWN:
        raise RefusedInput(
            f"the plant {plant.name!r} has no candidate\nhint: --plant own, after shopfloor weekly"
        )
    _, folder = last_cycle()
    return load_bundle(folder / CANDIDATE).spec()


def _reference(plant: PlantChoice) -> RuleSpec:
    """Return the best tuned rule of the last cycle, or textbook ATCS for a plant without one."""
    from flows.bench import last_cycle
    from shopfloor.engine.rules import RuleSpec
    from shopfloor.training.tune_rules import TunedRules

    if plant.name != OWN:
        return RuleSpec()
    facts, _ = last_cycle()
    return TunedRules.from_rows(facts["tuned_rules"]).best


def _draw(arena: Arena, outcome: Outcome, by: str, html: Path) -> Path:
    from shopfloor.domain.kpis import compute_kpis
    from shopfloor.web.gantt import render_gantt

    schedule = arena.schedule_of(outcome, by)
    kpis = compute_kpis(arena.world, schedule)
    return render_gantt(arena.world, schedule, html, title=f"{by} on {arena.name}", kpis=kpis)
