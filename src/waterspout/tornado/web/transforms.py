"""Output transforms of a response: compression.

SECURITY: the content of compressed pages can be guessed by their size, if an attacker has a part of
it repeated (BREACH, CVE-2014-9720). So ``compress_response`` is off by default, and the XSRF token
in a page is masked anew each time (`waterspout.security.xsrf`); other secrets a program should not
put next to what a request said.
"""

from __future__ import annotations

import re
import zlib
from typing import ClassVar

from ..httputil import HTTPHeaders, HTTPServerRequest

__all__ = ["GZipContentEncoding", "OutputTransform"]

_GZIP = re.compile(r"\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|\Z))", re.IGNORECASE)
_WITH_GZIP_HEADER = 16 + zlib.MAX_WBITS


class OutputTransform:
    """Changes a response while it is written; one instance for each request.

    The first chunk comes together with status and headers; *finishing* tells that no other follows.
    """

    def __init__(self, request: HTTPServerRequest) -> None:
        pass

    def transform_first_chunk(
        self, status_code: int, headers: HTTPHeaders, chunk: bytes, finishing: bool
    ) -> tuple[int, HTTPHeaders, bytes]:
        """Return what is to be sent instead."""
        return status_code, headers, chunk

    def transform_chunk(self, chunk: bytes, finishing: bool) -> bytes:
        """Return what is to be sent instead of a further *chunk*."""
        return chunk


class GZipContentEncoding(OutputTransform):
    """Compresses with gzip what is worth it, for clients that accept it (RFC 9110 §8.4.1.3).

    That is text and the `CONTENT_TYPES`; a response in one piece only from `MIN_LENGTH` bytes on.
    """

    CONTENT_TYPES: ClassVar[set[str]] = {
        "application/javascript",
        "application/x-javascript",
        "application/xml",
        "application/atom+xml",
        "application/json",
        "application/xhtml+xml",
        "image/svg+xml",
    }
    GZIP_LEVEL = 6
    MIN_LENGTH = 1024  # bytes

    def __init__(self, request: HTTPServerRequest) -> None:
        accepted = request.headers.get("Accept-Encoding")
        self._gzipping = accepted is not None and _GZIP.search(accepted) is not None

    def _compressible_type(self, ctype: str) -> bool:
        return ctype.startswith("text/") or ctype in self.CONTENT_TYPES

    def transform_first_chunk(
        self, status_code: int, headers: HTTPHeaders, chunk: bytes, finishing: bool
    ) -> tuple[int, HTTPHeaders, bytes]:
        if "Vary" in headers:
            headers["Vary"] += ", Accept-Encoding"
        else:
            headers["Vary"] = "Accept-Encoding"
        if not self._gzipping:
            return status_code, headers, chunk
        self._gzipping = (
            self._compressible_type(headers.get("Content-Type", "").split(";")[0])
            and (not finishing or len(chunk) >= self.MIN_LENGTH)
            and "Content-Encoding" not in headers
            # A range is one of the file as it is, not of what compression makes of it.
            and "Content-Range" not in headers
        )
        if not self._gzipping:
            return status_code, headers, chunk
        headers["Content-Encoding"] = "gzip"
        self._compressor = zlib.compressobj(self.GZIP_LEVEL, wbits=_WITH_GZIP_HEADER)
        chunk = self.transform_chunk(chunk, finishing)
        if "Content-Length" in headers:
            if finishing:
                headers["Content-Length"] = str(len(chunk))
            else:  # the length is not known any more
                del headers["Content-Length"]
        return status_code, headers, chunk

    def transform_chunk(self, chunk: bytes, finishing: bool) -> bytes:
        if not self._gzipping:
            return chunk
        # Without a flush the client would see nothing of this chunk before the next ones.
        mode = zlib.Z_FINISH if finishing else zlib.Z_SYNC_FLUSH
        return self._compressor.compress(chunk) + self._compressor.flush(mode)
