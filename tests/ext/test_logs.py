"""The log by settings: what is in the files after real requests, forks, rotations and faults."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from processes import running
from waterspout import App, RequestHandler, run_in_thread, spawn
from waterspout.ext.logs import Logs, request_id
from waterspout.server import ServerSettings, serve_in_thread

HEX_ID = re.compile(r"[0-9a-f]{32}").fullmatch
Make = Callable[..., tuple[App, Logs, Path]]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Make an application that logs to a file; what the tests change in logging is undone."""
    root = logging.getLogger()
    level = root.level
    made: list[Logs] = []

    def make_app(**settings: Any) -> tuple[App, Logs, Path]:
        app = App("shop", instance_path=str(tmp_path))
        app.config.update({"LOG_FILE": "shop.log", "LOG_FORMAT": "json"} | settings)
        made.append(Logs(app))
        return app, made[-1], tmp_path / "shop.log"

    yield make_app
    for logs in made:
        logs.close()
    root.setLevel(level)
    logging.getLogger("shop").setLevel(logging.NOTSET)


def entries(logs: Logs, file: Path) -> list[dict[str, Any]]:
    assert logs.flush()
    return [json.loads(line) for line in file.read_text().splitlines()]


# -- the request's id ----------------------------------------------------------------------------


def add_routes(app: App) -> None:
    """Each kind of code that can belong to a request; all log to a library's logger."""
    library = logging.getLogger("library.part")

    @app.before_request
    def before() -> None:
        library.info("hook")

    @app.get("/def")
    def from_view() -> str:
        library.info("work")
        app.logger.info("work")
        return request_id() or ""

    @app.get("/async")
    async def from_async_view() -> str:
        await asyncio.sleep(0)
        await run_in_thread(library.info, "work")
        return request_id() or ""

    @app.get("/spawned")
    async def spawning() -> str:
        async def later() -> None:
            library.info("work")

        await spawn(later())
        await spawn(library.info, "work")  # type: ignore[misc]  # on a loop it is a task
        return request_id() or ""

    class Handler(RequestHandler):
        async def get(self) -> None:
            library.info("work")
            self.write(request_id() or "")

    app.add_handlers(r".*", [(r"/handler", Handler)])


@pytest.mark.parametrize("path", ["/def", "/async", "/spawned", "/handler"])
def test_every_line_of_a_request_has_its_id(make: Make, path: str) -> None:
    """And its answer, so that whoever reports an error can say which lines are his."""
    app, logs, file = make()
    add_routes(app)
    with serve_in_thread(app) as server:
        answers = [httpx.get(server.urls[0].rstrip("/") + path) for _ in range(2)]
    ids = [answer.headers["X-Request-ID"] for answer in answers]
    assert all(HEX_ID(one) for one in ids)
    assert [answer.text for answer in answers] == ids
    for one in ids:
        lines = [entry for entry in entries(logs, file) if entry["request_id"] == one]
        said = [line["message"] for line in lines if line["logger"] != "tornado.access"]
        assert said == ["hook"] + ["work"] * (2 if path in ("/def", "/spawned") else 1)


def test_answers_without_a_view_have_an_id(make: Make) -> None:
    app, _, _ = make()

    @app.get("/broken")
    def broken() -> str:
        raise ValueError("no")

    client = app.test_client()
    for path, status in (("/missing", 404), ("/broken", 500)):
        answer = client.get(path)
        assert (answer.status_code, len(answer.headers["X-Request-ID"])) == (status, 32)


def test_an_error_is_found_by_its_id(make: Make) -> None:
    app, logs, file = make()

    @app.get("/broken")
    def broken() -> str:
        raise ValueError("no such goods")

    answer = app.test_client().get("/broken")
    (entry,) = entries(logs, file)
    assert entry["request_id"] == answer.headers["X-Request-ID"]
    assert entry["exception"].endswith("ValueError: no such goods")
    assert (entry["level"], entry["logger"]) == ("ERROR", "shop")


@pytest.mark.parametrize(
    ("proxies", "setting", "is_believed"),
    [
        *(((), None, False), (("127.0.0.1",), None, True), (("10.0.0.1",), None, False)),
        *(((), True, True), (("127.0.0.1",), False, False)),
    ],
)
def test_whose_id_is_believed(
    make: Make, proxies: tuple[str, ...], setting: bool | None, is_believed: bool, tmp_path: Path
) -> None:
    """Only a trusted proxy's; the access log says the same id."""
    app, _, _ = make(LOG_TRUST_REQUEST_ID=setting)
    add_routes(app)
    access = tmp_path / "access.log"
    settings = ServerSettings(
        port=0, trusted_proxies=proxies, access_log=str(access), access_format="json"
    )
    with serve_in_thread(app, settings) as server:
        answer = httpx.get(
            server.urls[0].rstrip("/") + "/def", headers={"X-Request-ID": "theirs-1"}
        )
    assert (answer.text == "theirs-1") == is_believed
    assert answer.headers["X-Request-ID"] == answer.text
    assert json.loads(access.read_text())["request_id"] == answer.text


def test_an_id_with_anything_else_in_it_is_not_taken(make: Make) -> None:
    app, _, _ = make(LOG_TRUST_REQUEST_ID=True)
    add_routes(app)
    answer = app.test_client().get("/def", headers={"X-Request-ID": 'x"} {"level": "INFO'})
    assert HEX_ID(answer.text)


def test_outside_of_requests_there_is_none(make: Make) -> None:
    _, logs, file = make()
    logging.getLogger("library").warning("start")
    assert request_id() is None
    assert entries(logs, file)[0]["request_id"] == "-"


# -- lines ---------------------------------------------------------------------------------------

FORGED = "x\n2026-01-01T00:00:00.000Z INFO root [-] all is well\r\x1b[2J\x85\u2028\u202e"


@pytest.mark.parametrize("form", ["text", "json"])
def test_nobody_writes_lines_of_his_own(make: Make, form: str) -> None:
    """Neither by a message nor by an error's text, nor the name of a logger or an extra field."""
    _, logs, file = make(LOG_FORMAT=form)
    logger = logging.getLogger("library")
    logger.warning("login of %s", FORGED, extra={"who": FORGED})
    try:
        raise ValueError(FORGED)
    except ValueError:
        logger.exception("failed: %s", FORGED)
    assert logs.flush()
    lines = file.read_text().split("\n")[:-1]
    heads = [line for line in lines if not line.startswith("    ")]
    assert len(heads) == 2
    assert all(line.isprintable() for line in lines)
    if form == "json":
        assert json.loads(lines[0])["message"] == f"login of {FORGED}"
        assert json.loads(lines[0])["who"] == FORGED


def test_text_lines(make: Make) -> None:
    _, logs, file = make(LOG_FORMAT="text")
    logging.getLogger("library").info("größer als %d", 3)
    assert logs.flush()
    stamp = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
    assert re.fullmatch(rf"{stamp} INFO library \[-\] größer als 3\n", file.read_text())


def test_extra_fields_of_any_kind(make: Make) -> None:
    _, logs, file = make()
    circle: list[Any] = []
    circle.append(circle)

    class Rude:
        def __str__(self) -> str:
            raise RuntimeError

    logger = logging.getLogger("library")
    logger.info("one", extra={"order": 7, "path": Path("/x"), "rude": Rude(), "level": "forged"})
    logger.info("two", extra={"circle": circle})
    first, second = entries(logs, file)
    assert (first["order"], first["path"], first["rude"]) == (7, "/x", "<Rude>")
    assert first["level"] == "INFO"
    assert second["message"] == "two"


def test_a_line_is_made_when_it_is_logged(make: Make) -> None:
    """What changes afterwards does not change it."""
    _, logs, file = make()
    basket = ["apple"]
    logging.getLogger("library").info("basket: %s", basket)
    basket.append("pear")
    assert entries(logs, file)[0]["message"] == "basket: ['apple']"


def test_levels(make: Make) -> None:
    app, logs, file = make(LOG_LEVEL="warning", LOG_LEVELS={"library.loud": "debug"})
    app.logger.info("no")
    logging.getLogger("library").info("no")
    logging.getLogger("library.loud").debug("yes")
    app.logger.warning("yes")
    assert [entry["message"] for entry in entries(logs, file)] == ["yes", "yes"]
    logging.getLogger("library.loud").setLevel(logging.NOTSET)


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"LOG_FORMAT": "xml"}, "'text' or 'json'"), ({"LOG_LEVEL": "loud"}, "'loud'; there are")],
)
def test_wrong_settings_are_told(make: Make, settings: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make(**settings)


def test_each_line_once(make: Make) -> None:
    """Also where the application has logged before, or is made twice."""
    app, _, _ = make()
    app.logger.info("before")
    _, logs, file = make()
    app.logger.info("after")
    assert [entry["message"] for entry in entries(logs, file)] == ["before", "after"]


def test_without_a_file_lines_go_to_standard_error(
    make: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    app, logs, _ = make(LOG_FILE=None)
    app.logger.info("seen")
    assert logs.flush()
    assert json.loads(capsys.readouterr().err)["message"] == "seen"


# -- processes and faults ------------------------------------------------------------------------

FORKING = """
import logging, os, sys
from waterspout import App
from waterspout.ext.logs import Logs
app = App("shop", instance_path=sys.argv[1])
app.config.update(LOG_FILE="shop.log", LOG_FILE_MAX_BYTES=20_000, LOG_FILE_BACKUPS=200)
Logs(app)
app.logger.info("parent before, %s", "x" * 50)
children = []
for child in range(4):
    pid = os.fork()
    if pid == 0:
        for number in range(500):
            app.logger.info("line %d-%d %s", child, number, "x" * (number % 100))
        logging.shutdown()
        os._exit(0)
    children.append(pid)
for pid in children:
    assert os.waitpid(pid, 0)[1] == 0
"""


def test_processes_share_a_file_that_rotates(tmp_path: Path) -> None:
    """2,000 lines of 4 processes, through some twelve rotations: each whole, each once."""
    subprocess.run([sys.executable, "-c", FORKING, str(tmp_path)], check=True, timeout=50)
    files = sorted(tmp_path.glob("shop.log*"))
    assert len(files) > 5
    lines = [line for file in files for line in file.read_text().splitlines()]
    pattern = re.compile(r"\S+ INFO shop \[-\] line (\d)-(\d+) (x*)")
    found = [match for line in lines if (match := pattern.fullmatch(line))]
    assert len(lines) == 2001
    assert {(int(one[1]), int(one[2])) for one in found} == {
        (child, number) for child in range(4) for number in range(500)
    }
    assert all(len(one[3]) == int(one[2]) % 100 for one in found)


SERVING = """
import os, signal, sys
from waterspout import App
from waterspout.ext.logs import Logs
app = App("shop", instance_path=sys.argv[1])
app.config.update(LOG_FILE="shop.log", LOG_FORMAT="json", LOG_STDERR=True)
Logs(app)
@app.get("/<word>")
async def log(word):
    app.logger.info(word)
    return word
@app.get("/signal")
def send():
    os.kill(os.getpid(), signal.SIGUSR1)
    return "sent"
app.run(port=0)
"""


def test_logrotate_and_the_end_of_the_process(tmp_path: Path) -> None:
    """A file that was renamed is opened anew; at SIGTERM everything is written."""
    (tmp_path / "program.py").write_text(SERVING)
    file = tmp_path / "shop.log"
    with (
        running(tmp_path, "program.py", str(tmp_path)) as url,
        httpx.Client(base_url=url, trust_env=False) as client,
    ):
        client.get("/first")
        client.get("/signal")
        file.rename(tmp_path / "shop.log.old")
        client.get("/signal")
        for number in range(100):
            client.get(f"/next-{number}")
    old, new = (
        [json.loads(line)["message"] for line in each.read_text().splitlines()]
        for each in (tmp_path / "shop.log.old", file)
    )
    assert "first" in old
    assert [one for one in new if one.startswith("next")] == [f"next-{n}" for n in range(100)]


def test_a_sink_that_is_stuck_costs_lines_not_requests(make: Make, tmp_path: Path) -> None:
    """A pipe that nobody reads; the lines that were dropped are counted, and told later."""
    pipe = tmp_path / "shop.log"
    os.mkfifo(pipe)
    app, logs, _ = make(LOG_QUEUE=10, LOG_FLUSH_SECONDS=5.0)

    @app.get("/")
    async def view() -> str:
        app.logger.info("x" * 100)
        return "answered"

    client = app.test_client()
    assert {client.get("/").text for _ in range(50)} == {"answered"}
    queue = logs.queue
    assert queue is not None
    dropped = queue.dropped
    assert dropped >= 39
    with pipe.open() as reader:
        while not logs.flush():
            pass
        client.get("/")
        assert logs.flush()
        logs.close()
        lines = [json.loads(line) for line in reader]
    told = [line["message"] for line in lines if line["level"] == "WARNING"]
    assert told == [f"{dropped} log lines were dropped: they could not be written fast enough."]
    assert len(lines) == 50 - dropped + 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_told_once(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    app, logs, _ = make(LOG_FILE="/dev/full")

    @app.get("/")
    def view() -> str:
        app.logger.info("x")
        return "answered"

    assert [app.test_client().get("/").text for _ in range(5)] == ["answered"] * 5
    assert logs.flush()
    said = capsys.readouterr().err
    assert said.count("Cannot write the log file /dev/full") == 1
    assert "Traceback" not in said


def test_nothing_in_the_queue_is_lost_at_the_end(tmp_path: Path) -> None:
    """Lines logged just before a program without a server ends are written."""
    program = (
        "import sys\nfrom waterspout import App\nfrom waterspout.ext.logs import Logs\n"
        "app = App('shop', instance_path=sys.argv[1])\napp.config['LOG_FILE'] = 'shop.log'\n"
        "Logs(app)\nfor n in range(3000):\n    app.logger.info('%d', n)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, timeout=50)
    assert len((tmp_path / "shop.log").read_text().splitlines()) == 3000
