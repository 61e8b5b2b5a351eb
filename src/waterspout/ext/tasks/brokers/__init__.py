"""The brokers, and the stores of results, by URL. Each package is loaded when its URL is used."""

from __future__ import annotations

from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from ... import needs_extra
from ..settings import Settings
from .base import Broker, Delivery, Verdict, logger
from .memory import MemoryBroker

with needs_extra("tasks"):
    from taskiq import AsyncResultBackend
    from taskiq.brokers.inmemory_broker import InmemoryResultBackend

__all__ = ["Broker", "Delivery", "Verdict", "logger", "make_broker"]

#: Results that are kept in the process.
_RESULTS_KEPT = 10_000

_BROKERS = {
    "redis": ("redis", "RedisBroker"),
    "rediss": ("redis", "RedisBroker"),
    "amqp": ("amqp", "AmqpBroker"),
    "amqps": ("amqp", "AmqpBroker"),
    "nats": ("nats", "NatsBroker"),
    "tls": ("nats", "NatsBroker"),
}
_STORES = {
    "redis": "redis_results",
    "rediss": "redis_results",
    "nats": "nats_results",
    "tls": "nats_results",
}


def make_broker(settings: Settings, place: str) -> Broker:
    """Return the broker of TASKS_URL, not connected yet, with its store of results.

    Raises `ValueError` where TASKS_URL and TASKS_RESULT_URL do not go together.
    """
    scheme = urlsplit(settings.url).scheme
    broker: Broker
    if scheme == "memory":
        broker = MemoryBroker(settings, place)
    else:
        module, name = _BROKERS[scheme]
        broker = getattr(import_module(f".{module}", __name__), name)(settings)
    store = make_store(settings)
    if store is not None:
        broker.with_result_backend(store)
    return broker


def make_store(settings: Settings) -> AsyncResultBackend[Any] | None:
    """Return the store of results; None if there is none (RabbitMQ without TASKS_RESULT_URL).

    Raises `ValueError` where TASKS_URL and TASKS_RESULT_URL do not go together.
    """
    url = settings.result_url or settings.url
    scheme = urlsplit(url).scheme
    if scheme == "memory":
        if settings.result_url and not settings.url.startswith("memory:"):
            raise ValueError("TASKS_RESULT_URL=memory:// is for TASKS_URL=memory:// only.")
        return InmemoryResultBackend(_RESULTS_KEPT)
    if scheme in _STORES:
        made = import_module(f".{_STORES[scheme]}", __name__).make_store(settings, url)
        store: AsyncResultBackend[object] = made
        return store
    return None
