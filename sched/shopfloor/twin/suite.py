"""The frozen suite: held-out instances on which schedulers are compared, week after week.

Load and due-date tightness vary; a third of the cases are dynamic, with breakdowns, duration noise and
arrivals. Its seeds never meet those of training banks. Scores nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from shopfloor.domain.fingerprint import instance_fingerprint
from shopfloor.domain.instance import Instance
from shopfloor.engine.scenario import Disturbances
from shopfloor.twin.model import TwinModel
from shopfloor.twin.sample import sample_instance

SUITE_SEEDS = 1_000_000_000
"""Suites draw at and above this seed, training banks below it."""

LOADS = (1.0, 0.95, 1.1, 1.05, 0.9, 1.2)
TIGHTNESS = (0.0, 0.5, 0.0, -0.5, 1.0)


@dataclass(frozen=True)
class SuiteCase:
    """One held-out case.

    Attributes:
        disturbances: What may happen in a dynamic case; None = everything goes as planned.
        scenario_seed: Names the realisation of the disturbances.
    """

    name: str
    instance: Instance
    disturbances: Disturbances | None
    scenario_seed: int


def frozen_suite(twin: TwinModel, n: int = 30, *, seed: int = 0) -> tuple[SuiteCase, ...]:
    """Return n held-out cases: static ones, and every third one dynamic.

    Args:
        seed: Names the suite, 0..999_999; suites of different seeds share no instance.
    """
    rough = disturbances_of(twin)
    cases = []
    for number in range(n):
        case_seed = SUITE_SEEDS + 1000 * seed + number
        is_dynamic = number % 3 == 2
        instance = sample_instance(
            twin,
            seed=case_seed,
            load=LOADS[number % len(LOADS)],
            tightness=TIGHTNESS[number % len(TIGHTNESS)],
            dynamic=is_dynamic,
        )
        kind = "dynamic" if is_dynamic else "static"
        cases.append(SuiteCase(f"{kind}-{number:03d}", instance, rough if is_dynamic else None, case_seed))
    return tuple(cases)


def disturbances_of(twin: TwinModel) -> Disturbances:
    """Return the disturbances that the history shows, in the calendar hours that the engine counts."""
    failing = [item for item in twin.breakdowns if item.mtbf_h.n > 0]
    return Disturbances(
        mtbf_h={item.machine_type: item.mtbf_h.value / item.open_share for item in failing},
        mttr_h={item.machine_type: item.mttr_h.value for item in failing if item.mttr_h.n > 0},
        duration_sigma=twin.duration_sigma.value,
    )


def suite_hash(suite: Sequence[SuiteCase]) -> str:
    """Return the SHA-256 of everything that a score on the suite depends on."""
    content = [
        [
            case.name,
            instance_fingerprint(case.instance),
            case.scenario_seed,
            None if case.disturbances is None else _knobs(case.disturbances),
        ]
        for case in suite
    ]
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _knobs(disturbances: Disturbances) -> list[object]:
    return [
        sorted(disturbances.mtbf_h.items()),
        sorted(disturbances.mttr_h.items()),
        disturbances.knobs().tolist(),
    ]
