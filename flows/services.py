"""Start, await and stop the servers of a single machine, each on loopback.

Each server is a process group of its own, so that stopping one stops its children. Nothing listens beyond
127.0.0.1, and a port that is taken is an error before anything starts.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError

from shopfloor.domain.errors import ShopfloorError

LOOPBACK = "127.0.0.1"


class ServiceFailed(ShopfloorError, RuntimeError):
    """A server did not start, or died."""


def is_answering(url: str, *, timeout_s: float = 2.0) -> bool:
    """Tell whether an HTTP GET on `url` answers 200."""
    with suppress(URLError, OSError, ValueError), urllib.request.urlopen(url, timeout=timeout_s) as answer:
        return bool(answer.status == 200)
    return False


def is_port_free(port: int) -> bool:
    """Tell whether nothing listens on loopback's `port`."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return probe.connect_ex((LOOPBACK, port)) != 0


def free_port() -> int:
    """Return a port that is free right now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


@dataclass
class Service:
    """One child process with its log file and health address.

    Attributes:
        name: Shown to people.
        command: Arguments of the process.
        health: URL that answers 200 when it is up; None = up as soon as it runs.
        log_file: Where its output goes.
        environment: Added to ours.
    """

    name: str
    command: Sequence[str]
    health: str | None
    log_file: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process in a group of its own."""
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        with self.log_file.open("ab") as output:
            self.process = subprocess.Popen(
                list(self.command),
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=os.environ | dict(self.environment),
                start_new_session=True,
            )

    def wait_until_up(self, *, timeout_s: float = 180.0) -> None:
        """Wait for the health address.

        Raises:
            ServiceFailed: It died, or did not answer in time; the message ends with its last log lines.
        """
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            self.require_alive()
            if self.health is None or is_answering(self.health):
                return
            time.sleep(0.3)
        raise ServiceFailed(
            f"{self.name} did not answer within {timeout_s:.0f} s: {self.health}\n{self.last_lines()}"
        )

    def require_alive(self) -> None:
        """Raise `ServiceFailed` when the process has ended."""
        if self.process is None or self.process.poll() is not None:
            code = None if self.process is None else self.process.returncode
            raise ServiceFailed(f"{self.name} has stopped, exit code {code}\n{self.last_lines()}")

    def last_lines(self, count: int = 8) -> str:
        """Return the end of its log."""
        if not self.log_file.exists():
            return f"hint: no log at {self.log_file}"
        lines = self.log_file.read_text(errors="replace").splitlines()[-count:]
        return f"hint: {self.log_file} ends with\n  " + "\n  ".join(lines)

    def stop(self, *, patience_s: float = 8.0) -> None:
        """Terminate the group; kill what is left after `patience_s`."""
        if self.process is None or self.process.poll() is not None:
            return
        for signal_number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal_number)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(patience_s / 2)
                break
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)


def prefect_server(home: Path, port: int) -> Service:
    """Describe a Prefect server on loopback; its database lives under home."""
    # By environment and not by --port: the dashboard reads its API address from there (PrefectHQ/prefect#18895).
    environment = {
        "PREFECT_SERVER_API_HOST": LOOPBACK,
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_API_URL": f"http://{LOOPBACK}:{port}/api",
        "PREFECT_HOME": str(home / "prefect"),
        "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
    }
    command = [sys.executable, "-m", "prefect", "server", "start"]
    return Service(
        "Prefect", command, f"http://{LOOPBACK}:{port}/api/health", home / "logs" / "prefect.log", environment
    )


def mlflow_server(home: Path, port: int, *, store: str) -> Service:
    """Describe an MLflow server on loopback over the SQL store `store`."""
    command = [sys.executable, "-m", "mlflow", "server", "--host", LOOPBACK, "--port", str(port)]
    command += [
        "--backend-store-uri",
        store,
        "--default-artifact-root",
        (home / "mlflow" / "artifacts").as_uri(),
    ]
    command += ["--workers", "1"]
    environment = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    return Service(
        "MLflow", command, f"http://{LOOPBACK}:{port}/health", home / "logs" / "mlflow.log", environment
    )


def page_server(home: Path, port: int) -> Service:
    """Describe a server of reports and data docs; it shows nothing else of home."""
    public = home / "public"
    public.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "http.server", str(port), "--bind", LOOPBACK, "--directory", str(public)]
    return Service("reports", command, f"http://{LOOPBACK}:{port}/", home / "logs" / "pages.log")


def prefect_worker(home: Path, api_url: str, *, pool: str, environment: Mapping[str, str]) -> Service:
    """Describe a worker that runs the deployments of `pool` as processes of this machine."""
    command = [
        sys.executable,
        "-m",
        "prefect",
        "worker",
        "start",
        "--pool",
        pool,
        "--limit",
        "2",
        "--name",
        "shopfloor",
    ]
    return Service(
        "worker",
        command,
        None,
        home / "logs" / "worker.log",
        dict(environment) | {"PREFECT_API_URL": api_url},
    )
