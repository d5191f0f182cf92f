"""Promotion, proof and rollback on both databases, with real bundles and a real MLflow store."""

import multiprocessing
import shutil
import time
from pathlib import Path

import pytest

from shopfloor.data.connection import open_database
from shopfloor.data.ledger import current_champion, history
from shopfloor.data.rollout import RolloutState, read_rollout, write_rollout
from shopfloor.domain.errors import ModelRefused, StalePromotion
from shopfloor.engine.rules import Rule, RuleSpec
from shopfloor.policies.bundle import Bundle, save_bundle
from shopfloor.policies.model import DispatchModel
from shopfloor.serving.champion import models_folder, resolve_champion
from shopfloor.serving.promotion import (
    Decision,
    NothingToRollBack,
    PromotionHeld,
    keep,
    mirror,
    promote,
    release_hold,
    rollback,
)
from shopfloor.tracking import registry

RULES = (Rule.EDD, Rule.ATC, Rule.ATCS, Rule.WSPT)


@pytest.fixture
def bundles(tmp_path) -> list[Bundle]:
    return [
        save_bundle(DispatchModel("rule", RuleSpec(rule)), tmp_path / "out" / rule.name) for rule in RULES
    ]


@pytest.fixture
def home(tmp_path) -> Path:
    return tmp_path / "home"


def _promote(engine, bundle: Bundle, version: str, home: Path, **more):
    row = current_champion(engine)
    decision = Decision(version, bundle.bundle_hash, row.epoch if row else 0, {"gain": 0.1})
    return promote(engine, bundle.path, decision, home=home, **more)


def _codes(resolution) -> list[str]:
    return [incident.code for incident in resolution.incidents]


def _spoil(directory: Path) -> None:
    path = directory / "config.json"
    path.write_bytes(path.read_bytes().replace(b"rule", b"ruse"))


def test_an_empty_ledger_has_no_champion(database, home):
    resolution = resolve_champion(database, home=home)
    assert resolution.champion is None and _codes(resolution) == ["NO_MODEL"]


def test_a_promoted_bundle_is_served_from_its_verified_copy(database, bundles, home):
    row = _promote(database, bundles[0], "1", home)
    shutil.rmtree(bundles[0].path)
    resolution = resolve_champion(database, home=home)
    assert row.epoch == 1 and resolution.incidents == ()
    champion = resolution.champion
    assert champion is not None and (champion.version, champion.epoch) == ("1", 1)
    assert champion.model.rule.rule is Rule.EDD
    assert champion.path == models_folder(home) / bundles[0].bundle_hash


def test_a_bundle_that_fails_its_proof_is_not_promoted(database, bundles, home):
    _spoil(bundles[0].path)
    with pytest.raises(ModelRefused):
        _promote(database, bundles[0], "1", home)
    assert current_champion(database) is None


def test_a_corrupt_champion_gives_way_to_the_one_before(database, bundles, home):
    _promote(database, bundles[0], "1", home)
    _promote(database, bundles[1], "2", home)
    _spoil(models_folder(home) / bundles[1].bundle_hash)
    resolution = resolve_champion(database, home=home)
    assert resolution.champion is not None
    assert (resolution.champion.version, resolution.champion.source) == ("1", "previous")
    assert _codes(resolution) == ["HASH_MISMATCH"]


def test_when_every_copy_is_corrupt_there_is_no_champion(database, bundles, home):
    _promote(database, bundles[0], "1", home)
    _spoil(models_folder(home) / bundles[0].bundle_hash)
    resolution = resolve_champion(database, home=home)
    assert resolution.champion is None and _codes(resolution) == ["HASH_MISMATCH", "NO_MODEL"]


def test_a_lost_copy_is_fetched_from_mlflow_and_proven(sqlite_engine, bundles, home, tmp_path):
    store = f"sqlite:///{tmp_path / 'mlflow' / 'mlflow.db'}"
    version = registry.register_version(
        bundles[0].path, registry.Registration(bundles[0].bundle_hash), tracking_uri=store
    )
    _promote(sqlite_engine, bundles[0], version, home, tracking_uri=store)
    found = registry.get_by_alias("champion", tracking_uri=store)
    assert found is not None and found.version == version
    shutil.rmtree(models_folder(home))
    resolution = resolve_champion(sqlite_engine, home=home, tracking_uri=store)
    assert resolution.champion is not None and resolution.champion.source == "registry"
    again = resolve_champion(sqlite_engine, home=home, tracking_uri=store)
    assert again.champion is not None and again.champion.source == "local" and again.incidents == ()


def test_with_mlflow_down_a_good_copy_is_served_and_a_lost_one_is_not_waited_for(
    sqlite_engine, bundles, home
):
    down = "http://127.0.0.1:1"
    _promote(sqlite_engine, bundles[0], "1", home, tracking_uri=down)
    began = time.monotonic()
    resolution = resolve_champion(sqlite_engine, home=home, tracking_uri=down)
    assert resolution.champion is not None and resolution.incidents == ()
    shutil.rmtree(models_folder(home))
    resolution = resolve_champion(sqlite_engine, home=home, tracking_uri=down)
    assert resolution.champion is None
    assert _codes(resolution) == ["MISSING_FILE", "REGISTRY_DOWN", "NO_MODEL"]
    assert time.monotonic() - began < 5


def test_a_verdict_about_another_champion_is_stale(database, bundles, home):
    _promote(database, bundles[0], "1", home)
    with pytest.raises(StalePromotion):
        promote(database, bundles[1].path, Decision("2", bundles[1].bundle_hash, 0), home=home)
    assert current_champion(database).champion_version == "1"


def test_a_kept_champion_leaves_a_row_with_the_numbers(database, bundles, home):
    _promote(database, bundles[0], "1", home)
    row = keep(database, Decision("2", bundles[1].bundle_hash, 1, {"gain": -0.2}))
    assert (row.action, row.champion_version, row.challenger_version) == ("keep", "1", "2")
    assert history(database)[0].verdict == {"gain": -0.2}
    assert resolve_champion(database, home=home).champion.version == "1"


def test_rollback_brings_the_champion_before_back_within_seconds(database, bundles, home):
    _promote(database, bundles[0], "1", home)
    _promote(database, bundles[1], "2", home)
    write_rollout(database, RolloutState(breaker="open", breaker_runs_left=3, recent_failures="111"))
    began = time.monotonic()
    row = rollback(database, home=home, decided_by="ann", reason="late jobs")
    assert time.monotonic() - began < 10
    assert (row.action, row.champion_version, row.previous_version) == ("rollback", "1", "2")
    assert resolve_champion(database, home=home).champion.version == "1"
    assert read_rollout(database) == RolloutState()


def test_a_second_rollback_goes_further_back_and_never_to_the_one_left_behind(database, bundles, home):
    for number, bundle in enumerate(bundles[:3], start=1):
        _promote(database, bundle, str(number), home)
    assert rollback(database, home=home, decided_by="ann").champion_version == "2"
    assert rollback(database, home=home, decided_by="ann").champion_version == "1"
    with pytest.raises(NothingToRollBack):
        rollback(database, home=home, decided_by="ann")


def test_a_champion_that_was_rolled_back_does_not_return_when_its_successor_is_corrupt(
    database, bundles, home
):
    _promote(database, bundles[0], "1", home)
    _promote(database, bundles[1], "2", home)
    rollback(database, home=home, decided_by="ann")
    _spoil(models_folder(home) / bundles[0].bundle_hash)
    assert resolve_champion(database, home=home).champion is None


def test_a_rollback_holds_promotions_until_the_hold_is_lifted(database, bundles, home):
    _promote(database, bundles[0], "1", home)
    _promote(database, bundles[1], "2", home)
    rollback(database, home=home, decided_by="ann")
    with pytest.raises(PromotionHeld):
        _promote(database, bundles[2], "3", home)
    kept = keep(database, Decision("3", bundles[2].bundle_hash, 3))
    with pytest.raises(PromotionHeld):
        _promote(database, bundles[2], "3", home)
    assert release_hold(database, decided_by="ann").epoch == kept.epoch + 1
    assert release_hold(database, decided_by="ann") is None
    assert _promote(database, bundles[2], "3", home).champion_version == "3"


def test_nothing_can_be_rolled_back_before_the_first_promotion(database, home):
    with pytest.raises(NothingToRollBack):
        rollback(database, home=home, decided_by="ann")


def test_a_spoilt_copy_is_set_aside_when_its_bundle_is_promoted_again(database, bundles, home):
    _promote(database, bundles[0], "1", home)
    _spoil(models_folder(home) / bundles[0].bundle_hash)
    _promote(database, bundles[0], "1", home)
    assert resolve_champion(database, home=home).champion is not None


def test_the_same_decision_again_after_a_crash_changes_nothing(database, bundles, home):
    _promote(database, bundles[0], "1", home)
    decision = Decision("2", bundles[1].bundle_hash, 1)
    first = promote(database, bundles[1].path, decision, home=home)
    assert promote(database, bundles[1].path, decision, home=home).epoch == first.epoch == 2
    kept = Decision("3", bundles[2].bundle_hash, 2)
    assert keep(database, kept).epoch == keep(database, kept).epoch == 3
    assert [row.action for row in history(database)] == ["keep", "promote", "promote"]


def test_a_champion_promoted_while_mlflow_was_down_is_found_by_its_hash_later(
    sqlite_engine, bundles, home, tmp_path
):
    _promote(sqlite_engine, bundles[0], "local-abc", home, tracking_uri="http://127.0.0.1:1")
    store = f"sqlite:///{tmp_path / 'mlflow' / 'mlflow.db'}"
    registration = registry.Registration(bundles[0].bundle_hash)
    version = registry.register_version(bundles[0].path, registration, tracking_uri=store)
    assert mirror(sqlite_engine, tracking_uri=store) == ()
    assert registry.get_by_alias("champion", tracking_uri=store).version == version
    shutil.rmtree(models_folder(home))
    assert resolve_champion(sqlite_engine, home=home, tracking_uri=store).champion.source == "registry"


def _race(url: str, bundle: Path, bundle_hash: str, version: str, home: Path, answers) -> None:
    engine = open_database(url)
    try:
        promote(engine, bundle, Decision(version, bundle_hash, 1), home=home)
        answers.put("won")
    except StalePromotion:
        answers.put("stale")


def test_of_racing_promotions_exactly_one_wins(database, database_url, bundles, home):
    _promote(database, bundles[0], "1", home)
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    racers = [
        context.Process(
            target=_race,
            args=(database_url, bundle.path, bundle.bundle_hash, str(number), home, answers),
        )
        for number, bundle in enumerate(bundles[1:], start=2)
    ]
    for racer in racers:
        racer.start()
    results = sorted(answers.get(timeout=120) for _ in racers)
    for racer in racers:
        racer.join()
    assert results == ["stale", "stale", "won"]
    assert [row.epoch for row in history(database)] == [2, 1]


def test_a_kill_after_the_ledger_row_leaves_a_champion_that_can_be_served(
    database, bundles, home, monkeypatch
):
    _promote(database, bundles[0], "1", home)
    monkeypatch.setenv("SHOPFLOOR_FAULT", "promotion.after_ledger:raise")
    with pytest.raises(RuntimeError):
        _promote(database, bundles[1], "2", home)
    monkeypatch.delenv("SHOPFLOOR_FAULT")
    assert resolve_champion(database, home=home).champion.version == "2"


def test_a_kill_before_the_ledger_row_changes_nothing(database, bundles, home, monkeypatch):
    _promote(database, bundles[0], "1", home)
    monkeypatch.setenv("SHOPFLOOR_FAULT", "promotion.before_ledger:raise")
    with pytest.raises(RuntimeError):
        _promote(database, bundles[1], "2", home)
    assert resolve_champion(database, home=home).champion.version == "1"
