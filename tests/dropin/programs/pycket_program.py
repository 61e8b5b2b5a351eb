"""pycket: a mixin behind RequestHandler whose `session` is in Redis (the port is an argument)."""

import asyncio
import sys

from pycket.session import SessionMixin
from tornado_talk import Talk

from tornado.web import Application, RequestHandler


class Base(RequestHandler, SessionMixin):
    def get_current_user(self):
        return self.session.get("user")


class Login(Base):
    def post(self):
        self.session.set("user", self.get_query_argument("name"))
        self.write("in")


class Hello(Base):
    async def get(self):
        await asyncio.sleep(0)
        self.write(f"{self.current_user} {type(self.session).__module__}")


async def main():
    storage = {"host": "127.0.0.1", "port": int(sys.argv[1])}
    settings = {"engine": "redis", "storage": storage}
    talk = Talk(
        Application([("/login", Login), ("/", Hello)], cookie_secret="unguessable", pycket=settings)
    )
    cookies = {}
    for name in ("ann", "bob"):
        _, head, _ = await talk.ask("POST", f"/login?name={name}")
        cookies[name] = head.partition("Set-Cookie: ")[2].partition(";")[0]
    for name in ("ann", "bob"):
        status, _, body = await talk.ask("GET", "/", headers=f"Cookie: {cookies[name]}\r\n")
        print(name, status, body)
    talk.stop()


asyncio.run(main())
