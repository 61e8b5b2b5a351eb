"""Text and addresses of messages, made fit for header fields (RFC 5322, RFC 2047).

SECURITY: a line break in a header field begins another field. Python's own generator takes
every character that `str.splitlines` does for one (``\\v``, ``\\f``, U+2028, …), so all of them
count here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from email.charset import QP, SHORTEST, Charset
from email.header import Header
from email.utils import formataddr, parseaddr
from typing import Any

__all__ = [
    "Address",
    "FlaskMailUnicodeDecodeError",
    "charset_of",
    "encode_words",
    "force_text",
    "has_break",
    "is_bad_field",
    "mailbox",
    "sanitize_address",
    "sanitize_addresses",
    "sanitize_subject",
]

#: An address: ``"ann@example.org"``, ``"Ann <ann@example.org>"`` or ``("Ann", "ann@example.org")``.
Address = str | tuple[str, str]

#: Control characters except the tab, and what else ends a line for Python.
_BREAKS = re.compile("[\x00-\x08\n-\x1f\x7f\x85\u2028\u2029]")


def has_break(text: str) -> bool:
    """Tell whether *text* holds a line break or a control character."""
    return _BREAKS.search(text) is not None


def is_bad_field(value: str) -> bool:
    """Tell whether *value* would end its header field. A line break (CRLF) is right where a blank
    and text follow (RFC 5322 §2.2.3, folding)."""
    first, *others = value.split("\r\n")
    return has_break(first) or any(
        line[:1] not in (" ", "\t") or not line.strip() or has_break(line) for line in others
    )


class FlaskMailUnicodeDecodeError(UnicodeDecodeError):
    """Bytes that are no text; *obj* are all of them."""

    def __init__(self, obj: Any, *args: Any) -> None:
        self.obj = obj
        super().__init__(*args)

    def __str__(self) -> str:
        return f"{super().__str__()}. You passed in {self.obj!r} ({type(self.obj)})"


def force_text(s: object, encoding: str = "utf-8", errors: str = "strict") -> str:
    """Return *s* as text: bytes are decoded, lazy strings and others go through `str`.

    Raises:
        FlaskMailUnicodeDecodeError: Bytes are not in *encoding*.
    """
    if not isinstance(s, bytes):
        return str(s)
    try:
        return s.decode(encoding, errors)
    except UnicodeDecodeError as error:
        raise FlaskMailUnicodeDecodeError(s, *error.args) from error


def charset_of(name: str) -> Charset:
    """Return the character set *name* as messages use it: UTF-8 in its shortest spelling."""
    charset = Charset(name)
    if charset.output_charset == "utf-8":
        charset.header_encoding = SHORTEST
        charset.body_encoding = QP
    return charset


def encode_words(text: str, encoding: str = "utf-8") -> str:
    """Return *text* for a header field: as it is if it is ASCII, else as encoded words (RFC 2047)
    in *encoding*, in UTF-8 where that lacks a character."""
    if text.isascii():
        return text
    try:
        return Header(text, charset_of(encoding)).encode()
    except UnicodeEncodeError:
        return Header(text, charset_of("utf-8")).encode()


def sanitize_subject(subject: str, encoding: str = "utf-8") -> str:
    """Return *subject* for its header field (Flask-Mail's name of `encode_words`)."""
    return encode_words(subject, encoding)


def mailbox(address: Address) -> tuple[str, str]:
    """Split *address* into a name and an address that mail servers take: without line breaks, the
    domain in ASCII (IDNA)."""
    if isinstance(address, tuple):
        name, bare = (_BREAKS.sub("", force_text(part)) for part in address)
        # Whoever writes the pair may have left the angle brackets in.
        bare = bare.strip().strip("<>")
    else:
        name, bare = parseaddr(_BREAKS.sub("", force_text(address)).replace(">>", ">"))
    local, at, domain = bare.rpartition("@")
    if at and not domain.isascii():
        bare = f"{local}@{domain.encode('idna').decode('ascii')}"
    return name, bare


def sanitize_address(addr: Address, encoding: str = "utf-8") -> str:
    """Return *addr* for a header field: name and local part as encoded words where they are not
    ASCII, the domain in IDNA, no line break."""
    name, bare = mailbox(addr)
    local, at, domain = bare.rpartition("@")
    if not bare.isascii():
        bare = f"{encode_words(local, encoding)}@{domain}" if at else encode_words(bare, encoding)
    return formataddr((encode_words(name, encoding), bare))


def sanitize_addresses(addresses: Iterable[Address], encoding: str = "utf-8") -> list[str]:
    """Return each of *addresses* for a header field."""
    return [sanitize_address(address, encoding) for address in addresses]
