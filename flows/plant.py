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


def draw_gantt(run_id: str | None, output: Path) -> Path:
    """Draw a stored plan from the snapshot that it was made from.

    Args:
        run_id: A stored run; None = the plan in force.

    Raises:
        RefusedInput: There is no such plan, or its snapshot is gone.
    """
    from flows.context import Folders, open_engines
    from shopfloor.data.assembly import AssemblyOptions, assemble
    from shopfloor.data.plans import active_run, read_plan
    from shopfloor.data.snapshot import open_snapshot
    from shopfloor.data.stored_schedule import schedule_of
    from shopfloor.domain.kpis import compute_kpis
    from shopfloor.web.gantt import render_gantt

    settings = read_settings()
    engine, _ = open_engines(settings)
    active = active_run(engine)
    chosen = run_id or (active.run_id if active else None)
    if chosen is None:
        raise RefusedInput("there is no plan to draw\nhint: shopfloor daily makes one")
    plan = read_plan(engine, chosen)
    folder = Folders(settings.home_dir).snapshots / str(plan.run.snapshot_id)
    if not folder.exists():
        raise RefusedInput(
            f"the snapshot of run {chosen} is gone: {folder}\nhint: shopfloor daily makes a new plan"
        )
    snapshot = open_snapshot(folder)
    options = AssemblyOptions(processing_time_unit=settings.processing_time_unit)
    instance = assemble(snapshot.frames(), as_of=snapshot.as_of, plant_tz=plan.run.plant_tz, options=options)
    schedule = schedule_of(plan, instance)
    return render_gantt(
        instance, schedule, output, title=f"Plan {chosen}", kpis=compute_kpis(instance, schedule)
    )
