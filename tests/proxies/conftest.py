"""nginx and haproxy in front of our server, configured as docs/deployment.md says."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent / "server"))

from server_process import Program  # noqa: E402

from processes import program, wait_until  # noqa: E402

PAGE = (HERE.parent.parent / "docs" / "deployment.md").read_text(encoding="utf-8")

NGINX = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log warn;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {site}
}}
"""


def snippets(language: str) -> list[str]:
    """Return the blocks of the page in a language."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def is_open(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


class Proxy:
    """A proxy in a process of its own, on a port of this machine."""

    def __init__(self, command: list[str], port: int, folder: Path) -> None:
        self.port = port
        self._log = open(folder / "proxy.log", "wb")  # noqa: SIM115  # `end` closes it
        self._process = subprocess.Popen(command, stdout=self._log, stderr=self._log, cwd=folder)
        wait_until(lambda: is_open(port) or self._process.poll() is not None)
        assert self._process.poll() is None, (folder / "proxy.log").read_text()

    def end(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()


Front = Callable[[str, str], Proxy]


def nginx(folder: Path, port: int, upstream: str) -> Proxy:
    """Start nginx with the page's configuration before *upstream*."""
    (site,) = snippets("nginx")
    site = site.replace("listen 80;", f"listen 127.0.0.1:{port};")
    site = site.replace("server 127.0.0.1:8000;", f"server {upstream};")
    path = folder / "nginx.conf"
    path.write_text(NGINX.format(folder=folder, site=site))
    return Proxy([program("nginx"), "-p", str(folder), "-c", str(path)], port, folder)


def haproxy(folder: Path, port: int, upstream: str, *, tcp: bool = False) -> Proxy:
    """Start haproxy with one of the page's configurations before *upstream*."""
    site = snippets("haproxy")[1 if tcp else 0]
    site = re.sub(r"bind :\d+", f"bind 127.0.0.1:{port}", site)
    site = site.replace("127.0.0.1:8000", upstream)
    path = folder / "haproxy.cfg"
    path.write_text(site)
    return Proxy([program("haproxy"), "-db", "-f", str(path)], port, folder)


@pytest.fixture
def front(tmp_path: Path, reserve: Callable[[], int]) -> Iterator[Front]:
    """Start a proxy by its name before a server."""
    made: list[Proxy] = []

    def start(name: str, upstream: str) -> Proxy:
        if name == "nginx":
            made.append(nginx(tmp_path, reserve(), upstream))
        else:
            upstream = upstream.replace("unix:", "unix@")
            made.append(haproxy(tmp_path, reserve(), upstream, tcp=name == "haproxy-tcp"))
        return made[-1]

    yield start
    for proxy in made:
        proxy.end()


@pytest.fixture
def back(tmp_path: Path) -> Iterator[Callable[..., Program]]:
    """Start our server: `waterspout run` of `behind:app` with options and variables."""
    started: list[Program] = []

    def start(*options: str, **environ: str) -> Program:
        command = [sys.executable, "-m", "waterspout", "run", "behind:app", *options]
        paths = {"PYTHONPATH": os.pathsep.join([str(HERE), *filter(None, sys.path)])}
        started.append(Program(command, tmp_path, {**paths, **environ}))
        return started[-1]

    yield start
    for server in started:
        server.end()
        print(server.output)  # pytest shows it for a test that failed
