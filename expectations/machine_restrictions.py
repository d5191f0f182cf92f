"""Restrictions: a machine that exists, excluded for something in particular."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from expectations.facts import PlantFacts, TableShape
from expectations.routes import PROCESS_ORDER
from expectations.vocabulary import column_suite, holds, is_first_of_its_key, quarantine, warn

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation

SHAPE = TableShape(
    table="machine_restrictions",
    key=("restriction_id",),
    needed=("restriction_id", "machine_id"),
    expected=("family_name", "process_order"),
    optional=("reason",),
    numbers=("restriction_id",),
)


def prepare(facts: PlantFacts) -> pd.DataFrame:
    """Return the restrictions with the columns that the rules across rows need."""
    restrictions = facts.frames[SHAPE.table].copy()
    families = facts.known("production_jobs", "family_name")
    family = restrictions["family_name"]
    restrictions["_is_unique"] = is_first_of_its_key(restrictions, SHAPE.key)
    restrictions["_has_machine"] = restrictions["machine_id"].isna() | restrictions["machine_id"].isin(
        facts.machine_ids
    )
    restrictions["_is_particular"] = family.notna() | restrictions["process_order"].notna()
    restrictions["_has_family"] = family.isna() | family.isin(families)
    return restrictions


def suite(facts: PlantFacts) -> list[Expectation]:
    """Return the rules."""
    import great_expectations.expectations as gxe

    return [
        *column_suite(SHAPE),
        holds(
            "_is_unique",
            quarantine("restriction_duplicate", "one row per restriction", column="restriction_id"),
        ),
        holds(
            "_has_machine",
            quarantine("restriction_machine_unknown", "its machine exists", column="machine_id"),
        ),
        gxe.ExpectColumnValuesToMatchRegex(
            column="process_order",
            regex=PROCESS_ORDER,
            **quarantine("restriction_process_order_unreadable", "P and a number, as P01"),
        ),
        holds(
            "_is_particular",
            warn(
                "restriction_of_everything",
                "it names a family or a step, else set the machine inactive",
                column="family_name",
            ),
        ),
        holds(
            "_has_family",
            warn("restriction_family_unknown", "its family is in the order book", column="family_name"),
        ),
    ]
