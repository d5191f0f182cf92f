"""`bench replan` on a tiny plant: every row played once and kept, policy or not, budgets refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest
from shopfloor_command import shopfloor

from flows.bench_replan import STORE, ReplanOptions, run_bench_replan
from shopfloor.domain.errors import RefusedInput
from shopfloor.engine.actor import zero_weights
from shopfloor.engine.rules import Rule, RuleSpec
from shopfloor.policies.bundle import save_bundle
from shopfloor.policies.model import DispatchModel


def options(model: Path | None, *, n_cases: int = 2) -> ReplanOptions:
    return ReplanOptions(n_cases=n_cases, budgets_ms=(0.5,), plant="tiny", model=model, are_all=False)


def test_a_stopped_bench_goes_on_and_a_policy_joins_in(tmp_path: Path) -> None:
    said: list[str] = []
    first = run_bench_replan(options(None, n_cases=1), say=said.append, home=tmp_path)
    assert said[0].startswith("rules: ")
    assert any("no learned policy" in line for line in said)
    assert all(line.n_cases == 1 and line.n_violations == 0 for line in first.table.lines)
    rows = (tmp_path / "bench" / STORE).read_text().splitlines()

    actor = DispatchModel("actor", RuleSpec(Rule.ATC), zero_weights(8, 8))
    model = save_bundle(actor, tmp_path / "policy").path
    said.clear()
    second = run_bench_replan(options(model), say=said.append, home=tmp_path)
    names = {line.player for line in second.table.lines}
    assert "policy" in names
    assert "replan 0.5 ms, policy as a start" in names
    n_kept = len(first.table.lines) - 1  # but for the planner on futures, which the policy joins
    assert f"{n_kept} of {2 * len(names)} rows are there" in said
    assert said[-1].startswith(f"[{2 * len(names) - n_kept}/")
    assert (tmp_path / "bench" / STORE).read_text().splitlines()[: len(rows)] == rows

    again = run_bench_replan(options(model), say=said.append, home=tmp_path)
    assert again.table == second.table
    assert second.table.verdict() in again.text()


def test_a_rule_in_place_of_a_policy_is_refused(tmp_path: Path) -> None:
    model = save_bundle(DispatchModel("rule", RuleSpec(Rule.ATC)), tmp_path / "rule").path
    with pytest.raises(RefusedInput, match="hint:"):
        run_bench_replan(options(model), say=lambda _: None, home=tmp_path)


def test_budgets_are_positive_numbers(tmp_path: Path) -> None:
    done = shopfloor("bench", "replan", "--budgets", "10,x", home=tmp_path)
    assert done.returncode != 0
    assert "10,x" in done.stderr
