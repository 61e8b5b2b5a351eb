"""One fixture for security tests: a site behind every door, and through every kind of mount."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from security_doors import DOORS, Door, ServerProcess


@pytest.fixture(scope="session", autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A folder of files that all sites know, with a link out of it."""
    place = tmp_path_factory.mktemp("files")
    (place / "outside.txt").write_text("outside")
    (place / "folder").mkdir()
    (place / "folder" / "inside.txt").write_text("inside")
    (place / "folder" / "link.txt").symlink_to(place / "outside.txt")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SECURITY_FOLDER", str(place / "folder"))
        yield


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], ServerProcess]]:
    """Start a server when it is first asked for."""
    folder = tmp_path_factory.mktemp("security")
    started: dict[str, ServerProcess] = {}

    def start(kind: str) -> ServerProcess:
        if kind not in started:
            started[kind] = ServerProcess(kind, folder)
        return started[kind]

    yield start
    for process in started.values():
        process.stop()


@pytest.fixture(params=DOORS)
def door_kind(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


@pytest.fixture
def open_door(door_kind: str, server: Callable[[str], ServerProcess]) -> Callable[[str, str], Door]:
    """Return this door to the site with those settings, of that kind."""

    def open_door(settings: str, kind: str) -> Door:
        name = f"{settings}@{kind}"
        port = None if "client" in door_kind else server(door_kind).port(name)
        return Door(door_kind, name, port)

    return open_door
