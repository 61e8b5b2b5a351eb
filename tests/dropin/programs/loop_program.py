"""A Tornado program that needs asyncio's own loop: nest_asyncio, a subprocess of Tornado's."""

import asyncio
import sys
import unittest

import nest_asyncio
import tornado.ioloop
import tornado.process
import tornado.testing

import tornado.web

nest_asyncio.apply()


async def answer():
    await asyncio.sleep(0)
    return "nested"


class Nested(tornado.web.RequestHandler):
    async def get(self):
        self.write(asyncio.get_running_loop().run_until_complete(answer()))


class Child(tornado.web.RequestHandler):
    async def get(self):
        child = tornado.process.Subprocess(
            [sys.executable, "-c", "print('child')"], stdout=tornado.process.Subprocess.STREAM
        )
        self.write(await child.stdout.read_until_close())
        self.write(str(await child.wait_for_exit()))


class Flushed(tornado.web.RequestHandler):
    async def get(self):
        self.write("begun")
        await self.flush()
        self.write(asyncio.get_running_loop().run_until_complete(answer()))


class Case(tornado.testing.AsyncHTTPTestCase):
    def get_app(self):
        return tornado.web.Application(
            [("/nested", Nested), ("/child", Child), ("/flushed", Flushed)]
        )

    def test(self):
        assert tornado.web.__spec__.name == "waterspout.tornado.web"
        assert self.fetch("/nested").body == b"nested"
        assert self.fetch("/flushed").body == b"begunnested"
        assert self.fetch("/child").body == b"child\n0"


if __name__ == "__main__":
    unittest.main()
