"""The same door without Great Expectations: empty tables, missing columns, empty columns, in milliseconds.

For the daily path when the library itself fails. It sets no row aside; what it lets through the assembly
still judges.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from expectations.findings import Finding, Severity, ValidationReport
from expectations.suites import SHAPES
from expectations.vocabulary import usual_range


def quick_guard(
    frames: Mapping[str, pd.DataFrame], *, usual_counts: Mapping[str, int] | None = None
) -> list[Finding]:
    """Return what refuses the data at first sight; empty when nothing does."""
    findings = []
    for table, shape in SHAPES.items():
        frame = frames.get(table)
        if frame is None:
            findings.append(Finding(Severity.STOP, "table_missing", table, "", 0, "the table is there"))
            continue
        missing = [column for column in shape.required if column not in frame.columns]
        findings += [
            Finding(
                Severity.STOP, "columns_missing", table, column, 0, "the columns that a plan needs are there"
            )
            for column in missing
        ]
        least, most = usual_range(shape, (usual_counts or {}).get(table))
        if len(frame) < least or (most is not None and len(frame) > most):
            seen = f"seen {len(frame)}, wanted at least {least}" + (
                "" if most is None else f" and at most {most}"
            )
            findings.append(
                Finding(
                    Severity.STOP,
                    "row_count_unusual",
                    table,
                    "",
                    0,
                    "the table has about as many rows as usual",
                    (seen,),
                )
            )
        if len(frame):
            findings += [
                Finding(
                    Severity.STOP, f"{column}_mostly_missing", table, column, int(frame[column].isna().sum()),
                    "at least half of it is filled",
                )
                for column in shape.needed
                if column in frame.columns and frame[column].isna().mean() > 0.5
            ]  # fmt: skip
    return findings


def guard_report(
    frames: Mapping[str, pd.DataFrame], *, run_name: str, usual_counts: Mapping[str, int] | None = None
) -> ValidationReport:
    """Return the guard's findings in the shape of a full validation; all rows stay."""
    return ValidationReport(
        run_name=run_name,
        findings=tuple(quick_guard(frames, usual_counts=usual_counts)),
        quarantined=(),
        clean_frames=dict(frames),
        planning_frames=dict(frames),
        row_counts={table: len(frames[table]) for table in SHAPES if table in frames},
        n_rules=3 * len(SHAPES),
    )
