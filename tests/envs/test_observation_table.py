"""The table of the observation in docs/learning.md is the observation: names, places, ranges, preselection."""

import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from learning_plants import random_instance

from shopfloor.engine.arrays import compile_instance
from shopfloor.engine.observation import (
    CANDIDATE,
    CANDIDATES_AT,
    GLOBAL,
    GLOBAL_AT,
    N_CANDIDATES,
    OBSERVATION_NAMES,
    QUANTITIES,
    QUEUE,
    STATION,
    STATISTICS,
)
from shopfloor.engine.rules import Rule, RuleSpec
from shopfloor.engine.scenario import Disturbances
from shopfloor.envs.markov_game import StationGame
from shopfloor.envs.rewards import RewardWeights
from shopfloor.envs.scenarios import EpisodeStream

DOCS = Path(__file__).resolve().parents[2] / "docs" / "learning.md"
ROW = re.compile(r"\| (\d+)( \+ 9 k)? \| `([^`]+)` \| (.+) \| (-?\d+) \.\. (-?\d+) \|")


def documented() -> dict[int, tuple[str, float, float]]:
    """Return place -> (name, low, high), the rows of the docs written out."""
    found: dict[int, tuple[str, float, float]] = {}
    for at, is_candidate, name, _, low, high in ROW.findall(DOCS.read_text()):
        if is_candidate:
            names = {int(at) + 9 * k: name.replace("_k_", f"_{k}_") for k in range(N_CANDIDATES)}
        elif "{" in name:
            stem, ends = name.rstrip("}").split("{")
            names = {int(at) + i: stem + end for i, end in enumerate(ends.split(","))}
        else:
            names = {int(at): name}
        for place, one in names.items():
            assert place not in found, one
            limits = (0.0, 3.0) if one.endswith("_std") else (float(low), float(high))
            found[place] = (one, *limits)
    return found


@pytest.fixture(scope="module")
def seen() -> tuple[np.ndarray, np.ndarray]:
    """Observations and masks of calm and disturbed games under random legal choices."""
    problems = [compile_instance(random_instance(seed, n_jobs=40)) for seed in range(4)]
    rough = Disturbances(mtbf_h={"WC0": 30.0}, duration_sigma=0.3, rush_share=0.3)
    env = StationGame(
        problems,
        RuleSpec(Rule.ATCS),
        weights=RewardWeights(),
        stream=EpisodeStream(4, seed=5, anchor_every=2),
        n_envs=8,
        disturbances=rough,
    )
    env.set_dynamic(True)
    rng = np.random.default_rng(6)
    rows, masks = [], []
    observation = env.reset()
    for _ in range(150):
        rows.append(observation["local"])
        masks.append(observation["mask"].astype(bool))
        heads = observation["mask"].reshape(8, 2, 11).astype(bool)
        actions = np.array([[rng.choice(np.flatnonzero(head)) for head in pair] for pair in heads])
        observation, _, _, _ = env.step(actions)
    return np.concatenate(rows), np.concatenate(masks)


def test_the_table_names_every_number_in_its_place() -> None:
    table = documented()
    assert [table[place][0] for place in range(132)] == list(OBSERVATION_NAMES)
    assert len(table) == 132
    assert (len(STATION), len(QUEUE), N_CANDIDATES * len(CANDIDATE), len(GLOBAL)) == (8, 30, 90, 4)


def test_no_game_leaves_the_documented_ranges(seen: tuple[np.ndarray, np.ndarray]) -> None:
    rows, _ = seen
    assert np.isfinite(rows).all()
    for place, (name, low, high) in documented().items():
        column = rows[:, place]
        assert column.min() >= low - 1e-6 and column.max() <= high + 1e-6, (name, column.min(), column.max())
    moving = [OBSERVATION_NAMES[place] for place in range(132) if np.ptp(rows[:, place]) > 0]
    never = set(OBSERVATION_NAMES) - set(moving)
    assert never <= {"queue_log_index_best", "queue_log_index_max", "candidate_0_log_index"}, never


def test_candidates_stand_in_the_rules_order_and_empty_places_are_zero(
    seen: tuple[np.ndarray, np.ndarray],
) -> None:
    rows, masks = seen
    candidates = rows[:, CANDIDATES_AT:GLOBAL_AT].reshape(len(rows), N_CANDIDATES, len(CANDIDATE))
    present = masks[:, :N_CANDIDATES]
    index = candidates[:, :, CANDIDATE.index("log_index")]
    assert (index[:, 0] == 0).all() and present[:, :2].all()
    for left, right in pairwise(range(N_CANDIDATES)):
        assert (present[:, left] | ~present[:, right]).all()
        both = present[:, right]
        assert (index[both, left] >= index[both, right] - 1e-6).all()
    assert (candidates[~present] == 0).all()
    second = masks[:, 11:21]
    assert (~second | present).all()
    assert ((second == present).all(axis=1) | ~second.any(axis=1)).all()


def test_queue_figures_are_those_of_the_candidates_where_all_of_them_are_shown(
    seen: tuple[np.ndarray, np.ndarray],
) -> None:
    rows, masks = seen
    candidates = rows[:, CANDIDATES_AT:GLOBAL_AT].reshape(len(rows), N_CANDIDATES, len(CANDIDATE))
    checked = 0
    for row, shown, present in zip(rows, candidates, masks[:, :N_CANDIDATES], strict=True):
        n = int(present.sum())
        if n == N_CANDIDATES:
            continue
        checked += 1
        for quantity in QUANTITIES:
            values = shown[:n, CANDIDATE.index(quantity)]
            figures = [values.mean(), values.std(), values.min(), values.max(), values[0]]
            at = len(STATION) + len(STATISTICS) * QUANTITIES.index(quantity)
            assert row[at : at + 5] == pytest.approx(figures, abs=1e-5), quantity
    assert checked > 300
