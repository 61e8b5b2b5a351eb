"""The decorator for handlers that take the body of a request piece by piece."""

from __future__ import annotations

from typing import TypeVar

from .handler import RequestHandler

Handler = TypeVar("Handler", bound=RequestHandler)


def stream_request_body(cls: type[Handler]) -> type[Handler]:
    """Have handlers of *cls* get the body through ``data_received(chunk)``.

    ``prepare`` is called when the headers are there, and no byte is read before it is done;
    the HTTP method is called after the last piece. What ``data_received`` returns is awaited
    before the next one. The request has no ``body`` and no arguments from it.
    """
    _has_stream_request_body(cls)  # a handler?
    cls._stream_request_body = True
    return cls


def _has_stream_request_body(cls: type[RequestHandler]) -> bool:
    if not issubclass(cls, RequestHandler):
        raise TypeError(f"expected subclass of RequestHandler, got {cls!r}")
    return cls._stream_request_body
