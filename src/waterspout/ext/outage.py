"""What happens while a server behind a battery cannot be reached: 503, one line in the log, and a
pause. A cache or a limiter that can do without it goes on."""

from __future__ import annotations

import logging
import time
from math import ceil

from werkzeug.exceptions import ServiceUnavailable

__all__ = ["Outage", "StoreUnavailable"]


class StoreUnavailable(ServiceUnavailable):
    """The store cannot be reached: 503 with ``Retry-After``."""

    description = "The service is not available for the moment. Please try again."


class Outage:
    """Tells whether a store is down, and logs one line when it goes and one when it is back.

    For *pause* seconds after a failure the store is not asked: what would wait for it is refused
    at once, and does not hold a thread or a connection each.
    """

    def __init__(self, what: str, logger: logging.Logger, pause: float) -> None:
        self._what = what
        self._logger = logger
        self._pause = pause
        self._until: float | None = None

    def is_on(self) -> bool:
        """Whether the store has failed just now, and is not to be asked."""
        return self._until is not None and time.monotonic() < self._until

    def check(self) -> None:
        """Raises `StoreUnavailable` if the store has failed just now."""
        if self.is_on():
            raise self.unavailable()

    def failed(self, error: BaseException) -> StoreUnavailable:
        """Note that the store has failed, and return what is to be raised."""
        if self._until is None:
            said = " ".join(str(error).split()) or type(error).__name__
            self._logger.error(f"{self._what} cannot be reached: {said}")
        self._until = time.monotonic() + self._pause
        return self.unavailable()

    def worked(self) -> None:
        """Note that the store has answered."""
        if self._until is not None:
            self._until = None
            self._logger.warning(f"{self._what} can be reached again.")

    def unavailable(self) -> StoreUnavailable:
        """Return the 503 of a request that cannot do without the store."""
        return StoreUnavailable(retry_after=max(1, ceil(self._pause)))
