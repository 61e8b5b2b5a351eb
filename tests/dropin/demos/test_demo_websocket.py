"""Tornado's demo "websocket" under the drop-in: a chat over WebSockets."""

from __future__ import annotations

import json
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.sync.client import ClientConnection, connect


def open_socket(port: int, origin: str | None = None) -> ClientConnection:
    """Open the socket as the page's script does."""
    here = f"127.0.0.1:{port}"
    return connect(
        f"ws://{here}/chatsocket",
        origin=origin or f"http://{here}",  # type: ignore[arg-type]
        proxy=None,
        open_timeout=20,
    )


def test_websocket_page(serve: Any, browse: Any) -> None:
    """The page is rendered, its style sheet and script load, the XSRF cookie is set."""
    _, port = serve("websocket/chatdemo.py")
    ann = browse(port)
    page = ann.visit("/")
    assert "<title>Tornado Chat Demo</title>" in page.text
    assert "_xsrf" in page.forms[0].values
    assert "_xsrf" in ann.client.cookies
    ann.check_assets(page, "chat.css", "chat.js")


def test_websocket_chat(serve: Any, browse: Any) -> None:
    """What one says reaches everybody, compressed; who leaves is forgotten; the page remembers."""
    demo, port = serve("websocket/chatdemo.py")
    with open_socket(port) as ann, open_socket(port) as bob:
        offered = bob.response.headers["Sec-WebSocket-Extensions"]  # type: ignore[union-attr]
        assert "permessage-deflate" in offered
        ann.send(json.dumps({"body": "good <morning> " * 50}))
        heard = [json.loads(person.recv(20)) for person in (ann, bob)]
        assert heard[0] == heard[1]
        assert heard[0]["body"] == "good <morning> " * 50
        assert heard[0]["html"].startswith(f'<div class="message" id="m{heard[0]["id"]}">good &lt;')
        bob.close(1001)
        ann.send(json.dumps({"body": "alone again: é, 中文"}))
        last = json.loads(ann.recv(20))
        assert last["body"] == "alone again: é, 中文"
    demo.wait_for_line("sending message to 2 waiters")
    demo.wait_for_line("sending message to 1 waiters")
    page = browse(port).visit("/")
    assert [f"m{message['id']}" for message in (heard[0], last)] == [
        name for name in page.ids if name.startswith("m") and name not in ("message", "messageform")
    ]


def test_websocket_faults(serve: Any, browse: Any) -> None:
    """A page of another site gets no socket; a message the handler fails on closes its socket."""
    demo, port = serve("websocket/chatdemo.py")
    with pytest.raises(InvalidStatus) as refused, open_socket(port, "http://elsewhere.example"):
        pass
    assert refused.value.response.status_code == 403
    assert browse(port).client.get("/chatsocket").status_code == 400
    with open_socket(port) as ann:
        demo.expect_fault("KeyError: 'body'")
        ann.send("{}")
        with pytest.raises(ConnectionClosedError):
            ann.recv(20)
    with open_socket(port) as bob:
        bob.send(json.dumps({"body": "still here"}))
        assert json.loads(bob.recv(20))["body"] == "still here"
