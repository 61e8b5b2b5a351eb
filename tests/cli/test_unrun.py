"""A program whose own ``main()`` starts things is told that a server does not call it."""

from __future__ import annotations

from pathlib import Path

import pytest

from waterspout.cli.main_guard import warn_of_unrun_main

PROGRAM = """
import asyncio
from tornado.ioloop import IOLoop, PeriodicCallback
from tornado.web import Application

def make_app():
    return Application()

def helper():
    {started}

async def main():
    make_app().listen(8888)
    helper()
    await asyncio.Event().wait()

{called}
"""
GUARD = 'if __name__ == "__main__":\n    '
RUN = GUARD + "asyncio.run(main())"
TICK = "PeriodicCallback(print, 1000).start()"


@pytest.mark.parametrize(
    ("started", "called", "said"),
    [
        (TICK, RUN, "PeriodicCallback"),
        ("io_loop.spawn_callback(print)", GUARD + "io_loop.run_sync(main)", "spawn_callback"),
        ("threading.Thread(target=print).start()", GUARD + "helper()", "Thread"),
        ("pass", RUN, None),
        (TICK, "", None),  # called by nobody, or by itself
        ("PeriodicCallback(print, 1).start()  # on_startup", RUN, None),
        ("(", RUN, None),  # the import will tell
    ],
)
def test_what_main_starts(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    started: str,
    called: str,
    said: str | None,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("hello.py").write_text(PROGRAM.format(started=started, called=called))
    for module in ("hello", "hello.py"):
        caplog.clear()
        warn_of_unrun_main(module)
        if said is None:
            assert caplog.messages == []
        else:
            [message] = caplog.messages
            assert message.startswith(f"hello.py:10 starts {said} in helper()")
            assert "on_startup" in message


def test_a_module_that_is_not_there(caplog: pytest.LogCaptureFixture) -> None:
    warn_of_unrun_main("nowhere.at.all")
    assert caplog.messages == []
