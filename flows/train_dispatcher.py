"""Train a single dispatcher and keep it as a bundle: wiring of books, training, diary and folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from shopfloor.settings import Settings, read_settings

if TYPE_CHECKING:
    from shopfloor.training.dispatcher_presets import DispatcherPreset
    from shopfloor.training.dispatcher_train import Drawn, TrainedDispatcher

EXPERIMENT = "shopfloor-dispatcher"
Books = Literal["plant", "drawn"]
Listener = Callable[[str, float, str], None]


@dataclass(frozen=True)
class DispatcherRequest:
    """What to train.

    Attributes:
        exercise: toy, dependency, time, medium or production.
        seed: Of every random draw.
        budget: Factor of the preset's steps, > 0; below 1 also of the tuned rules' trials.
        books: Where production's books come from: the default plant's twin, or a drawn shop of its size.
        n_processes: Environments in processes of their own; 0 = all in this one.
        is_fresh: Forget an unfinished or finished training of the same kind.
    """

    exercise: str
    seed: int = 0
    budget: float = 1.0
    books: Books = "plant"
    n_processes: int = 0
    is_fresh: bool = False


@dataclass(frozen=True)
class TrainedReport:
    """The answer of `train-dispatcher`.

    Attributes:
        trained: The dispatcher and how it came about.
        bundle: Its folder.
        bundle_hash: SHA-256 of its manifest.
        curves: Folder of its TensorBoard curves.
    """

    exercise: str
    trained: TrainedDispatcher
    bundle: Path
    bundle_hash: str
    curves: Path

    def text(self) -> str:
        """Return what to tell a person."""
        trained = self.trained
        return "\n".join(
            [
                f"{self.exercise}: {trained.ratio:.3f} of the best tuned rule's weighted tardiness on validation "
                f"books ({trained.tuned.best.name})",
                f"{trained.timesteps} choices in {trained.cpu_seconds:.0f} CPU seconds"
                + (", continued from an earlier run" if trained.is_resumed else ""),
                f"bundle {self.bundle} ({self.bundle_hash[:12]})",
                f"curves: tensorboard --logdir {self.curves}",
            ]
        )

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "exercise": self.exercise,
            "validation_ratio": self.trained.ratio,
            "timesteps": self.trained.timesteps,
            "cpu_seconds": self.trained.cpu_seconds,
            "is_resumed": self.trained.is_resumed,
            "history": list(self.trained.history),
            "tuned_rules": self.trained.tuned.as_rows(),
            "bundle": str(self.bundle),
            "bundle_hash": self.bundle_hash,
        }


def run_train_dispatcher(request: DispatcherRequest, *, listen: Listener | None = None) -> TrainedReport:
    """Train, or go on where an earlier run was killed, and store the bundle.

    Args:
        listen: Called with (stage, share done, message with the time left).

    Raises:
        UnknownExercise: No exercise has that name.
    """
    from shopfloor.policies.dispatcher_bundle import save_dispatcher
    from shopfloor.tracking.runs import RunRequest, start_run
    from shopfloor.training.dispatcher_train import train_dispatcher

    settings = read_settings()
    preset = preset_of(request)
    key = f"{request.exercise}-{request.books}-{preset.config_hash()[:8]}-{request.seed}"
    home = settings.home_dir / "dispatchers" / key
    if request.is_fresh:
        shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True, exist_ok=True)
    diary = RunRequest(EXPERIMENT, key, {"exercise": request.exercise, "seed": str(request.seed)})
    with start_run(diary, tracking_uri=settings.tracking_uri) as run:
        run.log_params(preset.model_dump(mode="json"))
        trained = train_dispatcher(
            preset,
            seed=request.seed,
            directory=home / "training",
            drawn=books_of(request, settings),
            n_processes=request.n_processes,
            progress=listen,
            log_metrics=run.log_metrics,
        )
        bundle = home / f"bundle-{trained.timesteps}"
        shutil.rmtree(bundle, ignore_errors=True)
        digest = save_dispatcher(trained.model, bundle)
        run.log_artifact(bundle, "bundle")
    return TrainedReport(request.exercise, trained, bundle, digest, home / "training" / "tensorboard")


def preset_of(request: DispatcherRequest) -> DispatcherPreset:
    """Return the exercise's preset with the budget applied."""
    from shopfloor.training.dispatcher_presets import dispatcher_preset

    preset = dispatcher_preset(request.exercise)
    steps = max(preset.n_envs * preset.n_steps, round(preset.total_steps * request.budget))
    less = min(1.0, request.budget)
    every = max(1, round(preset.evaluate_every * less))
    tune = preset.tune.model_copy(update={"n_trials": max(3, round(preset.tune.n_trials * less))})
    return preset.model_copy(update={"total_steps": steps, "evaluate_every": every, "tune": tune})


def books_of(request: DispatcherRequest, settings: Settings) -> Drawn | None:
    """Return where books come from; None = the exercise's own shop."""
    if request.exercise != "production" or request.books == "drawn":
        return None
    from shopfloor.training.dispatcher_train import Drawn
    from shopfloor.twin.model import TwinModel
    from shopfloor.twin.sample import sample_instance

    path = settings.home_dir / "dispatchers" / "default-plant-0.json"
    if path.exists():
        twin = TwinModel.from_json(path.read_text())
    else:
        from shopfloor.twin.fit import fit_twin
        from shopfloor.twin.generate import generate_plant
        from shopfloor.twin.plant_spec import DEFAULT_AS_OF, DEFAULT_SPEC

        twin = fit_twin(
            generate_plant(DEFAULT_SPEC, seed=0), as_of=DEFAULT_AS_OF, plant_tz=DEFAULT_SPEC.plant_tz
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(twin.to_json())
    return Drawn(
        lambda seed, most: sample_instance(twin, seed=seed, n_operations=most), "default plant, seed 0"
    )
