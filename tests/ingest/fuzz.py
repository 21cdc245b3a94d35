"""Throw broken messages at the decoders for as long as you like: `python -m tests.ingest.fuzz --samples FOLDER --seconds 300`.

Every sample is decoded by the dialect it fits, then again and again with bits flipped, bytes cut out, repeated, swapped between samples, lengths
and counts set to their ends, and whole streams cut anywhere for the splitters behind the TCP doors. Formats that only come inside an envelope
(Cayenne LPP; the bodies within the platforms' pushes) are broken inside and carried by a whole one: `cayenne`, `ctwing inner` … A crash is an answer of
`Reason.FAULT` (something escaped a decoder), a decoding with more than it may hold, or one that took longer than `SLOW`. Each is
printed with the seed and the bytes that made it, in hex; the exit code is 1 when there was any.
"""

from __future__ import annotations

import argparse
import base64
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson

from api.command.decode import BadFile, bytes_of
from ingest.dialects.catalogue import SHIPPED, Stream
from ingest.dialects.claims import Reason
from ingest.dialects.observation import Fit, Message
from ingest.tcp import CUT, Cutter

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
SLOW = 2.0  # seconds of processor time for one message
EDGES = (0x00, 0x01, 0x7F, 0x80, 0xFF, 0x40, 0x23, 0x7B, 0x5B, 0x22)

# Cayenne LPP has no entry of its own; these are whole payloads of it: every type, several channels, a position.
CAYENNE: Final = tuple(
    bytes.fromhex(text)
    for text in (
        "03670110056700ff", "01670110026826037300640473270e", "0167ffd7", "067104d2fb2e0000", "018806765ff2960a0003e8",
        "0000010101010202fe0c0302ff9c", "0465006405660106860001000200030788000100020003000102",
    )
)  # fmt: skip
# What is carried by each envelope: seeds of these dialects.
INNER: Final = ("gb26875", "hj212", "meokon", "milesight", "senml", "zigbee2mqtt")


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def _uplink(raw: bytes) -> Any:
    info = {"devEui": "0101010101010101", "deviceProfileName": "cayenne"}
    return {"deduplicationId": "u", "deviceInfo": info, "fPort": 1, "data": _b64(raw)}


def _ctwing(raw: bytes) -> Any:
    inner = {"msg": raw.hex()} if len(raw) % 2 else {"APPdata": _b64(raw)}
    return {"messageType": "dataReport", "tenantId": "1", "deviceId": "d", "timestamp": 1795593598123, "payload": inner}


def _onenet(raw: bytes) -> Any:
    text = raw.hex() if len(raw) % 2 else _b64(raw)
    point = {"at": 1795593598123, "type": 1, "ds_id": "3200_0_5750", "value": text, "dev_id": 1}
    return {"msg": point, "msg_signature": "", "nonce": ""}


def _iotda(raw: bytes) -> Any:
    text = raw.hex() if len(raw) % 2 else _b64(raw)
    data = {"header": {"device_id": "d"}, "body": {"content": text}}
    return {"resource": "device.message", "event": "report", "event_time": "20260301T075900Z", "notify_data": data}


# Name, the dialect of the envelope, and the envelope around some bytes.
CARRIERS: Final[Mapping[str, tuple[str, Callable[[bytes], Any]]]] = {
    "cayenne": ("chirpstack", _uplink),
    "ctwing inner": ("ctwing", _ctwing),
    "onenet inner": ("onenet", _onenet),
    "iotda inner": ("iotda", _iotda),
}


@dataclass(frozen=True, slots=True)
class Crash:
    """One message that a decoder did not stand."""

    dialect: str
    seed: int
    why: str
    payload: bytes


def samples(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Each file with the dialects that take it for theirs."""
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        try:
            payload = bytes_of(path)
        except BadFile:
            continue
        message = Message("", payload, NOW)
        for entry in SHIPPED:
            if entry.name in str(path).replace("-", "_") or entry.fits(message) is not Fit.NO:
                yield entry.name, payload


def broken(rng: random.Random, payload: bytes, others: Sequence[bytes]) -> bytes:
    """The payload with one to eight things wrong."""
    data = bytearray(payload)
    for _ in range(rng.randint(1, 8)):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(7):
            case 0 if data:
                data[at % len(data)] ^= 1 << rng.randrange(8)
            case 1 if data:
                data[at % len(data)] = rng.choice(EDGES)
            case 2:
                del data[at : at + rng.randint(1, 16)]
            case 3:
                data[at:at] = data[at : at + rng.randint(1, 64)] * rng.randint(1, 4)
            case 4:
                data[at:at] = rng.randbytes(rng.randint(1, 8))
            case 5 if data:
                data[at % len(data) : at % len(data) + 4] = rng.choice(
                    (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x80\0\0\0")
                )
            case 6 if others:
                other = rng.choice(others)
                data[at:] = other[rng.randrange(len(other) + 1) :]
            case _:
                data += rng.randbytes(1)
    return bytes(data)


def tried(dialect: str, stream: Stream, payload: bytes, seed: int) -> Crash | None:
    """Decode it; the crash, if that was one."""
    begun = time.process_time()
    try:
        _, decoding = stream.decode(Message("", payload, NOW), dialect)
    except Exception as error:
        return Crash(dialect, seed, repr(error), payload)
    if time.process_time() - begun > SLOW:
        return Crash(dialect, seed, "slow", payload)
    if decoding.reason.startswith(Reason.FAULT):
        return Crash(dialect, seed, decoding.reason, payload)
    return None


def fuzz(dialect: str, seeds: Sequence[bytes], seconds: float, seed: int) -> tuple[int, list[Crash]]:
    """How many messages were tried, and the crashes, at most one of a kind."""
    entry, carried = CARRIERS.get(dialect, (dialect, None))
    rng, stream, crashes, count = random.Random(seed), Stream(SHIPPED), dict[str, Crash](), 0
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if count % 2000 == 0:
            stream = Stream(SHIPPED)  # states of broken births would shield what follows
        whole = rng.choice(seeds)
        payload = whole if rng.random() < 0.1 else broken(rng, whole, seeds)
        crash = tried(entry, stream, orjson.dumps(carried(payload)) if carried else payload, seed)
        if crash is not None:
            crashes.setdefault(crash.why[:60], crash)
        count += 1
    return count, list(crashes.values())


def split(name: str, seeds: Sequence[bytes], seconds: float, seed: int) -> tuple[int, list[Crash]]:
    """The same for a splitter: broken streams, cut anywhere, must come out in bounded pieces."""
    rng, crashes, count = random.Random(seed), dict[str, Crash](), 0
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        whole = b"".join(broken(rng, rng.choice(seeds), seeds) for _ in range(rng.randint(1, 6)))
        cutter, came, at, why = Cutter(name), 0, 0, ""
        try:
            while at < len(whole):
                piece = whole[at : at + rng.randint(1, 200)]
                at += len(piece)
                came += sum(map(len, cutter.feed(piece)))
            came += sum(map(len, cutter.finish()))
            why = f"{came} bytes came out of {len(whole)}" if came > len(whole) else ""
        except Exception as error:
            why = repr(error)
        if why:
            crashes.setdefault(why[:60], Crash(f"{name} stream", seed, why, whole))
        count += 1
    return count, list(crashes.values())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--samples", type=Path, required=True, help="a folder of payloads; .hex files hold hex digits")
    parser.add_argument("--seconds", type=float, default=300.0, help="for each dialect")
    parser.add_argument("--dialect", action="append", default=[], help="only this one (repeatable)")
    parser.add_argument("--seed", type=int, default=1)
    said = parser.parse_args()
    found: dict[str, list[bytes]] = {}
    for name, payload in samples(said.samples):
        found.setdefault(name, []).append(payload)
    inner = [payload for name in INNER for payload in found.get(name, ())]
    found |= {name: list(CAYENNE) if name == "cayenne" else inner for name in CARRIERS if inner or name == "cayenne"}
    total: Counter[str] = Counter()
    wrong: list[Crash] = []
    for name in said.dialect or sorted(found):
        for what, run in ((name, fuzz), (f"{name} stream", split if name in CUT else None)):
            if run is None or name not in found:
                continue
            total[what], crashes = run(name, found[name], said.seconds, said.seed)
            wrong += crashes
            sys.stdout.write(f"{what:<24}{total[what]:>10} messages{len(crashes):>4} kinds of crash\n")
            sys.stdout.flush()
    for crash in wrong:
        sys.stdout.write(f"{crash.dialect} seed {crash.seed}: {crash.why}\n  {crash.payload.hex()}\n")
    return bool(wrong)


if __name__ == "__main__":
    raise SystemExit(main())
