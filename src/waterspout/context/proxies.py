"""Proxies to the current request, session and application; each use looks the object up."""

from __future__ import annotations

from typing import Any

from werkzeug.local import LocalProxy as WerkzeugProxy

__all__ = ["LocalProxy"]


class LocalProxy(WerkzeugProxy[Any]):
    # Werkzeug's proxy, with its most used operations as methods instead of descriptors.
    # PERF: each makes a partial function for one call, half of the 6,400 instructions.
    __slots__ = ()
    __doc__ = vars(WerkzeugProxy)["__doc__"]  # of an instance, that of the value

    def __getattr__(self, name: str) -> Any:
        return getattr(self._get_current_object(), name)

    def __getitem__(self, key: object) -> Any:
        return self._get_current_object()[key]

    def __setitem__(self, key: object, value: object) -> None:
        self._get_current_object()[key] = value

    def __contains__(self, key: object) -> bool:
        return key in self._get_current_object()
