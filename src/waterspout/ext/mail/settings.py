"""The settings of mail, ``MAIL_…``, as one object of an application."""

from __future__ import annotations

import os
import ssl
import threading
from collections.abc import Mapping
from urllib.parse import SplitResult, unquote, urlsplit

from waterspout.typing import SettingValue

from ..setting_checks import check_flag, check_number, check_port, warn_of_misspelt
from .addresses import Address

__all__ = ["MailSettings"]

#: Schemes of MAIL_URL: port, STARTTLS, TLS from the first byte.
_SCHEMES = {"smtp": (25, False, False), "smtp+tls": (587, True, False), "smtps": (465, False, True)}


#: Every setting there is.
NAMES = {
    *("MAIL_SERVER", "MAIL_PORT", "MAIL_USERNAME", "MAIL_PASSWORD", "MAIL_USE_TLS", "MAIL_USE_SSL"),
    *("MAIL_DEFAULT_SENDER", "MAIL_DEBUG", "MAIL_MAX_EMAILS", "MAIL_SUPPRESS_SEND", "MAIL_URL"),
    *("MAIL_ASCII_ATTACHMENTS", "MAIL_TIMEOUT", "MAIL_TLS_CA", "MAIL_TLS_VERIFY", "MAIL_OUTBOX"),
}


def _has_port(parts: SplitResult) -> bool:
    """Tell whether the port is a number, if there is one."""
    try:
        return parts.port is None or parts.port > 0
    except ValueError:
        return False


class MailSettings:
    """What `Mail.init_app` has read; kept in ``app.extensions["mail"]``.

    Attributes may be set afterwards. *suppress*: nothing is sent, but recorded and signalled.
    *timeout* is in seconds, for each step of a dialogue with the server.

    Raises:
        ValueError: MAIL_URL has another form, or two settings contradict each other.
    """

    def __init__(
        self, config: Mapping[str, SettingValue], debug: bool | int = False, testing: bool = False
    ) -> None:
        self.server: str = config.get("MAIL_SERVER", "127.0.0.1")
        self.port: int | None = check_port("MAIL_PORT", config.get("MAIL_PORT", 25))
        self.username: str | None = config.get("MAIL_USERNAME")
        self.password: str | None = config.get("MAIL_PASSWORD")
        self.use_tls: bool = check_flag("MAIL_USE_TLS", config.get("MAIL_USE_TLS", False))
        self.use_ssl: bool = check_flag("MAIL_USE_SSL", config.get("MAIL_USE_SSL", False))
        self.default_sender: Address | None = config.get("MAIL_DEFAULT_SENDER")
        self.debug = int(config.get("MAIL_DEBUG", debug))
        self.max_emails: int | None = config.get("MAIL_MAX_EMAILS")
        self.testing = testing
        self.suppress: bool = config.get("MAIL_SUPPRESS_SEND", testing)
        self.ascii_attachments: bool = config.get("MAIL_ASCII_ATTACHMENTS", False)
        self.timeout: float = config.get("MAIL_TIMEOUT", 10.0)
        check_number("MAIL_TIMEOUT", self.timeout)
        check_number("MAIL_MAX_EMAILS", self.max_emails, whole=True)
        warn_of_misspelt(config, "MAIL_", NAMES)
        self.tls_ca: str | None = config.get("MAIL_TLS_CA")
        self.tls_verify: bool = check_flag("MAIL_TLS_VERIFY", config.get("MAIL_TLS_VERIFY", True))
        self.outbox: str | None = config.get("MAIL_OUTBOX")
        if config.get("MAIL_URL"):
            self._take_url(config["MAIL_URL"])
        if self.use_tls and self.use_ssl:
            raise ValueError(
                "MAIL_USE_TLS (STARTTLS, port 587) and MAIL_USE_SSL (TLS from the first byte, port"
                " 465) exclude each other."
            )

    def _take_url(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme == "file" and not parts.netloc and parts.path:
            self.outbox = unquote(parts.path)
            return
        is_known = parts.scheme in _SCHEMES and _has_port(parts)
        if not is_known or not parts.hostname or parts.query or parts.fragment:
            # The URL may hold a password: it is not repeated.
            raise ValueError(
                "MAIL_URL is smtp://HOST[:25], smtp+tls://HOST[:587] (STARTTLS) or"
                " smtps://HOST[:465], as a rule with USER:PASSWORD@ before the host; or"
                " file:///FOLDER for a folder of .eml files."
            )
        port, self.use_tls, self.use_ssl = _SCHEMES[parts.scheme]
        self.server, self.port = parts.hostname, parts.port or port
        if parts.username is not None:
            self.username = unquote(parts.username)
            self.password = unquote(parts.password or "")

    def note_testing(self, config: Mapping[str, SettingValue]) -> None:
        """Suppress sending from now on, if TESTING was set after the settings were read."""
        if not self.testing:
            self.testing = True
            self.suppress = config.get("MAIL_SUPPRESS_SEND", True)

    def __str__(self) -> str:
        return f"{self.server}:{self.port or 0}"

    def tls_context(self) -> ssl.SSLContext:
        """Return the TLS settings of connections: certificate and name of the server are verified,
        unless MAIL_TLS_VERIFY is false. Reads files."""
        return _contexts.get(self.tls_ca, self.tls_verify)


class _Contexts:
    """TLS contexts that were made: each reads the system's authorities, about 20 ms."""

    def __init__(self) -> None:
        self._made: dict[tuple[str | None, bool], ssl.SSLContext] = {}
        self._lock = threading.Lock()

    def get(self, authorities: str | None, verify: bool) -> ssl.SSLContext:
        with self._lock:
            context = self._made.get((authorities, verify))
            if context is None:
                context = ssl.create_default_context(
                    cafile=None if authorities is None else os.fspath(authorities)
                )
                if authorities is not None:
                    context.load_default_certs()
                if not verify:
                    context.check_hostname = False
                    context.verify_mode = ssl.CERT_NONE
                self._made[authorities, verify] = context
            return context


_contexts = _Contexts()
