"""Both stores hold one contract; what only InfluxDB can answer is played by a small server on loopback."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from pydantic import SecretStr

from ingest.events import Place, Reading
from ingest.frames import Frame
from streams.series.embedded import EmbeddedSeries
from streams.series.influx import InfluxSeries
from streams.series.lines import frame_lines, tag_value, timing_line
from streams.series.port import Series, SeriesRefused, SeriesUnavailable, Timing
from streams.settings import SeriesSettings
from tests.live.influx import Influx

T0 = datetime(2024, 3, 1, 8, 0, tzinfo=UTC)


def reading(second: float, value: float, device: str = "smoke-1", metric: str = "smoke") -> Reading:
    at = T0 + timedelta(seconds=second)
    return Reading(device, metric, value, at, at, Place("g1", "t1"), "smoke", "gw")


def timing(alert: str, seconds: float, stage: str = "acked") -> Timing:
    return Timing(alert, stage, "fire", "red", "g1", "t1", "sensor", T0 + timedelta(seconds=seconds), seconds)


@pytest.fixture(params=["embedded", pytest.param("influx", marks=pytest.mark.server)])
def series(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Series]:
    if request.param == "influx":
        server: Influx = request.getfixturevalue("influx")
        store: Series = InfluxSeries(server.settings(bucket=server.new_bucket()))
    else:
        store = EmbeddedSeries(tmp_path / "deep" / "series.db")
    yield store
    store.close()


def test_every_row_of_every_frame_is_kept(series: Series) -> None:
    frames = [
        Frame.of([reading(i, i) for i in range(10)]),
        Frame.of([reading(i, i, "heat-1", "temperature") for i in range(5)]),
    ]

    assert series.write_frames(frames) == 15
    assert series.count() == 15


def test_writing_the_same_again_changes_nothing(series: Series) -> None:
    frame = Frame.of([reading(i, i) for i in range(10)])
    for _ in range(3):
        series.write_frames([frame])
        series.write_timings([timing("a1", 40)])

    assert series.count() == 10
    assert series.timings("acked", T0, T0 + timedelta(hours=1)) == [timing("a1", 40)]


def test_buckets_hold_mean_least_and_greatest_and_leave_empty_ones_out(series: Series) -> None:
    series.write_frames([Frame.of([reading(0, 1), reading(1, 3), reading(25, 7), reading(30, 99)])])

    samples = series.readings("smoke-1", "smoke", T0, T0 + timedelta(seconds=30), buckets=3)

    assert [(s.at, s.mean, s.least, s.greatest, s.count) for s in samples] == [
        (T0, 2, 1, 3, 2),
        (T0 + timedelta(seconds=20), 7, 7, 7, 1),
    ]


def test_start_is_included_and_stop_is_not(series: Series) -> None:
    series.write_frames([Frame.of([reading(0, 1), reading(10, 2)])])

    (only,) = series.readings("smoke-1", "smoke", T0, T0 + timedelta(seconds=10))

    assert (only.at, only.count) == (T0, 1)


def test_a_window_that_is_empty_or_backwards_has_no_samples(series: Series) -> None:
    series.write_frames([Frame.of([reading(0, 1)])])

    assert series.readings("smoke-1", "smoke", T0, T0) == []
    assert series.readings("smoke-1", "smoke", T0 + timedelta(1), T0) == []
    assert series.readings("nobody", "smoke", T0, T0 + timedelta(1)) == []


def test_names_with_every_special_character_come_back(series: Series) -> None:
    odd = 'a b,c=d"e\\f 烟感 ${x}\\'
    series.write_frames([Frame.of([reading(0, 5, odd)])])

    (only,) = series.readings(odd, "smoke", T0, T0 + timedelta(seconds=1))

    assert only.mean == 5


def test_timings_of_one_instant_stand_side_by_side(series: Series) -> None:
    series.write_timings([timing(f"a{i}", 40) for i in range(5)] + [timing("a1", 40, "closed")])

    found = series.timings("acked", T0, T0 + timedelta(hours=1))

    assert sorted(t.alert for t in found) == [f"a{i}" for i in range(5)]


def test_a_series_file_that_cannot_be_opened_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "series.db").write_bytes(b"this is a picture of a cat, not a database" * 100)

    with pytest.raises(SeriesUnavailable, match=r"check series\.path"):
        EmbeddedSeries(tmp_path / "series.db")


def test_a_line_carries_escaped_tags_in_order_and_microseconds() -> None:
    (line,) = frame_lines(Frame.of([reading(0, 0.25, "a b,c=d")]))

    assert line == r"reading,device=a\ b\,c\=d,grid=g1,kind=smoke,metric=smoke,township=t1 value=0.25 1709280000000000"


def test_a_tag_never_ends_in_a_backslash() -> None:
    assert not tag_value("panel\\").endswith("\\")
    assert "\n" not in timing_line(timing('a"\n1', 1)).split(" alert=")[0]


class FakeInflux:
    """Answers `/api/v2/write` as `answer(lines)` says: a status, or None to hang up."""

    def __init__(self, answer: Callable[[list[str]], int | None]) -> None:
        self.taken: list[str] = []
        self.requests = 0
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                lines = self.rfile.read(int(self.headers["Content-Length"])).decode().split("\n")
                fake.requests += 1
                status = answer(lines)
                if status is None:
                    self.close_connection = True
                    return
                if status == 204:
                    fake.taken += lines
                body = b"" if status == 204 else b'{"code":"invalid","message":"no"}'
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def settings(self) -> SeriesSettings:
        return SeriesSettings(
            store="influx", url=f"http://127.0.0.1:{self.server.server_port}", token=SecretStr("secret-token")
        )


@pytest.fixture
def played() -> Iterator[Callable[[Callable[[list[str]], int | None]], tuple[FakeInflux, InfluxSeries]]]:
    made: list[tuple[FakeInflux, InfluxSeries]] = []

    def make(answer: Callable[[list[str]], int | None]) -> tuple[FakeInflux, InfluxSeries]:
        fake = FakeInflux(answer)
        made.append((fake, InfluxSeries(fake.settings(), timeout=0.5)))
        return made[-1]

    yield make
    for fake, store in made:
        store.close()
        fake.server.shutdown()
        fake.server.server_close()


def test_one_bad_line_does_not_take_the_good_ones_with_it(played) -> None:
    for status in (400, 422):
        fake, store = played(
            lambda lines, status=status: status if any("value=13.0" in line for line in lines) else 204
        )

        with pytest.raises(SeriesRefused, match="refused 1 of 40") as refusal:
            store.write_frames([Frame.of([reading(i, i) for i in range(40)])])

        assert len(refusal.value.refused) == 1
        assert "value=13.0" in refusal.value.refused[0]
        assert len(set(fake.taken)) == 39


@pytest.mark.parametrize(
    ("sentence", "status", "words"),
    [
        ("too many requests pass", 429, "answered 429"),
        ("a server in trouble passes", 503, "answered 503"),
        ("a wrong token is a setting, not a bad row", 401, r"series\.token"),
        ("an unknown bucket is a setting, not a bad row", 404, r"series\.bucket"),
        ("a server that hangs up passes", None, "did not answer"),
    ],
)
def test_rows_wait_for_what_is_no_fault_of_theirs(played, sentence: str, status: int | None, words: str) -> None:
    fake, store = played(lambda _: status)

    with pytest.raises(SeriesUnavailable, match=words) as said:
        store.write_frames([Frame.of([reading(0, 1)])])

    assert "secret-token" not in str(said.value)
    assert fake.taken == []


def test_a_server_that_hangs_is_given_up_in_time(played) -> None:
    let_go = threading.Event()
    _, store = played(lambda _: None if let_go.wait(5) else 500)

    with pytest.raises(SeriesUnavailable, match="did not answer"):
        store.write_frames([Frame.of([reading(0, 1)])])
    let_go.set()


def test_a_batch_that_is_too_large_is_sent_in_halves(played) -> None:
    fake, store = played(lambda lines: 413 if len(lines) > 10 else 204)

    assert store.write_frames([Frame.of([reading(i, i) for i in range(40)])]) == 40
    assert len(set(fake.taken)) == 40
