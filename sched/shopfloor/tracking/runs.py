"""One MLflow run: parameters, metrics per step, the data it saw, its artifacts.

A run is a diary, never a gate: when the store is down the work goes on, the diary stays silent and says so
once in the log. It decides nothing and keeps nothing that another part needs in order to go on.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shopfloor.tracking.client import experiment_id, open_client, redacted

if TYPE_CHECKING:
    from mlflow import MlflowClient

log = logging.getLogger(__name__)

BATCH = 500
"""Metrics that wait for one request; MLflow takes at most 1000 at once."""
KEEP = 20_000
"""Metrics that are kept while the store is away; the oldest go first."""
LONGEST_PARAMETER = 6000


@dataclass(frozen=True)
class RunRequest:
    """What a run is about.

    Attributes:
        experiment: MLflow experiment, for example `shopfloor-weekly`.
        name: Run name that people see.
        tags: Lineage: git sha, snapshot id, preset, seed.
        resume_run_id: Go on with this run (a training that was killed); None = a new one.
    """

    experiment: str
    name: str
    tags: Mapping[str, str] = field(default_factory=dict)
    resume_run_id: str | None = None


@dataclass(frozen=True)
class DataUsed:
    """One data set that a run saw, by its content address.

    Attributes:
        name: For example `snapshot`.
        digest: Content hash; MLflow keeps 36 characters of it.
        source: Folder or file it was read from.
        context: `training` or `evaluation`.
        profile: Row counts and such, JSON-able.
    """

    name: str
    digest: str
    source: Path
    context: str = "training"
    profile: Mapping[str, Any] = field(default_factory=dict)


class Run:
    """A run that is being written; made by `start_run`."""

    def __init__(self, client: MlflowClient | None, run_id: str | None, tracking_uri: str) -> None:
        self._client = client
        self.run_id = run_id
        self.tracking_uri = tracking_uri
        self._waiting: list[Any] = []
        self._quiet_until = 0.0

    @property
    def is_online(self) -> bool:
        """Whether a store takes what is written."""
        return self.run_id is not None

    def log_params(self, params: Mapping[str, object]) -> None:
        """Write parameters; nested mappings become dotted names, long values are cut."""
        from mlflow.entities import Param

        rows = [Param(key, value[:LONGEST_PARAMETER]) for key, value in _flatten(params)]
        for start in range(0, len(rows), 100):
            self._send("params", params=rows[start : start + 100])

    def log_metrics(self, metrics: Mapping[str, float], step: int = 0) -> None:
        """Queue metrics of one step; they are sent in batches and at the end."""
        if not self.is_online:
            return
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        self._waiting += [
            Metric(name, float(value), now, step) for name, value in metrics.items() if _is_real(value)
        ]
        if len(self._waiting) >= BATCH:
            self.flush()

    def flush(self) -> None:
        """Send what waits; while the store is away, keep it for half a minute and try again."""
        if time.monotonic() < self._quiet_until:
            return
        while self._waiting:
            if not self._send("metrics", metrics=self._waiting[:BATCH]):
                self._quiet_until = time.monotonic() + 30.0
                self._waiting = self._waiting[-KEEP:]
                return
            self._waiting = self._waiting[BATCH:]

    def log_data(self, data: DataUsed) -> None:
        """Name a data set that this run saw."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        entity = Dataset(
            name=data.name,
            digest=data.digest[:36],
            source_type="local",
            source=json.dumps({"uri": str(data.source.resolve())}),
            profile=json.dumps(dict(data.profile), default=str),
        )
        entry = DatasetInput(entity, [InputTag("mlflow.data.context", data.context)])
        self._try("data", lambda client, run_id: client.log_inputs(run_id, [entry]))

    def log_artifact(self, path: Path, folder: str | None = None) -> None:
        """Store one file, or a directory with all it holds."""
        if path.is_dir():
            self._try("artifacts", lambda client, run_id: client.log_artifacts(run_id, str(path), folder))
        else:
            self._try("artifact", lambda client, run_id: client.log_artifact(run_id, str(path), folder))

    def set_tags(self, tags: Mapping[str, object]) -> None:
        """Write tags."""
        from mlflow.entities import RunTag

        rows = [RunTag(key, str(value)[:5000]) for key, value in tags.items()]
        self._send("tags", tags=rows)

    def _send(self, what: str, **rows: list[Any]) -> bool:
        return self._try(what, lambda client, run_id: client.log_batch(run_id, **rows))

    def _close(self, status: str) -> None:
        self._quiet_until = 0.0
        self.flush()
        self._try("end", lambda client, run_id: client.set_terminated(run_id, status=status))

    def _try(self, what: str, call: Callable[[Any, str], object]) -> bool:
        if self._client is None or self.run_id is None:
            return False
        try:
            call(self._client, self.run_id)
        except Exception as error:
            log.warning("tracking_lost what=%s run_id=%s cause=%s", what, self.run_id, error)
            return False
        return True


@contextmanager
def start_run(request: RunRequest, *, tracking_uri: str) -> Iterator[Run]:
    """Open a run, close it FINISHED, FAILED (the body raised) or KILLED (interrupted).

    Args:
        request: What the run is about.
        tracking_uri: Store; when it does not answer, the run is silent (`is_online` is False).
    """
    run = _open(request, tracking_uri)
    try:
        yield run
    except Exception:
        run._close("FAILED")
        raise
    except BaseException:
        run._close("KILLED")
        raise
    run._close("FINISHED")


def _open(request: RunRequest, tracking_uri: str) -> Run:
    try:
        client = open_client(tracking_uri)
        if request.resume_run_id is not None:
            client.update_run(request.resume_run_id, status="RUNNING")
            return Run(client, request.resume_run_id, tracking_uri)
        experiment = experiment_id(client, request.experiment, tracking_uri=tracking_uri)
        made = client.create_run(experiment, run_name=request.name, tags=dict(request.tags))
    except Exception as error:
        log.warning("tracking_silent uri=%s cause=%s", redacted(tracking_uri), error)
        return Run(None, None, tracking_uri)
    return Run(client, str(made.info.run_id), tracking_uri)


def _flatten(params: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in params.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{name}.")
        else:
            yield name, str(value)


def _is_real(value: object) -> bool:
    try:
        return math.isfinite(float(value))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False
