"""``waterspout.tornado.log``: the format of log lines, and the logging options."""

from __future__ import annotations

import io
import logging
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from waterspout.tornado.log import (
    LogFormatter,
    access_log,
    app_log,
    define_logging_options,
    enable_pretty_logging,
    gen_log,
)
from waterspout.tornado.options import OptionParser


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    logger = logging.Logger("test", logging.INFO)
    yield logger
    for handler in logger.handlers:
        handler.close()


@pytest.fixture
def options() -> OptionParser:
    options = OptionParser()
    define_logging_options(options)
    return options


def lines_of(logger: logging.Logger, formatter: logging.Formatter) -> io.StringIO:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    logger.addHandler(handler)
    return stream


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_three_loggers() -> None:
    """By the names programs configure."""
    assert [log.name for log in (access_log, app_log, gen_log)] == [
        "tornado.access",
        "tornado.application",
        "tornado.general",
    ]


def test_a_log_line(logger: logging.Logger) -> None:
    """Level, time, place and message."""
    stream = lines_of(logger, LogFormatter(color=False))
    logger.info("é %d", 1)
    assert re.fullmatch(r"\[I \d{6} \d\d:\d\d:\d\d test_log:\d+\] é 1\n", stream.getvalue())


def test_colours_are_for_terminals(logger: logging.Logger, monkeypatch: pytest.MonkeyPatch) -> None:
    """The head of a line is coloured by level where stderr is a terminal."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", Terminal())
    stream = lines_of(logger, LogFormatter())
    logger.error("x")
    assert re.fullmatch(r"\x1b\[31m\[E .*\]\x1b\[0m x\n", stream.getvalue())
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    stream = lines_of(logger, LogFormatter("%(color)s%(message)s%(end_color)s"))
    logger.error("x")
    assert stream.getvalue() == "x\n"


def test_a_format_of_ones_own(logger: logging.Logger) -> None:
    """Fmt, datefmt and style, as `logging.config` gives them."""
    stream = lines_of(logger, LogFormatter("{asctime} {message}", "%Y", "{"))
    logger.info("x")
    assert re.fullmatch(r"\d{4} x\n", stream.getvalue())


def test_no_message_passes_for_another_record(logger: logging.Logger) -> None:
    """Lines after the first are indented, those of tracebacks too."""
    stream = lines_of(logger, LogFormatter("%(message)s"))
    try:
        raise ValueError("bad\n[I forged")
    except ValueError:
        logger.exception("a\n[I forged")
    first, *others = stream.getvalue().rstrip("\n").split("\n")
    assert first == "a"
    assert "    [I forged" in others
    assert "    ValueError: bad" in others
    assert all(line.startswith("    ") for line in others)


def test_a_message_that_cannot_be_made_is_shown(logger: logging.Logger) -> None:
    """An error in a log call is seen in the log, and ends nothing."""
    stream = lines_of(logger, LogFormatter("%(message)s"))
    logger.info("%d", "x")
    assert stream.getvalue().startswith("Bad message (TypeError(")


@pytest.mark.parametrize("mode", ["size", "time"])
def test_logging_to_a_file(
    logger: logging.Logger, options: OptionParser, tmp_path: Path, mode: str
) -> None:
    """--log-file-prefix, with both ways of beginning a new file."""
    file = tmp_path / "log"
    options.parse_command_line(["main", "--logging=none", f"--log-rotate-mode={mode}"])
    options.logging, options.log_file_prefix = "warning", str(file)
    enable_pretty_logging(options, logger)
    logger.info("no")
    logger.warning("é")
    (handler,) = logger.handlers
    handler.flush()
    assert re.fullmatch(r"\[W .*\] é\n", file.read_text(encoding="utf-8"))


def test_an_unknown_mode_is_refused(logger: logging.Logger, options: OptionParser) -> None:
    """The error says what there is."""
    options.log_file_prefix, options.log_rotate_mode = "x", "moon"
    with pytest.raises(ValueError, match='should be "size" or "time", not "moon"'):
        enable_pretty_logging(options, logger)


def test_logging_to_stderr(logger: logging.Logger, options: OptionParser) -> None:
    """By default where there is no other handler; never where it is turned off."""
    enable_pretty_logging(options, logger)
    enable_pretty_logging(options, logger)
    assert len(logger.handlers) == 1
    options.log_to_stderr = True
    enable_pretty_logging(options, logger)
    assert len(logger.handlers) == 2
    for level in (None, "None", "none"):
        options.logging = level
        enable_pretty_logging(options, logger)
    assert len(logger.handlers) == 2
