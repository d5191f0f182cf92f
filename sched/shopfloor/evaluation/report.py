"""The evaluation report: one HTML page that opens offline, verdict first, then the numbers behind it.

It decides nothing: every figure is from the evidence or the verdict. It loads nothing from a network: styles
are in the page and plotly.js is written into it once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path

from shopfloor.evaluation import plots
from shopfloor.evaluation.criteria import BEATS_CHAMPION, BEATS_RULE, Criterion, primary_comparisons
from shopfloor.evaluation.evidence import HISTORY, PRIMARY_KPI, Evidence, ScoreRow
from shopfloor.evaluation.gate import Verdict
from shopfloor.evaluation.page import figure, mark, number, page, section, table
from shopfloor.evaluation.statistics import PairedComparison

TITLES = {
    "enough_cases": "Enough cases to believe it",
    BEATS_RULE: "Beats the best tuned rule",
    BEATS_CHAMPION: "Beats the reigning champion",
    "holds_on_static_cases": "Holds where everything is known",
    "holds_on_dynamic_cases": "Holds where the day brings surprises",
    "all_plans_valid": "Every plan can be run (validator)",
    "no_worse_than_history": "No worse than what the plant really did",
}
KPI_COLUMNS: tuple[tuple[str, str, Callable[[float], str], bool], ...] = (
    (PRIMARY_KPI, "avoidable weighted tardiness, d", lambda v: f"{v:.1f}", True),
    ("weighted_tardiness", "weighted tardiness, d", lambda v: f"{v:.1f}", True),
    ("mean_tardiness_days", "mean tardiness, d", lambda v: f"{v:.2f}", True),
    ("on_time_rate", "on time", lambda v: f"{v:.1%}", False),
    ("makespan_days", "makespan, d", lambda v: f"{v:.1f}", True),
    ("utilisation_std", "utilisation std", lambda v: f"{v:.3f}", True),
    ("setup_hours", "setup, h", lambda v: f"{v:.0f}", True),
    ("overtime_hours", "overtime, h", lambda v: f"{v:.1f}", True),
)


def render_report(
    evidence: Evidence, verdict: Verdict, html: Path, *, title: str = "Is the new scheduler better?"
) -> Path:
    """Write the report and return its path.

    Args:
        evidence: What was measured.
        verdict: What the gate made of it.
        html: File to write; its folder is made.
        title: Heading of the page.
    """
    comparisons = primary_comparisons(evidence)
    sections = (
        _verdict(evidence, verdict, comparisons),
        _criteria(verdict),
        _paired(evidence, comparisons),
        _contestants(evidence),
        _replay(evidence),
        _stress(evidence),
        _seconds(evidence),
        _provenance(evidence),
    )
    html.parent.mkdir(parents=True, exist_ok=True)
    html.write_text(page(title, "".join(sections)), encoding="utf-8")
    return html


def _named(evidence: Evidence, name: str) -> str:
    """Return the contestant's name with its office, as HTML."""
    offices = {evidence.greedy: "the plant's own", evidence.champion: "champion", evidence.candidate: ""}
    office = offices.get(name, "")
    return escape(name) + (f' <span class="office">{escape(office)}</span>' if office else "")


def _verdict(evidence: Evidence, verdict: Verdict, comparisons: dict[str, PairedComparison]) -> str:
    word = (
        "Promoted: the candidate becomes champion"
        if verdict.is_promoted
        else "Not promoted: the champion stays"
    )
    best = evidence.scores.best(evidence.tuned_rules)
    tiles = []
    for name, label in ((best, "the best tuned rule"), (evidence.greedy, "the plant's greedy")):
        if name in comparisons:
            found = comparisons[name]
            interval = found.ratio_interval
            ends = f"{interval.low:.1%} to {interval.high:.1%}"
            text = f"of the avoidable tardiness of {label} ({name}), 95 % interval {ends}"
            tiles.append((f"{found.ratio:.1%}", text))
    passed = len(verdict.criteria) - len(verdict.failed)
    tiles.append((f"{passed} of {len(verdict.criteria)}", "criteria met; all are needed"))
    rows = evidence.scores.of(evidence.candidate)
    tiles.append((f"{sum(r.n_violations == 0 for r in rows)} of {len(rows)}", "plans of the candidate valid"))
    cards = "".join(f'<div class="tile"><b>{escape(a)}</b><span>{escape(b)}</span></div>' for a, b in tiles)
    reason = escape(verdict.reason[:1].upper() + verdict.reason[1:])
    css = "verdict" if verdict.is_promoted else "verdict no"
    return (
        f'<section class="{css}"><div class="word">{word}</div><p>{reason}</p>'
        f'<div class="tiles">{cards}</div></section>'
    )


def title_of(criterion: Criterion) -> str:
    """Return the criterion's question for people."""
    if criterion.name.startswith("kpi:"):
        return f"No worse than greedy: {criterion.name[4:].replace('_', ' ')}"
    if criterion.name.startswith("stress:"):
        return f"Stands stress: {criterion.name[7:]}"
    return TITLES.get(criterion.name, criterion.title.capitalize())


def _criteria(verdict: Verdict) -> str:
    rows = []
    for item in verdict.criteria:
        interval = (
            "–" if item.interval is None else f"[{number(item.interval[0])}, {number(item.interval[1])}]"
        )
        cells = (
            mark(item.passed),
            f'<td class="l n">{escape(title_of(item))}</td>',
            number(item.value),
            f'<td class="n">{interval}</td>',
            number(item.threshold),
            f'<td class="l d">{escape(item.detail)}</td>',
        )
        rows.append(("" if item.passed else "bad", cells))
    head = ("met", "criterion", "measured", "95 % interval", "threshold", "in words")
    note = "Every line must be met. What could not be measured counts as not met."
    return section("The gate, line by line", note, table(head, rows, left=frozenset({0, 1, 5})))


def _paired(evidence: Evidence, comparisons: dict[str, PairedComparison]) -> str:
    note = (
        "Avoidable weighted tardiness = weighted days late minus what no scheduler could win back. "
        "Ratio of sums over the same cases, best-of-N against best-of-N only; the interval resamples cases "
        "in pairs (BCa, 10 000 times)."
    )
    rows = []
    for name, found in sorted(comparisons.items(), key=lambda item: -item[1].ratio):
        ratio, gap = found.ratio_interval, found.difference_interval
        cells = (
            _named(evidence, name),
            str(found.n),
            f"{found.ratio:.3f}",
            f'<td class="n">[{ratio.low:.3f}, {ratio.high:.3f}]</td>',
            f"{found.difference:+.1f}",
            f'<td class="n">[{gap.low:+.1f}, {gap.high:+.1f}]</td>',
            f"{found.wins:.0%}",
            f"{found.losses:.0%}",
        )
        rows.append(("", cells))
    head = ("opponent", "cases", "ratio", "95 %", "difference, d per case", "95 %", "better on", "worse on")
    best = evidence.scores.best(evidence.tuned_rules)
    opponents = [n for n in dict.fromkeys((best, evidence.champion, evidence.greedy)) if n in comparisons]
    return section(
        "Candidate against each opponent",
        note,
        figure(plots.forest(comparisons, evidence)),
        table(head, rows, left=frozenset({0})),
        '<p class="note" style="margin-top:16px">Case by case: each point is one case.</p>',
        figure(plots.ratio_per_case(evidence, [n for n in opponents if n is not None])),
    )


def _contestants(evidence: Evidence) -> str:
    parts = []
    for kind, meaning in (
        ("static", "everything is known at the start"),
        ("dynamic", "surprises as time passes"),
    ):
        rows = [row for row in evidence.scores.rows if row.kind == kind]
        if rows:
            n_cases = len({row.case for row in rows})
            parts.append(f'<p class="note"><b>{n_cases} {kind} cases</b>: {meaning}</p>')
            parts.append(_kpi_table(evidence, rows))
    note = (
        "Means over the cases; the best of each column in bold, the candidate's line shaded. Greedy is the "
        "plant's list where everything is known, and the same key as an event-driven dispatcher elsewhere."
    )
    return section("All contestants, all KPIs", note, *parts)


def _kpi_table(evidence: Evidence, rows: Sequence[ScoreRow]) -> str:
    by_name: dict[str, list[ScoreRow]] = {}
    for row in rows:
        by_name.setdefault(row.contestant, []).append(row)
    columns = [column for column in KPI_COLUMNS if any(column[0] in row.kpis for row in rows)]
    means = {
        name: {key: _mean([row.kpis[key] for row in mine if key in row.kpis]) for key, *_ in columns}
        for name, mine in by_name.items()
    }
    best = {
        key: (min if is_cost else max)(means[name][key] for name in means) for key, _, _, is_cost in columns
    }
    body = []
    for name in sorted(means, key=lambda who: means[who][PRIMARY_KPI]):
        cells = [_named(evidence, name)]
        for key, _, show, _ in columns:
            is_best = abs(means[name][key] - best[key]) <= 1e-9
            cells.append(f'<td class="best">{show(best[key])}</td>' if is_best else show(means[name][key]))
        mine = by_name[name]
        cells.append(f"{sum(row.n_violations > 0 for row in mine)} of {len(mine)}")
        cells.append(f"{1000 * _mean([row.seconds for row in mine]):.0f}")
        body.append(("us" if name == evidence.candidate else "", cells))
    head = ("contestant", *(label for _, label, _, _ in columns), "invalid plans", "ms per plan")
    return table(head, body, left=frozenset({0}))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else float("nan")


def _replay(evidence: Evidence) -> str:
    if not evidence.replay:
        return section("The plant's own last weeks", "Not replayed: the gate counts this as not met.")
    note = (
        "Each window is replayed from what was known on its Monday; later orders arrive when they arrived, "
        "machines fail when they failed, work takes as long as it took, overtime is what the plant granted. "
        "The gate looks at the weighted tardiness that all orders pile up inside the window. The cohort is "
        "the orders that the plant completed in it, which favours the plant: it chose them."
    )
    rows = [
        (
            "us" if row.contestant == evidence.candidate else "",
            (
                row.week,
                escape("the plant itself" if row.contestant == HISTORY else row.contestant),
                str(row.n_jobs),
                str(row.n_completed),
                f"{row.accrued:.1f}",
                str(row.n_cohort),
                f"{row.cohort_tardiness_days:.2f}",
                f"{row.cohort_on_time_rate:.1%}",
            ),
        )
        for row in evidence.replay
    ]
    head = (
        "from",
        "contestant",
        "orders in the shop",
        "completed",
        "weighted tardiness accrued, d",
        "cohort",
        "cohort's mean tardiness, d",
        "cohort on time",
    )
    return section(
        "The plant's own last weeks",
        note,
        figure(plots.replay_weeks(evidence, evidence.replay)),
        table(head, rows, left=frozenset({0, 1})),
    )


def _stress(evidence: Evidence) -> str:
    if not evidence.stress:
        return section("Under stress", "Not run: the gate counts this as not met.")
    groups: dict[tuple[str, str], list[int]] = {}
    for index, row in enumerate(evidence.stress):
        groups.setdefault((row.scenario, row.contestant), []).append(index)
    body = []
    for (scenario, name), picked in groups.items():
        mine = [evidence.stress[index] for index in picked]
        cells = (
            escape(scenario),
            escape(name),
            str(len(mine)),
            f"{_mean([row.avoidable_weighted_tardiness for row in mine]):.1f}",
            f"{_mean([row.on_time_rate for row in mine]):.1%}",
            f"{sum(row.n_violations > 0 for row in mine)} of {len(mine)}",
            f"{1000 * max(row.seconds for row in mine):.0f}",
        )
        body.append(("us" if name == evidence.candidate else "", cells))
    head = (
        "scenario",
        "contestant",
        "cases",
        "avoidable weighted tardiness, d",
        "on time",
        "invalid",
        "slowest, ms",
    )
    note = "The same cases with something gone wrong. Greedy is 1 in the figure."
    return section(
        "Under stress",
        note,
        figure(plots.stress_bars(evidence, evidence.stress)),
        table(head, body, left=frozenset({0, 1})),
    )


def _seconds(evidence: Evidence) -> str:
    rows = [
        ("", (escape(row.contestant), escape(row.mode), str(row.n_operations), f"{row.seconds:.3f}"))
        for row in evidence.latency
    ]
    head = ("contestant", "mode", "operations", "seconds, slowest run")
    note = "From loaded instance to validated plan, wall time on the machine that evaluated."
    return section("How long a plan takes", note, table(head, rows, left=frozenset({0, 1})))


def _provenance(evidence: Evidence) -> str:
    rows = [
        ("", (escape(name), f'<td class="l"><code>{escape(value)}</code></td>'))
        for name, value in evidence.provenance.items()
    ]
    note = "Enough to run it again and get the same numbers (seconds aside)."
    return section("Where it comes from", note, table(("what", "value"), rows, left=frozenset({0, 1})))
