"""Who takes part in the tests of the guestbook: visitors, and the site itself in a process."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from waterspout import App

DEADLINE = 20.0  # seconds for one answer
LISTENING = re.compile(r"http://(127\.0\.0\.1:\d+)")


class Visitor:
    """A browser without a window: keeps cookies, and fills in the form token it was shown."""

    def __init__(self, app: App) -> None:
        self.client = app.test_client()

    def get(self, path: str, **options: Any) -> Any:
        return self.client.get(path, **options)

    def post(self, path: str, **fields: str) -> Any:
        """Send a form with the token of the page, and follow the redirect."""
        return self.client.post(path, data={"csrf": self.token(), **fields}, follow_redirects=True)

    def token(self) -> str:
        found = re.search(r'name="csrf" value="([^"]+)"', self.get("/").text)
        assert found
        return found[1]

    def sign(self, name: str = "Ada", message: str = "Calm sea.", **fields: str) -> int:
        """Write an entry; return its id."""
        answer = self.post("/", name=name, message=message, **fields)
        assert answer.status_code == 200, answer.text
        return int(re.findall(r'id="entry-(\d+)"', answer.text)[0])


class Site:
    """The guestbook as ``waterspout demo`` serves it, in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[str] | None = None
        self.netloc = ""

    @property
    def url(self) -> str:
        return f"http://{self.netloc}"

    def start(self) -> None:
        """Start the command and wait until it says where it listens."""
        command = [sys.executable, "-m", "waterspout", "demo", "--port", "0"]
        self._process = server = subprocess.Popen(
            [*command, "--database", "site.sqlite3"],
            cwd=self._folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert server.stdout
        said = ""
        for line in server.stdout:
            said += line
            if found := LISTENING.search(line):
                self.netloc = found[1]
                return
        server.communicate()
        raise AssertionError(f"The server ended and said:\n{said}")

    def stop(self) -> int:
        """Ask the server to end; return its exit status."""
        server, self._process = self._process, None
        if server is None:
            return 0
        server.terminate()
        try:
            server.communicate(timeout=15)
        except subprocess.TimeoutExpired:
            server.kill()
            server.communicate()
            raise
        return server.returncode

    def connect(self) -> http.client.HTTPConnection:
        """Give a connection to the site; the caller closes it."""
        return http.client.HTTPConnection(self.netloc, timeout=DEADLINE)

    def sign(self, name: str, message: str = "Seen from the pier.\nTwice.") -> int:
        """Write an entry through the API; return its id."""
        with closing(self.connect()) as line:
            body = json.dumps({"name": name, "message": message})
            line.request("POST", "/api/entries", body, {"Content-Type": "application/json"})
            answer = line.getresponse()
            assert answer.status == 201
            return int(json.loads(answer.read())["id"])
