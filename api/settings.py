"""One `tocsin.toml` and the environment, strict: an unknown key is an error that names file and key.

Environment variables are `TOCSIN_<SECTION>__<KEY>` and win over the file. Only the composition root calls `load`.
"""

from __future__ import annotations

import os
import tomllib
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from alerts.settings import LedgerSettings, NotifySettings
from ingest.clock import Clock
from ingest.settings import GatewaySettings, LogSettings, MqttSettings, Section
from streams.settings import SeriesSettings, WorkerSettings


class ApiSettings(Section):
    """Where the API listens."""

    host: str = "127.0.0.1"
    port: int = Field(8460, ge=0, le=65535)


class ClockSettings(Section):
    """A recording's time instead of the real one (see `ingest.clock`); set by `tocsin replay`, not by hand."""

    origin: datetime | None = None
    speed: float = Field(1.0, gt=0)
    gate: Path | None = None

    def clock(self) -> Clock:
        return Clock(self.origin, self.speed, self.gate)


class Settings(BaseSettings):
    """Everything a Tocsin process can be told."""

    model_config = SettingsConfigDict(
        env_prefix="TOCSIN_", env_nested_delimiter="__", extra="forbid", frozen=True, validate_default=True
    )

    mqtt: MqttSettings = MqttSettings()
    log: LogSettings = LogSettings()
    gateway: GatewaySettings = GatewaySettings()
    worker: WorkerSettings = WorkerSettings()
    series: SeriesSettings = SeriesSettings()
    ledger: LedgerSettings = LedgerSettings()
    notify: NotifySettings = NotifySettings()
    api: ApiSettings = ApiSettings()
    clock: ClockSettings = ClockSettings()
    secret: SecretStr = Field(
        SecretStr(""),
        title="Key that encrypts caller numbers and signs pages; make one with `tocsin check --new-secret`",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings, env_settings, TomlConfigSettingsSource(settings_cls))


class SettingsError(ValueError):
    """Settings that cannot be used. `problems` has one sentence each, with where it stands and what to do."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def load(path: Path | None = None) -> Settings:
    """Settings from `path` (or `tocsin.toml` here, when it exists) under the environment. Raises `SettingsError`."""
    file = path or Path("tocsin.toml")
    if path is not None and not path.exists():
        raise SettingsError([f"{path}: there is no such file; write one or leave the option out"])
    if file.exists():
        try:
            tomllib.loads(file.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsError([f"{file}: not TOML: {error}"]) from error

    class FileSettings(Settings):
        model_config = SettingsConfigDict(toml_file=file if file.exists() else None)

    unknown = [
        f"environment: {name}: no such section or key"
        for name in os.environ
        if name.startswith("TOCSIN_") and not _known(name)
    ]
    if unknown:
        raise SettingsError(unknown)
    try:
        return FileSettings()
    except ValidationError as error:
        raise SettingsError([_sentence(file, dict(item)) for item in error.errors()]) from error


def _known(name: str) -> bool:
    section, *key = name.removeprefix("TOCSIN_").lower().split("__")
    model: Any = Settings
    for part in (section, *key):
        spec = getattr(model, "model_fields", {}).get(part)
        if spec is None:
            return False
        model = spec.annotation
    return True


def _sentence(file: Path, item: dict[str, Any]) -> str:
    key = ".".join(str(part) for part in item["loc"])
    variable = "TOCSIN_" + "__".join(str(part) for part in item["loc"]).upper()
    where = f"environment: {variable}" if variable in os.environ else f"{file}: {key or 'file'}"
    said = "no such key" if item["type"] == "extra_forbidden" else item["msg"].removeprefix("Value error, ")
    return f"{where}: {said}"
