"""A demo as a process of its own, unmodified, under the drop-in.

`DEMOS_ON=tornado` in the environment runs the same tests on the installed Tornado instead: what is
asked here of Waterspout is what Tornado does.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
SECONDS = 20  # the longest that a demo may take to start, or anything it does
ON_TORNADO = os.environ.get("DEMOS_ON") == "tornado"

_PATHS = (HERE / "surroundings", HERE.parents[2] / "src")
_IMPORT_LINE = re.compile(r"^import time:.*\| +(.+)\n", re.MULTILINE)


class Demo:
    """One running program of the demos.

    Its output goes to a file. `end` fails for a traceback that no `expect_fault` announced.

    :param launcher: a file in `surroundings/` that imports the program and calls it.
    :param ports: port that the program has written down → port on this machine.
    :param variables: more for the environment.
    """

    def __init__(
        self,
        program: Path,
        log: Path,
        *arguments: str,
        launcher: str | None = None,
        ports: dict[int, int] | None = None,
        **variables: str,
    ) -> None:
        self.program = program
        self._log = log
        self._faults: list[str] = []
        self._ended = False
        clean = {
            k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "WATERSPOUT_"))
        }
        clean["DEMO_PORTS"] = json.dumps(ports or {})
        paths = [*map(str, _PATHS), clean.get("PYTHONPATH", "")]
        if launcher is not None:
            paths.append(str(program.parent))
        clean["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        path = program.name if launcher is None else str(HERE / "surroundings" / launcher)
        dropin = [] if ON_TORNADO else ["-m", "waterspout.dropin"]
        with log.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-u", "-X", "importtime", *dropin, path, *arguments],
                cwd=program.parent,
                env={**clean, **variables},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def said(self) -> str:
        """What the program has written so far."""
        return _IMPORT_LINE.sub("", self._log.read_text(errors="replace"))

    @property
    def imported(self) -> set[str]:
        """The modules that the program has loaded so far."""
        return set(_IMPORT_LINE.findall(self._log.read_text(errors="replace")))

    def wait_for(self, holds: Callable[[], bool], what: str) -> None:
        """Wait until *holds*; fail when the program ends before."""
        deadline = time.monotonic() + SECONDS
        while not holds():
            assert self.process.poll() is None, f"It ended before {what}:\n{self.said}"
            assert time.monotonic() < deadline, f"No {what} in {SECONDS} seconds:\n{self.said}"
            time.sleep(0.02)

    def wait_for_line(self, line: str, times: int = 1) -> None:
        """Wait until *line* has been written so many times; an answer may come before its line."""
        self.wait_for(lambda: self.said.count(line) == times, f"{line!r}, {times} times")

    def wait_for_port(self, port: int) -> None:
        """Wait until somebody listens on *port*."""

        def accepts() -> bool:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=SECONDS).close()
            except ConnectionRefusedError:
                return False
            return True

        self.wait_for(accepts, f"server on port {port}")

    def expect_fault(self, *ends: str) -> None:
        """Announce tracebacks by their last lines: faults of the demo, which it has anywhere."""
        self._faults += ends

    def finish(self) -> str:
        """Wait for a program that ends by itself; return what it has said."""
        self._ended = True
        try:
            assert self.process.wait(SECONDS) == 0, self.said
        finally:
            self.process.kill()
        self._check()
        return self.said

    def end(self) -> None:
        """End a server, unless `finish` has been called."""
        if self._ended:
            return
        print(self.said)  # which pytest shows if the test fails
        assert self.process.poll() is None, "It has ended by itself."
        try:
            self.process.terminate()
            self.process.wait(SECONDS)
        finally:
            self.process.kill()
        self._check()

    def _check(self) -> None:
        said = self.said
        assert sorted(traceback_ends(said)) == sorted(self._faults), said


def traceback_ends(text: str) -> list[str]:
    """Return the last line of each traceback, which may be indented as in Tornado's log, without
    what Python guesses (a name that was meant, since 3.10)."""
    ends = []
    lines = iter(text.splitlines())
    for line in lines:
        depth = line.find("Traceback (most recent call last)")
        if depth >= 0 and not line[:depth].strip():
            last = next(x.strip() for x in lines if not x[depth : depth + 1].isspace())
            ends.append(last.partition(". Did you mean")[0])
    return ends
