from __future__ import annotations

import pytest

from streams.watchdog import Watchdog

BEHIND = {"tocsin.readings/3": (10, 20)}


@pytest.mark.parametrize(
    ("sentence", "looks", "stalled"),
    [
        ("nothing to do is no stall", [(0, {"a": (5, 5)}), (99, {"a": (5, 5)}), (200, {"a": (5, 5)})], []),
        ("work that moves is no stall", [(0, {"a": (1, 9)}), (20, {"a": (2, 9)}), (40, {"a": (3, 9)})], []),
        ("work that stands still too long is one", [(0, {"a": (1, 9)}), (20, {"a": (1, 9)}), (31, {"a": (1, 12)})], ["a"]),
        ("standing still exactly as long as allowed is none", [(0, {"a": (1, 9)}), (15, {"a": (1, 9)}), (30, {"a": (1, 9)})], []),
        ("a process that slept gets a look to move first", [(0, {"a": (1, 9)}), (900, {"a": (1, 9)})], []),
        ("catching up in between starts anew", [(0, {"a": (1, 9)}), (25, {"a": (9, 9)}), (26, {"a": (9, 10)}), (40, {"a": (9, 11)})], []),
        ("a partition that is given away is forgotten", [(0, {"a": (1, 9)}), (20, {}), (31, {"a": (1, 9)}), (32, {"a": (1, 9)})], []),
    ],
)  # fmt: skip
def test_only_work_without_movement_is_a_stall(sentence: str, looks: list, stalled: list[str]) -> None:
    watchdog = Watchdog(limit=30)

    said = [watchdog.look(positions, now) for now, positions in looks]

    assert said[-1] == stalled, sentence


def test_one_partition_that_stands_still_is_named_while_others_move() -> None:
    watchdog = Watchdog(limit=5)
    for now in range(10):
        said = watchdog.look({"calls/1": (7, 8), "calls/2": (now, 99)}, now)

    assert said == ["calls/1"]
