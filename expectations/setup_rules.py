"""Setup rules: sane minutes, one answer per changeover."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from expectations.facts import PlantFacts, TableShape
from expectations.machines import MAX_SETUP_MINUTES
from expectations.vocabulary import column_suite, holds, is_first_of_its_key, quarantine, warn

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation

SHAPE = TableShape(
    table="setup_rules",
    key=("rule_id",),
    needed=("rule_id", "minutes"),
    expected=("machine_type", "from_family", "to_family"),
    numbers=("rule_id", "minutes"),
)


def prepare(facts: PlantFacts) -> pd.DataFrame:
    """Return the rules with the columns that the rules across rows need."""
    rules = facts.frames[SHAPE.table].copy()
    changeover = ["machine_type", "from_family", "to_family"]
    rules["_is_unique"] = is_first_of_its_key(rules, SHAPE.key)
    # Of several answers the longest stays: a plan with too much setup still works.
    by_length = rules.sort_values("minutes", ascending=False, kind="stable")
    rules["_is_only_answer"] = ~by_length.duplicated(changeover, keep="first").reindex(rules.index)
    rules["_has_type"] = rules["machine_type"].isna() | rules["machine_type"].isin(facts.machine_types)
    return rules


def suite(facts: PlantFacts) -> list[Expectation]:
    """Return the rules."""
    import great_expectations.expectations as gxe

    return [
        *column_suite(SHAPE),
        holds("_is_unique", quarantine("setup_rule_duplicate", "one row per rule", column="rule_id")),
        gxe.ExpectColumnValuesToBeBetween(
            column="minutes",
            min_value=0,
            max_value=MAX_SETUP_MINUTES,
            **quarantine("setup_minutes_out_of_range", f"0 to {MAX_SETUP_MINUTES} minutes"),
        ),
        holds(
            "_is_only_answer",
            quarantine(
                "setup_rule_contradiction",
                "one rule per changeover; the longest setup stays",
                column="minutes",
            ),
        ),
        holds("_has_type", warn("setup_rule_type_unknown", "its machine type exists", column="machine_type")),
    ]
