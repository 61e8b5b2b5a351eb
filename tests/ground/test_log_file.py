"""`app.logger`: Flask's handlers and texts, and the log file by configuration."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from waterspout import request
from waterspout.flask import Flask
from waterspout.flask.logging import default_handler, has_level_handler, wsgi_errors_stream
from waterspout.log import RequestIdFilter, RotatingLogFile


@pytest.fixture(autouse=True)
def plain_logging(pytestconfig: pytest.Config) -> Iterator[None]:
    """Run without pytest's own handlers, and close what a test leaves on the loggers."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers = []
    plugin = pytestconfig.pluginmanager.unregister(name="logging-plugin")
    yield
    for name in ("shop", "shop.child"):
        logger = logging.getLogger(name)
        for handler in logger.handlers:
            if handler is not default_handler:
                handler.close()
        logger.handlers = []
        logger.setLevel(logging.NOTSET)
        logger.propagate = True
    root.handlers, root.level = handlers, level
    pytestconfig.pluginmanager.register(plugin, "logging-plugin")


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    return Flask("shop", instance_path=str(tmp_path / "instance"))


def log_file(app: Flask) -> Path:
    return Path(app.instance_path, app.config["LOG_FILE"])


def test_logger_has_the_apps_name_and_the_default_handler_i6(app: Flask) -> None:
    assert app.logger.name == "shop"
    assert app.logger.level == logging.NOTSET
    assert app.logger.handlers == [default_handler]


def test_debug_mode_sets_the_level_unless_set_i6(app: Flask) -> None:
    app.debug = True
    assert app.logger.level == logging.DEBUG


def test_log_level_setting_wins_i6(app: Flask) -> None:
    app.debug = True
    app.config["LOG_LEVEL"] = "warning"
    assert app.logger.level == logging.WARNING


def test_logging_set_up_by_the_program_is_left_alone_i6(app: Flask) -> None:
    logging.getLogger().addHandler(logging.StreamHandler())
    assert app.logger.handlers == []


def test_has_level_handler_i6() -> None:
    logger = logging.getLogger("shop.child")
    assert not has_level_handler(logger)
    handler = logging.StreamHandler()
    logging.getLogger().addHandler(handler)
    assert has_level_handler(logger)
    logger.propagate = False
    assert not has_level_handler(logger)
    logger.propagate = True
    handler.setLevel(logging.ERROR)
    assert not has_level_handler(logger)


def test_lines_go_to_the_requests_error_stream_i6(app: Flask) -> None:
    @app.get("/")
    def index() -> str:
        app.logger.error("said")
        return ""

    stream = io.StringIO()
    app.test_client().get("/", errors_stream=stream)
    assert re.search(r"^\[\d{4}-.*\] ERROR in test_log_file: said$", stream.getvalue(), re.M)
    assert wsgi_errors_stream._get_current_object() is sys.stderr
    with app.test_request_context(errors_stream=stream):
        assert wsgi_errors_stream._get_current_object() is stream


def test_unhandled_exceptions_are_logged_i6(app: Flask) -> None:
    @app.get("/")
    def index() -> str:
        raise LookupError("lost")

    stream = io.StringIO()
    assert app.test_client().get("/", errors_stream=stream).status_code == 500
    assert "Exception on / [GET]" in stream.getvalue()
    assert "LookupError: lost" in stream.getvalue()


def test_a_log_file_by_configuration_i6(app: Flask) -> None:
    app.config.update(LOG_FILE="logs/shop.log", LOG_LEVEL="INFO")

    @app.get("/")
    def index() -> str:
        app.logger.info("naïve ☃")
        return ""

    app.logger.debug("not this")
    app.logger.warning("outside")
    app.test_client().get("/", headers={"X-Request-ID": "ab-12"}, errors_stream=io.StringIO())
    lines = log_file(app).read_text(encoding="utf-8").splitlines()
    assert len(lines) == 2
    assert lines[0].endswith("WARNING in test_log_file [-]: outside")
    assert lines[1].endswith("INFO in test_log_file [ab-12]: naïve ☃")
    assert default_handler in app.logger.handlers


def test_two_apps_of_one_name_write_lines_once_i6(app: Flask, tmp_path: Path) -> None:
    other = Flask("shop", instance_path=app.instance_path)
    for each in (app, other):
        each.config["LOG_FILE"] = "shop.log"
        each.logger.warning("once")
    assert len(log_file(app).read_text().splitlines()) == 2


def test_the_file_is_rotated_by_size_i6(app: Flask) -> None:
    app.config.update(LOG_FILE="shop.log", LOG_FILE_MAX_BYTES=400, LOG_FILE_BACKUPS=2)
    for number in range(60):
        app.logger.warning("line %02d", number)
    path = log_file(app)
    files = sorted(path.parent.iterdir())
    assert [file.name for file in files] == ["shop.log", "shop.log.1", "shop.log.2"]
    assert all(0 < file.stat().st_size < 500 for file in files)
    kept = "".join(file.read_text() for file in reversed(files))
    numbers = [int(number) for number in re.findall(r"line (\d\d)", kept)]
    assert numbers == list(range(numbers[0], 60))


def test_no_backups_means_an_empty_file_again_i6(tmp_path: Path) -> None:
    handler = RotatingLogFile(str(tmp_path / "a.log"), max_bytes=50, backups=0)
    for number in range(20):
        handler.emit(logging.LogRecord("n", 20, "p", 1, f"line {number:02}", (), None))
    handler.close()
    assert [file.name for file in tmp_path.iterdir()] == ["a.log"]
    assert (tmp_path / "a.log").read_text().endswith("line 19\n")


def test_a_file_that_was_moved_away_is_opened_anew_i6(app: Flask) -> None:
    app.config["LOG_FILE"] = "shop.log"
    app.logger.warning("before")
    path = log_file(app)
    path.rename(path.with_suffix(".old"))
    app.logger.warning("after")
    assert "before" in path.with_suffix(".old").read_text()
    assert "before" not in path.read_text()
    assert "after" in path.read_text()


WRITER = """
import logging, os, sys
from waterspout.log import RotatingLogFile

logger = logging.getLogger("w")
logger.addHandler(RotatingLogFile(sys.argv[1], max_bytes=4000, backups=100))
if sys.argv[3] == "fork":
    logger.warning("start")   # the children share the open file
    os.fork()
for number in range(500):
    logger.warning("%s:%s:%d", sys.argv[2], os.getpid(), number)
if sys.argv[3] == "fork":
    try:
        os.wait()
    except ChildProcessError:
        pass
"""


@pytest.mark.skipif(sys.platform == "win32", reason="rotation across processes needs fcntl")
@pytest.mark.parametrize("how", ["spawn", "fork"])
def test_several_workers_rotate_one_file_without_losing_a_line_i6(tmp_path: Path, how: str) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path / "w.log"), name, how])
        for name in "abc"
    ]
    assert [writer.wait(timeout=50) for writer in writers] == [0, 0, 0]
    lines = "".join(file.read_text() for file in tmp_path.iterdir()).split()
    lines = [line for line in lines if line != "start"]
    assert len(lines) == len(set(lines)) == (1500 if how == "spawn" else 3000)
    assert len(list(tmp_path.iterdir())) > 3


def test_request_ids_come_from_the_program_or_a_plain_header_i6(app: Flask) -> None:
    def id_of(**headers: str) -> str:
        with app.test_request_context(headers=headers):
            record = logging.LogRecord("n", 20, "p", 1, "m", (), None)
            assert RequestIdFilter().filter(record)
            return str(record.__dict__["request_id"])

    assert id_of() == "-"
    assert id_of(**{"X-Request-ID": "00-4bf92f:1"}) == "00-4bf92f:1"
    assert id_of(**{"X-Request-ID": "forged] root: all is well ["}) == "-"
    assert id_of(**{"X-Request-ID": "x" * 200}) == "-"
    record = logging.LogRecord("n", 20, "p", 1, "m", (), None)
    with app.test_request_context(headers={"X-Request-ID": "theirs"}):
        request.request_id = "ours"  # type: ignore[attr-defined]  # programs set what they like
        RequestIdFilter().filter(record)
        assert record.__dict__["request_id"] == "ours"
        RequestIdFilter(lambda request: request.method).filter(record)
        assert record.__dict__["request_id"] == "GET"


def test_a_full_disk_does_not_break_the_program_i6(
    app: Flask, capsys: pytest.CaptureFixture[str]
) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("needs /dev/full")
    handler = RotatingLogFile("/dev/full", max_bytes=10, backups=1)
    handler.emit(logging.LogRecord("n", 20, "p", 1, "lost", (), None))
    assert "No space left" in capsys.readouterr().err
    with contextlib.suppress(OSError):  # what is left in its buffer cannot be written either
        handler.close()
