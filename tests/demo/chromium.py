"""A real Chromium without a window, driven over its DevTools pipe: JSON messages ended by NUL."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DEADLINE = 30.0  # seconds for anything the browser is asked

FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-extensions", "--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--disable-dev-shm-usage", "--remote-debugging-pipe"),
]


class Browser:
    """One browser with one page. What a person does is done by scripts in the page."""

    def __init__(self, sending: int, receiving: int) -> None:
        self._sending = sending
        self._receiving = receiving
        self._buffer = b""
        self._numbers = count(1)
        self._session: str | None = None
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        attached = self._call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]

    def open(self, url: str) -> None:
        """Go to a page and wait until it is complete."""
        self._call("Page.navigate", url=url)
        self.wait_for(f"location.href.startsWith({json.dumps(url)}) && complete()")

    def run(self, script: str) -> Any:
        """Run JavaScript in the page; return the value of its last expression."""
        helper = "window.complete ??= () => document.readyState === 'complete';"
        done = self._call("Runtime.evaluate", expression=helper + script, returnByValue=True)
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    def wait_for(self, condition: str) -> None:
        """Ask the page until the JavaScript condition holds, as a person looks again."""
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            # The first question after a navigation may meet a page that is going away.
            reply = self._ask("Runtime.evaluate", expression=POLL % condition, awaitPromise=True)
            if reply.get("result", {}).get("result", {}).get("value") is True:
                return
        raise AssertionError(f"The page never showed: {condition}\n{self.run(ALL)}")

    def _call(self, method: str, **params: Any) -> dict[str, Any]:
        reply = self._ask(method, **params)
        assert "error" not in reply, reply
        result: dict[str, Any] = reply["result"]
        return result

    def _ask(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._numbers)
        message: dict[str, Any] = {"id": number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._sending, json.dumps(message).encode() + b"\0")
        while True:
            reply = self._receive()
            if reply.get("id") == number:
                return reply

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._receiving], [], [], DEADLINE)
            piece = os.read(self._receiving, 65536) if ready else b""
            assert piece, "The browser says nothing any more."
            self._buffer += piece
        message, _, self._buffer = self._buffer.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found


# Looks at once and after each change of the page, for up to a quarter of a second.
POLL = """new Promise(answer => {
  window.complete ??= () => document.readyState === 'complete';
  const look = () => { if (%s) answer(true); };
  look();
  new MutationObserver(look).observe(document, {subtree: true, childList: true, attributes: true});
  setTimeout(() => { look(); answer(false); }, 250);
})"""
ALL = "document.documentElement.outerHTML"


@contextmanager
def chromium(profile: Path) -> Iterator[Browser]:
    """Start Chromium with an empty profile, and end it."""
    assert CHROMIUM
    to_browser, sending = os.pipe()
    receiving, from_browser = os.pipe()
    # Chromium reads its commands from descriptor 3 and answers on 4.
    shell = 'exec 3<&"$1" 4>&"$2"; shift 2; exec "$@"'
    browser = subprocess.Popen(
        [
            *("bash", "-c", shell, "bash", str(to_browser), str(from_browser)),
            *(CHROMIUM, *FLAGS, f"--user-data-dir={profile}", "about:blank"),
        ],
        pass_fds=(to_browser, from_browser),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(to_browser)
    os.close(from_browser)
    try:
        yield Browser(sending, receiving)
    finally:
        os.close(sending)
        os.close(receiving)
        browser.terminate()
        try:
            browser.wait(timeout=10)
        except subprocess.TimeoutExpired:
            browser.kill()
            browser.wait()
