"""Where an application's code lies, and switches from the environment."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

import pytest

from waterspout.application.root_path import find_package, get_root_path
from waterspout.env import get_debug_flag, get_load_dotenv


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the import path; its modules would fail if they were run."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(os.sep)
    for name in ("place_module.py", "place_package/__init__.py", "place_package/inner.py"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("1 // 0")
    (tmp_path / "place_space" / "part").mkdir(parents=True)
    return tmp_path


def test_the_root_path_is_the_folder_of_the_module(project: Path) -> None:
    assert get_root_path("place_module") == str(project)
    assert get_root_path("place_package") == str(project / "place_package")
    assert get_root_path(__name__) == str(Path(__file__).parent)


def test_an_unknown_module_gives_the_current_folder(project: Path) -> None:
    assert get_root_path("place_missing") == os.sep
    assert get_root_path("") == os.sep


def test_a_module_without_a_file_needs_a_root_path(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    importlib.import_module("place_space")
    with pytest.raises(RuntimeError, match=r"No root path can be found.*'root_path'"):
        get_root_path("place_space")
    monkeypatch.delitem(sys.modules, "place_space")


def test_code_that_is_not_installed_has_no_prefix(project: Path) -> None:
    for name in ("place_module", "place_package", "place_package.inner", "place_space.part"):
        assert find_package(name) == (None, str(project))
    assert find_package("place_missing") == (None, os.sep)


@pytest.mark.parametrize(
    ("folder", "prefix"),
    [
        ("venv/lib/python3.11/site-packages", "venv"),
        ("venv/Lib/site-packages", "venv"),
        ("odd/site-packages", "odd"),
    ],
)
def test_installed_code_has_the_prefix_of_its_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, prefix: str
) -> None:
    packages = tmp_path / folder
    packages.mkdir(parents=True)
    (packages / "place_installed.py").write_text("")
    monkeypatch.syspath_prepend(str(packages))
    assert find_package("place_installed") == (str(tmp_path / prefix), str(packages))


def test_the_interpreters_own_prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "place_own.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert find_package("place_own") == (str(tmp_path), str(tmp_path))


@pytest.mark.parametrize(
    ("value", "debug", "dotenv"),
    [
        *((None, False, True), ("", False, True), ("0", False, True), ("False", False, True)),
        *(("No", False, True), ("1", True, False), ("True", True, False)),
    ],
)
def test_switches_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, value: str | None, debug: bool, dotenv: bool
) -> None:
    for name in ("FLASK_DEBUG", "FLASK_SKIP_DOTENV"):
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    assert get_debug_flag() is debug
    assert get_load_dotenv() is dotenv
    assert get_load_dotenv(False) is (dotenv if value else False)
