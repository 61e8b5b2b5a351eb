"""Run the Autobahn TestSuite, a fuzzing WebSocket client, against our server.

    python scripts/autobahn.py                          # all 517 cases, about 13 minutes
    python scripts/autobahn.py --cases '1.*' '2.*'      # some of them
    python scripts/autobahn.py --endpoint handler       # Tornado's way of writing

The suite runs on Python 2.7 (``--python2``, by default pyenv's), in an environment that is made
once in ``--cache``. The exit status is 0 if no case failed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from waterspout import App
from waterspout.server import Server, ServerSettings

#: The last release, and the last virtualenv that makes environments of Python 2.7.
SUITE = "autobahntestsuite==25.10.1"
VIRTUALENV = "virtualenv==20.21.1"
#: What is not a failure: the suite's own words.
FINE = ("OK", "NON-STRICT", "INFORMATIONAL", "UNIMPLEMENTED")
MAX_MESSAGE = 16 * 1024 * 1024


def function_app() -> App:
    """Return an application whose WebSocket function echoes."""
    app = App("autobahn", static_folder=None)

    @app.websocket("/", max_message_size=MAX_MESSAGE, ping_interval=None)
    async def echo(ws: Any) -> None:
        async for message in ws:
            await ws.send(message)

    return app


def handler_app() -> Any:
    """Return an application whose WebSocketHandler echoes."""
    from waterspout.tornado.core_adapter import app_of
    from waterspout.tornado.web import Application
    from waterspout.tornado.websocket import WebSocketHandler

    class Echo(WebSocketHandler):
        def on_message(self, message: str | bytes) -> None:
            self.write_message(message, binary=isinstance(message, bytes))

        def get_compression_options(self) -> dict[str, Any]:
            return {}

    return app_of(Application([("/", Echo)], websocket_max_message_size=MAX_MESSAGE))


ENDPOINTS: dict[str, Callable[[], Any]] = {"function": function_app, "handler": handler_app}


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """Serve in a thread, as a program is served, and give the WebSocket URL."""
    import asyncio

    import uvloop

    started: list[Server] = []
    ready = threading.Event()

    def note(server: Server) -> None:
        started.append(server)
        ready.set()

    def run() -> None:
        uvloop.run(Server(app, ServerSettings(port=0)).serve(note))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        if not ready.wait(30):
            raise SystemExit("The server did not start.")
        yield started[0].urls[0].replace("http", "ws", 1)
    finally:
        if started:
            asyncio.run_coroutine_threadsafe(_stop(started[0]), started[0].loop)
        thread.join()


async def _stop(server: Server) -> None:
    server.request_stop()


def wstest(cache: Path, python2: str) -> str:
    """Return the suite's program; install it first if need be."""
    program = cache / "py27" / "bin" / "wstest"
    if not program.exists():
        cache.mkdir(parents=True, exist_ok=True)
        tools = cache / "tools"
        subprocess.run([sys.executable, "-m", "venv", tools], check=True)
        subprocess.run([tools / "bin" / "pip", "install", "-q", VIRTUALENV], check=True)
        virtualenv = [tools / "bin" / "virtualenv", "-q", "-p", python2, cache / "py27"]
        subprocess.run(virtualenv, check=True)
        subprocess.run([cache / "py27" / "bin" / "pip", "install", "-q", SUITE], check=True)
    return str(program)


def run_suite(program: str, url: str, cases: list[str], work: Path) -> dict[str, Any]:
    """Run the fuzzing client and return its index of results, by case."""
    spec = {
        "outdir": str(work / "reports"),
        "servers": [{"agent": "waterspout", "url": url}],
        "cases": cases,
        "exclude-cases": [],
        "exclude-agent-cases": {},
    }
    (work / "spec.json").write_text(json.dumps(spec))
    log = work / "wstest.log"
    with log.open("wb") as out:
        subprocess.run(
            [program, "-m", "fuzzingclient", "-s", str(work / "spec.json")],
            cwd=work,
            stdout=out,
            stderr=subprocess.STDOUT,
            check=False,
        )
    index = work / "reports" / "index.json"
    if not index.exists():
        raise SystemExit(f"The suite made no report:\n{log.read_text()[-2000:]}")
    results: dict[str, Any] = json.loads(index.read_text())["waterspout"]
    return results


def report(results: dict[str, Any]) -> int:
    """Print the results by group, and each case that is not fine; return how many those are."""
    groups: dict[int, Counter[str]] = {}
    bad = []
    for case, result in results.items():
        groups.setdefault(int(case.split(".")[0]), Counter())[result["behavior"]] += 1
        if result["behavior"] not in FINE or result["behaviorClose"] not in FINE:
            bad.append((case, result["behavior"], result["behaviorClose"]))
    for group in sorted(groups):
        print(f"{group:>4}.*  ", ", ".join(f"{n} {what}" for what, n in groups[group].items()))
    for case, behavior, closing in sorted(bad):
        print(f"FAILED {case}: {behavior}, closing {closing}")
    print(f"{len(results)} cases, {len(bad)} failed")
    return len(bad)


def main() -> int:
    """Run the suite as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    home = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    parser.add_argument("--cache", type=Path, default=Path(home, "waterspout", "autobahn"))
    pyenv = "~/.pyenv/versions/2.7.18/bin/python2.7"
    parser.add_argument("--python2", default=os.path.expanduser(pyenv))
    parser.add_argument("--endpoint", choices=sorted(ENDPOINTS), default="function")
    parser.add_argument("--cases", nargs="+", default=["*"])
    parser.add_argument("--reports", type=Path, help="keep the suite's reports in this folder")
    options = parser.parse_args()
    program = wstest(options.cache.expanduser(), options.python2)
    with tempfile.TemporaryDirectory() as scratch, serving(ENDPOINTS[options.endpoint]()) as url:
        work = options.reports or Path(scratch)
        work.mkdir(parents=True, exist_ok=True)
        results = run_suite(program, url, options.cases, work.resolve())
    return 1 if report(results) else 0


if __name__ == "__main__":
    raise SystemExit(main())
