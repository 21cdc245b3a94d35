"""Stops each part of a whole system on real servers, and says after how many seconds the desk named it and its people were told.

`python -m tests.live.deadman` does it for every part at the default settings of the watch (about three minutes a part), each right after a
canary came through, so that the next one is farthest away. `--part worker --how freeze` does one, with SIGSTOP in place of an end.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from api.county.lines import Kind
from api.selfwatch.settings import SelfwatchSettings
from tests.chaos.cluster import Cluster, Shape, shard_in
from tests.chaos.county import SHARDS, place
from tests.chaos.provider import Provider
from tests.live.mosquitto import PASSWORD

DUTY: Final = "+8613900000001"
USER: Final = "selfwatch"
BOUND: Final = 120.0  # seconds within which a part must be named and told of
Act = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Named:
    """What one stop showed. Seconds from the stop; None when it did not happen within the bound. `others` were named beside the part."""

    part: str
    how: str
    desk_s: float | None
    told_s: float | None
    why: str
    others: tuple[str, ...]
    text: str
    well_s: float | None

    @property
    def right(self) -> bool:
        """Whether the part was named and told of in time, and nothing else was."""
        return self.desk_s is not None and self.told_s is not None and not self.others


class Desk:
    """What an operator's page sees, and what the people of the watch are told."""

    def __init__(self, port: int, provider: Provider) -> None:
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=5, trust_env=False)
        self._provider = provider

    def found(self) -> Mapping[str, Any]:
        answer: dict[str, Any] = self._http.get("/health/system").json()
        return answer

    def troubles(self) -> dict[str, str]:
        return {t["part"]: t["why"] for t in self.found()["troubles"]}

    def texts(self) -> list[str]:
        return [line.text for line in self._provider.network.lines(Kind.MESSAGE, DUTY)]

    def until(self, claim: Callable[[], object], within: float) -> float | None:
        """Seconds until it is so."""
        begun = time.monotonic()
        while time.monotonic() - begun < within:
            if claim():
                return round(time.monotonic() - begun, 1)
            time.sleep(0.1)
        return None

    def await_fresh_canary(self, within: float) -> None:
        """Returns right after the next canary came the whole way. Raises `TimeoutError`."""
        before = (self.found()["canary"] or {}).get("sent_at")
        if self.until(lambda: (self.found()["canary"] or {}).get("sent_at") not in {before, None}, within) is None:
            raise TimeoutError(
                f"no canary came through within {within:g} s: {json.dumps(self.found(), ensure_ascii=False)}"
            )


def ways(cluster: Cluster, how: str) -> dict[str, tuple[Act, Act]]:
    """How each part is stopped and brought back."""

    def product(*names: str) -> tuple[Act, Act]:
        if how == "freeze":
            pids: list[int] = []

            def freeze() -> None:
                pids.extend(cluster.keeper.pid(name) for name in names)
                for pid in pids:
                    os.kill(pid, signal.SIGSTOP)

            def thaw() -> None:
                for pid in pids:
                    os.kill(pid, signal.SIGCONT)

            return freeze, thaw

        def hold() -> None:
            for name in names:
                cluster.keeper.hold(name)

        def release() -> None:
            for name in names:
                cluster.keeper.release(name)

        return hold, release

    def server(one: Any) -> tuple[Act, Act]:
        return (one.pause, one.resume) if how == "freeze" else (one.kill, one.start_again)

    def brokers() -> tuple[Act, Act]:
        every = range(cluster.kafka.count)
        stop, back = (
            (cluster.kafka.pause, cluster.kafka.resume)
            if how == "freeze"
            else (cluster.kafka.kill, cluster.kafka.start_again)
        )

        def on_each(act: Callable[[int], object]) -> Act:
            def each() -> None:
                for i in every:
                    act(i)

            return each

        return on_each(stop), on_each(back)

    return {
        "mqtt": server(cluster.mosquitto),
        "log": brokers(),
        "ledger": server(cluster.postgres),
        "series": server(cluster.influx),
        "gateway": product(*[name for name in cluster.named("gateway") if shard_in(name) == SHARDS[0]]),
        "worker": product(*cluster.named("worker")),
        "sender": product(*cluster.named("sender")),
    }


def stop_one(desk: Desk, part: str, how: str, way: tuple[Act, Act], watch: SelfwatchSettings) -> Named:
    """Stop a part right after a canary, wait for its name and for the text, bring it back, and wait until all is well."""
    desk.await_fresh_canary(3 * watch.every + 60)
    texts = len(desk.texts())
    stop, back = way
    begun = time.monotonic()
    stop()
    took = time.monotonic() - begun
    on_desk = desk.until(lambda: part in desk.troubles(), BOUND)
    why = desk.troubles().get(part, "")
    left = max(BOUND - (time.monotonic() - begun), 1.0)
    told = desk.until(lambda: len(desk.texts()) > texts, left)
    told_s = None if told is None else round(time.monotonic() - begun, 1)
    others = tuple(sorted(set(desk.troubles()) - {part}))
    text = desk.texts()[texts] if told is not None else ""
    back()
    well = desk.until(lambda: not desk.troubles(), 3 * watch.every + 120)
    return Named(part, how, on_desk and round(on_desk + took, 1), told_s, why, others, text, well)


def drill(
    parts: Sequence[str], how: str, watch: SelfwatchSettings, *, brokers: int, workers: int, folder: Path
) -> list[Named]:
    """Run it; every server and process started here has ended when this returns."""
    provider = Provider().start()
    own = {
        **{k: v for k, v in watch.model_dump().items() if isinstance(v, float)},
        "shards": SHARDS, "people": (DUTY,), "username": USER, "password": PASSWORD,
    }  # fmt: skip
    shape = Shape(brokers, workers, settings={"selfwatch": own})
    try:
        with Cluster(
            folder, shape, place=place(1), twilio=provider.settings(), provider_port=provider.port, progress=say
        ) as cluster:
            cluster.mosquitto.user(USER)
            desk = Desk(cluster.api_port, provider)
            desk.await_fresh_canary(3 * watch.every + 60)
            if desk.until(lambda: not desk.troubles(), watch.grace + 3 * watch.every) is None:
                raise TimeoutError(f"not well at the beginning: {desk.troubles()}")
            found = []
            for part in parts:
                found.append(stop_one(desk, part, how, ways(cluster, how)[part], watch))
                say(f"{part}: {found[-1]}")
            return found
    finally:
        provider.stop()


def say(text: str) -> None:
    sys.stderr.write(text + "\n")


def table(found: Sequence[Named]) -> str:
    """part → seconds until the desk named it, seconds until people were told."""
    rows = [("part", "how", "desk s", "told s", "well s", "what showed it", "named beside it")]
    rows += [
        (n.part, n.how, str(n.desk_s), str(n.told_s), str(n.well_s), n.why, ", ".join(n.others) or "-") for n in found
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parts = ("mqtt", "log", "ledger", "series", "gateway", "worker", "sender")
    parser.add_argument("--part", choices=parts, action="append", help="only this part; may be given several times")
    parser.add_argument("--how", choices=("stop", "freeze"), default="stop")
    parser.add_argument("--brokers", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--every", type=float, help="seconds between canaries; the default of the settings without it")
    parser.add_argument("--folder", type=Path, help="where the logs stay")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    watch = SelfwatchSettings() if asked.every is None else quick(asked.every)
    with tempfile.TemporaryDirectory(prefix="tocsin-deadman-", ignore_cleanup_errors=True) as made:
        folder = asked.folder or Path(made)
        found = drill(
            asked.part or parts, asked.how, watch, brokers=asked.brokers, workers=asked.workers, folder=folder
        )
    sys.stdout.write(
        (json.dumps([asdict(n) for n in found], ensure_ascii=False) if asked.json else table(found)) + "\n"
    )
    return 0 if all(n.right for n in found) else 1


def quick(every: float) -> SelfwatchSettings:
    """The watch with all its times shortened alike."""
    default = SelfwatchSettings()
    share = every / default.every
    return SelfwatchSettings(every=every, probe=default.probe * share, patience=default.patience * share, grace=every)


if __name__ == "__main__":
    raise SystemExit(main())
