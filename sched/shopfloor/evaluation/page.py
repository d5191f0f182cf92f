"""Building blocks of a self-contained HTML page: sections, tables, figures; they know of no evaluation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import plotly.graph_objects as go


SAME_CASES = "Candidate, champion, tuned rules and greedy on the same cases and the same noise."


def page(title: str, body: str, *, subtitle: str = SAME_CASES) -> str:
    """Return the whole page; styles and plotly.js are written into it, nothing is loaded."""
    from plotly.offline import get_plotlyjs

    style = files("shopfloor.evaluation").joinpath("report.css").read_text(encoding="utf-8")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{style}</style>'
        f"<script>{get_plotlyjs()}</script></head><body><main><h1>{escape(title)}</h1>"
        f'<p class="sub">{escape(subtitle)}</p>'
        f"{body}</main></body></html>"
    )


def section(heading: str, note: str, *parts: str) -> str:
    """Return a card with a heading, a sentence and its parts (HTML)."""
    return f'<section><h2>{escape(heading)}</h2><p class="note">{escape(note)}</p>{"".join(parts)}</section>'


def figure(drawing: go.Figure) -> str:
    """Return a plotly figure as HTML without the library."""
    return str(
        drawing.to_html(
            full_html=False, include_plotlyjs=False, config={"displayModeBar": False, "responsive": True}
        )
    )


def table(head: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]], *, left: frozenset[int]) -> str:
    """Return a table; each row is (css class, cells); cells are HTML already."""
    side = [' class="l"' if column in left else "" for column in range(len(head))]
    top = "".join(f"<th{side[i]}>{escape(name)}</th>" for i, name in enumerate(head))
    body = "".join(
        f'<tr class="{css}">'
        + "".join(c if c.startswith("<td") else f"<td{side[i]}>{c}</td>" for i, c in enumerate(cells))
        + "</tr>"
        for css, cells in rows
    )
    return f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def number(value: float | None) -> str:
    """Return three decimals at most; a dash for None."""
    return "–" if value is None else f"{value:.3f}".rstrip("0").rstrip(".")


def mark(is_good: bool) -> str:
    """Return a green yes or a red no."""
    return '<span class="mark">yes</span>' if is_good else '<span class="mark no">no</span>'
