"""The flows in a real Prefect server: runs, tasks, artifacts, deployments with their cadences, the automation."""

import json
import os
import re
import urllib.request
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from shopfloor_command import shopfloor

from flows.services import free_port, prefect_server
from flows.up import PREFECT_FILE, Addresses, apply_deployments
from shopfloor.settings import Settings

CADENCES = {
    "sunday-night": "0 22 * * 0",
    "every-morning": "30 5 * * *",
    "hourly": "0 7-17 * * 1-5",
    "end-of-day": "30 17 * * *",
}


def deployments_in_file() -> list[dict[str, Any]]:
    text = re.sub(r"\{\{.*?\}\}", "x", PREFECT_FILE.read_text())
    return list(yaml.safe_load(text)["deployments"])


def test_every_deployment_names_a_flow_that_exists() -> None:
    for deployment in deployments_in_file():
        file, name = deployment["entrypoint"].split(":")
        module = import_module(file.removesuffix(".py").replace("/", "."))
        assert type(getattr(module, name)).__name__ == "Flow"


def test_cadences_are_plant_local_and_stay_clear_of_clock_changes() -> None:
    found = {d["name"]: s for d in deployments_in_file() for s in d.get("schedules", [])}
    assert {name: schedule["cron"] for name, schedule in found.items()} == CADENCES
    for schedule in found.values():
        hours = schedule["cron"].split()[1]
        assert all(not 1 <= int(hour) <= 3 for hour in hours.split("-"))


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = prefect_server(tmp_path_factory.mktemp("prefect"), free_port())
    server.start()
    try:
        server.wait_until_up()
        yield str(server.environment["PREFECT_API_URL"])
    finally:
        server.stop()


def ask(api: str, path: str, body: dict[str, Any] | None = None) -> Any:
    request = urllib.request.Request(
        f"{api}/{path}", data=json.dumps(body or {}).encode(), headers={"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


@pytest.mark.slow
def test_a_day_runs_as_a_flow_with_tasks_and_artifacts(api: str, tmp_path: Path) -> None:
    assert shopfloor("seed", "--plant", "tiny", home=tmp_path).returncode == 0
    done = shopfloor(
        "daily", "--json", home=tmp_path, PREFECT_API_URL=api, PREFECT_HOME=str(tmp_path / "prefect")
    )
    assert done.returncode == 10, done.stderr
    assert json.loads(done.stdout)["rung"] == "search"
    runs = ask(api, "flow_runs/filter")
    assert [run["state_type"] for run in runs] == ["COMPLETED"]
    tasks = {task["name"].rsplit("-", 1)[0] for task in ask(api, "task_runs/filter")}
    assert {"extract-today", "validate-snapshot", "make-todays-plan", "write-and-read-back"} <= tasks
    keys = {artifact["key"] for artifact in ask(api, "artifacts/filter")}
    assert {"daily-plan", "daily-kpis", "plan-gantt", "data-docs"} <= keys


@pytest.mark.slow
def test_deploying_twice_gives_the_same_deployments_and_one_automation(api: str, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    environment = Addresses(api.removesuffix("/api"), "http://127.0.0.1:1", "http://127.0.0.1:1").environment(
        settings
    )
    os.environ.setdefault("PREFECT_HOME", str(tmp_path / "prefect"))
    for _ in range(2):
        apply_deployments(environment)
    found = {row["name"]: row for row in ask(api, "deployments/filter")}
    assert set(found) == {*CADENCES, "on-incident"}
    for name, cron in CADENCES.items():
        schedule = found[name]["schedules"][0]["schedule"]
        assert (schedule["cron"], schedule["timezone"]) == (cron, settings.plant_tz)
    automations = [row for row in ask(api, "automations/filter") if row["name"] == "respond-to-incident"]
    assert len(automations) == 1
