"""The report's figures: forest of ratios, ratio per case, replayed weeks, stress. Numbers in, plotly figures
out.

It computes no statistic that the gate does not know and writes no file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from shopfloor.evaluation.evidence import HISTORY, Evidence, ReplayRow, StressRow
from shopfloor.evaluation.statistics import PairedComparison, ratio_of_sums

if TYPE_CHECKING:
    import plotly.graph_objects as go

US, RIVAL, GREEDY, PLANT, CHAMPION = "#1f5fbf", "#8a94a3", "#d98324", "#2c3440", "#7b4bb3"
FONT = {"family": "system-ui, Segoe UI, Roboto, DejaVu Sans, sans-serif", "size": 13, "color": "#1c2430"}


def colour_of(name: str, evidence: Evidence) -> str:
    """Return the one colour that a contestant has in every figure."""
    fixed = {evidence.greedy: GREEDY, HISTORY: PLANT, evidence.champion: CHAMPION, evidence.candidate: US}
    return fixed.get(name, RIVAL)


def dress(figure: go.Figure, *, height: int, legend_y: float = 1.06, **axes: Any) -> go.Figure:
    """Give a figure the house's look (in place) and return it; `axes` are plotly's layout."""
    figure.update_layout(
        template="plotly_white",
        height=height,
        margin={"l": 10, "r": 20, "t": 34, "b": 40},
        font=FONT,
        legend={"orientation": "h", "y": legend_y, "x": 0},
        **axes,
    )
    figure.update_yaxes(automargin=True)
    return figure


def forest(comparisons: Mapping[str, PairedComparison], evidence: Evidence) -> go.Figure:
    """Draw candidate / opponent with its 95 % interval, one line per opponent, best opponent on top.

    Args:
        comparisons: By opponent, primary KPI; infinite ratios are left out.
    """
    import plotly.graph_objects as go

    finite = {n: c for n, c in comparisons.items() if c.ratio_interval.high < 1e6}
    order = sorted(finite, key=lambda name: finite[name].ratio)
    ratios = [finite[name].ratio for name in order]
    figure = go.Figure(
        go.Scatter(
            x=ratios,
            y=order,
            mode="markers+text",
            text=[f"  {ratio:.3f}" for ratio in ratios],
            textposition="top center",
            textfont={"size": 11},
            marker={"size": 10, "color": [colour_of(name, evidence) for name in order]},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [finite[n].ratio_interval.high - finite[n].ratio for n in order],
                "arrayminus": [finite[n].ratio - finite[n].ratio_interval.low for n in order],
                "color": "#5b6675",
                "thickness": 1.6,
                "width": 5,
            },
            customdata=[
                [finite[n].ratio_interval.low, finite[n].ratio_interval.high, finite[n].wins, finite[n].n]
                for n in order
            ],
            hovertemplate="against %{y}: %{x:.3f} [%{customdata[0]:.3f}, %{customdata[1]:.3f}]<br>"
            "better on %{customdata[2]:.0%} of %{customdata[3]} cases<extra></extra>",
        )
    )
    figure.add_vline(x=1.0, line={"color": "#b3261e", "dash": "dash", "width": 1.5})
    return dress(
        figure,
        height=90 + 34 * max(len(order), 2),
        xaxis={
            "title": "candidate / opponent (left of the dashed line: candidate better)",
            "rangemode": "tozero",
        },
        showlegend=False,
    )


def ratio_per_case(evidence: Evidence, opponents: Sequence[str]) -> go.Figure:
    """Draw candidate / opponent of each case as box and points, static and dynamic apart.

    A case where the opponent has nothing avoidable has no ratio and no point.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    for kind, colour in (("static", US), ("dynamic", GREEDY)):
        ours = evidence.scores.values(evidence.candidate, kind=kind)
        x, y, text = [], [], []
        for opponent in opponents:
            theirs = evidence.scores.values(opponent, kind=kind)
            for case in sorted(ours.keys() & theirs.keys()):
                if theirs[case] > 0:
                    x.append(opponent)
                    y.append(ours[case] / theirs[case])
                    text.append(f"{case}: {ours[case]:.1f} against {theirs[case]:.1f}")
        if not x:
            continue
        figure.add_trace(
            go.Box(
                x=x,
                y=y,
                name=f"{kind} cases",
                text=text,
                boxpoints="all",
                jitter=0.45,
                pointpos=0,
                marker={"size": 6, "color": colour, "opacity": 0.75},
                line={"width": 1.3},
                fillcolor="rgba(0,0,0,0.04)",
                hovertemplate="%{text}<br>ratio %{y:.3f}<extra></extra>",
            )
        )
    figure.add_hline(y=1.0, line={"color": "#b3261e", "dash": "dash", "width": 1.5})
    return dress(
        figure,
        height=400,
        boxmode="group",
        yaxis={"title": "candidate / opponent", "rangemode": "tozero"},
    )


def replay_weeks(evidence: Evidence, rows: Sequence[ReplayRow]) -> go.Figure:
    """Draw the tardiness accrued in each replayed window, the plant itself beside the contestants."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for name in dict.fromkeys(row.contestant for row in rows):
        mine = [row for row in rows if row.contestant == name]
        figure.add_trace(
            go.Bar(
                x=[f"from {row.week}" for row in mine],
                y=[row.accrued for row in mine],
                name="the plant itself" if name == HISTORY else name,
                marker={"color": colour_of(name, evidence)},
                customdata=[[row.n_jobs, row.n_completed, row.cohort_tardiness_days] for row in mine],
                hovertemplate="%{y:.1f} days, %{customdata[1]} of %{customdata[0]} orders completed<br>"
                "the plant's completed ones: mean tardiness %{customdata[2]:.2f} d"
                "<extra>%{fullData.name}</extra>",
            )
        )
    return dress(
        figure,
        height=360,
        barmode="group",
        xaxis={"type": "category"},
        yaxis={"title": "weighted days of tardiness accrued"},
    )


def stress_bars(evidence: Evidence, rows: Sequence[StressRow]) -> go.Figure:
    """Draw each contestant's avoidable weighted tardiness relative to greedy's, per stress scenario."""
    import numpy as np
    import plotly.graph_objects as go

    scenarios = tuple(dict.fromkeys(row.scenario for row in rows))
    costs = {(row.contestant, row.scenario, row.case): row.avoidable_weighted_tardiness for row in rows}
    figure = go.Figure()
    for name in dict.fromkeys(row.contestant for row in rows):
        ratios = []
        for scenario in scenarios:
            cases = [case for who, what, case in costs if who == name and what == scenario]
            pairs = [
                (costs[name, scenario, case], costs[evidence.greedy, scenario, case])
                for case in cases
                if (evidence.greedy, scenario, case) in costs
            ]
            ours, theirs = np.array(pairs, dtype=np.float64).reshape(-1, 2).T
            ratios.append(float(ratio_of_sums(ours, theirs)) if pairs else None)
        figure.add_trace(
            go.Bar(x=list(scenarios), y=ratios, name=name, marker={"color": colour_of(name, evidence)})
        )
    figure.add_hline(y=1.0, line={"color": "#b3261e", "dash": "dash", "width": 1.2})
    return dress(figure, height=340, barmode="group", yaxis={"title": "tardiness / greedy's"})
