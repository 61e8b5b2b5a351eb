"""Elastic APM's agent for Tornado: a transaction for each request, an error for what it raises."""

import asyncio
import logging

import elasticapm
from elasticapm.contrib.tornado import ElasticAPM
from tornado_talk import Talk

from tornado.web import Application, RequestHandler

logging.getLogger("tornado").setLevel(logging.CRITICAL)


class Hello(RequestHandler):
    async def get(self):
        async with elasticapm.async_capture_span("within"):
            await asyncio.sleep(0.01)
        elasticapm.set_custom_context({"who": self.get_query_argument("who")})
        self.write("hello")


class Fails(RequestHandler):
    def get(self):
        raise ZeroDivisionError("broken")


async def main():
    application = Application([("/", Hello), ("/fails", Fails)])
    talk = Talk(application)
    application.settings["ELASTIC_APM"] = {
        "SERVICE_NAME": "program",
        "METRICS_INTERVAL": "0s",
        "CENTRAL_CONFIG": "false",
        "CLOUD_PROVIDER": "none",
        "TRANSPORT_CLASS": "apm_events.Kept",
    }
    apm = ElasticAPM(application)
    await asyncio.gather(*(talk.ask("GET", f"/?who={who}") for who in ("ann", "bob")))
    await talk.ask("GET", "/fails")
    talk.stop()
    kept = apm.client._transport.kept
    for kind, data in sorted(kept, key=lambda found: (found[0], str(found[1].get("context")))):
        if kind == "transaction":
            print(kind, data["name"], data["result"], data["context"].get("custom"))
        elif kind == "error":
            print(kind, data["exception"]["type"], data["context"]["request"]["method"])
        elif kind == "span":
            print(kind, data["name"])
    apm.client.close()


asyncio.run(main())
