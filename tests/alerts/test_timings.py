"""Stage timings come from the alert's own instants."""

from datetime import UTC, datetime, timedelta

from alerts.alert import Alert
from alerts.timings import timings_of
from ingest.events import Place
from streams.signal import Level

T0 = datetime(2026, 3, 1, 8, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def alert(**stages: float) -> Alert:
    return Alert(
        "a",
        "i",
        "fire",
        Level.RED,
        Place("g", "t"),
        origins=("sensor",),
        stages={f"{k}_at": at(v) for k, v in stages.items()},
    )


def test_the_machine_is_measured_from_the_event_and_people_from_the_raise() -> None:
    found = {t.stage: t.seconds for t in timings_of(alert(event=0, received=0.5, raised=1, acked=31, closed=601))}
    assert found == {"received": 0.5, "raised": 1.0, "acked": 30.0, "closed": 600.0}


def test_a_stage_that_was_not_reached_has_no_timing() -> None:
    assert timings_of(alert(event=0)) == []


def test_an_impossible_order_stays_negative_so_that_it_can_be_counted() -> None:
    assert [t.seconds for t in timings_of(alert(raised=10, closed=5))] == [-5.0]
