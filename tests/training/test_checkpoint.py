"""Pieces survive a kill and are never mixed between trainings."""

from pathlib import Path

import numpy as np
import torch

from shopfloor.training.checkpoint import TrainingKey, open_checkpoint

KEY = TrainingKey("config", "data", 0)


def test_pieces_come_back_and_mark_the_run_as_resumed(tmp_path: Path) -> None:
    first = open_checkpoint(tmp_path, KEY)
    first.save_json("rules", {"best": 1.5})
    first.save_arrays("labels", {"q": np.arange(3.0)})
    first.save_tensors("ppo", {"weights": {"w": torch.ones(2)}, "steps": 7})
    assert not first.is_resumed
    second = open_checkpoint(tmp_path, KEY)
    assert second.load_json("rules") == {"best": 1.5}
    arrays, tensors = second.load_arrays("labels"), second.load_tensors("ppo")
    assert arrays is not None and arrays["q"].tolist() == [0.0, 1.0, 2.0]
    assert tensors is not None and tensors["steps"] == 7 and tensors["weights"]["w"].tolist() == [1.0, 1.0]
    assert second.is_resumed


def test_another_training_starts_from_nothing(tmp_path: Path) -> None:
    open_checkpoint(tmp_path, KEY).save_json("rules", 1)
    for other in (
        TrainingKey("config2", "data", 0),
        TrainingKey("config", "data2", 0),
        TrainingKey("config", "data", 1),
    ):
        assert open_checkpoint(tmp_path, other).load_json("rules") is None


def test_a_damaged_piece_is_made_again(tmp_path: Path) -> None:
    checkpoint = open_checkpoint(tmp_path, KEY)
    for name in ("a.json", "b.npz", "c.pt"):
        (tmp_path / name).write_bytes(b"\x00not a piece")
    assert checkpoint.load_json("a") is None
    assert checkpoint.load_arrays("b") is None
    assert checkpoint.load_tensors("c") is None
    assert not checkpoint.is_resumed


def test_a_half_written_piece_is_never_seen(tmp_path: Path) -> None:
    checkpoint = open_checkpoint(tmp_path, KEY)
    (tmp_path / "rules.json.tmp").write_text("{")
    assert checkpoint.load_json("rules") is None
