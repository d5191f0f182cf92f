"""A dispatcher on disk: manifest, config and weights, and the proof that it is the one that was judged.

The manifest holds a SHA-256 per file, the observation schema and a golden input with its output; the
bundle's hash is the SHA-256 of the manifest. Loading refuses whatever is not exactly that, each reason with
its own code, and runs nothing that a bundle brings along: no pickle, no torch, no import.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from shopfloor.domain.errors import ModelRefused
from shopfloor.engine.actor import ActorWeights, check_weights
from shopfloor.engine.observation import OBSERVATION_SCHEMA_HASH
from shopfloor.engine.rules import Rule, RuleSpec
from shopfloor.policies import bundle_files as files
from shopfloor.policies.bundle_golden import golden_record, require_golden
from shopfloor.policies.model import DispatchModel, Fact

FORMAT = 1
_FILES_OF = {"rule": {files.CONFIG}, "actor": {files.CONFIG, files.WEIGHTS}}
LARGEST_WEIGHT = 1e4
"""No trained weight is near it; beyond it float32 logits lose their meaning."""
LARGEST_IDLE_BIAS = 1e7
"""The bias of idling may forbid it outright."""


@dataclass(frozen=True)
class Bundle:
    """A bundle that was written or proven.

    Attributes:
        path: Its directory.
        bundle_hash: SHA-256 of its manifest: the model's identity everywhere.
        kind: `rule` or `actor`.
    """

    path: Path
    bundle_hash: str
    kind: str


def save_bundle(model: DispatchModel, directory: Path, *, metadata: dict[str, Fact] | None = None) -> Bundle:
    """Write a model as a bundle, whole or not at all; the same model gives the same hash.

    Args:
        directory: A new directory (one that holds this very bundle is left as it is). metadata: Added to
        the model's own: snapshot, preset, seed, git sha. No clock: equal models, equal bytes.

    Raises:
        ModelRefused: WEIGHTS_NONFINITE: the model could not be loaded again.
        FileExistsError: The directory holds something else.
    """
    content: dict[str, bytes] = {}
    if model.actor is not None:
        arrays = {name: np.ascontiguousarray(array) for name, array in model.actor._asdict().items()}
        _require_finite(arrays)
        content[files.WEIGHTS] = safetensors.numpy.save(arrays)
    content[files.CONFIG] = files.to_json(_config(model, dict(metadata or {})))
    manifest = {
        "format": FORMAT,
        "kind": model.kind,
        "files": {name: files.sha256(data) for name, data in sorted(content.items())},
        "observation_schema": OBSERVATION_SCHEMA_HASH,
        "golden": golden_record(model),
    }
    content[files.MANIFEST] = files.to_json(manifest)
    files.write_files(content, directory)
    return Bundle(directory, files.sha256(content[files.MANIFEST]), model.kind)


def load_bundle(directory: Path, *, expected_hash: str | None = None) -> DispatchModel:
    """Return a proven model.

    Args:
        directory: A bundle.
        expected_hash: Hash that the promotion ledger holds; without it a bundle is only proven consistent.

    Raises:
        ModelRefused: MISSING_FILE, UNEXPECTED_FILE, TOO_LARGE, BAD_FORMAT, HASH_MISMATCH, SCHEMA_DRIFT,
            WEIGHTS_NONFINITE, GOLDEN_MISMATCH.
    """
    content = files.read_files(directory)
    _require_hash(content[files.MANIFEST], expected_hash, files.MANIFEST)
    manifest = _manifest(content)
    for name, digest in manifest["files"].items():
        _require_hash(content[name], digest, name)
    if manifest["kind"] == "actor" and manifest["observation_schema"] != OBSERVATION_SCHEMA_HASH:
        raise ModelRefused(
            "SCHEMA_DRIFT",
            f"the model sees observations {str(manifest['observation_schema'])[:12]!r}, this program makes "
            f"{OBSERVATION_SCHEMA_HASH[:12]!r}\nhint: run the weekly cycle; a rule serves until then",
        )
    model = _model(files.from_json(content[files.CONFIG], files.CONFIG), content.get(files.WEIGHTS))
    if model.kind != manifest["kind"]:
        raise ModelRefused("BAD_FORMAT", f"manifest says {manifest['kind']!r}, config {model.kind!r}")
    require_golden(model, manifest["golden"])
    return model


def bundle_hash_of(directory: Path) -> str:
    """Return the hash of a bundle without proving it.

    Raises:
        ModelRefused: MISSING_FILE, UNEXPECTED_FILE, TOO_LARGE.
    """
    return files.sha256(files.read_files(directory)[files.MANIFEST])


def copy_bundle(source: Path, target: Path) -> None:
    """Copy a bundle, whole or not at all; an equal one that is there already stays.

    Raises:
        ModelRefused: MISSING_FILE, UNEXPECTED_FILE, TOO_LARGE.
        FileExistsError: `target` holds something else.
    """
    files.write_files(files.read_files(source), target)


def _require_hash(content: bytes, expected: str | None, name: str) -> None:
    if expected is not None and files.sha256(content) != expected:
        raise ModelRefused(
            "HASH_MISMATCH",
            f"{name} hashes to {files.sha256(content)[:12]}, expected {expected[:12]}\n"
            "hint: the file was changed after it was judged; shopfloor rollback, or promote again",
        )


def _manifest(content: dict[str, bytes]) -> dict[str, Any]:
    manifest = files.from_json(content[files.MANIFEST], files.MANIFEST)
    if manifest.get("format") != FORMAT:
        raise ModelRefused(
            "BAD_FORMAT", f"bundle format {str(manifest.get('format'))[:40]}, ours is {FORMAT}"
        )
    if set(manifest) != {"format", "kind", "files", "observation_schema", "golden"}:
        raise ModelRefused("BAD_FORMAT", f"manifest has the keys {sorted(manifest)[:12]}")
    kind, listed = manifest["kind"], manifest["files"]
    wanted = _FILES_OF.get(kind) if isinstance(kind, str) else None
    if wanted is None or not isinstance(listed, dict) or set(listed) != wanted:
        raise ModelRefused("BAD_FORMAT", f"manifest of kind {str(kind)[:40]!r} lists {str(listed)[:120]}")
    if not all(isinstance(digest, str) for digest in listed.values()):
        raise ModelRefused("BAD_FORMAT", "manifest holds a hash that is not text")
    for name in sorted(wanted - set(content)):
        raise ModelRefused("MISSING_FILE", f"{name}, which the manifest lists")
    for name in sorted(set(content) - wanted - {files.MANIFEST}):
        raise ModelRefused("UNEXPECTED_FILE", f"{name}, which the manifest does not list")
    return manifest


def _config(model: DispatchModel, metadata: dict[str, Fact]) -> dict[str, Any]:
    rule = model.rule
    return {
        "kind": model.kind,
        "rule": {"rule": rule.rule.name, "k1": rule.k1, "k2": rule.k2, "tail": rule.tail},
        "beta": model.beta,
        "temperature": model.temperature,
        "metadata": {**dict(model.metadata), **metadata},
    }


def _model(config: dict[str, Any], weights: bytes | None) -> DispatchModel:
    actor = None if weights is None else _weights(weights)
    try:
        if set(config) != {"kind", "rule", "beta", "temperature", "metadata"}:
            raise ValueError(f"config has the keys {sorted(config)[:12]}")
        rule = dict(config["rule"])
        numbers = {name: _number(value) for name, value in rule.items() if name != "rule"}
        return DispatchModel(
            kind=config["kind"],
            rule=RuleSpec(Rule[rule["rule"]], **numbers),
            actor=actor,
            beta=_number(config["beta"]),
            temperature=_number(config["temperature"]),
            metadata=dict(config["metadata"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ModelRefused("BAD_FORMAT", f"{files.CONFIG}: {str(error)[:200]}") from error


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e9:
        raise ValueError(f"not a usable number: {str(value)[:40]}")
    return float(value)


def _weights(content: bytes) -> ActorWeights:
    try:
        arrays = safetensors.numpy.load(content)
    except (safetensors.SafetensorError, ValueError, KeyError, TypeError) as error:
        raise ModelRefused("BAD_FORMAT", f"{files.WEIGHTS}: {str(error)[:200]}") from error
    if set(arrays) != set(ActorWeights._fields):
        raise ModelRefused("BAD_FORMAT", f"{files.WEIGHTS} holds {sorted(arrays)[:12]}")
    for name, array in arrays.items():
        if array.dtype != np.float32:
            raise ModelRefused("BAD_FORMAT", f"{files.WEIGHTS}: {name} is {array.dtype}, not float32")
    _require_finite(arrays)
    try:
        return check_weights(ActorWeights(**arrays))
    except (ValueError, IndexError) as error:
        raise ModelRefused("BAD_FORMAT", f"{files.WEIGHTS}: {str(error)[:200]}") from error


def _require_finite(arrays: dict[str, NDArray[np.float32]]) -> None:
    for name, array in arrays.items():
        limit = LARGEST_IDLE_BIAS if name == "idle_b" else LARGEST_WEIGHT
        if not bool(np.all(np.abs(array) <= limit)):
            raise ModelRefused(
                "WEIGHTS_NONFINITE", f"{name} holds NaN, an infinity or a value beyond {limit:g}"
            )
