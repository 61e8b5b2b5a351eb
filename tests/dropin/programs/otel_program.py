"""OpenTelemetry's instrumentation of Tornado: a span for each request, with its status."""

import asyncio
import logging

from opentelemetry import trace
from opentelemetry.instrumentation.tornado import TornadoInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tornado_talk import Talk

from tornado.web import Application, HTTPError, RequestHandler

logging.getLogger("tornado").setLevel(logging.CRITICAL)


class Hello(RequestHandler):
    def get(self):
        self.write("hello")


class Waits(RequestHandler):
    async def get(self):
        with trace.get_tracer("program").start_as_current_span("within"):
            await asyncio.sleep(0.01)
        self.write("waited")


class Fails(RequestHandler):
    async def get(self):
        await asyncio.sleep(0)
        raise ZeroDivisionError("broken")


class Refuses(RequestHandler):
    def get(self):
        raise HTTPError(403)


async def main():
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    trace.set_tracer_provider(provider)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    TornadoInstrumentor().instrument(tracer_provider=provider)
    talk = Talk(Application([("/", Hello), ("/waits", Waits), ("/fails", Fails), ("/no", Refuses)]))
    for path in ("/", "/waits", "/fails", "/no", "/none"):
        status, _, _ = await talk.ask("GET", path)
        spans = exporter.get_finished_spans()
        exporter.clear()
        for span in spans:
            seen = dict(span.attributes)
            print(
                path,
                status,
                span.name,
                span.kind.name,
                seen.get("http.status_code", seen.get("http.response.status_code")),
                span.status.status_code.name,
                "child" if span.parent else "root",
            )
    TornadoInstrumentor().uninstrument()
    await talk.ask("GET", "/")
    print("left", len(exporter.get_finished_spans()))
    talk.stop()


asyncio.run(main())
