"""The page of one day's plan: what was optimised, what it gained, what moved. Self-contained, no script.

It shows what it is given and computes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

_STYLE = """
:root{color-scheme:light dark;--ink:#1c2430;--dim:#66707d;--line:#dfe4ea;--card:#fff;--page:#f4f6f8;--good:#1a7f4b;
--bad:#b3372c}
@media (prefers-color-scheme:dark){:root{--ink:#e7ecf2;--dim:#98a4b1;--line:#333c47;--card:#1e252d;--page:#151a20;
--good:#5ccb94;--bad:#f08a80}}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:60rem;margin:0 auto;padding:1.5rem}
h1{font-size:1.5rem;margin:.2rem 0}h2{font-size:1.05rem;margin:0 0 .6rem}
p.sub{color:var(--dim);margin:0 0 1.2rem}
section{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:1rem 1.2rem;margin:0 0 1rem}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{padding:.3rem .6rem;text-align:right;border-bottom:1px solid var(--line)}
th{font-weight:600;color:var(--dim)}th:first-child,td:first-child{text-align:left}
tr:last-child td{border-bottom:0}.good{color:var(--good)}.bad{color:var(--bad)}
ul{margin:0;padding-left:1.2rem}
"""


@dataclass(frozen=True)
class DayPage:
    """What the page shows.

    Attributes:
        title, subtitle: Heading and the line below it.
        facts: Name -> text of the search.
        figures: Rows of (name, plan, greedy, gain as a share or None, unavoidable), numbers as text.
        lists: Heading -> lines, for example incidents or jobs that are newly late.
    """

    title: str
    subtitle: str
    facts: Mapping[str, str]
    figures: Sequence[tuple[str, str, str, float | None, str]]
    lists: Mapping[str, Sequence[str]]


def render_day(day: DayPage, path: Path) -> Path:
    """Write the page and return its path."""
    parts = [f"<h1>{escape(day.title)}</h1><p class='sub'>{escape(day.subtitle)}</p>"]
    if day.figures:
        rows = "".join(_figure(*row) for row in day.figures)
        head = "<tr><th>figure</th><th>plan</th><th>greedy</th><th>gain</th><th>unavoidable</th></tr>"
        parts.append(
            f"<section><h2>Plan beside the plant's own greedy</h2><table>{head}{rows}</table></section>"
        )
    if day.facts:
        rows = "".join(
            f"<tr><td>{escape(name)}</td><td>{escape(text)}</td></tr>" for name, text in day.facts.items()
        )
        parts.append(f"<section><h2>Search</h2><table>{rows}</table></section>")
    for heading, lines in day.lists.items():
        items = "".join(f"<li>{escape(line)}</li>" for line in lines) or "<li>none</li>"
        parts.append(f"<section><h2>{escape(heading)}</h2><ul>{items}</ul></section>")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(day.title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>'
        f"<body><main>{''.join(parts)}</main></body></html>",
        encoding="utf-8",
    )
    return path


def _figure(name: str, plan: str, greedy: str, gain: float | None, unavoidable: str) -> str:
    tone = "" if gain is None or abs(gain) < 5e-4 else ' class="good"' if gain > 0 else ' class="bad"'
    shown = "–" if gain is None else f"{gain:+.1%}"
    return (
        f"<tr><td>{escape(name.replace('_', ' '))}</td><td>{plan}</td><td>{greedy}</td>"
        f"<td{tone}>{shown}</td><td>{unavoidable}</td></tr>"
    )
