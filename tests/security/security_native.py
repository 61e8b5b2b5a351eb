"""Serves sites on our server: reads their names, one a line, and answers with the port of each."""

from __future__ import annotations

import sys
from contextlib import ExitStack

from security_sites import site

from waterspout.server import serve_in_thread


def main() -> None:
    """Serve until there are no more names."""
    with ExitStack() as servers:
        for line in sys.stdin:
            server = servers.enter_context(serve_in_thread(site(line.strip())))
            sys.stdout.write(f"{server.urls[0].rpartition(':')[2].strip('/')}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
