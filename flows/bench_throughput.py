"""How fast learning runs: PPO's decisions per second beside a free game, and learned rollouts beside the rule's."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from flows.learning_plant import choose_plant, twin_of
from shopfloor.domain.errors import RefusedInput

if TYPE_CHECKING:
    from shopfloor.engine.actor import ActorSpec
    from shopfloor.engine.arrays import Compiled
    from shopfloor.engine.rules import RuleSpec
    from shopfloor.training.presets import Preset
    from shopfloor.training.throughput import PpoSpeed

N_OPERATIONS = 500
N_PROBLEMS = 24
LEAST_RATIO, AIMED_RATIO = 0.70, 0.90
LEAST_SPEED = 15_000.0
LEAST_ROLLOUTS, AIMED_ROLLOUTS = 100, 1_000


@dataclass(frozen=True)
class ThroughputReport:
    """The answer of `bench throughput`.

    Attributes:
        rollouts, rule_rollouts: Whole schedules of 500 operations in `rollout_s` wall seconds on two threads.
        agreement: Largest difference of a logit between the engine and torch on real states.
    """

    preset: str
    ppo: PpoSpeed
    rollouts: int
    rule_rollouts: int
    rollout_s: float
    agreement: float

    def text(self) -> str:
        """Return the table for a terminal."""
        speed, ppo = median(self.ppo.real), self.ppo
        shares = ", ".join(f"{name} {share:.0%}" for name, share in ppo.shares.items())
        return "\n".join(
            [
                f"preset {self.preset}; CPU seconds of one thread for PPO, wall seconds on two for rollouts",
                f"PPO, decisions/s with updates     {speed:9.0f}  {_range(ppo.real)}  wanted {LEAST_SPEED:.0f}: "
                f"{_met(speed, LEAST_SPEED)}",
                f"the same on a free game           {median(ppo.free):9.0f}  {_range(ppo.free)}",
                f"real : free                       {ppo.ratio:9.3f}  wanted {LEAST_RATIO}, aim {AIMED_RATIO}: "
                f"{_met(ppo.ratio, LEAST_RATIO)}",
                f"where PPO's time goes             {shares}",
                f"learned rollouts, {N_OPERATIONS} operations, {self.rollout_s:g} s {self.rollouts:9d}  wanted "
                f"{LEAST_ROLLOUTS}, aim {AIMED_ROLLOUTS}: {_met(self.rollouts, LEAST_ROLLOUTS)}",
                f"tuned rule's rollouts in the same {self.rule_rollouts:9d}",
                f"engine and torch differ at most by {self.agreement:.1e} in a logit  wanted 1e-05: "
                f"{'met' if self.agreement <= 1e-5 else 'missed'}",
            ]
        )

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return asdict(self) | {"ratio": self.ppo.ratio}


def run_bench_throughput(
    *, preset: Preset, plant: str | None, model: Path | None, n_rounds: int, seconds: float
) -> ThroughputReport:
    """Measure.

    Args:
        model: Folder of a trained policy; None = a fresh network of the preset's size, which costs the same.
        n_rounds: Of PPO on both games.
        seconds: Wall seconds of the rollouts.

    Raises:
        RefusedInput: The model is a rule.
    """
    from shopfloor.engine.actor import ActorSpec
    from shopfloor.engine.arrays import compile_instance
    from shopfloor.engine.rules import Rule, RuleSpec
    from shopfloor.policies.bundle import load_bundle
    from shopfloor.policies.network import CandidateActor
    from shopfloor.training.throughput import logit_disagreement, measure_ppo
    from shopfloor.twin.sample import sample_instance
    from shopfloor.twin.suite import disturbances_of

    twin = twin_of(choose_plant(plant))
    size = N_OPERATIONS if preset.n_operations is None else preset.n_operations
    problems = [
        compile_instance(sample_instance(twin, seed=900_000 + i, n_operations=size))
        for i in range(N_PROBLEMS)
    ]
    rule = RuleSpec(Rule.ATCS)
    spec = ActorSpec(CandidateActor(preset.hidden, beta=preset.beta).export(), rule, preset.beta)
    if model is not None:
        given = load_bundle(model).spec()
        if not isinstance(given, ActorSpec):
            raise RefusedInput(
                f"the model is a rule and not a policy: {model}\nhint: name a trained candidate"
            )
        spec = given
    ppo = measure_ppo(problems, rule, disturbances_of(twin), preset, n_rounds=n_rounds)
    return ThroughputReport(
        preset.name,
        ppo,
        _rollouts(problems[0], spec, seconds),
        _rollouts(problems[0], spec.rule, seconds),
        seconds,
        logit_disagreement(problems[:4], spec),
    )


def _rollouts(problem: Compiled, spec: ActorSpec | RuleSpec, seconds: float) -> int:
    """Return how many sampled schedules two threads make."""
    from shopfloor.engine.episode import Episode

    def work(thread: int) -> int:
        episode = Episode(problem, spec)
        episode.run(0.0, 0)
        stop = time.monotonic() + seconds
        done = 0
        while time.monotonic() < stop:
            episode.run(0.5, thread + 2 * done)
            done += 1
        return done

    with ThreadPoolExecutor(2) as pool:
        return sum(pool.map(work, range(2)))


def _range(values: tuple[float, ...]) -> str:
    return f"[{min(values):.0f}, {max(values):.0f}]"


def _met(value: float, wanted: float) -> str:
    return "met" if value >= wanted else "missed"
