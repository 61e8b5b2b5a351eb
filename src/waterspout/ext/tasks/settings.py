"""The settings of tasks, TASKS_*, checked once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from waterspout.typing import SettingValue

from ..setting_checks import check_number, check_url, warn_of_misspelt

__all__ = ["Settings"]


#: Schemes of stores of results.
_STORES = ("memory", "redis", "rediss", "nats", "tls")


@dataclass(frozen=True, slots=True)
class Settings:
    """Where tasks go, and the limits. Times in seconds; each field is a setting ``TASKS_…``."""

    url: str = "memory://"
    """The broker: ``memory://`` (in the process), ``redis://``, ``amqp://`` or ``nats://``."""
    result_url: str | None = None
    """The store of results, ``redis://`` or ``nats://``. None: the broker's own; RabbitMQ has
    none."""
    result_ttl: int = 24 * 3600
    """Seconds that a result is kept."""
    queue: str = "waterspout.tasks"
    """The queue's name: programs that share a broker have one each."""
    queue_size: int = 1000
    """Tasks that may wait in the process (``memory://``); one more is `TasksUnavailable`."""
    concurrency: int = 10
    """Tasks that run at a time in one process."""
    lease: float = 30.0
    """A worker that gives no sign for so long is taken for dead, and its tasks are given to
    others (Redis, NATS). RabbitMQ sees a lost connection at once."""
    max_deliveries: int = 5
    """Times that a task may end its worker before it is put among the dead letters."""
    max_message_size: int = 1024 * 1024
    """Bytes of a task with its arguments; more is a `ValueError` where it is enqueued."""
    broker_timeout: float = 5.0
    """For the broker to answer; then `TasksUnavailable`."""
    grace: float = 10.0
    """For running tasks to end when a worker process stops; then they are cancelled, and durable
    brokers give them to another worker."""
    timezone: str = "UTC"
    """Of `Tasks.cron`, a name of the IANA database."""
    eager: bool = False
    """Run a task at once, where it is enqueued: for tests."""

    @classmethod
    def from_config(cls, config: Mapping[str, SettingValue]) -> Settings:
        """Return the settings that *config* has. Raises `ValueError` for an impossible one."""
        given = {
            item.name: config[name]
            for item in fields(cls)
            if (name := f"TASKS_{item.name.upper()}") in config
            and not (item.name == "url" and config[name] is None)
        }
        warn_of_misspelt(config, "TASKS_", {f"TASKS_{item.name.upper()}" for item in fields(cls)})
        made = cls(**given)
        check_url(
            "TASKS_URL", made.url, ("memory", "redis", "rediss", "amqp", "amqps", "nats", "tls")
        )
        if made.result_url is not None:
            check_url("TASKS_RESULT_URL", made.result_url, _STORES)
        for name in ("result_ttl", "queue_size", "concurrency", "max_deliveries"):
            if not isinstance(value := getattr(made, name), int) or value < 1:
                raise ValueError(f"TASKS_{name.upper()} is {value!r}; expected an int above 0.")
        for name in ("lease", "broker_timeout"):
            value = getattr(made, name)
            if check_number(f"TASKS_{name.upper()}", value) == 0 or value is None:
                raise ValueError(f"TASKS_{name.upper()} is {value!r}; expected seconds above 0.")
        return made
