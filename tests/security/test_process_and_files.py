"""What other users of the machine may do: read no keys, connect where they may, and put no modules
in the way; and what debug mode says where others can reach it."""

from __future__ import annotations

import logging
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from waterspout import App
from waterspout.demo import make_app
from waterspout.server import ServerSettings, SettingsError, serve_in_thread


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def open_umask() -> object:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_umask")
@pytest.mark.parametrize("before", [None, 0o755])
def test_the_demos_folder_is_its_owners_alone(tmp_path: Path, before: int | None) -> None:
    """The key of its sessions, and what its users wrote, are in it."""
    path = tmp_path / "blog"
    if before is not None:
        path.mkdir(before)
    app = make_app({"FOLDER": str(path), "TESTING": True})
    assert len(app.secret_key or "") > 30
    assert mode_of(path) == 0o700


@pytest.mark.parametrize("text", ["0600", "600", "0o600"])
def test_the_mode_of_a_unix_socket_is_octal(tmp_path: Path, text: str) -> None:
    path = tmp_path / "s"
    settings = ServerSettings.from_env({"WATERSPOUT_UDS": str(path), "WATERSPOUT_UDS_MODE": text})
    with serve_in_thread(App("modes"), settings):
        assert mode_of(path) == 0o600


def test_a_proxy_of_another_user_can_connect_by_default(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with serve_in_thread(App("modes"), ServerSettings(uds=str(path))):
        assert mode_of(path) == 0o666
    before = os.umask(0o027)
    try:
        with serve_in_thread(App("modes"), ServerSettings(uds=str(path), uds_mode=None)):
            assert mode_of(path) == 0o750
    finally:
        os.umask(before)


@pytest.mark.parametrize("text", ["0800", "rw", "7777", "-1"])
def test_a_mode_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=r"(?i)uds_mode"):
        ServerSettings.from_env({"WATERSPOUT_UDS_MODE": text})


@pytest.mark.parametrize("module", ["waterspout", "waterspout.dropin"])
def test_a_module_does_not_import_from_the_working_directory(tmp_path: Path, module: str) -> None:
    for name in ("click", "werkzeug", "jinja2", "sysconfig", "runpy"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('taken from here')\n")
    done = subprocess.run(
        [sys.executable, "-m", module, "--help"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("how", "warns"),
    [
        ({"host": "0.0.0.0", "debug": True}, True),
        ({"host": "127.0.0.1", "debug": True}, False),
        ({"host": "0.0.0.0"}, False),
    ],
)
def test_debug_mode_where_others_can_reach_it_warns(
    caplog: pytest.LogCaptureFixture, how: dict[str, object], warns: bool
) -> None:
    with caplog.at_level(logging.WARNING), serve_in_thread(App("debug"), port=0, **how):
        pass
    assert any("Debug mode is on" in record.message for record in caplog.records) is warns
