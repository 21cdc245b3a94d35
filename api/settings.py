"""One `tocsin.toml` and the environment, strict: an unknown key is an error that names file and key.

Environment variables are `TOCSIN_<SECTION>__<KEY>` and win over the file. A secret may be kept in a file of its own (a container's secret,
a unit's credential): `TOCSIN_<SECTION>__<KEY>_FILE` names it. Only the composition root calls `load`.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final, get_origin

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)
from pydantic_settings.exceptions import SettingsError as UnreadableSource

from alerts.settings import LedgerSettings, NotifySettings
from api.selfwatch.settings import SelfwatchSettings
from ingest.clock import Clock
from ingest.settings import GatewaySettings, LogSettings, MqttSettings, PushDoor, Section
from streams.settings import SeriesSettings, WorkerSettings

_PREFIX: Final = "TOCSIN_"
_IN_A_FILE: Final = "_FILE"
_MANY: Final = frozenset({tuple, list, dict, frozenset})  # what a variable says as JSON


class ApiSettings(Section):
    """Where the API listens."""

    host: str = "127.0.0.1"
    port: int = Field(8460, ge=0, le=65535)
    push: tuple[PushDoor, ...] = Field((), title="Platforms that push over HTTP")

    @model_validator(mode="after")
    def _doors_have_names_of_their_own(self) -> ApiSettings:
        twice = [name for name, n in Counter(door.name for door in self.push).items() if n > 1]
        if twice:
            raise ValueError(f"two push doors are called {twice[0]}; the address names only one")
        return self


class ReportSettings(Section):
    """Reports of patrols and residents (docs/reports.md)."""

    link_days: int = Field(90, ge=1, le=3660, title="Days for which a grid worker's link is good")
    edition: int = Field(
        1, ge=1, title="A number that is in every signature: raised, all links and posters made before are void"
    )
    worker_per_hour: int = Field(60, ge=1, title="Reports of one grid worker in an hour")
    poster_per_hour: int = Field(
        60, ge=1, title="Reports from one poster in an hour; what may be life-safety is taken beyond it"
    )
    address_per_hour: int = Field(
        12, ge=1, title="Reports of residents from one address in an hour, at each API process"
    )
    picture_mb: float = Field(4.0, gt=0, le=16, title="Megabytes of one picture")
    pictures_mb: float = Field(
        4096.0, gt=0, title="Megabytes of all pictures in the ledger together; the oldest leave first"
    )
    picture_days: int = Field(365, ge=1, title="Days for which a picture is kept")


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
    reports: ReportSettings = ReportSettings()
    selfwatch: SelfwatchSettings = SelfwatchSettings()
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


class SecretFile:
    """The type of a variable that names the file of a secret."""


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

    secrets, problems = _secrets_in_files()
    problems += [
        f"environment: {name}: no such section or key"
        for name in os.environ
        if name.startswith(_PREFIX) and not _known(name)
    ]
    if problems:
        raise SettingsError(problems)

    files = {variable for variable, kind in variables() if kind is SecretFile}

    class FileSettings(Settings):
        model_config = SettingsConfigDict(toml_file=file if file.exists() else None)

        @classmethod
        def settings_customise_sources(
            cls, settings_cls: type[BaseSettings], *args: Any, **kwargs: Any
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            said, env, *rest = super().settings_customise_sources(settings_cls, *args, **kwargs)
            env.env_vars = {name: text for name, text in env.env_vars.items() if name.upper() not in files}  # type: ignore[attr-defined]
            return (said, env, InitSettingsSource(settings_cls, init_kwargs=secrets), *rest)

    try:
        return FileSettings()
    except ValidationError as error:
        raise SettingsError([_sentence(file, dict(item)) for item in error.errors()]) from error
    except UnreadableSource as error:
        raise SettingsError(_not_json() or [f"environment: {error}"]) from error


def variables(model: Any = Settings, prefix: str = _PREFIX) -> Iterator[tuple[str, Any]]:
    """Every environment variable that sets one value, with the type of the value, and for a secret the one that names its file."""
    for name, spec in model.model_fields.items():
        if hasattr(spec.annotation, "model_fields"):
            yield from variables(spec.annotation, f"{prefix}{name}__".upper())
            continue
        yield f"{prefix}{name}".upper(), spec.annotation
        if spec.annotation is SecretStr:
            yield f"{prefix}{name}{_IN_A_FILE}".upper(), SecretFile


def _secrets_in_files() -> tuple[dict[str, Any], list[str]]:
    """The secrets whose files the environment names, nested as settings are, and what is wrong with the others."""
    found: dict[str, Any] = {}
    problems: list[str] = []
    for variable, kind in variables():
        named = os.environ.get(variable + _IN_A_FILE) if kind is SecretStr else None
        if named is None:
            continue
        where = f"environment: {variable}{_IN_A_FILE}"
        key = variable.removeprefix(_PREFIX).lower().split("__")
        if variable in os.environ:
            problems.append(f"{where}: {variable} is set as well; keep one of them")
            continue
        try:
            value = Path(named).read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is not UTF-8 text"
            problems.append(f"{where}: {named}, which should hold {'.'.join(key)}, cannot be read: {why}")
            continue
        if not value:
            problems.append(f"{where}: {named} is empty; it should hold {'.'.join(key)}")
            continue
        into = found
        for part in key[:-1]:
            into = into.setdefault(part, {})
        into[key[-1]] = value
    return found, problems


def _not_json() -> list[str]:
    """What is wrong with variables that set a list or a whole section. Their text is not repeated: there may be a secret in it."""
    single = {variable for variable, kind in variables() if get_origin(kind) not in _MANY}
    problems = []
    for name, text in os.environ.items():
        if name.startswith(_PREFIX) and name.upper() not in single:
            try:
                json.loads(text)
            except ValueError as error:
                problems.append(f"environment: {name}: not JSON: {error}")
    return problems


def _known(name: str) -> bool:
    """Whether a variable sets a value, or a whole section as JSON."""
    name = name.upper()
    return any(name == variable or variable.startswith(name + "__") for variable, _ in variables())


def _sentence(file: Path, item: dict[str, Any]) -> str:
    key = ".".join(str(part) for part in item["loc"])
    variable = _PREFIX + "__".join(str(part) for part in item["loc"]).upper()
    said_in = [name for name in (variable, variable + _IN_A_FILE) if name in os.environ]
    where = f"environment: {said_in[0]}" if said_in else f"{file}: {key or 'file'}"
    said = "no such key" if item["type"] == "extra_forbidden" else item["msg"].removeprefix("Value error, ")
    return f"{where}: {said}"
