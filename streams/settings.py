"""What the worker needs to know of its surroundings. Values only; read by `api.settings`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, model_validator

from ingest.settings import Section


class WorkerSettings(Section):
    """The Faust worker."""

    rules: Path | None = Field(None, title="TOML file with detection rules; the shipped ones are used without it")
    reports: Path | None = Field(
        None, title="TOML file with what can be reported and how bad it is; the shipped one is used without it"
    )
    orders: Path | None = Field(
        None, title="TOML file with what a work order is a case of; the shipped one is used without it"
    )
    snapshot_every: float = Field(5.0, gt=0, title="Seconds between snapshots of detector state")
    stall_limit: float = Field(
        30.0, gt=0, title="Seconds of lag without movement after which the process leaves to be restarted"
    )
    sends: bool = Field(
        True, title="Whether this worker also sends notices and climbs; false where `tocsin sender` does"
    )
    session_timeout: float = Field(6.0, gt=0)
    heartbeat: float = Field(1.5, gt=0)


class SeriesSettings(Section):
    """The time series store."""

    store: Literal["embedded", "influx"] = "embedded"
    path: Path = Field(Path("var/series.db"), title="File of the embedded store")
    url: str = Field("", title="InfluxDB 2, for example http://127.0.0.1:8086")
    org: str = "tocsin"
    bucket: str = "tocsin"
    token: SecretStr = SecretStr("")
    retention_days: int = Field(
        400, ge=0, title="Days for which InfluxDB keeps readings, 0 for ever; put in force by `tocsin migrate`"
    )

    @model_validator(mode="after")
    def _influx_needs_an_address(self) -> SeriesSettings:
        if self.store == "influx" and not (self.url and self.token.get_secret_value()):
            raise ValueError('store = "influx" needs url and token')
        return self
