"""The bench of dialects measures decoding: every dialect that ships has a message that it understands."""

from __future__ import annotations

import pytest

from api.bench.dialects import best, profiles, samples
from ingest.dialects.catalogue import SHIPPED
from ingest.dialects.observation import Entry, Verdict, decode_safely


@pytest.mark.parametrize("entry", SHIPPED, ids=[entry.name for entry in SHIPPED])
def test_every_dialect_understands_its_message_again_and_again(entry: Entry) -> None:
    sample, decoder = samples()[entry.name], entry.open()
    for message in sample.before:
        assert decode_safely(decoder, message, entry.largest).verdict is Verdict.ACCEPTED
    for message in (*sample.again, *sample.again):
        decoding = decode_safely(decoder, message, entry.largest)
        assert decoding.verdict is Verdict.ACCEPTED, decoding.reason
        assert decoding.observations
        assert not {w for o in decoding.observations for w in o.warnings} - {"historical"}


def test_no_sample_is_of_a_dialect_that_is_gone() -> None:
    assert set(samples()) == {entry.name for entry in SHIPPED}


def test_a_profile_s_rows_say_what_they_were_held_against() -> None:
    seven, one, observed = profiles()
    for row in (seven, one, observed):
        assert row.against.startswith("orjson.loads")
        assert row.ratio is not None
        assert "times orjson.loads" in row.note
    assert "7 metrics" in seven.note
    assert "20 bytes" in one.note
    assert "observations" in observed.note


def test_the_best_round_counts_every_call() -> None:
    calls = []
    assert best(lambda: calls.append(1), rounds=1) > 0
    assert len(calls) % 50 == 0
