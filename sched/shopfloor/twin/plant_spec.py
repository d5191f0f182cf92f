"""Every parameter of a synthetic plant, with units: the only place where its numbers live.

A spec draws nothing: it says how many, how long and how often, and `generate_plant` draws. The numbers of
`DEFAULT_SPEC` are calibrated so that the plant's own greedy is 25.9 days late on its late orders and 60 % on
time, with most of that lateness avoidable.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from shopfloor.domain.errors import InvalidPlant

DEFAULT_AS_OF = datetime(2026, 6, 1, 3, 30)  # noqa: DTZ001 - the plant's tables hold naive UTC
"""A Monday morning before the first shift, UTC."""


@dataclass(frozen=True, slots=True)
class WorkCentreSpec:
    """One machine type.

    Attributes:
        n_machines: Machines of this type, >= 1.
        load: Long-run work of the arriving orders over regular machine hours; above 0.9 a bottleneck.
        setup_same: Setup minutes within a family.
        setup_different: Setup minutes between families.
        mtbf_h: Mean regular open hours between breakdowns of one machine.
        mttr_h: Mean clock hours of a breakdown.
        has_two_shifts: Works in two shifts by its own calendar instead of the plant's default.
    """

    machine_type: str
    n_machines: int
    load: float
    setup_same: int = 15
    setup_different: int = 60
    mtbf_h: float = 250.0
    mttr_h: float = 6.0
    has_two_shifts: bool = False


@dataclass(frozen=True, slots=True)
class PlantSpec:
    """A synthetic plant, its customers and its habits.

    Attributes:
        name: Shown in reports.
        plant_tz: IANA zone.
        work_centres: Machine types.
        n_families: Product families.
        max_route: Longest route, operations; lengths 1..max_route are equally frequent over the families.
        orders_per_week: Mean number of orders that are created in a week.
        surge_days: Days before `as_of` in which demand makes the open book as large as wanted: more orders,
            all of families that visit a bottleneck, or fewer. It fills queues without making old orders late.
        surge_factor: At most this many times more orders in those days, >= 1.
        history_days: Days of executed history before `as_of`.
        warm_up_days: Days simulated before the history, thrown away.
        n_open_operations: Open operations at `as_of`, exactly.
        step_sigma: Log standard deviation of mean processing times over (family, step).
        quantity_mean: Mean pieces of an order; processing time is proportional to the quantity.
        quantity_sigma: Log standard deviation of quantities.
        duration_sigma: Log standard deviation of realised over planned work.
        slow_share: Share of machines that run at 0.8..0.95 of nominal speed.
        restricted_share: Share of (family, machine type) pairs for which some machines are excluded.
        setup_rule_share: Share of machine types with setup rules of their own.
        priority_shares: Probability of priority 1..5.
        lead_mean_days: Mean days from creation to `plan_date`.
        lead_max_days: Longest such lead.
        flow_allowance: Due-date allowance per working day of the order's own work (10 h), in working days.
        slack_mean_days: Mean slack beyond that allowance, calendar days.
        slack_sd_days: Standard deviation of that slack, calendar days.
        urgency_days: Slack lost per point of priority above 2, calendar days.
        overtime_share: Share of operations with priority 4 or 5 that work overtime; a fifth also at night.
        temperature: Human noise of the dispatcher: Gumbel temperature on its priority index.
        cancelled_share: Share of orders that are cancelled before they start.
        late_material_share: Share of orders whose material comes after the plan date.
        rigid_share: Share of short operations that may not be interrupted.
        maintenance_share: Share of machines with a planned maintenance in the next four weeks.
        n_open_breakdowns: Breakdowns still open at `as_of`.
    """

    name: str
    work_centres: tuple[WorkCentreSpec, ...]
    n_families: int
    max_route: int
    orders_per_week: float
    history_days: int
    warm_up_days: int
    n_open_operations: int
    plant_tz: str = "Europe/Berlin"
    surge_days: int = 14
    surge_factor: float = 2.0
    step_sigma: float = 0.45
    quantity_mean: float = 100.0
    quantity_sigma: float = 0.35
    duration_sigma: float = 0.12
    slow_share: float = 0.25
    restricted_share: float = 0.30
    setup_rule_share: float = 0.25
    priority_shares: tuple[float, float, float, float, float] = (0.30, 0.30, 0.20, 0.12, 0.08)
    lead_mean_days: float = 4.0
    lead_max_days: int = 35
    flow_allowance: float = 1.5
    slack_mean_days: float = 33.5
    slack_sd_days: float = 13.0
    urgency_days: float = 5.0
    overtime_share: float = 0.35
    temperature: float = 1.0
    cancelled_share: float = 0.01
    late_material_share: float = 0.04
    rigid_share: float = 0.3
    maintenance_share: float = 0.15
    n_open_breakdowns: int = 2

    def __post_init__(self) -> None:
        if abs(sum(self.priority_shares) - 1.0) > 1e-9:
            raise InvalidPlant(
                f"priority shares of {self.name!r} do not add up to 1: {sum(self.priority_shares)}\n"
                "hint: give the probabilities of priority 1, 2, 3, 4 and 5"
            )
        if self.n_families < self.max_route:
            raise InvalidPlant(
                f"{self.name!r} has fewer families than route lengths: {self.n_families} < {self.max_route}\n"
                "hint: each route length needs a family, so that the open book can be cut exactly"
            )
        if self.max_route > len(self.work_centres) + 1:
            raise InvalidPlant(
                f"routes of {self.name!r} are longer than its work centres allow: {self.max_route}"
            )

    @property
    def n_machines(self) -> int:
        """Machines of all types."""
        return sum(centre.n_machines for centre in self.work_centres)


DEFAULT_SPEC = PlantSpec(
    name="default",
    work_centres=(
        WorkCentreSpec("SAW", 4, 0.55, 10, 30),
        WorkCentreSpec("TURN", 8, 0.50),
        WorkCentreSpec("MILL", 9, 0.55, 15, 75),
        WorkCentreSpec("DRILL", 6, 0.55),
        WorkCentreSpec("BORE", 4, 0.96, 20, 90, 200.0),
        WorkCentreSpec("HEAT", 3, 0.55, 10, 60, 180.0, 10.0, has_two_shifts=True),
        WorkCentreSpec("GRIND", 6, 0.55, 20, 90, 220.0),
        WorkCentreSpec("HONE", 3, 0.55, 20, 80),
        WorkCentreSpec("WELD", 6, 0.60, 15, 45),
        WorkCentreSpec("COAT", 3, 0.96, 30, 120, 160.0, 8.0),
        WorkCentreSpec("ASSEMBLY", 14, 0.55, 10, 30, 400.0, 4.0),
        WorkCentreSpec("TEST", 8, 0.50, 10, 20, 400.0, 3.0),
    ),
    n_families=60,
    max_route=8,
    orders_per_week=28.0,
    history_days=180,
    warm_up_days=90,
    n_open_operations=443,
    surge_days=42,
    surge_factor=2.0,
)

TINY_SPEC = PlantSpec(
    name="tiny",
    work_centres=(
        WorkCentreSpec("CUT", 3, 0.60),
        WorkCentreSpec("MILL", 3, 0.90, 20, 90, 200.0),
        WorkCentreSpec("ASSEMBLY", 2, 0.70, 10, 30),
    ),
    n_families=8,
    max_route=3,
    orders_per_week=9.0,
    history_days=30,
    warm_up_days=30,
    n_open_operations=40,
    slack_mean_days=8.0,
    slack_sd_days=6.0,
    urgency_days=2.0,
    n_open_breakdowns=1,
)
