"""Views for packages that follow a request by context variables, and a crowd that asks for them."""

import asyncio
import http.client
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

KINDS = ("def", "async", "stream", "boom")
NUMBERS = range(6)


def add_views(app, note):
    """Add the views; each calls `note(number)` where its own code runs."""

    @app.get("/def/<int:number>")
    def plain(number):
        note(number)
        time.sleep(0.01)
        note(number)
        return f"def {number}"

    @app.get("/async/<int:number>")
    async def coroutine(number):
        note(number)
        await asyncio.sleep(0.01)
        note(number)
        return f"async {number}"

    @app.get("/stream/<int:number>")
    def stream(number):
        note(number)
        return (f"{word} {number}" for word in ("stream", ""))

    @app.get("/boom/<int:number>")
    def boom(number):
        note(number)
        raise LookupError(f"boom {number}")


def start(app):
    """Serve the app as `app.run` does; return the port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = {"port": port, "threaded": True, "use_reloader": False}
    threading.Thread(target=app.run, kwargs=options, daemon=True).start()
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return port
        except OSError:
            time.sleep(0.02)


def crowd(app):
    """Ask the app for every view at once; return the statuses."""
    port = start(app)

    def ask(path):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        connection.close()
        return path, response.status

    paths = [f"/{kind}/{number}" for number in NUMBERS for kind in KINDS]
    with ThreadPoolExecutor(8) as pool:
        return dict(pool.map(ask, paths))


def expected():
    """Return the statuses that `crowd` returns."""
    return {
        f"/{kind}/{number}": 500 if kind == "boom" else 200 for number in NUMBERS for kind in KINDS
    }


def wait_for(condition):
    """Wait until what is noted behind the answers is there."""
    deadline = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert condition()
