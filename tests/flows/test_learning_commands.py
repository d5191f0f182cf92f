"""`ablate`, `tune` and `episode` on a tiny plant, as people run them: killed, run again, read by programs."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from shopfloor_command import shopfloor

from flows.study import StudyBusy, own_folder
from shopfloor.serving.exit_codes import ExitCode
from shopfloor.training.presets import read_preset

ABLATE = (
    "ablate", "--preset", "tiny", "--plant", "tiny", "--seeds", "2", "--cases", "6", "--budget", "512",
    "--only", "no_mask", "--json",
)  # fmt: skip


def cells_in(home: Path) -> dict[str, float]:
    """Return the finished cells with the instant they were written."""
    return {path.parent.name: path.stat().st_mtime for path in home.glob("ablations/*/*/cell.json")}


@pytest.mark.slow
def test_a_killed_ablation_goes_on_and_ends_with_table_csv_and_page(tmp_path: Path) -> None:
    environment = os.environ | {"SHOPFLOOR_HOME": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-m", "flows", *ABLATE, "--workers", "2"],
        env=environment,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as child:
        assert child.stderr is not None
        for line in child.stderr:
            if line.startswith("[3/6]"):
                os.killpg(child.pid, signal.SIGKILL)
                break
    before = cells_in(tmp_path)
    assert len(before) >= 3 and {"groundwork-0", "groundwork-1"} <= set(before)
    done = shopfloor(*ABLATE, "--workers", "1", home=tmp_path)
    assert done.returncode == 0, done.stderr
    after = cells_in(tmp_path)
    assert set(after) == {f"{name}-{seed}" for name in ("groundwork", "full", "no_mask") for seed in (0, 1)}
    assert all(after[name] == written for name, written in before.items())
    report = json.loads(done.stdout)
    assert report["failures"] == {}
    lines = {line["contestant"]: line for line in report["table"]["lines"]}
    assert set(lines) == {"full", "no_mask", "tuned ATCS", "tuned ATC", "EDD", "SPT", "FIFO"}
    assert all(line["n_violations"] == 0 and line["n_seeds"] == 2 for line in lines.values())
    assert lines["full"]["calm"]["ratio"] == lines["full"]["disturbed"]["ratio"] == 1.0
    assert lines["no_mask"]["calm"]["low"] <= lines["no_mask"]["calm"]["ratio"]
    folder = Path(report["folder"])
    assert (folder / "ablation.csv").read_text().count("\n") == 8
    assert (folder / "history.csv").read_text().startswith("variant,seed,")
    assert Path(report["page"]).stat().st_size > 100_000


def test_an_unknown_variant_or_plant_is_refused_before_anything_runs(tmp_path: Path) -> None:
    for arguments in (("--only", "no_luck", "--plant", "tiny"), ("--plant", "moon")):
        done = shopfloor("ablate", "--preset", "tiny", *arguments, home=tmp_path)
        assert done.returncode == ExitCode.REFUSED, done.stderr
        assert "hint:" in done.stderr and "Traceback" not in done.stderr
    assert not cells_in(tmp_path)


@pytest.mark.slow
def test_a_study_ends_with_a_preset_that_trains_and_goes_on_when_asked_for_more(tmp_path: Path) -> None:
    arguments = ("tune", "--preset", "tiny", "--plant", "tiny", "--budget", "512", "--json")
    first = shopfloor(*arguments, "--trials", "2", home=tmp_path)
    assert first.returncode == 0, first.stderr
    report = json.loads(first.stdout)
    assert report["n_trials"] == 2 and (tmp_path / "studies.db").exists()
    best = read_preset(Path(report["preset_file"]))
    assert best.name == "tiny_tuned" and best.ppo.n_steps == report["settings"]["n_steps"]
    assert Path(report["page"]).exists()
    again = shopfloor(*arguments, "--trials", "4", "--workers", "2", home=tmp_path)
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["n_trials"] >= 4


def test_an_episode_shows_figures_score_and_picture_calm_and_disturbed(tmp_path: Path) -> None:
    picture = tmp_path / "e.html"
    for case, kind in (("0", "static-000"), ("2", "dynamic-002")):
        done = shopfloor(
            "episode", "--plant", "tiny", "--by", "spt", "--case", case, "--gantt", str(picture), "--json",
            home=tmp_path,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        report = json.loads(done.stdout)
        assert report["case"] == kind and report["n_violations"] == 0
        assert set(report["parts"]) == {"total_tardiness", "makespan", "utilisation", "completed_jobs"}
        assert 0 < report["score"] <= 2
        assert kind in picture.read_text()


def test_an_episode_of_nobody_or_of_a_candidate_that_is_not_there_is_refused(tmp_path: Path) -> None:
    for by in ("nobody", "candidate"):
        done = shopfloor("episode", "--plant", "tiny", "--by", by, home=tmp_path)
        assert done.returncode == ExitCode.REFUSED and "hint:" in done.stderr


@pytest.mark.slow
def test_the_learning_bench_trains_plays_everybody_and_ends_with_table_page_and_run(tmp_path: Path) -> None:
    asked = (
        "bench",
        "learning",
        "--preset",
        "tiny",
        "--plant",
        "tiny",
        "--seeds",
        "2",
        "--cases",
        "6",
        "--json",
    )
    done = shopfloor(*asked, home=tmp_path)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["failures"] == {}
    answers = {item["headline"]["name"]: item for item in report["table"]["answers"]}
    assert len(answers) == 8
    assert {"policy alone, disturbed", "unseen plant 101, calm", "unseen plant 102, disturbed"} <= set(
        answers
    )
    assert all(item["n_seeds"] == 2 and item["n_violations"] == 0 for item in answers.values())
    assert answers["policy alone, disturbed"]["n_cases"] == 6
    samples, alone = (answers[name] for name in ("best of 256 samples, calm", "policy alone, calm"))
    assert samples["avoidable"][0] <= alone["avoidable"][0]
    assert Path(report["page"]).stat().st_size > 100_000
    assert (Path(report["best"]) / "manifest.json").exists() or any(Path(report["best"]).iterdir())
    again = shopfloor(*asked, home=tmp_path)
    assert "2 of 2 trainings are there" in again.stderr
    assert json.loads(again.stdout)["table"] == report["table"]


def test_an_experiment_that_another_process_works_on_is_refused(tmp_path: Path) -> None:
    def take() -> Path:
        with own_folder(tmp_path / "study") as folder:
            return folder

    with own_folder(tmp_path / "study"), pytest.raises(StudyBusy, match="another process"):
        take()
    assert take().is_dir()
