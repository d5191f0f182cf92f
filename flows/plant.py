"""Commands about the plant itself: fill an empty database, analyse it, draw a stored plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from shopfloor.domain.errors import InvalidPlant, RefusedInput
from shopfloor.settings import Settings, read_settings

if TYPE_CHECKING:
    from shopfloor.data.analysis import Analysis

MORNING = time(5, 30)
"""When the daily plan is made, plant-local."""


NO_COMPARISON = "none"
"""In place of a run: compare with no plan."""


@dataclass(frozen=True)
class Seeded:
    """What was written."""

    database: str
    plant: str
    seed: int
    as_of: datetime
    row_counts: Mapping[str, int]

    def text(self) -> str:
        """Return the facts for a terminal."""
        rows = "\n".join(f"  {name:22} {count:6d}" for name, count in self.row_counts.items())
        return f"plant {self.plant!r} (seed {self.seed}) as of {self.as_of.isoformat()} in {self.database}\n{rows}"


def last_monday_morning(settings: Settings, now: datetime) -> datetime:
    """Return the last Monday 05:30 plant-local at or before `now`, in UTC."""
    local = now.astimezone(ZoneInfo(settings.plant_tz))
    monday = datetime.combine(local.date() - timedelta(days=local.weekday()), MORNING, tzinfo=local.tzinfo)
    return (monday if monday <= local else monday - timedelta(days=7)).astimezone(UTC)


def seed_database(plant: str, *, seed: int, as_of: datetime | None, is_forced: bool = False) -> Seeded:
    """Write the synthetic plant as it stands at `as_of` (default: last Monday morning).

    Raises:
        InvalidPlant: No plant of that name.
        RefusedInput: The database holds plant rows already.
    """
    from shopfloor.data.connection import create_tables, describe_url, open_database
    from shopfloor.data.plans import count_plant_rows
    from shopfloor.data.seed import load_frames
    from shopfloor.twin.generate import generate_plant
    from shopfloor.twin.plant_spec import DEFAULT_AS_OF, DEFAULT_SPEC, TINY_SPEC
    from shopfloor.twin.shift import shift_weeks, weeks_between

    specs = {"default": DEFAULT_SPEC, "tiny": TINY_SPEC}
    if plant not in specs:
        raise InvalidPlant(f"no synthetic plant of that name: {plant!r}\nhint: {' or '.join(specs)}")
    settings = read_settings()
    shown = describe_url(settings.database)
    settings.home_dir.mkdir(parents=True, exist_ok=True)
    engine = open_database(settings.database)
    create_tables(engine)
    there = {name: count for name, count in count_plant_rows(engine).items() if count}
    if there and not is_forced:
        raise RefusedInput(
            f"{shown} holds a plant already: {there}\n"
            "hint: --force replaces its rows and they are lost; or set SHOPFLOOR_DATABASE_URL to an empty database"
        )
    instant = as_of or last_monday_morning(settings, datetime.now(UTC))
    # The default plant is calibrated at one Monday: on another one it is the same plant, moved by weeks.
    weeks = weeks_between(DEFAULT_AS_OF, instant, specs[plant].plant_tz)
    frames = generate_plant(specs[plant], seed=seed, as_of=instant if weeks is None else DEFAULT_AS_OF)
    counts = load_frames(engine, frames if not weeks else shift_weeks(frames, weeks, specs[plant].plant_tz))
    return Seeded(shown, plant, seed, instant, counts)


def analyse_plant(*, as_of: datetime | None) -> Analysis:
    """Return the plant's figures from one consistent snapshot that is not kept."""
    import tempfile

    from shopfloor.data.analysis import analyse
    from shopfloor.data.connection import open_readonly
    from shopfloor.data.snapshot import extract

    settings = read_settings()
    instant = as_of or datetime.now(UTC)
    with tempfile.TemporaryDirectory() as folder:
        snapshot = extract(
            open_readonly(settings.database), root=Path(folder), as_of=instant, column_map=settings.column_map
        )
        return analyse(snapshot.frames(), as_of=instant)


def draw_gantt(run_id: str | None, output: Path, *, against: str | None = None) -> Path:
    """Draw a stored plan from the snapshot that it was made from, with its changes against another.

    Args:
        run_id: A stored run; None = the plan in force.
        against: A stored run to compare with; None = the plan that was active before, `none` = no comparison.

    Raises:
        RefusedInput: There is no such plan, or its snapshot is gone.
    """
    from flows.stored_plan import load_stored_plan, places_in
    from shopfloor.domain.kpis import compute_kpis
    from shopfloor.web.gantt import render_gantt

    plan = load_stored_plan(run_id)
    other = None if against == NO_COMPARISON else against or plan.previous_run_id
    return render_gantt(
        plan.instance,
        plan.schedule,
        output,
        title=f"Plan {plan.run_id}",
        kpis=compute_kpis(plan.instance, plan.schedule),
        before=None if other is None else places_in(other, plan.instance),
        before_name=other or "",
    )
