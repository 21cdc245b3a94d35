"""The keeper starts again what died, says why, and ends everything with itself."""

import logging
import os
import signal
from pathlib import Path

import pytest

from api import keeper as keepers
from api.keeper import Keeper, PartFailed, why
from tests.api.test_stack import alive, eventually

# A part that is ready at once and ends as it is told: `python -m part VERB --ready-file FILE`.
PART = """
import os, pathlib, signal, sys, time
verb, ready = sys.argv[1], pathlib.Path(sys.argv[-1])
print("here", verb, flush=True)
if verb == "broken":
    sys.exit(3)
ready.touch()
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
while True:
    time.sleep(60)
"""


@pytest.fixture
def keeper(tmp_path: Path):
    (tmp_path / "part.py").write_text(PART, encoding="utf-8")
    with Keeper(tmp_path / "kept") as made:
        yield made


def env(tmp_path: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(tmp_path)}


def test_a_part_that_is_killed_is_started_again_and_the_log_says_why(
    keeper: Keeper, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keeper.add("one", "well", env(tmp_path), module="part")
    keeper.start().await_ready("one")
    first = keeper.pid("one")
    with caplog.at_level(logging.WARNING, logger=keepers.__name__):
        os.kill(first, signal.SIGKILL)
        assert eventually(lambda: keeper.starts("one") == 2 and keeper.is_ready("one"))
    assert keeper.pid("one") != first
    assert "the one ended: killed by SIGKILL; it starts again in 0.0 s" in caplog.text


def test_the_pid_is_the_program_s_own_so_that_it_can_be_frozen(keeper: Keeper, tmp_path: Path) -> None:
    keeper.add("one", "well", env(tmp_path), module="part")
    keeper.start().await_ready("one")
    said = Path(f"/proc/{keeper.pid('one')}/cmdline").read_bytes().split(b"\0")
    assert said[1:4] == [b"-m", b"part", b"well"]


def test_a_part_that_is_held_stays_away_until_it_is_released(keeper: Keeper, tmp_path: Path) -> None:
    keeper.add("one", "well", env(tmp_path), module="part")
    keeper.add("two", "well", env(tmp_path), module="part")
    keeper.start().await_ready("one")
    keeper.await_ready("two")
    keeper.hold("one")
    os.kill(keeper.pid("two"), signal.SIGKILL)
    assert eventually(lambda: keeper.starts("two") == 2)  # the keeper has looked at every part meanwhile
    assert (keeper.pid("one"), keeper.starts("one")) == (0, 1)
    keeper.release("one")
    keeper.await_ready("one")
    assert keeper.starts("one") == 2


def test_a_part_that_cannot_start_is_named_with_the_end_of_its_log(keeper: Keeper, tmp_path: Path) -> None:
    keeper.add("one", "broken", env(tmp_path), module="part")
    keeper.start()
    with pytest.raises(PartFailed, match=r"(?s)the one did not come up.*here broken"):
        keeper.await_ready("one")
    assert eventually(lambda: keeper.starts("one") >= 2)


def test_a_part_may_join_later_and_all_end_together(keeper: Keeper, tmp_path: Path) -> None:
    keeper.add("one", "well", env(tmp_path), module="part")
    keeper.start().await_ready("one")
    keeper.add("late", "well", env(tmp_path), module="part")
    keeper.await_ready("late")
    pids = [keeper.pid(name) for name in keeper.names]
    keeper.stop()
    assert keeper.names == ()
    assert not any(alive(pid) for pid in pids)


@pytest.mark.parametrize(
    ("case", "code", "said"),
    [
        ("a signal comes through the leash as 256 less its number", 256 - signal.SIGKILL, "killed by SIGKILL"),
        ("the watchdog's way out is explained", 75, "there was work and it did not get on"),
        ("an event that could not be kept is explained", 70, "neither digested nor set aside"),
        ("any other code is told as it is", 1, "exit code 1"),
    ],
)
def test_a_code_in_words(case: str, code: int, said: str) -> None:
    assert said in why(code), case


def test_a_leashed_program_hands_its_signal_on(
    keeper: Keeper, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keeper.add("one", "well", {**env(tmp_path), "PYTHONUNBUFFERED": "1"}, module="part")
    keeper.start().await_ready("one")
    with caplog.at_level(logging.WARNING, logger=keepers.__name__):
        os.kill(keeper.pid("one"), signal.SIGABRT)
        assert eventually(lambda: keeper.starts("one") == 2)
    assert "killed by SIGABRT" in caplog.text
