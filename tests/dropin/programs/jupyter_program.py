"""A Jupyter server: its API, a file, and its end by ``POST /api/shutdown``, which gets its answer.
The directory for its settings and files is the argument. Prints what came of it, as JSON."""

from __future__ import annotations

import json
import os
import sys
import threading
from typing import Any

PLACE = sys.argv[1]
for name in ("HOME", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
    os.environ[name] = PLACE

from jupyter_server.serverapp import ServerApp  # noqa: E402
from tornado.ioloop import IOLoop  # noqa: E402

import tornado.web  # noqa: E402  # Jupyter reads the variables when it is imported

found: dict[str, Any] = {"handlers": tornado.web.RequestHandler.__module__.split(".")[0]}


def talk(port: int) -> None:
    import urllib.error
    import urllib.request

    def ask(path: str, method: str = "GET", data: Any = None, token: str = "t") -> Any:
        headers = {"Authorization": f"token {token}", "Content-Type": "application/json"}
        body = None if data is None else json.dumps(data).encode()
        url = f"http://127.0.0.1:{port}{path}"
        request = urllib.request.Request(url, body, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, ""
        except OSError as error:
            return repr(error), ""

    note = {"type": "file", "format": "text", "content": "hello"}
    found["api"] = ask("/api")[0]
    found["wrong token"] = ask("/api/status", token="x")[0]
    found["put"] = ask("/api/contents/a.txt", "PUT", note)[0]
    found["content"] = json.loads(ask("/api/contents/a.txt")[1])["content"]
    found["file"] = ask("/files/a.txt")
    found["missing"] = ask("/api/contents/none.txt")[0]
    found["sessions"] = ask("/api/sessions")
    found["shutdown"] = ask("/api/shutdown", "POST", {})[0]


app = ServerApp.instance()
options = {"port": 0, "ip": "127.0.0.1", "open_browser": False, "root_dir": PLACE}
arguments = [f"--ServerApp.{name}={value}" for name, value in options.items()]
app.initialize([*arguments, "--IdentityProvider.token=t", "--allow-root", "--log-level=ERROR"])
talkers: list[threading.Thread] = []


def begin() -> None:
    (sock,) = app.http_server._sockets.values()
    talkers.append(threading.Thread(target=talk, args=(sock.getsockname()[1],)))
    talkers[0].start()


IOLoop.current().add_callback(begin)
app.start()
talkers[0].join(30)
print(json.dumps(found))
