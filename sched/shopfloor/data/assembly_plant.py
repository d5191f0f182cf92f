"""Machines, setup rules and restrictions as the domain wants them."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pandas as pd

from shopfloor.data.assembly_clock import whole_minutes
from shopfloor.data.assembly_history import History
from shopfloor.data.assembly_notes import Notebook
from shopfloor.data.frames import rows_of
from shopfloor.domain.plant import Machine, Plant, Restriction, SetupRule

_SEQUENCE = re.compile(r"\s*[Pp]?\s*(\d{1,6})\s*")


def sequence_of(process_order: str | None) -> int | None:
    """Return the number after `P` (P2 is 2, P10 is 10), or None when there is none."""
    match = _SEQUENCE.fullmatch(process_order) if process_order else None
    return int(match.group(1)) if match else None


def build_plant(frames: Mapping[str, pd.DataFrame], history: History, notebook: Notebook) -> Plant:
    """Return the active machines in order of their ids, with setup rules and restrictions.

    A machine's current setup family is the plant's own column, unless the machine has worked since `as_of`:
    then it is what the last operation that had started by `as_of` left behind.
    """
    family_of = _families_of_last_operations(frames["production_jobs"], history)
    machines = tuple(
        _machine(row, family_of, history, notebook)
        for row in sorted(rows_of(frames["machines"], "machines"), key=lambda row: str(row["machine_id"]))
        if (row["status"] or "").strip().upper() == "ACTIVE" and row["machine_type"]
    )
    return Plant(machines, _setup_rules(frames["setup_rules"]), _restrictions(frames, notebook))


def _machine(
    row: dict[str, object], family_of: Mapping[str, str], history: History, notebook: Notebook
) -> Machine:
    machine_id = str(row["machine_id"])
    family = row["current_setup_family"]
    if family is None or machine_id in history.touched_later:
        family = family_of.get(machine_id)
    speed = row["speed_factor"]
    if speed is not None and not float(str(speed)) > 0:
        notebook.add("BAD_SPEED", machine_id, f"speed_factor {speed} taken as 1.0")
        speed = None
    return Machine(
        machine_id=machine_id,
        machine_type=str(row["machine_type"]),
        setup_time_same=_minutes(row["setup_time_same"]),
        setup_time_different=_minutes(row["setup_time_different"]),
        capacity=1 if row["capacity"] is None else int(str(row["capacity"])),
        speed_factor=1.0 if speed is None else float(str(speed)),
        current_setup_family=None if family is None else str(family),
    )


def _minutes(value: object) -> int:
    return 0 if value is None else whole_minutes(float(str(value)))


def _families_of_last_operations(production_jobs: pd.DataFrame, history: History) -> dict[str, str]:
    wanted = {row_id.partition("#")[0] for row_id in history.last_started.values()}
    rows = production_jobs[production_jobs["job_id"].isin(wanted)].dropna(subset=["family_name"])
    family = dict(zip(rows["job_id"], rows["family_name"], strict=True))
    return {
        machine_id: family[row_id.partition("#")[0]]
        for machine_id, row_id in history.last_started.items()
        if row_id.partition("#")[0] in family
    }


def _setup_rules(frame: pd.DataFrame) -> tuple[SetupRule, ...]:
    return tuple(
        SetupRule(
            minutes=whole_minutes(row["minutes"]),
            from_family=row["from_family"],
            to_family=row["to_family"],
            machine_type=row["machine_type"],
        )
        for row in sorted(rows_of(frame, "setup_rules"), key=lambda row: row["rule_id"] or 0)
        if row["minutes"] is not None
    )


def _restrictions(frames: Mapping[str, pd.DataFrame], notebook: Notebook) -> tuple[Restriction, ...]:
    restrictions = []
    rows = rows_of(frames["machine_restrictions"], "machine_restrictions")
    for row in sorted(rows, key=lambda row: row["restriction_id"] or 0):
        sequence = sequence_of(row["process_order"])
        if row["process_order"] and sequence is None:
            notebook.add(
                "BAD_RESTRICTION",
                str(row["machine_id"]),
                f"process_order {row['process_order']!r} taken as any step",
            )
        restrictions.append(Restriction(row["machine_id"], row["family_name"], sequence))
    return tuple(restrictions)
