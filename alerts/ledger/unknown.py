"""Unknown devices in the ledger: who was heard and is not enrolled, at most `MOST`, and how one of them is enrolled."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import Connection, delete, exists, select

from alerts.ledger import place, tables
from alerts.ledger.bulk import Bulks
from alerts.ledger.port import NotAdopted
from alerts.ledger.unknown_tables import unknown_device
from ingest.registry import Device
from ingest.unknown import MOST, UnknownDevice, each_once

_TABLE: Final = unknown_device
_U: Final = _TABLE.c
_ENROLLED: Final = exists().where(tables.device.c.id == _U.device)
_LATER: Final = ("gateway", "last_seen", "source", "sample")  # columns in which the later word counts
# The same words in both databases: counts grow, the first time stays, the later word is the sample.
_AGAIN: Final = (
    "ON CONFLICT (device) DO UPDATE SET messages = unknown_device.messages + excluded.messages, "
    "first_seen = CASE WHEN excluded.first_seen < unknown_device.first_seen THEN excluded.first_seen "
    "ELSE unknown_device.first_seen END, "
    + ", ".join(
        f"{name} = CASE WHEN excluded.last_seen >= unknown_device.last_seen THEN excluded.{name} ELSE unknown_device.{name} END"
        for name in _LATER
    )
)


def note(connection: Connection, bulks: Bulks, heard: Sequence[UnknownDevice]) -> None:
    """Add what was heard; then those that have been enrolled meanwhile leave, and of too many those unheard for longest.

    Rows that another process is busy with are left to it, so that two of them never wait for each other in a circle.
    """
    bulks.merge(_TABLE, _AGAIN).run(connection, [_row(one) for one in each_once(heard)])
    surplus = select(_U.device).order_by(_U.last_seen.desc(), _U.device.desc()).offset(MOST)
    for leaving in (select(_U.device).where(_ENROLLED), surplus):
        connection.execute(delete(_TABLE).where(_U.device.in_(leaving.with_for_update(skip_locked=True, of=_TABLE))))


def heard(connection: Connection, limit: int) -> list[UnknownDevice]:
    """Those that are not enrolled, the last heard first."""
    statement = select(_TABLE).where(~_ENROLLED).order_by(_U.last_seen.desc(), _U.device.desc()).limit(limit)
    return [_of(row) for row in connection.execute(statement)]


def adopt(connection: Connection, device: Device) -> int:
    """Enrol a device under a new version of the place, which is returned. Raises `NotAdopted`; nothing has happened then."""
    enrolled = connection.execute(select(tables.device).where(tables.device.c.id == device.id)).first()
    if enrolled is not None:
        raise NotAdopted(
            f"{device.id} is enrolled already ({enrolled.kind} in grid {enrolled.grid or '–'}): change it with `tocsin import`"
        )
    if not place.knows(connection, device.grid):
        raise NotAdopted(f"there is no grid {device.grid!r}: name one that `tocsin import --grids` has brought")
    connection.execute(delete(_TABLE).where(_U.device == device.id))
    return place.put(connection, (), (device,), ())


def _row(one: UnknownDevice) -> dict[str, Any]:
    return {
        "device": one.device,
        "gateway": one.gateway,
        "messages": one.count,
        "first_seen": one.first_seen,
        "last_seen": one.last_seen,
        "source": one.source,
        "sample": dict(one.sample),
    }


def _of(row: Any) -> UnknownDevice:
    sample = MappingProxyType(row.sample)
    return UnknownDevice(row.device, row.gateway, row.messages, row.first_seen, row.last_seen, row.source, sample)
