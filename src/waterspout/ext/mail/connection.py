"""A connection to the mail server, over which any number of messages go: for `def` code.

smtplib, one `smtplib.SMTP` for each connection, is what programs know as ``connection.host``;
a connection belongs to one thread, so nothing is shared between threads. Async code has
`AsyncConnection`.
"""

from __future__ import annotations

import asyncio
import logging
import smtplib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any

from waterspout.typing import Kwargs

from .addresses import Address, mailbox, sanitize_address, sanitize_addresses
from .errors import as_mail_error
from .message import Message
from .outbox import Outbox
from .signals import announce

if TYPE_CHECKING:
    from .settings import MailSettings

__all__ = ["Connection", "envelope"]

_logger = logging.getLogger("waterspout.ext.mail")


def envelope(message: Message, envelope_from: Address | None) -> tuple[str, list[str]]:
    """Return the bare addresses that *message* is from and for."""
    sender = mailbox(envelope_from or message.sender)[1]
    return sender, sorted({mailbox(address)[1] for address in message.send_to})


class Connection:
    """What `Mail.connect` returns; the dialogue with the server begins at ``with``.

    Raises at ``with`` and in `send`:
        RuntimeError: The thread runs an event loop, which would stand still.
        MailUnavailable: The server cannot be reached, is too slow or takes no mail for now.
        smtplib.SMTPException: The server refuses login, sender, all recipients or the message.
    """

    def __init__(self, mail: MailSettings) -> None:
        self.mail = mail
        self.host: smtplib.SMTP | smtplib.SMTP_SSL | None = None
        self.num_emails = 0

    def __enter__(self) -> Connection:
        _refuse_loop()
        if not self.mail.suppress and self.mail.outbox is None:
            with self._errors():
                self.host = self.configure_host()
        self.num_emails = 0
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._leave()

    def configure_host(self) -> smtplib.SMTP | smtplib.SMTP_SSL:
        """Connect to the server, encrypt and log in as the settings say."""
        mail = self.mail
        options: Kwargs = {"timeout": mail.timeout}
        kind: type[smtplib.SMTP] = smtplib.SMTP
        if mail.use_ssl:
            kind, options["context"] = smtplib.SMTP_SSL, mail.tls_context()
        host = kind(mail.server, mail.port or 0, **options)
        try:
            host.set_debuglevel(mail.debug)
            if mail.use_tls:
                host.starttls(context=mail.tls_context())
            if mail.username and mail.password:
                host.login(mail.username, mail.password)
        except BaseException:
            host.close()
            raise
        return host

    def send(self, message: Message, envelope_from: Address | None = None) -> None:
        """Check *message* and send it, from *envelope_from* if the server is to be told another
        sender than the message says.

        Raises:
            AssertionError: There is nobody to send it to or from.
            BadHeaderError: A header field holds a line break.
        """
        message.check()
        if self.host is not None:
            with self._errors():
                refused = self.host.sendmail(
                    sanitize_address(envelope_from or message.sender),
                    sanitize_addresses(message.send_to),
                    message.as_bytes(),
                    message.mail_options,
                    message.rcpt_options,
                )
            if refused:
                _logger.warning("The mail server refused some recipients: %s", refused)
        elif self.mail.outbox is not None and not self.mail.suppress:
            Outbox(self.mail.outbox).write(*envelope(message, envelope_from), message.as_bytes())
        announce(message)
        self.num_emails += 1
        if self.num_emails == self.mail.max_emails:
            self.num_emails = 0
            if self.host is not None:
                self._leave()
                with self._errors():
                    self.host = self.configure_host()

    def send_message(self, *args: Any, **kwargs: Any) -> None:
        """Send a `Message` made of the arguments."""
        self.send(Message(*args, **kwargs))

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            told = as_mail_error(error, str(self.mail))
            if told is error:
                raise
            raise told from error

    def _leave(self) -> None:
        host, self.host = self.host, None
        if host is not None:
            with suppress(OSError):  # what was sent is sent
                host.quit()
            host.close()


def _refuse_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise RuntimeError(
        "mail.send() and mail.connect() wait for the mail server, and the event loop, which runs in"
        " this thread, would stand still. In 'async def' code and in handlers write"
        " 'await mail.send_async(message)' or 'async with mail.connect_async()'."
    )
