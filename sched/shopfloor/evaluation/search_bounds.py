"""How much could be won at all: proved lower bounds beside what the players of the search's bench reached.

A bound is stored under the hash of the instance and of the sources that prove it. What lies between the bound and
a plan is not known to be possible: the bound may be low, the plan may be poor.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import shopfloor
from shopfloor.domain.fingerprint import instance_fingerprint
from shopfloor.evaluation.search_cases import SearchCase
from shopfloor.evaluation.search_goals import AVOIDABLE, BelowBound, Rows
from shopfloor.evaluation.search_rows import RowStore
from shopfloor.policies.exact_bound import proved_bound

PROOF_SOURCES = ("policies/exact_bound*.py", "domain/bounds.py", "domain/open_time.py")
SHOWN = ("best_tuned", "search_fast", "search", "cp_sat")

Prove = Callable[[SearchCase, float], "BoundRow"]


@dataclass(frozen=True)
class BoundRow:
    """A proved bound of one case.

    Attributes:
        value: No plan in regular time has less avoidable weighted tardiness, days.
        by_centre: What each work centre contributes.
        seconds: Wall seconds of the proof.
    """

    key: str
    case: str
    value: float
    by_centre: Mapping[str, float]
    seconds: float


def bound_row(store: RowStore, case: SearchCase, target: float) -> BoundRow:
    """Return the bound of a case, proved now unless it is stored.

    Args:
        target: Avoidable weighted tardiness of the best known plan, days.
    """
    key = f"bound-{proof_hash()[:16]}-{instance_fingerprint(case.instance)[:24]}"
    known = store.get(key)
    if known is None:
        found = proved_bound(case.instance, target=target)
        known = asdict(BoundRow(key, case.name, found.value, dict(found.by_centre), found.seconds))
        store.add(known)
    return BoundRow(**known)


def prove_bounds(rows: Rows, cases: Sequence[SearchCase], prove: Prove) -> list[BoundRow]:
    """Return the bounds of cases that were played.

    Raises:
        BelowBound: A plan is better than what was proved possible.
    """
    found = []
    for case in cases:
        reached = {role: by_case[case.name].kpis[AVOIDABLE] for role, by_case in rows.items()}
        row = prove(case, min(reached.values()))
        for role, value in reached.items():
            if value < row.value - 1e-6 and not rows[role][case.name].kpis["overtime_hours"]:
                raise BelowBound(
                    f"{role} on {case.name} has {value:.6f} avoidable, proved is at least {row.value:.6f}\n"
                    "hint: engine, KPI or bound is wrong; no number of this bench counts until it is found"
                )
        found.append(row)
    return found


def bound_lines(rows: Rows, bounds: Sequence[BoundRow]) -> list[str]:
    """Return the table: each player as a multiple of the bound, and the least that a plan could have of the rule."""
    roles = [role for role in SHOWN if role in rows]
    if not bounds or not roles:
        return []
    head = "".join(f"{role:>12}{'/bound':>8}" for role in roles)
    lines = ["", f"{'avoidable':22}{'bound':>9}{head}{'bound/rule':>12}{'proof s':>9}  centres"]
    totals = dict.fromkeys(roles, 0.0)
    for row in bounds:
        values = {role: rows[role][row.case].kpis[AVOIDABLE] for role in roles}
        totals = {role: totals[role] + values[role] for role in roles}
        centres = ", ".join(f"{name} {value:.0f}" for name, value in row.by_centre.items() if value >= 0.5)
        lines.append(f"{_line(row.case, row.value, values)}{row.seconds:9.0f}  {centres}")
    proved = sum(row.value for row in bounds)
    lines.append(_line(f"sum of {len(bounds)}", proved, totals))
    rule = totals[roles[0]]
    if rule > 0:
        lines.append(
            f"proved: no plan in regular time has less than {proved / rule:.3f} of the avoidable weighted "
            f"tardiness of the {roles[0]} rules; at most {1 - proved / rule:.1%} of it can be won"
        )
    return lines


def _line(name: str, bound: float, values: Mapping[str, float]) -> str:
    shown = "".join(f"{value:12.1f}{_over(value, bound)}" for value in values.values())
    rule = next(iter(values.values()))
    return f"{name:22}{bound:9.1f}{shown}{bound / rule if rule > 0 else 1.0:12.3f}"


def _over(value: float, bound: float) -> str:
    return f"{value / bound:8.3f}" if bound > 0 else f"{'-':>8}"


@lru_cache(maxsize=1)
def proof_hash() -> str:
    """Return the hash of every source that a proof depends on."""
    digest = hashlib.sha256()
    root = Path(next(iter(shopfloor.__path__)))
    for pattern in PROOF_SOURCES:
        for source in sorted(root.glob(pattern)):
            digest.update(source.name.encode() + source.read_bytes())
    return digest.hexdigest()
