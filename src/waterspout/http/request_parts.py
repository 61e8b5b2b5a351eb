"""Parts of the request class: limits, dates, a body in chunks under WSGI."""

from __future__ import annotations

from collections.abc import Callable
from typing import IO, Any

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Request as WerkzeugRequest
from werkzeug.wsgi import LimitedStream

from ..context.variables import current_config

__all__ = ["Bounded", "Dated", "Limit"]


class Limit:
    """A limit of one request in bytes or parts: the value set on the request, else its route's,
    else the application's setting, else Werkzeug's default."""

    def __init__(self, setting: str, default: int | None) -> None:
        self.setting = setting
        self.default = default
        self.__doc__ = (
            f"The limit {setting} (see the settings) as it holds for this request. Assign to"
            " change it for this request; None means the application's setting."
        )

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name
        self.slot = f"_{name}"

    def __get__(self, request: Any, owner: type | None = None) -> Any:
        if request is None:
            return self
        own = request.__dict__.get(self.slot)
        if own is None:
            own = getattr(request.url_rule, self.name, None)
        if own is not None:
            return own
        config = current_config()
        return self.default if config is None else config[self.setting]

    def __set__(self, request: object, value: int | None) -> None:
        request.__dict__[self.slot] = value


class Bounded(LimitedStream):
    """A body in chunks under WSGI; raises 413 above *maximum* bytes.

    SECURITY: Werkzeug's own stream ends at the limit as if the body did, and a view takes the
    first part for the whole.
    """

    def __init__(self, stream: IO[bytes], maximum: int) -> None:
        super().__init__(stream, maximum + 1, is_max=True)

    def readinto(self, b: Any) -> int | None:
        """Read into *buffer*. Raises 413 at the first byte above the limit."""
        count = super().readinto(b)
        if self.is_exhausted:
            raise RequestEntityTooLarge()
        return count


class Dated:
    """A property of Werkzeug's request that is read from a date. For text that is no date it is
    the value of *nothing*; Werkzeug's own fails at a date with too large a number in it."""

    def __init__(self, nothing: Callable[[], object] = lambda: None) -> None:
        self.nothing = nothing

    def __set_name__(self, owner: type, name: str) -> None:
        self.inherited: Any = getattr(WerkzeugRequest, name)
        self.__doc__ = self.inherited.__doc__

    def __get__(self, request: Any, owner: type | None = None) -> Any:
        if request is None:
            return self
        try:
            return self.inherited.__get__(request, owner)
        except OverflowError:
            return self.nothing()
