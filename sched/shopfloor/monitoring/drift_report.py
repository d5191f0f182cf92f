"""The drift report for people: our verdict on one page, Evidently's distributions on another, both offline.

It decides nothing. Evidently crashes on an empty or constant-null column and passes on half-missing ones, so
it is shown only the features that passed the pre-checks; when it fails all the same, our page says so.
"""

from __future__ import annotations

import html
import logging
from pathlib import Path

import pandas as pd

from shopfloor.monitoring.drift import ColumnDrift, DriftReport
from shopfloor.monitoring.drift_features import CREATED, NUMERIC, DriftFeatures

log = logging.getLogger(__name__)

STYLE = """
:root{color-scheme:light dark}
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem}
table{border-collapse:collapse;width:100%}
th,td{padding:.45rem .6rem;border-bottom:1px solid #8884;text-align:right}
th:first-child,td:first-child,td:last-child,th:last-child{text-align:left}.drift{color:#c0362c;font-weight:600}
.unknown{color:#a06a00;font-weight:600}.stable{color:#1d7a46}h1 span{padding:.1em .5em;border-radius:.3em}
.bar{display:inline-block;height:.6em;background:#5b8dd6;border-radius:2px}.note{opacity:.75}
"""

HEADS = (
    "feature", "distance", "usual at most", "p", "n then", "n now", "missing then", "missing now", "verdict"
)  # fmt: skip


def render_drift(report: DriftReport, then: DriftFeatures, now: DriftFeatures, page: Path) -> Path:
    """Write the report's pages and return the first: `page`, and Evidently's beside it.

    Args:
        report: Our verdict.
        then: Reference features.
        now: Current features.
        page: HTML file to write; Evidently's is `<stem>-distributions.html`.
    """
    page.parent.mkdir(parents=True, exist_ok=True)
    details = page.with_name(f"{page.stem}-distributions.html")
    shown = [column for column in report.columns if column.p_value == column.p_value]
    try:
        _draw_with_evidently(shown, then, now, details)
        link = f'<p><a href="{html.escape(details.name)}">Distributions, drawn by Evidently</a></p>'
    except Exception as error:
        log.warning("drift_report_without_evidently cause=%s", error)
        link = f'<p class="unknown">Evidently could not draw: {html.escape(str(error)[:300])}</p>'
    page.write_text(_page(report, then, now, link), encoding="utf-8")
    return page


def _draw_with_evidently(
    columns: list[ColumnDrift], then: DriftFeatures, now: DriftFeatures, path: Path
) -> None:
    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import RowCount, ValueDrift

    if not columns:
        raise ValueError("no feature passed the pre-checks")
    names = [column.column for column in columns]
    definition = DataDefinition(
        numerical_columns=[name for name in names if name in NUMERIC],
        categorical_columns=[name for name in names if name not in NUMERIC],
    )
    # Created and executed operations side by side; the shorter part ends in missing values.
    datasets = [
        Dataset.from_pandas(_beside(features, names), data_definition=definition) for features in (now, then)
    ]
    metrics = [
        ValueDrift(column=c.column, method=c.statistic, threshold=max(c.threshold, 1e-9)) for c in columns
    ]
    snapshot = Report([RowCount(), *metrics], include_tests=True).run(*datasets, name="drift")
    snapshot.save_html(str(path))


def _beside(features: DriftFeatures, names: list[str]) -> pd.DataFrame:
    frame = pd.concat(
        [
            features.created[[name for name in names if name in CREATED]].reset_index(drop=True),
            features.executed[[name for name in names if name not in CREATED]].reset_index(drop=True),
        ],
        axis=1,
    )
    for name in names:
        frame[name] = frame[name].astype("float64") if name in NUMERIC else frame[name].astype(object)
    return frame


def _page(report: DriftReport, then: DriftFeatures, now: DriftFeatures, link: str) -> str:
    rows = "".join(_row(column) for column in report.columns)
    head = "".join(f"<th>{name}</th>" for name in HEADS)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Drift {report.as_of:%Y-%m-%d}</title>'
        f"<style>{STYLE}</style><h1>Data drift: <span class='{report.verdict}'>{report.verdict}</span></h1>"
        f"<p>The last {now.days:.0f} days before {report.as_of:%Y-%m-%d %H:%M} against {then.days:.0f} days "
        f"of the champion's training data. {html.escape(report.sentence)}</p>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{link}"
        "<p class='note'>Distance: Wasserstein in standard deviations of the reference, or Jensen-Shannon. "
        "<em>Usual at most</em> is its 95 % quantile between samples of the reference of these sizes, drawn "
        "by whole orders; p-values are Holm-corrected before a feature counts as drifted.</p></html>"
    )


def _row(column: ColumnDrift) -> str:
    is_judged = column.p_value == column.p_value
    width = min(100.0, 50.0 * column.distance / max(column.threshold, 1e-9)) if is_judged else 0.0
    bar = f"<span class='bar' style='width:{width:.0f}px'></span> "
    cells = [
        html.escape(column.column),
        f"{bar}{column.distance:.3f}" if is_judged else "-",
        f"{column.threshold:.3f}" if is_judged else "-",
        f"{column.p_value:.4f}" if is_judged else "-",
        str(column.n_reference),
        str(column.n_current),
        f"{column.null_share_reference:.1%}",
        f"{column.null_share_current:.1%}",
        f"<span class='{column.status}'>{column.status}</span> {html.escape(column.reason)}",
    ]
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
