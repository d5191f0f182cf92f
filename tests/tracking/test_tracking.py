"""Tracking against a real MLflow: an SQLite store in every test, a real server in the slow one."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from shopfloor.tracking import registry
from shopfloor.tracking.client import TrackingUnavailable, is_reachable, open_client, redacted
from shopfloor.tracking.mirror import Standing, mirror_aliases
from shopfloor.tracking.registry import Registration
from shopfloor.tracking.runs import DataUsed, RunRequest, start_run


@pytest.fixture
def store(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'deep' / 'mlflow' / 'mlflow.db'}"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A real `mlflow server` on a free loopback port."""
    root = tmp_path_factory.mktemp("mlflow-server")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "1", "--backend-store-uri", f"sqlite:///{root}/mlflow.db"]
    command += ["--artifacts-destination", str(root / "artifacts")]
    quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    with (root / "server.log").open("w") as log:
        process = subprocess.Popen(
            command, env=os.environ | quiet, stdout=log, stderr=log, cwd=root, start_new_session=True
        )
        try:
            _wait_for(f"http://127.0.0.1:{port}/health", process)
            yield f"http://127.0.0.1:{port}"
        finally:
            os.killpg(process.pid, 15)
            process.wait(timeout=30)


def _wait_for(address: str, process: subprocess.Popen) -> None:
    for _ in range(600):
        try:
            with urllib.request.urlopen(address, timeout=2):
                return
        except OSError:
            assert process.poll() is None, "the server died"
            time.sleep(0.2)
    raise TimeoutError(address)


def _bundle(directory: Path, text: str = "one") -> Path:
    directory.mkdir(parents=True)
    (directory / "manifest.json").write_text(json.dumps({"text": text}))
    return directory


def _write_a_run(store: str, tmp_path: Path) -> str:
    request = RunRequest("weekly", "try", tags={"git_sha": "abc", "snapshot": "s1"})
    with start_run(request, tracking_uri=store) as run:
        run.log_params({"lr": 0.1, "net": {"layers": 2}, "long": "x" * 9000})
        for step in range(1100):
            run.log_metrics({"loss": 1.0 / (step + 1), "broken": float("nan")}, step)
        run.log_data(DataUsed("snapshot", "f" * 64, tmp_path, profile={"machines": 74}))
        (tmp_path / "report.html").write_text("<p>hello</p>")
        run.log_artifact(tmp_path / "report.html", "reports")
        run.set_tags({"verdict": "kept"})
        assert run.run_id is not None
        return run.run_id


def _check_the_run(store: str, run_id: str) -> None:
    client = open_client(store)
    run = client.get_run(run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params["net.layers"] == "2" and len(run.data.params["long"]) == 6000
    assert run.data.tags["git_sha"] == "abc" and run.data.tags["verdict"] == "kept"
    history = client.get_metric_history(run_id, "loss")
    assert [point.step for point in history] == list(range(1100))
    assert "broken" not in run.data.metrics
    seen = run.inputs.dataset_inputs[0]
    assert seen.dataset.name == "snapshot" and seen.dataset.digest == "f" * 36
    assert json.loads(seen.dataset.profile) == {"machines": 74}
    assert [entry.path for entry in client.list_artifacts(run_id, "reports")] == ["reports/report.html"]


def _walk_the_registry(store: str, tmp_path: Path) -> None:
    first = registry.register_version(
        _bundle(tmp_path / "a"), Registration("aa11", tags={"preset": "small"}), tracking_uri=store
    )
    second = registry.register_version(
        _bundle(tmp_path / "b", "two"), Registration("bb22"), tracking_uri=store
    )
    again = registry.register_version(tmp_path / "a", Registration("aa11"), tracking_uri=store)
    assert (first, second, again) == ("1", "2", "1")
    registry.set_alias("challenger", second, tracking_uri=store)
    registry.set_version_tags(second, {"gate.gain": 0.03}, tracking_uri=store)
    found = registry.get_by_alias("challenger", tracking_uri=store)
    assert found is not None and (found.version, found.bundle_hash) == ("2", "bb22")
    assert found.tags["gate.gain"] == "0.03"
    assert registry.get_by_alias("champion", tracking_uri=store) is None
    assert registry.get_version("99", tracking_uri=store) is None
    fetched = registry.download("1", tmp_path / "got", tracking_uri=store)
    assert json.loads((fetched / "manifest.json").read_text()) == {"text": "one"}
    assert [version.version for version in registry.list_versions(tracking_uri=store)] == ["2", "1"]
    report = mirror_aliases(Standing("2", "bb22", previous="1"), tracking_uri=store)
    assert report.repaired == ("champion: none -> 2", "previous: none -> 1", "challenger: 2 -> none")
    assert mirror_aliases(Standing("2", "bb22", previous="1"), tracking_uri=store).repaired == ()


def test_a_run_keeps_params_metrics_data_and_artifacts(store, tmp_path):
    _check_the_run(store, _write_a_run(store, tmp_path))


def test_artifacts_lie_beside_the_store_wherever_the_process_was_started(store, tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    _write_a_run(store, tmp_path)
    assert list(elsewhere.iterdir()) == []
    assert list((tmp_path / "deep" / "mlflow" / "artifacts").rglob("report.html"))


def test_a_run_that_raises_is_failed_and_the_error_goes_on(store):
    with (
        pytest.raises(ZeroDivisionError),
        start_run(RunRequest("weekly", "bad"), tracking_uri=store) as run,
    ):
        run.log_metrics({"loss": 1.0}, 0)
        _ = 1 / 0
    client = open_client(store)
    stored = client.get_run(run.run_id)
    assert stored.info.status == "FAILED" and stored.data.metrics == {"loss": 1.0}


def test_a_killed_run_goes_on_under_its_own_id(store):
    with start_run(RunRequest("weekly", "first"), tracking_uri=store) as run:
        run.log_metrics({"loss": 2.0}, 0)
    with start_run(RunRequest("weekly", "x", resume_run_id=run.run_id), tracking_uri=store) as resumed:
        resumed.log_metrics({"loss": 1.0}, 1)
    history = open_client(store).get_metric_history(run.run_id, "loss")
    assert [(point.step, point.value) for point in history] == [(0, 2.0), (1, 1.0)]


def test_a_run_is_silent_when_no_server_answers(tmp_path):
    began = time.monotonic()
    with start_run(RunRequest("weekly", "lonely"), tracking_uri="http://127.0.0.1:1") as run:
        run.log_params({"a": 1})
        run.log_metrics({"loss": 1.0}, 0)
        run.log_artifact(tmp_path)
    assert not run.is_online
    assert time.monotonic() - began < 10


def test_an_unreachable_registry_is_one_error_of_ours():
    with pytest.raises(TrackingUnavailable, match="hint:"):
        registry.get_by_alias("champion", tracking_uri="http://127.0.0.1:1")


def test_versions_and_aliases_on_an_sqlite_store(store, tmp_path):
    _walk_the_registry(store, tmp_path)


def test_an_alias_that_is_not_ours_is_refused(store):
    with pytest.raises(ValueError, match="latest"):
        registry.set_alias("latest", "1", tracking_uri=store)


def test_the_ledger_wins_over_an_alias_that_somebody_moved(store, tmp_path):
    for name, digest in (("a", "aa11"), ("b", "bb22")):
        registry.register_version(_bundle(tmp_path / name, name), Registration(digest), tracking_uri=store)
    registry.set_alias("champion", "2", tracking_uri=store)
    report = mirror_aliases(Standing("1", "aa11"), tracking_uri=store)
    assert report.repaired == ("champion: 2 -> 1",)


def test_a_champion_whose_bundle_is_not_the_ledgers_gets_no_alias(store, tmp_path):
    registry.register_version(_bundle(tmp_path / "a"), Registration("aa11"), tracking_uri=store)
    registry.set_alias("champion", "1", tracking_uri=store)
    report = mirror_aliases(Standing("1", "ee55", previous="7"), tracking_uri=store)
    assert report.unresolved == (
        "champion 1 has bundle aa11, the ledger ee55",
        "previous 7 is not registered",
    )
    assert registry.get_by_alias("champion", tracking_uri=store) is None


def test_a_version_whose_files_are_gone_is_reported_not_half_downloaded(store, tmp_path):
    registry.register_version(_bundle(tmp_path / "a"), Registration("aa11"), tracking_uri=store)
    for path in (tmp_path / "deep" / "mlflow" / "artifacts").rglob("manifest.json"):
        path.unlink()
    with pytest.raises(TrackingUnavailable):
        registry.download("1", tmp_path / "got", tracking_uri=store)
    assert not (tmp_path / "got").exists()


def test_passwords_do_not_appear_in_messages():
    assert redacted("http://user:secret@host:5000/x") == "http://host:5000/x"


def test_reachability_is_known_without_making_a_store(tmp_path):
    assert not is_reachable(f"sqlite:///{tmp_path / 'none.db'}")
    assert not (tmp_path / "none.db").exists()


def test_importing_tracking_does_not_import_mlflow():
    code = "import sys, shopfloor.tracking.registry, shopfloor.tracking.runs, shopfloor.tracking.mirror;"
    code += "sys.exit('mlflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.slow
def test_runs_versions_and_aliases_on_a_real_server(server, tmp_path):
    _check_the_run(server, _write_a_run(server, tmp_path))
    _walk_the_registry(server, tmp_path)
