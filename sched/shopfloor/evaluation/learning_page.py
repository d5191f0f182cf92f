"""The learning benchmark as one page: answers, ratios by seed, learning curves over wall time. Numbers in, HTML out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shopfloor.evaluation.learning import LearningTable
from shopfloor.evaluation.page import figure, mark, page, section, table
from shopfloor.evaluation.plots import GREEDY, US, dress

if TYPE_CHECKING:
    import plotly.graph_objects as go

Cell = Mapping[str, Any]


def render_learning(found: LearningTable, cells: Sequence[Cell], html: Path) -> Path:
    """Write the page and return its path.

    Args:
        cells: What each training remembers: `seed`, `history`, `steps`, `switches`.
        html: File to write; its folder is made.
    """
    body = [
        section(
            "Against the best tuned rule",
            "Cost over that of the tuned rule which does best on the same cases and noise; 95 % intervals over "
            "training seeds and cases. Avoidable: above what each job would need alone in the shop.",
            _table(found),
            figure(by_seed(found)),
        ),
        section(
            "Learning curves",
            "Validation cost over the tuned rule's, against the wall time of the training; first labels and "
            "rounds of the policy's own, then PPO (open marks).",
            figure(curves(cells)),
        ),
        section("Where the time goes", "Wall seconds of each step.", figure(steps(cells))),
        section("How the stages of PPO ended", "Per training.", _switches(cells)),
    ]
    html.parent.mkdir(parents=True, exist_ok=True)
    subtitle = f"{len(found.costs)} training seeds, the same held-out cases and noise for all"
    html.write_text(page(found.title, "".join(body), subtitle=subtitle), encoding="utf-8")
    return html


def by_seed(found: LearningTable) -> go.Figure:
    """Draw each headline's ratio and interval, and a dot per training."""
    import plotly.graph_objects as go

    answers = list(reversed(found.answers))
    names = [item.headline.name for item in answers]
    drawing = go.Figure()
    drawing.add_trace(
        go.Scatter(
            x=[item.avoidable[0] for item in answers],
            y=names,
            mode="markers",
            name="all seeds",
            marker={"size": 10, "color": US},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [item.avoidable[2] - item.avoidable[0] for item in answers],
                "arrayminus": [item.avoidable[0] - item.avoidable[1] for item in answers],
            },
        )
    )
    points = [(ratio, item.headline.name) for item in answers for ratio in item.by_seed.values()]
    drawing.add_trace(
        go.Scatter(
            x=[ratio for ratio, _ in points],
            y=[name for _, name in points],
            mode="markers",
            name="one training",
            marker={"size": 6, "color": GREEDY, "symbol": "line-ns-open"},
        )
    )
    drawing.add_vline(x=1.0, line={"color": "#b3261e", "dash": "dash", "width": 1.5})
    drawing.update_layout(xaxis={"title": "avoidable weighted tardiness / best tuned rule's"})
    return dress(drawing, height=120 + 44 * len(names), legend_y=1.1)


def curves(cells: Sequence[Cell]) -> go.Figure:
    """Draw validation over wall minutes, one line per training."""
    import plotly.graph_objects as go
    from plotly.colors import qualitative

    drawing = go.Figure()
    for number, cell in enumerate(cells):
        rows = [row for row in cell["history"] if "ratio" in row and "seconds" in row]
        is_ppo = ["stage" in row for row in rows]
        drawing.add_trace(
            go.Scatter(
                x=[row["seconds"] / 60 for row in rows],
                y=[row["ratio"] for row in rows],
                name=f"seed {cell['seed']}",
                mode="lines+markers",
                line={"color": qualitative.Dark24[number % len(qualitative.Dark24)], "width": 1.4},
                marker={"size": 5, "symbol": ["circle-open" if ppo else "circle" for ppo in is_ppo]},
            )
        )
    drawing.add_hline(y=1.0, line={"color": "#b3261e", "dash": "dash", "width": 1.5})
    drawing.update_layout(
        xaxis={"title": "wall minutes of the training"}, yaxis={"title": "validation cost / tuned rule's"}
    )
    return dress(drawing, height=420, legend_y=1.1)


def steps(cells: Sequence[Cell]) -> go.Figure:
    """Draw the wall seconds of each step, a bar per training."""
    import plotly.graph_objects as go

    names = list(dict.fromkeys(name for cell in cells for name in cell["steps"]))
    drawing = go.Figure(
        [
            go.Bar(
                name=name,
                y=[f"seed {cell['seed']}" for cell in cells],
                x=[cell["steps"].get(name, 0.0) for cell in cells],
                orientation="h",
            )
            for name in names
        ]
    )
    drawing.update_layout(barmode="stack", xaxis={"title": "wall seconds"})
    return dress(drawing, height=200 + 34 * len(cells), legend_y=1.35)


def _table(found: LearningTable) -> str:
    head = ("question", "avoidable", "total", "goal", "met", "cases", "s per plan", "against")
    rows = []
    for item in found.answers:
        goal = item.headline.goal
        cells = (
            escape(item.headline.name),
            _ratio(item.avoidable),
            _ratio(item.total),
            "–" if goal is None else f"{goal:.2f}",
            "–" if item.is_met is None else mark(item.is_met),
            str(item.n_cases),
            f"{item.seconds:.3f}",
            escape(item.opponent),
        )
        rows.append(("", cells))
    return table(head, rows, left=frozenset({0, 7}))


def _ratio(value: tuple[float, float, float]) -> str:
    return f"{value[0]:.3f}<br>[{value[1]:.3f}, {value[2]:.3f}]"


def _switches(cells: Sequence[Cell]) -> str:
    rows = [("", (str(cell["seed"]), escape(str(cell.get("switches", ""))))) for cell in cells]
    return table(("seed", "stages"), rows, left=frozenset({1}))
