"""Three hosts behind nginx, with one Redis, one PostgreSQL and one RabbitMQ.

Each host is a network namespace with an address of its own, a server and a worker of tasks
(`cluster_app`). Shown, with figures: a session made on one is known on all; a room message reaches
the sockets on all, once; tasks that were enqueued on a host that dies are done by the others; a
periodic task runs once a second, whatever dies.

    sudo .venv/bin/python scripts/cluster.py        # two minutes at the most

It needs root, `ip` (iproute2), nginx, and the three services on 127.0.0.1, which the hosts reach
through the address of the bridge. What it makes (namespaces, bridge, database, queues) it removes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import aio_pika
import psycopg
import redis
from websockets.sync.client import ClientConnection, connect

SECONDS = 150  # in all
NET = "10.213.77"
GATEWAY = f"{NET}.1"
HOSTS = {f"host{n}": f"{NET}.{10 + n}" for n in (1, 2, 3)}
BRIDGE = "wscluster"
DATABASE = "ws_tasks_cluster"
QUEUE = "ws_tasks_cluster"
SOCKETS = 12
SERVICES = {"postgresql": 5432, "redis": 6379, "rabbitmq": 5672}
HERE = Path(__file__).resolve().parent


class Skipped(Exception):
    """Something is missing; the reason says what."""


class Wrong(Exception):
    """A promise was not kept."""


def run(*command: str) -> None:
    """Run a command; its error is ours."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Skipped(f"{' '.join(command)}: {done.stderr.strip()}")


def wait_until(true: Callable[[], bool], what: str, seconds: float = 40.0) -> float:
    """Wait, and return how long it took. Raises `Wrong` after *seconds*."""
    begun = time.monotonic()
    while not true():
        if time.monotonic() - begun > seconds:
            raise Wrong(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.02)
    return time.monotonic() - begun


# -- the machine -----------------------------------------------------------------------------------


@contextlib.contextmanager
def network() -> Iterator[None]:
    """Make a bridge, and a namespace for each host."""
    try:
        run("ip", "link", "add", BRIDGE, "type", "bridge")
        run("ip", "address", "add", f"{GATEWAY}/24", "dev", BRIDGE)
        run("ip", "link", "set", BRIDGE, "up")
        for number, (host, address) in enumerate(HOSTS.items(), 1):
            space, outer, inner = f"ws-{host}", f"wsc{number}", f"wsi{number}"
            run("ip", "netns", "add", space)
            run("ip", "link", "add", outer, "type", "veth", "peer", "name", inner)
            run("ip", "link", "set", outer, "master", BRIDGE, "up")
            run("ip", "link", "set", inner, "netns", space)
            inside = ("ip", "-n", space)
            run(*inside, "address", "add", f"{address}/24", "dev", inner)
            run(*inside, "link", "set", inner, "up")
            run(*inside, "link", "set", "lo", "up")
        yield
    finally:
        for number, host in enumerate(HOSTS, 1):
            subprocess.run(("ip", "netns", "del", f"ws-{host}"), capture_output=True, check=False)
            subprocess.run(("ip", "link", "del", f"wsc{number}"), capture_output=True, check=False)
        subprocess.run(("ip", "link", "del", BRIDGE), capture_output=True, check=False)


@contextlib.contextmanager
def forwarded() -> Iterator[None]:
    """Let the hosts reach the services of 127.0.0.1 at the address of the bridge."""
    loop = asyncio.new_event_loop()
    ready = threading.Event()

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def main() -> None:
        for port in SERVICES.values():

            async def serve(
                reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int = port
            ) -> None:
                there = await asyncio.open_connection("127.0.0.1", port)
                await asyncio.gather(pipe(reader, there[1]), pipe(there[0], writer))

            await asyncio.start_server(serve, GATEWAY, port)
        ready.set()

    def live() -> None:
        loop.run_until_complete(main())
        loop.run_forever()

    thread = threading.Thread(target=live, daemon=True)
    thread.start()
    if not ready.wait(5):
        raise Skipped("the ports of the bridge cannot be used")
    try:
        yield
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)


@contextlib.contextmanager
def database() -> Iterator[None]:
    """Make the database of the sessions."""
    with psycopg.connect("postgresql://postgres@127.0.0.1:5432/postgres", autocommit=True) as link:
        link.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        link.execute(f"CREATE DATABASE {DATABASE}")
        try:
            yield
        finally:
            link.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")


async def clear_queues() -> None:
    """Delete the queues of the tasks."""
    async with await aio_pika.connect("amqp://guest:guest@127.0.0.1:5672/") as link:
        for name in (QUEUE, f"{QUEUE}.dead"):
            async with link.channel() as channel:
                await channel.queue_delete(name)


@contextlib.contextmanager
def nginx(folder: Path) -> Iterator[None]:
    """Run nginx on port 80 of the bridge, in front of all hosts."""
    servers = "".join(f"server {address}:8000;\n" for address in HOSTS.values())
    (folder / "nginx.conf").write_text(
        f"""daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; user root;
        events {{}}
        http {{
            access_log off;
            client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
            fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
            map $http_upgrade $link {{ default upgrade; '' ''; }}
            upstream app {{ {servers} }}
            server {{
                listen {GATEWAY}:80;
                location / {{
                    proxy_pass http://app; proxy_http_version 1.1;
                    proxy_set_header Host $host; proxy_set_header Upgrade $http_upgrade;
                    proxy_set_header Connection $link;
                    proxy_connect_timeout 1s;
                    proxy_next_upstream error timeout non_idempotent;
                }}
            }}
        }}"""
    )
    process = subprocess.Popen((program("nginx"), "-c", str(folder / "nginx.conf")))
    try:
        wait_until(lambda: _listens(GATEWAY, 80), "nginx listens")
        yield
    finally:
        process.terminate()
        process.wait(10)


def _listens(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), timeout=1).close()
    except OSError:
        return False
    return True


def program(name: str) -> str:
    """Return the path of a program. Raises `Skipped` where it is not installed."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if path is None:
        raise Skipped(f"{name} is not installed")
    return path


class Host:
    """A server and a worker in a namespace."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.address = HOSTS[name]
        environ = {
            **os.environ,
            "CLUSTER_HOST": name,
            "CLUSTER_NOTES": str(folder / "notes"),
            "CLUSTER_SESSIONS": f"postgresql://postgres@{GATEWAY}:5432/{DATABASE}",
            "CLUSTER_REDIS": f"redis://{GATEWAY}:6379/9",
            "CLUSTER_RABBITMQ": f"amqp://guest:guest@{GATEWAY}:5672/",
        }
        log = (folder / f"{name}.log").open("wb")
        base = ("ip", "netns", "exec", f"ws-{name}", sys.executable, "-m", "waterspout")
        self._processes = [
            subprocess.Popen((*base, *command), cwd=HERE, env=environ, stdout=log, stderr=log)
            for command in (
                ("run", "--host", self.address, "--port", "8000", "cluster_app:app"),
                ("--app", "cluster_app", "tasks"),
            )
        ]

    def is_ready(self) -> bool:
        """Tell whether the server answers."""
        try:
            return bool(ask("GET", "/who", address=self.address, port=8000))
        except OSError:
            return False

    def die(self) -> None:
        """End as a host without power does: no process says goodbye."""
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.wait()

    def stop(self) -> None:
        """End in order."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def ask(
    method: str, path: str, cookie: str = "", address: str = GATEWAY, port: int = 80
) -> dict[str, Any]:
    """Make a request and return its JSON, with the cookie that was set. Raises `OSError`."""
    link = HTTPConnection(address, port, timeout=10)
    try:
        link.request(method, path, headers={"Cookie": cookie} if cookie else {})
        answer = link.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise OSError(f"{method} {path}: {answer.status}")
        found: dict[str, Any] = json.loads(body)
        set_cookie = answer.getheader("Set-Cookie")
        return {**found, "cookie": (set_cookie or "").partition(";")[0]}
    finally:
        link.close()


# -- what is shown ---------------------------------------------------------------------------------


class Notes:
    """What the tasks have written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.touch()

    def of(self, what: str) -> list[tuple[str, str]]:
        """Return pairs of a number, or a tick's id, and a host."""
        lines = [line.split() for line in self._path.read_text().splitlines()]
        return [(words[1], words[2]) for words in lines if words[0] == what and len(words) == 3]


def check(true: bool, what: str) -> None:
    """Raise `Wrong` unless it is *true*."""
    if not true:
        raise Wrong(what)


def sessions() -> None:
    """A session made on one host is known on all."""
    made = ask("POST", "/login/ann")
    seen: Counter[str] = Counter()
    for _ in range(30):
        answer = ask("GET", "/who", made["cookie"])
        check(answer["name"] == "ann", f"{answer['host']} does not know the session")
        seen[answer["host"]] += 1
    check(set(seen) == set(HOSTS), f"only {set(seen)} answered")
    print(f"sessions    made on {made['host']}, known in 30 of 30 requests: {dict(seen)}")


def hear(sockets: list[ClientConnection], text: str) -> float:
    """Send *text* through nginx; return the seconds until all sockets have it, once."""
    begun = time.monotonic()
    ask("POST", f"/say/{text}")
    for one in sockets:
        heard = one.recv(timeout=10)
        check(heard == text, f"heard {heard!r} instead of {text!r}")
    return time.monotonic() - begun


def room_messages() -> None:
    """A room message reaches the sockets on all hosts, in order, once."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(connect(f"ws://{GATEWAY}/room")) for _ in range(SOCKETS)]
        places = Counter(str(one.recv(timeout=10)) for one in sockets)
        check(set(places) == set(HOSTS), f"sockets on {set(places)} only")
        wait_until(lambda: ask("GET", "/members")["count"] == SOCKETS, "presence is right")
        times = sorted(hear(sockets, f"m{number}") for number in range(50))
    print(
        f"rooms       50 messages to {SOCKETS} sockets ({dict(places)}), each heard once, in order:"
        f" median {times[25] * 1000:.1f} ms, slowest {times[-1] * 1000:.1f} ms with the request"
    )


def tasks_of_a_dead_host(hosts: dict[str, Host], notes: Notes) -> None:
    """Tasks that were enqueued on a host that dies are done by the others."""
    count = 60
    victim = hosts["host1"]
    for number in range(count):
        ask("POST", f"/work/{number}", address=victim.address, port=8000)
    wait_until(lambda: any(host == "host1" for _, host in notes.of("end")), "host1 works")
    victim.die()
    run("ip", "link", "set", "wsc1", "down")
    took = wait_until(
        lambda: {number for number, _ in notes.of("end")} == set(map(str, range(count))),
        "all tasks are done",
    )
    begun = Counter(number for number, _ in notes.of("begin"))
    again = [number for number, times in begun.items() if times > 1]
    check(len(again) <= 4 and max(begun.values()) <= 2, f"begun more often: {again}")
    done = Counter(host for _, host in notes.of("end"))
    print(
        f"tasks       {count} enqueued on host1, which was killed: all done {took:.1f} s later"
        f" ({dict(done)}), {len(again)} begun twice"
    )


def periodic(notes: Notes, begun: float) -> None:
    """A periodic task runs once a second on one of the hosts."""
    seconds = int(time.time() - begun)
    ticks = Counter(tick for tick, _ in notes.of("tick"))
    check(set(ticks.values()) == {1}, f"ran more than once: {ticks.most_common(3)}")
    places = Counter(host for _, host in notes.of("tick"))
    check(len(ticks) >= seconds - 3, f"{len(ticks)} ticks in {seconds} s")
    print(f"periodic    {len(ticks)} ticks in {seconds} s, each once: {dict(places)}")


def show(folder: Path) -> None:
    """Start everything, and show what is promised."""
    notes = Notes(folder / "notes")
    with contextlib.ExitStack() as stack:
        stack.enter_context(network())
        stack.enter_context(forwarded())
        stack.enter_context(database())
        stack.callback(asyncio.run, clear_queues())
        hosts = {name: Host(name, folder) for name in HOSTS}
        for host in hosts.values():
            stack.callback(host.stop)
        wait_until(lambda: all(host.is_ready() for host in hosts.values()), "hosts are up", 90)
        stack.enter_context(nginx(folder))
        wait_until(lambda: bool(notes.of("tick")), "workers are up", 60)
        begun = time.time()
        before = len(notes.of("tick"))
        sessions()
        room_messages()
        tasks_of_a_dead_host(hosts, notes)
        answers = Counter(ask("GET", "/who")["host"] for _ in range(20))
        check(set(answers) == {"host2", "host3"}, f"answered: {answers}")
        print(f"nginx       20 of 20 requests are answered without host1: {dict(answers)}")
        wait_until(lambda: len(notes.of("tick")) >= before + 8, "eight ticks")
        periodic(notes, begun)


def main() -> int:
    """Run it; 0 if every promise was kept or something is missing, 1 otherwise."""
    signal.alarm(SECONDS)
    folder = Path(tempfile.mkdtemp(prefix="ws_cluster_"))
    try:
        if os.geteuid() != 0:
            raise Skipped("network namespaces need root")
        for name in ("ip", "nginx"):
            program(name)
        with redis.Redis() as client:
            client.ping()
        show(folder)
    except (Skipped, redis.ConnectionError) as error:
        print(f"skipped: {error}")
        return 0
    except (Wrong, OSError) as error:
        print(f"WRONG: {error}", file=sys.stderr)
        for log in sorted(folder.glob("*.log")):
            print(f"-- {log.name}\n{log.read_text(errors='replace')[-3000:]}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
