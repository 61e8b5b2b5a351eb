"""Static files of three sizes: a Flask program's and a Tornado program's, unchanged; and of nginx,
where that is installed."""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
from functools import partial
from pathlib import Path

from . import peers
from .load import Request
from .report import Bar, Section
from .servers import Running, Server
from .throughput import Cell, Measured, all_running, take_turns

SIZES = {"1 KiB": 1024, "100 KiB": 100 * 1024, "10 MiB": 10 * 1024 * 1024}
FLASK_BARS = {"1 KiB": (7, 0.9), "100 KiB": (3, 1), "10 MiB": (1, 1)}  # gunicorn, granian
NGINX_BARS = {"1 KiB": 0.2, "100 KiB": 0.3, "10 MiB": 0.8}
TORNADO_BAR = 1.5


def static_files(rounds: int, seconds: float) -> Section:
    """Measure files of each size on each server, and what the servers hold afterwards."""
    section = Section("Static files")
    flask_ours = peers.waterspout("flask_app", name="Waterspout, Flask program", dropin=True)
    tornado_ours = peers.waterspout("tornado_app", name="Waterspout, Tornado program", dropin=True)
    servers = [
        *(peers.FLASK_GUNICORN, peers.FLASK_GRANIAN, flask_ours),
        *(peers.TORNADO, tornado_ours),
        *([peers.NGINX] if shutil.which(peers.NGINX_COMMAND) else []),
    ]
    with tempfile.TemporaryDirectory() as folder:
        for size in SIZES.values():
            Path(folder, f"{size}.bin").write_bytes(bytes(range(256)) * (size // 256))
        with all_running([_with_files(server, folder) for server in servers]) as started:
            for name, size in SIZES.items():
                # An answer that the end of a measurement cuts off does not count, so that of large
                # ones few are on their way.
                few = {"connections": 8} if size == max(SIZES.values()) else {}
                cell = Cell(name, partial(_ask, size=size), **few)
                measured = take_turns(started, cell, rounds, seconds)
                section.table(name, measured)
                _judge(section, name, measured)
            for name, server in started.items():
                if isinstance(server, Running):
                    note = f"{server.rss() / 2**20:.0f} MiB resident"
                    section.tables.append(f"{name}, afterwards: {note}")
    return section


def _judge(section: Section, name: str, measured: list[Measured]) -> None:
    gunicorn, granian, flask, tornado, ours, *nginx = measured
    bars = FLASK_BARS[name]
    section.ratio(f"{name}, against Flask on gunicorn", flask, gunicorn, Bar(">=", bars[0]))
    section.ratio(f"{name}, against Flask on granian", flask, granian, Bar(">=", bars[1]))
    section.ratio(f"{name}, against Tornado", ours, tornado, Bar(">=", TORNADO_BAR))
    for one in nginx:
        section.ratio(f"{name}, against nginx", flask, one, Bar(">=", NGINX_BARS[name]))


def _with_files(server: Server, folder: str) -> Server:
    return dataclasses.replace(server, env={"BENCH_STATIC": folder})


def _ask(server: Running, size: int) -> Request:
    """Check and return the request for the file of so many bytes."""
    answer = server.ask(f"/static/{size}.bin")
    assert answer.status == 200, answer.status
    assert answer.body == bytes(range(256)) * (size // 256), "another file"
    return Request(f"/static/{size}.bin")
