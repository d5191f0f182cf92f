"""A move is carried out exactly, taken back without trace, and judged half way by slopes that are true."""

from __future__ import annotations

import numpy as np
import pytest
from oracles.random_plants import random_instance

from shopfloor.engine.arrays import Compiled, compile_instance
from shopfloor.engine.dispatch import Outcome, dispatch, greedy_list
from shopfloor.engine.kernel import search_memory as memory
from shopfloor.engine.kernel import sequences as seq
from shopfloor.engine.objective import PRESETS
from shopfloor.engine.rules import Rule, RuleSpec
from shopfloor.engine.search import Chain, Cooling, new_chain
from shopfloor.engine.search_state import completions, cost_of, sequences_of, weights_of
from shopfloor.evaluation.search_cases import factory_case

HOT = Cooling(hot=1e6, cold=1e6)
"""Every move is kept, whatever it costs."""

COLD = Cooling(hot=1e-9, cold=1e-9)
"""No move is kept that costs anything."""


def chain_of(compiled: Compiled, start: Outcome, cooling: Cooling, *, objective: str, seed: int = 0) -> Chain:
    """A chain that no guard holds back."""
    return new_chain(
        compiled,
        start,
        objective=PRESETS[objective],
        limit=np.full(6, np.inf),
        safe=start,
        worth=np.zeros(len(compiled.job_ids), dtype=np.int64),
        planned=10_000,
        seed=seed,
        cooling=cooling,
    )


def few_machines(seed: int) -> Compiled:
    """Twelve families with setups on a dozen machines, always open: long runs, many swaps."""
    return compile_instance(factory_case(40, 12, seed).instance)


def timed_anew(compiled: Compiled, plan: seq.Sequences) -> seq.Sequences:
    """The same sequences with every time worked out from nothing."""
    copy = plan._replace(
        row=plan.row.copy(), load=plan.load.copy(), extra=plan.extra.copy(), job_end=plan.job_end.copy()
    )
    order = np.lexsort((plan.row[:, seq.R_END], plan.row[:, seq.R_START]))
    order = order[plan.node[order, seq.N_KIND] != seq.OUT].astype(np.int64)
    assert seq.retime_all(compiled.problem, copy, order) == 0
    copy.job_end[:] = completions(compiled, copy)
    return copy


def assert_exact(compiled: Compiled, chain: Chain) -> None:
    again = timed_anew(compiled, chain.plan)
    for column in (seq.R_START, seq.R_END, seq.R_SETUP):
        assert np.array_equal(chain.plan.row[:, column], again.row[:, column])
    assert np.array_equal(chain.plan.load, again.load)
    assert np.array_equal(chain.plan.job_end, again.job_end)
    assert chain.search.money[memory.M_COST] == pytest.approx(cost_of(compiled, again, chain.weights))


@pytest.mark.parametrize("cooling", [HOT, Cooling(1.0, 1.0), COLD], ids=["hot", "warm", "cold"])
@pytest.mark.parametrize("seed", range(6))
def test_after_every_few_moves_all_times_are_those_of_a_plan_timed_from_nothing(
    seed: int, cooling: Cooling
) -> None:
    shops = few_machines(seed), compile_instance(random_instance(seed, tidy=True))
    for compiled in shops:
        chain = chain_of(compiled, greedy_list(compiled), cooling, objective="overtime", seed=seed)
        for until in range(40, 1200, 40):
            chain.advance(until)
            assert_exact(compiled, chain)


def test_runs_of_one_family_move_and_swap_whole() -> None:
    compiled = few_machines(1)
    chain = chain_of(compiled, dispatch(compiled, RuleSpec(Rule.ATCS)), HOT, objective="tardiness")
    lifted = []
    for until in range(1, 1500):
        before = chain.search.tally[memory.T_ACCEPTED]
        chain.advance(until)
        if chain.search.tally[memory.T_ACCEPTED] > before:
            steps = int(chain.search.tally[memory.T_STEPS])
            lifted.append(len(set(chain.search.back[:steps, memory.B_SLOT].tolist())) * 100 + steps)
    assert any(steps % 100 > 2 for steps in lifted), "no run of three was ever moved"
    assert any(steps > 200 for steps in lifted), "nothing was ever swapped between slots"
    assert_exact(compiled, chain)


@pytest.mark.parametrize("seed", range(4))
def test_a_slope_is_what_one_more_minute_of_an_operation_costs(seed: int) -> None:
    compiled = few_machines(seed)
    start = dispatch(compiled, RuleSpec(Rule.ATCS))
    chain = chain_of(compiled, start, COLD, objective="tardiness")
    chain.advance(1)
    weights = weights_of(compiled, PRESETS["tardiness"])
    plan = sequences_of(compiled, start)
    least = cost_of(compiled, plan, weights)
    for op in range(compiled.n_operations):
        plan.row[op, seq.R_RUN] += 1
        delayed = cost_of(compiled, timed_anew(compiled, plan), weights)
        plan.row[op, seq.R_RUN] -= 1
        assert chain.search.slope[op] == pytest.approx(delayed - least, abs=1e-9)
