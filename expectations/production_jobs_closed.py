"""Operations that are done or cancelled: the twin learns from them, no plan needs them.

A bad one is set aside or noted; none of these rules stops a run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from expectations.facts import PlantFacts
from expectations.production_jobs import MAX_HOURS
from expectations.vocabulary import holds, quarantine, warn

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation

LEARNT_FROM = ("job_id", "family_name", "processing_time", "machine_type")


def suite(facts: PlantFacts) -> list[Expectation]:
    """Return the rules of finished operations; the frame is that of `production_jobs.prepare`."""
    import great_expectations.expectations as gxe

    return [
        *(
            gxe.ExpectColumnValuesToNotBeNull(
                column=column, **quarantine(f"closed_{column}_missing", "it is filled")
            )
            for column in LEARNT_FROM
        ),
        holds("_is_unique", quarantine("job_id_duplicate", "one row per operation", column="job_id")),
        gxe.ExpectColumnValuesToBeBetween(
            column="_hours",
            min_value=0,
            strict_min=True,
            max_value=MAX_HOURS,
            strict_max=True,
            **quarantine(
                "closed_processing_time_out_of_range",
                f"above 0 and below {MAX_HOURS} h",
                column="processing_time",
            ),
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="priority", min_value=1, max_value=5, **warn("closed_priority_out_of_range", "1 to 5")
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="machine_type",
            value_set=sorted(facts.machine_types),
            **warn("closed_machine_type_unknown", "some machine is of that type"),
        ),
        gxe.ExpectColumnValuesToNotBeNull(
            column="lcd_date", **warn("closed_lcd_date_missing", "it is filled")
        ),
        holds(
            "_has_own_place",
            warn("closed_process_order_duplicate", "one operation per step", column="process_order"),
        ),
        holds(
            "_is_ended_if_said",
            warn("completed_without_end", "a completed operation has an actual end", column="status"),
        ),
    ]
