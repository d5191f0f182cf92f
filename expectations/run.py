"""One validation: suites over all tables, rows set aside with what they take along, clean frames, pages.

It decides nothing about the run: a caller asks `is_stopped`. When a page cannot be written the verdict stays.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from expectations.consequences import SENTENCES, BrokenRules, masses, take_along
from expectations.facts import ROW, PlantFacts, RunFacts, typed_frame
from expectations.findings import MAX_EXAMPLES, Finding, Severity, ValidationReport, shown
from expectations.suites import SHAPES, batches
from shopfloor.data.quarantine import QuarantinedRow

log = logging.getLogger(__name__)

ORDER = {Severity.STOP: 0, Severity.QUARANTINE: 1, Severity.WARN: 2}


def run_expectations(
    frames: Mapping[str, pd.DataFrame],
    *,
    docs_dir: Path | None,
    run_name: str,
    usual_counts: Mapping[str, int] | None = None,
    facts: RunFacts | None = None,
) -> ValidationReport:
    """Judge the plant's tables and write the pages.

    Args:
        frames: Table name -> rows, cast or raw; other tables pass through untouched.
        docs_dir: Folder of the pages; its index lists all runs that were written there. None: no pages.
        run_name: Shown in the pages, for example the flow run's name.
        usual_counts: Table name -> usual number of rows, the median of recent runs; None on a first run.
        facts: What the caller knows about the run.
    """
    from expectations.judge import judge

    known = plant_facts(frames, usual_counts=usual_counts, run=facts)
    todo = batches(frames, known)
    judged = judge(todo, run_name=run_name, has_pages=docs_dir is not None)
    broken: BrokenRules = {}
    sentences = {rule: SENTENCES[rule] for rule in SENTENCES}
    findings = []
    for verdict in judged.verdicts:
        sentences.setdefault(verdict.rule, verdict.sentence)
        if verdict.severity is Severity.QUARANTINE and verdict.rows:
            for row in verdict.rows:
                broken.setdefault(verdict.table, {}).setdefault(row, {})[verdict.rule] = verdict.column
        else:
            findings.append(
                Finding(
                    verdict.severity,
                    verdict.rule,
                    verdict.table,
                    verdict.column,
                    len(verdict.rows),
                    verdict.sentence,
                    verdict.examples
                    or _examples(frames[verdict.table], verdict.table, verdict.column, verdict.rows),
                )
            )
    _forget_missing_where_unreadable(broken)
    take_along(broken, known)
    findings += [*_set_aside(broken, frames, sentences), *masses(broken, known)]
    report = ValidationReport(
        run_name=run_name,
        findings=tuple(sorted(findings, key=lambda f: (ORDER[f.severity], f.table, f.rule))),
        quarantined=tuple(_rows(broken, frames, snapshot_id=known.run.snapshot_id or run_name)),
        clean_frames=_clean(frames, broken),
        planning_frames=_clean(frames, broken, keep_open=known),
        row_counts={table: len(frames[table]) for table in SHAPES if table in frames},
        n_rules=judged.n_rules,
    )
    return report if docs_dir is None else _with_pages(report, docs_dir, judged.pages)


def plant_facts(
    frames: Mapping[str, pd.DataFrame],
    *,
    usual_counts: Mapping[str, int] | None = None,
    run: RunFacts | None = None,
) -> PlantFacts:
    """Return the tables with their types made sure of; those that lack a column are left out."""
    typed = {
        table: typed_frame(frames[table], shape)
        for table, shape in SHAPES.items()
        if table in frames and not set(shape.required) - set(frames[table].columns)
    }
    return PlantFacts(typed, run or RunFacts(), dict(usual_counts or {}))


def _forget_missing_where_unreadable(broken: BrokenRules) -> None:
    """Name a value that cannot be read once: as unreadable, not also as missing."""
    for rows in broken.values():
        for rules in rows.values():
            for rule in [name for name in rules if name.endswith("_unreadable")]:
                rules.pop(rule.removesuffix("_unreadable") + "_missing", None)


def _set_aside(
    broken: BrokenRules, frames: Mapping[str, pd.DataFrame], sentences: dict[str, str]
) -> list[Finding]:
    """Return one finding per table and rule of what was set aside."""
    grouped: dict[tuple[str, str, str], list[int]] = {}
    for table, rows in broken.items():
        for row, rules in rows.items():
            for rule, column in rules.items():
                grouped.setdefault((table, rule, column), []).append(row)
    return [
        Finding(
            Severity.QUARANTINE, rule, table, column, len(rows), sentences[rule],
            _examples(frames[table], table, column, tuple(sorted(rows))),
        )
        for (table, rule, column), rows in grouped.items()
    ]  # fmt: skip


def _rows(
    broken: BrokenRules, frames: Mapping[str, pd.DataFrame], *, snapshot_id: str
) -> list[QuarantinedRow]:
    found = []
    for table in (name for name in SHAPES if name in broken):
        rows = sorted(broken[table])
        for row, key in zip(rows, _distinct_keys(frames[table], table, rows), strict=True):
            whole = _plain_row(frames[table], row)
            found += [
                QuarantinedRow(
                    snapshot_id=snapshot_id,
                    table_name=table,
                    row_key=key,
                    column_name=column,
                    value=_value(frames[table], column, row),
                    rule=rule,
                    row=whole,
                )
                for rule, column in broken[table][row].items()
            ]
    return found


def _distinct_keys(frame: pd.DataFrame, table: str, rows: list[int]) -> list[str]:
    """Return the key of each row, with its position where the key is missing or was there before."""
    keys: list[str] = []
    for row in rows:
        key = _key(frame, table, row)
        keys.append(f"{key} (row {row})".strip() if not key.strip("|") or key in keys else key)
    return keys


def _examples(frame: pd.DataFrame, table: str, column: str, rows: tuple[int, ...]) -> tuple[str, ...]:
    return tuple(
        shown(f"{_key(frame, table, row)}: {column}={_value(frame, column, row)}")
        for row in rows[:MAX_EXAMPLES]
    )


def _key(frame: pd.DataFrame, table: str, row: int) -> str:
    return "|".join(shown(frame[name].iloc[row]) for name in SHAPES[table].key)


def _value(frame: pd.DataFrame, column: str, row: int) -> str:
    return shown(frame[column].iloc[row]) if column in frame else ""


def _plain_row(frame: pd.DataFrame, row: int) -> dict[str, str | int | float | bool | None]:
    """Return a row as plain values: numbers stay numbers, missing is None, the rest is text."""
    values = ((str(name), frame[name].iloc[row]) for name in frame.columns)
    return {name: None if pd.isna(value) else _plain(value) for name, value in values}


def _plain(value: object) -> str | int | float | bool:
    plain = value.item() if isinstance(value, np.generic) else value
    return plain if isinstance(plain, (str, bool, int, float)) else str(plain)


def _clean(
    frames: Mapping[str, pd.DataFrame], broken: BrokenRules, *, keep_open: PlantFacts | None = None
) -> dict[str, pd.DataFrame]:
    """Return the frames less what was set aside; with `keep_open` open operations stay."""
    clean = dict(frames)
    for table, rows in broken.items():
        gone = sorted(rows)
        if keep_open is not None and table == "production_jobs":
            jobs = keep_open.frames[table]
            gone = jobs.loc[jobs[ROW].isin(gone) & ~keep_open.is_open, ROW].tolist()
        frame = frames[table].reset_index(drop=True)
        clean[table] = frame.drop(index=gone).reset_index(drop=True)
    return clean


def _with_pages(report: ValidationReport, docs_dir: Path, pages: Mapping[str, str]) -> ValidationReport:
    from expectations.data_docs import publish

    try:
        return replace(report, docs_index=publish(report, docs_dir, pages=pages))
    except Exception:
        log.exception("data_docs_failed run=%s: the verdict stays", report.run_name)
        return report
