"""Messages and attachments, and what they are on the wire (RFC 5322, MIME)."""

from __future__ import annotations

import re
import time
import unicodedata
import warnings
from collections.abc import Iterable, Iterator
from email import policy
from email.charset import BASE64, QP
from email.encoders import encode_base64
from email.mime.base import MIMEBase
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import formatdate, make_msgid
from mimetypes import guess_type
from typing import Any, Protocol

from waterspout import current_app, has_app_context

from .addresses import (
    Address,
    charset_of,
    encode_words,
    force_text,
    has_break,
    is_bad_field,
    sanitize_address,
    sanitize_addresses,
)
from .errors import BadHeaderError

__all__ = ["Attachment", "Message"]

#: Characters of a line that every mail server takes (RFC 5321 §4.5.3.1.6), less CRLF.
_LINE = 998


class Sender(Protocol):
    """A `Connection`, or whatever else sends messages."""

    def send(self, message: Any) -> Any: ...


class Attachment:
    """A file of a message.

    *content_type* is guessed from *filename* where it is not given; *disposition* is
    ``attachment`` or ``inline``; *headers* are further header fields of the part, such as
    ``Content-ID``.

    Raises:
        ValueError: There is no *data*.
    """

    def __init__(
        self,
        filename: str | None = None,
        content_type: str | None = None,
        data: str | bytes | None = None,
        disposition: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        if data is None:
            raise ValueError("The 'data' argument is required.")
        if content_type is None and filename is not None:
            content_type = guess_type(filename)[0]
        if content_type is None:
            content_type = "text/plain" if isinstance(data, str) else "application/octet-stream"
        self.filename = filename
        self.content_type: str = content_type
        self.data = data
        self.disposition = disposition or "attachment"
        self.headers = headers or {}

    def _fields(self) -> Iterator[str]:
        """Yield what stands in header fields of the part."""
        yield from (self.filename or "", self.content_type, self.disposition)
        for name, value in self.headers.items():
            yield from (name, value)


class Message:
    """A message, with Flask-Mail's parameters.

    Addresses are ``"ann@example.org"``, ``"Ann <ann@example.org>"`` or pairs of name and address.
    *sender* is MAIL_DEFAULT_SENDER where it is not given. *alts* maps subtypes of ``text/`` to
    other versions of the body; *html* is ``alts["html"]``. *date* is in seconds since the epoch,
    by default the time of sending. *mail_options* and *rcpt_options* go with the commands MAIL
    and RCPT (ESMTP).
    """

    def __init__(
        self,
        subject: str = "",
        recipients: list[Address] | list[str] | list[tuple[str, str]] | None = None,
        body: str | None = None,
        html: str | None = None,
        alts: dict[str, str] | Iterable[tuple[str, str]] | None = None,
        sender: Address | None = None,
        cc: list[Address] | list[str] | list[tuple[str, str]] | None = None,
        bcc: list[Address] | list[str] | list[tuple[str, str]] | None = None,
        attachments: list[Attachment] | None = None,
        reply_to: Address | None = None,
        date: float | None = None,
        charset: str | None = None,
        extra_headers: dict[str, str] | None = None,
        mail_options: list[str] | None = None,
        rcpt_options: list[str] | None = None,
    ) -> None:
        chosen = sender or current_app.extensions["mail"].default_sender
        self.sender: Any = f"{chosen[0]} <{chosen[1]}>" if isinstance(chosen, tuple) else chosen
        self.subject = subject
        self.recipients: list[Any] = recipients or []
        self.cc: list[Any] = cc or []
        self.bcc: list[Any] = bcc or []
        self.reply_to = reply_to
        self.body = body
        self.alts: dict[str, str] = dict(alts or {})
        if html is not None:
            self.html = html
        self.attachments = attachments or []
        self.date = date
        self.msgId = make_msgid()
        self.charset = charset
        self.extra_headers = extra_headers
        self.mail_options = mail_options or []
        self.rcpt_options = rcpt_options or []

    @property
    def html(self) -> str | None:
        """The version of the body in HTML."""
        return self.alts.get("html")

    @html.setter
    def html(self, value: str | None) -> None:
        if value is None:
            self.alts.pop("html", None)
        else:
            self.alts["html"] = value

    @property
    def send_to(self) -> set[Address]:
        """Everybody who gets the message: recipients, Cc and Bcc."""
        return {*self.recipients, *self.cc, *self.bcc}

    def add_recipient(self, recipient: Address) -> None:
        """Add *recipient* to those in the field ``To``."""
        self.recipients.append(recipient)

    def attach(
        self,
        filename: str | None = None,
        content_type: str | None = None,
        data: str | bytes | None = None,
        disposition: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        """Add a file; the parameters are those of `Attachment`."""
        self.attachments.append(Attachment(filename, content_type, data, disposition, headers))

    def send(self, connection: Sender) -> None:
        """Send the message over *connection*, see `Connection.send`."""
        connection.send(self)

    # -- checks ------------------------------------------------------------------

    def has_bad_headers(self) -> bool:
        """Tell whether a header field or an address holds a line break or a control character:
        whoever filled it in wanted to write header fields of his own."""
        everybody = [self.sender or "", self.reply_to or "", *self.send_to]
        if any(has_break(force_text(part)) for one in everybody for part in _parts(one)):
            return True
        return self._has_bad_parts()

    def is_bad_headers(self) -> bool:
        """Do the same under Flask-Mail's old name."""
        warnings.warn(
            "'is_bad_headers' is renamed to 'has_bad_headers'.", DeprecationWarning, stacklevel=2
        )
        return self.has_bad_headers()

    def _has_bad_parts(self) -> bool:
        """Tell the same of what is not an address."""
        extra = self.extra_headers or {}
        return (
            any(is_bad_field(force_text(text)) for text in (self.subject or "", *extra.values()))
            or any(has_break(text) or ":" in text for text in (*extra, *self.alts))
            or any(has_break(text) for file in self.attachments for text in file._fields())
        )

    def check(self) -> None:
        """Refuse what must not be sent; set `date` if there is none.

        Raises:
            AssertionError: There is nobody to send it to or from.
            BadHeaderError: `has_bad_headers`.
        """
        # AssertionError is what programs know from Flask-Mail; `assert` may be switched off.
        if not self.send_to:
            raise AssertionError("No recipients have been added")
        if not self.sender:
            raise AssertionError(
                "The message does not specify a sender and a default sender has not been configured"
                " (MAIL_DEFAULT_SENDER)"
            )
        if self.has_bad_headers():
            raise BadHeaderError("A header field of the message holds a line break.")
        if self.date is None:
            self.date = time.time()

    # -- as text -----------------------------------------------------------------

    def as_string(self) -> str:
        """Return the message as it is sent, as text.

        Raises:
            BadHeaderError: Subject, extra headers or attachments hold a line break.
        """
        return self._mime().as_string()

    def as_bytes(self) -> bytes:
        """Return the message as it is sent. Raises what `as_string` does."""
        return self._mime().as_bytes()

    def __str__(self) -> str:
        return self.as_string()

    def __bytes__(self) -> bytes:
        return self.as_bytes()

    def _mime(self) -> MIMEBase:
        if self._has_bad_parts():
            raise BadHeaderError("A header field of the message holds a line break.")
        made = self._content()
        for name, value in self._header_fields():
            made[name] = value
        made.policy = policy.SMTP
        return made

    def _content(self) -> MIMEBase:
        """Return the body: text alone, or versions of it, with files."""
        encoding = self.charset or "utf-8"
        body: MIMEBase = _text_part(self.body, "plain", encoding)
        if not self.alts and not self.attachments:
            return body
        if self.alts:
            versions = MIMEMultipart("alternative")
            versions.attach(body)
            for subtype, text in self.alts.items():
                versions.attach(_text_part(text, subtype, encoding))
            body = versions
        mixed = MIMEMultipart()
        mixed.attach(body)
        ascii_names = has_app_context() and current_app.extensions["mail"].ascii_attachments
        for file in self.attachments:
            mixed.attach(_file_part(file, ascii_names))
        return mixed

    def _header_fields(self) -> Iterator[tuple[str, str]]:
        encoding = self.charset or "utf-8"
        if self.subject:
            yield "Subject", encode_words(force_text(self.subject), encoding)
        yield "From", sanitize_address(self.sender, encoding)
        yield "To", _address_list(self.recipients, encoding)
        yield "Date", formatdate(self.date, localtime=True)
        yield "Message-ID", self.msgId
        if self.cc:
            yield "Cc", _address_list(self.cc, encoding)
        if self.reply_to:
            yield "Reply-To", sanitize_address(self.reply_to, encoding)
        for name, value in (self.extra_headers or {}).items():
            yield name, force_text(value)


def _parts(address: Address) -> tuple[str, ...]:
    return address if isinstance(address, tuple) else (address,)


def _address_list(addresses: Iterable[Address], encoding: str) -> str:
    """Return a field of addresses, each once, in their order."""
    return ", ".join(dict.fromkeys(sanitize_addresses(addresses, encoding)))


def _text_part(text: str | None, subtype: str, encoding: str) -> MIMEText:
    """Return a part of text; UTF-8 in the shortest encoding that every mail server takes."""
    content = "" if text is None else force_text(text)
    charset = charset_of(encoding)
    if charset.output_charset == "utf-8":
        body_encoding = None if _is_plain(content) else _shorter(content.encode())
        charset.body_encoding = body_encoding  # type: ignore[assignment]  # None: as it is
    return MIMEText(content, subtype, charset)  # type: ignore[arg-type]  # takes one


def _is_plain(text: str) -> bool:
    return text.isascii() and all(len(line) <= _LINE for line in text.splitlines())


def _shorter(content: bytes) -> int:
    """Return quoted-printable for text that is mostly ASCII, else base64."""
    encoded = sum(byte > 126 for byte in content)
    return QP if 2 * encoded < len(content) / 3 else BASE64


def _file_part(file: Attachment, ascii_name: bool) -> MIMEBase:
    main, _, sub = file.content_type.partition("/")
    part = MIMEBase(main, sub)
    part.set_payload(file.data.encode() if isinstance(file.data, str) else file.data)
    encode_base64(part)
    name = file.filename
    if name is not None:
        if ascii_name:
            bare = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii")
            name = re.sub(r"\s+", " ", bare).strip()
        parameter = name if name.isascii() else ("UTF8", "", name)
        part.add_header("Content-Disposition", file.disposition, filename=parameter)  # RFC 2231
    for key, value in file.headers.items():
        part.add_header(key, value)
    return part
