"""Where a reader begins, case by case."""

import pytest

from streams.recovery import Reach


@pytest.mark.parametrize(
    ("sentence", "reach", "fresh", "owed"),
    [
        ("a first start reads the log from its beginning", Reach(0, 500, -1, 400), -1, 0),
        (
            "a first start on a log that has forgotten its beginning starts at what is left",
            Reach(100, 500, -1, 400),
            99,
            100,
        ),
        ("without a state it goes back from the committed offset", Reach(0, 500, 480, 400), 399, 480),
        ("a group that is far behind goes on where it was, not later", Reach(0, 500, 100, 400), 99, 100),
        ("nothing older than the log can be read", Reach(450, 500, 480, 400), 449, 480),
        ("a committed offset beyond the end is another log's", Reach(0, 20, 480, 20), -1, 0),
        ("a committed offset before the beginning is gone", Reach(300, 500, 100, 400), 299, 300),
        ("an empty partition has nothing", Reach(0, 0, -1, 0), -1, 0),
    ],
)
def test_a_reader_without_a_state(sentence: str, reach: Reach, fresh: int, owed: int) -> None:
    assert (reach.fresh, reach.owed) == (fresh, owed), sentence


@pytest.mark.parametrize(
    ("sentence", "applied", "shorter"),
    [
        ("everything applied is the end itself", 99, False),
        ("there is more to read", 50, False),
        ("the log ends before what was applied", 100, True),
    ],
)
def test_a_log_that_is_shorter_than_what_was_applied_is_another(sentence: str, applied: int, shorter: bool) -> None:
    assert Reach(0, 100, 90, 80).shorter(applied) is shorter, sentence
