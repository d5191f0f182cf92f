"""What each flow returns: frozen facts that print as text for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from flows.daily_gains import gains, gains_table
from shopfloor.serving.exit_codes import MEANING, ExitCode

SHOWN_KPIS = (
    "weighted_tardiness",
    "avoidable_weighted_tardiness",
    "mean_tardiness_days",
    "avg_days_late",
    "on_time_rate",
    "utilisation_std",
    "overtime_hours",
    "setup_hours",
    "makespan_days",
)


def kpi_table(columns: Mapping[str, Mapping[str, float]], names: Sequence[str] = SHOWN_KPIS) -> str:
    """Return a text table, one row per KPI, one column per source; a dash where a source has no such KPI."""
    heads = list(columns)
    width = max([12, *(len(head) for head in heads)])
    lines = [f"{'':30}" + "".join(f"{head:>{width + 2}}" for head in heads)]
    for name in names:
        cells = []
        for head in heads:
            value = columns[head].get(name)
            cells.append(
                f"{'-' if value is None else format(value, ',.3f' if abs(value) < 10 else ',.1f'):>{width + 2}}"
            )
        lines.append(f"{name:30}" + "".join(cells))
    return "\n".join(lines)


@dataclass(frozen=True)
class DailyReport:
    """Outcome of one day's scheduling.

    Attributes:
        exit_code: See `serving.exit_codes`.
        run_id: The active run afterwards.
        status: `written`, `already_there` or `kept`.
        rung: Which rung of the ladder made the plan.
        kpis: Of the plan.
        greedy_kpis: Of the plant's own greedy on the same instance.
        search: What the search did, by name; empty when a rule or greedy made the plan, or it was killed.
        newly_late: Jobs late now, on time in the plan before; None = there was none to compare with.
        drift: Verdict of the drift check: stable, drift or unknown.
        seconds: Wall time per step.
        links: Files to look at.
    """

    exit_code: ExitCode
    as_of: datetime
    run_id: str | None
    status: str
    rung: str
    model_version: str | None
    n_operations: int
    n_unassigned: int
    n_quarantined: int
    kpis: Mapping[str, float]
    greedy_kpis: Mapping[str, float]
    drift: str
    incidents: tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    links: Mapping[str, Path] = field(default_factory=dict)
    search: Mapping[str, Any] = field(default_factory=dict)
    newly_late: tuple[str, ...] | None = None

    def text(self) -> str:
        """Return the report for a terminal."""
        head = f"{MEANING[self.exit_code]}: run {self.run_id} ({self.status}) by {self.rung}"
        model = f", model version {self.model_version}" if self.model_version else ""
        counts = (
            f"{self.n_operations} planned, {self.n_unassigned} unassigned, {self.n_quarantined} quarantined"
        )
        lines = [head + model, f"as of {self.as_of.isoformat()}; {counts}; drift: {self.drift}"]
        if self.kpis and self.greedy_kpis:
            lines += ["", gains_table(gains(self.kpis, self.greedy_kpis)), ""]
        elif self.kpis:
            lines += ["", kpi_table({"plan": self.kpis}), ""]
        lines += [f"search: {name} {value}" for name, value in search_lines(self.search).items()]
        lines += self._changes()
        lines += [f"incident: {text}" for text in self.incidents]
        lines += ["", "seconds: " + ", ".join(f"{name} {value:.1f}" for name, value in self.seconds.items())]
        lines += [f"{name:18} {path}" for name, path in self.links.items()]
        return "\n".join(lines)

    def _changes(self) -> list[str]:
        if self.newly_late is None:
            return []
        late = f"{len(self.newly_late)} jobs newly late"
        names = f": {', '.join(self.newly_late[:10])}" if self.newly_late else ""
        return [f"against the plan before: {self.kpis.get('moved_operations', 0):.0f} moved, {late}{names}"]


def search_lines(search: Mapping[str, Any]) -> dict[str, str]:
    """Return what a search did as name -> text; `search` is `SearchReport.as_dict()`, or empty."""
    if not search:
        return {}
    start, cost = search["start_cost"], search["cost"]
    moves = sum(search["iterations"])
    speed = moves / search["seconds"] if search["seconds"] > 0 else 0.0
    workers = len(search["iterations"])
    share = f" ({cost / start - 1:+.1%})" if start else ""
    return {
        "objective": str(search["objective"]),
        "cost": f"{start:,.1f} ({search['start_name']}) to {cost:,.1f}{share}",
        "moves": f"{moves:,} by {workers} workers in {search['seconds']:.1f} s, {speed:,.0f} per second",
        "samples": f"{search['samples']} of the policy",
        "ended by": "the deadline" if search["is_cut"] else "its moves",
        "guard": "acted: a dearer plan was taken, no worse than greedy"
        if search["guard_acted"]
        else "not needed"
        if search["is_even"]
        else "gave up the spread of utilisation: it would have cost a quarter more",
    }


@dataclass(frozen=True)
class WeeklyReport:
    """Outcome of one weekly cycle.

    Attributes:
        verdict: `Verdict.as_dict()` of the gate.
        decision: `promoted`, `kept`, or `baseline` in the words of the ledger.
        resumed: Whether an earlier, killed run did some of the steps.
        combination: How the candidate is best used while the shop runs, with the ratios of all ways.
    """

    cycle_id: str
    snapshot_id: str
    preset: str
    seed: int
    resumed: bool
    candidate_version: str | None
    champion_version: str | None
    is_promoted: bool
    decision: str
    verdict: Mapping[str, Any]
    verdict_lines: tuple[str, ...]
    combination: str = ""
    seconds: Mapping[str, float] = field(default_factory=dict)
    links: Mapping[str, Path] = field(default_factory=dict)

    def text(self) -> str:
        """Return the report for a terminal."""
        lines = [
            f"cycle {self.cycle_id}{' (resumed)' if self.resumed else ''}: snapshot {self.snapshot_id}, "
            f"preset {self.preset}, seed {self.seed}",
            *self.verdict_lines,
            self.decision,
            f"while the shop runs: {self.combination}",
            f"candidate version {self.candidate_version}, champion version {self.champion_version}",
            "",
            "seconds: " + ", ".join(f"{name} {value:.1f}" for name, value in self.seconds.items()),
        ]
        lines += [f"{name:18} {path}" for name, path in self.links.items()]
        return "\n".join(lines)


@dataclass(frozen=True)
class MonitorReport:
    """Plan against actual at one instant.

    Attributes:
        facts: Figures of the comparison by name.
        findings: What needs somebody's attention.
        alerts_sent: Messages of the outbox that went out.
    """

    as_of: datetime
    run_id: str | None
    facts: Mapping[str, float]
    findings: tuple[str, ...]
    alerts_sent: int
    kpis_stored: int = 0

    def text(self) -> str:
        """Return the report for a terminal."""
        lines = [f"plan {self.run_id} as of {self.as_of.isoformat()}"]
        lines += [f"{name:32} {value:12,.3f}" for name, value in self.facts.items()]
        lines += [f"attention: {finding}" for finding in self.findings] or ["nothing needs attention"]
        lines.append(f"alerts sent: {self.alerts_sent}; daily KPIs stored: {self.kpis_stored}")
        return "\n".join(lines)


@dataclass(frozen=True)
class IncidentReport:
    """The response to one incident.

    Attributes:
        plan: Which plan stands now, or which one was made.
        context: The incidents with their facts.
        alerts_sent: Messages of the outbox that went out.
    """

    as_of: datetime
    code: str
    run_id: str | None
    summary: str
    plan: str
    context: tuple[Mapping[str, Any], ...]
    alerts_sent: int

    def text(self) -> str:
        """Return the response for a terminal."""
        lines = [f"{self.code}: {self.summary}", f"run {self.run_id}", f"plan: {self.plan}"]
        lines += [f"- {row.get('severity')} {row.get('code')}: {row.get('summary')}" for row in self.context]
        return "\n".join([*lines, f"alerts sent: {self.alerts_sent}"])
