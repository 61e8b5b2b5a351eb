"""sentry-sdk's integration for Tornado: an event for what a handler raises, with its request."""

import asyncio
import logging

import sentry_sdk
from sentry_sdk.integrations.tornado import TornadoIntegration
from tornado_talk import Talk

from tornado import gen
from tornado.web import Application, RequestHandler

logging.getLogger("tornado").setLevel(logging.CRITICAL)
events = []


class Fails(RequestHandler):
    async def get(self):
        sentry_sdk.set_tag("who", self.get_query_argument("who"))
        await asyncio.sleep(0.01)
        raise ZeroDivisionError(self.get_query_argument("who"))

    @gen.coroutine
    def post(self):
        sentry_sdk.set_tag("who", self.get_query_argument("who"))
        yield gen.sleep(0.01)
        raise LookupError(self.get_query_argument("who"))


def note(event, hint):
    events.append(event)


async def main():
    sentry_sdk.init(
        "http://key@127.0.0.1:9/1",
        integrations=[TornadoIntegration()],
        default_integrations=False,
        before_send=note,
        before_send_transaction=note,
        traces_sample_rate=1.0,
    )
    talk = Talk(Application([("/fails", Fails)]))
    await asyncio.gather(
        *(talk.ask("GET", f"/fails?who={who}") for who in ("ann", "bob")),
        *(talk.ask("POST", f"/fails?who={who}") for who in ("cid", "dan")),
    )
    for event in sorted(
        events, key=lambda event: (event.get("type", ""), event["tags"].get("who", ""))
    ):
        error = event.get("exception", {}).get("values", [{}])[-1]
        request = event["request"]
        print(
            event.get("type"),
            event.get("transaction"),
            event["tags"].get("who"),
            error.get("type"),
            error.get("value"),
            request["method"],
            request["query_string"],
        )
    talk.stop()


asyncio.run(main())
