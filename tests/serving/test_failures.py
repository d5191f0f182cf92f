"""Every error has a code and an exit code; every request has a key; faults never fire in production."""

import errno
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from shopfloor import faults
from shopfloor.domain import errors
from shopfloor.serving.daily import config_hash_of
from shopfloor.serving.exit_codes import MEANING, ExitCode
from shopfloor.serving.failures import incident_of, meaning_of
from shopfloor.serving.run_key import PlanRequest, config_hash, run_key
from shopfloor.serving.search_settings import SearchSettings
from shopfloor.settings import Settings


@pytest.mark.parametrize(
    ("error", "code", "exit_code"),
    [
        (errors.LeaseHeld("x"), "DUPLICATE_RUN", 30),
        (errors.LeaseLost("x"), "LEASE_LOST", 31),
        (errors.RefusedInput("x"), "INPUT_REFUSED", 20),
        (errors.InvalidInstance("x"), "INPUT_REFUSED", 20),
        (errors.InvalidCalendar("x"), "INPUT_REFUSED", 20),
        (errors.InvalidSettings("x"), "SETTINGS", 78),
        (errors.SchemaMismatch("x"), "SCHEMA_OR_RIGHTS", 78),
        (errors.CommitUnknown("x"), "COMMIT_UNKNOWN", 50),
        (errors.DatabaseUnavailable("read: LOST: 2013"), "DB_DOWN", 11),
        (errors.DatabaseUnavailable("write the plan: SPACE: 1114 full"), "STORAGE", 40),
        (errors.SnapshotCorrupt("x"), "SNAPSHOT_CORRUPT", 11),
        (errors.InvalidPlan("x"), "PLAN_INVALID", 50),
        (OSError(errno.ENOSPC, "full"), "STORAGE", 40),
        (OSError(errno.EROFS, "read-only"), "STORAGE", 40),
        (PermissionError(errno.EACCES, "no"), "SCHEMA_OR_RIGHTS", 78),
        (ZeroDivisionError("x"), "RUN_FAILED", 50),
        (KeyError(), "RUN_FAILED", 50),
    ],
)
def test_every_error_has_its_code(error, code, exit_code):
    assert (meaning_of(error).code, meaning_of(error).exit_code) == (code, exit_code)
    assert incident_of(error).summary


def test_every_exit_code_says_what_it_means():
    assert set(MEANING) == set(ExitCode)


def test_an_incident_shows_the_first_line_and_no_hint():
    found = incident_of(errors.RefusedInput("no rows in production_jobs\nhint: look at the extract"))
    assert found.summary == "no rows in production_jobs"


REQUEST = PlanRequest("p", datetime(2026, 3, 2, 5, tzinfo=UTC), "d", "c", "m", 0)


def test_the_same_request_has_the_same_key_in_any_zone():
    local = REQUEST.as_of.astimezone(timezone(timedelta(hours=2)))
    assert run_key(replace(REQUEST, as_of=local)) == run_key(REQUEST)
    assert len(run_key(REQUEST)) <= 64


@pytest.mark.parametrize(
    "change",
    [
        {"plant": "q"},
        {"as_of": REQUEST.as_of + timedelta(microseconds=1)},
        {"data_hash": "e"},
        {"config_hash": "e"},
        {"model": ""},
        {"seed": 1},
    ],
)
def test_another_request_has_another_key(change):
    assert run_key(replace(REQUEST, **change)) != run_key(REQUEST)


def test_parts_do_not_run_into_each_other():
    assert run_key(replace(REQUEST, data_hash="ab", config_hash="c")) != run_key(
        replace(REQUEST, data_hash="a", config_hash="bc")
    )


def test_an_instant_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="zone"):
        run_key(replace(REQUEST, as_of=REQUEST.as_of.replace(tzinfo=None)))


def test_the_order_of_settings_does_not_matter():
    assert config_hash({"a": 1, "b": 2}) == config_hash({"b": 2, "a": 1}) != config_hash({"a": 1, "b": 3})


def test_a_fault_fires_at_its_point_only(monkeypatch):
    monkeypatch.setenv("SHOPFLOOR_FAULT", "a.b:raise=boom,c.d:storage")
    faults.fault_point("other")
    with pytest.raises(faults.InjectedFault, match="boom"):
        faults.fault_point("a.b")
    with pytest.raises(OSError, match="injected"):
        faults.fault_point("c.d")


def test_a_fault_can_wait_for_its_passage(monkeypatch):
    monkeypatch.setenv("SHOPFLOOR_FAULT", "third.time#3:raise")
    faults.fault_point("third.time")
    faults.fault_point("third.time")
    with pytest.raises(faults.InjectedFault):
        faults.fault_point("third.time")
    faults.fault_point("third.time")


def test_an_unknown_action_is_refused(monkeypatch):
    monkeypatch.setenv("SHOPFLOOR_FAULT", "a:explode")
    with pytest.raises(faults.InjectedFault, match="hint:"):
        faults.fault_point("a")


def test_faults_are_refused_in_production(monkeypatch):
    monkeypatch.setenv("SHOPFLOOR_ENV", "production")
    faults.refuse_in_production()
    monkeypatch.setenv("SHOPFLOOR_FAULT", "a:kill9")
    with pytest.raises(faults.InjectedFault, match="production"):
        faults.refuse_in_production()
    with pytest.raises(faults.InjectedFault, match="production"):
        faults.fault_point("a")


@pytest.mark.parametrize(
    "change",
    [
        {"objective": "calm"},
        {"search_iterations": 7},
        {"search_workers": 1},
        {"overtime_hours": 1.0},
        {"max_moved": 0},
        {"rollouts": 7},
        {"freeze_hours": 4.0},
        {"deadline_s": 1.0},
    ],
)
def test_every_setting_that_changes_a_plan_changes_the_configs_hash(change):
    assert config_hash_of(Settings(**change)) != config_hash_of(Settings())


def test_settings_that_change_no_plan_leave_the_configs_hash_alone():
    assert config_hash_of(Settings(lease_ttl_s=60, keep_days=7)) == config_hash_of(Settings())


def test_an_objective_that_nobody_knows_is_a_wrong_setting():
    with pytest.raises(errors.InvalidSettings, match="SHOPFLOOR_OBJECTIVE: no objective 'best'"):
        SearchSettings.of(Settings(objective="best"))
