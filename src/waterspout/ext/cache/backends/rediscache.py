"""Caches in Redis: one server, one behind Sentinels, a cluster."""

from __future__ import annotations

from typing import Any

import cachelib

from waterspout.typing import Kwargs

from ... import needs_extra
from ..types import Backend
from .base import BaseCache

with needs_extra("cache"):
    from redis import Redis, RedisCluster
    from redis.cluster import ClusterNode
    from redis.sentinel import Sentinel

    from ...redis_clients import bounded

__all__ = ["RedisCache", "RedisClusterCache", "RedisSentinelCache"]


class RedisCache(BaseCache, cachelib.RedisCache):
    """Keeps values in Redis, pickled: nobody else may write there."""

    def __init__(
        self,
        host: Any = "localhost",
        port: int = 6379,
        password: str | None = None,
        db: int = 0,
        default_timeout: int = 300,
        key_prefix: Any = None,
        ignore_delete_many_errors: bool = False,
        **kwargs: Any,
    ) -> None:
        cachelib.RedisCache.__init__(
            self,
            host=host,
            port=port,
            password=password,
            db=db,
            default_timeout=default_timeout,
            key_prefix=key_prefix,
            **kwargs,
        )
        self.ignore_delete_many_errors = ignore_delete_many_errors

    @classmethod
    def factory(cls, app: Any, config: Any, args: list[Any], kwargs: Kwargs) -> Backend:
        url = config.get("CACHE_REDIS_URL")
        if url:
            options = dict(config["CACHE_OPTIONS"] or {})
            db = config.get("CACHE_REDIS_DB")
            client = Redis.from_url(url, **({} if db is None else {"db": db}), **options)
            kwargs = {key: value for key, value in kwargs.items() if key not in options}
        else:
            client = Redis(
                host=config.get("CACHE_REDIS_HOST") or "localhost",
                port=config.get("CACHE_REDIS_PORT") or 6379,
                db=config.get("CACHE_REDIS_DB") or 0,
                password=config.get("CACHE_REDIS_PASSWORD") or None,
            )
        own = bounded(
            client,
            timeout=config["CACHE_SERVER_TIMEOUT"],
            connections=config["CACHE_POOL_SIZE"],
        )
        prefix = config["CACHE_KEY_PREFIX"] or None
        return cls(*args, **{"host": own, "key_prefix": prefix, **kwargs})


class RedisSentinelCache(RedisCache):
    """Keeps values in the Redis that *sentinels* know as *master*; reads from its replicas.

    Arguments that begin with ``sentinel_`` are for the connections to the Sentinels.
    """

    def __init__(
        self,
        sentinels: object = None,
        master: str = "mymaster",
        password: str | None = None,
        db: int = 0,
        default_timeout: int = 300,
        key_prefix: str | None = "",
        ignore_delete_many_errors: bool = False,
        **kwargs: object,
    ) -> None:
        own = {k: v for k, v in kwargs.items() if not k.startswith("sentinel_")}
        theirs = {k[9:]: v for k, v in kwargs.items() if k.startswith("sentinel_")}
        known = sentinels or [("127.0.0.1", 26379)]
        make_sentinel: Any = Sentinel
        sentinel = make_sentinel(known, sentinel_kwargs=theirs, password=password, db=db, **own)
        super().__init__(
            host=sentinel.master_for(master),
            default_timeout=default_timeout,
            key_prefix=key_prefix,
            ignore_delete_many_errors=ignore_delete_many_errors,
        )
        self._read_client = sentinel.slave_for(master)

    @classmethod
    def factory(cls, app: Any, config: Any, args: list[Any], kwargs: Kwargs) -> Backend:
        given = {
            "sentinels": config.get("CACHE_REDIS_SENTINELS"),
            "master": config.get("CACHE_REDIS_SENTINEL_MASTER") or "mymaster",
            "password": config.get("CACHE_REDIS_PASSWORD"),
            "sentinel_password": config.get("CACHE_REDIS_SENTINEL_PASSWORD"),
            "key_prefix": config["CACHE_KEY_PREFIX"],
            "db": config.get("CACHE_REDIS_DB") or 0,
        }
        return cls(*args, **{**given, **kwargs})


class RedisClusterCache(RedisCache):
    """Keeps values in a cluster: *cluster* is ``"host:port,host:port"``.

    Raises:
        ValueError: It is not.
    """

    def __init__(
        self,
        cluster: str = "",
        password: str | None = None,
        default_timeout: int = 300,
        key_prefix: Any = "",
        ignore_delete_many_errors: bool = False,
        **kwargs: Any,
    ) -> None:
        nodes = [part.strip().rpartition(":") for part in cluster.split(",")]
        if not all(host and port.isdigit() for host, _, port in nodes):
            raise ValueError(f"CACHE_REDIS_CLUSTER is 'host:port,host:port', not {cluster!r}")
        make_node: Any = ClusterNode
        startup = [make_node(host, int(port)) for host, _, port in nodes]
        made: object = RedisCluster(startup_nodes=startup, password=password, **kwargs)
        super().__init__(
            host=made,
            default_timeout=default_timeout,
            key_prefix=key_prefix,
            ignore_delete_many_errors=ignore_delete_many_errors,
        )

    @classmethod
    def factory(cls, app: Any, config: Any, args: list[Any], kwargs: Kwargs) -> Backend:
        given = {
            "cluster": config.get("CACHE_REDIS_CLUSTER") or "",
            "password": config.get("CACHE_REDIS_PASSWORD"),
            "key_prefix": config["CACHE_KEY_PREFIX"],
        }
        return cls(*args, **{**given, **kwargs})
