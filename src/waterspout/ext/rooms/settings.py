"""The settings of rooms, ROOMS_*, checked once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from waterspout.typing import SettingValue

from ..setting_checks import check_number, check_url, warn_of_misspelt

__all__ = ["Settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    """Where messages go, and the limits. Times in seconds; each field is a setting ``ROOMS_…``."""

    url: str = "memory://"
    """The broker between processes: ``memory://`` (none: this process only), ``redis://``,
    ``nats://``."""
    channel: str = "waterspout.rooms"
    """The channel's name: programs that share a broker have one each."""
    queue: int = 100
    """Messages that may wait for one member who does not keep up."""
    slow: str = "close"
    """What happens to a member whose queue is full: ``"close"``, its socket is closed with 1013;
    ``"drop"``, it misses its oldest message that waits."""
    presence_ttl: float = 15.0
    """A process that gives no sign for so long is taken for dead, and its members have left."""
    timeout: float = 5.0
    """For the broker to answer."""

    @classmethod
    def from_config(cls, config: Mapping[str, SettingValue]) -> Settings:
        """Return the settings that *config* has. Raises `ValueError` for an impossible one."""
        given = {
            item.name: config[name]
            for item in fields(cls)
            if (name := f"ROOMS_{item.name.upper()}") in config
            and not (item.name == "url" and config[name] is None)
        }
        warn_of_misspelt(config, "ROOMS_", {f"ROOMS_{item.name.upper()}" for item in fields(cls)})
        made = cls(**given)
        check_url("ROOMS_URL", made.url, ("memory", "redis", "rediss", "nats", "tls"))
        if not isinstance(made.queue, int) or made.queue < 1:
            raise ValueError(f"ROOMS_QUEUE is {made.queue!r}; expected an int above 0.")
        if made.slow not in ("close", "drop"):
            raise ValueError(f"ROOMS_SLOW is {made.slow!r}; expected 'close' or 'drop'.")
        for name in ("presence_ttl", "timeout"):
            value = getattr(made, name)
            if check_number(f"ROOMS_{name.upper()}", value) == 0 or value is None:
                raise ValueError(f"ROOMS_{name.upper()} is {value!r}; expected seconds above 0.")
        return made
