"""What a validation found: findings by severity, rows set aside, and the frames that may be used.

Nothing is decided here and nothing is read; the numbers are put together by `run.py`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shopfloor.data.quarantine import QuarantinedRow

if TYPE_CHECKING:
    import pandas as pd

MAX_SHOWN = 200
"""Longest value in a report, characters."""

MAX_EXAMPLES = 5


ROUTE_BROKEN = "route_broken"
"""Rule of an operation that waits for one that was set aside."""


class Severity(StrEnum):
    """What a broken rule means for the run."""

    STOP = "stop"
    QUARANTINE = "quarantine"
    WARN = "warn"


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken rule.

    Attributes:
        rule: Stable name, for example `lcd_date_too_old`.
        table: Plant table.
        column: The column at fault; empty for a rule about the whole table.
        count: Rows that break it; 0 for a rule about the whole table.
        summary: One sentence for a person.
        examples: Up to five `key=value` texts, escaped and cut to 200 characters.
    """

    severity: Severity
    rule: str
    table: str
    column: str
    count: int
    summary: str
    examples: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "severity": self.severity.value,
            "rule": self.rule,
            "table": self.table,
            "column": self.column,
            "count": self.count,
            "summary": self.summary,
            "examples": list(self.examples),
        }

    def line(self) -> str:
        """Return the finding as one line of text."""
        place = f"{self.table}.{self.column}" if self.column else self.table
        shown = f" e.g. {self.examples[0]}" if self.examples else ""
        return f"{self.severity.value}: {self.rule} in {place}: {self.count} rows: {self.summary}{shown}"


@dataclass(frozen=True)
class ValidationReport:
    """The outcome of one validation.

    Attributes:
        run_name: Name of the run in the pages.
        findings: Broken rules, the most severe first.
        quarantined: Rows that were set aside, one entry per row and rule.
        clean_frames: The frames less the rows set aside; the same tables as came in. To fit, watch and count.
        planning_frames: The same, but open operations that were set aside stay, so that the plan can name
        them as
            quarantined; give `quarantined_operations` to the assembly with them.
        row_counts: Rows per table as they came in.
        n_rules: Expectations that were checked.
        docs_index: First page of the reports; None when no page could be written.
    """

    run_name: str
    findings: tuple[Finding, ...]
    quarantined: tuple[QuarantinedRow, ...]
    clean_frames: dict[str, pd.DataFrame]
    planning_frames: dict[str, pd.DataFrame]
    row_counts: dict[str, int]
    n_rules: int
    docs_index: Path | None = None

    @property
    def is_stopped(self) -> bool:
        """Whether the data is refused."""
        return bool(self.stop)

    @property
    def stop(self) -> tuple[Finding, ...]:
        """Findings that refuse the data."""
        return self._of(Severity.STOP)

    @property
    def quarantine(self) -> tuple[Finding, ...]:
        """Findings whose rows were set aside."""
        return self._of(Severity.QUARANTINE)

    @property
    def warn(self) -> tuple[Finding, ...]:
        """Findings that are only written down."""
        return self._of(Severity.WARN)

    @property
    def quarantined_operations(self) -> tuple[str, ...]:
        """Ids of the open operations that were set aside for a fault of their own, sorted.

        Those that only wait for one of them are left out: the assembly finds them, with the reason.
        """
        rows = (row for row in self.quarantined if row.table_name == "production_jobs")
        ids = {str(row.row["job_id"]) for row in rows if row.rule != ROUTE_BROKEN and row.row["job_id"]}
        planned, clean = (_operations(frames) for frames in (self.planning_frames, self.clean_frames))
        return tuple(sorted(ids & planned - clean))

    @property
    def quarantined_counts(self) -> dict[str, int]:
        """Rows that were set aside, by table."""
        return dict(
            Counter(table for table, _ in {(row.table_name, row.row_key) for row in self.quarantined})
        )

    def summary(self) -> tuple[str, ...]:
        """Return the report as lines of text, the verdict first."""
        verdict = "refused" if self.is_stopped else "accepted"
        aside = sum(self.quarantined_counts.values())
        rows = sum(self.row_counts.values())
        head = (
            f"data {verdict}: {self.n_rules} rules, {rows} rows, {aside} set aside, {len(self.warn)} warnings"
        )
        return (head, *(finding.line() for finding in self.findings))

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; the frames are left out."""
        return {
            "run_name": self.run_name,
            "is_stopped": self.is_stopped,
            "n_rules": self.n_rules,
            "row_counts": dict(self.row_counts),
            "quarantined_counts": self.quarantined_counts,
            "findings": [finding.as_dict() for finding in self.findings],
            "quarantined_operations": list(self.quarantined_operations),
            "docs_index": None if self.docs_index is None else str(self.docs_index),
        }

    def _of(self, severity: Severity) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.severity is severity)


def _operations(frames: dict[str, pd.DataFrame]) -> set[str]:
    jobs = frames.get("production_jobs")
    return set() if jobs is None or "job_id" not in jobs else set(jobs["job_id"].dropna())


def shown(value: object) -> str:
    """Return a value as text that is safe to print: control characters escaped, at most 200 characters."""
    text = "" if value is None or str(value) in ("nan", "NaT", "<NA>") else str(value)
    safe = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
    return safe if len(safe) <= MAX_SHOWN else safe[: MAX_SHOWN - 1] + "…"
