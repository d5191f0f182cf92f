"""How a rule is written: the severity, the name and the sentence that every expectation carries.

Great Expectations calls the severities critical, warning and info; its pages do not show them, so the
sentence does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from expectations.facts import PlantFacts, TableShape
from expectations.findings import Severity

if TYPE_CHECKING:
    import pandas as pd
    from great_expectations.expectations.expectation import Expectation

GX_SEVERITY = {Severity.STOP: "critical", Severity.QUARANTINE: "warning", Severity.WARN: "info"}

LEAST_SHARE, MOST_SHARE = 0.3, 3.0
"""Row counts outside this share of the usual one are refused."""

SMALL_TABLE = 20
"""Below so many usual rows a table may grow by 40 rows before that is suspicious."""


def stop(rule: str, sentence: str, *, column: str = "") -> dict[str, Any]:
    """Return the arguments of an expectation that refuses the data."""
    return _marked(Severity.STOP, rule, sentence, column)


def quarantine(rule: str, sentence: str, *, column: str = "") -> dict[str, Any]:
    """Return the arguments of an expectation whose rows are set aside."""
    return _marked(Severity.QUARANTINE, rule, sentence, column)


def warn(rule: str, sentence: str, *, column: str = "") -> dict[str, Any]:
    """Return the arguments of an expectation that is only written down."""
    return _marked(Severity.WARN, rule, sentence, column)


def _marked(severity: Severity, rule: str, sentence: str, column: str) -> dict[str, Any]:
    return {
        "severity": GX_SEVERITY[severity],
        "description": f"{severity.value.upper()} · {rule} · {sentence}",
        "meta": {"severity": severity.value, "rule": rule, "column": column, "sentence": sentence},
    }


def holds(flag: str, marks: dict[str, Any]) -> Expectation:
    """Return the expectation that a boolean helper column is True in every row."""
    import great_expectations.expectations as gxe

    return gxe.ExpectColumnValuesToBeInSet(column=flag, value_set=[True], **marks)


def table_suite(shape: TableShape, facts: PlantFacts) -> list[Expectation]:
    """Return the rules that every table has: its columns and its number of rows."""
    import great_expectations.expectations as gxe

    least, most = usual_range(shape, facts.usual_counts.get(shape.table))
    return [
        gxe.ExpectTableColumnsToMatchSet(
            column_set=list(shape.required),
            exact_match=False,
            **stop("columns_missing", "the columns that a plan needs are there"),
        ),
        gxe.ExpectTableRowCountToBeBetween(
            min_value=least,
            max_value=most,
            **stop("row_count_unusual", "the table has about as many rows as usual"),
        ),
    ]


def usual_range(shape: TableShape, usual: int | None) -> tuple[int, int | None]:
    """Return the least and the most rows that pass: 0.3 to 3 times the usual; None = no upper bound."""
    floor = 1 if shape.is_needed else 0
    if usual is None:
        return floor, None
    if usual < SMALL_TABLE:
        return max(floor, int(usual >= 5)), usual + 2 * SMALL_TABLE
    return max(1, int(LEAST_SHARE * usual)), int(MOST_SHARE * usual)


def column_suite(shape: TableShape, *, text_length: int = 128) -> list[Expectation]:
    """Return the rules that every column has: filled where needed, readable, ids of a sane length."""
    import great_expectations.expectations as gxe

    suite: list[Expectation] = []
    for column in shape.needed:
        suite += [
            gxe.ExpectColumnValuesToNotBeNull(
                column=column, mostly=0.5, **stop(f"{column}_mostly_missing", "at least half of it is filled")
            ),
            gxe.ExpectColumnValuesToNotBeNull(
                column=column, **quarantine(f"{column}_missing", "it is filled")
            ),
        ]
    suite += [
        holds(f"_{column}_is_readable", quarantine(f"{column}_unreadable", "it has its type", column=column))
        for column in shape.typed
    ]
    for column in (name for name in shape.needed if name not in shape.typed):
        suite += [
            gxe.ExpectColumnValueLengthsToBeBetween(
                column=column,
                min_value=1,
                max_value=text_length,
                **quarantine(f"{column}_length", f"it has 1 to {text_length} characters"),
            ),
            gxe.ExpectColumnValuesToNotMatchRegex(
                column=column,
                regex=r"[\x00-\x1f\x7f]",
                **quarantine(f"{column}_control_characters", "it has no control characters"),
            ),
        ]
    return suite


def is_first_of_its_key(frame: pd.DataFrame, key: tuple[str, ...]) -> pd.Series:
    """Return per row whether it may stay under its key.

    A plain repetition keeps its first row; rows that contradict each other under one key all go, because
    nobody can tell which is right. Rows with a missing key are judged by the rule of that column.
    """
    columns = [name for name in frame.columns if not name.startswith("_")]
    has_key = frame[list(key)].notna().all(axis=1)
    is_repetition = frame.duplicated(columns, keep="first")
    distinct = frame[~is_repetition & has_key]
    contradicts = distinct.duplicated(list(key), keep=False).reindex(frame.index, fill_value=False)
    return ~has_key | ~(is_repetition | contradicts)
