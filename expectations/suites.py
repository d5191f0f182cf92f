"""Which tables have which suite: the list that the run, the guard and the tests go through."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import pandas as pd

from expectations import (
    calendar_exceptions,
    job_schedules,
    machine_calendars,
    machine_downtime,
    machine_restrictions,
    machines,
    production_jobs,
    production_jobs_closed,
    setup_rules,
)
from expectations.facts import PlantFacts, TableShape
from expectations.vocabulary import table_suite

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation

_MODULES = (
    machines,
    production_jobs,
    job_schedules,
    machine_calendars,
    calendar_exceptions,
    machine_downtime,
    setup_rules,
    machine_restrictions,
)

SHAPES: Mapping[str, TableShape] = MappingProxyType({module.SHAPE.table: module.SHAPE for module in _MODULES})
"""Table -> its columns."""

_PREPARE: Mapping[str, Callable[[PlantFacts], pd.DataFrame]] = MappingProxyType(
    {module.SHAPE.table: module.prepare for module in _MODULES}
)


@dataclass(frozen=True)
class Batch:
    """Rows of one table that are judged by one suite.

    Attributes:
        name: Of the suite, for example `production_jobs` or `production_jobs_closed`.
        table: Plant table.
        frame: The rows, with helper columns; `_row` is the position in the table.
        suite: The expectations.
    """

    name: str
    table: str
    frame: pd.DataFrame
    suite: tuple[Expectation, ...]


def batches(raw: Mapping[str, pd.DataFrame], facts: PlantFacts) -> list[Batch]:
    """Return what is to be judged.

    Args:
        raw: The tables as they came in. A table that lacks a column or has no rows is judged for just that.
    """
    found = []
    for table, shape in SHAPES.items():
        rules = table_suite(shape, facts)
        if table not in facts.frames:
            found.append(Batch(table, table, raw.get(table, pd.DataFrame()), tuple(rules[:1])))
            continue
        if not len(facts.frames[table]):
            found.append(Batch(table, table, facts.frames[table], tuple(rules)))
            continue
        frame = _PREPARE[table](facts)
        if table == production_jobs.SHAPE.table:
            found += _jobs(frame, rules, facts)
        else:
            module = next(module for module in _MODULES if table == module.SHAPE.table)
            found.append(Batch(table, table, frame, (*rules, *module.suite(facts))))
    return found


def _jobs(frame: pd.DataFrame, rules: list[Expectation], facts: PlantFacts) -> list[Batch]:
    """Return the table as a whole, its open rows and its finished rows."""
    table = production_jobs.SHAPE.table
    is_open = facts.is_open
    parts = [Batch(table, table, frame, (*rules, *production_jobs.book_rules()))]
    if is_open.any():
        parts.append(Batch(f"{table}_open", table, frame[is_open], tuple(production_jobs.suite(facts))))
    if not is_open.all():
        closed = tuple(production_jobs_closed.suite(facts))
        parts.append(Batch(f"{table}_closed", table, frame[~is_open], closed))
    return parts
