"""sockjs-tornado: its sessions keep a handler for as long as a client listens, and other requests
and timers write to it, by every transport."""

import asyncio
import json

from sockjs.tornado import SockJSConnection, SockJSRouter
from tornado.ioloop import IOLoop
from tornado_talk import LIMIT, Talk, soon

from tornado.web import Application

ended = []


class Echo(SockJSConnection):
    clients = set()

    def on_open(self, info):
        self.clients.add(self)

    def on_message(self, message):
        if message == "later":
            IOLoop.current().call_later(0.02, self.send, "from a timer")
        elif message == "all":
            self.broadcast(self.clients, "to all")
        else:
            self.send(message.upper())

    def on_close(self):
        self.clients.discard(self)
        ended.append(self)


async def polling(talk):
    said = [(await talk.ask("POST", "/echo/000/poll/xhr"))[2]]
    for message in ("hi", "later"):
        listening = asyncio.ensure_future(talk.ask("POST", "/echo/000/poll/xhr"))
        await asyncio.sleep(0.02)
        status, _, _ = await talk.ask(
            "POST", "/echo/000/poll/xhr_send", json.dumps([message]).encode()
        )
        said += [status, (await listening)[2]]
    return said


async def streaming(talk, path, end):
    """A stream gets what another request, and another user's, have said."""
    reader, writer = await talk.open("GET" if "event" in path else "POST", path)
    start = await asyncio.wait_for(reader.readuntil(end), LIMIT)
    session = path.rpartition("/")[0]
    await talk.ask("POST", session + "/xhr_send", b'["hi"]')
    said = [await asyncio.wait_for(reader.readuntil(b'a["HI"]'), LIMIT)]
    await talk.ask("POST", session + "/xhr_send", b'["later"]')
    said.append(await asyncio.wait_for(reader.readuntil(b'a["from a timer"]'), LIMIT))
    writer.close()
    return len(start) > 100, [b"HI" in said[0], b"timer" in said[1]]


async def socket(talk, path):
    client = await talk.socket(path)
    said = []
    if not path.endswith("/echo/websocket"):
        said.append(await client.read_message())
    for message in ("hi", "later", "all"):
        await client.write_message(message if not said else json.dumps([message]))
        said.append(await asyncio.wait_for(client.read_message(), LIMIT))
    client.close()
    return said


async def main():
    router = SockJSRouter(Echo, "/echo", {"disconnect_delay": 1})
    talk = Talk(Application(router.urls))
    status, _, info = await talk.ask("GET", "/echo/info")
    print("info", status, sorted(json.loads(info)))
    print("polling", await polling(talk))
    print("xhr", await streaming(talk, "/echo/000/s1/xhr_streaming", b"o\n"))
    print("events", await streaming(talk, "/echo/000/s2/eventsource", b"data: o"))
    print("socket", await socket(talk, "/echo/000/s3/websocket"))
    print("raw", await socket(talk, "/echo/websocket"))
    await soon(lambda: len(ended) >= 2)
    print("ended", len(ended) >= 2)
    talk.stop()


asyncio.run(main())
