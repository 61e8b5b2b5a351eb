"""The signal of sent messages."""

from __future__ import annotations

from waterspout import current_app
from waterspout.signals import Namespace

__all__ = ["announce", "email_dispatched", "signals"]

signals = Namespace()

#: A message was sent, or, where sending is suppressed, would have been. Sent with the app as the
#: sender and ``message``.
email_dispatched = signals.signal("email-dispatched")


def announce(message: object) -> None:
    """Send the signal of *message*, from the current application."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]  # it is a proxy
    email_dispatched.send(app, message=message)
