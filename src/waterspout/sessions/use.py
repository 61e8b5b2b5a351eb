"""Whether a piece of code uses the session: `SessionUse`, for caches."""

from __future__ import annotations

from typing import Any

from ..context.variables import request_var

__all__ = ["SessionUse"]


class SessionUse:
    """Tells whether the code of a ``with`` block has asked for the session of its request.

    Afterwards, `used` is that; the session is marked `accessed` as without this.
    """

    used = False

    def __enter__(self) -> SessionUse:
        self._ctx: Any = request_var.get(None)
        session: Any = None if self._ctx is None else self._ctx.live_session
        self._before = session is not None and session.accessed
        if self._before:
            session.accessed = False
        return self

    def __exit__(self, *error: object) -> None:
        session = None if self._ctx is None else self._ctx.live_session
        if session is not None:
            self.used = session.accessed
            if self._before:
                session.accessed = True
