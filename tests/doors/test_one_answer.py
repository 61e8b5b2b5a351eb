"""Every request ends in one answer, or in a closed connection and an error in the log.

What goes wrong × where × who serves. Whatever it is, the client does not wait for ever, the log
has the error once, and the next request, on the same connection where that stays open, is fine.
"""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Callable, Iterator

import pytest
from doors_client import SECONDS, Ask, AsyncClientDoor, ClientDoor
from doors_faults import FAULTS, RETURNS, STATUSES, app
from doors_servers import ServerProcess
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

BEFORE = ("def-view", "async-view", "waiting-view", "handler", "before", "after")
FIRST = ("def-first", "async-first")
LATER = ("def-later", "async-later")
TEARDOWN = ("teardown", "async-teardown")

#: What is no `Exception` goes through a WSGI application to its server, as Flask's does.
THROUGH_WSGI = ("exit", "interrupt", "closed")

Server = Callable[[str], ServerProcess]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start a server of a kind when it is first asked for."""
    started: dict[str, ServerProcess] = {}

    def start(kind: str) -> ServerProcess:
        if kind not in started:
            started[kind] = ServerProcess(
                kind, "app", tmp_path_factory.mktemp("one-answer"), "doors_faults"
            )
        return started[kind]

    yield start
    for process in started.values():
        process.stop()


def ask_on(connection: http.client.HTTPConnection, path: str) -> tuple[int, bytes]:
    connection.request("GET", path)
    response = connection.getresponse()
    return response.status, response.read()


def logged(process: ServerProcess, path: str) -> int:
    """Return how often the log has the error of *path*."""
    return len(re.findall(rf"^\S+: fault {re.escape(path)}$", process.output, re.MULTILINE))


@pytest.mark.parametrize("what", FAULTS)
@pytest.mark.parametrize("where", [*BEFORE, *FIRST, *TEARDOWN])
@pytest.mark.parametrize("kind", ["native", "uvicorn"])
def test_a_fault_before_the_head_is_one_answer(
    server: Server, kind: str, where: str, what: str
) -> None:
    process = server(kind)
    connection = http.client.HTTPConnection("127.0.0.1", process.port, timeout=SECONDS)
    path = f"/{where}/{what}"
    before = logged(process, path)
    status, _ = ask_on(connection, path)
    assert status == (200 if where in TEARDOWN else 500)
    assert ask_on(connection, "/") == (200, b"fine")
    assert logged(process, path) - before == 1
    connection.close()


@pytest.mark.parametrize("what", FAULTS)
@pytest.mark.parametrize("where", LATER)
@pytest.mark.parametrize("kind", ["native", "uvicorn"])
def test_a_fault_behind_the_head_cuts_the_connection(
    server: Server, kind: str, where: str, what: str
) -> None:
    process = server(kind)
    connection = http.client.HTTPConnection("127.0.0.1", process.port, timeout=SECONDS)
    connection.request("GET", f"/{where}/{what}")
    with pytest.raises((http.client.IncompleteRead, OSError)):
        connection.getresponse().read()
    connection.close()
    assert ask_on(connection, "/") == (200, b"fine")
    assert logged(process, f"/{where}/{what}") == 1
    connection.close()


@pytest.mark.parametrize("what", [what for what in FAULTS if what not in THROUGH_WSGI])
@pytest.mark.parametrize("where", BEFORE)
def test_a_fault_under_wsgi_is_one_answer(server: Server, where: str, what: str) -> None:
    process = server("gunicorn")
    connection = http.client.HTTPConnection("127.0.0.1", process.port, timeout=SECONDS)
    assert ask_on(connection, f"/{where}/{what}") == (500, b"the program's own page")
    connection.close()
    assert ask_on(connection, "/") == (200, b"fine")
    connection.close()


@pytest.mark.parametrize(
    "path", [*(f"/returns/{what}" for what in RETURNS), *(f"/status/{code}" for code in STATUSES)]
)
@pytest.mark.parametrize("kind", ["native", "uvicorn", "gunicorn"])
def test_what_no_server_can_send_is_the_programs_own_500(
    server: Server, kind: str, path: str
) -> None:
    process = server(kind)
    connection = http.client.HTTPConnection("127.0.0.1", process.port, timeout=SECONDS)
    status, body = ask_on(connection, path)
    assert (status, body) == (500, b"the program's own page")
    connection.close()
    assert ask_on(connection, "/") == (200, b"fine")
    assert process.output.count(f"Exception on {path} [GET]") == 1
    connection.close()


@pytest.mark.parametrize("kind", ["native", "uvicorn", "gunicorn"])
def test_a_streamed_response_of_werkzeugs_own_class(server: Server, kind: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server(kind).port, timeout=SECONDS)
    assert ask_on(connection, "/werkzeug/x") == (200, b"ownclass")
    connection.close()


@pytest.mark.parametrize("kind", ["native", "uvicorn"])
def test_a_view_that_cancels_its_own_task(server: Server, kind: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server(kind).port, timeout=SECONDS)
    assert ask_on(connection, "/cancels-itself/x")[0] == 500
    assert ask_on(connection, "/") == (200, b"fine")
    connection.close()


@pytest.mark.parametrize("what", FAULTS)
@pytest.mark.parametrize("kind", ["native", "uvicorn"])
def test_a_websocket_function_that_fails_is_closed(server: Server, kind: str, what: str) -> None:
    process = server(kind)
    with connect(f"ws://127.0.0.1:{process.port}/ws/{what}") as socket:
        assert socket.recv(SECONDS) == "first"
        with pytest.raises(ConnectionClosed, match="1011"):
            socket.recv(SECONDS)
    connection = http.client.HTTPConnection("127.0.0.1", process.port, timeout=SECONDS)
    assert ask_on(connection, "/") == (200, b"fine")
    assert logged(process, f"/ws/{what}") == 1
    connection.close()


@pytest.mark.parametrize("where", [where for where in BEFORE if where != "handler"])
@pytest.mark.parametrize("what", ["error", "cancelled"])
def test_the_test_clients_get_one_answer(where: str, what: str) -> None:
    for door in (ClientDoor(app), AsyncClientDoor(app)):
        assert door.ask(Ask(f"/{where}/{what}")).status == 500
        assert door.ask(Ask("/")).body == b"fine"


@pytest.mark.parametrize(
    "path", [*(f"/returns/{what}" for what in RETURNS), *(f"/status/{code}" for code in STATUSES)]
)
def test_the_test_clients_get_the_programs_own_500(path: str) -> None:
    for door in (ClientDoor(app), AsyncClientDoor(app)):
        assert door.ask(Ask(path)).body == b"the program's own page"


def test_no_task_is_left(server: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server("native").port, timeout=SECONDS)
    before = ask_on(connection, "/tasks")
    for what in FAULTS:
        for where in (*BEFORE, *FIRST, *TEARDOWN):
            ask_on(connection, f"/{where}/{what}")
    # Some may be ending just now.
    assert json.loads(ask_on(connection, "/tasks")[1])[0] <= json.loads(before[1])[0] + 2
    connection.close()
