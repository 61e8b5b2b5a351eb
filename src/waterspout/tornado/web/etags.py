"""Entity tags of responses (RFC 9110 §8.8.3), and whether the client has the content already."""

from __future__ import annotations

from binascii import hexlify
from hashlib import sha1
from typing import TYPE_CHECKING, Any

from ...http.conditions import names

if TYPE_CHECKING:
    from ..httputil import HTTPServerRequest
    from .interfaces import Handler


def digest(content: bytes) -> bytes:
    """Return the tag of *content*, without quotes."""
    return hexlify(sha1(content).digest())


def asked_tags(request: HTTPServerRequest) -> str | None:
    """Return the If-None-Match field; our server has noted whether there is one."""
    incoming = request.waterspout_incoming
    if incoming is not None and not incoming.has_condition and request.waterspout_headers is None:
        return None
    return request.waterspout_field(b"if-none-match")


def compute_etag(self: Handler) -> str | None:
    """Return a tag made of the written content."""
    return f'"{digest(b"".join(self._write_buffer)).decode()}"'


def set_etag_header(self: Handler) -> None:
    """Set the field to what `compute_etag` says, unless it says None."""
    etag = self.compute_etag()
    if etag is not None:
        self._headers["Etag"] = self._convert_header_value(etag)


def check_etag_header(self: Handler) -> bool:
    """Tell whether If-None-Match names the response's tag, by weak comparison (RFC 9110
    §13.1.2)."""
    asked = asked_tags(self.request)
    if asked is None:
        return False
    own = self._headers.get("Etag")
    return own is not None and names(asked, own, weakly=True, unquoted=False)


def tags_as_shipped(self: Any) -> bool:
    """Whether the three methods above are what *handler* has: programs override them, and put
    others in their place at any time (`replaced_methods`)."""
    try:
        return (
            self.compute_etag.__func__ is compute_etag
            and self.set_etag_header.__func__ is set_etag_header
            and self.check_etag_header.__func__ is check_etag_header
        )
    except AttributeError:  # no method
        return False


def client_has_it(self: Handler, content: bytes, fields: dict[str, str | list[str]]) -> bool:
    """Set the tag of a finished response, whose header is *fields*, and tell whether the client
    has its *content*."""
    if not tags_as_shipped(self):
        self.set_etag_header()
        return self.check_etag_header()
    # The three methods above in one: the tag is not written to a field and read again.
    own = f'"{digest(content).decode()}"'
    fields["Etag"] = own
    asked = asked_tags(self.request)
    return asked is not None and names(asked, own, weakly=True, unquoted=False)
