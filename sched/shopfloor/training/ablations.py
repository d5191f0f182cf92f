"""The method with one part left out: each ablation is a preset, made from the full one.

Parts that are numbers are set to what switches them off; the others are flags of `MethodPreset`. Everything
else (instances, noise, tuned rules, labels, decisions played) stays the same, so a difference has one cause.
It trains nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from shopfloor.domain.errors import RefusedInput
from shopfloor.training.presets import LITERAL_REWARD, CurriculumPreset, Preset

FULL: Final = "full"


class UnknownVariant(RefusedInput):
    """No ablation has that name."""


class Variant(NamedTuple):
    """One way to train.

    Attributes:
        meaning: What is different, for tables.
        change: Makes its preset from the full one.
    """

    meaning: str
    change: Callable[[Preset], Preset]


def _without(flag: str) -> Callable[[Preset], Preset]:
    return lambda preset: _with(preset, method=preset.method.model_copy(update={flag: False}))


def _with(preset: Preset, **sections: Any) -> Preset:
    return preset.model_copy(update=sections)


def _no_curriculum(preset: Preset) -> Preset:
    plan = preset.curriculum
    both = {"stage1_steps": 0, "stage2_steps": plan.stage1_steps + plan.stage2_steps}
    return _with(preset, curriculum=plan.model_copy(update=both))


def _no_anchor(preset: Preset) -> Preset:
    return _with(preset, curriculum=preset.curriculum.model_copy(update={"anchor_every": 0}))


VARIANTS: Final[Mapping[str, Variant]] = {
    FULL: Variant("the whole method", lambda preset: preset),
    "no_curriculum": Variant("disturbances from the first episode on", _no_curriculum),
    "no_anchor": Variant("no calm episodes in stage 2", _no_anchor),
    "no_mask": Variant("illegal choices are possible and cost the penalty", _without("has_mask")),
    "no_swr": Variant("both heads may choose the same candidate", _without("has_exclusion")),
    "no_central_critic": Variant("the critic sees its station only", _without("has_central_critic")),
    "no_own_labels": Variant("rollout labels of the rule only", _without("has_own_labels")),
    "no_warm_start": Variant("PPO from a fresh actor", _without("has_warm_start")),
    "no_residual": Variant("no rule in the logits", lambda preset: _with(preset, beta=0.0)),
    "literal_reward": Variant(
        "the six terms of the original design", lambda preset: _with(preset, reward=LITERAL_REWARD)
    ),
}


def ablated(preset: Preset, name: str) -> Preset:
    """Return the preset of an ablation.

    Raises:
        UnknownVariant: No ablation has that name.
    """
    if name not in VARIANTS:
        raise UnknownVariant(f"no ablation is called {name!r}\nhint: one of {', '.join(VARIANTS)}")
    return VARIANTS[name].change(preset)


def with_budget(preset: Preset, decisions: int) -> Preset:
    """Return the preset with that many PPO decisions in both stages together, split as before.

    There are at least eight evaluations where the preset has as many, so that gates can still work.

    Args:
        decisions: At least 0.
    """
    plan = preset.curriculum
    before = max(1, plan.stage1_steps + plan.stage2_steps)
    first = round(decisions * plan.stage1_steps / before)
    changed: dict[str, int] = {
        "stage1_steps": first,
        "stage2_steps": decisions - first,
        "evaluate_every": max(1, min(plan.evaluate_every, decisions // 8)),
    }
    return _with(preset, curriculum=CurriculumPreset(**plan.model_dump() | changed))
