"""The fuzzer sees a crash when there is one, and says how to get it again."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from ingest.dialects.catalogue import SHIPPED, Stream
from ingest.dialects.lorawan_payloads import DECODERS, Payload
from ingest.dialects.observation import Decoding, Entry, Fit, Message, Verdict, ignored
from tests.ingest.fuzz import CARRIERS, CAYENNE, broken, fuzz, samples, tried


class Fragile:
    def decode(self, message: Message) -> Decoding:
        return ignored(f"{message.payload[3]}")


FRAGILE = Entry("fragile", "none", (), lambda message: Fit.NO, Fragile)


@pytest.mark.parametrize(
    ("sentence", "payload", "crashes"),
    [("a decoder that stands it", b"\x00\x01\x02\x03", False), ("one that does not", b"\x00", True)],
)
def test_what_escapes_a_decoder_is_a_crash(sentence: str, payload: bytes, crashes: bool) -> None:
    crash = tried("fragile", Stream([FRAGILE]), payload, 7)
    assert (crash is not None) is crashes, sentence
    assert crash is None or (crash.payload, crash.seed) == (payload, 7)


def test_the_same_seed_breaks_a_payload_in_the_same_way_and_mostly_breaks_it() -> None:
    whole = bytes(range(64))
    runs = [[broken(random.Random(seed), whole, [whole]) for seed in range(50)] for _ in range(2)]
    assert runs[0] == runs[1]
    assert sum(one != whole for one in runs[0]) > 40


def test_samples_are_given_to_the_dialects_they_fit(tmp_path: Path) -> None:
    (tmp_path / "frame.hex").write_text("4040 0100 # GB/T 26875.3 begins with 40 40\n", encoding="ascii")
    (tmp_path / "odd.hex").write_text("404", encoding="ascii")
    (tmp_path / "gb26875_frame.bin").write_bytes(b"@@")
    assert {(name, payload) for name, payload in samples(tmp_path)} >= {("gb26875", b"@@")}
    assert all(payload in {b"@@", b"@@\x01\x00"} for _, payload in samples(tmp_path))


@pytest.mark.parametrize(("name", "seed"), [*(("cayenne", seed) for seed in CAYENNE), *((n, b"@@") for n in CARRIERS)])
def test_an_envelope_is_whole_whatever_it_carries(name: str, seed: bytes) -> None:
    entry, carried = CARRIERS[name]
    message = Message("", orjson.dumps(carried(seed)), datetime(2026, 3, 1, 8, tzinfo=UTC))
    _, decoding = Stream(SHIPPED).decode(message, entry)
    assert decoding.verdict is Verdict.ACCEPTED, decoding.reason
    if seed in CAYENNE:
        assert "no_codec" not in decoding.observations[0].warnings


def test_a_fault_within_an_envelope_is_a_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    def fragile(raw: bytes, profile: str) -> Payload:
        del raw
        raise IndexError(profile)

    monkeypatch.setitem(DECODERS, "cayenne_lpp", fragile)  # type: ignore[arg-type]
    tries, crashes = fuzz("cayenne", CAYENNE, 0.05, 1)
    assert (tries > 0, [crash.dialect for crash in crashes]) == (True, ["chirpstack"])
