"""Two programs, moved in the ways that README names: their own tests, and a visitor to the servers.

The programs know nothing of Waterspout: the same files run on Flask and Tornado, which is tested
first.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

from processes import program, running, wait_until

HERE = Path(__file__).resolve().parent
SECONDS = 50
DROPIN = ("-p", "waterspout.dropin.pytest_plugin")
INSTALL = "import waterspout.dropin\n\nwaterspout.dropin.install()\n"


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis of our own, on a UNIX socket, that keeps nothing."""
    path = tmp_path_factory.mktemp("redis") / "s"
    command = [program("redis-server"), "--port", "0", "--unixsocket", str(path), "--save", ""]
    with subprocess.Popen(command, cwd=path.parent, stdout=subprocess.DEVNULL) as server:
        try:
            wait_until(lambda: path.exists() or server.poll() is not None)
            assert server.poll() is None
            yield f"unix://{path}"
        finally:
            server.terminate()


class Moved:
    """A copy of a program, in one of the ways."""

    def __init__(self, name: str, folder: Path, is_prefixed: bool, **environ: str) -> None:
        self.folder = folder / name
        self.environ = {**os.environ, **environ}
        self.environ.pop("WATERSPOUT_DROPIN", None)
        shutil.copytree(HERE / name, self.folder)
        if is_prefixed:
            for path in self.folder.rglob("*.py"):
                path.write_text(prefixed(path.read_text()))

    def test(self, *options: str) -> subprocess.CompletedProcess[str]:
        """Run the program's own tests."""
        (self.folder / "pytest.ini").write_text("[pytest]\npython_files = check_*.py\n")
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", *options, "."],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def run(self, *command: str) -> AbstractContextManager[str]:
        """Start a server that says where it listens; gives its URL."""
        return running(self.folder, *command, environ=self.environ)


def prefixed(code: str) -> str:
    """Put ``waterspout.`` before the imports of Flask and of what we have of Tornado."""
    ours = r"flask|tornado\.(?:gen|ioloop|log|options|web|websocket|httpclient|testing)"
    return re.sub(rf"^from ({ours}) import", r"from waterspout.\1 import", code, flags=re.M)


# -- the shop, on Flask ----------------------------------------------------------------------------


@pytest.fixture
def shop(tmp_path: Path, redis_url: str, request: pytest.FixtureRequest) -> Moved:
    environ = {"SHOP_REDIS": redis_url, "SHOP_DATABASE": f"sqlite:///{tmp_path}/shop.db"}
    return Moved("shop", tmp_path, request.param, **environ)


def visit_shop(url: str) -> None:
    """Register, put something on the shelf, and be known to every worker."""
    with httpx.Client(base_url=url, trust_env=False, timeout=SECONDS) as client:
        for visits in (1, 2, 3):
            assert f"nobody, visit {visits}" in client.get("/").text

        def send(path: str, **fields: str) -> httpx.Response:
            found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get(path).text)
            assert found
            data = {**fields, "csrf_token": found[1]}
            return client.post(path, data=data, follow_redirects=True)

        assert "Welcome, ann!" in send("/auth/register", name="ann", password="secret").text
        assert "tea: 3.50 €" in send("/new", name="tea", cents="350").text
        assert client.post("/new", data={"name": "x", "cents": "1"}).status_code == 400
        tea = {"id": 1, "name": "tea", "cents": 350, "seller": "ann"}
        assert client.get("/api/items?below=400").json() == [tea]
        assert client.get("/api/refused").status_code == 422
        assert client.get("/items.csv").text == "1,tea,350,/items.csv\r\n"


GUNICORN = ("-W", "default", "-m", "gunicorn", "-c", "gunicorn.conf.py")
RUNNER = ("-m", "waterspout", "run", "--dropin", "shop:create_app()", "--port", "0")


@pytest.mark.parametrize("shop", [False], indirect=True)
@pytest.mark.parametrize("way", ["tests", "gunicorn"])
def test_the_shop_on_flask(shop: Moved, way: str) -> None:
    if way == "tests":
        tested = shop.test()
        assert tested.returncode == 0, tested.stdout
    else:
        with shop.run(*GUNICORN) as url:
            visit_shop(url)


@pytest.mark.parametrize("shop", [False, True], indirect=True, ids=["drop-in", "both"])
@pytest.mark.parametrize("way", ["tests", "runner", "gunicorn"])
def test_the_shop_moved(shop: Moved, way: str) -> None:
    if way == "tests":
        tested = shop.test(*DROPIN)
        assert tested.returncode == 0, tested.stdout
    elif way == "runner":
        with shop.run(*RUNNER) as url:
            visit_shop(url)
    else:
        conf = shop.folder / "gunicorn.conf.py"
        conf.write_text(INSTALL + conf.read_text())
        with shop.run(*GUNICORN) as url:
            visit_shop(url)


@pytest.mark.parametrize("shop", [True], indirect=True)
def test_the_shop_with_prefixes_alone_is_told_the_way_out(shop: Moved) -> None:
    """Its extensions import the installed Flask."""
    tested = shop.test()
    assert tested.returncode == 1
    assert "asked the installed package 'flask'" in tested.stdout
    assert "waterspout run --dropin" in tested.stdout


# -- the board, on Tornado -------------------------------------------------------------------------


@pytest.fixture
def board(tmp_path: Path, request: pytest.FixtureRequest) -> Moved:
    return Moved("board", tmp_path, request.param)


def visit_board(url: str, *, beats: bool) -> None:
    """Sign in, write, read it in a page, by JSON and over a WebSocket."""
    with httpx.Client(base_url=url, trust_env=False, timeout=SECONDS) as client:
        form = client.get("/login").text
        token = re.search(r'name="_xsrf" value="([^"]+)"', form)
        assert token
        answer = client.post("/login", data={"name": "ann", "_xsrf": token[1]})
        assert (answer.status_code, answer.headers["Location"]) == (302, "/")
        with connect(f"{url.replace('http', 'ws', 1)}/live/kitchen") as live:
            assert live.recv(timeout=SECONDS) == '{"room": "kitchen"}'
            assert client.post("/api/messages", json={"text": "hello"}).status_code == 201
            assert '"hello"' in live.recv(timeout=SECONDS)
        assert "<b>ann</b>: hello" in client.get("/").text
        assert client.get("/count").text == "0\n1\n2\n"
        answer = client.get("/static/board.css")
        assert (answer.status_code, answer.text) == (200, "p { margin: 0 }\n")
        if beats:
            while client.get("/beats").text == "0":
                pass


ALONE = ("board.py", "--port=0")
BOARD_RUNNER = ("-m", "waterspout", "run", "board:make_app", "--port", "0")


@pytest.mark.parametrize("board", [False], indirect=True)
def test_the_board_on_tornado(board: Moved) -> None:
    tested = board.test()
    assert tested.returncode == 0, tested.stdout
    with board.run(*ALONE) as url:
        visit_board(url, beats=True)


@pytest.mark.parametrize(
    ("board", "command", "beats"),
    [
        (False, ("-m", "waterspout.dropin", *ALONE), True),
        (False, (*BOARD_RUNNER, "--dropin"), False),
        (True, ALONE, True),
        (True, BOARD_RUNNER, False),
        (True, ("-m", "waterspout.dropin", *ALONE), True),
    ],
    indirect=["board"],
    ids=["drop-in", "drop-in-runner", "prefixes", "prefixes-runner", "both"],
)
def test_the_board_moved(board: Moved, command: tuple[str, ...], beats: bool) -> None:
    with board.run(*command) as url:
        visit_board(url, beats=beats)


@pytest.mark.parametrize(
    ("board", "options"),
    [(False, DROPIN), (True, ()), (True, DROPIN)],
    indirect=["board"],
    ids=["drop-in", "prefixes", "both"],
)
def test_the_boards_own_tests(board: Moved, options: tuple[str, ...]) -> None:
    tested = board.test(*options)
    assert tested.returncode == 0, tested.stdout
