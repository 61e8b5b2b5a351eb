"""Redis clients for both kinds of code: a client of a URL, and the twin of one for event loops."""

from __future__ import annotations

from typing import Any

from waterspout.typing import Settings, Untyped

from . import needs_extra

with needs_extra("sessions"):
    import redis
    import redis.asyncio as redis_async
    from redis.asyncio.retry import Retry as AsyncRetry
    from redis.backoff import ExponentialBackoff
    from redis.retry import Retry

__all__ = ["async_twin", "bounded", "client_of", "has_async_twin"]

#: The connection classes of `redis.asyncio` for those of `redis`.
_CONNECTIONS: dict[type, Any] = {
    redis.Connection: redis_async.Connection,
    redis.SSLConnection: redis_async.SSLConnection,
    redis.UnixDomainSocketConnection: redis_async.UnixDomainSocketConnection,
}
#: What both kinds of connection take and understand alike; besides, all that begins with ``ssl``.
_SHARED = {
    *("host", "port", "path", "db", "username", "password", "protocol", "client_name"),
    *("socket_timeout", "socket_connect_timeout", "socket_keepalive", "health_check_interval"),
    *("credential_provider", "encoding", "encoding_errors"),
}
#: Seconds before the second and the third try of a command whose connection was lost.
_BACKOFF = ExponentialBackoff(cap=0.1, base=0.02)
_RETRIES = 2


def client_of(url: str, *, timeout: float, connections: int) -> redis.Redis:
    """Return a client of the server at *url* (``redis://``, ``rediss://``, ``unix://``), see
    `bounded`."""
    plain = redis.Redis.from_url(url)
    client: redis.Redis = bounded(plain, timeout=timeout, connections=connections)
    return client


def bounded(client: Untyped, *, timeout: float, connections: int) -> Any:
    """Return a client of the server that *client* talks to, which never waits for long.

    *timeout* is in seconds, at most: to connect, for a reply, and to wait for one of the
    *connections*. A command whose connection was lost is sent again, twice (those of redis-py by
    itself go on for seconds). A *client* that is not Redis's own, or of Sentinel or a cluster, is
    returned as it is.
    """
    if not has_async_twin(client):
        return client
    pool = client.connection_pool
    kwargs = _shared_settings(pool)
    for name in ("socket_timeout", "socket_connect_timeout"):
        kwargs[name] = min(kwargs.get(name) or timeout, timeout)
    make_pool: Any = redis.BlockingConnectionPool
    return redis.Redis(
        connection_pool=make_pool(
            connection_class=pool.connection_class,
            max_connections=connections,
            timeout=timeout,
            retry=Retry(_BACKOFF, _RETRIES),
            **kwargs,
        )
    )


def has_async_twin(client: object) -> bool:
    """Tell whether `async_twin` knows how *client* connects; not so for Sentinel, clusters and
    clients that are not Redis's own."""
    pool = getattr(client, "connection_pool", None)
    return getattr(pool, "connection_class", None) in _CONNECTIONS


def async_twin(client: Untyped) -> redis_async.Redis:
    """Return a client for event loops of the server that *client*, a `bounded` one, talks to, with
    as many connections of its own. It belongs to the event loop that uses it first."""
    pool = client.connection_pool
    twin = redis_async.BlockingConnectionPool(
        connection_class=_CONNECTIONS[pool.connection_class],
        max_connections=pool.max_connections,
        timeout=pool.timeout,
        retry=AsyncRetry(_BACKOFF, _RETRIES),
        **_shared_settings(pool),
    )
    return redis_async.Redis(connection_pool=twin)


def _shared_settings(pool: Untyped) -> Settings:
    return {
        name: value
        for name, value in pool.connection_kwargs.items()
        if name in _SHARED or name.startswith("ssl_")
    }
