"""What a row that was set aside takes with it, and when so much is gone that the rest is not worth planning.

A machine takes its actuals, downtime and restrictions; an unusable actual of an open operation takes the
operation, because nobody knows whether it runs; an open operation takes the later ones of its order,
because they have nothing to wait for. An operation that runs on the floor is never taken by another.
"""

from __future__ import annotations

import pandas as pd

from expectations.facts import ROW, PlantFacts
from expectations.findings import ROUTE_BROKEN, Finding, Severity
from expectations.routes import after_broken

BrokenRules = dict[str, dict[int, dict[str, str]]]
"""Table -> row position -> rule -> column at fault."""

HARMLESS = ("schedule_id_duplicate", "running_twice")
"""Rules of actuals that leave a good row of the same operation."""

MOST_SHARE = 0.2
MIN_ROWS = 3
CAPACITY_TABLES = ("machines", "machine_calendars")
SENTENCES = {
    "machine_set_aside": "its machine was set aside",
    "actual_unusable": "its actual was set aside: nobody knows whether it runs",
    ROUTE_BROKEN: "an operation before it in its order was set aside",
}


def take_along(broken: BrokenRules, facts: PlantFacts) -> None:
    """Add the consequences to `broken`, modified in place."""
    _take_machine_rows(broken, facts)
    _take_operations_of_actuals(broken, facts)
    _take_later_operations(broken, facts)


def _take_machine_rows(broken: BrokenRules, facts: PlantFacts) -> None:
    if not broken.get("machines"):
        return
    machines = facts.frames["machines"]
    kept = set(machines.loc[~machines[ROW].isin(list(broken["machines"])), "machine_id"].dropna())
    gone = set(machines.loc[machines[ROW].isin(list(broken["machines"])), "machine_id"].dropna()) - kept
    for table in ("job_schedules", "machine_downtime", "machine_restrictions"):
        if table in facts.frames:
            frame = facts.frames[table]
            _add(
                broken,
                table,
                frame.loc[frame["machine_id"].isin(gone), ROW],
                "machine_set_aside",
                "machine_id",
            )


def _take_operations_of_actuals(broken: BrokenRules, facts: PlantFacts) -> None:
    if "production_jobs" not in facts.frames or not broken.get("job_schedules"):
        return
    actuals, jobs = facts.frames["job_schedules"], facts.frames["production_jobs"]
    rows = [row for row, rules in broken["job_schedules"].items() if set(rules) - set(HARMLESS)]
    unusable = actuals.loc[actuals[ROW].isin(rows), "job_id"].dropna().astype("str").str.partition("#")[0]
    is_hit = facts.is_open & jobs["job_id"].isin(set(unusable))
    _add(broken, "production_jobs", jobs.loc[is_hit, ROW], "actual_unusable", "job_id")


def _take_later_operations(broken: BrokenRules, facts: PlantFacts) -> None:
    if "production_jobs" not in facts.frames or not broken.get("production_jobs"):
        return
    jobs = facts.frames["production_jobs"]
    is_gone = jobs[ROW].isin(list(broken["production_jobs"]))
    # A repetition goes, the operation stays.
    is_broken = facts.is_open & is_gone & ~jobs["job_id"].isin(set(jobs.loc[~is_gone, "job_id"].dropna()))
    may_move = facts.is_open & ~jobs["job_id"].isin(running_operations(facts))
    later = after_broken(jobs, is_broken=is_broken, may_move=may_move)
    _add(broken, "production_jobs", jobs.loc[later, ROW], ROUTE_BROKEN, "process_order")


def running_operations(facts: PlantFacts) -> frozenset[str]:
    """Return the operations that have started and not ended."""
    if "job_schedules" not in facts.frames:
        return frozenset()
    actuals = facts.frames["job_schedules"]
    rows = actuals[actuals["end_time"].isna() & actuals["start_time"].notna()]
    return frozenset(rows["job_id"].dropna().astype("str").str.partition("#")[0])


def _add(broken: BrokenRules, table: str, rows: pd.Series, rule: str, column: str) -> None:
    entries = broken.setdefault(table, {})
    for row in rows.tolist():
        entries.setdefault(int(row), {}).setdefault(rule, column)


def masses(broken: BrokenRules, facts: PlantFacts) -> list[Finding]:
    """Return what is refused because too many rows were set aside: more than a fifth.

    Of finished operations and actuals any number is only a warning.
    """
    findings = []
    if "production_jobs" in facts.frames:
        jobs = facts.frames["production_jobs"]
        is_gone = jobs[ROW].isin(list(broken.get("production_jobs", {})))
        n_open, n_gone = int(facts.is_open.sum()), int((facts.is_open & is_gone).sum())
        findings += _mass(Severity.STOP, "production_jobs", n_gone, n_open, "open operations", least=1)
        n_closed, n_gone = len(jobs) - n_open, int((~facts.is_open & is_gone).sum())
        findings += _mass(Severity.WARN, "production_jobs", n_gone, n_closed, "finished operations")
    for table in (*CAPACITY_TABLES, "job_schedules"):
        if table in facts.frames:
            severity = Severity.STOP if table in CAPACITY_TABLES else Severity.WARN
            n_gone = len(broken.get(table, {}))
            findings += _mass(severity, table, n_gone, len(facts.frames[table]), "rows")
    return findings


def _mass(
    severity: Severity, table: str, n_gone: int, n_all: int, what: str, *, least: int = MIN_ROWS
) -> list[Finding]:
    if n_gone < least or n_gone <= MOST_SHARE * n_all:
        return []
    sentence = f"{n_gone} of {n_all} {what} were set aside, more than {MOST_SHARE:.0%}"
    return [Finding(severity, f"too_many_set_aside_{what.replace(' ', '_')}", table, "", n_gone, sentence)]
