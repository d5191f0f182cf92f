"""The instances of one training: to learn on, to choose on, calm and dynamic, and their hash.

Training and validation draw from disjoint seeds of the twin, and both stay away from the frozen suites:
what the gate judges on is never seen here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from shopfloor.domain.instance import Instance
from shopfloor.engine.arrays import Compiled, compile_instance
from shopfloor.engine.observation import OBSERVATION_SCHEMA_HASH
from shopfloor.engine.scenario import Disturbances
from shopfloor.training.presets import Preset
from shopfloor.twin.bank import LOADS, TIGHTNESS
from shopfloor.twin.model import TwinModel
from shopfloor.twin.sample import sample_instance
from shopfloor.twin.suite import disturbances_of

SEEDS_PER_TRAINING: Final = 1_000_000
_VALIDATION_AT: Final = 500_000
_DYNAMIC_AT: Final = 250_000


@dataclass(frozen=True, eq=False)
class TrainingData:
    """What a training sees.

    Attributes:
        training: Instances to learn on.
        validation: Instances to choose the best weights on; never learned on, never those of the gate.
        dynamic_training: Instances for disturbed episodes; empty = `training` serves.
        dynamic_validation: The same for validation.
        disturbances: How rough the plant really is.
    """

    training: tuple[Instance, ...]
    validation: tuple[Instance, ...]
    dynamic_training: tuple[Instance, ...] = ()
    dynamic_validation: tuple[Instance, ...] = ()
    disturbances: Disturbances = field(default_factory=Disturbances)


@dataclass(frozen=True, eq=False)
class Bank:
    """Compiled instances.

    Attributes:
        calm: Everything is known at the beginning and goes as planned.
        dynamic: Played with disturbances; some jobs may become known later.
    """

    calm: tuple[Compiled, ...]
    dynamic: tuple[Compiled, ...]

    @property
    def all(self) -> tuple[Compiled, ...]:
        """Calm ones, then dynamic ones."""
        return self.calm + self.dynamic


def training_data(twin: TwinModel, preset: Preset, *, seed: int) -> TrainingData:
    """Draw the instances of a training from the twin.

    Half as many dynamic instances as calm ones are added, to learn on and to choose on.

    Args:
        seed: Of the training, 0..999; other trainings get other instances.
    """
    base = SEEDS_PER_TRAINING * (seed % 1000)

    def draw(n: int, at: int, *, is_dynamic: bool) -> tuple[Instance, ...]:
        return tuple(
            sample_instance(
                twin,
                seed=base + at + i,
                n_operations=preset.n_operations,
                load=LOADS[i % len(LOADS)],
                tightness=TIGHTNESS[i % len(TIGHTNESS)],
                dynamic=is_dynamic,
            )
            for i in range(n)
        )

    return TrainingData(
        training=draw(preset.n_training, 0, is_dynamic=False),
        validation=draw(preset.n_validation, _VALIDATION_AT, is_dynamic=False),
        dynamic_training=draw((preset.n_training + 1) // 2, _DYNAMIC_AT, is_dynamic=True),
        dynamic_validation=draw(
            (preset.n_validation + 1) // 2, _VALIDATION_AT + _DYNAMIC_AT, is_dynamic=True
        ),
        disturbances=disturbances_of(twin),
    )


def compiled_bank(calm: Sequence[Instance], dynamic: Sequence[Instance]) -> Bank:
    """Compile instances; without dynamic ones the calm ones are played disturbed too."""
    compiled = tuple(compile_instance(instance) for instance in calm)
    return Bank(compiled, tuple(compile_instance(instance) for instance in dynamic) or compiled)


def problems_hash(problems: Sequence[Compiled], disturbances: Disturbances) -> str:
    """Return SHA-256 of everything that training sees, the observation's meaning included."""
    digest = hashlib.sha256(f"{OBSERVATION_SCHEMA_HASH}{disturbances!r}".encode())
    for problem in problems:
        for array in problem.problem:
            digest.update(f"{array.shape}".encode() + np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
