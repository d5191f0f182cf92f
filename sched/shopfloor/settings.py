"""The one door to the environment: every `SHOPFLOOR_*` variable, bounded and described.

Read once at a flow's or a command's edge and handed down; no other module reads `os.environ`.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

TELEMETRY_OFF = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "PREFECT_CLI_PROMPT": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "GX_ANALYTICS_ENABLED": "false",
}
"""Nothing that we run reports to anybody."""


class Settings(BaseSettings):
    """All knobs of one installation."""

    model_config = SettingsConfigDict(
        env_prefix="SHOPFLOOR_", frozen=True, extra="forbid", populate_by_name=True
    )

    home: Path = Field(default=Path(".state"), description="folder for everything that we write")
    database_url: SecretStr | None = Field(
        default=None,
        description="plant database, e.g. mysql+pymysql://user:pw@host/plant; default: SQLite in home",
    )
    plant_tz: str = Field(default="Europe/Berlin", description="IANA zone of the plant")
    column_map: Path | None = Field(default=None, description="TOML file that renames a plant's own columns")
    processing_time_unit: str = Field(
        default="hours", pattern="^(hours|minutes)$", description="of processing_time"
    )

    deadline_s: float = Field(
        default=5.0, ge=0.2, le=600, description="seconds the policy may search for a plan"
    )
    rollouts: int = Field(default=256, ge=1, le=100_000, description="policy samples per plan at most")
    objective: str = Field(
        default="balanced", pattern="^[a-z][a-z0-9_]*$", description="what a plan is optimised for: a preset"
    )
    search_iterations: int = Field(
        default=2_000_000, ge=0, le=10**9, description="moves that each search worker tries per plan at most"
    )
    search_workers: int = Field(
        default=2, ge=1, le=64, description="search chains side by side, one core each"
    )
    overtime_hours: float = Field(
        default=0.0, ge=0, le=10_000, description="overtime hours a plan may use beyond what greedy uses"
    )
    max_moved: int | None = Field(
        default=None, ge=0, description="operations a plan may move against the active one; default: no cap"
    )
    freeze_hours: float = Field(
        default=0.0, ge=0, le=168, description="frozen horizon of the active plan, hours"
    )
    lease_ttl_s: float = Field(
        default=120.0, ge=5, le=3600, description="a dead run's lease expires after this"
    )
    max_lateness_h: float = Field(
        default=12.0, ge=0.1, le=168, description="a scheduled run later than this is skipped"
    )
    keep_days: float = Field(
        default=90.0, ge=1, le=3650, description="snapshots and reports that nothing needs go after this"
    )
    preset: str = Field(
        default="full", pattern="^[a-z][a-z0-9_]*$", description="training preset of the weekly cycle"
    )
    seed: int = Field(default=0, ge=0, lt=2**31, description="seed of every random draw")

    alert_urls: tuple[str, ...] = Field(
        default=(), description='apprise URLs, JSON list, e.g. ["json://host/hook"]'
    )
    mlflow_tracking_uri: str | None = Field(
        default=None,
        validation_alias="MLFLOW_TRACKING_URI",
        description="MLflow server; default: SQLite in home",
    )
    pages_url: str | None = Field(
        default=None,
        description="where home's public folder is served, for links in Prefect; default: file links",
    )
    prefect_api_url: str | None = Field(
        default=None, validation_alias="PREFECT_API_URL", description="Prefect server; default: none needed"
    )

    @field_validator("plant_tz")
    @classmethod
    def _zone_exists(cls, value: str) -> str:
        ZoneInfo(value)
        return value

    @property
    def home_dir(self) -> Path:
        """The home folder, absolute."""
        return self.home.expanduser().resolve()

    @property
    def database(self) -> str:
        """The database URL with its password: never log it."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.home_dir / 'plant.db'}"

    @property
    def tracking_uri(self) -> str:
        """Where MLflow keeps runs and models."""
        return self.mlflow_tracking_uri or f"sqlite:///{self.home_dir / 'mlflow' / 'mlflow.db'}"


@lru_cache(maxsize=1)
def read_settings() -> Settings:
    """Return the settings of this process, read once."""
    return Settings()


def quiet_environment(environment: MutableMapping[str, str] | None = None) -> None:
    """Switch telemetry off, bound every client's patience and give each library its place under home.

    Values that are set already win. Call it before the libraries are imported.
    """
    target = os.environ if environment is None else environment
    home = read_settings().home_dir
    defaults = TELEMETRY_OFF | {
        "PREFECT_HOME": str(home / "prefect"),
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
        "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
        "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_LOGGING_LEVEL": "WARNING",
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
        "OMP_NUM_THREADS": "1",
        "NUMBA_CACHE_DIR": str(home / "numba"),
    }
    for name, value in defaults.items():
        target.setdefault(name, value)
