"""Data Docs that open with the network off: pages without scripts and foreign addresses, an index of runs.

Great Expectations writes pages that load 15 files from the internet, list nothing without them, and escape
no value. Here each page loses its scripts, links and styles, gets ours and a policy that forbids any
request.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from expectations.findings import ValidationReport
from expectations.report_page import index_page, run_page

MAX_RUNS = 120
RUNS = "runs.json"
POLICY = (
    '<meta http-equiv="Content-Security-Policy" '
    "content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">"
)

_GONE = re.compile(
    r"<script\b.*?</script\s*>|<style\b.*?</style\s*>|<link\b[^>]*>|<img\b[^>]*>|<iframe\b.*?</iframe\s*>"
    r"|\son\w+\s*=\s*(\"[^\"]*\"|'[^']*')",
    re.DOTALL | re.IGNORECASE,
)
_FOREIGN = re.compile(r"\s(?:src|href)\s*=\s*[\"']?\s*(?:https?:)?//[^\"'\s>]*[\"']?", re.IGNORECASE)
_BRAND = re.compile(r"(navbar-brand[^>]*>\s*<a [^>]*>)\s*(</a>)", re.IGNORECASE)
_OWN_SITE = re.compile(r"\shref=\"(?:\.\./)+([^\"]*)\"", re.IGNORECASE)
_HEAD = re.compile(r"<head[^>]*>", re.IGNORECASE)


def publish(report: ValidationReport, docs_dir: Path, *, pages: Mapping[str, str]) -> Path:
    """Write the pages of a run to `runs/<run>/`, and the index of all runs.

    Args:
        pages: Suite -> its page as the library made it.

    Returns:
        The index.
    """
    slug = slug_of(report.run_name)
    folder = docs_dir / "runs" / slug
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for suite, page in pages.items():
        (folder / f"{suite}.html").write_text(offline(page), encoding="utf-8")
    (folder / "index.html").write_text(
        run_page(report, suites=sorted(pages), style=style()), encoding="utf-8"
    )
    runs = remember(docs_dir / RUNS, {"slug": slug, **report.as_dict()})
    index = docs_dir / "index.html"
    index.write_text(index_page(runs, style=style()), encoding="utf-8")
    return index


def offline(page: str) -> str:
    """Return a page without scripts, handlers, foreign addresses and styles, with ours."""
    bare = _FOREIGN.sub("", _GONE.sub("", page))
    bare = _OWN_SITE.sub(_link, _BRAND.sub(r"\1All tables of this run\2", bare))
    return _HEAD.sub(lambda head: f"{head.group(0)}\n{POLICY}\n<style>{style()}</style>", bare, count=1)


def _link(match: re.Match[str]) -> str:
    """Return a link to the library's index as one to the run's own; the suites' own pages are not kept."""
    return ' href="index.html"' if match.group(1) == "index.html" else ""


def remember(ledger: Path, run: dict[str, Any]) -> list[dict[str, Any]]:
    """Add a run to the ledger of pages, drop what is older than 120 runs; return it, the latest first."""
    kept = [entry for entry in _read(ledger) if entry["slug"] != run["slug"]]
    entries = [run, *kept]
    for old in entries[MAX_RUNS:]:
        shutil.rmtree(ledger.parent / "runs" / slug_of(old["slug"]), ignore_errors=True)
    entries = entries[:MAX_RUNS]
    draft = ledger.with_suffix(".tmp")
    draft.write_text(json.dumps(entries, indent=1), encoding="utf-8")
    draft.replace(ledger)
    return entries


def _read(ledger: Path) -> list[dict[str, Any]]:
    try:
        entries: list[dict[str, Any]] = json.loads(ledger.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return entries


def slug_of(run_name: str) -> str:
    """Return a run's name as a file name."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", run_name).strip("-.")[:100] or "run"


@cache
def style() -> str:
    """Return our style sheet."""
    return Path(__file__).with_name("data_docs.css").read_text(encoding="utf-8")
