"""The Markov game of the stations keeps SB3's contract and its own: turn rows, masks, telescoping reward."""

from collections.abc import Callable

import numpy as np
import pytest
from learning_plants import random_instance

from shopfloor.engine.arrays import compile_instance
from shopfloor.engine.dispatch import dispatch, quick_cost
from shopfloor.engine.observation import REWARD_TERMS
from shopfloor.engine.rules import Rule, RuleSpec
from shopfloor.engine.scenario import Disturbances
from shopfloor.envs.markov_game import StationGame, idle_where_illegal
from shopfloor.envs.rewards import RewardWeights, rule_totals
from shopfloor.envs.scenarios import EpisodeStream

PROBLEMS = [compile_instance(random_instance(seed, n_jobs=12)) for seed in range(3)]
RULE = RuleSpec(Rule.ATCS)
ROUGH = Disturbances(mtbf_h={"WC0": 30.0}, duration_sigma=0.2, rush_share=0.2)


def game(*, seed: int = 0, n_envs: int = 4, weights: RewardWeights | None = None) -> StationGame:
    return StationGame(
        PROBLEMS,
        RULE,
        weights=weights or RewardWeights(),
        stream=EpisodeStream(len(PROBLEMS), seed=seed, anchor_every=3),
        n_envs=n_envs,
        disturbances=ROUGH,
    )


def legal(observation: dict[str, np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """Draw legal pairs without replacement, never idling where a candidate is left."""
    actions = np.full((len(observation["mask"]), 2), 10)
    for row, mask in enumerate(observation["mask"].reshape(-1, 2, 11).astype(bool)):
        first = np.flatnonzero(mask[0, :10])
        if len(first):
            actions[row, 0] = rng.choice(first)
        second = [k for k in np.flatnonzero(mask[1, :10]) if k != actions[row, 0]]
        if second:
            actions[row, 1] = rng.choice(second)
    return actions


def play(
    env: StationGame, steps: int
) -> list[tuple[dict[str, np.ndarray], np.ndarray, np.ndarray, list[dict]]]:
    rng = np.random.default_rng(7)
    observation = env.reset()
    rows = []
    for _ in range(steps):
        observation, rewards, dones, infos = env.step(legal(observation, rng))
        rows.append((observation, rewards, dones, infos))
    return rows


def test_every_row_lies_in_its_space_and_always_has_a_choice() -> None:
    env = game()
    for observation, rewards, dones, _ in play(env, 120):
        for name, space in env.observation_space.spaces.items():
            assert observation[name].shape == (4, *space.shape)
            assert observation[name].dtype == space.dtype
            assert np.isfinite(observation[name]).all()
        heads = observation["mask"].reshape(4, 2, 11)
        assert (heads[:, 0, :10].sum(axis=1) >= 1).all()
        assert (observation["agent"].sum(axis=1) == 1).all()
        assert rewards.shape == (4,) and rewards.dtype == np.float32 and dones.dtype == bool


def test_an_ended_episode_tells_how_it_went_and_the_next_one_begins_at_once() -> None:
    ended = 0
    for observation, _, dones, infos in play(game(), 200):
        for env in np.flatnonzero(dones):
            ended += 1
            assert infos[env]["cost"] >= 0 and infos[env]["episode"]["l"] > 0
            assert observation["clock"][env, 0] < 24
            assert observation["mask"][env, :10].any()
    assert ended >= 4


def test_the_potential_term_telescopes_to_the_final_weighted_tardiness() -> None:
    env = game(n_envs=1, weights=RewardWeights(idle_or_invalid=0.0))
    first = env.reset()
    start = float(np.expm1(3.0 * first["glob"][0, 84]))
    total, done = 0.0, False
    rng = np.random.default_rng(0)
    observation = first
    while not done:
        observation, rewards, dones, infos = env.step(legal(observation, rng))
        total += float(rewards[0])
        done = bool(dones[0])
    assert total == pytest.approx(start - infos[0]["cost"], rel=1e-3, abs=1e-3)


def test_following_the_first_candidate_costs_what_the_rule_costs() -> None:
    env = game(n_envs=1)
    env.reset()
    costs = {}
    while len(costs) < 3:
        _, _, dones, infos = env.step(np.array([[0, 1]]))
        if dones[0]:
            costs[infos[0]["problem"]] = infos[0]["cost"]
    for index, cost in costs.items():
        rule = quick_cost(PROBLEMS[index], dispatch(PROBLEMS[index], RULE))
        assert cost == pytest.approx(rule, rel=0.25, abs=0.5)


def test_the_same_seed_plays_the_same_game_and_another_seed_another() -> None:
    def trace(seed: int) -> np.ndarray:
        env = game(seed=seed)
        env.set_dynamic(True)
        return np.array([rewards for _, rewards, _, _ in play(env, 60)])

    assert np.array_equal(trace(1), trace(1))
    assert not np.array_equal(trace(1), trace(2))


def test_in_stage_two_every_third_episode_is_a_calm_anchor() -> None:
    env = game(n_envs=1)
    env.set_dynamic(True)
    kinds = [infos[0]["is_anchor"] for _, _, dones, infos in play(env, 260) if dones[0]]
    assert kinds[:6] == [True, False, False, True, False, False]


def test_stage_one_has_no_disturbance() -> None:
    stream = EpisodeStream(3, seed=1)
    assert not any(stream.plan(0, n, is_dynamic=False).is_disturbed for n in range(20))


@pytest.mark.parametrize(("every", "share"), [(4, 0.25), (2, 0.5), (0, 0.0)])
def test_anchors_have_their_share_of_stage_two_and_are_calm(every: int, share: float) -> None:
    stream = EpisodeStream(3, 2, seed=1, anchor_every=every)
    plans = [stream.plan(env, n, is_dynamic=True) for env in range(5) for n in range(40)]
    assert sum(plan.is_anchor for plan in plans) == share * len(plans)
    for plan in plans:
        assert plan.is_anchor != plan.is_disturbed
        assert (plan.problem < 3) == plan.is_anchor
    assert all(stream.plan(0, n, is_dynamic=False).is_anchor is False for n in range(8))


def test_a_game_without_any_decision_is_refused() -> None:
    lonely = compile_instance(random_instance(0, n_jobs=1))
    env = StationGame(
        [lonely], RULE, weights=RewardWeights(), stream=EpisodeStream(1), n_envs=1, disturbances=None
    )
    with pytest.raises(ValueError, match="no episode has a decision"):
        env.reset()


def test_reward_weights_follow_the_engines_order_and_scale() -> None:
    scaled = RewardWeights(potential_decrease=2.0).scaled_to(30.0)
    assert scaled.vector()[-1] == pytest.approx(1.0)


def test_the_scale_of_a_literal_reward_makes_all_its_terms_together_worth_fifteen() -> None:
    totals = rule_totals(PROBLEMS, RULE)
    jobs = sum(len(problem.instance.jobs) for problem in PROBLEMS) / len(PROBLEMS)
    assert totals[REWARD_TERMS.index("completed_jobs")] == pytest.approx(jobs)
    assert totals[REWARD_TERMS.index("all_done")] == 1.0
    assert totals[REWARD_TERMS.index("idle_or_invalid")] == 0.0
    weights = RewardWeights(completed_jobs=0.5, all_done=10.0, due_date_penalty=-1.0, potential_decrease=0.0)
    assert np.abs(weights.scaled_by(totals).vector()) @ totals == pytest.approx(15.0)
    assert weights.scaled_by(np.zeros(7)).scale == pytest.approx(15_000.0)


def test_what_each_term_paid_adds_up_to_the_returns() -> None:
    env = game(weights=RewardWeights(completed_jobs=1.0, slack=0.2, wip=-0.1))
    env.reset()
    rng = np.random.default_rng(3)
    observation, total, ended = env.reset(), 0.0, 0
    while not ended:
        observation, rewards, dones, _ = env.step(legal(observation, rng))
        total += float(rewards.sum())
        ended += int(dones.sum())
    parts = env.reward_parts()
    assert tuple(parts) == REWARD_TERMS
    assert ended * sum(parts.values()) == pytest.approx(total, rel=1e-4, abs=1e-4)
    assert env.reward_parts() == {}


def test_illegal_choices_of_either_head_and_the_same_candidate_twice_are_idling() -> None:
    mask = np.zeros((5, 22), dtype=bool)
    mask[:, [0, 1, 10, 11, 12, 21]] = True
    asked = np.array([[0, 1], [5, 1], [0, 7], [1, 1], [10, 10]])
    assert idle_where_illegal(asked, mask).tolist() == [[0, 1], [10, 1], [0, 10], [1, 10], [10, 10]]
    assert asked.tolist()[1] == [5, 1]


def test_an_illegal_first_choice_is_idling_and_costs_its_penalty() -> None:
    penalty = RewardWeights(idle_or_invalid=-1.0, potential_decrease=0.0)

    def first_reward(choose: Callable[[np.ndarray], int]) -> tuple[float, np.ndarray]:
        env = game(n_envs=1, weights=penalty)
        mask = env.reset()["mask"][0].astype(bool)
        observation, rewards, _, _ = env.step(np.array([[choose(mask), 1 if mask[12] else 10]]))
        return float(rewards[0]), observation["local"]

    absent, seen = first_reward(lambda mask: int(np.flatnonzero(~mask[:10])[0]))
    idle, same = first_reward(lambda mask: 10)
    legal_choice, _ = first_reward(lambda mask: 0)
    assert absent == idle == -1.0 and legal_choice == 0.0
    assert np.array_equal(seen, same)
