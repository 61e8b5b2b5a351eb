"""The application that the hostile tests attack, and what it saw."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

from waterspout import App, request

METHODS = [
    *("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"),
    *("BREW", "GE", "GETS", "PLAY", "VERSION-CONTROL", "!#$%&'*+.^_`|~0A-"),  # nobody's
]


@dataclass
class Seen:
    """What reached views, for the tests to look at; threads and tasks add to it."""

    paths: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _events: list[str] = field(default_factory=list)

    def clear(self) -> None:
        """Forget."""
        self.paths.clear()
        self.bodies.clear()

    def note(self, event: str) -> None:
        """Say that something happened."""
        with self._changed:
            self._events.append(event)
            self._changed.notify_all()

    def wait_for(self, event: str, count: int = 1, seconds: float = 20) -> bool:
        """Wait until it has happened *count* times."""
        with self._changed:
            return self._changed.wait_for(lambda: self._events.count(event) >= count, seconds)

    def count(self, event: str) -> int:
        with self._changed:
            return self._events.count(event)


def echo_app() -> tuple[App, Seen]:
    """Return an application that answers every method on every path with what it got."""
    app = App("hostile")
    seen = Seen()

    @app.route("/", defaults={"path": ""}, methods=METHODS)
    @app.route("/<path:path>", methods=METHODS)
    async def echo(path: str) -> Any:
        body = request.get_data()
        seen.paths.append(request.path)
        seen.bodies.append(body)
        return b"%b %b" % (request.path.encode("utf-8", "replace"), body)

    return app, seen
