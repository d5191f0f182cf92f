"""The single dispatcher's environment keeps Gymnasium's contract and its own: table, mask, reward, plans."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from oracles.dispatcher_view import DispatcherOracle, Placed

from shopfloor.domain.kpis import compute_kpis
from shopfloor.domain.open_time import COST_FACTOR, WindowKind
from shopfloor.domain.validator import validate
from shopfloor.engine.dispatch import dispatch, quick_cost
from shopfloor.engine.dispatcher_observation import PRODUCTION_LAYOUT
from shopfloor.engine.rules import Rule, RuleSpec
from shopfloor.envs.dispatcher import DispatcherEnv, InstanceBank
from shopfloor.envs.dispatcher_presets import EXERCISES, Exercise, UnknownExercise, exercise_named
from shopfloor.envs.dispatcher_rewards import DispatcherReward
from shopfloor.envs.dispatcher_shops import HELD_OUT_SEEDS, drawn_from
from shopfloor.envs.dispatcher_vec import DispatcherVec

RULE = RuleSpec(Rule.ATCS, k1=1.5, k2=0.7, tail=0.8)
NAMES = tuple(EXERCISES)


def never_waiting(name: str) -> Exercise:
    return replace(exercise_named(name), may_wait=False)


def play_out(env: DispatcherEnv, rng: np.random.Generator, *, seed: int = 0) -> list[float]:
    """Play an episode of random legal actions; return its rewards."""
    env.reset(seed=seed)
    rewards, is_over = [], False
    while not is_over:
        action = rng.choice(np.flatnonzero(env.action_masks()))
        _, reward, is_over, _, _ = env.step(action)
        rewards.append(float(reward))
    return rewards


def oracle_of(env: DispatcherEnv) -> DispatcherOracle:
    desk, compiled = env.desk, env.desk.compiled
    outcome = desk.running()
    placed = {
        compiled.operation_ids[op]: Placed(
            compiled.slots[outcome.slot[op]].machine_id,
            int(outcome.start[op]),
            int(outcome.end[op]),
            int(outcome.setup[op] + outcome.run[op]),
        )
        for op in np.flatnonzero(outcome.slot >= 0)
    }
    return DispatcherOracle(
        compiled.instance,
        placed,
        desk.minute,
        compiled.work_centres[desk.centre],
        float(compiled.problem.stretch[0]),
        dict(zip(compiled.operation_ids, env.levels.tolist(), strict=True)),
        desk.rule,
    )


@pytest.mark.parametrize("name", NAMES)
def test_every_exercise_passes_gymnasiums_checker(name: str) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*alternative render modes.*")  # it has no registered spec
        check_env(DispatcherEnv(name, render_mode="rgb_array"))


def test_production_sees_1106_numbers_and_chooses_among_100_jobs_or_waits() -> None:
    env = DispatcherEnv("production")
    assert env.observation_space.shape == (74 * 4 + 100 * 8 + 10,) == (1106,)
    assert env.action_space.n == 101
    names = PRODUCTION_LAYOUT.names()
    assert len(set(names)) == len(names) == 1106


@pytest.mark.parametrize("name", NAMES)
def test_the_observation_is_its_table_worked_out_slowly(name: str) -> None:
    exercise = never_waiting(name)
    env = DispatcherEnv(exercise, rule=RULE)
    rng = np.random.default_rng(3)
    names = exercise.layout.names()
    n_checked = 0
    for seed in range(3 if name != "production" else 1):
        env.reset(seed=seed)
        while not env.desk.is_over and n_checked < 40:
            if rng.random() < (0.02 if name == "production" else 0.25):
                expected = oracle_of(env).observation(exercise.layout)
                wrong = np.flatnonzero(~np.isclose(env.desk.observation, expected, atol=2e-5))
                seen = {names[i]: (float(env.desk.observation[i]), float(expected[i])) for i in wrong[:5]}
                assert not seen
                n_checked += 1
            env.step(rng.choice(np.flatnonzero(env.action_masks())))
    assert n_checked > 0


@pytest.mark.parametrize("name", ["dependency", "time", "medium"])
def test_an_action_is_legal_exactly_when_its_job_may_start_at_the_centre_that_is_asked(name: str) -> None:
    env = DispatcherEnv(never_waiting(name))
    rng = np.random.default_rng(5)
    env.reset(seed=1)
    while not env.desk.is_over:
        oracle = oracle_of(env)
        wanted = {job_id for job_id in oracle.by_job if (oracle.shown(job_id) or (9,))[0] == 0}
        rows = env.desk.window
        mask = env.action_masks()
        legal = {env.desk.compiled.job_ids[rows[row, 0]] for row in np.flatnonzero(mask[:-1])}
        assert legal == wanted
        assert not mask[-1]
        action = rng.choice(np.flatnonzero(mask))
        operation, minute = rows[action, 1], env.desk.minute
        env.step(action)
        assert env.desk.running().start[operation] == minute


@pytest.mark.parametrize("name", NAMES)
def test_a_plan_of_random_legal_actions_passes_the_validator(name: str) -> None:
    env = DispatcherEnv(name)
    rng = np.random.default_rng(7)
    for seed in range(4 if name != "production" else 1):
        play_out(env, rng, seed=seed)
        schedule = env.schedule()
        assert validate(env.desk.compiled.instance, schedule) == ()
        assert not schedule.unassigned


def test_rewards_add_up_to_the_fall_of_the_potential() -> None:
    env = DispatcherEnv("medium")
    _, begin = env.reset(seed=2)
    total, is_over, info = 0.0, False, {}
    while not is_over:
        action = int(np.flatnonzero(env.action_masks())[0])
        _, reward, is_over, _, info = env.step(np.int64(action))
        total += float(reward)
    assert total == pytest.approx(begin["potential"] - info["cost"])
    assert info["cost"] == pytest.approx(quick_cost(env.desk.compiled, env.desk.outcome()))
    assert info["cost"] == pytest.approx(
        compute_kpis(env.desk.compiled.instance, env.schedule()).weighted_tardiness
    )


def test_always_taking_the_largest_index_is_the_rule() -> None:
    env = DispatcherEnv("medium", rule=RULE)
    env.reset(seed=4)
    layout = env.exercise.layout
    while not env.desk.is_over:
        jobs = env.desk.observation[layout.jobs_at : layout.global_at].reshape(-1, 8)
        env.step(np.argmax(np.where(env.action_masks()[:-1], jobs[:, 7], -9.0)))
    by_rule = dispatch(env.desk.compiled, RULE)
    assert env.desk.told().cost == pytest.approx(quick_cost(env.desk.compiled, by_rule))


def test_overtime_costs_what_the_plant_pays_for_it() -> None:
    env = DispatcherEnv("time", reward=DispatcherReward(overtime=1.0))
    rng = np.random.default_rng(1)
    extra = 0.0
    for seed in range(6):
        env.reset(seed=seed)
        booked = env.desk.told().extra
        while not env.desk.is_over:
            _, told = env.play(int(rng.choice(np.flatnonzero(env.action_masks()))))
            booked += told.extra
        paid = 0.0
        for item in env.schedule().operations:
            hours = env.desk.compiled.instance.open_time[item.machine_id]
            _, evening, night = hours.minutes_by_kind(item.start, item.end, item.level)
            paid += (COST_FACTOR[WindowKind.OVERTIME] - 1) * evening / 60
            paid += (COST_FACTOR[WindowKind.NIGHT] - 1) * night / 60
        assert booked == pytest.approx(paid)
        extra += paid
    assert extra > 0


def test_an_illegal_action_starts_the_first_legal_job_and_costs_its_price() -> None:
    env = DispatcherEnv("medium", reward=DispatcherReward(illegal=3.0))
    env.reset(seed=0)
    wait = env.exercise.layout.wait
    assert not env.action_masks()[wait]
    first = env.desk.window[0, 1]
    reward, told = env.play(wait)
    assert told.is_illegal
    assert told.started == first
    assert reward == pytest.approx(told.gain - 3.0)


def test_waiting_starts_nothing_and_ends_within_the_hour_and_not_for_ever() -> None:
    env = DispatcherEnv("toy")
    env.reset(seed=0)
    wait = np.int64(env.exercise.layout.wait)
    n_waits = 0
    while env.action_masks()[wait]:
        before = env.desk.minute
        _, _, is_over, _, _ = env.step(wait)
        assert not is_over
        assert env.desk.told().started == -1
        assert before < env.desk.minute <= before + 60
        n_waits += 1
    assert n_waits == 32


def test_the_same_seed_gives_the_same_episodes() -> None:
    def episodes() -> list[list[float]]:
        env = DispatcherEnv("dependency")
        rng = np.random.default_rng(9)
        return [play_out(env, rng, seed=11), play_out(env, rng, seed=12)]

    assert episodes() == episodes()


def test_the_job_limit_bounds_the_books_that_begin_from_now_on() -> None:
    env = DispatcherEnv("production")
    env.set_job_limit(120)
    env.reset(seed=0)
    assert env.desk.compiled.n_operations == 120
    with pytest.raises(ValueError, match="job limit of 'production' is out of range: 501"):
        env.set_job_limit(501)


def test_books_for_learning_and_for_judging_do_not_mix() -> None:
    with pytest.raises(ValueError, match="mixes learning and judging"):
        InstanceBank(drawn_from(exercise_named("toy").shop), n=2, first=HELD_OUT_SEEDS - 1)


def test_an_unknown_exercise_is_named_with_those_there_are() -> None:
    with pytest.raises(UnknownExercise, match="no exercise is called 'huge'"):
        DispatcherEnv("huge")


def test_the_chart_shows_every_machine_as_text_and_as_pixels() -> None:
    for mode in ("ansi", "rgb_array"):
        env = DispatcherEnv("dependency", render_mode=mode)
        play_out(env, np.random.default_rng(0))
        picture = env.render()
        if mode == "ansi":
            assert [line.split()[0] for line in picture.splitlines()[1:]] == [
                machine.machine_id for machine in env.desk.compiled.instance.plant.machines
            ]
        else:
            assert picture.dtype == np.uint8
            assert picture.shape == (4 * 8, 72 * 8, 3)


def test_side_by_side_is_the_same_as_one_after_the_other() -> None:
    exercise = exercise_named("toy")
    many = DispatcherVec(exercise, 3, seed=5)
    alone = [DispatcherEnv(exercise) for _ in range(3)]
    seen = many.reset()
    expected = [env.reset(seed=5 + i)[0] for i, env in enumerate(alone)]
    for step in range(40):
        assert np.array_equal(seen, np.stack(expected))
        masks = np.stack(many.env_method("action_masks"))
        actions = np.array([np.flatnonzero(mask)[step % mask.sum()] for mask in masks])
        seen, rewards, dones, infos = many.step(actions)
        for i, env in enumerate(alone):
            expected[i], reward, is_over, _, info = env.step(actions[i])
            assert reward == pytest.approx(rewards[i])
            assert is_over == dones[i]
            if is_over:
                assert infos[i]["cost"] == info["cost"]
                assert np.array_equal(infos[i]["terminal_observation"], expected[i])
                expected[i] = env.reset()[0]
