"""A bundle comes back as it was, and everything else is refused with its own code."""

import json
import os
import pickle
import random
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from shopfloor.domain.errors import ModelRefused
from shopfloor.engine.actor import ActorWeights, zero_weights
from shopfloor.engine.rules import Rule, RuleSpec
from shopfloor.policies import bundle_files
from shopfloor.policies.bundle import bundle_hash_of, copy_bundle, load_bundle, save_bundle
from shopfloor.policies.bundle_golden import golden_instance, golden_record
from shopfloor.policies.model import DispatchModel

RULE = DispatchModel("rule", RuleSpec(Rule.ATCS, k1=1.7, k2=0.4, tail=0.9), metadata={"preset": "tiny"})


def _refusal(directory: Path, expected_hash: str | None = None) -> str:
    with pytest.raises(ModelRefused) as caught:
        load_bundle(directory, expected_hash=expected_hash)
    return caught.value.code


def _edit_manifest(directory: Path, **changes: object) -> None:
    path = directory / "manifest.json"
    manifest = json.loads(path.read_text()) | changes
    path.write_bytes(bundle_files.to_json(manifest))


def _edit_config(directory: Path, **changes: object) -> None:
    """Change the config and make the manifest agree, as a careful forger would."""
    path = directory / "config.json"
    path.write_bytes(bundle_files.to_json(json.loads(path.read_text()) | changes))
    manifest = json.loads((directory / "manifest.json").read_text())
    manifest["files"]["config.json"] = bundle_files.sha256(path.read_bytes())
    _edit_manifest(directory, files=manifest["files"])


@pytest.fixture
def rule_bundle(tmp_path):
    return save_bundle(RULE, tmp_path / "bundle")


def test_a_rule_comes_back_as_it_was(rule_bundle):
    model = load_bundle(rule_bundle.path, expected_hash=rule_bundle.bundle_hash)
    assert model == RULE
    assert bundle_hash_of(rule_bundle.path) == rule_bundle.bundle_hash


def test_equal_models_have_equal_bytes_and_hashes(rule_bundle, tmp_path):
    assert save_bundle(RULE, tmp_path / "again").bundle_hash == rule_bundle.bundle_hash
    assert save_bundle(RULE, rule_bundle.path).bundle_hash == rule_bundle.bundle_hash


def test_a_bundle_is_never_overwritten_by_another(rule_bundle):
    with pytest.raises(FileExistsError):
        save_bundle(DispatchModel("rule", RuleSpec(Rule.SPT)), rule_bundle.path)
    assert load_bundle(rule_bundle.path) == RULE


def test_a_copy_is_proven_by_the_same_hash(rule_bundle, tmp_path):
    copy_bundle(rule_bundle.path, tmp_path / "models" / "copy")
    copy_bundle(rule_bundle.path, tmp_path / "models" / "copy")
    assert load_bundle(tmp_path / "models" / "copy", expected_hash=rule_bundle.bundle_hash) == RULE
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["copy"]


def test_no_two_rules_agree_on_the_golden_shop():
    assert len(golden_instance().operations) == 24
    starts = {rule: tuple(golden_record(DispatchModel("rule", RuleSpec(rule)))["starts"]) for rule in Rule}
    assert len(set(starts.values())) == len(Rule)


def test_a_flipped_byte_is_a_hash_mismatch(rule_bundle):
    path = rule_bundle.path / "config.json"
    content = bytearray(path.read_bytes())
    content[20] ^= 1
    path.write_bytes(content)
    assert _refusal(rule_bundle.path) == "HASH_MISMATCH"


def test_a_truncated_file_is_a_hash_mismatch(rule_bundle):
    path = rule_bundle.path / "config.json"
    path.write_bytes(path.read_bytes()[:-7])
    assert _refusal(rule_bundle.path) == "HASH_MISMATCH"


def test_another_bundle_under_the_same_name_is_a_hash_mismatch(rule_bundle, tmp_path):
    other = save_bundle(DispatchModel("rule", RuleSpec(Rule.SPT)), tmp_path / "other")
    assert load_bundle(other.path).rule.rule is Rule.SPT
    assert _refusal(other.path, rule_bundle.bundle_hash) == "HASH_MISMATCH"


def test_a_missing_file_or_folder_is_named(rule_bundle, tmp_path):
    assert _refusal(tmp_path / "nowhere") == "MISSING_FILE"
    (rule_bundle.path / "config.json").unlink()
    assert _refusal(rule_bundle.path) == "MISSING_FILE"


def test_a_file_that_does_not_belong_is_refused(rule_bundle):
    (rule_bundle.path / "policy.zip").write_bytes(b"x")
    assert _refusal(rule_bundle.path) == "UNEXPECTED_FILE"


def test_weights_that_the_manifest_does_not_list_are_refused(rule_bundle):
    (rule_bundle.path / "weights.safetensors").write_bytes(b"x")
    assert _refusal(rule_bundle.path) == "UNEXPECTED_FILE"


def test_a_link_is_refused_even_when_its_target_is_right(rule_bundle, tmp_path):
    path = rule_bundle.path / "config.json"
    shutil.move(path, tmp_path / "elsewhere.json")
    path.symlink_to(tmp_path / "elsewhere.json")
    assert _refusal(rule_bundle.path) == "UNEXPECTED_FILE"


def test_a_named_pipe_is_refused_without_waiting(rule_bundle):
    path = rule_bundle.path / "config.json"
    path.unlink()
    os.mkfifo(path)
    assert _refusal(rule_bundle.path) == "UNEXPECTED_FILE"


def test_a_huge_file_is_refused_before_it_is_parsed(rule_bundle):
    (rule_bundle.path / "config.json").write_bytes(b" " * (bundle_files.LARGEST["config.json"] + 1))
    assert _refusal(rule_bundle.path) == "TOO_LARGE"


@pytest.mark.parametrize(
    "changes",
    [
        {"format": 2},
        {"format": None},
        {"kind": "forest"},
        {"kind": ["rule"]},
        {"files": {}},
        {"files": {"config.json": 7}},
        {"files": {"../config.json": "00"}},
        {"golden": None},
        {"golden": {}},
        {"surprise": 1},
    ],
)
def test_a_manifest_of_another_form_is_bad_format(rule_bundle, changes):
    _edit_manifest(rule_bundle.path, **changes)
    assert _refusal(rule_bundle.path) == "BAD_FORMAT"


@pytest.mark.parametrize(
    "text", ["", "null", "[]", '{"a":', '{"a":1,"a":2}', '{"format": NaN}', "[" * 100_000]
)
def test_a_manifest_that_is_not_our_json_is_bad_format(rule_bundle, text):
    (rule_bundle.path / "manifest.json").write_text(text)
    assert _refusal(rule_bundle.path) == "BAD_FORMAT"


@pytest.mark.parametrize(
    "changes",
    [
        {"rule": {"rule": "MAGIC", "k1": 1.0, "k2": 1.0, "tail": 1.0}},
        {"rule": {"rule": "ATC", "k1": -1.0, "k2": 1.0, "tail": 1.0}},
        {"rule": {"rule": "ATC", "k1": True, "k2": 1.0, "tail": 1.0}},
        {"rule": {"rule": "ATC", "k1": 1e300, "k2": 1.0, "tail": 1.0}},
        {"rule": {"rule": "ATC", "k1": 1.0, "k2": 1.0, "tail": 1.0, "extra": 1.0}},
        {"rule": "ATC"},
        {"beta": -1.0},
        {"temperature": "hot"},
        {"kind": "actor"},
        {"metadata": 5},
        {"more": 1},
    ],
)
def test_a_config_of_another_form_is_bad_format(rule_bundle, changes):
    _edit_config(rule_bundle.path, **changes)
    assert _refusal(rule_bundle.path) == "BAD_FORMAT"


def test_a_rule_that_decides_otherwise_than_when_it_was_saved_is_refused(rule_bundle):
    _edit_config(rule_bundle.path, rule={"rule": "SPT", "k1": 1.0, "k2": 1.0, "tail": 1.0})
    assert _refusal(rule_bundle.path) == "GOLDEN_MISMATCH"


def test_a_rule_does_not_depend_on_the_observation_schema(rule_bundle):
    _edit_manifest(rule_bundle.path, observation_schema="of another day")
    assert load_bundle(rule_bundle.path) == RULE


def _actor_model(seed: int = 0) -> DispatchModel:
    rng = np.random.default_rng(seed)
    arrays = {
        name: (array + rng.normal(0, 0.3, array.shape)).astype(np.float32)
        for name, array in zero_weights(16, 8)._asdict().items()
    }
    return DispatchModel("actor", RULE.rule, ActorWeights(**arrays), beta=1.5, temperature=0.3)


@pytest.fixture
def actor_bundle(tmp_path):
    return save_bundle(_actor_model(), tmp_path / "actor")


def _forge_weights(directory: Path, content: bytes) -> None:
    """Replace the weights and make the manifest agree."""
    (directory / "weights.safetensors").write_bytes(content)
    listed = json.loads((directory / "manifest.json").read_text())["files"]
    _edit_manifest(directory, files=listed | {"weights.safetensors": bundle_files.sha256(content)})


def _arrays(directory: Path) -> dict[str, np.ndarray]:
    return safetensors.numpy.load((directory / "weights.safetensors").read_bytes())


def test_an_actor_comes_back_bit_by_bit(actor_bundle):
    model, saved = load_bundle(actor_bundle.path, expected_hash=actor_bundle.bundle_hash), _actor_model()
    assert model.actor is not None and saved.actor is not None
    for name, array in saved.actor._asdict().items():
        assert np.array_equal(getattr(model.actor, name), array)
    assert (model.beta, model.temperature, model.rule) == (1.5, 0.3, RULE.rule)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 2e4])
def test_weights_that_are_not_finite_or_huge_are_refused(actor_bundle, value):
    arrays = _arrays(actor_bundle.path)
    arrays["w2"][3, 2] = value
    _forge_weights(actor_bundle.path, safetensors.numpy.save(arrays))
    assert _refusal(actor_bundle.path) == "WEIGHTS_NONFINITE"


def test_a_model_with_nan_weights_cannot_be_saved(tmp_path):
    model = _actor_model()
    assert model.actor is not None
    model.actor.b1[0] = np.nan
    with pytest.raises(ModelRefused, match="WEIGHTS_NONFINITE"):
        save_bundle(model, tmp_path / "bad")
    assert not (tmp_path / "bad").exists()


def test_a_weight_that_moved_changes_the_golden_answer(actor_bundle):
    arrays = _arrays(actor_bundle.path)
    arrays["b3"][0] += 0.001
    _forge_weights(actor_bundle.path, safetensors.numpy.save(arrays))
    assert _refusal(actor_bundle.path) == "GOLDEN_MISMATCH"


def test_an_actor_of_another_observation_is_schema_drift(actor_bundle):
    _edit_manifest(actor_bundle.path, observation_schema="0" * 64)
    assert _refusal(actor_bundle.path) == "SCHEMA_DRIFT"


@pytest.mark.parametrize("change", ["missing", "extra", "float64", "shape", "scalar", "truncated", "garbage"])
def test_weights_of_another_form_are_bad_format(actor_bundle, change):
    arrays = _arrays(actor_bundle.path)
    content = None
    if change == "missing":
        del arrays["w3"]
    elif change == "extra":
        arrays["w9"] = arrays["w3"]
    elif change == "float64":
        arrays["w3"] = arrays["w3"].astype(np.float64)
    elif change == "shape":
        arrays["w3"] = arrays["w3"][:-1].copy()
    elif change == "scalar":
        arrays["b1"] = np.array(1.0, dtype=np.float32)
    elif change == "truncated":
        content = safetensors.numpy.save(arrays)[:-4]
    else:
        content = b"\xff" * 500
    _forge_weights(actor_bundle.path, content or safetensors.numpy.save(arrays))
    assert _refusal(actor_bundle.path) == "BAD_FORMAT"


def test_a_listed_weights_file_that_is_gone_is_missing(actor_bundle):
    (actor_bundle.path / "weights.safetensors").unlink()
    assert _refusal(actor_bundle.path) == "MISSING_FILE"


def test_a_flipped_byte_in_the_weights_is_a_hash_mismatch(actor_bundle):
    path = actor_bundle.path / "weights.safetensors"
    content = bytearray(path.read_bytes())
    content[-9] ^= 4
    path.write_bytes(content)
    assert _refusal(actor_bundle.path) == "HASH_MISMATCH"


class _Evil:
    def __reduce__(self):
        return (os.system, ("touch PWNED",))


def test_a_pickle_in_the_folder_is_refused_and_never_runs(rule_bundle, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    seen: list[str] = []
    watched = (
        "os.system",
        "subprocess.Popen",
        "os.exec",
        "os.posix_spawn",
        "pickle.find_class",
        "socket.connect",
    )
    armed = [True]

    def canary(event: str, _arguments: object) -> None:
        if armed[0] and event in watched:
            seen.append(event)

    load_bundle(rule_bundle.path)
    sys.addaudithook(canary)
    try:
        for name in ("policy.pkl", "weights.safetensors", "config.json", "manifest.json"):
            target = tmp_path / f"evil-{name}"
            shutil.copytree(rule_bundle.path, target)
            (target / name).write_bytes(pickle.dumps(_Evil()))
            assert _refusal(target) in {"UNEXPECTED_FILE", "HASH_MISMATCH", "BAD_FORMAT"}
    finally:
        armed[0] = False
    assert seen == []
    assert not (tmp_path / "PWNED").exists()


def test_a_kill_while_writing_leaves_nothing_under_the_final_name(tmp_path, monkeypatch):
    def dies(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", dies)
    with pytest.raises(OSError, match="No space"):
        save_bundle(RULE, tmp_path / "bundle")
    assert list(tmp_path.iterdir()) == []


def test_two_hundred_random_edits_are_refused_or_harmless(rule_bundle, tmp_path):
    rng = random.Random(7)
    for round_number in range(200):
        target = tmp_path / f"edit-{round_number}"
        shutil.copytree(rule_bundle.path, target)
        path = target / rng.choice(["manifest.json", "config.json"])
        content = bytearray(path.read_bytes())
        for _ in range(rng.randint(1, 4)):
            content[rng.randrange(len(content))] = rng.randrange(256)
        path.write_bytes(content)
        changed = bytes(content) != (rule_bundle.path / path.name).read_bytes()
        if changed:
            assert _refusal(target, rule_bundle.bundle_hash) == "HASH_MISMATCH"
        try:
            assert load_bundle(target) == RULE
        except ModelRefused as error:
            assert error.code in {"HASH_MISMATCH", "BAD_FORMAT", "GOLDEN_MISMATCH", "MISSING_FILE"}
