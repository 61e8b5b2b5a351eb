"""nginx with one worker: ``python -m bench.programs.nginx COMMAND PORT`` serves the folder that
BENCH_STATIC names at ``/static/``."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

CONFIGURATION = """
daemon off;
worker_processes 1;
pid {here}/pid;
error_log stderr;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000;
    client_body_temp_path {here}/body;
    proxy_temp_path {here}/proxy;
    fastcgi_temp_path {here}/fastcgi;
    uwsgi_temp_path {here}/uwsgi;
    scgi_temp_path {here}/scgi;
    server {{
        listen 127.0.0.1:{port} reuseport;
        location = / {{ return 200 "Hello, World!"; }}
        location /static/ {{ alias {folder}/; }}
    }}
}}
"""


def main() -> None:
    """Write the configuration and become nginx."""
    command, port = sys.argv[1:]
    here = tempfile.mkdtemp(prefix="bench-nginx-")
    os.chmod(here, 0o755)
    folder = os.environ["BENCH_STATIC"]
    file = Path(here, "nginx.conf")
    # NOTE: as root, the worker would become another user, who may not read the folder.
    user = "user root;" if os.geteuid() == 0 else ""
    file.write_text(user + CONFIGURATION.format(here=here, port=port, folder=folder))
    os.execv(command, [command, "-p", here, "-c", str(file)])


if __name__ == "__main__":
    main()
