"""Limits on the header fields and trailers of a request, and on its Content-Length."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .request_line import ProtocolError

if TYPE_CHECKING:
    from ...http.message import HeaderList
    from ..settings import Limits

__all__ = ["check_sizes", "check_trailers", "length_of", "too_long"]

_FORBIDDEN_TRAILERS = frozenset({b"content-length", b"transfer-encoding", b"host"})


def check_sizes(limits: Limits, headers: HeaderList, target: bytes) -> None:
    """Raise 414 or 431 for a target or fields that are longer, or more, than *limits* allow."""
    if len(headers) > limits.header_count:
        raise ProtocolError(431, f"more than {limits.header_count} header fields")
    if len(target) > limits.request_line:
        raise ProtocolError(414, "the request target is too long")
    total = 0
    for name, value in headers:
        size = len(name) + len(value)
        total += size
        is_cookie = name.lower() == b"cookie"
        if size > (limits.cookie_field if is_cookie else limits.header_field):
            raise ProtocolError(431, "a header field is too long")
    if total > limits.header_bytes:
        raise ProtocolError(431, "the header section is too long")


def too_long(limits: Limits, data: bytes) -> tuple[int, str] | None:
    """Return 414 or 431, and why, if a header section, of which *data* has arrived, is too long
    already."""
    if len(data) <= limits.request_line:
        return None
    if b"\n" not in data[: limits.request_line + 2]:
        return 414, "the request line is too long"
    if len(data) > limits.request_line + limits.header_bytes + 4 * limits.header_count:
        return 431, "the header section is too long"
    if len(data) - data.rfind(b"\n") > limits.cookie_field + 64:
        return 431, "a header field is too long"
    return None


def check_trailers(limits: Limits, trailers: HeaderList) -> int:
    """Return how many bytes the fields behind a chunked body have. Raises 400 or 431."""
    size = sum(len(name) + len(value) + 4 for name, value in trailers)
    if len(trailers) > limits.trailer_count or size > limits.trailer_bytes:
        raise ProtocolError(431, "the trailers are too long")
    # SECURITY: never merged into the headers (CVE-2026-22815).
    if any(name.lower() in _FORBIDDEN_TRAILERS for name, _ in trailers):
        raise ProtocolError(400, "a framing field in the trailers")
    return size


def length_of(value: bytes) -> int:
    """Return the length in a Content-Length field. Raises 400 or 413."""
    # SECURITY: ASCII digits only, checked before int() (CVE-2022-24761); a bound on the
    # digits, so that no number is beyond what 64 bits and int() take.
    if not value.isdigit() or len(value) > 18:
        raise ProtocolError(400 if not value.isdigit() else 413, "bad Content-Length")
    return int(value)
