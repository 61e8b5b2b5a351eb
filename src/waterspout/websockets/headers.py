"""Header fields that a program adds to the response of an opening handshake."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..http.grammar import forbidden_in_value, is_name

#: These are decided by the handshake itself.
_OURS = frozenset({"connection", "upgrade", "date", "content-length", "transfer-encoding"})


def checked_fields(
    headers: Mapping[str, str] | Iterable[tuple[str, str]] | None,
) -> list[tuple[str, str]]:
    """Return *headers* as pairs. Raises `ValueError` for an invalid field (RFC 9110 §5), and for
    one that the handshake sets itself."""
    if headers is None:
        return []
    pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
    for name, value in pairs:
        lower = name.lower()
        if lower in _OURS or lower.startswith("sec-websocket-"):
            raise ValueError(f"The field {name} of an opening handshake is not a program's to set.")
        # SECURITY: nothing may end a field early (CVE-2020-7695).
        if not is_name(name) or forbidden_in_value(value):
            raise ValueError(f"The header field {name!r} has a character that cannot be sent.")
    return pairs
