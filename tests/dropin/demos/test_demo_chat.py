"""Tornado's demo "chat" under the drop-in: long polling."""

from __future__ import annotations

import json
import select
import socket
from http.client import HTTPResponse
from typing import Any
from urllib.parse import urlencode

from demos_browser import Browser


class Poller:
    """A poll of the page's script that is on its way, on a connection of its own."""

    def __init__(self, browser: Browser, port: int, **form: str) -> None:
        jar = browser.client.cookies
        body = urlencode({"_xsrf": jar["_xsrf"], **form})
        head = (
            "POST /a/message/updates HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            "Content-Type: application/x-www-form-urlencoded\r\n"
            f"Cookie: _xsrf={jar['_xsrf']}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.socket.sendall((head + body).encode())

    def waits(self) -> bool:
        """Tell whether nothing has come yet."""
        return not select.select([self.socket], [], [], 0)[0]

    def messages(self) -> list[dict[str, str]]:
        """Wait for the answer."""
        answer = HTTPResponse(self.socket, method="POST")
        answer.begin()
        found: list[dict[str, str]] = json.load(answer)["messages"]
        self.socket.close()
        return found


def test_chat_page(serve: Any, browse: Any) -> None:
    """The page is rendered, its style sheet and script load, its form carries a token."""
    _, port = serve("chat/chatdemo.py")
    ann = browse(port)
    page = ann.visit("/")
    assert "<title>Tornado Chat Demo</title>" in page.text
    ann.check_assets(page, "chat.css", "chat.js")
    ann.check_xsrf(page)
    # Without scripts the form works as well: it redirects to the page, which has the message.
    page = ann.submit(page, body="See http://example.com/ & <me>")
    assert (page.status, page.path) == (200, "/")
    assert [i for i in page.ids if i not in ("body", "inbox", "input", "messageform", "message")]
    assert '<a href="http://example.com/">http://example.com/</a> &amp; &lt;me&gt;' in page.text


def test_chat_wakes_who_waits(serve: Any, browse: Any) -> None:
    """Two people: each poll waits until somebody says something, and brings only what is new."""
    _, port = serve("chat/chatdemo.py")
    ann, bob = browse(port), browse(port)
    ann.visit("/")
    bob.visit("/")

    def say(browser: Browser, body: str) -> dict[str, str]:
        token = browser.client.cookies["_xsrf"]
        answer = browser.client.post("/a/message/new", data={"body": body, "_xsrf": token})
        assert answer.headers["Content-Type"].startswith("application/json")
        said: dict[str, str] = answer.json()
        return said

    polls = [Poller(ann, port), Poller(bob, port)]
    bob.visit("/")  # a whole request and answer, so the polls have arrived
    assert all(poll.waits() for poll in polls)
    first = say(ann, "good morning")
    assert f'id="m{first["id"]}"' in first["html"]
    assert [poll.messages() for poll in polls] == [[first], [first]]

    poll = Poller(bob, port, cursor=first["id"])
    ann.visit("/")
    assert poll.waits()
    second = say(ann, "anybody there?")
    assert poll.messages() == [second]
    assert Poller(ann, port).messages() == [first, second]
    assert [m["body"] for m in (first, second) if m["html"] in bob.visit("/").text] == [
        "good morning",
        "anybody there?",
    ]


def test_chat_forgets_who_leaves(serve: Any, browse: Any) -> None:
    """A client that goes away while it waits: its handler hears of it, the others go on."""
    demo, port = serve("chat/chatdemo.py")
    ann = browse(port)
    ann.visit("/")
    gone, stays = Poller(ann, port), Poller(ann, port)
    ann.visit("/")
    gone.socket.close()
    line = "200 POST /a/message/updates"
    demo.wait_for_line(line)  # it has ended, though nobody gets the answer
    assert stays.waits()
    token = ann.client.cookies["_xsrf"]
    said = ann.client.post("/a/message/new", data={"body": "hello", "_xsrf": token}).json()
    assert stays.messages() == [said]
    demo.wait_for_line(line, 2)
