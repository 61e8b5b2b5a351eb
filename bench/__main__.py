"""The command line of the bench: choose workloads, run them, print the table, write RESULTS.md."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from .blog import blog
from .chunks import tiny_chunks
from .databases import databases
from .files import static_files
from .imports import import_time
from .load import WRK
from .memory import idle_connections
from .program import flask_shop
from .report import Section, Verdict, document, summary
from .rooms import room_messages
from .server_sessions import server_sessions
from .servers import CORES
from .tails import text_beside_computing
from .timers import event_streams, flushed_from_timers
from .uploads import uploads
from .waiting import beside_sleepers, beside_streams
from .websockets import sockets
from .workloads import (
    async_hooks,
    async_views,
    def_streams,
    flask_pages,
    flask_program,
    routes,
    tornado_program,
)

RESULTS = Path(__file__).parent / "RESULTS.md"

WORKLOADS: dict[str, Callable[[int, float], Section]] = {
    "async": async_views,
    "flask": flask_program,
    "pages": flask_pages,
    "tornado": tornado_program,
    "sockets": sockets,
    "routes": routes,
    "memory": idle_connections,
    "import": import_time,
    "waiting": beside_sleepers,
    "streams": def_streams,
    "files": static_files,
    "uploads": uploads,
    "events": event_streams,
    "hooks": async_hooks,
    "watchers": beside_streams,
    "timers": flushed_from_timers,
    "chunks": tiny_chunks,
    "rooms": room_messages,
    "tails": text_beside_computing,
    "program": flask_shop,
    "db": databases,
    "sessions": server_sessions,
    "blog": blog,
}


def failed(name: str, error: Exception) -> Section:
    """Return the section of a workload that could not be measured."""
    section = Section(name, [f"failed:\n\n```\n{str(error).strip()}\n```"])
    section.verdicts.append(Verdict("all of it", "none", None, "MISS", "not measured"))
    return section


def main() -> int:
    """Run the bench; return 0 when every bar is met, 1 when one is not, 2 when wrk is missing."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", action="append", choices=WORKLOADS, help="run this workload")
    parser.add_argument("--duration", type=float, default=1.0, help="seconds a measurement (1)")
    parser.add_argument("--rounds", type=int, default=10, help="rounds of every cell (10)")
    parser.add_argument("--no-write", action="store_true", help="leave RESULTS.md as it is")
    chosen = parser.parse_args()
    if not os.access(WRK, os.X_OK):
        print(f"{WRK} is missing; get it with: apt-get install wrk", file=sys.stderr)
        return 2
    if len(CORES) < 2:
        print("one core only: server and wrk will share it", file=sys.stderr)
    sections = []
    for name in chosen.only or WORKLOADS:
        began = time.monotonic()
        try:
            section = WORKLOADS[name](chosen.rounds, chosen.duration)
        except (RuntimeError, OSError) as error:
            section = failed(name, error)
        sections.append(section)
        print(f"\n## {section.title}  ({time.monotonic() - began:.0f} s)\n", flush=True)
        print("\n\n".join(section.tables), flush=True)
    print(f"\n{summary(sections)}")
    if not chosen.no_write:
        text = document(sections, chosen.rounds, chosen.duration, " ".join(sys.argv[1:]))
        RESULTS.write_text(text, encoding="utf-8")
    missed = any(one.verdict == "MISS" for section in sections for one in section.verdicts)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
