"""The response as views and hooks see it: Werkzeug's, with async bodies.

A body may also be an async iterable; the native server and ASGI await it on the
loop, WSGI reads it through a private loop.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from typing import Any

from werkzeug.wrappers import Response as WerkzeugResponse

from .. import json
from ..current import current_config
from .awaitable import Ready
from .cookies import check_cookie, check_prefix

__all__ = ["Response", "blocking_iterator"]


class Response(Ready, WerkzeugResponse):
    """A response (Flask's `Response`): Werkzeug's class with ``text/html`` as the default
    type, and bodies that may be sync or async iterables of str or bytes.

    ``await response`` gives the response: code written for Quart awaits what makes one.
    """

    default_mimetype: str | None = "text/html"
    json_module: Any = json
    autocorrect_location_header = False

    @property
    def max_cookie_size(self) -> int:  # type: ignore[override]
        """The setting MAX_COOKIE_SIZE (bytes): `set_cookie` warns above it."""
        config = current_config()
        if config is not None:
            return int(config["MAX_COOKIE_SIZE"])
        return super().max_cookie_size

    def set_cookie(
        self,
        key: str,
        value: str = "",
        max_age: timedelta | int | None = None,
        expires: str | datetime | int | float | None = None,
        path: str | None = "/",
        domain: str | None = None,
        secure: bool = False,
        httponly: bool = False,
        samesite: str | None = None,
        partitioned: bool = False,
    ) -> None:
        """Set a cookie (Werkzeug's `set_cookie`).

        Raises `ValueError` for a name or attribute that would break the field apart, and, with
        the setting COOKIE_PREFIX_CHECK, for a ``__Host-`` or ``__Secure-`` name that browsers
        would not take.
        """
        check_cookie(key, domain, expires)
        if key.startswith("__"):
            config = current_config()
            if config is not None and config["COOKIE_PREFIX_CHECK"]:
                check_prefix(key, domain, path, secure or partitioned)
        super().set_cookie(
            key, value, max_age, expires, path, domain, secure, httponly, samesite, partitioned
        )

    @property
    def is_async(self) -> bool:
        """Whether the body is an async iterable."""
        return hasattr(self.response, "__aiter__")

    @property
    def is_made_while_sent(self) -> bool:
        """Whether the body comes from a generator or another iterable of the program."""
        return not (self.is_sequence or self.direct_passthrough)

    def iter_encoded(self) -> Iterator[bytes]:
        """Iterate over the body as bytes; an async body through a private event loop."""
        if self.is_async:
            body: Any = self.response
            return _encoded(blocking_iterator(body))
        return super().iter_encoded()

    async def aiter_encoded(self) -> AsyncIterator[bytes]:
        """Iterate over an async body as bytes."""
        body: Any = self.response
        async for item in body:
            yield item.encode() if isinstance(item, str) else item


def _encoded(items: Iterator[Any]) -> Iterator[bytes]:
    try:
        for item in items:
            yield item.encode() if isinstance(item, str) else item
    finally:
        close = getattr(items, "close", None)
        if close is not None:
            close()


def blocking_iterator(source: Any) -> Iterator[Any]:
    """Read an async iterable from synchronous code, on an event loop of its own that is
    closed with the iterator. Context variables are the caller's, and stay changed."""
    context = contextvars.copy_context()
    iterator = source.__aiter__()

    async def step() -> Any:
        return await iterator.__anext__()

    with asyncio.Runner() as runner:
        try:
            while True:
                try:
                    item = runner.run(step(), context=context)
                except StopAsyncIteration:
                    return
                yield item
        finally:
            aclose = getattr(iterator, "aclose", None)
            if aclose is not None:
                runner.run(aclose(), context=context)
