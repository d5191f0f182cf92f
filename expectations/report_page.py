"""The pages a planner reads: one per run with verdict, findings and rows set aside, and the index of runs.

Static HTML without scripts; every value is escaped here.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from expectations.findings import Finding, ValidationReport

MAX_ROWS = 500


def run_page(report: ValidationReport, *, suites: Sequence[str], style: str) -> str:
    """Return the page of one run.

    Args:
        suites: Each has a page `<suite>.html` beside this one.
    """
    aside = sum(report.quarantined_counts.values())
    verdict = "Refused: no plan is made from this data" if report.is_stopped else "Accepted"
    tiles = (
        ("rules checked", report.n_rules),
        ("rows", sum(report.row_counts.values())),
        ("rows set aside", aside),
        ("reasons to stop", len(report.stop)),
        ("warnings", len(report.warn)),
    )
    body = [
        f"<h1>Data of {_e(report.run_name)}</h1>",
        '<p class="sub"><a href="../../index.html">All runs</a></p>',
        f'<section class="verdict{" no" if report.is_stopped else ""}"><div class="word">{verdict}</div>',
        '<div class="tiles">',
        *(f'<div class="tile"><b>{value:,}</b><span>{name}</span></div>' for name, value in tiles),
        "</div></section>",
        "<section><h2>Findings</h2>",
        _findings(report.findings),
        "</section>",
        _rows_set_aside(report),
        "<section><h2>Tables</h2>",
        _tables(report, suites),
        "</section>",
        "<footer>stop: the data is refused. quarantine: the row is set aside, the rest goes on. "
        "warn: written down.</footer>",
    ]
    return _page(f"Data of {report.run_name}", body, style)


def index_page(runs: Sequence[Mapping[str, Any]], *, style: str) -> str:
    """Return the index of all runs, the latest first."""
    rows = [
        "<tr>"
        f'<td><a href="runs/{_e(run["slug"])}/index.html">{_e(run["run_name"])}</a></td>'
        f"<td>{_mark('stop', 'refused') if run['is_stopped'] else _mark('good', 'accepted')}</td>"
        f'<td class="n">{sum(run["row_counts"].values()):,}</td>'
        f'<td class="n">{sum(run["quarantined_counts"].values()):,}</td>'
        f'<td class="n">{sum(f["severity"] == "warn" for f in run["findings"])}</td>'
        f'<td class="n">{run["n_rules"]}</td>'
        f"<td>{_e(', '.join(f['rule'] for f in run['findings'] if f['severity'] == 'stop')[:200])}</td>"
        "</tr>"
        for run in runs
    ]
    body = [
        "<h1>Data reports</h1>",
        '<p class="sub">What the plant’s tables looked like before each run, the latest first.</p>',
        "<section>",
        _table(
            ("run", "verdict", "rows n", "set aside n", "warnings n", "rules n", "why it was refused"), rows
        ),
        "</section>",
    ]
    return _page("Data reports", body, style)


def _findings(findings: Sequence[Finding]) -> str:
    if not findings:
        return '<p class="sub">Every rule holds.</p>'
    rows = [
        "<tr>"
        f"<td>{_mark(finding.severity.value, finding.severity.value)}</td>"
        f'<td class="nowrap">{_e(finding.table)}{"." if finding.column else ""}<wbr>{_e(finding.column)}</td>'
        f"<td><code>{_e(finding.rule)}</code></td>"
        f'<td class="say">{_e(finding.summary)}</td>'
        f'<td class="n">{finding.count or ""}</td>'
        f"<td>{'<br>'.join(_e(example) for example in finding.examples[:3])}</td>"
        "</tr>"
        for finding in findings
    ]
    return _table(("severity", "where", "rule", "what should hold", "rows n", "for example"), rows)


def _rows_set_aside(report: ValidationReport) -> str:
    if not report.quarantined:
        return ""
    rows = [
        f"<tr><td>{_e(row.table_name)}</td><td>{_e(row.row_key)}</td><td>{_e(row.column_name)}</td>"
        f"<td>{_e(row.value)}</td><td><code>{_e(row.rule)}</code></td></tr>"
        for row in report.quarantined[:MAX_ROWS]
    ]
    rest = len(report.quarantined) - len(rows)
    note = f'<p class="sub">and {rest:,} more in the table quarantine</p>' if rest else ""
    return (
        "<section><h2>Rows set aside</h2>"
        + _table(("table", "row", "column", "value", "rule"), rows)
        + note
        + "</section>"
    )


def _tables(report: ValidationReport, suites: Sequence[str]) -> str:
    rows = []
    for suite in suites:
        count = report.row_counts.get(suite)
        aside = report.quarantined_counts.get(suite, 0)
        rows.append(
            f'<tr><td><a href="{_e(suite)}.html">{_e(suite)}</a></td>'
            f'<td class="n">{"" if count is None else f"{count:,}"}</td><td class="n">{aside or ""}</td></tr>'
        )
    return _table(("rules of", "rows n", "set aside n"), rows)


def _table(columns: Sequence[str], rows: Sequence[str]) -> str:
    heads = "".join(
        f'<th class="n">{name[:-2]}</th>' if name.endswith(" n") else f"<th>{name}</th>" for name in columns
    )
    body = "".join(rows)
    return f'<div class="scroll"><table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>'


def _mark(kind: str, word: str) -> str:
    return f'<span class="mark {kind}">{word}</span>'


def _e(value: object) -> str:
    return html.escape(str(value))


def _page(title: str, body: Sequence[str], style: str) -> str:
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_e(title)}</title><style>{style}</style></head><body><main>{''.join(body)}</main></body></html>"
    )
