"""Stage timings: how long each stage of an alert took, worked out from its instants, for the time series."""

from __future__ import annotations

from typing import Final

from alerts.alert import Alert
from ingest.events import Mark
from streams.series.port import Timing

# A stage is measured from the moment the alert was raised; the first two tell how long the machine itself took from the event on.
_FROM: Final = {"received_at": "event_at", "raised_at": "event_at"}
MEASURED: Final = (
    "received_at", "raised_at", "first_notice_at", "acked_at", "dispatched_at", "accepted_at", "on_scene_at",
    "handled_at", "verified_at", "closed_at", "rated_at",
)  # fmt: skip


def timings_of(alert: Alert) -> list[Timing]:
    """Every stage the alert has reached, in seconds; impossible orders (closed before raised) stay negative, to be counted and shown.

    A drill has none.
    """
    if alert.marks & Mark.DRILL:
        return []
    found = []
    for stage in MEASURED:
        at, since = alert.stages.get(stage), alert.stages.get(_FROM.get(stage, "raised_at"))
        if at is not None and since is not None:
            found.append(
                Timing(
                    alert=alert.id,
                    stage=stage.removesuffix("_at"),
                    kind=alert.kind,
                    level=alert.level.value,
                    grid=alert.place.grid,
                    township=alert.place.township,
                    origin="+".join(alert.origins),
                    at=at,
                    seconds=(at - since).total_seconds(),
                )
            )
    return found
