"""The pieces of the chaos runs that decide something by themselves: mutants that still bite, clocks that change when told, proxies."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.chaos.broken import MUTANTS
from tests.chaos.clocks import changing_zone, set_ahead
from tests.chaos.controls import BASELINES, CONTROLS
from tests.chaos.county import CALM_DEVICES, GATEWAYS, calm_device, gateway_of, place, spot
from tests.chaos.faults import FAULTS, SHORT
from tests.chaos.plot import draw, ticks
from tests.chaos.proxy import Proxies, State
from tests.chaos.soak import charts, slope

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", sorted(MUTANTS))
def test_every_mutant_still_finds_what_it_replaces(name: str) -> None:
    code = f"from tests.chaos.broken import MUTANTS; MUTANTS[{name!r}]()"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_every_control_has_a_mutant_and_the_short_run_names_faults() -> None:
    assert {control.broken for control in (*CONTROLS.values(), *BASELINES.values())} <= set(MUTANTS)
    assert {control.baseline for control in CONTROLS.values()} <= {"", *BASELINES}
    assert set(SHORT) <= set(FAULTS)


@pytest.mark.parametrize(
    "at", [1764000000, 1772323200, 1790000000, 1798700000], ids=["autumn", "march", "late", "new year"]
)
@pytest.mark.parametrize(("forward", "jump"), [(True, 3600), (False, -3600)], ids=["forward", "back"])
def test_local_time_jumps_at_the_instant_that_was_asked_for(at: int, forward: bool, jump: int) -> None:
    code = (
        f"import time; offset = lambda t: time.localtime(t).tm_gmtoff\n"
        f"print(offset({at} - 5), offset({at} + 5), offset({at} - 1800), offset({at} + 1800))"
    )
    env = {**os.environ, "TZ": changing_zone(at, forward=forward)}
    said = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True).stdout
    before, after, earlier, later = map(int, said.split())
    assert (after - before, before, after) == (jump, earlier, later)


def test_a_device_tells_its_gateway() -> None:
    assert all(gateway_of(spot(n).device) == spot(n).gateway for n in range(50))
    assert all(gateway_of(calm_device(g, n)) == g for g in GATEWAYS for n in range(CALM_DEVICES))


def test_every_alarm_of_the_county_has_a_grid_a_device_and_a_leader_of_its_own() -> None:
    grids, devices, people = place(100)
    mine = [d for d in devices if d.kind == "smoke"]
    leaders = {p.grid: p.phone for p in people if p.role == "grid_leader"}
    assert len({d.grid for d in mine}) == len(mine) == 100
    assert {d.grid for d in mine} == set(leaders)
    assert len(set(leaders.values())) == 100
    assert {d.grid for d in devices} <= {g.code for g in grids}


@pytest.mark.parametrize("highest", [0, 0.3, 1, 7, 49.5, 1234])
def test_an_axis_reaches_over_its_values_with_few_marks(highest: float) -> None:
    marks = ticks(highest)
    assert marks[0] == 0
    assert marks[-1] >= highest
    assert 2 <= len(marks) <= 7


@pytest.fixture
def echo():
    """A server that says back what it hears."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=_say_back, args=(connection,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    yield server.getsockname()[1]
    server.close()


def _say_back(connection: socket.socket) -> None:
    with connection:
        try:
            while data := connection.recv(1000):
                connection.sendall(data)
        except OSError:
            return


@pytest.fixture
def proxies():
    made = Proxies(lambda: {"sender": os.getpid()})
    yield made
    made.stop()


def asked(port: int, within: float) -> bytes:
    """What comes back for `hello`; empty when the connection ends, raises TimeoutError when nothing comes."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=within) as connection:
            connection.sendall(b"hello")
            return connection.recv(1000)
    except ConnectionError:
        return b""


def test_a_link_is_open_cut_for_one_part_and_a_hole_that_gives_back_what_it_held(proxies: Proxies, echo: int) -> None:
    link = proxies.add("ledger", echo)
    assert asked(link.port, 10) == b"hello"
    proxies.set("ledger", State.CUT, "worker")
    assert asked(link.port, 10) == b"hello"
    proxies.set("ledger", State.CUT, "sender")
    assert asked(link.port, 10) == b""
    proxies.set("ledger", State.HOLE)
    with socket.create_connection(("127.0.0.1", link.port), timeout=0.3) as connection:
        connection.sendall(b"held")
        with pytest.raises(TimeoutError):
            connection.recv(1000)
        proxies.set("ledger", State.OPEN)
        connection.settimeout(10)
        assert connection.recv(1000) == b"held"


@pytest.mark.parametrize(
    ("reset", "arrives"),
    [(False, b"kept"), (True, b"")],
    ids=["what was closed in order still arrives", "what was reset does not"],
)
def test_a_hole_keeps_or_forgets_what_it_held(proxies: Proxies, reset: bool, arrives: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        link = proxies.add("provider", server.getsockname()[1])
        server.settimeout(10)
        connection = socket.create_connection(("127.0.0.1", link.port), timeout=10)
        there, _ = server.accept()
        there.settimeout(10)
        proxies.set("provider", State.HOLE)
        connection.sendall(b"kept")
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
        found = b""
        if not reset:
            proxies.set("provider", State.OPEN)
        with there, contextlib.suppress(ConnectionError):  # both ways end
            while more := there.recv(1000):
                found += more
    assert found == arrives


@pytest.mark.parametrize(
    ("ys", "per_hour"),
    [
        ([5.0] * 40, 0.0),
        ([float(i) for i in range(40)], 360.0),
        ([1000.0 - 40 * i for i in range(20)] + [100.0] * 20, 0.0),
    ],
    ids=["what stays does not rise", "one more every ten seconds", "what settles in the first half has settled"],
)
def test_a_slope_is_that_of_the_second_half(ys: list[float], per_hour: float) -> None:
    rows = [{"seconds": 10.0 * i, "mb": y} for i, y in enumerate(ys)]
    assert slope(rows, "mb") == pytest.approx(per_hour)


def test_a_plot_has_every_line_by_its_name(tmp_path: Path) -> None:
    rows = [{"seconds": 10.0 * i, "mb api": 50.0 + i, "files api": 9.0, "lag tocsin": 0.0} for i in range(5)]
    draw(tmp_path / "soak.svg", charts(rows, 2000))
    found = ET.parse(tmp_path / "soak.svg").getroot()  # noqa: S314  our own file
    texts = [element.text for element in found.iter("{http://www.w3.org/2000/svg}text")]
    assert {"api", "tocsin", "Open files"} <= set(texts)
    assert len(list(found.iter("{http://www.w3.org/2000/svg}polyline"))) == 3


def test_a_clock_that_is_set_ahead_is_ahead_for_the_product_and_for_its_libraries(tmp_path: Path) -> None:
    file = tmp_path / "clock"
    set_ahead(file, 3600)
    script = (
        "import os, time\n"
        "from pathlib import Path\n"
        "real = time.time()\n"
        "from tests.chaos.skewed import Ahead, skew\n"
        "skew(Ahead(Path(os.environ['CHAOS_CLOCK'])))\n"
        "from ingest.clock import Clock\n"
        "print(round((time.time() - real) / 60), round((Clock().now().timestamp() - real) / 60))\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, "CHAOS_CLOCK": str(file)}, capture_output=True, text=True,
        check=True, timeout=60,
    )  # fmt: skip
    assert ran.stdout.split() == ["60", "60"]
