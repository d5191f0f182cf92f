"""Which plant a learning experiment is about: the one of the last weekly cycle, or a synthetic one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from flows.context import Folders
from shopfloor.domain.errors import InvalidPlant, RefusedInput
from shopfloor.settings import read_settings

if TYPE_CHECKING:
    from shopfloor.twin.model import TwinModel

OWN = "own"
SYNTHETIC = ("default", "tiny")


@dataclass(frozen=True, slots=True)
class PlantChoice:
    """A plant by name, so that another process finds the same.

    Attributes:
        name: `own`, `default` or `tiny`.
        snapshot: Folder of the plant's own tables; "" for a synthetic one.
        plant_tz: IANA zone.
    """

    name: str
    snapshot: str
    plant_tz: str

    @property
    def identity(self) -> str:
        """What results are filed under: the snapshot's folder name, or the synthetic plant's name."""
        return Path(self.snapshot).name if self.snapshot else self.name


def choose_plant(name: str | None) -> PlantChoice:
    """Return the plant of that name.

    Args:
        name: `own`: the data of the last weekly cycle; `default` or `tiny`: synthetic; None = own where there
            has been a cycle, else default.

    Raises:
        InvalidPlant: No plant of that name.
        RefusedInput: There has been no weekly cycle.
    """
    settings = read_settings()
    if name in SYNTHETIC:
        return PlantChoice(name, "", settings.plant_tz)
    if name not in (None, OWN):
        raise InvalidPlant(f"no plant of that name: {name!r}\nhint: {OWN}, {' or '.join(SYNTHETIC)}")
    found = _last_snapshot(Folders(settings.home_dir))
    if found is not None:
        return PlantChoice(OWN, str(found), settings.plant_tz)
    if name == OWN:
        raise RefusedInput("there is no weekly cycle yet\nhint: shopfloor weekly, or --plant default")
    return PlantChoice(SYNTHETIC[0], "", settings.plant_tz)


@lru_cache(maxsize=1)
def twin_of(choice: PlantChoice) -> TwinModel:
    """Return the twin fitted to the plant's history."""
    from shopfloor.twin.fit import fit_twin

    if choice.snapshot:
        from shopfloor.data.snapshot import open_snapshot

        snapshot = open_snapshot(Path(choice.snapshot))
        return fit_twin(snapshot.frames(), as_of=snapshot.as_of, plant_tz=choice.plant_tz)
    from shopfloor.twin.generate import generate_plant
    from shopfloor.twin.plant_spec import DEFAULT_AS_OF, DEFAULT_SPEC, TINY_SPEC

    spec = TINY_SPEC if choice.name == "tiny" else DEFAULT_SPEC
    frames = generate_plant(spec, seed=0, as_of=DEFAULT_AS_OF)
    return fit_twin(frames, as_of=DEFAULT_AS_OF, plant_tz=spec.plant_tz)


def _last_snapshot(folders: Folders) -> Path | None:
    for path in sorted(folders.cycles.glob("*/cycle.json"), reverse=True):
        name = json.loads(path.read_text())["facts"].get("snapshot")
        if name and (folders.snapshots / str(name)).is_dir():
            return folders.snapshots / str(name)
    return None
