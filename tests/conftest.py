"""What every test must leave behind: no current context and no server of ours."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from waterspout.current import app_var, request_var

#: Seconds for a thread that is ending.
_ENDING = 5.0


@pytest.fixture(autouse=True)
def no_leaked_context() -> Iterator[None]:
    """Fail a test that leaves a context current; pop it, so that only this test fails."""
    before = app_var.get(None), request_var.get(None)
    yield
    left = []
    for var, was in zip((request_var, app_var), reversed(before), strict=True):
        while (ctx := var.get(None)) is not None and ctx is not was:
            left.append(repr(ctx))
            ctx.pop(None)
    assert not left, f"The test left contexts current: {left}"


@pytest.fixture(autouse=True)
def no_leaked_server() -> Iterator[None]:
    """Fail a test whose server thread goes on without it; lanes end with their server."""
    before = _servers()
    yield
    for thread in _servers() - before:
        thread.join(_ENDING)
        assert not thread.is_alive(), f"The test left {thread.name} running"


def _servers() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "waterspout-server"}
