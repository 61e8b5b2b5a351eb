"""Header fields that a program adds to the answer of an opening handshake."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_is_name = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch
_forbidden = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]").search
#: These are decided by the handshake itself.
_OURS = frozenset({"connection", "upgrade", "date", "content-length", "transfer-encoding"})


def checked_fields(
    headers: Mapping[str, str] | Iterable[tuple[str, str]] | None,
) -> list[tuple[str, str]]:
    """Return *headers* as pairs. `ValueError` for what is no field (RFC 9110 §5), and for those
    that the handshake decides."""
    if headers is None:
        return []
    pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
    for name, value in pairs:
        lower = name.lower()
        if lower in _OURS or lower.startswith("sec-websocket-"):
            raise ValueError(f"The field {name} of an opening handshake is not a program's to set.")
        # SECURITY: nothing may end a field early (CVE-2020-7695).
        if not _is_name(name) or _forbidden(value):
            raise ValueError(f"The header field {name!r} has a character that cannot be sent.")
    return pairs
