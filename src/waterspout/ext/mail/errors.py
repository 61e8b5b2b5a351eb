"""What can go wrong when mail is sent, the same for both ways of sending.

A mail server that cannot be reached, does not answer in time or says "try later" (4yz) is a
`MailUnavailable`. A server that says no (5yz) is one of smtplib's errors, also where aiosmtplib
has sent.
"""

from __future__ import annotations

import smtplib
import ssl

from werkzeug.exceptions import ServiceUnavailable

from waterspout.ext import needs_extra

with needs_extra("mail"):
    import aiosmtplib

__all__ = ["BadHeaderError", "MailUnavailable", "as_mail_error", "as_smtplib_error"]


class BadHeaderError(Exception):
    """Raised instead of sending a message in which a header field holds a line break."""


class MailUnavailable(ServiceUnavailable, smtplib.SMTPException):
    """The mail server cannot be reached, is too slow, or takes no mail for now.

    It becomes a 503 if it reaches the client, which does not learn the reason; `reason` and
    ``str(error)`` say it. It is an `OSError` and an `smtplib.SMTPException` too.
    """

    def __init__(self, reason: str = "The mail server is not available.") -> None:
        super().__init__("Mail cannot be sent at the moment. Please try again later.")
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


def as_mail_error(error: Exception, server: str) -> Exception:
    """Return what a program is told of *error*, which came up while mail went to *server*."""
    if isinstance(error, MailUnavailable):
        return error
    if isinstance(error, smtplib.SMTPResponseException):
        if 400 <= error.smtp_code < 500:
            return MailUnavailable(f"The mail server {server} takes no mail: {error}")
        return error
    unreachable = (smtplib.SMTPServerDisconnected, smtplib.SMTPHeloError)
    if isinstance(error, smtplib.SMTPException) and not isinstance(error, unreachable):
        return error
    if isinstance(error, ssl.SSLCertVerificationError):
        return MailUnavailable(
            f"The certificate of the mail server {server} is not trusted: {error.verify_message}."
            " MAIL_TLS_CA names a file of authorities to trust besides the system's."
        )
    if isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError):
        return MailUnavailable(f"The mail server {server} did not answer within MAIL_TIMEOUT.")
    if isinstance(error, OSError):
        return MailUnavailable(f"The mail server {server} cannot be used: {error}")
    return error


def as_smtplib_error(error: Exception) -> Exception:
    """Return the error of smtplib for one of aiosmtplib; other errors as they are."""
    match error:
        case aiosmtplib.SMTPRecipientsRefused():
            refused = {one.recipient: (one.code, one.message.encode()) for one in error.recipients}
            return smtplib.SMTPRecipientsRefused(refused)
        case aiosmtplib.SMTPSenderRefused():
            return smtplib.SMTPSenderRefused(error.code, error.message.encode(), error.sender)
        case aiosmtplib.SMTPResponseException():
            return _RESPONSES.get(type(error), smtplib.SMTPResponseException)(
                error.code, error.message
            )
        case aiosmtplib.SMTPNotSupported():
            return smtplib.SMTPNotSupportedError(error.message)
        case aiosmtplib.SMTPTimeoutError():
            return TimeoutError(error.message)
        case aiosmtplib.SMTPException():
            cause = error.__cause__
            if isinstance(cause, ssl.SSLCertVerificationError):
                return cause
            if type(error) is aiosmtplib.SMTPException:  # STARTTLS or AUTH is not there, as a rule
                return smtplib.SMTPNotSupportedError(error.message)
            return smtplib.SMTPServerDisconnected(error.message)
    return error


_RESPONSES = {
    aiosmtplib.SMTPDataError: smtplib.SMTPDataError,
    aiosmtplib.SMTPAuthenticationError: smtplib.SMTPAuthenticationError,
    aiosmtplib.SMTPHeloError: smtplib.SMTPHeloError,
    aiosmtplib.SMTPConnectResponseError: smtplib.SMTPConnectError,
}
