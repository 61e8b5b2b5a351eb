"""The settings of a cache and their defaults; all but the last group are Flask-Caching's."""

from __future__ import annotations

import hashlib
import warnings

from waterspout import App
from waterspout.typing import Settings

from ..setting_checks import check_number, check_port, check_url, shown, warn_of_misspelt

__all__ = ["DEFAULTS", "settings_of"]

DEFAULTS: Settings = {
    "CACHE_DEFAULT_TIMEOUT": 300,  # seconds; 0: for ever
    "CACHE_IGNORE_ERRORS": False,  # whether delete_many passes over keys that cannot be deleted
    "CACHE_THRESHOLD": 500,  # values in memory or in files, at most
    "CACHE_KEY_PREFIX": "flask_cache_",
    "CACHE_MEMCACHED_SERVERS": None,
    "CACHE_DIR": None,
    "CACHE_FILE_HASH_METHOD": hashlib.sha256,
    "CACHE_HASH_METHOD": hashlib.sha256,
    "CACHE_OPTIONS": None,
    "CACHE_ARGS": [],
    "CACHE_NO_NULL_WARNING": False,
    "CACHE_SOURCE_CHECK": False,  # whether a function's source belongs to its keys
    "CACHE_ENABLE_SIGNALS": False,
    "CACHE_SERIALIZER": None,
    # ours
    "CACHE_TYPE": None,
    "CACHE_URL": "memory://",
    "CACHE_SERVER_TIMEOUT": 1.0,  # seconds to wait for the cache's server
    "CACHE_POOL_SIZE": 20,  # connections to it in one process, at most
    "CACHE_COMPUTE_TIMEOUT": 30.0,  # seconds that waiters wait for a value; 0: each computes
    "CACHE_RETRY_AFTER": 1.0,  # seconds for which a server that failed is not asked
}

#: Settings of servers that have no default.
_OF_SERVERS = {
    *("CACHE_REDIS_URL", "CACHE_REDIS_HOST", "CACHE_REDIS_PORT", "CACHE_REDIS_DB"),
    *("CACHE_REDIS_PASSWORD", "CACHE_REDIS_SENTINELS", "CACHE_REDIS_SENTINEL_MASTER"),
    *("CACHE_REDIS_SENTINEL_PASSWORD", "CACHE_REDIS_CLUSTER"),
    *("CACHE_MEMCACHED_USERNAME", "CACHE_MEMCACHED_PASSWORD"),
}
#: Settings that are numbers, and whether they are ints.
_NUMBERS = {
    "CACHE_DEFAULT_TIMEOUT": False,
    "CACHE_THRESHOLD": True,
    "CACHE_SERVER_TIMEOUT": False,
    "CACHE_POOL_SIZE": True,
    "CACHE_COMPUTE_TIMEOUT": False,
    "CACHE_RETRY_AFTER": False,
}
#: cachelib's sign for values that never expire.
_LEAST = {"CACHE_DEFAULT_TIMEOUT": -1}


def settings_of(app: App, *own: Settings | None) -> Settings:
    """Return the settings of *app*, with a cache's *own* over them.

    Raises:
        ValueError: A setting is impossible.
    """
    given: Settings = dict(app.config)
    for more in own:
        if not (more is None or isinstance(more, dict)):
            raise ValueError("`config` must be an instance of dict or None")
        given.update(more or {})
    warn_of_misspelt(given, "CACHE_", {*DEFAULTS, *_OF_SERVERS})
    config = DEFAULTS | given
    if not callable(config["CACHE_HASH_METHOD"]):
        raise ValueError(
            "`CACHE_HASH_METHOD` must be a hash constructor, for example `hashlib.sha256`, not"
            f" {config['CACHE_HASH_METHOD']!r}"
        )
    for name, whole in _NUMBERS.items():
        check_number(name, config.get(name), whole=whole, at_least=_LEAST.get(name, 0))
    config["CACHE_REDIS_PORT"] = check_port("CACHE_REDIS_PORT", config.get("CACHE_REDIS_PORT"))
    if config["CACHE_TYPE"] is None:
        _take_url(config)
    elif config.get("CACHE_REDIS_URL"):
        check_url("CACHE_REDIS_URL", config["CACHE_REDIS_URL"], ("redis", "rediss", "unix"))
    if config["CACHE_TYPE"] == "NullCache" and not config["CACHE_NO_NULL_WARNING"]:
        warnings.warn(
            "CACHE_TYPE is NullCache: nothing is cached. (CACHE_NO_NULL_WARNING silences this.)",
            stacklevel=4,
        )
    if config["CACHE_TYPE"] == "FileSystemCache" and config["CACHE_DIR"] is None:
        warnings.warn("CACHE_TYPE is FileSystemCache, but CACHE_DIR is not set.", stacklevel=4)
    return config


def _take_url(config: Settings) -> None:
    url = DEFAULTS["CACHE_URL"] if config["CACHE_URL"] is None else str(config["CACHE_URL"])
    scheme, _, rest = url.partition("://")
    if scheme in {"memory", "mem"}:
        config["CACHE_TYPE"] = "SimpleCache"
    elif scheme in {"redis", "rediss", "unix"}:
        check_url("CACHE_URL", url, ("redis", "rediss", "unix"))
        config["CACHE_TYPE"] = "RedisCache"
        config["CACHE_REDIS_URL"] = url
    elif scheme == "file" and rest:
        config["CACHE_TYPE"] = "FileSystemCache"
        config["CACHE_DIR"] = rest
    else:
        raise ValueError(
            f"CACHE_URL is 'memory://', 'redis://host/0' or 'file:///folder', not {shown(url)}"
        )
