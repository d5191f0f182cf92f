"""A trained single dispatcher as arrays, and its answer without torch.

The network: an encoder per kind of feature (machine, job, plant), means over machines and jobs as context,
and a pointer head: one score per job from its own code and the context, the same weights for every row, so
that one set of weights serves any number of machines and jobs. `dispatcher_network.py` is the torch twin.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from shopfloor.engine.dispatcher_observation import INDEX_CLIP, N_GLOBAL, N_JOB, N_MACHINE, DeskLayout
from shopfloor.engine.layout import Bools, Singles
from shopfloor.engine.rules import RuleSpec
from shopfloor.policies.model import Fact

READINESS = 6
INDEX = 7
LEAST = -1e30
"""Score of what may not be chosen."""


class DispatcherWeights(NamedTuple):
    """The pointer network; every matrix is stored [in, out], float32.

    Attributes:
        machine_w, machine_b: 4 -> m.
        job_w, job_b: 8 -> h.
        job2_w, job2_b: h -> h.
        plant_w, plant_b: 10 -> g.
        context_w, context_b: m + 2 h + g -> h, from the means over machines, shown jobs and legal jobs.
        point_w, point_b: h -> h, of a job's code.
        score_w: h -> 1.
        wait_w, wait_b: h -> 1, of the context.
    """

    machine_w: Singles
    machine_b: Singles
    job_w: Singles
    job_b: Singles
    job2_w: Singles
    job2_b: Singles
    plant_w: Singles
    plant_b: Singles
    context_w: Singles
    context_b: Singles
    point_w: Singles
    point_b: Singles
    score_w: Singles
    wait_w: Singles
    wait_b: Singles


def expected_shapes(weights: DispatcherWeights) -> DispatcherWeights:
    """Return the shape that each array must have, by the widths of the biases."""
    m, h, g = len(weights.machine_b), len(weights.job_b), len(weights.plant_b)
    shapes = (
        (N_MACHINE, m), (m,), (N_JOB, h), (h,), (h, h), (h,), (N_GLOBAL, g), (g,),
        (m + 2 * h + g, h), (h,), (h, h), (h,), (h, 1), (h, 1), (1,),
    )  # fmt: skip
    return DispatcherWeights(*shapes)  # type: ignore[arg-type]


@dataclass(frozen=True, eq=False)
class DispatcherModel:
    """A single dispatcher that can be asked.

    Attributes:
        weights: The network.
        rule: Behind the feature `index`.
        prior: Factor of that index in each job's score, >= 0: with it an untrained network is the rule.
        exercise: Name of the exercise that it was trained on.
        metadata: Where it came from; read by nobody who decides.
    """

    weights: DispatcherWeights
    rule: RuleSpec
    prior: float = 0.0
    exercise: str = "toy"
    metadata: Mapping[str, Fact] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, array, shape in zip(
            DispatcherWeights._fields, self.weights, expected_shapes(self.weights), strict=True
        ):
            if array.shape != shape or array.dtype != np.float32:
                raise ValueError(
                    f"dispatcher weight {name!r} is {array.dtype} {array.shape}, wanted float32 {shape}\n"
                    "hint: the weights are stored [in, out], torch's Linear stores [out, in]"
                )
        if not self.prior >= 0:
            raise ValueError(f"a prior is not negative: {self.prior}")

    def scores(self, observation: Singles, layout: DeskLayout) -> Singles:
        """Return one score per action before the mask, float32 (layout.n_actions,).

        Args:
            observation: float32 (layout.size,).
        """
        w = self.weights
        machines = observation[: layout.jobs_at].reshape(-1, N_MACHINE)
        jobs = observation[layout.jobs_at : layout.global_at].reshape(-1, N_JOB)
        plant = np.maximum(observation[layout.global_at :] @ w.plant_w + w.plant_b, 0.0)
        machine = np.maximum(machines @ w.machine_w + w.machine_b, 0.0).mean(axis=0)
        code = np.maximum(jobs @ w.job_w + w.job_b, 0.0)
        code = np.maximum(code @ w.job2_w + w.job2_b, 0.0)
        shown = mean_of(code, jobs[:, READINESS] > -0.75)
        legal = mean_of(code, jobs[:, READINESS] > 0.75)
        context = np.concatenate((machine, shown, legal, plant)) @ w.context_w + w.context_b
        context = np.maximum(context, 0.0)
        point = np.maximum(code @ w.point_w + w.point_b + context, 0.0)
        score = (point @ w.score_w)[:, 0] + np.float32(self.prior * INDEX_CLIP) * jobs[:, INDEX]
        return np.concatenate((score, context @ w.wait_w + w.wait_b)).astype(np.float32)

    def choose(self, observation: Singles, mask: Bools, layout: DeskLayout) -> int:
        """Return the legal action with the highest score; ties go to the first."""
        return int(np.argmax(np.where(mask, self.scores(observation, layout), np.float32(LEAST))))


def mean_of(code: Singles, rows: Bools) -> Singles:
    """Return the mean code of some rows, float32 (h,); zeros where there is none."""
    return rows.astype(np.float32) @ code / np.float32(max(1, int(rows.sum())))
