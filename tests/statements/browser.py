"""One headless Chromium for all tests, spoken to over its debugging pipe."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
_TIMEOUT_S = 60
_ERRORS = ("Runtime.exceptionThrown", "Log.entryAdded")  # the latter: what the policy refuses, too


class Browser:
    """A browser with one page. Its requests to the network are recorded and refused."""

    def __init__(self, profile: Path) -> None:
        to_browser, self._out = os.pipe()
        self._in, from_browser = os.pipe()
        files = {3: to_browser, 4: from_browser}

        def connect() -> None:  # in the child: Chromium reads from 3 and writes to 4
            kept = {number: os.dup(file) for number, file in files.items()}
            for number, file in kept.items():
                os.dup2(file, number)

        self._process = subprocess.Popen(
            [
                *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"),
                *("--disable-background-networking", f"--user-data-dir={profile}"),
                *("--remote-debugging-pipe", "about:blank"),
            ],
            preexec_fn=connect,
            close_fds=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        self._number, self._rest = 0, b""
        self.requests: list[str] = []
        self.errors: list[str] = []
        target = next(
            found["targetId"]
            for found in self.call("Target.getTargets")["targetInfos"]
            if found["type"] == "page"
        )
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        self.call("Page.enable")
        for domain in ("Network", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    _session = ""

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Calls a method and returns its result; events that come before it are looked at."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("method") == "Network.requestWillBeSent":
                self.requests.append(answer["params"]["request"]["url"])
            if answer.get("method") in _ERRORS:
                self.errors.append(json.dumps(answer["params"])[:500])
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                found: dict[str, Any] = answer["result"]
                return found

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            data = os.read(self._in, 1 << 20)
            assert data, "the browser ended"
            self._rest += data
        message, _, self._rest = self._rest.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found

    def value(self, expression: str) -> Any:
        """Returns the value of a JavaScript expression in the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def open(self, path: Path) -> tuple[str, list[str]]:
        """Opens a page from disk; returns its verdict and what it says, once it has checked."""
        self.requests.clear()
        self.errors.clear()
        self.call("Page.navigate", url=path.resolve().as_uri())
        ends = time.monotonic() + _TIMEOUT_S
        while time.monotonic() < ends:
            state = self.value(
                "document.readyState === 'complete' ? document.documentElement.dataset.verdict "
                "|| 'no verdict' : 'none'"
            )
            if state != "none" and self.value("location.href") == path.resolve().as_uri():
                break
            time.sleep(0.01)
        said = self.value("[...document.querySelectorAll('#verdict li')].map(e => e.textContent)")
        return str(state), list(said or [])

    def wait_for(self, expression: str) -> Any:
        """Returns the value of a JavaScript promise in the page."""
        answer = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def pdf(self) -> bytes:
        """Prints the page on A4."""
        found = self.call("Page.printToPDF", preferCSSPageSize=True, printBackground=True)
        return base64.b64decode(found["data"])

    def size(self, width: int, height: int) -> None:
        """Sets the size of the window; up to 640 pixels it is a phone."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width <= 640,
        )

    def picture(self) -> bytes:
        """Returns a picture of the window, PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot")["data"])

    def close(self) -> None:
        """Ends the browser."""
        self._process.terminate()
        self._process.wait()
        for file in (self._in, self._out):
            os.close(file)


@contextlib.contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """Starts a browser and ends it."""
    found = Browser(profile)
    try:
        yield found
    finally:
        found.close()
