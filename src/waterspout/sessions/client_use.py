"""Whether a piece of code uses what belongs to one client: `ClientUse`, for caches."""

from __future__ import annotations

from typing import Any

from ..context.variables import request_var

__all__ = ["ClientUse"]

_COOKIES = ("cookies", "_cookies")


class ClientUse:
    """Tells whether the code of a ``with`` block has used what belongs to the client of its
    request: the session, the cookies, the user.

    Afterwards, `used` says what that was, for a log; None: nothing. *handler* is the request
    handler that the code belongs to, if it does. What is marked or made once, such as
    `SessionMixin.accessed`, is as without this.
    """

    used: str | None = None

    def __init__(self, handler: object = None) -> None:
        ctx = request_var.get(None)
        self._ctx: Any = ctx
        self._handler = handler
        #: Objects, and the cookies that they have parsed before.
        self._cookies: list[tuple[Any, str, object]] = []

    def __enter__(self) -> ClientUse:
        session = None if self._ctx is None else self._ctx.live_session
        self._session_before = session is not None and session.accessed
        if session is not None and self._session_before:
            session.accessed = False
        for asked in self._asked():
            asked.waterspout_client_was_asked = False
        # Cookies are parsed once: where they are there afterwards, they were asked for.
        for holder in self._requests():
            for name in _COOKIES:
                parsed = holder.__dict__.pop(name, None)
                if parsed is not None:
                    self._cookies.append((holder, name, parsed))
        return self

    def __exit__(self, *error: object) -> None:
        if any(asked.waterspout_client_was_asked for asked in self._asked()):
            self.used = "it asks who the user is"
        elif any(name in holder.__dict__ for holder in self._requests() for name in _COOKIES):
            self.used = "it reads cookies"
        session = None if self._ctx is None else self._ctx.live_session
        if session is not None:
            if session.accessed:
                self.used = "it uses the session"
            elif self._session_before:
                session.accessed = True
        for holder, name, parsed in self._cookies:
            holder.__dict__[name] = parsed

    def _asked(self) -> list[Any]:
        return [one for one in (self._ctx, self._handler) if one is not None]

    def _requests(self) -> list[Any]:
        """Return the request objects that there are."""
        found = [] if self._ctx is None else [self._ctx.made_request]
        found.append(getattr(self._handler, "request", None))
        return [request for request in found if request is not None]
