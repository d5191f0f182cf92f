"""`shopfloor up`: Prefect server, MLflow server and a worker with all deployments, until Ctrl-C.

Everything listens on loopback and keeps its state under home; stopping leaves nothing running.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from flows.services import (
    LOOPBACK,
    Service,
    ServiceFailed,
    is_port_free,
    mlflow_server,
    prefect_server,
    prefect_worker,
)
from shopfloor.settings import Settings

POOL = "shopfloor"
CHECKOUT = Path(__file__).resolve().parents[1]
PREFECT_FILE = CHECKOUT / "deploy" / "prefect.yaml"


@dataclass(frozen=True)
class Addresses:
    """Where the servers of this machine answer."""

    prefect: str
    mlflow: str

    @property
    def prefect_api(self) -> str:
        """The API below the Prefect dashboard."""
        return f"{self.prefect}/api"

    def environment(self, settings: Settings) -> dict[str, str]:
        """Return what a process needs to use these servers."""
        return {
            "PREFECT_API_URL": self.prefect_api,
            "MLFLOW_TRACKING_URI": self.mlflow,
            "SHOPFLOOR_HOME": str(settings.home_dir),
            "SHOPFLOOR_PLANT_TZ": settings.plant_tz,
            "SHOPFLOOR_CHECKOUT": str(CHECKOUT),
        }


@contextmanager
def servers(
    settings: Settings, *, prefect_port: int, mlflow_port: int, say: Callable[[str], None]
) -> Iterator[tuple[Addresses, list[Service]]]:
    """Run both servers for the time of the block.

    Raises:
        ServiceFailed: A port is taken or a server does not come up.
    """
    for name, port in (("Prefect", prefect_port), ("MLflow", mlflow_port)):
        if not is_port_free(port):
            raise ServiceFailed(
                f"{name} cannot listen on {LOOPBACK}:{port}, something else does\nhint: choose another port"
            )
    home = settings.home_dir
    (home / "mlflow" / "artifacts").mkdir(parents=True, exist_ok=True)
    addresses = Addresses(f"http://{LOOPBACK}:{prefect_port}", f"http://{LOOPBACK}:{mlflow_port}")
    store = f"sqlite:///{home / 'mlflow' / 'mlflow.db'}"
    running = [prefect_server(home, prefect_port), mlflow_server(home, mlflow_port, store=store)]
    try:
        for service in running:
            service.start()
        for service in running:
            service.wait_until_up()
            say(f"{service.name} is up")
        yield addresses, running
    finally:
        for service in reversed(running):
            service.stop()


def apply_deployments(environment: dict[str, str]) -> None:
    """Create the work pool and apply `deploy/prefect.yaml`; doing it again changes nothing.

    Raises:
        ServiceFailed: Prefect refused.
    """
    prefect = [sys.executable, "-m", "prefect", "--no-prompt"]
    create = [*prefect, "work-pool", "create", POOL, "--type", "process", "--overwrite"]
    deploy = [*prefect, "deploy", "--all", "--prefect-file", str(PREFECT_FILE)]
    for command in (create, deploy):
        done = subprocess.run(
            command,
            env=os.environ | environment,
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        if done.returncode != 0:
            raise ServiceFailed(
                f"deploying failed: {' '.join(command[2:])}\n{(done.stdout + done.stderr)[-2000:]}"
            )


def run_until_interrupted(
    settings: Settings, *, prefect_port: int, mlflow_port: int, say: Callable[[str], None]
) -> None:
    """Start servers, deployments and the worker; wait for Ctrl-C or SIGTERM; stop them all."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with servers(settings, prefect_port=prefect_port, mlflow_port=mlflow_port, say=say) as (
        addresses,
        running,
    ):
        environment = addresses.environment(settings)
        apply_deployments(environment)
        worker = prefect_worker(settings.home_dir, addresses.prefect_api, pool=POOL, environment=environment)
        running.append(worker)
        worker.start()
        worker.wait_until_up()
        say("worker is up, deployments are applied")
        say(
            f"Prefect  {addresses.prefect}\nMLflow   {addresses.mlflow}\nlogs     {settings.home_dir / 'logs'}"
        )
        say("Ctrl-C stops them all")
        try:
            while True:
                time.sleep(1.0)
                for service in running:
                    service.require_alive()
        except KeyboardInterrupt:
            say("stopping")
