"""The Gantt page: what it says, that nothing in the data can act, and that a real browser opens it fast."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

from browser import dom_of, needs_browser, with_script
from builders import (
    DAY,
    busy_instance,
    day_shifts,
    left_out,
    placed,
    serial_schedule,
    tiny_instance,
    tiny_job,
    tiny_machine,
    tiny_operation,
    tiny_plant,
    tiny_schedule,
)

from shopfloor.domain.instance import Commitment, CommitmentKind
from shopfloor.domain.kpis import compute_kpis
from shopfloor.web.gantt import render_gantt
from shopfloor.web.gantt_data import gantt_data

HOSTILE = '"><img src=x onerror=alert(1)></script><script>alert(2)</script>\u2028%(data)s&amp;'


def data_in(html: Path) -> dict:
    match = re.search(
        r'<script type="application/json" id="plan">(.*?)</script>', html.read_text("utf-8"), re.S
    )
    assert match is not None
    return json.loads(match.group(1))


def small_plan():
    instance = tiny_instance(
        [
            tiny_operation("A-P1", minutes=300),
            tiny_operation("B-P1", minutes=60),
            tiny_operation("X-P1", machine_type="WELD"),
        ],
        jobs=[tiny_job("A", due=900), tiny_job("B", due=3 * DAY), tiny_job("X")],
        plant=tiny_plant([tiny_machine("M2", capacity=2), tiny_machine("M1")]),
        open_time={"M1": day_shifts(), "M2": day_shifts()},
        now=490,
        commitments=[Commitment("B-P1", "M1", 480, 540, CommitmentKind.IN_PROGRESS)],
        freeze_until=600,
    )
    items = [
        placed(instance, "A-P1", "M2", start=700, setup=30, slot=1),
        placed(instance, "B-P1", "M1", start=480, is_committed=True),
    ]
    return instance, tiny_schedule(items, unassigned=[left_out("X-P1", "NO_ELIGIBLE_MACHINE")])


def test_every_slot_is_a_row_and_every_operation_a_bar_with_its_blocks():
    data = gantt_data(*small_plan(), title="t", kpis=None)
    assert [row["machine"] for row in data["rows"]] == ["M1", "M2 · 1", "M2 · 2"]
    bar = next(bar for bar in data["bars"] if bar["id"] == "A-P1")
    assert (bar["row"], bar["setup"], bar["run"]) == (2, 30, 300)
    # 16:00 is minute 960: the last 70 of 330 minutes are the next morning's
    assert bar["blocks"] == [[0, 700, 730, 0], [1, 730, 960, 0], [1, DAY + 480, DAY + 550, 0]]
    assert data["unassigned"] == [["X-P1", "NO_ELIGIBLE_MACHINE", ""]]


def test_a_job_carries_its_lateness_and_the_part_that_nobody_could_avoid():
    jobs = {job["id"]: job for job in gantt_data(*small_plan(), title="t", kpis=None)["jobs"]}
    assert (jobs["A"]["late"], jobs["A"]["sunk"]) == (DAY + 550 - 900, 0)
    assert (jobs["B"]["late"], jobs["B"]["dueText"]) == (0, "Wed 2026-03-04 24:00")
    assert jobs["A"]["why"].startswith("14 h 32 min closed: M2 closed for 16 h ")
    assert jobs["B"]["why"] == ""


def test_what_runs_says_so_and_begins_the_picture_before_now():
    data = gantt_data(*small_plan(), title="t", kpis=None)
    bar = next(bar for bar in data["bars"] if bar["id"] == "B-P1")
    assert (bar["fixed"], bar["running"], data["start"], data["freeze"]) == ("in progress", True, 0, 600)


def test_days_begin_at_local_midnight_also_when_the_clock_changes():
    instance = replace(busy_instance(8, n_machines=14), plant_tz="Europe/Berlin")
    schedule = serial_schedule(instance)
    last = max(schedule.operations, key=lambda item: item.end)
    late = replace(last, start=27 * DAY + 600, end=28 * DAY)  # Sunday 29 March 2026 has 23 hours
    days = gantt_data(instance, tiny_schedule([late]), title="t", kpis=None)["days"]
    sunday = next(day for day in days if day["name"] == "Sun 29 Mar")
    monday = next(day for day in days if day["name"] == "Mon 30 Mar")
    assert monday["start"] - sunday["start"] == 23 * 60
    assert [text for _, text in sunday["ticks"]] == [f"{hour:02d}:00" for hour in range(0, 24, 3)]
    assert monday["isMonday"] and monday["week"] == "W14 30 Mar 2026"


def test_the_page_holds_everything_and_loads_nothing(tmp_path):
    instance, schedule = small_plan()
    page = render_gantt(instance, schedule, tmp_path / "deep" / "gantt.html", title="Plan", kpis=None)
    text = page.read_text("utf-8")
    assert "default-src 'none'" in text
    assert not re.findall(r"(?:src|href)\s*=|https?://|@import|url\(", text)
    assert "%(" not in text


def test_names_from_the_database_cannot_leave_their_place(tmp_path):
    instance = tiny_instance(
        [tiny_operation(f"{HOSTILE}-P1", family=HOSTILE)], jobs=[tiny_job(HOSTILE, family=HOSTILE)]
    )
    schedule = tiny_schedule([placed(instance, f"{HOSTILE}-P1", "M1", start=0)], solver=HOSTILE)
    page = render_gantt(instance, schedule, tmp_path / "gantt.html", title=HOSTILE)
    text = page.read_text("utf-8")
    assert text.count("<script") == text.count("</script>") == 2
    assert "<img" not in text
    assert data_in(page)["jobs"][0]["id"] == HOSTILE


def test_an_empty_plan_has_a_page(tmp_path):
    page = render_gantt(tiny_instance(), tiny_schedule([]), tmp_path / "gantt.html", title="Nothing to do")
    assert data_in(page)["bars"] == []


@needs_browser
def test_a_browser_shows_500_operations_within_two_seconds(tmp_path):
    instance = busy_instance(500)
    schedule = serial_schedule(instance)
    kpis = compute_kpis(instance, schedule)
    page = render_gantt(instance, schedule, tmp_path / "gantt.html", title="Big", kpis=kpis)
    dom = dom_of(page, tmp_path)
    ready = re.search(r'data-ready="(\d+)"', dom)
    assert ready is not None, "the page's script did not run to its end"
    assert int(ready.group(1)) < 2000
    assert f"Late jobs ({kpis.late_jobs})" in dom
    assert "500 operations of 125 jobs on 74 machines" in dom


@needs_browser
def test_a_browser_shows_hostile_names_as_text(tmp_path):
    instance = tiny_instance(
        [tiny_operation(f"{HOSTILE}-P1", minutes=3000, family=HOSTILE)],
        jobs=[tiny_job(HOSTILE, family=HOSTILE, due=10)],
    )
    schedule = tiny_schedule([placed(instance, f"{HOSTILE}-P1", "M1", start=0)])
    page = render_gantt(instance, schedule, tmp_path / "gantt.html", title="Hostile")
    move = """
      const canvas = document.getElementById("canvas"), box = canvas.getBoundingClientRect();
      for (let y = 50; y < 120; y += 5) canvas.dispatchEvent(
        new MouseEvent("mousemove", { clientX: box.left + 400, clientY: box.top + y }));
      canvas.dispatchEvent(new MouseEvent("mousemove", { clientX: box.left + 400, clientY: box.top + 78 }));
    """
    with_script(page, move)
    dom = dom_of(page, tmp_path)
    tip = dom[dom.index('<div id="tip"') :]
    assert "&lt;img src=x onerror=alert(1)&gt;" in tip
    assert "lateness" in tip and "2.1&nbsp;d late" in tip
    assert "<img" not in dom
