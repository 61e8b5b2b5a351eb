"""The grammar of HTTP messages, as compiled patterns (RFC 9110 §5, RFC 9112 §3 and §4).

They describe text whose characters stand for bytes (latin-1), except `CONTROL`, which
also serves for decoded text.

SECURITY: every repetition is possessive (``*+``, ``++``), so that no input makes a
pattern go back: the time of a match is linear in the length of the text.
"""

from __future__ import annotations

import re

HTTP_WHITESPACE = " \t"

_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
_VISIBLE = r"\x21-\x7e\x80-\xff"
_VERSION = r"HTTP/[0-9]\.[0-9]"

TOKEN = re.compile(_TOKEN)

#: A field value: visible characters, with blanks only between them; may be empty.
FIELD_VALUE = re.compile(rf"(?![ \t])[\t {_VISIBLE}]*+(?<![ \t])")

#: A control character, which no field may hold (the tab is not one of them).
CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")

REASON_PHRASE = re.compile(rf"[\t {_VISIBLE}]++")

REQUEST_LINE = re.compile(rf"({_TOKEN}) ([{_VISIBLE}]++) ({_VERSION})")

STATUS_LINE = re.compile(rf"({_VERSION}) ([0-9]{{3}}) ([\t {_VISIBLE}]*+)")

#: A Host field. Wider than RFC 3986 §3.2.2 about where brackets and colons may stand, and
#: as strict about the characters, which is what matters for everything built from it.
HOST = re.compile(r"(?:[\[\]:A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})*+")

_HOST_AND_PORT = re.compile(r"(.+):([0-9]++)")


def split_host_and_port(netloc: str) -> tuple[str, int | None]:
    """Split ``host:port``; the port is None where *netloc* has none."""
    found = _HOST_AND_PORT.fullmatch(netloc)
    return (found[1], int(found[2])) if found else (netloc, None)
