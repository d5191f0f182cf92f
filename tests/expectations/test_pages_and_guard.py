"""The pages open offline, escape what they show and list every run; the guard needs no library."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from valid_frames import AS_OF, utc, valid_frames

from expectations.data_docs import offline, remember
from expectations.findings import shown
from expectations.guard import guard_report, quick_guard
from expectations.run import RunFacts, run_expectations
from shopfloor.data.frames import cast
from shopfloor.twin.generate import generate_plant
from shopfloor.twin.plant_spec import DEFAULT_AS_OF, DEFAULT_SPEC, TINY_SPEC, PlantSpec

ATTACK = "<script>alert('$plant')</script><img src=http://evil.example/x.png onerror=alert(1)>"
FOREIGN = re.compile(r"<[a-z][^<>]*\s(?:src|href)\s*=\s*[\"']?\s*(?:https?:)?//", re.IGNORECASE)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the pages of two runs: a good one, and one with hostile values and a reason to stop."""
    docs = tmp_path_factory.mktemp("docs")
    run_expectations(valid_frames(), docs_dir=docs, run_name="monday", facts=RunFacts(as_of=AS_OF))
    frames = valid_frames()
    frames["production_jobs"].loc[400, "machine_type"] = ATTACK
    frames["machines"].loc[:, "status"] = "RETIRED"
    run_expectations(frames, docs_dir=docs, run_name="tuesday <b>", facts=RunFacts(as_of=AS_OF))
    return docs


def test_every_page_opens_with_the_network_off(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 20
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert not FOREIGN.search(text), page
        assert "<script" not in text.lower(), page
        assert "default-src 'none'" in text, page


def test_a_hostile_value_is_shown_as_text(site: Path) -> None:
    pages = [page.read_text(encoding="utf-8") for page in site.rglob("*.html")]
    assert not any("<img" in page or "onerror=alert(1)>" in page for page in pages)
    assert any("&lt;script&gt;alert" in page for page in pages)


def test_the_index_lists_both_runs_the_latest_first(site: Path) -> None:
    index = (site / "index.html").read_text(encoding="utf-8")
    assert index.index("tuesday &lt;b&gt;") < index.index("monday")
    assert "refused" in index and "accepted" in index and "no_active_machine" in index
    for link in re.findall(r'href="([^"#]+)"', index):
        assert (site / link).exists(), link


def test_every_link_of_every_page_leads_somewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        for link in re.findall(r'href="([^"#]+)"', page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), (page, link)


def test_only_the_latest_120_runs_are_kept(tmp_path: Path) -> None:
    for number in range(125):
        (tmp_path / "runs" / f"r{number}").mkdir(parents=True)
        entries = remember(tmp_path / "runs.json", {"slug": f"r{number}"})
    assert [entries[0]["slug"], entries[-1]["slug"]] == ["r124", "r5"]
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == sorted(
        f"r{n}" for n in range(5, 125)
    )


def test_the_page_of_a_run_leads_to_the_rules_of_each_table(site: Path) -> None:
    page = site / "runs" / "tuesday-b" / "index.html"
    links = re.findall(r'href="([^"#]+)"', page.read_text(encoding="utf-8"))
    assert len(links) >= 10
    assert all((page.parent / link).exists() for link in links)


def test_offline_strips_scripts_styles_handlers_and_foreign_addresses() -> None:
    page = (
        '<html><head><link href="https://cdn.example/a.css" rel=stylesheet>'
        '<script src="//cdn.example/a.js"></script>'
        '<style>@import url(http://cdn.example/b.css);</style></head><body onload="go()">'
        '<a href="https://elsewhere.example">out</a><a href="index.html">in</a></body></html>'
    )
    bare = offline(page)
    assert "cdn.example" not in bare and "elsewhere" not in bare and "onload" not in bare
    assert '<a href="index.html">in</a>' in bare


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (float("nan"), ""),
        (pd.NaT, ""),
        (pd.NA, ""),
        ("a\nb\x00", "a\\nb\\x00"),
        (utc(2026, 6, 1), "2026-06-01 00:00:00"),
        ("x" * 201, "x" * 199 + "…"),
        ("\ud800", "\\ud800"),
    ],
)
def test_values_are_shown_printable_and_at_most_200_characters(value: object, text: str) -> None:
    assert shown(value) == text


def test_the_guard_lets_a_valid_plant_in() -> None:
    assert quick_guard(valid_frames()) == []
    assert not guard_report(valid_frames(), run_name="x").is_stopped


def test_the_guard_refuses_what_is_empty_or_missing() -> None:
    frames = valid_frames()
    frames["machines"] = frames["machines"].iloc[:0]
    frames["production_jobs"]["lcd_date"] = None
    frames["job_schedules"] = frames["job_schedules"].drop(columns="end_time")
    del frames["setup_rules"]
    found = {
        (finding.table, finding.rule)
        for finding in quick_guard(frames, usual_counts={"machine_downtime": 600})
    }
    assert found == {
        ("machines", "row_count_unusual"),
        ("production_jobs", "lcd_date_mostly_missing"),
        ("job_schedules", "columns_missing"),
        ("setup_rules", "table_missing"),
        ("machine_downtime", "row_count_unusual"),
    }


def test_the_guard_and_the_rules_do_not_load_great_expectations() -> None:
    code = (
        "import sys, expectations.guard, expectations.run, expectations.suites;"
        "sys.exit('great_expectations' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("spec", [TINY_SPEC, DEFAULT_SPEC], ids=["tiny", "default"])
def test_a_generated_plant_breaks_no_rule(spec: PlantSpec) -> None:
    frames = generate_plant(spec, seed=3)
    report = run_expectations(frames, docs_dir=None, run_name="twin", facts=RunFacts(as_of=DEFAULT_AS_OF))
    assert not report.stop and not report.quarantine, report.summary()
    for table, frame in frames.items():
        pd.testing.assert_frame_equal(report.clean_frames[table], frame)


def test_clean_frames_keep_their_dtypes_when_rows_go() -> None:
    frames = {table: cast(frame, table) for table, frame in valid_frames().items()}
    frames["production_jobs"].loc[700, "priority"] = 9
    report = run_expectations(frames, docs_dir=None, run_name="cast", facts=RunFacts(as_of=AS_OF))
    assert len(report.quarantined) > 0
    assert (report.clean_frames["production_jobs"].dtypes == frames["production_jobs"].dtypes).all()
