"""Calls of WeChat's interface: written once, as generators of steps, and carried out by `def` code
in its thread or by `async def` code on the loop.

A step is an HTTP request, a function of the cache (which may wait for a server), or a pause.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar

from waterspout import run_in_thread
from waterspout.ext import needs_extra
from waterspout.typing import Args, Function, JSONObject, JSONValue, Untyped

from .errors import WeChatUnavailable

with needs_extra("wechat"):
    import httpx

__all__ = ["Ask", "Call", "Calling", "NotSent", "Pause", "run", "run_async"]

T = TypeVar("T")


@dataclass(frozen=True)
class Call:
    """One HTTP request. *is_repeatable*: it may be sent again although its answer was lost."""

    method: str
    url: str
    params: Mapping[str, str] = field(default_factory=dict)
    json: JSONValue = None
    timeout: float = 5.0
    is_repeatable: bool = True

    @property
    def name(self) -> str:
        """The path, for errors: parameters are secret."""
        return httpx.URL(self.url).path


@dataclass(frozen=True)
class Ask:
    """Call a function of the cache."""

    func: Function
    args: Args = ()


@dataclass(frozen=True)
class Pause:
    """Wait some seconds."""

    seconds: float


Calling = Generator[Call | Ask | Pause, Untyped, T]


class NotSent(WeChatUnavailable):
    """The request did not reach WeChat: it may be sent again in any case."""


def run(steps: Calling[T]) -> T:
    """Carry out *steps* in this thread and return the result."""
    value: object = None
    failed: BaseException | None = None
    while True:
        try:
            step = steps.send(value) if failed is None else steps.throw(failed)
        except StopIteration as done:
            result: T = done.value
            return result
        value = failed = None
        try:
            value = _do(step)
        except BaseException as error:  # its steps may have something to put away
            failed = _told(error, step)


def _do(step: Call | Ask | Pause) -> Any:
    if isinstance(step, Call):
        with httpx.Client(verify=_trust()) as client:
            return _answer(client.request(**_request(step)))
    if isinstance(step, Ask):
        return step.func(*step.args)
    time.sleep(step.seconds)
    return None


async def run_async(steps: Calling[T]) -> T:
    """Carry out *steps* without blocking the loop and return the result."""
    value: object = None
    failed: BaseException | None = None
    while True:
        try:
            step = steps.send(value) if failed is None else steps.throw(failed)
        except StopIteration as done:
            result: T = done.value
            return result
        value = failed = None
        try:
            value = await _do_async(step)
        except BaseException as error:  # cancelled, too
            failed = _told(error, step)


async def _do_async(step: Call | Ask | Pause) -> Any:
    if isinstance(step, Call):
        trust = await run_in_thread(_trust)
        async with httpx.AsyncClient(verify=trust) as client:
            return _answer(await client.request(**_request(step)))
    if isinstance(step, Ask):
        return await run_in_thread(step.func, *step.args)
    await asyncio.sleep(step.seconds)
    return None


@cache
def _trust() -> ssl.SSLContext:
    """Return the TLS settings of all calls; made once, from files: about 20 ms."""
    return ssl.create_default_context()


def _request(call: Call) -> JSONObject:
    request = {
        "method": call.method,
        "url": call.url,
        "params": dict(call.params),
        "timeout": call.timeout,
    }
    return request if call.json is None else {**request, "json": call.json}


def _answer(response: httpx.Response) -> tuple[int, bytes]:
    return response.status_code, response.content


def _told(error: BaseException, step: Call | Ask | Pause) -> BaseException:
    """Return the error that the steps are told."""
    if not isinstance(error, httpx.HTTPError) or not isinstance(step, Call):
        return error
    not_sent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
    said = str(error) or type(error).__name__
    kind = NotSent if not_sent else WeChatUnavailable
    return kind(f"WeChat does not answer {step.name}: {said}")
