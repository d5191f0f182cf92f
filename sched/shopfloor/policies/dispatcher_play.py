"""Let a trained single dispatcher plan a whole book, without torch: one forward pass per choice."""

from __future__ import annotations

from shopfloor.engine.arrays import Compiled
from shopfloor.engine.dispatch import Outcome
from shopfloor.engine.dispatcher_desk import DispatcherDesk
from shopfloor.envs.dispatcher_presets import Exercise
from shopfloor.policies.dispatcher_model import DispatcherModel


class DispatcherPlayer:
    """One model at one exercise's desk, used for as many books as wanted.

    Args:
        model: Trained on any exercise: its weights serve every size.
        exercise: Size of the desk, and whether waiting and overtime are allowed.
    """

    def __init__(self, model: DispatcherModel, exercise: Exercise) -> None:
        self.model, self.exercise = model, exercise
        self._desk = DispatcherDesk(exercise.layout, rule=model.rule, may_wait=exercise.may_wait)

    def plan(self, compiled: Compiled) -> Outcome:
        """Return where the dispatcher puts every operation; always its best choice, nothing is sampled."""
        desk, model, layout = self._desk, self.model, self.exercise.layout
        told = desk.begin(compiled, levels=self.exercise.levels(compiled))
        while not told.is_over:
            told = desk.choose(model.choose(desk.observation, desk.mask, layout))
        return desk.outcome()

    def actions(self, compiled: Compiled) -> list[int]:
        """Return the choices that `plan` makes, in order."""
        desk, model, layout = self._desk, self.model, self.exercise.layout
        chosen: list[int] = []
        told = desk.begin(compiled, levels=self.exercise.levels(compiled))
        while not told.is_over:
            chosen.append(model.choose(desk.observation, desk.mask, layout))
            told = desk.choose(chosen[-1])
        return chosen
