"""The stored dispatcher answers as its torch twin, as it did when it was saved, and the same every time."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from shopfloor.domain.errors import ModelRefused
from shopfloor.domain.validator import validate
from shopfloor.engine.dispatch import dispatch, quick_cost, to_schedule
from shopfloor.engine.dispatcher_observation import PRODUCTION_LAYOUT, DeskLayout
from shopfloor.engine.rules import Rule, RuleSpec
from shopfloor.envs.dispatcher import InstanceBank
from shopfloor.envs.dispatcher_presets import EXERCISES, exercise_named
from shopfloor.envs.dispatcher_shops import drawn_from
from shopfloor.policies.dispatcher_bundle import load_dispatcher, save_dispatcher
from shopfloor.policies.dispatcher_model import DispatcherModel, DispatcherWeights
from shopfloor.policies.dispatcher_network import PointerNetwork
from shopfloor.policies.dispatcher_play import DispatcherPlayer

RULE = RuleSpec(Rule.ATCS, k1=1.5)


def a_model(seed: int = 0, *, prior: float = 0.5) -> DispatcherModel:
    torch.manual_seed(seed)
    network = PointerNetwork(DeskLayout(2, 5), prior=prior)
    return DispatcherModel(network.export(), RULE, prior, metadata={"seed": seed})


def silent_model(*, prior: float) -> DispatcherModel:
    """Return a network that scores every job alike."""
    weights = DispatcherWeights(*(np.zeros_like(array) for array in a_model().weights))
    return DispatcherModel(weights._replace(wait_b=np.array([-100.0], np.float32)), RULE, prior)


@pytest.mark.parametrize("layout", [DeskLayout(2, 5), DeskLayout(10, 50), PRODUCTION_LAYOUT])
def test_numpy_and_torch_agree_on_every_size(layout: DeskLayout) -> None:
    torch.manual_seed(1)
    network = PointerNetwork(layout, prior=0.7)
    model = DispatcherModel(network.export(), RULE, 0.7)
    seen = np.random.default_rng(2).uniform(-1, 1, (20, layout.size)).astype(np.float32)
    jobs = seen[:, layout.jobs_at : layout.global_at].reshape(20, -1, 8)
    jobs[:, :, 6] = np.random.default_rng(3).choice([1.0, 0.5, 0.0, -0.5, -1.0], jobs.shape[:2])
    with torch.no_grad():
        scores, values = network(torch.from_numpy(seen))
        assert torch.allclose(values, network.values(torch.from_numpy(seen)))
    for row, expected in zip(seen, scores.numpy(), strict=True):
        assert model.scores(row, layout) == pytest.approx(expected, abs=1e-4)


def test_the_order_of_the_jobs_does_not_change_their_scores() -> None:
    layout = DeskLayout(4, 6)
    seen = np.random.default_rng(4).uniform(-1, 1, layout.size).astype(np.float32)
    order = np.array([3, 0, 5, 1, 4, 2])
    jobs = slice(layout.jobs_at, layout.global_at)
    turned = seen.copy()
    turned[jobs] = seen[jobs].reshape(-1, 8)[order].ravel()
    model = a_model()
    assert model.scores(turned, layout)[:6] == pytest.approx(model.scores(seen, layout)[:6][order], abs=1e-5)


def test_an_untrained_network_with_a_prior_is_the_rule() -> None:
    exercise = exercise_named("medium")
    book = InstanceBank(drawn_from(exercise.shop), n=1).book(0, exercise.max_operations)
    ours = DispatcherPlayer(silent_model(prior=1.0), exercise).plan(book)
    assert quick_cost(book, ours) == pytest.approx(quick_cost(book, dispatch(book, RULE)))


@pytest.mark.parametrize("name", tuple(EXERCISES))
def test_weights_of_one_size_plan_every_exercise_validly_and_always_alike(name: str) -> None:
    exercise = exercise_named(name)
    book = InstanceBank(drawn_from(exercise.shop), n=1, first=3).book(0, exercise.max_operations)
    player = DispatcherPlayer(a_model(), exercise)
    plan = player.plan(book)
    assert validate(book.instance, to_schedule(book, plan, "dispatcher")) == ()
    assert player.actions(book) == DispatcherPlayer(a_model(), exercise).actions(book)
    assert np.array_equal(plan.start, player.plan(book).start)


def test_a_bundle_gives_the_same_dispatcher_back(tmp_path: Path) -> None:
    digest = save_dispatcher(a_model(), tmp_path / "one")
    assert save_dispatcher(a_model(), tmp_path / "two") == digest
    loaded = load_dispatcher(tmp_path / "one")
    assert (loaded.rule, loaded.prior, loaded.exercise, loaded.metadata) == (RULE, 0.5, "toy", {"seed": 0})
    for ours, theirs in zip(loaded.weights, a_model().weights, strict=True):
        assert np.array_equal(ours, theirs)


def test_a_changed_bundle_is_refused(tmp_path: Path) -> None:
    save_dispatcher(a_model(), tmp_path / "b")
    config = tmp_path / "b" / "config.json"
    config.write_text(config.read_text().replace('"prior": 0.5', '"prior": 0.6'))
    with pytest.raises(ModelRefused, match="HASH_MISMATCH"):
        load_dispatcher(tmp_path / "b")


def test_a_dispatcher_of_another_observation_is_refused(tmp_path: Path) -> None:
    save_dispatcher(a_model(), tmp_path / "b")
    path = tmp_path / "b" / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"observation_schema": "0" * 64}))
    with pytest.raises(ModelRefused, match="SCHEMA_DRIFT"):
        load_dispatcher(tmp_path / "b")


def test_a_dispatcher_that_answers_otherwise_than_it_did_is_refused(tmp_path: Path) -> None:
    save_dispatcher(a_model(), tmp_path / "b")
    path = tmp_path / "b" / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["golden"][0] += 0.1
    path.write_text(json.dumps(manifest))
    with pytest.raises(ModelRefused, match="GOLDEN_MISMATCH"):
        load_dispatcher(tmp_path / "b")


def test_weights_that_are_no_numbers_or_of_another_shape_are_refused(tmp_path: Path) -> None:
    model = a_model()
    broken = model.weights._replace(job_b=np.full(32, np.nan, np.float32))
    with pytest.raises(ModelRefused, match="WEIGHTS_NONFINITE"):
        save_dispatcher(replace(model, weights=broken), tmp_path / "b")
    with pytest.raises(ValueError, match="'plant_w' is float32"):
        replace(model, weights=model.weights._replace(plant_w=np.zeros((3, 16), np.float32)))
