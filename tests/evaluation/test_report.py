"""The report opens offline and says everything that the gate knows."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import pytest
from test_gate import evidence

from shopfloor.evaluation.gate import judge
from shopfloor.evaluation.report import render_report, title_of


def render(tmp_path: Path, factor: float, **changes: object) -> str:
    whole = evidence(factor, **changes)  # type: ignore[arg-type]
    return render_report(whole, judge(whole), tmp_path / "deep" / "report.html").read_text(encoding="utf-8")


def test_the_report_says_the_verdict_and_every_criterion(tmp_path: Path) -> None:
    whole = evidence(1.1)
    verdict = judge(whole)
    page = unescape(render(tmp_path, 1.1))
    assert "Not promoted: the champion stays" in page
    for criterion in verdict.criteria:
        assert title_of(criterion) in page
        assert criterion.detail in page
    assert "Promoted: the candidate becomes champion" in render(tmp_path, 0.9)


def test_the_report_loads_nothing_from_a_network_and_plotly_once(tmp_path: Path) -> None:
    page = render(tmp_path, 0.9)
    without_library = re.sub(r"<script>.*?</script>", "", page, count=1, flags=re.DOTALL)
    assert not re.search(r"(?:src|href)\s*=\s*[\"']?(?:https?:)?//", without_library)
    assert not re.search(r"<(?:script|link|img|iframe)[^>]*(?:src|href)\s*=", page)
    assert page.count("plotly.js v") == 1


@pytest.mark.parametrize("missing", ["replay", "stress", "latency"])
def test_a_report_without_a_part_says_that_it_counts_as_not_met(tmp_path: Path, missing: str) -> None:
    page = render(tmp_path, 0.9, **{missing: ()})
    assert "not measured" in page


def test_names_are_escaped(tmp_path: Path) -> None:
    assert "<script>alert" not in render(tmp_path, 0.9, provenance={"model": "<script>alert(1)</script>"})
