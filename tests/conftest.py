"""What every test must leave behind: no current context, no server of ours and no command line that
runs; and what tests of any folder may ask for."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib.metadata import version

import pytest

from waterspout.context.variables import app_var, request_var

# A shell that runs the tests in the background has them ignore these, and so would every program
# that they start: it is for a program to say which signals it ignores.
for _number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
    if signal.getsignal(_number) is signal.SIG_IGN:
        _usual = signal.default_int_handler if _number == signal.SIGINT else signal.SIG_DFL
        signal.signal(_number, _usual)


def pytest_xdist_auto_num_workers() -> int:
    """Run with one process more than there are cores: most tests wait for a server or a clock."""
    return (os.cpu_count() or 1) + 1


#: Seconds for a thread that is ending.
_ENDING = 5.0


@pytest.fixture(scope="session", autouse=True)
def no_control_socket() -> Iterator[None]:
    """Keep the socket of each gunicorn that tests start out of the home directory."""
    with pytest.MonkeyPatch.context() as patch:
        if version("gunicorn") >= "24":
            patch.setenv("GUNICORN_CMD_ARGS", "--no-control-socket")
        yield


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


@pytest.fixture(autouse=True)
def no_running_command_line() -> Iterator[None]:
    """Forget that a test has run a command in this process: its children are no children of one,
    and their `app.run()` serves."""
    yield
    os.environ.pop("FLASK_RUN_FROM_CLI", None)


@pytest.fixture
def reserve() -> Iterator[Callable[[], int]]:
    """Return what gives ports that the system gives to nobody else until the test's end.

    A socket is bound to each that never listens. With SO_REUSEADDR a server, which sets it too, may
    have the same port; whoever asks the system for any port gets another.
    """
    with ExitStack() as holders:

        def reserve_port() -> int:
            holder = holders.enter_context(socket.socket())
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            holder.bind(("127.0.0.1", 0))
            port: int = holder.getsockname()[1]
            return port

        yield reserve_port


def _servers() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "waterspout-server"}
