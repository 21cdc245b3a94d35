"""Profiles of hotline records: which names a platform gives to the fields of a work order. The shipped ones are in `hotline.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, field_validator

from ingest.coordinates import Datum
from ingest.dialects.claims import TimeForm
from ingest.dialects.hotline import WorkOrder

SHIPPED: Final = Path(__file__).with_name("hotline.toml")
ENVELOPES: Final = (
    "/data/records",
    "/data/rows",
    "/data/list",
    "/data",
    "/rows",
    "/records",
    "/list",
    "/result",
    "/orders",
    "/order",
    "/body",
)
TIMES: Final = frozenset(f.name for f in fields(WorkOrder) if f.type == "datetime | None")
NUMBERS: Final = frozenset(f.name for f in fields(WorkOrder) if f.type == "float | None")
FLAGS: Final = frozenset(f.name for f in fields(WorkOrder) if f.type in {"bool | None", "bool"})
MORE: Final = frozenset({"lat", "lon", "lonlat", "latlon", "unit_status", "unit_states", "caller_contact", "anonymous"})
FIELDS: Final = (
    frozenset(f.name for f in fields(WorkOrder)) - {"source", "status", "point", "datum", "urgency", "warnings"} | MORE
)


class Profile(BaseModel):
    """One family of records. Field names are the source's, or JSON pointers into a record when they start with `/`."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str = Field(min_length=1, max_length=64)
    markers: tuple[str, ...] = Field(min_length=1, title="Fields that every record of this family has")
    records: tuple[str, ...] = Field(default=ENVELOPES, title="Where the records may stand in an envelope")
    fields: dict[str, str]
    values: dict[str, dict[str, str]] = Field(default_factory=dict)
    history: bool = Field(default=False, title="Whether the records of a message are the steps of one order")
    datum: str = Field(default="", title="wgs84, cgcs2000, gcj02, bd09, `local` for a projection, empty when not known")
    times: tuple[TimeForm, ...] = (TimeForm.NAIVE_CST, TimeForm.ISO)

    @field_validator("fields")
    @classmethod
    def _known(cls, value: dict[str, str]) -> dict[str, str]:
        if unknown := set(value.values()) - FIELDS:
            raise ValueError(f"no such field of a work order: {', '.join(sorted(unknown))}")
        return value

    @field_validator("datum")
    @classmethod
    def _measured(cls, value: str) -> str:
        return value if value in {"", "local"} else Datum.named(value).value


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    profile: tuple[Profile, ...]


def load_profiles(text: str) -> tuple[Profile, ...]:
    """The profiles in a TOML text. Raises `ValueError` for what cannot be one."""
    return _File.model_validate(tomllib.loads(text)).profile


def of_file(path: Path | None) -> tuple[Profile, ...]:
    """The profiles of a deployment's own file, none without one. Raises `ValueError` that names the file and what is wrong."""
    if path is None:
        return ()
    try:
        return load_profiles(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: cannot be used: {error}") from error


@cache
def shipped() -> tuple[Profile, ...]:
    """The profiles that come with Tocsin."""
    return load_profiles(SHIPPED.read_text(encoding="utf-8"))


def is_of(profile: Profile, record: Mapping[str, Any]) -> bool:
    """Whether a record has all the fields that mark its family."""
    return all(marker in record for marker in profile.markers)
