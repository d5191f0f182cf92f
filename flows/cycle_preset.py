"""The training preset of a weekly cycle: one of the named ones, or one from a file that the cycle remembers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from shopfloor.domain.errors import RefusedInput

if TYPE_CHECKING:
    from flows.cycle import Cycle
    from shopfloor.training.presets import Preset

FACT = "preset"


def given_preset(path: Path | None) -> Preset | None:
    """Return the preset of a file, None without one.

    Raises:
        InvalidPreset: It is no preset.
    """
    from shopfloor.training.presets import read_preset

    return None if path is None else read_preset(path)


def keep_preset(cycle: Cycle, given: Preset | None) -> None:
    """Remember a preset that came from a file, so that a resumed cycle trains the same.

    Raises:
        RefusedInput: The unfinished cycle of that name has another one.
    """
    if given is None:
        return
    stored = cycle.recall(FACT)
    asked = given.model_dump(mode="json")
    if cycle.is_resumed and stored != asked:
        raise RefusedInput(
            f"the unfinished cycle {cycle.cycle_id} trains another preset called {given.name!r}\n"
            "hint: --fresh begins anew, or give the preset another name"
        )
    cycle.remember(FACT, asked)


def preset_of(cycle: Cycle) -> Preset:
    """Return what the cycle trains.

    Raises:
        UnknownPreset: It is neither in the cycle nor among the named ones.
    """
    from shopfloor.training.presets import Preset, preset_named

    stored = cycle.recall(FACT)
    if stored is None:
        return preset_named(cycle.request.preset)
    return Preset.model_validate_json(json.dumps(stored))
