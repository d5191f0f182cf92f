"""Versions of the dispatcher in MLflow's registry: register, alias, find, download.

A version points at a bundle directory among the artifacts of a run; nothing is pickled and no flavour is
involved. The registry proves nothing (a version is READY even when its files are gone): whoever downloads a
bundle proves it. Version numbers are strings here; MLflow gives an int from its SQL store and a string over
HTTP.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shopfloor.tracking.client import TrackingUnavailable, experiment_id, open_client

if TYPE_CHECKING:
    from mlflow import MlflowClient

log = logging.getLogger(__name__)

MODEL_NAME = "shopfloor-dispatcher"
EXPERIMENT = "shopfloor-models"
FOLDER = "bundle"
HASH_TAG = "bundle_hash"
ALIASES = ("candidate", "challenger", "champion", "previous")


@dataclass(frozen=True)
class Version:
    """One registered version.

    Attributes:
        version: Number, as a string.
        bundle_hash: Hash that was given at registration; empty when unknown.
        run_id: Run whose artifacts hold the bundle.
    """

    version: str
    bundle_hash: str
    run_id: str
    tags: Mapping[str, str]


@dataclass(frozen=True)
class Registration:
    """What is stored with a new version.

    Attributes:
        bundle_hash: Hash of the bundle.
        run_id: Run that made it; None = a run of its own.
        tags: For example snapshot, preset, git sha, verdict.
        description: Markdown that people see in MLflow.
    """

    bundle_hash: str
    run_id: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    description: str | None = None


def register_version(bundle_dir: Path, registration: Registration, *, tracking_uri: str) -> str:
    """Store the bundle and make it a version of the dispatcher; the same bundle again gives the same version.

    Raises:
        TrackingUnavailable: The store does not answer.
    """
    client = open_client(tracking_uri)
    with _as_unavailable("register"):
        _require_model(client)
        known = _find(client, registration.bundle_hash)
        if known is not None:
            return known.version
        run_id = registration.run_id or _run_of_its_own(client, bundle_dir, tracking_uri)
        client.log_artifacts(run_id, str(bundle_dir), FOLDER)
        made = client.create_model_version(
            MODEL_NAME,
            source=f"runs:/{run_id}/{FOLDER}",
            run_id=run_id,
            tags={HASH_TAG: registration.bundle_hash, **dict(registration.tags)},
            description=registration.description,
        )
        if registration.run_id is None:
            client.set_terminated(run_id)
    log.info("model_registered version=%s bundle=%s", made.version, registration.bundle_hash[:12])
    return str(made.version)


def set_alias(alias: str, version: str | None, *, tracking_uri: str) -> None:
    """Point an alias at a version, or remove it (None).

    Raises:
        ValueError: Not one of our aliases.
        TrackingUnavailable: The store does not answer or does not know the version.
    """
    if alias not in ALIASES:
        raise ValueError(f"not an alias of ours: {alias!r}\nhint: {', '.join(ALIASES)}")
    client = open_client(tracking_uri)
    with _as_unavailable(f"alias {alias}"):
        if version is None:
            client.delete_registered_model_alias(MODEL_NAME, alias)
        else:
            client.set_registered_model_alias(MODEL_NAME, alias, version)


def set_version_tags(version: str, tags: Mapping[str, object], *, tracking_uri: str) -> None:
    """Write tags of a version, for example the numbers of its verdict."""
    client = open_client(tracking_uri)
    with _as_unavailable("tags"):
        for key, value in tags.items():
            client.set_model_version_tag(MODEL_NAME, version, key, str(value)[:5000])


def get_by_alias(alias: str, *, tracking_uri: str) -> Version | None:
    """Return the version that an alias points at, or None."""
    client = open_client(tracking_uri)
    with _as_unavailable(f"alias {alias}"):
        return _by_alias(client, alias)


def find_by_hash(bundle_hash: str, *, tracking_uri: str) -> Version | None:
    """Return the newest version of a bundle, or None."""
    client = open_client(tracking_uri)
    with _as_unavailable("search"):
        return _find(client, bundle_hash)


def get_version(version: str, *, tracking_uri: str) -> Version | None:
    """Return one version, or None."""
    client = open_client(tracking_uri)
    with _as_unavailable("version"):
        return _or_none(lambda: client.get_model_version(MODEL_NAME, version))


def list_versions(*, tracking_uri: str) -> tuple[Version, ...]:
    """Return all versions, newest first."""
    client = open_client(tracking_uri)
    with _as_unavailable("search"):
        return tuple(_as_version(found) for found in client.search_model_versions(f"name='{MODEL_NAME}'"))


def download(version: str, target: Path, *, tracking_uri: str) -> Path:
    """Fetch a version's bundle into `target` (whole or not at all); prove it before use.

    Raises:
        TrackingUnavailable: The store does not answer, or the files are gone.
    """
    client = open_client(tracking_uri)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".download-", dir=target.parent) as scratch:
        with _as_unavailable(f"download of version {version}"):
            found = client.get_model_version(MODEL_NAME, version)
            fetched = Path(client.download_artifacts(str(found.run_id), FOLDER, scratch))
            if not any(fetched.iterdir()):
                raise TrackingUnavailable(f"version {version} has no files\nhint: its artifacts were deleted")
        if target.exists():
            shutil.rmtree(target)
        fetched.rename(target)
    return target


class _as_unavailable:
    """Turn whatever MLflow raises into one error of ours."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, Exception) and not isinstance(error, TrackingUnavailable):
            raise TrackingUnavailable(f"MLflow failed at {self._what}: {error}") from error


def _require_model(client: MlflowClient) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(
            MODEL_NAME, description="Dispatcher of the plant: rules and learned policies"
        )
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _run_of_its_own(client: MlflowClient, bundle_dir: Path, tracking_uri: str) -> str:
    experiment = experiment_id(client, EXPERIMENT, tracking_uri=tracking_uri)
    return str(client.create_run(experiment, run_name=bundle_dir.name).info.run_id)


def _find(client: MlflowClient, bundle_hash: str) -> Version | None:
    if not bundle_hash.isalnum():
        raise ValueError(f"not a bundle hash: {bundle_hash!r}")
    rows = client.search_model_versions(f"name='{MODEL_NAME}' and tags.{HASH_TAG}='{bundle_hash}'")
    return max((_as_version(row) for row in rows), key=lambda found: int(found.version), default=None)


def _by_alias(client: MlflowClient, alias: str) -> Version | None:
    return _or_none(lambda: client.get_model_version_by_alias(MODEL_NAME, alias))


def _or_none(call: Any) -> Version | None:
    from mlflow.exceptions import MlflowException

    try:
        return _as_version(call())
    except MlflowException as error:
        # a missing alias is INVALID_PARAMETER_VALUE, a missing version or model RESOURCE_DOES_NOT_EXIST
        if error.error_code in ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST"):
            return None
        raise


def _as_version(found: Any) -> Version:
    tags = dict(found.tags or {})
    return Version(str(found.version), tags.get(HASH_TAG, ""), str(found.run_id or ""), tags)
