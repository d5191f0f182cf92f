"""The ablation study as one page: forest of effects, table, learning curves, reward terms. Numbers in, HTML out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from shopfloor.evaluation.ablation import AblationTable, Effect
from shopfloor.evaluation.page import figure, page, section, table
from shopfloor.evaluation.plots import GREEDY, US, dress

if TYPE_CHECKING:
    import plotly.graph_objects as go

Cell = Mapping[str, Any]
LEAST_RATIO, LARGEST_RATIO = 0.25, 4.0
"""Beyond them a contestant is in the table only, or the others would not be told apart."""

TRANSITIONS: Final = {1: "graduated", 2: "converged", 3: "budget spent"}


def render_ablation(found: AblationTable, cells: Sequence[Cell], html: Path) -> Path:
    """Write the page and return its path.

    Args:
        cells: What each training remembers: `variant`, `seed`, `history`, `switches`.
        html: File to write; its folder is made.
    """
    trained = [cell for cell in cells if any("stage" in row for row in cell["history"])]
    body = [
        section(
            "What each part is worth",
            "Avoidable weighted tardiness over the full method's, with 95 % intervals over training seeds and "
            "cases. Right of the line: worse without the part. Filled: the kept weights; open: the last ones.",
            figure(forest(found)),
            _table(found),
        )
    ]
    if trained:
        body += [
            section(
                "Learning",
                "Validation cost over the tuned rule's, after each evaluation; one line per training, a mark "
                "where a stage ended.",
                figure(curves(trained, "ratio", "validation cost / tuned rule's")),
                figure(curves(trained, "score", "score of the window")),
                figure(curves(trained, "entropy_weight", "entropy weight")),
            ),
            section("How the stages ended", "Per training.", _switches(trained)),
        ]
    html.parent.mkdir(parents=True, exist_ok=True)
    subtitle = f"{len(found.seeds)} training seeds, {found.n_cases} held-out cases, the same noise for all"
    html.write_text(page(found.title, "".join(body), subtitle=subtitle), encoding="utf-8")
    return html


def forest(found: AblationTable) -> go.Figure:
    """Draw each contestant's ratio to the full method, calm and disturbed, kept and last weights."""
    import plotly.graph_objects as go

    drawing = go.Figure()
    names = [line.contestant for line in reversed(found.lines)]
    for row, (field, name, colour, symbol) in enumerate(
        (
            ("calm", "calm", US, "circle"),
            ("calm_last", "calm, last weights", US, "circle-open"),
            ("disturbed", "disturbed", GREEDY, "circle"),
            ("disturbed_last", "disturbed, last weights", GREEDY, "circle-open"),
        )
    ):
        drawn: list[tuple[float, str, Effect]] = [
            (names.index(line.contestant) + 0.27 - 0.18 * row, line.contestant, effect)
            for line in found.lines
            if (effect := getattr(line, field)) is not None and effect.low > LEAST_RATIO
            if effect.high < LARGEST_RATIO
        ]
        drawing.add_trace(
            go.Scatter(
                x=[effect.ratio for _, _, effect in drawn],
                y=[height for height, _, _ in drawn],
                text=[contestant for _, contestant, _ in drawn],
                name=name,
                mode="markers",
                marker={"size": 9, "color": colour, "symbol": symbol},
                error_x={
                    "type": "data",
                    "symmetric": False,
                    "array": [effect.high - effect.ratio for _, _, effect in drawn],
                    "arrayminus": [effect.ratio - effect.low for _, _, effect in drawn],
                    "thickness": 1.2,
                    "width": 3,
                },
                hovertemplate="%{text}: %{x:.3f}<extra>%{fullData.name}</extra>",
            )
        )
    drawing.add_vline(x=1.0, line={"color": "#b3261e", "dash": "dash", "width": 1.5})
    drawing.update_layout(
        xaxis={"title": "cost / full method's, logarithmic", "type": "log", "tickformat": ".2~f"},
        yaxis={"tickvals": list(range(len(names))), "ticktext": names},
    )
    return dress(drawing, height=120 + 44 * len(found.lines), legend_y=1.1)


def curves(cells: Sequence[Cell], name: str, title: str) -> go.Figure:
    """Draw one figure of the histories over the decisions played, coloured by variant."""
    import plotly.graph_objects as go
    from plotly.colors import qualitative

    variants = list(dict.fromkeys(str(cell["variant"]) for cell in cells))
    drawing = go.Figure()
    for cell in cells:
        rows = [row for row in cell["history"] if "stage" in row and name in row]
        ends = [TRANSITIONS.get(int(row.get("transition", 0)), "") for row in rows]
        variant = str(cell["variant"])
        first = next(other for other in cells if other["variant"] == variant)
        colour = qualitative.Dark24[variants.index(variant) % len(qualitative.Dark24)]
        drawing.add_trace(
            go.Scatter(
                x=[row["timesteps"] for row in rows],
                y=[row[name] for row in rows],
                name=variant,
                legendgroup=variant,
                showlegend=cell is first,
                mode="lines+markers",
                line={"color": colour, "width": 1.4},
                marker={"size": [9 if end else 3 for end in ends], "symbol": "diamond"},
                text=ends,
                hovertemplate=f"{variant}, seed {cell['seed']}: %{{y:.4f}} %{{text}}<extra></extra>",
            )
        )
    drawing.update_layout(xaxis={"title": "decisions played"}, yaxis={"title": title})
    return dress(drawing, height=380, legend_y=-0.22)


def _table(found: AblationTable) -> str:
    head = (
        "contestant", "what is different", "seeds", "calm", "disturbed", "calm, last", "disturbed, last", "score",
        "on time", "tardiness d",
    )  # fmt: skip
    rows = []
    for line in found.lines:
        effects = (line.calm, line.disturbed, line.calm_last, line.disturbed_last)
        cells = (
            escape(line.contestant),
            escape(line.meaning),
            str(line.n_seeds),
            *(_effect(effect) for effect in effects),
            f"{line.score:.3f}",
            f"{line.on_time_rate:.1%}",
            f"{line.mean_tardiness_days:.2f}",
        )
        rows.append(("us" if line is found.lines[0] else "", cells))
    return table(head, rows, left=frozenset({0, 1}))


def _effect(effect: Effect | None) -> str:
    """Return a cell: the ratio over its interval, bold where the interval leaves 1 out."""
    if effect is None:
        return "–"
    ratio, interval = effect.text().split(" ", 1)
    return f'<td class="n{" best" if effect.is_clear else ""}">{ratio}<br>{interval}</td>'


def _switches(cells: Sequence[Cell]) -> str:
    rows = [
        ("", (escape(str(cell["variant"])), str(cell["seed"]), escape(str(cell.get("switches", "")))))
        for cell in cells
    ]
    return table(("variant", "seed", "stages"), rows, left=frozenset({0, 2}))
