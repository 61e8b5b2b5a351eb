"""gunicorn's hooks around a request, ``pre_request`` and ``post_request`` of a gunicorn.conf.py.

``pre_request(worker, req)`` is called after the header section, before any of the
application's code; an error in it becomes a 500.  ``post_request(worker, req, environ,
resp)`` is called when the response is complete, with the same *req*; an error in it is logged.
Both run on the event loop, so they must not block.  They are not called for a request that is
refused before (400, 431).

`HookedServer` is used only where a program sets one of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from ...http.message import Incoming
from ...typing import Argument, Untyped
from ..access_log import Access
from ..serving import Server
from .gunicorn_settings import GunicornConfig

__all__ = ["HookedServer", "HookingLog", "Request", "Response", "has_hooks"]

_HOOKS = ("pre_request", "post_request")


def has_hooks(cfg: GunicornConfig) -> bool:
    """Tell whether gunicorn's *cfg* has a hook that is not its own, which does nothing."""
    found = (cfg.settings[name] for name in _HOOKS)
    return any(setting.get() is not type(setting)().get() for setting in found)


class Request:
    """The request that hooks get, with gunicorn's names. A hook may set attributes of its own.

    *headers* are pairs of upper-case name and value, *version* is ``(1, 1)`` or ``(1, 0)``, *uri*
    the target as sent, *path* and *query* its parts, undecoded.
    """

    def __init__(self, incoming: Incoming) -> None:
        self.method = incoming.method
        self.uri = incoming.target.decode("latin-1")
        self.path, _, self.query = self.uri.partition("?")
        major, _, minor = incoming.version.partition(".")
        self.version = int(major), int(minor)
        self.scheme = incoming.scheme
        self.remote_addr = incoming.client[0] if incoming.client else ""
        self._origin = incoming.origin
        self.headers = tuple(
            (name.decode("latin-1").upper(), value.decode("latin-1"))
            for name, value in incoming.headers
        )


class Response:
    """The response that hooks get: *status* as ``"200 OK"``, *status_code*, *headers* as pairs,
    *sent*, the bytes of its body."""

    def __init__(self, status: int, sent: int, head: bytes) -> None:
        first, *lines = head.decode("latin-1").split("\r\n")
        self.status_code, self.sent = status, sent
        self.status = first.partition(" ")[2] or f"{status} {HTTPStatus(status).phrase}"
        pairs = (line.partition(":") for line in lines if line)
        self.headers = [(name, value.strip()) for name, _, value in pairs]


class HookedServer(Server):
    """A `Server` of a gunicorn worker whose configuration has hooks around requests."""

    def __init__(self, app: object, *args: Argument, worker: Untyped, **kwargs: Argument) -> None:
        super().__init__(app, *args, **kwargs)
        self._worker = worker
        self.asks_proxies = True

    def believe(self, incoming: Incoming) -> None:
        """Do the same as any server for a message, then call ``pre_request``."""
        if self.settings.trusted_proxies:
            super().believe(incoming)
        request = Request(incoming)
        incoming.headers = _HookedFields(incoming.headers, request)
        self._worker.cfg.pre_request(self._worker, request)


class _HookedFields(list[tuple[bytes, bytes]]):
    """Header fields with a reference to their *request*, for the access log."""

    def __init__(self, fields: Sequence[tuple[bytes, bytes]], request: Request) -> None:
        super().__init__(fields)
        self.request = request


class HookingLog:
    """An access log (or None) that calls ``post_request`` too."""

    def __init__(self, log: Access | None, worker: Untyped) -> None:
        self._log = log
        self._worker = worker

    def __call__(
        self,
        client: str,
        method: str,
        target: bytes,
        version: str,
        status: int,
        sent: int,
        seconds: float,
        headers: Sequence[tuple[bytes, bytes]],
        head: bytes = b"",
        /,
    ) -> None:
        """Log one finished request; one that `HookedServer` has not seen was refused."""
        if self._log is not None:
            self._log(client, method, target, version, status, sent, seconds, headers, head)
        if not isinstance(headers, _HookedFields):
            return
        worker, request = self._worker, headers.request
        try:
            environ = Incoming(method, target, headers, version, request._origin).to_environ()
            worker.cfg.post_request(worker, request, environ, Response(status, sent, head))
        except Exception:
            worker.log.exception("Exception in post_request hook")

    def close(self) -> None:
        """Close the log."""
        close = getattr(self._log, "close", None)
        if close is not None:
            close()
