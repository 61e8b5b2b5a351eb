"""Mail from views, handlers and tasks, with Flask-Mail's names.

    mail = Mail(app)                                    # settings: MAIL_…, see docs/mail.md

    @app.post("/orders")
    def order():
        mail.send(Message("Your order", recipients=["ann@example.org"], body="It is on its way."))

    @app.post("/orders")
    async def order():
        await mail.send_async(Message("Your order", recipients=["ann@example.org"], body="…"))

`def` code sends through smtplib in its own thread, `async def` code through aiosmtplib on the
loop; settings, messages and errors are the same.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from waterspout import App, current_app

from .addresses import (
    FlaskMailUnicodeDecodeError,
    force_text,
    sanitize_address,
    sanitize_addresses,
    sanitize_subject,
)
from .async_connection import AsyncConnection
from .connection import Connection
from .errors import BadHeaderError, MailUnavailable
from .message import Attachment, Message
from .settings import MailSettings
from .signals import email_dispatched, signals

__all__ = [
    "AsyncConnection",
    "Attachment",
    "BadHeaderError",
    "Connection",
    "FlaskMailUnicodeDecodeError",
    "Mail",
    "MailSettings",
    "MailUnavailable",
    "Message",
    "email_dispatched",
    "force_text",
    "sanitize_address",
    "sanitize_addresses",
    "sanitize_subject",
    "signals",
]


class Mail:
    """Mail of an application (Flask-Mail's `Mail`); made with it, or by `init_app` later.

    Raises:
        ValueError: A setting is wrong, see `MailSettings`.
    """

    def __init__(self, app: App | None = None) -> None:
        self.app = app
        self.state: MailSettings | None = None if app is None else self.init_app(app)

    def init_mail(
        self, config: Mapping[str, object], debug: bool | int = False, testing: bool = False
    ) -> MailSettings:
        """Return the settings in *config*."""
        return MailSettings(config, debug, testing)

    def init_app(self, app: App) -> MailSettings:
        """Read the settings of *app*; return them."""
        state = self.init_mail(app.config, app.debug, app.testing)
        if state.outbox is not None:
            state.outbox = os.path.join(app.instance_path, state.outbox)
        app.extensions["mail"] = state
        return state

    def connect(self) -> Connection:
        """Return a connection for several messages: ``with mail.connect() as connection``."""
        return Connection(self._settings())

    def connect_async(self) -> AsyncConnection:
        """Return a connection for several messages of async code: ``async with``."""
        return AsyncConnection(self._settings())

    def send(self, message: Message) -> None:
        """Send *message* and wait until the server has taken it. Raises what `Connection` does."""
        with self.connect() as connection:
            message.send(connection)

    def send_message(self, *args: Any, **kwargs: Any) -> None:
        """Send a `Message` made of the arguments."""
        self.send(Message(*args, **kwargs))

    async def send_async(self, message: Message) -> None:
        """Send *message*, and let the loop serve others meanwhile. Raises as `send` does."""
        async with self.connect_async() as connection:
            await connection.send(message)

    async def send_message_async(self, *args: Any, **kwargs: Any) -> None:
        """Send a `Message` made of the arguments, as `send_async` does."""
        await self.send_async(Message(*args, **kwargs))

    @contextmanager
    def record_messages(self) -> Iterator[list[Message]]:
        """Collect the messages that are sent meanwhile, by this thread or others: for tests."""
        sent: list[Message] = []

        def record(_app: object, message: Message) -> None:
            sent.append(message)

        with email_dispatched.connected_to(record):
            yield sent

    def _settings(self) -> MailSettings:
        app = self.app or current_app
        state: MailSettings | None = app.extensions.get("mail")
        if state is None:
            raise RuntimeError(
                "The current application has no mail: call Mail(app), or mail.init_app(app)."
            )
        if app.testing:
            state.note_testing(app.config)
        return state

    def __getattr__(self, name: str) -> Any:
        # Flask-Mail gives the settings as attributes, None where there are none.
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.__dict__.get("state"), name, None)
