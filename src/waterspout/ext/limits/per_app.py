"""What one application's limits are, and where they are counted."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from .. import needs_extra
from ..outage import Outage
from ..setting_checks import shown
from .counters import Counter, Direct, OnLoop, storage_of
from .limit import ApplicationLimit, Limit, MetaLimit, limits_of
from .settings import Settings, settings_of

with needs_extra("limits"):
    from limits.errors import ConfigurationError
    from limits.storage import MemoryStorage, Storage
    from limits.strategies import STRATEGIES

__all__ = ["PerApp"]

_logger = logging.getLogger("waterspout.limits")


@dataclass
class PerApp:
    """The settings, limits and counters that a limiter has in one application."""

    settings: Settings
    storage: Storage
    counter: Direct
    outage: Outage
    defaults: list[Limit]
    of_application: list[Limit]
    meta: list[Limit]
    fallback_limits: list[Limit]
    #: Counts in memory while the storage is down.
    fallback: Direct | None = None
    on_loops: WeakKeyDictionary[asyncio.AbstractEventLoop, Counter] = field(
        default_factory=WeakKeyDictionary
    )

    @classmethod
    def of(cls, app: Any, given: dict[str, Any]) -> PerApp:
        """Read the settings of *app*, and what the limiter was *given*.

        Raises:
            ValueError: A limit cannot be read.
            limits.errors.ConfigurationError: Another setting is impossible.
            ModuleNotFoundError: The storage's package is not installed.
        """
        settings = settings_of(app, given)
        if settings.strategy not in STRATEGIES:
            known = ", ".join(STRATEGIES)
            raise ConfigurationError(
                f"RATELIMIT_STRATEGY is one of {known}, not {settings.strategy!r}"
            )
        strategy = STRATEGIES[settings.strategy]
        options = dict(settings.storage_options or {})
        try:
            storage = storage_of(settings.url, options, settings.server_timeout, settings.pool_size)
        except ConfigurationError as error:
            problem = str(error).replace(settings.url, "").rstrip(" :")  # it holds the password
            text = f"{settings.url_setting} is {shown(settings.url)}: {problem}"
            raise ConfigurationError(text) from None
        made = cls(
            settings=settings,
            storage=storage,
            counter=Direct(strategy(storage)),
            outage=Outage("The storage of the rate limits", _logger, settings.pause),
            defaults=limits_of(settings.default_limits, Limit, **settings.of_group("default")),
            of_application=limits_of(
                settings.application_limits, ApplicationLimit, **settings.of_group("application")
            ),
            meta=limits_of(settings.meta_limits, MetaLimit),
            fallback_limits=limits_of(settings.in_memory_fallback, Limit),
        )
        if made.fallback_limits or settings.in_memory_fallback_enabled:
            made.fallback = Direct(strategy(MemoryStorage()))
        for limit in (*made.defaults, *made.of_application, *made.meta, *made.fallback_limits):
            if isinstance(limit.limit_provider, str):
                list(limit.items())  # one that cannot be read is told now
        return made

    async def close(self) -> None:
        """Close the connections to the storage, those of the running loop and of `def` code."""
        counter = self.on_loops.pop(asyncio.get_running_loop(), None)
        if isinstance(counter, OnLoop):
            await counter.client.aclose(close_connection_pool=True)
        pool = getattr(getattr(self.storage, "storage", None), "connection_pool", None)
        if pool is not None:
            pool.disconnect()
