"""A connection to the mail server for `async def` views and handlers, over aiosmtplib."""

from __future__ import annotations

import logging
from types import TracebackType
from typing import TYPE_CHECKING, Any

from waterspout import run_in_thread
from waterspout.ext import needs_extra

from .addresses import Address
from .connection import envelope
from .errors import as_mail_error, as_smtplib_error
from .message import Message
from .outbox import Outbox
from .signals import announce

with needs_extra("mail"):
    import aiosmtplib

if TYPE_CHECKING:
    from .settings import MailSettings

__all__ = ["AsyncConnection"]

_logger = logging.getLogger("waterspout.ext.mail")


class AsyncConnection:
    """What `Mail.connect_async` returns; the dialogue with the server begins at ``async with``.

    Messages of several tasks go one after the other. Raises what `Connection` raises.
    """

    def __init__(self, mail: MailSettings) -> None:
        self.mail = mail
        self.host: aiosmtplib.SMTP | None = None
        self.num_emails = 0

    async def __aenter__(self) -> AsyncConnection:
        if not self.mail.suppress and self.mail.outbox is None:
            self.host = await self._connect()
        self.num_emails = 0
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        await self._leave(politely=exc_type is None or issubclass(exc_type, Exception))

    async def _connect(self) -> aiosmtplib.SMTP:
        mail = self.mail
        is_secure = mail.use_tls or mail.use_ssl
        context = await run_in_thread(mail.tls_context) if is_secure else None
        has_login = bool(mail.username and mail.password)
        host = aiosmtplib.SMTP(
            hostname=mail.server,
            port=mail.port,
            username=mail.username if has_login else None,
            password=mail.password if has_login else None,
            timeout=mail.timeout,
            use_tls=mail.use_ssl,
            start_tls=mail.use_tls,
            tls_context=context,
        )
        try:
            await host.connect()
        except BaseException as error:
            host.close()
            if isinstance(error, Exception):
                raise self._told(error) from error
            raise
        return host

    async def send(self, message: Message, envelope_from: Address | None = None) -> None:
        """Check *message* and send it; parameters and errors are those of `Connection.send`."""
        message.check()
        if not self.mail.suppress:
            sender, recipients = envelope(message, envelope_from)
            # Files are encoded beside the loop: a large one takes a good part of a second.
            made = message.as_bytes
            content = await run_in_thread(made) if message.attachments else made()
            await self._deliver(message, sender, recipients, content)
        announce(message)
        self.num_emails += 1
        if self.num_emails == self.mail.max_emails:
            self.num_emails = 0
            if self.host is not None:
                await self._leave()
                self.host = await self._connect()

    async def send_message(self, *args: Any, **kwargs: Any) -> None:
        """Send a `Message` made of the arguments."""
        await self.send(Message(*args, **kwargs))

    async def _deliver(
        self, message: Message, sender: str, recipients: list[str], content: bytes
    ) -> None:
        if self.mail.outbox is not None:
            await run_in_thread(Outbox(self.mail.outbox).write, sender, recipients, content)
        elif self.host is not None:
            try:
                refused, _ = await self.host.sendmail(
                    sender,
                    recipients,
                    content,
                    mail_options=message.mail_options,
                    rcpt_options=message.rcpt_options,
                )
            except Exception as error:
                raise self._told(error) from error
            if refused:
                _logger.warning("The mail server refused some recipients: %s", refused)

    async def _leave(self, politely: bool = True) -> None:
        host, self.host = self.host, None
        if host is None:
            return
        try:
            if politely and host.is_connected:
                await host.quit()
        except (OSError, aiosmtplib.SMTPException):
            pass  # what was sent is sent
        finally:
            host.close()

    def _told(self, error: Exception) -> Exception:
        return as_mail_error(as_smtplib_error(error), str(self.mail))
