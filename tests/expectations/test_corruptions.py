"""Garbage in, a named outcome out: each corruption is refused, set aside or noted, and good rows go on."""

from __future__ import annotations

import re
from functools import cache

import pytest
from corruption_catalogue import CASES, STOPS, Case
from valid_frames import AS_OF, valid_frames

from expectations.findings import Severity, ValidationReport
from expectations.run import RunFacts, run_expectations

USUAL = {table: len(frame) for table, frame in valid_frames().items()}
FACTS = RunFacts(as_of=AS_OF, snapshot_id="S1")


def named(case: Case) -> str:
    return case.name.replace(" ", "-")


@pytest.fixture(scope="module")
def report() -> ValidationReport:
    """Validate one plant that has all corruptions which do not refuse the data."""
    frames = valid_frames()
    for case in CASES:
        case.corrupt(frames)
    return run_expectations(frames, docs_dir=None, run_name="corrupted", usual_counts=USUAL, facts=FACTS)


def plain(key: str) -> str:
    """Return a key with the row number left out."""
    return re.sub(r"\(row \d+\)", "(row *)", key)


def expected(case: Case) -> set[tuple[str, str, str]]:
    return {(case.table, key, case.rule) for key in case.aside} | set(case.along)


@pytest.mark.parametrize("case", [case for case in CASES if case.outcome == "quarantine"], ids=named)
def test_a_bad_row_is_set_aside_with_what_depends_on_it(case: Case, report: ValidationReport) -> None:
    found = {(row.table_name, plain(row.row_key), row.rule) for row in report.quarantined}
    assert expected(case) <= found
    assert any(f.rule == case.rule and f.table == case.table for f in report.quarantine)


@pytest.mark.parametrize("case", [case for case in CASES if case.outcome == "warn"], ids=named)
def test_an_odd_row_is_written_down_and_goes_on(case: Case, report: ValidationReport) -> None:
    assert (case.table, case.rule) in {(finding.table, finding.rule) for finding in report.warn}


@cache
def refused(plant: int) -> ValidationReport:
    frames = valid_frames()
    for case in STOPS[plant]:
        case.corrupt(frames)
    return run_expectations(frames, docs_dir=None, run_name="refused", usual_counts=USUAL, facts=FACTS)


ALL_STOPS = [(plant, case) for plant, cases in enumerate(STOPS) for case in cases]


@pytest.mark.parametrize(("plant", "case"), ALL_STOPS, ids=[named(case) for _, case in ALL_STOPS])
def test_garbage_as_a_whole_is_refused(plant: int, case: Case) -> None:
    report = refused(plant)
    assert report.is_stopped
    assert (case.table, case.rule) in {(finding.table, finding.rule) for finding in report.stop}


def test_nothing_is_set_aside_but_what_is_expected_and_no_bad_row_stops_the_run(
    report: ValidationReport,
) -> None:
    found = {(row.table_name, plain(row.row_key), row.rule) for row in report.quarantined}
    assert found == set().union(*(expected(case) for case in CASES))
    assert not report.is_stopped, report.summary()


def test_no_warning_is_given_but_the_expected_ones(report: ValidationReport) -> None:
    expected_rules = {case.rule for case in CASES if case.outcome == "warn"}
    # The finished operation that has lost its actual row is the corrupted actual of another case.
    assert {finding.rule for finding in report.warn} - expected_rules <= {
        "completed_without_end",
        "open_but_ended",
    }


def test_good_rows_go_on_untouched(report: ValidationReport) -> None:
    frames = valid_frames()
    for case in CASES:
        case.corrupt(frames)
    for table, frame in frames.items():
        gone = report.quarantined_counts.get(table, 0)
        assert len(report.clean_frames[table]) == len(frame) - gone
        assert list(report.clean_frames[table].columns) == list(frame.columns)


def test_values_are_escaped_and_cut(report: ValidationReport) -> None:
    by_rule = {row.rule: row for row in report.quarantined}
    assert by_rule["family_name_control_characters"].value == "F1\\x07"
    assert len(by_rule["family_name_length"].value) == 200
    assert by_rule["family_name_length"].row["family_name"] == "F" * 300
    assert by_rule["lcd_date_unreadable"].value == "0000-00-00"
    assert {row.snapshot_id for row in report.quarantined} == {"S1"}


def test_keys_in_quarantine_are_distinct(report: ValidationReport) -> None:
    keys = [(row.table_name, row.row_key, row.column_name, row.rule) for row in report.quarantined]
    assert len(keys) == len(set(keys))


def test_the_plan_still_knows_open_operations_that_were_set_aside(report: ValidationReport) -> None:
    planned = set(report.planning_frames["production_jobs"]["job_id"].dropna())
    assert set(report.quarantined_operations) <= planned
    assert "O020_P02" not in planned, "a finished operation needs no plan"


def test_an_operation_that_only_waits_is_left_to_the_assembly(report: ValidationReport) -> None:
    case = next(case for case in CASES if case.name == "processing time zero")
    (_, waiting, _) = case.along[0]
    assert case.aside[0] in report.quarantined_operations
    assert waiting not in report.quarantined_operations


def test_a_repeated_row_leaves_its_operation_in_the_plan(report: ValidationReport) -> None:
    case = next(case for case in CASES if case.name == "row twice")
    assert list(report.clean_frames["production_jobs"]["job_id"]).count(case.aside[0]) == 1
    assert case.aside[0] not in report.quarantined_operations


def test_inverted_priorities_are_noted() -> None:
    frames = valid_frames()
    frames["production_jobs"]["priority"] = 6 - frames["production_jobs"]["priority"]
    report = run_expectations(frames, docs_dir=None, run_name="inverted", usual_counts=USUAL, facts=FACTS)
    assert [(finding.severity, finding.rule) for finding in report.findings] == [
        (Severity.WARN, "priority_inverted")
    ]


def test_corruption_table() -> None:
    """Print the catalogue: `pytest -s -k corruption_table`."""
    cases = [*(case for _, case in ALL_STOPS), *CASES]
    lines = [f"{case.outcome:<11}{case.table:<22}{case.rule:<38}{case.name}" for case in cases]
    print("\n" + "\n".join(lines))  # noqa: T201
    assert len(lines) >= 20
    assert len({case.name + case.table for case in cases}) == len(lines)
