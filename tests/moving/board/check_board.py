"""The program's own tests, with Tornado's test case."""

import json

from board import make_app
from tornado.httpclient import HTTPRequest
from tornado.testing import AsyncHTTPTestCase, gen_test
from tornado.websocket import websocket_connect

from tornado.web import create_signed_value


class BoardTest(AsyncHTTPTestCase):
    def get_app(self):
        return make_app()

    def signed_in(self, name="ann"):
        return {
            "Cookie": f"user={create_signed_value('a secret for tests', 'user', name).decode()}"
        }

    def post(self, text, **headers):
        return self.fetch(
            "/api/messages", method="POST", body=json.dumps({"text": text}), headers=headers
        )

    def test_post_and_read(self):
        assert self.post("hello", **self.signed_in()).code == 201
        answer = self.fetch("/api/messages", headers=self.signed_in())
        assert json.loads(answer.body) == {
            "messages": [{"id": 1, "author": "ann", "text": "hello"}],
            "user": "ann",
        }
        assert answer.headers["X-Board"] == "Board"
        page = self.fetch("/").body.decode()
        assert '<p id="m1"><b>ann</b>: hello</p>' in page
        assert 'href="/static/board.css?v=' in page

    def test_errors(self):
        answer = self.fetch("/api/messages", method="POST", body="{}", headers=self.signed_in())
        assert answer.code == 400
        assert json.loads(answer.body) == {"error": "no text", "status": 400}
        assert self.fetch("/login", method="POST", body="name=x").code == 403
        refused = self.fetch("/api/messages", method="POST", body="{}", follow_redirects=False)
        assert (refused.code, refused.headers.get("Location")) == (403, None)

    def test_count(self):
        assert self.fetch("/count").body == b"0\n1\n2\n"

    @gen_test
    async def test_live(self):
        url = self.get_url("/live/kitchen").replace("http", "ws")
        socket = await websocket_connect(HTTPRequest(url))
        assert json.loads(await socket.read_message()) == {"room": "kitchen"}
        await socket.write_message("tea?")
        assert json.loads(await socket.read_message())["text"] == "tea?"
        waiting = self.http_client.fetch(self.get_url("/api/next"))
        await socket.write_message("coffee?")
        assert json.loads(await socket.read_message())["text"] == "coffee?"
        assert json.loads((await waiting).body)["last"][0]["text"] in ("tea?", "coffee?")
        socket.close()
