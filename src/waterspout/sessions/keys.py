"""The secret keys that an application signs and verifies with: its own, or those of the nearest
application that it is mounted in. They are looked up at each use, because keys rotate."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..config import ConfigAttribute
from ..typing import OwnApp

if TYPE_CHECKING:
    from ..interfaces import Application

__all__ = ["SecretKey", "fallbacks_of", "keys_of"]

Key = str | bytes
Keys = tuple[Key | None, Iterable[Key] | None]


def keys_of(app: Application) -> Keys:
    """Return the key that signs, and those that only verify."""
    asked = [app]
    for one in asked:
        keys: Keys = one.waterspout_own_keys()
        if keys[0] is not None:
            return keys
        for _, outer in one.waterspout_mounted_in:
            if not any(outer is known for known in asked):
                asked.append(outer)  # after those that are nearer
    return None, None


def fallbacks_of(app: Application) -> Iterable[Key] | None:
    """Return the keys of *app* that only verify."""
    config = app.config
    if config["SECRET_KEY"] is not None:
        found: Iterable[Key] | None = config["SECRET_KEY_FALLBACKS"]
        return found
    return keys_of(app)[1]


class SecretKey(ConfigAttribute[Key | None]):
    """The attribute `secret_key` of an application: its own once set, else as `keys_of` says."""

    def __get__(self, obj: OwnApp, owner: object = None) -> Any:
        own = super().__get__(obj, owner)
        return keys_of(obj)[0] if own is None else own
