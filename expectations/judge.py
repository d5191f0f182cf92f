"""The door to Great Expectations: run suites over batches in an ephemeral context, and read what they say.

No project folder, no telemetry, nothing kept but the pages. A rule that cannot be checked counts as broken:
at its own severity when it would stop the run, else as a warning.
"""

from __future__ import annotations

import contextlib
import logging
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from expectations.data_docs import slug_of
from expectations.facts import ROW
from expectations.findings import Severity, shown
from expectations.suites import Batch

log = logging.getLogger(__name__)

SITE = "plant"
RESULT_FORMAT = {
    "result_format": "COMPLETE",
    "unexpected_index_column_names": [ROW],
    "partial_unexpected_count": 20,
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """One rule that did not hold.

    Attributes:
        rows: Positions of the rows that break it; empty for a rule about the table.
        examples: What was seen instead, for a rule about the table.
    """

    severity: Severity
    rule: str
    table: str
    column: str
    sentence: str
    rows: tuple[int, ...]
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class Judged:
    """Broken rules, the number of rules, and the page of each suite as the library made it."""

    verdicts: tuple[Verdict, ...]
    n_rules: int
    pages: Mapping[str, str]


def judge(todo: Sequence[Batch], *, run_name: str, has_pages: bool = True) -> Judged:
    """Run the suites and build their pages, in a folder that is thrown away: a build deletes those of other runs."""
    with _quiet(), tempfile.TemporaryDirectory(prefix="data-docs-") as scratch:
        site = Path(scratch).resolve()
        context = _context(site)
        verdicts = [verdict for batch in todo for verdict in _run(context, batch, slug_of(run_name))]
        pages = _build_pages(context, site) if has_pages else {}
    return Judged(tuple(verdicts), sum(len(batch.suite) for batch in todo), pages)


def _context(site: Path) -> Any:
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    context.delete_data_docs_site("local_site")
    context.add_data_docs_site(SITE, _site(site))
    context.data_sources.add_pandas(SITE)
    return context


def _run(context: Any, batch: Batch, run_name: str) -> list[Verdict]:
    """Return the rules of a batch that do not hold."""
    import great_expectations as gx
    from great_expectations.core.run_identifier import RunIdentifier

    suite = context.suites.add(gx.ExpectationSuite(name=batch.name, expectations=list(batch.suite)))
    asset = context.data_sources.get(SITE).add_dataframe_asset(batch.name)
    definition = context.validation_definitions.add(
        gx.ValidationDefinition(
            name=batch.name, data=asset.add_batch_definition_whole_dataframe("all"), suite=suite
        )
    )
    checkpoint = context.checkpoints.add(
        gx.Checkpoint(
            name=batch.name, validation_definitions=[definition], actions=[], result_format=RESULT_FORMAT
        )
    )
    outcome = checkpoint.run(
        batch_parameters={"dataframe": batch.frame}, run_id=RunIdentifier(run_name=run_name)
    )
    results = next(iter(outcome.run_results.values())).results
    return [_verdict(batch, result) for result in results if not bool(result.success)]


def _build_pages(context: Any, site: Path) -> dict[str, str]:
    """Return the page that was built for each suite; a failure costs pages only."""
    try:
        context.build_data_docs(site_names=[SITE])
    except Exception:
        log.exception("data_docs_failed: the verdict stays")
    pages = sorted((site / "validations").rglob("*.html"))
    return {page.relative_to(site).parts[1]: page.read_text(encoding="utf-8") for page in pages}


def _verdict(batch: Batch, result: Any) -> Verdict:
    configuration = result.expectation_config
    meta, kwargs = configuration.meta, configuration.kwargs
    severity = Severity(meta["severity"])
    column = meta["column"] or str(kwargs.get("column", ""))
    raised = _raised(result.exception_info)
    if raised:
        severity = severity if severity is Severity.STOP else Severity.WARN
        sentence = f"{meta['sentence']} (could not be checked)"
        return Verdict(severity, meta["rule"], batch.table, column, sentence, (), (shown(raised),))
    found = result.result.get("unexpected_index_list") or []
    rows = tuple(sorted(int(entry[ROW]) for entry in found))
    examples = () if rows else (_observed(batch, result),)
    return Verdict(severity, meta["rule"], batch.table, column, meta["sentence"], rows, examples)


def _observed(batch: Batch, result: Any) -> str:
    observed = result.result.get("observed_value")
    wanted = result.expectation_config.kwargs
    if isinstance(observed, list):
        missing = sorted(set(wanted.get("column_set", ())) - set(observed))
        return shown(f"missing: {', '.join(missing)}")
    bounds = [
        f"{word} {wanted[name]}"
        for name, word in (("min_value", "at least"), ("max_value", "at most"))
        if wanted.get(name) is not None
    ]
    return shown(f"seen {observed}, wanted {' and '.join(bounds)}")


def _raised(exception_info: Mapping[str, Any]) -> str:
    """Return the message of an expectation that raised, or ""."""
    infos = [exception_info] if "raised_exception" in exception_info else list(exception_info.values())
    return next(
        (str(info["exception_message"] or "exception") for info in infos if info["raised_exception"]), ""
    )


def _site(folder: Path) -> Any:
    return {
        "class_name": "SiteBuilder",
        "show_how_to_buttons": False,
        "store_backend": {
            "class_name": "TupleFilesystemStoreBackend",
            "base_directory": str(folder),
        },
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
    }


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the library's deprecation notes to itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
