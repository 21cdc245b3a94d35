"""The live stream: order, resume, and what becomes of a reader that does not read."""

import asyncio
import json
import threading
from collections.abc import Iterator

import httpx
from hypothesis import given
from hypothesis import strategies as st

from alerts.alert import Entry
from api.live import REPLAY_LIMIT, Message, Reader, event
from streams.signal import Level
from tests.alerts.deadline import until
from tests.api.served import Served


def events(response: httpx.Response) -> Iterator[tuple[str, str, dict]]:
    """(name, id, data) of each event as a browser would see it."""
    name, ident, data = "message", "", ""
    for line in response.iter_lines():
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "id":
            ident = value
        elif field == "data":
            data = value
        elif not line and data:
            yield name, ident, json.loads(data)
            name, ident, data = "message", "", ""


def entries(desk: Served, wanted: int, **how: object) -> list[tuple[int, dict]]:
    """The first `wanted` entries of a stream."""
    found: list[tuple[int, dict]] = []
    with desk.http.stream("GET", "/api/v1/stream", **how) as response:
        for name, ident, data in events(response):
            if name == "entry":
                found.append((int(ident), data))
                if len(found) == wanted:
                    return found
    raise AssertionError(f"the stream ended after {len(found)} of {wanted} entries")


def test_an_alert_appears_on_an_open_stream_with_its_row(desk: Served) -> None:
    with desk.http.stream("GET", "/api/v1/stream") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        coming = events(response)
        assert next(coming)[0] == "hello"
        alert = desk.signal(level=Level.RED)
        _, ident, data = next(e for e in coming if e[0] == "entry")
        assert data["entry"]["seq"] == int(ident)
        assert (data["alert"]["id"], data["alert"]["level"]) == (alert.id, "red")
        assert data["alert"]["told"][0]["name"] == "甲"


def test_a_desk_that_was_away_is_told_exactly_what_it_missed(desk: Served) -> None:
    desk.signal()
    position = desk.ledger.last_seq()
    for n in range(3):
        desk.signal("tilt", subject=f"d-{n}")
    missed = [e.seq for e in desk.ledger.entries_after(position)]
    resumed = entries(desk, len(missed), headers={"Last-Event-ID": str(position)})
    assert [seq for seq, _ in resumed] == missed
    assert [seq for seq, _ in entries(desk, len(missed), params={"since": position})] == missed


def test_what_happens_while_a_desk_catches_up_comes_once_and_in_order(desk: Served) -> None:
    storm = threading.Thread(target=lambda: [desk.signal("tilt", subject=f"d-{n}") for n in range(60)])
    storm.start()
    seen = [seq for seq, _ in entries(desk, 60, params={"since": 0})]
    storm.join(20)
    everything = [e.seq for e in desk.ledger.entries_after(0, limit=500)]
    assert seen == everything[:60]


def test_a_position_the_ledger_does_not_know_is_answered_with_reset(desk: Served) -> None:
    desk.signal()
    with desk.http.stream("GET", "/api/v1/stream", params={"since": 10**9}) as response:
        name, ident, _ = next(e for e in events(response) if e[0] != "hello")
    assert (name, int(ident)) == ("reset", desk.ledger.last_seq())


def test_a_desk_too_far_behind_is_told_to_read_anew(desk: Served) -> None:
    alert = desk.signal()
    first = desk.ledger.last_seq()
    with desk.ledger.transaction() as tx:
        tx.append([Entry(alert.id, alert.stages["raised_at"], "note", why=str(n)) for n in range(REPLAY_LIMIT + 1)])
    with desk.http.stream("GET", "/api/v1/stream", params={"since": first}) as response:
        assert next(e for e in events(response) if e[0] != "hello")[0] == "reset"


def test_many_desks_see_the_same_and_leaving_frees_them(desk: Served) -> None:
    seen: dict[int, list[int]] = {}
    position = desk.ledger.last_seq()

    def watch(number: int) -> None:
        with httpx.Client(base_url=desk.http.base_url, timeout=20, trust_env=False) as http:
            mine = Served(http, desk.ledger, desk.conductor, desk.app, desk.series)
            seen[number] = [seq for seq, _ in entries(mine, 4, params={"since": position})]

    desks = [threading.Thread(target=watch, args=(n,)) for n in range(8)]
    for one in desks:
        one.start()
    until(lambda: desk.app.state.live.readers == len(desks))
    for n in range(3):
        desk.signal("tilt", subject=f"d-{n}")
    for one in desks:
        one.join(20)
    assert len(seen) == len(desks)
    assert len({tuple(seqs) for seqs in seen.values()}) == 1
    until(lambda: desk.app.state.live.readers == 0)


def test_an_alert_that_reached_a_desk_is_noted_as_shown(desk: Served) -> None:
    with desk.http.stream("GET", "/api/v1/stream") as response:
        coming = events(response)  # kept: a stream whose events nobody holds is closed
        next(coming)
        alert = desk.signal()
        until(lambda: "shown_at" in desk.ledger.alert(alert.id).stages)


def test_an_alert_that_nobody_watches_is_not_noted_as_shown(desk: Served) -> None:
    alert = desk.signal()
    with desk.http.stream("GET", "/api/v1/stream") as response:
        next(events(response))
    assert "shown_at" not in desk.ledger.alert(alert.id).stages


def message(seq: int, size: int = 10) -> Message:
    return Message(seq, b"x" * size)


def test_a_reader_that_does_not_read_is_let_go_and_keeps_nothing() -> None:
    reader = Reader(0, room=100)
    assert reader.offer([message(n) for n in range(1, 10)])
    assert not reader.offer([message(n) for n in range(10, 20)])
    assert reader.ended
    assert asyncio.run(reader.chunk(1.0)) == b""
    assert not reader.offer([message(30)])


@given(st.lists(st.integers(0, 30), max_size=8), st.integers(0, 30))
def test_a_reader_gets_each_entry_after_its_position_once_however_it_is_cut(cuts: list[int], after: int) -> None:
    reader = Reader(after)
    everything = [Message(seq, b"%d " % seq) for seq in range(1, 31)]
    for cut in sorted(cuts):
        reader.offer(everything[: cut + 1])  # overlapping what was offered before
    reader.offer(everything)
    assert asyncio.run(reader.chunk(1.0)).split() == [b"%d" % seq for seq in range(after + 1, 31)]


def test_an_event_is_one_block_whatever_its_words_are() -> None:
    raw = event("entry", {"text": "a\n\nevent: hello\rb"}, seq=7)
    assert raw.count(b"\n\n") == 1
    assert raw.startswith(b"event: entry\nid: 7\ndata: {")
