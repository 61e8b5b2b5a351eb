"""The settings of a limiter; all but the last group are Flask-Limiter's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from waterspout.typing import Kwargs

from ..setting_checks import check_number, check_url, shown, warn_of_misspelt
from .constants import HeaderNames

__all__ = ["NAMES", "Settings", "settings_of"]

_HEADERS = {
    HeaderNames.LIMIT: "RATELIMIT_HEADER_LIMIT",
    HeaderNames.REMAINING: "RATELIMIT_HEADER_REMAINING",
    HeaderNames.RESET: "RATELIMIT_HEADER_RESET",
    HeaderNames.RETRY_AFTER: "RATELIMIT_HEADER_RETRY_AFTER",
}

#: Argument of `Limiter` → its setting and the default.
_NAMES: dict[str, tuple[str, object]] = {
    "default_limits": ("RATELIMIT_DEFAULT", None),
    "default_limits_per_method": ("RATELIMIT_DEFAULTS_PER_METHOD", False),
    "default_limits_exempt_when": ("RATELIMIT_DEFAULTS_EXEMPT_WHEN", None),
    "default_limits_deduct_when": ("RATELIMIT_DEFAULTS_DEDUCT_WHEN", None),
    "default_limits_cost": ("RATELIMIT_DEFAULTS_COST", 1),
    "application_limits": ("RATELIMIT_APPLICATION", None),
    "application_limits_per_method": ("RATELIMIT_APPLICATION_PER_METHOD", False),
    "application_limits_exempt_when": ("RATELIMIT_APPLICATION_EXEMPT_WHEN", None),
    "application_limits_deduct_when": ("RATELIMIT_APPLICATION_DEDUCT_WHEN", None),
    "application_limits_cost": ("RATELIMIT_APPLICATION_COST", 1),
    "headers_enabled": ("RATELIMIT_HEADERS_ENABLED", False),
    "strategy": ("RATELIMIT_STRATEGY", "fixed-window"),
    "storage_uri": ("RATELIMIT_STORAGE_URI", None),
    "storage_options": ("RATELIMIT_STORAGE_OPTIONS", None),
    "swallow_errors": ("RATELIMIT_SWALLOW_ERRORS", False),
    "fail_on_first_breach": ("RATELIMIT_FAIL_ON_FIRST_BREACH", True),
    "on_breach": ("RATELIMIT_ON_BREACH_CALLBACK", None),
    "meta_limits": ("RATELIMIT_META", None),
    "on_meta_breach": ("RATELIMIT_ON_META_BREACH_CALLBACK", None),
    "in_memory_fallback": ("RATELIMIT_IN_MEMORY_FALLBACK", None),
    "in_memory_fallback_enabled": ("RATELIMIT_IN_MEMORY_FALLBACK_ENABLED", False),
    "retry_after": ("RATELIMIT_HEADER_RETRY_AFTER_VALUE", "delta-seconds"),
    "key_prefix": ("RATELIMIT_KEY_PREFIX", ""),
    "request_identifier": ("RATELIMIT_REQUEST_IDENTIFIER", None),
    # ours: seconds to wait for the storage, connections to it, seconds for which one that failed
    # is not asked
    "server_timeout": ("RATELIMIT_SERVER_TIMEOUT", 1.0),
    "pool_size": ("RATELIMIT_POOL_SIZE", 20),
    "pause": ("RATELIMIT_RETRY_AFTER", 1.0),
}


#: Every setting there is.
NAMES = {
    *("RATELIMIT_ENABLED", "RATELIMIT_URL"),
    *_HEADERS.values(),
    *(key for key, _ in _NAMES.values()),
}


#: Arguments that are numbers, and whether they are ints.
_NUMBERS = {"server_timeout": False, "pool_size": True, "pause": False}


@dataclass
class Settings:
    """What holds for one limiter."""

    values: dict[str, Any]
    headers: dict[HeaderNames, str]
    url: str
    #: The name of the setting that *url* is from.
    url_setting: str

    def __getattr__(self, name: str) -> Any:
        return self.__dict__["values"][name]

    def of_group(self, group: str) -> dict[str, Any]:
        """Return the options that all limits of ``default`` or ``application`` have."""
        names = ("per_method", "exempt_when", "deduct_when", "cost")
        return {name: self.values[f"{group}_limits_{name}"] for name in names}


def settings_of(app: Any, given: Kwargs) -> Settings:
    """Return what the program has given, else what the settings of *app* say.

    RATELIMIT_URL is our name for RATELIMIT_STORAGE_URI. Raises `ValueError` for a malformed one,
    and for a number that is none.
    """
    config = app.config
    values = {
        name: config.get(key, default) if given.get(name) in (None, "") else given[name]
        for name, (key, default) in _NAMES.items()
    }
    mapping = given.get("header_name_mapping") or {}
    headers = {
        header: mapping.get(header) or config.get(key, header.value)
        for header, key in _HEADERS.items()
    }
    for name, whole in _NUMBERS.items():
        check_number(_NAMES[name][0], values[name], whole=whole)
    warn_of_misspelt(config, "RATELIMIT_", NAMES)
    setting = "RATELIMIT_STORAGE_URI" if values["storage_uri"] else "RATELIMIT_URL"
    url = values["storage_uri"] or config.get("RATELIMIT_URL")
    url = "memory://" if url is None else url
    if not isinstance(url, str) or "://" not in url:
        raise ValueError(
            f"{setting} is {shown(url)}; expected a URL such as memory:// or redis://HOST:6379/0."
        )
    if url.startswith(("redis://", "rediss://")):
        check_url(setting, url, ("redis", "rediss"))
    return Settings(values, headers, url, setting)
