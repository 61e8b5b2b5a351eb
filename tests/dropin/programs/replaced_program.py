"""Puts another function in the place of every method of Tornado's classes, one after the other,
while the program serves, and says which of them are called: on the class, and on an object."""

import asyncio
import functools
import inspect
import logging
import os
import tempfile

from tornado.websocket import websocket_connect
from tornado_talk import LIMIT, Talk

from tornado import httpserver, routing, web, websocket

logging.getLogger("tornado").setLevel(logging.CRITICAL)
called = set()
on_handler = None  # the name of a method that each handler replaces on itself
folder = tempfile.mkdtemp()


def noting(key, function):
    @functools.wraps(function)
    def noted(*args, **kwargs):
        called.add(key)
        return function(*args, **kwargs)

    return noted


class Base(web.RequestHandler):
    def prepare(self):
        if on_handler and not isinstance(getattr(type(self), on_handler, None), property):
            method = getattr(self, on_handler)
            setattr(self, on_handler, noting(("handler", on_handler), method))


class Plain(Base):
    def get(self):
        self.write("plain")

    def head(self):
        self.write("plain")

    def post(self):
        self.write({"name": self.get_argument("name"), "body": self.get_body_argument("name")})


class Page(Base):
    async def get(self):
        await asyncio.sleep(0)
        self.set_cookie("a", "b")
        self.set_signed_cookie("signed", "b")
        self.clear_cookie("c")
        self.add_header("X-A", "b")
        self.clear_header("X-B")
        self.render("page.html", name=self.get_query_argument("name"), user=self.current_user)


class Streams(Base):
    async def get(self):
        self.write("a")
        await self.flush()
        self.write("b")


class Moves(Base):
    def get(self):
        self.redirect(self.reverse_url("plain"))


class Fails(Base):
    def get(self):
        raise LookupError


class Part(web.UIModule):
    def render(self):
        return "part"


@web.stream_request_body
class Upload(Base):
    def data_received(self, chunk):
        pass

    def put(self):
        self.write("taken")


class Files(web.StaticFileHandler):
    pass


class Echo(websocket.WebSocketHandler):
    def on_message(self, message):
        self.ping(b"a")
        self.write_message(message)


class Server(httpserver.HTTPServer):
    pass


def make():
    with open(os.path.join(folder, "page.html"), "w") as file:
        file.write(
            "<html><head></head><body>{{ name }}{% module Part() %}{{ static_url('page.html') }}"
            "{% raw xsrf_form_html() %}</body></html>"
        )
    return web.Application(
        [
            web.url("/", Plain, name="plain"),
            ("/page", Page),
            ("/streams", Streams),
            ("/moves", Moves),
            ("/fails", Fails),
            ("/upload", Upload),
            ("/files/(.*)", Files, {"path": folder}),
            ("/echo", Echo),
        ],
        cookie_secret="unguessable",
        template_path=folder,
        static_path=folder,
        ui_modules={"Part": Part},
    )


async def use(talk):
    """Do what visitors do."""
    await talk.ask("GET", "/")
    await talk.ask("HEAD", "/")
    await talk.ask("POST", "/", b"name=a", "Content-Type: application/x-www-form-urlencoded\r\n")
    await talk.ask("GET", "/page?name=a")
    await talk.ask("GET", "/streams")
    await talk.ask("GET", "/moves")
    await talk.ask("GET", "/fails")
    await talk.ask("GET", "/none")
    await talk.ask("PUT", "/upload", b"body")
    _, head, _ = await talk.ask("GET", "/files/page.html", headers="Range: bytes=0-3\r\n")
    tag = head.partition("Etag: ")[2].partition("\r\n")[0]
    await talk.ask("GET", "/files/page.html", headers=f"If-None-Match: {tag}\r\n")
    await talk.ask("GET", "/files/page.html")
    client = await websocket_connect(f"ws://127.0.0.1:{talk.port}/echo")
    await client.write_message("a")
    await asyncio.wait_for(client.read_message(), LIMIT)
    client.close()
    await asyncio.wait_for(client.read_message(), LIMIT)
    await asyncio.sleep(0.01)


CLASSES = (
    *(web.RequestHandler, websocket.WebSocketHandler, web.Application, web.UIModule),
    *(httpserver.HTTPServer, web.StaticFileHandler, routing.Router, routing.RuleRouter),
    *(routing.ReversibleRuleRouter, routing.PathMatches),
)


def methods_of(kind):
    """Return the names of what a class has of its own, or of bases that programs do not see."""
    bases = [kind, *(base for base in kind.__mro__ if base.__name__ == "Arguments")]
    return sorted({name for base in bases for name in vars(base) if not name.startswith("__")})


def replace(kind, name):
    """Put a noting function in the place of a method; return what puts it back, if it is one."""
    shipped = inspect.getattr_static(kind, name)
    key = (kind.__name__, name)
    if isinstance(shipped, (classmethod, staticmethod)):
        setattr(kind, name, type(shipped)(noting(key, shipped.__func__)))
    elif isinstance(shipped, property):
        setattr(kind, name, property(noting(key, shipped.fget), shipped.fset))
    elif callable(shipped) and not isinstance(shipped, type):
        setattr(kind, name, noting(key, shipped))
    else:
        return None
    return lambda: setattr(kind, name, shipped)


async def main():
    global on_handler
    application = make()
    talk = Talk(application)
    server = talk.server
    await use(talk)
    for kind in CLASSES:
        for name in methods_of(kind):
            undo = replace(kind, name)
            if undo is not None:
                await use(talk)
                undo()
    for name in methods_of(web.RequestHandler):
        if callable(inspect.getattr_static(web.RequestHandler, name)):
            on_handler = name
            await use(talk)
    on_handler = None
    for label, thing in (("application", application), ("server", server)):
        for name in ("find_handler", "start_request", "get_handler_delegate", "log_request"):
            if hasattr(thing, name):
                setattr(thing, name, noting((label, name), getattr(thing, name)))
                await use(talk)
                delattr(thing, name)
    server.request_callback = make()
    seen = set()
    server.request_callback.settings["log_function"] = lambda handler: seen.add("exchanged")
    await use(talk)
    rule = server.request_callback.wildcard_router.rules[-2]
    rule.matcher = routing.PathMatches("/moved/(.*)")
    seen.add(("rule", (await talk.ask("GET", "/moved/page.html"))[0]))
    rule = server.request_callback.wildcard_router.rules[3]
    rule.target = Streams
    seen.add(("target", (await talk.ask("GET", "/"))[2]))
    for key in sorted(called):
        print(*key)
    for key in sorted(map(str, seen)):
        print(key)
    talk.stop()


asyncio.run(main())
