"""Request header sections of the HTTP client and the WebSocket client, with credentials."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from typing import TYPE_CHECKING

from .escape import utf8
from .httputil import HTTPHeaders, encode_username_password

if TYPE_CHECKING:
    from urllib.parse import SplitResult

    from websockets.uri import WebSocketURI

    from .httpclient.messages import HTTPRequest

__all__ = ["add_credentials", "encode_head"]


def add_credentials(
    headers: HTTPHeaders, target: SplitResult | WebSocketURI, request: HTTPRequest | None
) -> None:
    """Add the name and the password of the URL, or else of the request, if there are any."""
    username, password = target.username, target.password
    if username is None and request is not None:
        username, password = request.auth_username, request.auth_password
    if username is not None:
        pair = encode_username_password(username, password or "")
        headers["Authorization"] = f"Basic {b64encode(pair).decode()}"


def encode_head(start_line: str, fields: Iterable[tuple[str, str]]) -> bytes:
    """Return the bytes to send. Raises `ValueError` for a line break within a line."""
    lines = [start_line, *(f"{name}: {value}" for name, value in fields)]
    if any("\n" in line or "\r" in line for line in lines):
        raise ValueError("a line break in the URL or in a header field")
    return utf8("\r\n".join(lines) + "\r\n\r\n")
