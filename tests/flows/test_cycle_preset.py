"""A weekly cycle trains the preset it was given, also after a kill, and never another one by the same name."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from flows.cycle import Cycle, CycleRequest, open_cycle
from flows.cycle_preset import given_preset, keep_preset, preset_of
from shopfloor.domain.errors import RefusedInput
from shopfloor.training.presets import InvalidPreset, UnknownPreset, preset_named, preset_text

TINY = preset_named("tiny")
MINE = TINY.model_copy(update={"name": "mine", "hidden": (16, 8)})


def cycle_of(root: Path, name: str) -> Cycle:
    return open_cycle(root, CycleRequest(name, 0, datetime(2026, 6, 1, tzinfo=UTC)))


def test_a_preset_file_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text(preset_text(MINE))
    assert given_preset(path) == MINE
    assert given_preset(None) is None


@pytest.mark.parametrize(
    "text", ["not json", '{"name": "x"}', preset_text(MINE).replace('"beta"', '"betta"')]
)
def test_a_file_that_is_no_preset_is_refused_by_name(text: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(InvalidPreset, match=r"bad\.json"):
        given_preset(path)
    with pytest.raises(InvalidPreset, match="cannot be read"):
        given_preset(tmp_path / "none.json")


def test_a_resumed_cycle_trains_the_preset_it_began_with(tmp_path: Path) -> None:
    keep_preset(cycle_of(tmp_path, "mine"), MINE)
    again = cycle_of(tmp_path, "mine")
    assert preset_of(again) == MINE
    keep_preset(again, MINE)
    with pytest.raises(RefusedInput, match="another preset"):
        keep_preset(again, MINE.model_copy(update={"beta": 0.5}))


def test_a_cycle_without_a_file_trains_a_named_preset(tmp_path: Path) -> None:
    assert preset_of(cycle_of(tmp_path, "tiny")) == TINY
    with pytest.raises(UnknownPreset):
        preset_of(cycle_of(tmp_path, "mine"))
