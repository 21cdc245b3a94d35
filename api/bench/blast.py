"""A publisher that is never the limit: `python -m api.bench.blast PORT GATEWAY COUNT` sends ready-made QoS 1 packets (MQTT 3.1.1).

It keeps at most a window of packets unacknowledged and ends when the broker has acknowledged the last one.
"""

from __future__ import annotations

import socket
import sys
import time
from typing import Final

DEVICES: Final = 1000
_WINDOW: Final = 1000
_CHUNK: Final = 100


def varint(number: int) -> bytes:
    """An MQTT remaining length."""
    out = bytearray()
    while True:
        number, low = divmod(number, 128)
        out.append(low | (128 if number else 0))
        if not number:
            return bytes(out)


def packet(first: int, body: bytes) -> bytes:
    """An MQTT control packet."""
    return bytes([first]) + varint(len(body)) + body


def connect(client_id: str) -> bytes:
    """CONNECT, MQTT 3.1.1, clean session, no keep-alive."""
    name = client_id.encode()
    return packet(0x10, b"\x00\x04MQTT\x04\x02\x00\x00" + len(name).to_bytes(2, "big") + name)


def reading(gateway: str, n: int, at_ms: int) -> bytes:
    """One PUBLISH with two numbers, in our own convention; its packet id is 1 to 65535 in turn."""
    topic = f"tocsin/{gateway}/bench-{n % DEVICES:04d}/telemetry".encode()
    payload = f'{{"at":{at_ms},"smoke":{n % 97 / 1000},"temperature":{20 + n % 7 / 10}}}'.encode()
    return packet(0x32, len(topic).to_bytes(2, "big") + topic + (n % 65535 + 1).to_bytes(2, "big") + payload)


def main() -> None:
    port, gateway, count = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    at = int(time.time() * 1000)
    chunks = [
        b"".join(reading(gateway, n, at) for n in range(first, min(first + _CHUNK, count)))
        for first in range(0, count, _CHUNK)
    ]
    with socket.create_connection(("127.0.0.1", port), timeout=30) as wire:
        wire.sendall(connect(f"blast-{gateway}"))
        wire.recv(4)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.readline()
        sent = acknowledged = 0
        for chunk in chunks:
            wire.sendall(chunk)
            sent += _CHUNK * 4
            while sent - acknowledged > _WINDOW * 4:
                acknowledged += len(wire.recv(65536))
        while acknowledged < count * 4:
            acknowledged += len(wire.recv(65536))


if __name__ == "__main__":
    main()
