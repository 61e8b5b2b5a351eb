"""structlog with context variables: what a hook binds is in every line of that request only."""

import structlog
from flask import Flask, request
from structlog.contextvars import bind_contextvars, clear_contextvars, merge_contextvars
from structlog.testing import LogCapture
from traced import KINDS, NUMBERS, add_views, crowd, expected, wait_for


def test_lines_belong_to_their_requests():
    lines = LogCapture()
    structlog.configure(processors=[merge_contextvars, lines])
    log = structlog.get_logger()
    app = Flask("lines")

    @app.before_request
    def bind():
        assert structlog.contextvars.get_contextvars() == {}
        clear_contextvars()
        bind_contextvars(path=request.path)

    @app.after_request
    def after(response):
        log.info("after", seen=request.path)
        return response

    @app.teardown_request
    def end(error):
        log.info("end", seen=request.path)
        clear_contextvars()

    add_views(app, lambda number: log.info("view", seen=request.path))
    assert crowd(app) == expected()
    count = len(KINDS) * len(NUMBERS)
    wait_for(lambda: sum(line["event"] == "end" for line in lines.entries) == count)
    for line in lines.entries:
        assert line.get("path") == line["seen"], line
    assert sum(line["event"] == "after" for line in lines.entries) == count
