"""A real browser without a window, driven over its DevTools protocol: what a person sees and presses, and what they are shown then."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

from tests.alerts.deadline import until

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser") or ""
NAMED = {"Enter": ("Enter", 13, "\r"), "Escape": ("Escape", 27, ""), "Tab": ("Tab", 9, ""), "ArrowDown": ("ArrowDown", 40, ""), "Backspace": ("Backspace", 8, "")}  # fmt: skip
# What the protocol says when the page that was asked is no more.
AWAY = ("navigated or closed", "context was destroyed", "Cannot find context")
# No other name is looked up: whatever the page asked of another host would fail.
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-extensions", "--disable-background-networking", "--hide-scrollbars",
    "--remote-debugging-port=0", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "about:blank",
)  # fmt: skip


class Browser:
    """`with Browser(directory) as browser: page = browser.open(url)`."""

    def __init__(self, directory: Path) -> None:
        self._home = directory / "browser"
        self._loop = asyncio.new_event_loop()
        self._http: aiohttp.ClientSession | None = None
        self._pages: list[Page] = []

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [CHROMIUM, f"--user-data-dir={self._home}", *FLAGS],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        written = self._home / "DevToolsActivePort"
        until(lambda: written.exists() and written.read_text().count("\n") > 0, seconds=30)
        self._port = int(written.read_text().split("\n")[0])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.run_until_complete(self._leave())
        self._loop.close()
        os.killpg(self._process.pid, signal.SIGKILL)  # its own session: the browser and its children, nothing else
        self._process.wait(10)

    async def _leave(self) -> None:
        for page in self._pages:
            await page.socket.close()
        if self._http is not None:
            await self._http.close()

    def open(self, url: str, *, size: tuple[int, int] = (1600, 1000)) -> Page:
        """A new tab."""
        return self._loop.run_until_complete(self._open(url, size))

    async def _open(self, url: str, size: tuple[int, int]) -> Page:
        self._http = self._http or aiohttp.ClientSession(trust_env=False)
        async with self._http.put(f"http://127.0.0.1:{self._port}/json/new?about:blank") as answer:
            target = await answer.json(content_type=None)
        socket = await self._http.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0)
        page = Page(self._loop, socket, target["id"])
        self._pages.append(page)
        for domain in ("Page", "Runtime", "Network", "Accessibility"):
            await page.send(f"{domain}.enable")
        await page.send("Emulation.setDeviceMetricsOverride", width=size[0], height=size[1], deviceScaleFactor=1, mobile=False)  # fmt: skip
        await page.send("Page.navigate", url=url)
        return page


class Page:
    """One tab. `failures` are what its console and its scripts complained of."""

    def __init__(self, loop: asyncio.AbstractEventLoop, socket: aiohttp.ClientWebSocketResponse, target: str) -> None:
        self.socket = socket
        self._target = target
        self._loop = loop
        self._number = 0
        self.failures: list[str] = []
        self.asked: list[str] = []

    async def send(self, method: str, **params: Any) -> dict[str, Any]:
        self._number += 1
        number = self._number
        await self.socket.send_json({"id": number, "method": method, "params": params})
        while True:
            said = json.loads((await self.socket.receive(90)).data)
            if said.get("id") == number:
                assert "error" not in said, f"{method}: {said.get('error')}"
                result: dict[str, Any] = said["result"]
                return result
            self._heard(said)

    def _heard(self, said: dict[str, Any]) -> None:
        params = said.get("params", {})
        if said.get("method") == "Runtime.exceptionThrown":
            self.failures.append(
                json.dumps(params["exceptionDetails"].get("exception", params), ensure_ascii=False)[:600]
            )
        if said.get("method") == "Runtime.consoleAPICalled" and params["type"] in {"error", "warning"}:
            self.failures.append(" ".join(str(one.get("value", one.get("description"))) for one in params["args"]))
        if said.get("method") == "Network.requestWillBeSent":
            self.asked.append(params["request"]["url"])

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """One command of the protocol."""
        return self._loop.run_until_complete(self.send(method, **params))

    def js(self, expression: str) -> Any:
        """The value of an expression in the page; promises are awaited."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def until(self, expression: str, seconds: float = 15.0) -> Any:
        """Wait until an expression is true, also while the tab goes from page to page; its value."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            try:
                if self._came(expression, left):
                    return self.js(expression)
            except AssertionError as error:
                if not any(words in str(error) for words in AWAY):
                    raise
        raise AssertionError(f"it did not become true in {seconds:g} s: {expression}")

    def _came(self, expression: str, seconds: float) -> bool:
        look = (
            f"const look = () => ({expression} ? done(true) : Date.now() > end ? done(false) : setTimeout(look, 15));"
        )
        return bool(self.js(f"new Promise((done) => {{ const end = Date.now() + {seconds * 1000}; {look} look(); }})"))

    def painted(self) -> None:
        """Wait until what has changed has been laid out and drawn."""
        self.js("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(0))))")

    def text(self, selector: str) -> str:
        """What is read there."""
        found: str = self.js(f"document.querySelector({selector!r})?.innerText ?? ''")
        return found

    def click(self, selector: str, times: int = 1) -> None:
        """Click with the pointer, where it really is: what covers it gets the click."""
        self.until(f"document.querySelector({selector!r})")
        x, y = self.js(
            f"(() => {{ const e = document.querySelector({selector!r}); e.scrollIntoView({{block: 'center'}}); const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; }})()"
        )
        for kind in ("mousePressed", "mouseReleased") * times:
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def press(self, *keys: str) -> None:
        """Press keys: letters, or the names in `NAMED`."""
        for key in keys:
            name, code, text = NAMED.get(key, (key, ord(key.upper()[0]), key))
            said = {"text": text, "unmodifiedText": text} if text else {}
            self.call("Input.dispatchKeyEvent", type="keyDown", key=name, code=name, windowsVirtualKeyCode=code, **said)
            self.call("Input.dispatchKeyEvent", type="keyUp", key=name, code=name, windowsVirtualKeyCode=code)

    def write(self, text: str) -> None:
        """Put words where the cursor is, as an input method does."""
        self.call("Input.insertText", text=text)

    def fill(self, selector: str, text: str) -> None:
        """Give a field a value, as a date picker does."""
        self.until(f"document.querySelector({selector!r})")
        self.js(
            f"(() => {{ const e = document.querySelector({selector!r}); e.focus(); e.value = {text!r}; e.dispatchEvent(new Event('input', {{bubbles: true}})); e.dispatchEvent(new Event('change', {{bubbles: true}})); }})()"
        )

    def close(self) -> None:
        """Shut the tab, also one that is just going elsewhere (which `Page.close` refuses)."""
        self.call("Target.closeTarget", targetId=self._target)
        self._loop.run_until_complete(self.socket.close())

    def picture(self, path: Path) -> None:
        """What it looks like."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))
