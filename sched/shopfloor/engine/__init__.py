"""The compiled heart: one engine for rules, policies, simulation, training and the plant's own greedy.

Floor 2: imports `domain` and nothing else of ours; the only package that imports numba.

Map: `arrays.py` turns an instance into flat arrays; `rules.py`, `actor.py` say who decides; `scenario.py`
says what really happens; `dispatch.py` runs a whole plan. The best plan of a budget is `optimise.py`'s: it
starts at the plans of `portfolio.py` and runs the chains of `search.py` on the arrays of `search_state.py`
towards an `objective.py`; `held_plan.py` keeps a plan in force; `disjunctive.py` improves a plan of an
always-open shop. While a shop runs, `following.py` carries a plan out, `known_world.py` says what is known
at a minute and `short_search.py` improves a plan in milliseconds. `batch.py` runs many episodes step by
step for learning; `observation.py` names what a policy sees. `dispatcher_desk.py` asks one dispatcher for
the whole plant job by job; `dispatcher_observation.py` names what it sees. `kernel/` holds the njit
functions and nothing else.

Invariants: times are integer minutes since the instance's epoch; all events of one instant are applied
before any decision; a rule or a policy sees nominal minutes only; a random draw depends on (seed, who,
which event) and never on earlier decisions; the same arguments give the same plan. Nothing here reads a
file, a clock (but for deadlines) or the environment (but for numba's cache folder in
`kernel_cache.py`).

A new rule: a code in `layout.py`, a branch in `kernel/rules.py`, the same branch in `tests/oracles/`.
A new feature: `observation.py` and `kernel/observe.py`, and every stored model is refused from then on
(schema hash).
A new move of the search: `kernel/moves.py` or `runs.py` proposes it, `rearrange.py` carries it out,
`relocation.py` times what follows and can undo it.
"""
