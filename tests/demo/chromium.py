"""A real Chromium without a window, driven over its DevTools pipe: JSON messages ended by NUL."""

from __future__ import annotations

import base64
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
    """One Chromium. Each page has cookies of its own, as a person's own browser has."""

    def __init__(self, sending: int, receiving: int) -> None:
        self._sending = sending
        self._receiving = receiving
        self._buffer = b""
        self._numbers = count(1)
        #: The messages of pages that nobody has asked for, by session: methods and parameters.
        self.events: dict[str, list[tuple[str, dict[str, Any]]]] = {}

    def person(self, *, phone: bool = False, dark: bool = False, language: str = "en") -> Page:
        """Open a window with no cookies, on a desk (1280 × 900) or a phone (390 × 844)."""
        context = self.call(None, "Target.createBrowserContext")["browserContextId"]
        target = self.call(
            None, "Target.createTarget", url="about:blank", browserContextId=context
        )["targetId"]
        attached = self.call(None, "Target.attachToTarget", targetId=target, flatten=True)
        page = Page(self, attached["sessionId"], context)
        page.call("Page.enable")
        page.call("Network.enable")
        page.call("Runtime.enable")
        size = (390, 844, 2) if phone else (1280, 900, 1)
        page.call(
            "Emulation.setDeviceMetricsOverride",
            width=size[0],
            height=size[1],
            deviceScaleFactor=size[2],
            mobile=phone,
        )
        page.prefer(dark=dark)
        page.call(
            "Network.setUserAgentOverride", userAgent="Waterspout test", acceptLanguage=language
        )
        return page

    def call(self, session: str | None, method: str, **params: Any) -> dict[str, Any]:
        """Send one command and return its result; fail on an error."""
        reply = self.ask(session, method, **params)
        assert "error" not in reply, reply
        result: dict[str, Any] = reply["result"]
        return result

    def ask(self, session: str | None, method: str, **params: Any) -> dict[str, Any]:
        """Send one command and return the whole reply."""
        number = next(self._numbers)
        message: dict[str, Any] = {"id": number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self._sending, json.dumps(message).encode() + b"\0")
        while True:
            reply = self._receive()
            if reply.get("id") == number:
                return reply
            if "method" in reply:
                events = self.events.setdefault(reply.get("sessionId", ""), [])
                events.append((reply["method"], reply["params"]))

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._receiving], [], [], DEADLINE)
            piece = os.read(self._receiving, 65536) if ready else b""
            assert piece, "The browser says nothing any more."
            self._buffer += piece
        message, _, self._buffer = self._buffer.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found


class Page:
    """One window. What a person does is done by keys, clicks and scripts in the page."""

    def __init__(self, browser: Browser, session: str, context: str) -> None:
        self._browser = browser
        self._session = session
        self._context = context
        self._scripts = True

    def close(self) -> None:
        """Close the window and forget its cookies."""
        self._browser.call(None, "Target.disposeBrowserContext", browserContextId=self._context)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a DevTools command to this page; return its result."""
        return self._browser.call(self._session, method, **params)

    def prefer(self, *, dark: bool) -> None:
        """Set what the person's system says of colours."""
        value = "dark" if dark else "light"
        features = [
            {"name": "prefers-color-scheme", "value": value},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        self.call("Emulation.setEmulatedMedia", features=features)

    def without_scripts(self) -> None:
        """Let no script of the site run from the next page on."""
        self.call("Emulation.setScriptExecutionDisabled", value=True)
        self._scripts = False

    def open(self, url: str) -> None:
        """Go to a page and wait until it is complete."""
        self.call("Page.navigate", url=url)
        self.wait_for(f"location.href.startsWith({json.dumps(url)}) && complete()")

    def run(self, script: str) -> Any:
        """Run JavaScript in the page; return the value of its last expression, awaited."""
        done = self.call(
            "Runtime.evaluate", expression=HELPER + script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    def text(self, selector: str) -> str:
        """Return the text that the first such element shows."""
        found: str = self.run(f"document.querySelector({json.dumps(selector)}).innerText")
        return found

    def type(self, selector: str, text: str) -> None:
        """Put the cursor into a field and type, each letter with the events of a key."""
        self.run(f"document.querySelector({json.dumps(selector)}).focus()")
        for letter in text:
            self.call("Input.insertText", text=letter)

    def press(self, key: str) -> None:
        """Press and release a key, such as ``Tab`` or ``Enter``."""
        code = {"Tab": 9, "Enter": 13, "Escape": 27}[key]
        text = {"text": "\r"} if key == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            self.call(
                *("Input.dispatchKeyEvent",),
                **{"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, **text},
            )

    def click(self, selector: str) -> None:
        """Click the middle of the first such element, as a mouse does."""
        x, y = self.run(
            f"(element => {{ element.scrollIntoView({{block: 'center'}});"
            " const box = element.getBoundingClientRect();"
            " return [box.x + box.width / 2, box.y + box.height / 2]; })"
            f"(document.querySelector({json.dumps(selector)}))"
        )
        click = {"x": x, "y": y, "button": "left", "clickCount": 1}
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, **click)

    def choose_file(self, selector: str, path: Path) -> None:
        """Choose a file in a file field."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", files=[str(path)], nodeId=node)

    def wait_for(self, condition: str) -> None:
        """Ask the page until the JavaScript condition holds, as a person looks again."""
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            # The first question after a navigation may meet a page that is going away.
            if self._scripts:
                look = {"expression": POLL % condition, "awaitPromise": True}
            else:  # no timer runs in such a page
                time.sleep(0.02)
                look = {"expression": HELPER + condition}
            reply = self._browser.ask(self._session, "Runtime.evaluate", **look)
            if reply.get("result", {}).get("result", {}).get("value") is True:
                return
        raise AssertionError(f"The page never showed: {condition}\n{self.run(ALL)[:4000]}")

    def requests(self) -> list[str]:
        """Return the URLs that the page has asked for so far."""
        events = self._browser.events.get(self._session, [])
        return [
            params["request"]["url"]
            for method, params in events
            if method == "Network.requestWillBeSent"
        ]

    def complaints(self) -> list[str]:
        """Return the exceptions of the page's scripts so far."""
        events = self._browser.events.get(self._session, [])
        return [str(params) for method, params in events if method == "Runtime.exceptionThrown"]

    def picture(self, path: Path, *, whole: bool = False) -> None:
        """Save what the window shows, or the whole page, as a PNG file."""
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))


HELPER = "window.complete ??= () => document.readyState === 'complete';"
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
