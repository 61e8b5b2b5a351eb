"""The blog under load, with figures.

    python scripts/blog_load.py faults [--database URL] [--redis URL] [--seconds 60]
    python scripts/blog_load.py large [--database URL]

``faults`` serves the blog in four processes to 64 readers and 8 writers, and kills a process with
SIGKILL every 10 seconds. It fails when a post or comment that was answered for is lost or there
twice, or when an answer is a server error; connections that end without an answer are counted, with
the requests that a killed process had in hand as their bound.

``large`` measures the front page with 1,000 posts and with 100,000 posts and 300,000 comments: the
number of its queries and the 99th percentile of its time, asked by one client. It fails when the
list is not one query, or the percentile more than doubles.

The database is emptied. Without ``--database`` it is an SQLite file in a temporary folder.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import sqlalchemy as sa

from waterspout.demo import make_app, prepare
from waterspout.demo.extensions import db
from waterspout.demo.models import Comment, Post, Tag, User, post_tag
from waterspout.server import serve_in_thread

READERS, WRITERS, WORKERS = 64, 8, 4
KILL_EVERY = 10.0  # seconds
PASSWORD = "correct horse battery"


class Load:
    """What readers and writers have seen."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.statuses: Counter[int] = Counter()
        #: Requests that ended without an answer.
        self.broken = 0
        #: The texts of posts and comments: those answered for, and all that were sent.
        self.written: set[str] = set()
        self.tried: set[str] = set()
        self.names = count()
        self.ends = 0.0

    async def read(self, path: str) -> None:
        """Ask for a page again and again, over one connection while it lasts."""
        host, port = urlsplit(self.url).netloc.split(":")
        request = f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode()
        writer = None
        while time.monotonic() < self.ends:
            try:
                if writer is None:
                    reader, writer = await asyncio.open_connection(host, int(port))
                writer.write(request)
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"(?i)content-length: (\d+)", head)
                assert length, head
                await reader.readexactly(int(length[1]))
                self.statuses[int(head.split(b" ", 2)[1])] += 1
            except (OSError, asyncio.IncompleteReadError):
                self.broken += 1
                if writer is not None:
                    writer.close()
                writer = None
                await asyncio.sleep(0.05)
            await asyncio.sleep(0.02)
        if writer is not None:
            writer.close()

    async def write(self) -> None:
        """Register, then write a post and three comments on it, again and again."""
        async with httpx.AsyncClient(base_url=self.url, timeout=30) as client:
            while not await self._register(client):
                pass
            while time.monotonic() < self.ends:
                title = f"Post {next(self.names)} of the load"
                form = {"title": title, "content": f"The text of **{title}**", "tags": "load"}
                if (where := await self._send(client, "/write", "/write", title, form)) is None:
                    continue
                for _ in range(3):
                    text = f"Comment {next(self.names)} of the load"
                    await self._send(client, where, f"{where}/comment", text, {"comment": text})

    async def _register(self, client: httpx.AsyncClient) -> bool:
        name = f"writer{next(self.names)}"
        form = {"username": name, "password": PASSWORD, "password2": PASSWORD}
        return await self._send(client, "/register", "/register", "", form) is not None

    async def _send(
        self, client: httpx.AsyncClient, page: str, path: str, text: str, form: dict[str, str]
    ) -> str | None:
        """Send a form with the token of its page; return the path it leads to, None without."""
        try:
            shown = await client.get(page)
            self.statuses[shown.status_code] += 1
            token = re.search(r'name="(?:csrf_token|_xsrf)"[^>]*value="([^"]+)"', shown.text)
            if token is None:
                return None
            self.tried.add(text)
            answer = await client.post(path, data=form | {"csrf_token": token[1]})
        except httpx.TransportError:
            self.broken += 1
            return None
        self.statuses[answer.status_code] += 1
        if answer.status_code != 303:
            return None
        self.written.add(text)
        return urlsplit(answer.headers["location"]).path

    async def run(self, seconds: float) -> int:
        """Let all work for that long; return how many processes were killed meanwhile."""
        self.ends = time.monotonic() + seconds
        paths = ("/", "/post/1", "/tag/notes", "/newest")
        work = [self.read(paths[n % len(paths)]) for n in range(READERS)]
        work += [self.write() for _ in range(WRITERS)]
        killing = asyncio.create_task(self._kill())
        await asyncio.gather(*work)
        killing.cancel()
        return self.killed

    killed = 0
    supervisor = 0

    async def _kill(self) -> None:
        while True:
            await asyncio.sleep(KILL_EVERY)
            asked = ["pgrep", "-P", str(self.supervisor)]
            done = await asyncio.to_thread(subprocess.run, asked, capture_output=True, text=True)
            workers = sorted(map(int, done.stdout.split()))
            signal_to = workers[self.killed % len(workers)]
            with contextlib.suppress(ProcessLookupError):
                os.kill(signal_to, signal.SIGKILL)
            self.killed += 1


def faults(database: str, redis: str, seconds: float, folder: Path) -> int:
    """Run the load; return the exit status."""
    command = [sys.executable, "-m", "waterspout", "demo", "--port", "0", "--fresh"]
    command += ["--database", database, "--workers", str(WORKERS), "--redis", redis]
    environ = {"BLOG_RATELIMIT_ENABLED": "false"}
    log = folder / "log.txt"
    with log.open("w") as out:
        process = subprocess.Popen(
            ["env", *(f"{name}={value}" for name, value in environ.items()), *command],
            cwd=folder,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        while not (found := re.search(r"http://127\.0\.0\.1:\d+", log.read_text())):
            if process.poll() is not None:
                raise SystemExit(log.read_text())
            time.sleep(0.1)
        load = Load(found[0])
        load.supervisor = process.pid
        killed = asyncio.run(load.run(seconds))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    texts = _texts(database)
    lost = sorted(text for text in load.written if text and text not in texts)
    double = sorted(text for text in load.tried if texts[text] > 1)
    errors = {status: n for status, n in load.statuses.items() if status >= 500}
    print(f"{seconds:.0f} s, {READERS} readers, {WRITERS} writers, {WORKERS} processes")
    print(f"processes killed: {killed}")
    print(f"answers: {dict(sorted(load.statuses.items()))}")
    print(f"requests without an answer: {load.broken}, {load.broken / max(killed, 1):.1f} a kill")
    print(f"texts answered for: {len(load.written)}, lost: {len(lost)}, double: {len(double)}")
    clients = READERS + WRITERS
    good = not (lost or double or errors) and load.broken <= killed * clients
    print("GOOD" if good else f"BAD {lost[:3]} {double[:3]} {errors}")
    return 0 if good else 1


def _texts(database: str) -> Counter[str]:
    """Return the titles of posts and the texts of comments in the database, counted."""
    engine = sa.create_engine(_with_driver(database))
    with engine.connect() as connection:
        titles = connection.execute(sa.select(Post.title)).scalars().all()
        comments = connection.execute(sa.select(Comment.content)).scalars().all()
    engine.dispose()
    return Counter([*titles, *comments])


def _with_driver(database: str) -> str:
    for scheme, driver in {
        "postgresql:": "postgresql+psycopg:",
        "mysql:": "mysql+pymysql:",
    }.items():
        database = database.replace(scheme, driver)
    return database


def large(database: str, folder: Path) -> int:
    """Measure the front page on few and on many posts; return the exit status."""
    app = make_app({"FOLDER": str(folder), "SQLALCHEMY_DATABASE_URI": database, "TESTING": True})
    prepare(app, fresh=True)
    queries: list[str] = []
    with app.app_context():
        sa.event.listen(
            *(db.engine, "before_cursor_execute"), lambda *args: queries.append(str(args[2]))
        )
    good = True
    times = {}
    for posts, comments in ((1_000, 3_000), (100_000, 300_000)):
        with app.app_context():
            _fill(posts, comments)
        with (
            serve_in_thread(app) as server,
            httpx.Client(base_url=str(server.urls[0]), timeout=60) as client,
        ):
            for path in ("/", "/?before=500"):
                client.get(path)
                queries.clear()
                assert client.get(path).status_code == 200
                lists = [query for query in queries if "post" in query]
                good &= len(lists) == 1
                spent = sorted(_time(client, path) for _ in range(500))
                times[posts, path] = spent[494]
                print(
                    f"{posts:7,} posts, {path}: {len(lists)} query for the list, median"
                    f" {statistics.median(spent) * 1e3:.1f} ms, 99 % {spent[494] * 1e3:.1f} ms"
                )
    for path in ("/", "/?before=500"):
        ratio = times[100_000, path] / times[1_000, path]
        good &= ratio <= 2
        print(f"{path}: 99 % with 100,000 posts against 1,000: {ratio:.2f}")
    print("GOOD" if good else "BAD")
    return 0 if good else 1


def _time(client: httpx.Client, path: str) -> float:
    began = time.perf_counter()
    client.get(path)
    return time.perf_counter() - began


def _fill(posts: int, comments: int) -> None:
    """Replace all posts: each has two tags, the comments are spread over them."""
    session = db.session
    session.execute(sa.delete(Comment))
    session.execute(sa.delete(post_tag))
    session.execute(sa.delete(Post))
    authors = list(session.scalars(sa.select(User.id)))
    tags = list(session.scalars(sa.select(Tag.id)))
    began = datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None)
    size = 5_000
    for start in range(1, posts + 1, size):
        numbers = range(start, min(start + size, posts + 1))
        rows = [
            {
                "id": n,
                "user_id": authors[n % len(authors)],
                "title": f"Post number {n}",
                "content": "Some **words** to read. " * 20,
                "summary": "Some words to read. " * 10,
                "created": began + timedelta(minutes=n),
                "updated": began + timedelta(minutes=n),
            }
            for n in numbers
        ]
        session.execute(sa.insert(Post), rows)
        pairs = {(n, tags[(n + k) % len(tags)]) for n in numbers for k in range(2)}
        links = [{"post_id": post, "tag_id": tag} for post, tag in pairs]
        session.execute(post_tag.insert(), links)
    for start in range(0, comments, size):
        rows = [
            {
                "post_id": n % posts + 1,
                "user_id": authors[n % len(authors)],
                "content": "I was there.",
                "created": began,
            }
            for n in range(start, min(start + size, comments))
        ]
        session.execute(sa.insert(Comment), rows)
    session.commit()
    if (name := session.get_bind().dialect.name) in ("postgresql", "sqlite"):
        session.execute(sa.text("ANALYZE"))
        session.commit()
    else:
        assert name == "mysql"
        session.execute(sa.text("ANALYZE TABLE post, comment, post_tag"))
        session.commit()


def main() -> int:
    """Read the arguments, run; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=["faults", "large"])
    parser.add_argument("--database", help="sqlite:///…, postgresql://… or mysql://…; emptied")
    parser.add_argument("--redis", default="redis://127.0.0.1:6379/7")
    parser.add_argument("--seconds", type=float, default=60.0)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        database = chosen.database or f"sqlite:///{folder}/blog.sqlite"
        if chosen.what == "faults":
            return faults(database, chosen.redis, chosen.seconds, Path(folder))
        return large(database, Path(folder))


if __name__ == "__main__":
    sys.exit(main())
