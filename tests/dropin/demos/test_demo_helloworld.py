"""Tornado's demo "helloworld" under the drop-in."""

from __future__ import annotations

from typing import Any


def test_helloworld(serve: Any, browse: Any) -> None:
    """The page, its ETag, and the log line on the terminal."""
    demo, port = serve("helloworld/helloworld.py")
    client = browse(port).client
    answer = client.get("/")
    assert (answer.status_code, answer.text) == (200, "Hello, world")
    assert answer.headers["Content-Type"] == "text/html; charset=UTF-8"
    assert client.get("/", headers={"If-None-Match": answer.headers["Etag"]}).status_code == 304
    assert client.head("/").status_code == 405
    assert client.get("/nowhere").status_code == 404
    demo.wait_for_line("200 GET / (127.0.0.1)")
    demo.wait_for_line("404 GET /nowhere (127.0.0.1)")
