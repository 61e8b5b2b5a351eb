"""OpenTelemetry's Flask instrumentation: a span for each request, those of its code below it."""

import logging

from flask import Flask
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from traced import KINDS, NUMBERS, add_views, crowd, expected, wait_for


def test_spans_belong_to_their_requests(caplog):
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("program")
    app = Flask("traced")
    FlaskInstrumentor().instrument_app(app, tracer_provider=provider)

    def note(number):
        with tracer.start_as_current_span("note", attributes={"number": number}):
            pass

    add_views(app, note)
    with caplog.at_level(logging.ERROR, logger="opentelemetry"):
        assert crowd(app) == expected()

        def servers():
            return [s for s in exporter.get_finished_spans() if s.kind is SpanKind.SERVER]

        wait_for(lambda: len(servers()) == len(KINDS) * len(NUMBERS))
    by_id = {span.context.span_id: span for span in servers()}
    assert len({span.context.trace_id for span in servers()}) == len(by_id)
    assert all(span.parent is None for span in servers())
    notes = [span for span in exporter.get_finished_spans() if span.name == "note"]
    assert len(notes) == 6 * len(NUMBERS)
    for span in notes:
        target = by_id[span.parent.span_id].attributes["http.target"]
        assert target.endswith(f"/{span.attributes['number']}"), target
    for span in servers():
        failed = span.attributes["http.target"].startswith("/boom/")
        assert (span.status.status_code is StatusCode.ERROR) == failed
    problems = [r.getMessage() for r in caplog.records if r.name.startswith("opentelemetry")]
    assert problems == []
