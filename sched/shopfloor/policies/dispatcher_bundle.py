"""A single dispatcher on disk: manifest, config and weights, proven when loaded; nothing is unpickled.

The manifest holds a SHA-256 per file, the schema of the observation, and the scores that the model gave a
fixed observation when it was saved. The files are read and written by `bundle_files`, as every bundle's are.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from shopfloor.domain.errors import ModelRefused
from shopfloor.engine.dispatcher_observation import DISPATCHER_SCHEMA_HASH, DeskLayout
from shopfloor.engine.layout import Singles
from shopfloor.engine.rules import Rule, RuleSpec
from shopfloor.policies import bundle_files as files
from shopfloor.policies.dispatcher_model import DispatcherModel, DispatcherWeights

FORMAT = 1
KIND = "dispatcher"
TOLERANCE = 1e-5
LARGEST_WEIGHT = 1e4
_GOLDEN_LAYOUT = DeskLayout(3, 4)


def save_dispatcher(model: DispatcherModel, directory: Path) -> str:
    """Write a dispatcher as a bundle, whole or not at all, and return its hash; equal models, equal bytes.

    Args:
        directory: A new directory; one that holds this very bundle is left as it is.

    Raises:
        ModelRefused: WEIGHTS_NONFINITE.
        FileExistsError: The directory holds something else.
    """
    _require_finite(model.weights)
    rule = model.rule
    content = {
        files.WEIGHTS: safetensors.numpy.save(dict(model.weights._asdict())),
        files.CONFIG: files.to_json(
            {
                "rule": {"rule": rule.rule.name, "k1": rule.k1, "k2": rule.k2, "tail": rule.tail},
                "prior": model.prior,
                "exercise": model.exercise,
                "metadata": dict(model.metadata),
            }
        ),
    }
    manifest = {
        "format": FORMAT,
        "kind": KIND,
        "files": {name: files.sha256(data) for name, data in sorted(content.items())},
        "observation_schema": DISPATCHER_SCHEMA_HASH,
        "golden": [float(score) for score in _golden_scores(model)],
    }
    content[files.MANIFEST] = files.to_json(manifest)
    files.write_files(content, directory)
    return files.sha256(content[files.MANIFEST])


def load_dispatcher(directory: Path) -> DispatcherModel:
    """Return a proven dispatcher.

    Raises:
        ModelRefused: MISSING_FILE, UNEXPECTED_FILE, TOO_LARGE, BAD_FORMAT, HASH_MISMATCH, SCHEMA_DRIFT,
            WEIGHTS_NONFINITE, GOLDEN_MISMATCH.
    """
    content = files.read_files(directory)
    manifest = files.from_json(content[files.MANIFEST], files.MANIFEST)
    listed = manifest.get("files")
    if manifest.get("format") != FORMAT or manifest.get("kind") != KIND or not isinstance(listed, dict):
        raise ModelRefused(
            "BAD_FORMAT", f"not a dispatcher's manifest: kind {str(manifest.get('kind'))[:40]!r}"
        )
    if set(listed) != {files.CONFIG, files.WEIGHTS} or set(content) != set(listed) | {files.MANIFEST}:
        raise ModelRefused(
            "BAD_FORMAT", f"a dispatcher has config and weights, the manifest lists {sorted(listed)}"
        )
    for name, digest in listed.items():
        if files.sha256(content[name]) != digest:
            raise ModelRefused(
                "HASH_MISMATCH", f"{name} was changed after it was saved\nhint: train the dispatcher again"
            )
    if manifest.get("observation_schema") != DISPATCHER_SCHEMA_HASH:
        raise ModelRefused(
            "SCHEMA_DRIFT",
            f"the dispatcher sees observations {str(manifest.get('observation_schema'))[:12]!r}, this program "
            f"makes {DISPATCHER_SCHEMA_HASH[:12]!r}\nhint: train the dispatcher again",
        )
    model = _model(files.from_json(content[files.CONFIG], files.CONFIG), content[files.WEIGHTS])
    _require_golden(model, manifest.get("golden"))
    return model


def _model(config: dict[str, Any], weights: bytes) -> DispatcherModel:
    try:
        arrays = safetensors.numpy.load(weights)
        if set(arrays) != set(DispatcherWeights._fields):
            raise ValueError(f"weights hold {sorted(arrays)[:20]}")
        _require_finite(DispatcherWeights(**arrays))
        rule = config["rule"]
        return DispatcherModel(
            weights=DispatcherWeights(**arrays),
            rule=RuleSpec(Rule[rule["rule"]], *(float(rule[name]) for name in ("k1", "k2", "tail"))),
            prior=float(config["prior"]),
            exercise=str(config["exercise"]),
            metadata=dict(config["metadata"]),
        )
    except (safetensors.SafetensorError, KeyError, TypeError, ValueError, IndexError) as error:
        if isinstance(error, ModelRefused):
            raise
        raise ModelRefused("BAD_FORMAT", f"{files.CONFIG} or {files.WEIGHTS}: {str(error)[:200]}") from error


def _require_finite(weights: DispatcherWeights) -> None:
    for name, array in weights._asdict().items():
        if not bool(np.all(np.abs(array) <= LARGEST_WEIGHT)):
            raise ModelRefused("WEIGHTS_NONFINITE", f"{name} holds NaN or a value beyond {LARGEST_WEIGHT:g}")


def _golden_scores(model: DispatcherModel) -> Singles:
    grid = np.sin(np.arange(_GOLDEN_LAYOUT.size) * 12.9898).astype(np.float32)
    return model.scores(grid, _GOLDEN_LAYOUT)


def _require_golden(model: DispatcherModel, record: object) -> None:
    scores = _golden_scores(model)
    try:
        expected = np.array(record, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise ModelRefused("BAD_FORMAT", f"golden scores: {str(error)[:200]}") from error
    if expected.shape != scores.shape or not np.allclose(scores, expected, rtol=TOLERANCE, atol=TOLERANCE):
        raise ModelRefused(
            "GOLDEN_MISMATCH", "the dispatcher answers the golden observation otherwise than before"
        )
