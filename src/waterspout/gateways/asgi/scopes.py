"""Conversions: ASGI scopes to messages, response header sections to ASGI's pairs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from ...http.message import BLANK, Incoming, Origin

__all__ = ["Receive", "Scope", "Send", "header_pairs", "message_of"]

Message = MutableMapping[str, Any]
Scope = Message
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


def message_of(scope: Scope) -> Incoming:
    """Return the request message that an ``http`` scope describes."""
    path: str = scope["path"]
    raw = scope.get("raw_path") or path.encode()
    query = scope.get("query_string", b"")
    incoming = Incoming(
        scope["method"],
        b"%b?%b" % (raw, query) if query else raw,
        [(bytes(name), bytes(value).strip(BLANK)) for name, value in scope["headers"]],
        scope.get("http_version", "1.1"),
        Origin(
            scope.get("scheme", "http"),
            scope.get("root_path", ""),
            _pair(scope.get("client")),
            _pair(scope.get("server")),
        ),
    )
    # The server has decoded the path and, as the specification says, put the prefix before it.
    incoming.path = _below(path, incoming.root_path.rstrip("/"))
    return incoming


def _below(path: str, root: str) -> str:
    """Return *path* without the prefix *root*, if that ends where a segment of the path does."""
    rest = path.removeprefix(root)
    return rest if rest[:1] in ("/", "") else path


def header_pairs(head: bytes, *, closes: bool = False) -> list[tuple[bytes, bytes]]:
    """Return the header fields of a response as ASGI's pairs, names in lower case. With *closes*
    the connection is to be closed after it."""
    pairs = [(b"connection", b"close")] if closes else []
    for line in head.split(b"\r\n")[1:]:
        if line:
            name, _, value = line.partition(b": ")
            pairs.append((name.lower(), value))
    return pairs


def _pair(value: Any) -> Any:
    return None if value is None else (value[0], value[1])
