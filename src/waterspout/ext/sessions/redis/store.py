"""What is asked of Redis.

A session is a string under ``<prefix><id>``, in Flask-Session's format, with a time to live. A
user's list is a hash ``<prefix>user:<user>``: id → when it began. Ids have no colon, so no cookie
names a list. What has expired is taken from a list when it is read or grows.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from typing import Any

from redis.exceptions import NoScriptError, RedisError

from waterspout.typing import JSONValue, Untyped

from ...redis_batches import Batches
from ..store import Entry, Outcome, Write
from ..turns import Turns
from ..types import Stored

__all__ = ["AsyncRedisStore", "RedisStore"]

#: KEYS: the session, what it was read from, its user's list, the list of the user before.
#: ARGV: value, seconds, SHA-1 of the value that was read ('': new), id, id it was read by, began.
_COMMIT = """
if ARGV[3] ~= '' then
  local now = redis.call('GET', KEYS[2])
  if not now then return 0 end
  if redis.sha1hex(now) ~= ARGV[3] then return now end
end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
if KEYS[1] ~= KEYS[2] and ARGV[3] ~= '' then redis.call('DEL', KEYS[2]) end
if ARGV[7] == '1' then
  if ARGV[5] ~= '' then redis.call('HDEL', KEYS[4], ARGV[5]) end
  if KEYS[3] ~= ARGV[8] then
    for _, sid in ipairs(redis.call('HKEYS', KEYS[3])) do
      if redis.call('EXISTS', ARGV[9] .. sid) == 0 then redis.call('HDEL', KEYS[3], sid) end
    end
    redis.call('HSET', KEYS[3], ARGV[4], ARGV[6])
  end
end
return 1
"""

_Command = tuple[object, ...]


class _Commands:
    """The commands, and what their replies mean; how they are sent is each store's."""

    errors: tuple[type[BaseException], ...] = (RedisError, OSError)

    def __init__(self, client: Untyped, prefix: str) -> None:
        self.client = client
        self.prefix = prefix
        self._script = client.register_script(_COMMIT)

    def _key(self, sid: str) -> str:
        return self.prefix + sid

    def _list(self, user: str | None) -> str:
        return f"{self.prefix}user:{'' if user is None else user}"

    def _load(self, sid: str, lifetime: int | None) -> _Command:
        if lifetime is None:
            return ("GET", self._key(sid))
        return ("GETEX", self._key(sid), "EX", lifetime)

    def _commit(self, write: Write) -> dict[str, JSONValue]:
        read_sid = write.read_sid or ""
        seen = "" if write.read_sid is None else hashlib.sha1(write.seen).hexdigest()
        keys = (
            self._key(write.sid),
            self._key(read_sid or write.sid),
            self._list(write.user),
            self._list(write.user_before),
        )
        args = (write.value, write.lifetime, seen)
        if not write.is_indexed_anew:  # PERF: each argument costs 1 µs
            return {"keys": keys[:2], "args": args}
        listed = (write.sid, read_sid, str(write.created), "1", self._list(None), self.prefix)
        return {"keys": keys, "args": (*args, *listed)}

    def _outcome(self, reply: object) -> object:
        if isinstance(reply, bytes):
            return reply
        return Outcome.DONE if reply else Outcome.GONE

    def _ask_about(self, pipe: Untyped, sids: list[bytes]) -> None:
        for sid in sids:
            pipe.get(self._key(sid.decode()))
            pipe.pttl(self._key(sid.decode()))

    def _entries(self, began: dict[bytes, bytes], replies: list[Any], now: float) -> list[Entry]:
        values, left = replies[::2], replies[1::2]
        return [
            Entry(sid.decode(), value, float(start), now + max(0, ttl) / 1000)
            for (sid, start), value, ttl in zip(began.items(), values, left, strict=True)
            if value is not None
        ]

    def _dead(self, began: dict[bytes, bytes], replies: list[object]) -> list[bytes]:
        return [sid for sid, value in zip(began, replies[::2], strict=True) if value is None]


class RedisStore(_Commands):
    """A `Store` over a `redis.Redis`."""

    def load(self, sid: str, lifetime: int | None) -> Stored:
        return self.client.execute_command(*self._load(sid, lifetime))

    def commit(self, write: Write) -> Stored:
        return self._outcome(self._script(**self._commit(write)))

    def delete(self, sid: str, user: str | None) -> bool:
        pipe = self.client.pipeline()
        pipe.delete(self._key(sid))
        if user is not None:
            pipe.hdel(self._list(user), sid)
        return bool(pipe.execute()[0])

    def of(self, user: str) -> list[Entry]:
        began = self.client.hgetall(self._list(user))
        pipe = self.client.pipeline(transaction=False)
        self._ask_about(pipe, list(began))
        replies = pipe.execute()
        dead = self._dead(began, replies)
        if dead:
            self.client.hdel(self._list(user), *dead)
        return self._entries(began, replies, time.time())

    def collect(self) -> int:
        return 0  # Redis does it

    def close(self) -> None:
        self.client.connection_pool.disconnect()


class AsyncRedisStore(_Commands):
    """An `AsyncStore` over a `redis.asyncio.Redis` of one event loop."""

    def __init__(self, client: object, prefix: str) -> None:
        super().__init__(client, prefix)
        self.turns = Turns(asyncio.Lock)
        self._batches = Batches(client)

    async def load(self, sid: str, lifetime: int | None) -> Stored:
        return await self._batches.ask(*self._load(sid, lifetime))

    async def commit(self, write: Write) -> Stored:
        given = self._commit(write)
        keys, args = given["keys"], given["args"]
        run = ("EVALSHA", self._script.sha, len(keys), *keys, *args)
        try:
            reply = await self._batches.ask(*run)
        except NoScriptError:  # Redis was started anew
            await self.client.script_load(_COMMIT)
            reply = await self._batches.ask(*run)
        return self._outcome(reply)

    async def delete(self, sid: str, user: str | None) -> bool:
        pipe = self.client.pipeline()
        pipe.delete(self._key(sid))
        if user is not None:
            pipe.hdel(self._list(user), sid)
        return bool((await pipe.execute())[0])

    async def of(self, user: str) -> list[Entry]:
        began = await self.client.hgetall(self._list(user))
        pipe = self.client.pipeline(transaction=False)
        self._ask_about(pipe, list(began))
        replies = await pipe.execute()
        dead = self._dead(began, replies)
        if dead:
            await self.client.hdel(self._list(user), *dead)
        return self._entries(began, replies, time.time())

    async def collect(self) -> int:
        return 0  # Redis does it

    async def close(self) -> None:
        await self.client.aclose(close_connection_pool=True)
