"""A Tornado program of today: `asyncio.run`, and no `IOLoop` by name."""

import asyncio
import sys

import tornado.web


class Hello(tornado.web.RequestHandler):
    async def get(self):
        await asyncio.sleep(0)
        self.write(f"Hello from {type(self).__mro__[1].__module__}")


async def main():
    app = tornado.web.Application([("/", Hello)])
    app.listen(int(sys.argv[1]), address="127.0.0.1")
    await asyncio.Event().wait()


asyncio.run(main())
