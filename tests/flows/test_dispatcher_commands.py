"""A dispatcher is trained, kept as a proven bundle with its curves, and judged; wrong options are told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from shopfloor_command import shopfloor

from shopfloor.policies.dispatcher_bundle import load_dispatcher
from shopfloor.tracking.client import open_client


@pytest.mark.slow
def test_a_dispatcher_is_trained_kept_and_judged(tmp_path: Path) -> None:
    arguments = ("--exercise", "toy", "--cases", "4", "--budget", "0.016", "--json")
    done = shopfloor("bench", "milestones", *arguments, home=tmp_path)
    assert done.returncode == 0, done.stderr
    (report,) = json.loads(done.stdout)["milestones"]
    assert (report["exercise"], report["books"], len(report["goals"])) == ("toy", 4, 4)
    (bundle,) = tmp_path.glob("dispatchers/*/bundle-*")
    assert load_dispatcher(bundle).exercise == "toy"
    assert list(tmp_path.glob("dispatchers/*/training/tensorboard/events*"))
    client = open_client(f"sqlite:///{tmp_path / 'mlflow' / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("shopfloor-dispatcher")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.data.params["exercise"] == "toy"
    assert "dispatcher_ratio" in run.data.metrics


def test_impossible_options_are_refused_with_what_to_do(tmp_path: Path) -> None:
    unknown = shopfloor("train-dispatcher", "--preset", "huge", home=tmp_path)
    assert unknown.returncode == 64
    assert "'toy', 'dependency', 'time', 'medium', 'production'" in " ".join(
        unknown.stderr.replace("│", " ").split()
    )
    spread = shopfloor("train-dispatcher", "--preset", "production", "--processes", "2", home=tmp_path)
    assert spread.returncode == 64
    assert "--books drawn" in spread.stderr
