"""Every way in which a row may be wrong, by hand: what is done to the valid tables, and what must come of it.

Each case that sets rows aside or warns takes an order or a row of its own, so that all of
them fit into one plant and one validation; cases that refuse the data share a plant where they touch
different tables.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pandas as pd
from valid_frames import AS_OF, N_DONE, Frames, job_id


@dataclass(frozen=True)
class Case:
    """One corruption.

    Attributes:
        rule: The rule that must name it.
        corrupt: Changes the frames in place.
        aside: Keys that must be set aside by that rule.
        along: `(table, key, rule)` that must go with them.
    """

    name: str
    outcome: str
    table: str
    rule: str
    corrupt: Callable[[Frames], None]
    aside: tuple[str, ...] = ()
    along: tuple[tuple[str, str, str], ...] = ()


LONG_AGO = AS_OF - timedelta(days=150)

CASES: list[Case] = []
_next_order = iter(range(30, 340))


def at(frames: Frames, table: str, column: str, key: str | int) -> Any:
    return frames[table].index[frames[table][column] == key][0]


def put(table: str, key_column: str, key: str | int, **values: Any) -> Callable[[Frames], None]:
    """Return what writes values into the row of a key."""

    def corrupt(frames: Frames) -> None:
        row = at(frames, table, key_column, key)
        for column, value in values.items():
            frames[table].at[row, column] = value

    return corrupt


def append(table: str, key_column: str, key: str | int, **values: Any) -> Callable[[Frames], None]:
    """Return what appends a copy of the row of a key with other values."""

    def corrupt(frames: Frames) -> None:
        row = frames[table].loc[at(frames, table, key_column, key)].copy()
        for column, value in values.items():
            row[column] = value
        frames[table] = pd.concat([frames[table], row.to_frame().T.astype(object)], ignore_index=True)

    return corrupt


def later(order: int, *steps: int) -> tuple[tuple[str, str, str], ...]:
    return tuple(("production_jobs", job_id(order, step), "route_broken") for step in steps)


def job_case(name: str, rule: str, **values: Any) -> None:
    """Corrupt the second operation of an open order: it goes, the third with it, the first stays."""
    order = next(_next_order)
    operation = job_id(order, 2)
    corrupt = put("production_jobs", "job_id", operation, **values)
    CASES.append(Case(name, "quarantine", "production_jobs", rule, corrupt, (operation,), later(order, 3)))


def job_warning(name: str, rule: str, *, step: int = 1, **values: Any) -> None:
    operation = job_id(next(_next_order), step)
    CASES.append(
        Case(name, "warn", "production_jobs", rule, put("production_jobs", "job_id", operation, **values))
    )


def row_case(
    name: str, outcome: str, table: str, rule: str, key: tuple[str, str | int], **values: Any
) -> None:
    corrupt = put(table, key[0], key[1], **values)
    aside = (str(key[1]),) if outcome == "quarantine" else ()
    CASES.append(Case(name, outcome, table, rule, corrupt, aside))


job_case("processing time zero", "processing_time_out_of_range", processing_time=0.0)
job_case("processing time negative", "processing_time_out_of_range", processing_time=-3.0)
job_case("processing time of a quarter of a year", "processing_time_out_of_range", processing_time=2100.0)
job_case("processing time missing", "processing_time_missing", processing_time=None)
job_case("processing time is a word", "processing_time_unreadable", processing_time="abc")
job_case("processing time infinite", "processing_time_unreadable", processing_time=float("inf"))
job_case("priority zero", "priority_out_of_range", priority=0)
job_case("priority six", "priority_out_of_range", priority=6)
job_case("priority two and a half", "priority_not_whole", priority=2.5)
job_case("priority missing", "priority_missing", priority=None)
job_case("due date missing", "lcd_date_missing", lcd_date=None)
job_case("due date zero", "lcd_date_unreadable", lcd_date="0000-00-00")
job_case("due date of the last century", "lcd_date_implausible", lcd_date=date(1999, 12, 31))
job_case("due date in twenty years", "lcd_date_implausible", lcd_date=date(2046, 1, 1))
job_case("machine type unknown", "machine_type_unknown", machine_type="LASER")
job_case("machine type missing", "machine_type_missing", machine_type=None)
job_case("family missing", "family_name_missing", family_name=None)
job_case("family of 300 characters", "family_name_length", family_name="F" * 300)
job_case("family with a bell in it", "family_name_control_characters", family_name="F1\x07")
job_case("status unknown", "status_unknown", status="FROZEN")
job_case("status missing", "status_missing", status=None)
job_case("quantity zero", "quantity_out_of_range", quantity=0)
job_case("lot size negative", "lot_size_out_of_range", lot_size=-4)
job_case("remaining minutes negative", "remaining_minutes_out_of_range", remaining_minutes=-5.0)
job_case("material date unreadable", "material_ready_at_unreadable", material_ready_at="31.12.")

job_warning("plan date after due date", "plan_date_after_lcd_date", plan_date=date(2026, 12, 1))
job_warning("plan date missing", "plan_date_missing", plan_date=None)
job_warning("created tomorrow", "created_at_implausible", created_at=AS_OF + timedelta(days=30))
job_warning("minutes for hours in one row", "processing_time_unusual", processing_time=120.0)
job_warning("one order, two due dates", "due_dates_differ", step=3, lcd_date=date(2026, 9, 9))
job_warning("in progress, never started", "in_progress_without_start", status="IN_PROGRESS")


def _route_cases() -> None:
    unreadable, doubled, gap, archived, tens = (next(_next_order) for _ in range(5))
    CASES.append(
        Case(
            "process order unreadable", "quarantine", "production_jobs", "process_order_unreadable",
            put("production_jobs", "job_id", job_id(unreadable, 2), process_order="second"),
            (job_id(unreadable, 2),), later(unreadable, 1, 3),
        )
    )  # fmt: skip
    CASES.append(
        Case(
            "two operations in one place", "quarantine", "production_jobs", "process_order_duplicate",
            put("production_jobs", "job_id", job_id(doubled, 3), process_order="P02"),
            (job_id(doubled, 2), job_id(doubled, 3)),
        )
    )  # fmt: skip

    def drop(operation: str) -> Callable[[Frames], None]:
        def corrupt(frames: Frames) -> None:
            jobs = frames["production_jobs"]
            frames["production_jobs"] = jobs[jobs["job_id"] != operation].reset_index(drop=True)

        return corrupt

    CASES.append(
        Case("P01 and P03 without P02", "quarantine", "production_jobs", "process_order_gap",
             drop(job_id(gap, 2)), (job_id(gap, 3),))
    )  # fmt: skip
    CASES.append(Case("first step archived", "good", "production_jobs", "", drop(job_id(archived, 1))))
    CASES.append(
        Case("status in small letters", "good", "production_jobs", "",
             put("production_jobs", "job_id", job_id(tens, 1), status=" ready "))
    )  # fmt: skip


def _duplicate_cases() -> None:
    same, other, nameless, markup = (next(_next_order) for _ in range(4))
    CASES.append(
        Case("row twice", "quarantine", "production_jobs", "job_id_duplicate",
             append("production_jobs", "job_id", job_id(same, 2)), (job_id(same, 2),))
    )  # fmt: skip
    CASES.append(
        Case(
            "one id, two different rows", "quarantine", "production_jobs", "job_id_duplicate",
            append("production_jobs", "job_id", job_id(other, 2), processing_time=9.0),
            (job_id(other, 2), f"{job_id(other, 2)} (row *)"), later(other, 3),
        )
    )  # fmt: skip
    CASES.append(
        Case(
            "id missing", "quarantine", "production_jobs", "job_id_missing",
            put("production_jobs", "job_id", job_id(nameless, 2), job_id=None),
            ("(row *)",), later(nameless, 3),
        )
    )  # fmt: skip
    CASES.append(
        Case("family is markup", "good", "production_jobs", "",
             put("production_jobs", "job_id", job_id(markup, 1), family_name="<script>alert('$x')</script>"))
    )  # fmt: skip


def _actual_cases() -> None:
    def case(name: str, rule: str, number: int, **values: Any) -> None:
        row_case(name, "quarantine", "job_schedules", rule, ("schedule_id", number), **values)

    case("actual ends before it starts", "actual_ends_before_start", 3, end_time=LONG_AGO)
    case("actual on an unknown machine", "actual_machine_unknown", 4, machine_id="GHOST")
    case("actual without a start", "start_time_missing", 5, start_time=None)
    case("actual with a zero start", "start_time_unreadable", 6, start_time="0000-00-00 00:00:00")
    case("setup negative", "actual_setup_out_of_range", 7, setup_minutes=-1.0)
    case("worked hours negative", "actual_hours_out_of_range", 8, processing_time=-1.0)
    running, ended, orphan = (next(_next_order) for _ in range(3))
    CASES.append(
        Case(
            "runs on an unknown machine", "quarantine", "job_schedules", "actual_machine_unknown",
            append("job_schedules", "schedule_id", 61, schedule_id=901, job_id=job_id(running, 1),
            machine_id="GHOST"), ("901",), (("production_jobs", job_id(running, 1), "actual_unusable"),
            *later(running, 2, 3)),
        )
    )  # fmt: skip
    CASES.append(
        Case(
            "two run on one slot", "quarantine", "job_schedules", "too_many_running",
            append("job_schedules", "schedule_id", 61, schedule_id=902, job_id=job_id(29, 1),
                   start_time=AS_OF - timedelta(days=20)),
            ("902",), (("production_jobs", job_id(29, 1), "actual_unusable"), *later(29, 2, 3)),
        )
    )  # fmt: skip
    CASES.append(
        Case(
            "an operation runs twice", "quarantine", "job_schedules", "running_twice",
            append("job_schedules", "schedule_id", 62, schedule_id=903, machine_id="SAW-19",
                   start_time=AS_OF - timedelta(days=9)),
            ("903",),
        )
    )  # fmt: skip
    CASES.append(
        Case(
            "open but ended", "warn", "production_jobs", "open_but_ended",
            append("job_schedules", "schedule_id", 1, schedule_id=904, job_id=job_id(ended, 1),
            machine_id="SAW-02"),
        )
    )  # fmt: skip
    CASES.append(
        Case(
            "actual of an unknown operation", "warn", "job_schedules", "actual_operation_unknown",
            append("job_schedules", "schedule_id", 1, schedule_id=905, job_id="ARCHIVED_P01",
            machine_id="SAW-03"),
        )
    )  # fmt: skip
    CASES.append(
        Case(
            "two actuals at once on one machine", "warn", "job_schedules", "actual_overlap",
            append("job_schedules", "schedule_id", 10, schedule_id=906, job_id=job_id(orphan, 1)),
        )
    )  # fmt: skip


def _closed_cases() -> None:
    done = job_id(N_DONE, 2)
    row_case("finished without a time", "quarantine", "production_jobs", "closed_processing_time_missing",
             ("job_id", done), processing_time=None)  # fmt: skip
    row_case("finished with priority nine", "warn", "production_jobs", "closed_priority_out_of_range",
             ("job_id", job_id(N_DONE - 1, 1)), priority=9)  # fmt: skip


def _machine_cases() -> None:
    def case(name: str, rule: str, number: int, **values: Any) -> None:
        row_case(name, "quarantine", "machines", rule, ("machine_id", f"SAW-{number:02d}"), **values)

    case("machine status unknown", "machine_status_unknown", 4, status="BROKEN")
    case("capacity zero", "capacity_out_of_range", 5, capacity=0)
    case("capacity one and a half", "capacity_not_whole", 6, capacity=1.5)
    case("speed zero", "speed_factor_out_of_range", 7, speed_factor=0.0)
    case("speed eleven", "speed_factor_out_of_range", 8, speed_factor=11.0)
    case("setup negative", "setup_time_same_out_of_range", 9, setup_time_same=-5.0)
    case("setup is a word", "setup_time_different_unreadable", 10, setup_time_different="long")
    row_case("machine calendar unknown", "warn", "machines", "machine_calendar_unknown",
             ("machine_id", "SAW-16"), calendar_id="MOON")  # fmt: skip
    row_case(
        "setups inverted",
        "warn",
        "machines",
        "setups_inverted",
        ("machine_id", "SAW-17"),
        setup_time_same=90.0,
    )
    CASES.append(
        Case(
            "machine twice, of two types", "quarantine", "machines", "machine_duplicate",
            append("machines", "machine_id", "TEST-20", machine_type="MILL"),
            ("TEST-20", "TEST-20 (row *)"), (("machine_downtime", "20", "machine_set_aside"),),
        )
    )  # fmt: skip


def _calendar_cases() -> None:
    def case(name: str, rule: str, day: int, start: str, key: str, **values: Any) -> None:
        def corrupt(frames: Frames) -> None:
            windows = frames["machine_calendars"]
            row = windows.index[
                (windows["calendar_id"] == "MILL")
                & (windows["weekday"] == day)
                & (windows["start_time"] == start)
            ][0]
            for column, value in values.items():
                windows.at[row, column] = value

        CASES.append(Case(name, "quarantine", "machine_calendars", rule, corrupt, (key,)))

    case("weekday seven", "weekday_out_of_range", 0, "17:30", "MILL|7|17:30", weekday=7)
    case("twenty-five o'clock", "start_time_not_a_clock_time", 0, "22:00", "MILL|0|25:00", start_time="25:00")
    case(
        "window ends before it starts",
        "window_ends_before_start",
        1,
        "22:00",
        "MILL|1|22:00",
        end_time="02:00",
    )
    case("windows overlap", "window_overlap", 2, "13:00", "MILL|2|11:00", start_time="11:00")
    case("window kind unknown", "window_kind_unknown", 3, "17:30", "MILL|3|17:30", kind="siesta")


def _exception_cases() -> None:
    def case(name: str, rule: str, number: int, **values: Any) -> None:
        row_case(name, "quarantine", "calendar_exceptions", rule, ("exception_id", number), **values)

    case("exception on a zero date", "exception_date_unreadable", 1, exception_date="0000-00-00")
    case("exception in 2099", "exception_date_implausible", 2, exception_date=date(2099, 1, 1))
    case("exception with a start only", "exception_incomplete", 3, start_time="08:00", kind="regular")
    case("exception of an unknown calendar", "exception_calendar_unknown", 4, calendar_id="MARS")
    case(
        "exception kind unknown",
        "exception_kind_unknown",
        5,
        start_time="08:00",
        end_time="12:00",
        kind="party",
    )
    case("exception ends before it starts", "exception_ends_before_start", 6, start_time="12:00",
    end_time="08:00",
         kind="regular")  # fmt: skip


def _other_cases() -> None:
    row_case("downtime of an unknown machine", "quarantine", "machine_downtime", "downtime_machine_unknown",
             ("downtime_id", 1), machine_id="GHOST")  # fmt: skip
    row_case("downtime ends before it starts", "quarantine", "machine_downtime", "downtime_ends_before_start",
             ("downtime_id", 2), end_time=LONG_AGO)  # fmt: skip
    row_case("downtime kind unknown", "quarantine", "machine_downtime", "downtime_kind_unknown",
             ("downtime_id", 3), kind="party")  # fmt: skip
    row_case("maintenance without an end", "warn", "machine_downtime", "maintenance_without_end",
             ("downtime_id", 4), kind="planned", end_time=None)  # fmt: skip
    row_case("setup rule negative", "quarantine", "setup_rules", "setup_minutes_out_of_range",
             ("rule_id", 1), minutes=-5.0)  # fmt: skip
    row_case("setup rule of an unknown type", "warn", "setup_rules", "setup_rule_type_unknown",
             ("rule_id", 2), machine_type="LASER")  # fmt: skip
    CASES.append(
        Case("two setups for one changeover", "quarantine", "setup_rules", "setup_rule_contradiction",
             append("setup_rules", "rule_id", 3, rule_id=99, minutes=90.0), ("3",))
    )  # fmt: skip
    row_case("restriction of an unknown machine", "quarantine", "machine_restrictions",
             "restriction_machine_unknown", ("restriction_id", 1), machine_id="GHOST")  # fmt: skip
    row_case("restriction of step ??", "quarantine", "machine_restrictions",
             "restriction_process_order_unreadable", ("restriction_id", 2), process_order="??")  # fmt: skip
    row_case("restriction of everything", "warn", "machine_restrictions", "restriction_of_everything",
             ("restriction_id", 3), family_name=None)  # fmt: skip


for _add in (
    _route_cases,
    _duplicate_cases,
    _actual_cases,
    _closed_cases,
    _machine_cases,
    _calendar_cases,
    _exception_cases,
    _other_cases,
):
    _add()


def whole(table: str, **columns: Any) -> Callable[[Frames], None]:
    """Return what writes one value into a whole column."""

    def corrupt(frames: Frames) -> None:
        for column, value in columns.items():
            frames[table][column] = value
        frames[table] = frames[table].astype(object)

    return corrupt


def rows(table: str, keep: slice) -> Callable[[Frames], None]:
    def corrupt(frames: Frames) -> None:
        frames[table] = frames[table].iloc[keep].reset_index(drop=True)

    return corrupt


def _minutes_for_hours(frames: Frames) -> None:
    frames["production_jobs"]["processing_time"] *= 60


def _without(table: str, column: str) -> Callable[[Frames], None]:
    def corrupt(frames: Frames) -> None:
        frames[table] = frames[table].drop(columns=column)

    return corrupt


def _no_machines_table(frames: Frames) -> None:
    del frames["machines"]


def _doubled_orders(frames: Frames) -> None:
    jobs = frames["production_jobs"]
    copies = [
        jobs.assign(job_id=f"C{copy}" + jobs["job_id"], order_id=f"C{copy}" + jobs["order_id"])
        for copy in range(4)
    ]
    frames["production_jobs"] = pd.concat([jobs, *copies], ignore_index=True)


def _a_third_without_priority(frames: Frames) -> None:
    frames["production_jobs"].loc[frames["production_jobs"].index % 3 == 2, "priority"] = None


def _calendar_half_broken(frames: Frames) -> None:
    frames["machine_calendars"].loc[frames["machine_calendars"].index % 2 == 0, "kind"] = "siesta"


def stop(name: str, table: str, rule: str, corrupt: Callable[[Frames], None]) -> Case:
    return Case(name, "stop", table, rule, corrupt)


STOPS: tuple[tuple[Case, ...], ...] = (
    (
        stop("no operations", "production_jobs", "row_count_unusual", rows("production_jobs", slice(0))),
        stop("no machine ACTIVE", "machines", "no_active_machine", whole("machines", status="RETIRED")),
        stop("half of the calendar broken", "machine_calendars", "too_many_set_aside_rows",
        _calendar_half_broken),
    ),
    (
        stop("no machines", "machines", "row_count_unusual", rows("machines", slice(0))),
        stop("five times the operations", "production_jobs", "row_count_unusual", _doubled_orders),
        stop(
            "no restriction", "machine_restrictions", "row_count_unusual",
            rows("machine_restrictions", slice(0)),
        ),
    ),
    (
        stop(
            "a tenth of the operations", "production_jobs", "row_count_unusual",
            rows("production_jobs", slice(100)),
        ),
        stop(
            "column machine_id empty", "job_schedules", "machine_id_mostly_missing",
            whole("job_schedules", machine_id=None),
        ),
    ),
    (
        stop("no table of machines", "machines", "columns_missing", _no_machines_table),
        stop(
            "no column lcd_date", "production_jobs", "columns_missing",
            _without("production_jobs", "lcd_date"),
        ),
    ),
    (
        stop(
            "lcd_date empty", "production_jobs", "lcd_date_mostly_missing",
            whole("production_jobs", lcd_date=None),
        ),
        stop("machine status empty", "machines", "status_mostly_missing", whole("machines", status=None)),
    ),
    (
        stop(
            "processing times are words", "production_jobs", "processing_time_mostly_missing",
            whole("production_jobs", processing_time="2 h"),
        ),
    ),
    (stop("processing times in minutes", "production_jobs", "processing_time_unit", _minutes_for_hours),),
    (
        stop(
            "a third without priority", "production_jobs", "too_many_set_aside_open_operations",
            _a_third_without_priority,
        ),
    ),
)  # fmt: skip
"""Groups of cases that share a plant."""
