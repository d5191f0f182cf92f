"""The picture beside an older plan: what moved, from where, what became late; and plans of every size."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from browser import dom_of, needs_browser, with_script
from builders import (
    busy_instance,
    placed,
    serial_schedule,
    tiny_instance,
    tiny_job,
    tiny_operation,
    tiny_schedule,
)
from exported_plans import empty_export, huge_export, nothing_placed_export

from shopfloor.domain.plan_changes import Place, compare_plans
from shopfloor.web.gantt import render_gantt
from shopfloor.web.gantt_data import gantt_data


def moved_plan():
    """Return a plan and the one before: A from M2 at 0 to M1 at 300 and now late, B as it was, C new."""
    instance = tiny_instance(
        [tiny_operation(f"{name}-P1") for name in "ABC"],
        jobs=[tiny_job("A", due=200), tiny_job("B"), tiny_job("C")],
    )
    starts = {"A": 300, "B": 0, "C": 600}
    items = {name: placed(instance, f"{name}-P1", "M1", start=start) for name, start in starts.items()}
    before = tiny_schedule([placed(instance, "A-P1", "M2", start=0), items["B"]])
    return instance, tiny_schedule(items.values()), before


def compared(instance, schedule, before):
    changes = compare_plans(instance, schedule, before)
    return gantt_data(instance, schedule, title="t", kpis=None, changes=changes, before_name="R0")


def test_a_moved_bar_knows_its_old_place_and_the_others_have_none():
    data = compared(*moved_plan())
    bars = {bar["id"]: bar for bar in data["bars"]}
    assert bars["A-P1"]["change"] == "other machine"
    assert bars["A-P1"]["was"] == {
        "row": 1, "machine": "M2", "start": 0, "end": 60, "startText": "Mon 2026-03-02 00:00", "shift": 300,
    }  # fmt: skip
    assert (bars["B-P1"]["change"], bars["B-P1"]["was"]) == ("", None)
    assert (bars["C-P1"]["change"], bars["C-P1"]["was"]) == ("new", None)


def test_the_header_counts_what_changed():
    data = compared(*moved_plan())
    assert data["changes"] == {
        "name": "R0", "moved": 1, "machine": 1, "earlier": 0, "later": 0, "new": 1, "lost": 0, "newlyLate": 1,
        "recovered": 0,
    }  # fmt: skip
    jobs = {job["id"]: job for job in data["jobs"]}
    assert (jobs["A"]["newlyLate"], jobs["A"]["shift"], jobs["C"]["shift"]) == (True, 300, None)


def test_an_old_place_on_a_machine_that_left_the_plant_has_no_row():
    instance, schedule, _ = moved_plan()
    data = compared(instance, schedule, {"A-P1": Place("OLD", 0, 0, 60, "A")})
    assert next(bar["was"]["row"] for bar in data["bars"] if bar["id"] == "A-P1") == -1


def test_without_an_older_plan_nothing_is_compared():
    instance, schedule, _ = moved_plan()
    data = gantt_data(instance, schedule, title="t", kpis=None)
    assert data["changes"] is None
    assert {bar["change"] for bar in data["bars"]} == {""}


def test_overtime_is_told_apart_block_by_block():
    instance = busy_instance(40)
    schedule = serial_schedule(instance, level=1)
    kinds = {block[3] for bar in compared(instance, schedule, schedule)["bars"] for block in bar["blocks"]}
    assert kinds == {0, 1}


@needs_browser
def test_a_browser_says_what_moved_and_shows_the_old_place_on_hover(tmp_path):
    page = render_gantt(
        *moved_plan()[:2], tmp_path / "g.html", title="Now", before=moved_plan()[2], before_name="R0"
    )
    hover = """
      const canvas = document.getElementById("canvas"), box = canvas.getBoundingClientRect();
      const bar = plan => plan.bars.find((item) => item.id === "A-P1");
      const data = JSON.parse(document.getElementById("plan").textContent);
      const px = 196 + (bar(data).start + 20 - data.start) * (canvas.clientWidth - 200) / (data.end - data.start);
      canvas.dispatchEvent(new MouseEvent("mousemove", { clientX: box.left + px, clientY: box.top + 78 }));
    """
    dom = dom_of(with_script(page, hover), tmp_path, anchor="all")
    assert "data-ready" in dom
    header = re.sub(r"<[^>]+>", " ", dom[dom.index('id="changes"') : dom.index('id="tiles"')])
    assert "1 moved" in header and "1 new" in header and "1 job newly late" in header
    tip = dom[dom.index('<div id="tip"') :]
    assert "M2, Mon 2026-03-02 00:00" in tip and "5.0&nbsp;h later" in tip and "newly late" in tip


@needs_browser
def test_a_browser_filters_what_changed(tmp_path):
    instance = busy_instance(500)
    before = serial_schedule(instance, level=1)
    ids = {item.operation_id for item in before.operations[::50]}
    late = tuple(
        replace(item, start=item.start + 60, end=item.end + 60) if item.operation_id in ids else item
        for item in before.operations
    )
    after = replace(before, operations=late)
    page = render_gantt(instance, after, tmp_path / "g.html", title="Now", before=before)
    heights = [
        int(re.search(r'id="sizer" style="[^"]*height: (\d+)', dom_of(page, tmp_path, anchor=anchor))[1])
        for anchor in ("", "changed")
    ]
    assert heights[1] < heights[0]
    dom = dom_of(page, tmp_path, anchor="changed&changes")
    assert 'id="only" aria-pressed="true"' in dom


@needs_browser
@pytest.mark.parametrize("make", [empty_export, nothing_placed_export, huge_export])
def test_a_browser_opens_plans_of_every_size(make, tmp_path):
    export = make()
    page = render_gantt(
        export.instance, export.schedule, tmp_path / "g.html", title="Any", before=export.schedule
    )
    dom = dom_of(page, tmp_path)
    assert "data-ready" in dom, "the page's script did not run to its end"
    assert f"{len(export.schedule.operations)} operations of" in dom
    assert f"Left out of the plan ({len(export.schedule.unassigned)})" in dom
    assert "nothing moved" in dom
