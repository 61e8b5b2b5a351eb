"""The exceptions that end a handler's method: an error with a status, or simply the end."""

from __future__ import annotations

from http.client import responses
from typing import Any

__all__ = ["Finish", "HTTPError", "MissingArgumentError"]


class HTTPError(Exception):
    """Ends the request with an error page.

    *log_message*, with *args* put in place of its ``%s``, goes to the log and not to the
    client; *reason* (keyword only) is the reason phrase of the status line, by default the
    usual one of *status_code*.
    """

    #: The methods that a handler has which has refused another one.
    waterspout_allowed: list[str] | None = None

    def __init__(
        self,
        status_code: int = 500,
        log_message: str | None = None,
        *args: object,
        **kwargs: Any,
    ) -> None:
        self.status_code = status_code
        self._log_message = log_message
        self.args = args
        self.reason: str | None = kwargs.get("reason")

    @property
    def log_message(self) -> str | None:
        """The message as a format: without arguments its percent signs are doubled."""
        if self._log_message and not self.args:
            return self._log_message.replace("%", "%%")
        return self._log_message

    def get_message(self) -> str | None:
        """Return the message with the arguments in it, None if there is none."""
        if self._log_message and self.args:
            try:
                return self._log_message % self.args
            except (TypeError, ValueError):  # no reason to fail while an error is handled
                return f"{self._log_message} {self.args}"
        return self._log_message

    def __str__(self) -> str:
        reason = self.reason or responses.get(self.status_code, "Unknown")
        message = self.get_message()
        return f"HTTP {self.status_code}: {reason}" + (f" ({message})" if message else "")


class Finish(Exception):
    """Ends the request without an error: what has been written is sent, and before that the
    exception's argument, if it has one."""


class MissingArgumentError(HTTPError):
    """A request lacks the argument *arg_name*; 400."""

    def __init__(self, arg_name: str) -> None:
        super().__init__(400, f"Missing argument {arg_name}")
        self.arg_name = arg_name
