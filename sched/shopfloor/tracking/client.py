"""A client of one MLflow store, with bounded patience.

It never uses MLflow's global state (active run, default URI): two stores may be open in one process. MLflow
is imported here, inside functions, and its own waiting (seven retries of two minutes) is cut to seconds.
"""

from __future__ import annotations

import logging
import socket
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from shopfloor.domain.errors import ShopfloorError

if TYPE_CHECKING:
    from mlflow import MlflowClient

log = logging.getLogger(__name__)

CONNECT_S = 2.0


class TrackingUnavailable(ShopfloorError, ConnectionError):
    """The MLflow store does not answer, or does not know what was asked."""


def open_client(tracking_uri: str) -> MlflowClient:
    """Return a client of the store; creates the folder of an SQLite store.

    Raises:
        TrackingUnavailable: Nothing listens at the address of a server.
    """
    folder = sqlite_folder(tracking_uri)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    elif not is_reachable(tracking_uri):
        raise TrackingUnavailable(
            f"no MLflow server answers at {redacted(tracking_uri)}\n"
            "hint: shopfloor up starts one; runs go on without"
        )
    from mlflow import MlflowClient

    _bound_patience()
    return MlflowClient(tracking_uri=tracking_uri, registry_uri=tracking_uri)


def is_reachable(tracking_uri: str) -> bool:
    """Tell, within two seconds, whether the store could answer; an SQLite store must exist already."""
    path = sqlite_path(tracking_uri)
    if path is not None:
        return path.exists()
    address = urlsplit(tracking_uri)
    if address.scheme not in ("http", "https"):
        return True
    try:
        port = address.port or (443 if address.scheme == "https" else 80)
        with socket.create_connection((address.hostname or "localhost", port), timeout=CONNECT_S):
            return True
    except OSError:
        return False


def sqlite_path(tracking_uri: str) -> Path | None:
    """Return the file of an SQLite store, or None for any other."""
    prefix = "sqlite:///"
    return Path(tracking_uri.removeprefix(prefix)).resolve() if tracking_uri.startswith(prefix) else None


def sqlite_folder(tracking_uri: str) -> Path | None:
    """Return the folder of an SQLite store, or None for any other."""
    path = sqlite_path(tracking_uri)
    return None if path is None else path.parent


def redacted(tracking_uri: str) -> str:
    """Return the address without user and password."""
    address = urlsplit(tracking_uri)
    if "@" not in address.netloc:
        return tracking_uri
    return address._replace(netloc=address.netloc.rpartition("@")[2]).geturl()


def experiment_id(client: MlflowClient, name: str, *, tracking_uri: str) -> str:
    """Return the id of the experiment, made on first use.

    With an SQLite store the artifacts go beside it, by absolute path: MLflow's default is relative to
    wherever the process was started. A server keeps its own artifacts.
    """
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    folder = sqlite_folder(tracking_uri)
    location = None if folder is None else (folder / "artifacts" / name).as_uri()
    try:
        return str(client.create_experiment(name, artifact_location=location))
    except MlflowException:
        found = client.get_experiment_by_name(name)
        if found is None:
            raise
        return str(found.experiment_id)


def _bound_patience() -> None:
    from mlflow.environment_variables import MLFLOW_HTTP_REQUEST_MAX_RETRIES, MLFLOW_HTTP_REQUEST_TIMEOUT

    if not MLFLOW_HTTP_REQUEST_MAX_RETRIES.is_set():
        MLFLOW_HTTP_REQUEST_MAX_RETRIES.set(1)
    if not MLFLOW_HTTP_REQUEST_TIMEOUT.is_set():
        MLFLOW_HTTP_REQUEST_TIMEOUT.set(5)
