"""Tornado's demos "tcpecho" and "webspider" under the drop-in: what passes through to the
installed Tornado (streams, TCP servers, queues, the HTTP client) beside what is ours."""

from __future__ import annotations

import socket
from typing import Any

from demos_internet import internet


def test_tcpecho(serve: Any, start: Any) -> None:
    """The demo's server answers the demo's client, and anybody else line by line."""
    demo, port = serve("tcpecho/server.py", pages=False)
    client = ["--host=127.0.0.1", f"--port={port}"]
    said = start("tcpecho/client.py", *client).finish()
    assert "Sent to server: ping" in said
    assert "Response from server: ping" in said
    said = start("tcpecho/client.py", *client, "--message=good morning é").finish()
    assert "Response from server: good morning é" in said
    with socket.create_connection(("127.0.0.1", port), timeout=20) as mine:
        replies = mine.makefile("rb")
        mine.sendall(b"one\ntwo\nthr")
        assert [replies.readline(), replies.readline()] == [b"one\n", b"two\n"]
        mine.sendall(b"ee\n")
        assert replies.readline() == b"three\n"
        replies.close()
    # Whoever leaves is noticed: two clients, this test, and the one that saw the port open.
    demo.wait_for_line("Lost client at host 127.0.0.1", 4)
    assert f"Listening on TCP port {port}" in demo.said


SITE = {
    "": '<a href="one.html#top">1</a> <a href="sub/">below</a> <a href="/elsewhere">out</a>',
    "one.html": '<a href="sub/two.html">2</a> <a href="gone.html">gone</a> <a>no link</a>',
    "sub/": '<a href="../one.html">1</a> <a href="http://elsewhere.example/">out</a>',
    "sub/two.html": "<p>The end. é</p>",
}


def test_webspider(start: Any) -> None:
    """It reads a site to its end: each page once, none outside, dead links counted."""
    base = "http://www.tornadoweb.org/en/stable/"
    asked: list[str] = []

    def answer(method: str, url: str, headers: dict[str, str]) -> tuple[str, str] | None:
        asked.append(url)
        assert headers["User-Agent"].startswith("Tornado/")
        page = SITE.get(url.removeprefix(base))
        return page and ("text/html", page)  # type: ignore[return-value]  # None stays None

    with internet(answer) as port:
        said = start("webspider/webspider.py", ports={80: port}).finish()
    pages = [base + name for name in SITE]
    assert sorted(asked) == sorted([*pages, base + "gone.html"])
    assert sorted(x for x in said.splitlines() if x.startswith("fetched ")) == sorted(
        f"fetched {page}" for page in pages
    )
    assert f"Exception: HTTP 404: Not Found {base}gone.html" in said
    assert "fetched 4 URLs." in said
    assert "Unable to fetch 1 URLS." in said
