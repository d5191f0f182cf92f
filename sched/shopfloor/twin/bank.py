"""Training banks: instances to learn on, never one of a frozen suite. The door to sampling.

Suites hold seeds from `SUITE_SEEDS` on; a bank refuses them.
"""

from __future__ import annotations

from collections.abc import Iterable

from shopfloor.domain.errors import InvalidInstance
from shopfloor.domain.instance import Instance
from shopfloor.twin.model import TwinModel
from shopfloor.twin.sample import sample_instance
from shopfloor.twin.suite import SUITE_SEEDS, SuiteCase, frozen_suite, suite_hash

__all__ = ["SuiteCase", "frozen_suite", "sample_instance", "suite_hash", "training_bank"]

LOADS = (1.0, 0.9, 1.1, 1.05, 1.2)
TIGHTNESS = (0.0, 0.5, -0.5)


def training_bank(twin: TwinModel, seeds: Iterable[int], *, dynamic: bool = False) -> tuple[Instance, ...]:
    """Return one instance per seed, with load and tightness varied by the seed.

    Raises:
        InvalidInstance: A seed is negative or belongs to the suites.
    """
    bank = []
    for seed in seeds:
        if not 0 <= seed < SUITE_SEEDS:
            raise InvalidInstance(
                f"not a training seed: {seed}\nhint: training seeds lie in 0..{SUITE_SEEDS - 1}, suites above"
            )
        load, tightness = LOADS[seed % len(LOADS)], TIGHTNESS[seed % len(TIGHTNESS)]
        bank.append(sample_instance(twin, seed=seed, load=load, tightness=tightness, dynamic=dynamic))
    return tuple(bank)
