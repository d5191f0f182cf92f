"""The fitted twin: what the tables say about a plant, small enough to store beside a model.

Holds numbers and the floor as it stands at `as_of`; fits nothing and samples nothing. JSON both ways.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import numpy as np

from shopfloor.domain.instance import Commitment, CommitmentKind
from shopfloor.domain.open_time import OpenTime
from shopfloor.domain.plant import Machine, Plant, Restriction, SetupRule


@dataclass(frozen=True, slots=True)
class Estimate:
    """A fitted number with its standard error and the number of observations behind it."""

    value: float
    se: float
    n: int


@dataclass(frozen=True, slots=True)
class StepModel:
    """Processing time of one step of a family.

    Attributes:
        sequence: Number after `P`.
        minutes: Mean planned minutes at speed 1.0.
        log_mean: Mean of the log of planned minutes.
        n: Operations seen.
    """

    sequence: int
    machine_type: str
    minutes: float
    log_mean: float
    n: int


@dataclass(frozen=True, slots=True)
class FamilyModel:
    """A family: its share of the orders and its route as most often seen."""

    name: str
    share: float
    steps: tuple[StepModel, ...]


@dataclass(frozen=True, slots=True)
class BreakdownModel:
    """Breakdowns of one machine type.

    Attributes:
        mtbf_h: Mean regular open hours between breakdowns; value 0 when none was seen.
        mttr_h: Mean clock hours of an ended breakdown.
        open_share: Regular open hours over clock hours.
    """

    machine_type: str
    mtbf_h: Estimate
    mttr_h: Estimate
    open_share: float


@dataclass(frozen=True, slots=True)
class DueDates:
    """Days from plan date to due date: base + per_hour x own hours - urgency x (priority - 2) + noise."""

    base_days: Estimate
    days_per_hour: Estimate
    urgency_days: Estimate
    sd_days: Estimate


@dataclass(frozen=True, slots=True)
class BookStep:
    """One open step of an order in the bootstrap pool; minutes of work left at speed 1.0."""

    sequence: int
    machine_type: str
    minutes: int
    is_interruptible: bool = True


@dataclass(frozen=True, slots=True)
class BookOrder:
    """An order that was open at some `as_of`: what the bootstrap draws.

    Attributes:
        release: Minutes from now; negative = released already.
        due: Minutes from now; negative = past due.
        steps: Open steps in order: its progress.
        running: Its commitment when its first step runs now, on the model's own clock; else None.
        age_days: Days before the model's `as_of` at which it was open like this; 0 = now.
    """

    family: str
    weight: float
    release: int
    due: int
    steps: tuple[BookStep, ...]
    running: Commitment | None = None
    age_days: int = 0


@dataclass(frozen=True)
class TwinModel:
    """Everything fitted.

    Attributes:
        epoch, as_of: UTC; minute 0 and now of the floor below.
        arrivals_per_week: Orders created per week over the history.
        recent_arrivals_per_week: The same over the last six weeks.
        step_sigma: Log standard deviation of planned minutes within (family, step), pooled.
        duration_sigma: Log standard deviation of realised over planned minutes.
        priority_shares: Shares of priority 1..5.
        lead_days: Mean days from creation to plan date.
        quantity: Mean pieces of an order.
        split_share: Share of the orders that are split into lots.
        started_share: Share of the open orders whose first step has started.
        plant, open_time: The floor at `as_of`.
        book: Bootstrap pool; entries of age 0 are the open book.
    """

    epoch: datetime
    as_of: datetime
    plant_tz: str
    arrivals_per_week: Estimate
    recent_arrivals_per_week: Estimate
    families: tuple[FamilyModel, ...]
    step_sigma: Estimate
    duration_sigma: Estimate
    breakdowns: tuple[BreakdownModel, ...]
    due_dates: DueDates
    priority_shares: tuple[float, ...]
    lead_days: Estimate
    quantity: Estimate
    split_share: float
    started_share: float
    plant: Plant
    open_time: Mapping[str, OpenTime]
    book: tuple[BookOrder, ...]

    @property
    def n_open_operations(self) -> int:
        """Operations of the open book."""
        return sum(len(order.steps) for order in self.book if order.age_days == 0)

    def to_json(self) -> str:
        """Return the model as canonical JSON text."""
        shared: dict[int, int] = {}
        calendars: list[list[list[int]]] = []
        for open_time in self.open_time.values():
            if id(open_time) not in shared:
                shared[id(open_time)] = len(calendars)
                calendars.append(
                    [open_time.starts.tolist(), open_time.ends.tolist(), open_time.kinds.tolist()]
                )
        data = {name: getattr(self, name) for name in self.__dataclass_fields__ if name not in _SPECIAL}
        plain = {name: _plain(value) for name, value in data.items()} | {
            "epoch": self.epoch.isoformat(),
            "as_of": self.as_of.isoformat(),
            "calendars": calendars,
            "calendar_of": {machine: shared[id(value)] for machine, value in self.open_time.items()},
        }
        return json.dumps(plain, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> TwinModel:
        """Return the model that `to_json` wrote."""
        data = json.loads(text)
        calendars = [
            OpenTime(np.array(s, dtype=np.int64), np.array(e, dtype=np.int64), np.array(k, dtype=np.int8))
            for s, e, k in data.pop("calendars")
        ]
        calendar_of = data.pop("calendar_of")
        plant = data["plant"]
        return cls(
            epoch=datetime.fromisoformat(data["epoch"]),
            as_of=datetime.fromisoformat(data["as_of"]),
            plant_tz=data["plant_tz"],
            arrivals_per_week=Estimate(**data["arrivals_per_week"]),
            recent_arrivals_per_week=Estimate(**data["recent_arrivals_per_week"]),
            families=tuple(
                FamilyModel(f["name"], f["share"], tuple(StepModel(**s) for s in f["steps"]))
                for f in data["families"]
            ),
            step_sigma=Estimate(**data["step_sigma"]),
            duration_sigma=Estimate(**data["duration_sigma"]),
            breakdowns=tuple(_breakdowns_from(item) for item in data["breakdowns"]),
            due_dates=DueDates(**{name: Estimate(**value) for name, value in data["due_dates"].items()}),
            priority_shares=tuple(data["priority_shares"]),
            lead_days=Estimate(**data["lead_days"]),
            quantity=Estimate(**data["quantity"]),
            split_share=data["split_share"],
            started_share=data["started_share"],
            plant=Plant(
                tuple(Machine(**item) for item in plant["machines"]),
                tuple(SetupRule(**item) for item in plant["setup_rules"]),
                tuple(Restriction(**item) for item in plant["restrictions"]),
            ),
            open_time={machine: calendars[number] for machine, number in calendar_of.items()},
            book=tuple(_book_order_from(item) for item in data["book"]),
        )


_SPECIAL = ("epoch", "as_of", "open_time")


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "__dataclass_fields__"):
        return asdict(value)
    return value


def _breakdowns_from(data: dict[str, Any]) -> BreakdownModel:
    return BreakdownModel(
        data["machine_type"], Estimate(**data["mtbf_h"]), Estimate(**data["mttr_h"]), data["open_share"]
    )


def _book_order_from(data: dict[str, Any]) -> BookOrder:
    running = data["running"]
    if running is not None:
        running = Commitment(**(running | {"kind": CommitmentKind(running["kind"])}))
    steps = tuple(BookStep(**step) for step in data["steps"])
    return BookOrder(**(data | {"steps": steps, "running": running}))
