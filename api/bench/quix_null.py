"""Quix Streams doing nothing per event: `python quix_null.py BROKER TOPIC COUNT` prints {"rate": events a second}.

Runs in the bench environment, not in Tocsin's: it imports nothing of Tocsin. The clock starts with the first event.
"""

from __future__ import annotations

import json
import sys
import time

from quixstreams import Application


def main() -> None:
    broker, topic, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    app = Application(
        broker_address=broker,
        consumer_group=f"null-{time.time_ns()}",
        auto_offset_reset="earliest",
        auto_create_topics=False,
        loglevel="ERROR",
        producer_extra_config={"enable.idempotence": False},
    )
    seen, begun, ended = 0, 0.0, 0.0

    def nothing(_: object) -> None:
        nonlocal seen, begun, ended
        seen += 1
        if seen == 1:
            begun = time.perf_counter()
        elif seen == count:
            ended = time.perf_counter()
            app.stop()

    app.dataframe(app.topic(topic, value_deserializer="bytes")).update(nothing)
    app.run()
    sys.stdout.write(json.dumps({"rate": (seen - 1) / (ended - begun), "events": seen}))


if __name__ == "__main__":
    main()
