"""Entity tags of responses (RFC 9110 §8.8.3), and whether the client has the content already."""

from __future__ import annotations

from hashlib import sha1
from typing import TYPE_CHECKING

from ...http.conditions import names

if TYPE_CHECKING:
    from .interfaces import Handler


def compute_etag(self: Handler) -> str | None:
    """Return a tag made of the written content."""
    self.waterspout_made_tag = tag = f'"{sha1(b"".join(self._write_buffer)).hexdigest()}"'
    return tag


def set_etag_header(self: Handler) -> None:
    """Set the field to what `compute_etag` says, unless it says None."""
    etag = self.compute_etag()
    if etag is None:
        return
    if self.waterspout_usual is not None and etag is self.waterspout_made_tag:
        # Ours needs no check, and no mapping is made for it.
        self.waterspout_tag = etag
    else:
        self._headers["Etag"] = self._convert_header_value(etag)


def check_etag_header(self: Handler) -> bool:
    """Tell whether If-None-Match names the response's tag, by weak comparison (RFC 9110
    §13.1.2)."""
    request = self.request
    incoming = request.waterspout_incoming
    if incoming is not None and not incoming.has_condition and request.waterspout_headers is None:
        return False  # our server has noted that there is no such field
    asked = request.waterspout_field(b"if-none-match")
    if asked is None:
        return False
    own = self._headers.get("Etag")
    return own is not None and names(asked, own, weakly=True, unquoted=False)
