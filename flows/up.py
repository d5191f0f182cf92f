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
from dataclasses import asdict, dataclass
from pathlib import Path

from flows.services import (
    LOOPBACK,
    Service,
    ServiceFailed,
    is_port_free,
    mlflow_server,
    page_server,
    prefect_server,
    prefect_worker,
)
from shopfloor.settings import Settings

POOL = "shopfloor"
CHECKOUT = Path(__file__).resolve().parents[1]
PREFECT_FILE = CHECKOUT / "deploy" / "prefect.yaml"


@dataclass(frozen=True)
class Addresses:
    """Where the servers of this machine answer; `pages` serves reports and data docs."""

    prefect: str
    mlflow: str
    pages: str

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
            "SHOPFLOOR_PAGES_URL": self.pages,
            "SHOPFLOOR_PLANT_TZ": settings.plant_tz,
            "SHOPFLOOR_CHECKOUT": str(CHECKOUT),
        }


@dataclass(frozen=True)
class Ports:
    """Loopback ports of the servers."""

    prefect: int = 4200
    mlflow: int = 5000
    pages: int = 4300

    def require_free(self) -> None:
        """Raise `ServiceFailed` when something else listens on one of them."""
        for name, port in asdict(self).items():
            if not is_port_free(port):
                raise ServiceFailed(
                    f"{name} cannot listen on {LOOPBACK}:{port}, something else does\nhint: --{name}-port N"
                )


@contextmanager
def servers(
    settings: Settings, ports: Ports, *, say: Callable[[str], None]
) -> Iterator[tuple[Addresses, list[Service]]]:
    """Run Prefect, MLflow and the page server for the time of the block.

    Raises:
        ServiceFailed: A port is taken or a server does not come up.
    """
    ports.require_free()
    home = settings.home_dir
    (home / "mlflow" / "artifacts").mkdir(parents=True, exist_ok=True)
    url = f"http://{LOOPBACK}"
    addresses = Addresses(f"{url}:{ports.prefect}", f"{url}:{ports.mlflow}", f"{url}:{ports.pages}")
    running = [
        prefect_server(home, ports.prefect),
        mlflow_server(home, ports.mlflow, store=f"sqlite:///{home / 'mlflow' / 'mlflow.db'}"),
        page_server(home, ports.pages),
    ]
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


def run_until_interrupted(settings: Settings, ports: Ports, *, say: Callable[[str], None]) -> None:
    """Start servers, deployments and the worker; wait for Ctrl-C or SIGTERM; stop them all."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        with servers(settings, ports, say=say) as (addresses, running):
            _serve(settings, addresses, running, say)
    except KeyboardInterrupt:
        say("stopped")


def _serve(
    settings: Settings, addresses: Addresses, running: list[Service], say: Callable[[str], None]
) -> None:
    environment = addresses.environment(settings)
    apply_deployments(environment)
    worker = prefect_worker(settings.home_dir, addresses.prefect_api, pool=POOL, environment=environment)
    running.append(worker)
    worker.start()
    worker.wait_until_up()
    say("worker is up, deployments are applied\n")
    say(f"Prefect  {addresses.prefect}\nMLflow   {addresses.mlflow}\nreports  {addresses.pages}")
    say(f"logs     {settings.home_dir / 'logs'}\n\nCtrl-C stops them all")
    while True:
        time.sleep(1.0)
        for service in running:
            service.require_alive()
