"""The fire crew of a demo: after somebody has answered, they go, look, handle and report, over the same API an operator uses.

It presses no acknowledgement itself: that is the telephone's business. Matters that are no fire are left to whoever sits at the desk,
and so is a fire whose next step is refused, until it is possible. Times are seconds of the crew's own pace.
"""

from __future__ import annotations

import logging
import threading
from typing import Any, Final, Self

import httpx

log = logging.getLogger(__name__)

# What follows what, how long it takes, and who does it: the one who answered, a checker, or the operator on duty.
NEXT: Final[dict[str, tuple[str, float, str]]] = {
    "acknowledged": ("accept", 1.0, "answered"),
    "accepted": ("arrive", 2.0, "answered"),
    "on_scene": ("handle", 2.5, "answered"),
    "handled": ("verify", 1.5, "checker"),
    "verified": ("close", 1.0, "operator"),
}
OPERATOR: Final = "值班员"
CHECKER: Final = "核查员"  # never whoever handled it
POLL: Final = 0.1
KIND: Final = "fire"


class Crew:
    """Follows every open fire from its acknowledgement to its end."""

    def __init__(self, api_url: str, *, pace: float = 1.0) -> None:
        self._url = api_url
        self._pace = pace
        self._halt = threading.Event()
        self._due: dict[str, tuple[str, float]] = {}  # alert -> the handling it waits in, and for how many more seconds
        self._thread = threading.Thread(target=self._work, name="crew", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._halt.set()
        self._thread.join(10)

    def _work(self) -> None:
        with httpx.Client(base_url=self._url, timeout=5.0, trust_env=False) as client:
            while not self._halt.wait(POLL):
                try:
                    for alert in (
                        client.get("/api/v1/alerts", params={"open": "true", "kind": KIND, "limit": 50})
                        .raise_for_status()
                        .json()["alerts"]
                    ):
                        self._look(client, alert)
                except httpx.HTTPError as error:
                    log.info("the crew cannot reach the API just now: %s", error)

    def _look(self, client: httpx.Client, alert: dict[str, Any]) -> None:
        step = NEXT.get(alert["handling"])
        if step is None:
            return
        verb, after, who = step
        waiting, left = self._due.get(alert["id"], ("", 0.0))
        if waiting != alert["handling"]:
            self._due[alert["id"]] = (alert["handling"], after * self._pace)
        elif left > 0:
            self._due[alert["id"]] = (waiting, left - POLL)
        else:
            by = {"operator": OPERATOR, "checker": CHECKER}.get(who) or self._who_answered(client, alert["id"])
            for caller in alert["owed"] if verb == "close" else ():
                self._say(client, alert, "call-back", {"by": by, "call": caller["call"], "note": "已告知结果"})
            self._say(client, alert, verb, {"by": by, **({"note": "founded"} if verb == "close" else {})})
            self._due.pop(alert["id"])  # what was refused is tried again after as long

    @staticmethod
    def _say(client: httpx.Client, alert: dict[str, Any], verb: str, body: dict[str, Any]) -> None:
        said = client.post(f"/api/v1/alerts/{alert['id']}/{verb}", json=body)
        if said.status_code != httpx.codes.CONFLICT:  # not possible just now: a whistle is open, or somebody was faster
            said.raise_for_status()

    @staticmethod
    def _who_answered(client: httpx.Client, ident: str) -> str:
        asked = client.get("/api/v1/notices", params={"alert": ident, "state": "answered"}).raise_for_status().json()
        return next((str(notice["name"]) for notice in asked), OPERATOR)
