"""A message board: a Tornado program as people write them."""

import asyncio
import json
import os
import signal
from datetime import timedelta

from tornado.ioloop import PeriodicCallback
from tornado.locks import Condition
from tornado.log import app_log
from tornado.options import define, options, parse_command_line
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from tornado import gen
from tornado.web import (
    Application,
    HTTPError,
    RequestHandler,
    UIModule,
    authenticated,
    removeslash,
)

define("port", default=8888, help="where to listen", type=int)
define("title", default="Board", help="what stands on top")
HERE = os.path.dirname(os.path.abspath(__file__))


class Board:
    """The messages, and who waits for the next one."""

    def __init__(self):
        self.messages = []
        self.more = Condition()
        self.sockets = set()
        self.beats = 0

    def add(self, author, text):
        message = {"id": len(self.messages) + 1, "author": author, "text": text}
        self.messages.append(message)
        self.more.notify_all()
        for socket in list(self.sockets):
            try:
                socket.write_message(message)
            except WebSocketClosedError:
                self.sockets.discard(socket)
        return message

    def beat(self):
        self.beats += 1


class Base(RequestHandler):
    @property
    def board(self):
        return self.application.board

    def get_current_user(self):
        name = self.get_signed_cookie("user")
        return name.decode() if name else None

    def set_default_headers(self):
        self.set_header("X-Board", options.title)

    def write_error(self, status_code, **kwargs):
        if self.request.path.startswith("/api/"):
            self.set_header("Content-Type", "application/json")
            self.finish(json.dumps({"error": self._reason, "status": status_code}))
        else:
            super().write_error(status_code, **kwargs)


class Home(Base):
    def get(self):
        self.render("home.html", messages=self.board.messages, title=options.title)


class Login(Base):
    def get(self):
        self.write(f'<form method="post">{self.xsrf_form_html()}<input name="name"></form>')

    def post(self):
        self.set_signed_cookie("user", self.get_body_argument("name"))
        self.redirect(self.get_query_argument("next", "/"))


class Messages(Base):
    @removeslash
    def get(self):
        after = int(self.get_query_argument("after", "0"))
        self.write({"messages": self.board.messages[after:], "user": self.current_user})

    @authenticated
    def post(self):
        try:
            text = json.loads(self.request.body)["text"]
        except (ValueError, KeyError):
            raise HTTPError(400, reason="no text") from None
        self.set_status(201)
        self.write(self.board.add(self.current_user, text))

    def check_xsrf_cookie(self):
        pass  # JSON, which no form sends


class Next(Base):
    @gen.coroutine
    def get(self):
        """Wait for the next message, at most a second."""
        came = yield self.board.more.wait(timeout=timedelta(seconds=1))
        self.write({"came": came, "last": self.board.messages[-1:]})


class Count(Base):
    async def get(self):
        for number in range(3):
            self.write(f"{number}\n")
            await self.flush()
            await gen.sleep(0.01)

    def on_finish(self):
        app_log.debug("counted")


class Live(WebSocketHandler):
    def open(self, room):
        self.room = room
        self.application.board.sockets.add(self)
        self.write_message({"room": room})

    async def on_message(self, message):
        await gen.sleep(0)
        self.application.board.add(self.room, message)

    def on_close(self):
        self.application.board.sockets.discard(self)


class Beats(Base):
    def get(self):
        self.write(str(self.board.beats))


class Entry(UIModule):
    def render(self, message):
        return self.render_string("entry.html", message=message)

    def css_files(self):
        return "board.css"


def make_app(**settings):
    app = Application(
        [
            (r"/", Home),
            (r"/login", Login),
            (r"/api/messages/?", Messages),
            (r"/api/next", Next),
            (r"/count", Count),
            (r"/live/(\w+)", Live),
            (r"/beats", Beats),
        ],
        template_path=HERE,
        static_path=os.path.join(HERE, "static"),
        ui_modules={"Entry": Entry},
        cookie_secret="a secret for tests",
        login_url="/login",
        xsrf_cookies=True,
        **settings,
    )
    app.board = Board()
    return app


async def main():
    parse_command_line()
    app = make_app()
    server = app.listen(options.port, "127.0.0.1")
    PeriodicCallback(app.board.beat, 10).start()
    port = next(iter(server._sockets.values())).getsockname()[1]
    print(f"Board on http://127.0.0.1:{port}", flush=True)
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    await stopped.wait()
    server.stop()


if __name__ == "__main__":
    asyncio.run(main())
