"""Checks of a battery's settings where the program starts: a malformed value is an error that names
the setting and the expected form, a misspelt name a warning in the log.

SECURITY: a URL may hold a password; errors show it without.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from urllib.parse import parse_qs, urlsplit

__all__ = ["check_flag", "check_number", "check_port", "check_url", "shown", "warn_of_misspelt"]

_logger = logging.getLogger("waterspout.settings")

_REDIS = "redis://[USER:PASSWORD@]HOST[:PORT][/NUMBER]"
#: The forms of URLs by their schemes.
FORMS = {
    "redis": _REDIS,
    "rediss": _REDIS.replace("redis", "rediss", 1),
    "unix": "unix:///PATH[?db=NUMBER]",
    "amqp": "amqp://[USER:PASSWORD@]HOST[:PORT][/VHOST]",
    "amqps": "amqps://[USER:PASSWORD@]HOST[:PORT][/VHOST]",
    "nats": "nats://[USER:PASSWORD@]HOST[:PORT]",
    "tls": "tls://[USER:PASSWORD@]HOST[:PORT]",
    "memory": "memory://",
}
#: Those that a message lists; the others are the same over TLS.
_PLAIN = {"memory", "redis", "unix", "amqp", "nats"}
#: How alike two names are of which one is taken for a misspelling of the other, 0 to 1.
_ALIKE = 0.85


def shown(url: object) -> str:
    """Return *url* for a message, without user and password."""
    return repr(re.sub(r"//.*@", "//***@", url) if isinstance(url, str) else url)


def check_url(setting: str, url: object, schemes: Iterable[str]) -> str:
    """Return the *url* of a server, if it has the form of one of the *schemes*.

    Raises:
        ValueError: It has not; names the *setting* and the form.
    """
    schemes = tuple(schemes)
    problem, scheme = "it is no text", ""
    if isinstance(url, str):
        scheme, colon, _ = url.partition("://")
        problem = _problem(url, scheme) if colon and scheme in schemes else "it is no such URL"
        if not problem:
            return url
        scheme = scheme.partition(":")[0]
    forms = (
        [FORMS[scheme]]
        if scheme in schemes
        else [FORMS[name] for name in schemes if name in _PLAIN]
    )
    raise ValueError(f"{setting} is {shown(url)}: {problem}; expected {' or '.join(forms)}.")


def _problem(url: str, scheme: str) -> str:
    """Say what is wrong in a URL with this scheme; empty: nothing."""
    if scheme == "memory":
        return ""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        return str(error)
    if scheme == "unix":
        return "" if parts.path else "it names no path"
    try:
        if parts.port == 0:
            return "the port is 0"
    except ValueError:
        return "the port is no number from 1 to 65535"
    if scheme in {"redis", "rediss"}:
        database = parts.path.strip("/") or parse_qs(parts.query).get("db", ["0"])[0]
        if not database.isdecimal():
            return f"the database {database!r} is no number"
        return ""
    return "" if parts.hostname else "it names no host"


def check_number(
    setting: str, value: object, *, whole: bool = False, at_least: float = 0
) -> float | None:
    """Return *value*, if it is a number of *at_least* so much, or None. A *whole* one is an int.

    Raises:
        ValueError: It is not; names the *setting*.
    """
    kinds = (int,) if whole else (int, float)
    if value is None:
        return None
    if isinstance(value, kinds) and not isinstance(value, bool) and value >= at_least:
        return value
    kind = "an int" if whole else "a number"
    raise ValueError(f"{setting} is {value!r}; expected {kind} of {at_least} or more.")


def check_port(setting: str, value: object) -> int | None:
    """Return the port *value* as an int; a text of digits, as from the environment, is one. None
    stays.

    Raises:
        ValueError: It is no port; names the *setting*.
    """
    if value is None:
        return None
    if isinstance(value, int) or (isinstance(value, str) and value.isdecimal()):
        port = int(value)
        if 0 <= port < 65536 and not isinstance(value, bool):
            return port
    raise ValueError(f"{setting} is {value!r}; expected a port, an int of 0 to 65535.")


def check_flag(setting: str, value: object) -> bool:
    """Return a flag as a bool; a text, as from the environment, is one by what it says.

    Raises:
        ValueError: It is no flag; names the *setting*.
    """
    if isinstance(value, str):
        if value.lower() in {"1", "true", "yes", "on"}:
            return True
        if value.lower() in {"", "0", "false", "no", "off"}:
            return False
        raise ValueError(f"{setting} is {value!r}; expected True or False.")
    return bool(value)


def warn_of_misspelt(
    config: Mapping[str, object],
    prefix: str,
    known: Collection[str],
    aliases: Mapping[str, str] | None = None,
) -> None:
    """Log a warning for each name in *config* that begins with *prefix*, is none of the *known*
    ones and looks like one that is not set; *aliases* are further names that people write, and
    what they mean."""
    for name in config:
        if name in known:
            continue
        meant = (aliases or {}).get(name)
        if meant is None and name.startswith(prefix):
            meant = next(iter(get_close_matches(name, known, 1, _ALIKE)), None)
        if meant is not None and config.get(meant) is None:
            _logger.warning("%s is no setting, and is not used; is %s meant?", name, meant)
