"""A Tornado program as they are written: options, handlers of both kinds of coroutine, its own
server and loop."""

import tornado.ioloop
from tornado.httpserver import HTTPServer
from tornado.options import define, options, parse_command_line

import tornado.web
from tornado import gen, httpclient, locks

define("port", default=8888, type=int)


class Hello(tornado.web.RequestHandler):
    ready = locks.Event()

    @gen.coroutine
    def get(self):
        yield gen.with_timeout(tornado.ioloop.IOLoop.current().time() + 5, self.ready.wait())
        self.write(f"Hello from {tornado.web.__spec__.name} at {self.get_argument('q', '-')}")


class Relay(tornado.web.RequestHandler):
    async def get(self):
        url = f"http://127.0.0.1:{options.port}/?q=relay"
        response = await httpclient.AsyncHTTPClient().fetch(url)
        self.write(response.body)


class Stop(tornado.web.RequestHandler):
    def get(self):
        self.finish("stopping")
        loop = tornado.ioloop.IOLoop.current()
        loop.add_callback(loop.stop)


def make_app():
    return tornado.web.Application([("/", Hello), ("/relay", Relay), ("/stop", Stop)])


app = make_app()
Hello.ready.set()

if __name__ == "__main__":
    parse_command_line()
    server = HTTPServer(app, xheaders=True)
    server.listen(options.port, address="127.0.0.1")
    tornado.ioloop.IOLoop.current().start()
    print("the loop has stopped")
