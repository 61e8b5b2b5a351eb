"""Settings: the table, the presets, and the ways to fill `app.config`."""

from __future__ import annotations

import json
import os
import re
import tomllib
from datetime import timedelta
from pathlib import Path

import flask
import pytest

from waterspout import config as settings
from waterspout.config import (
    DEFAULT_CONFIG,
    MODERN_DEFAULTS,
    SETTINGS,
    Config,
    ConfigAttribute,
)

SITE_NAME = "from this module"
lower_case = "not a setting"


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(tmp_path, DEFAULT_CONFIG)


def test_defaults_are_those_of_flask_a2() -> None:
    theirs = dict(flask.Flask.default_config)
    assert {name: DEFAULT_CONFIG[name] for name in theirs} == theirs


def test_every_setting_is_explained_in_one_line_with_its_unit_a2() -> None:
    for name, setting in SETTINGS.items():
        assert re.fullmatch(r"[A-Z][A-Z_]+", name)
        assert setting.about.endswith("."), name
        assert "\n" not in setting.about, name
        if type(setting.default) in (int, float, timedelta):
            assert setting.unit, f"{name} is a quantity without a unit"


def test_every_setting_the_framework_reads_is_in_the_table_a2() -> None:
    source = Path(settings.__file__).parent
    read: set[str] = set()
    for file in source.rglob("*.py"):
        # What Flask 1 and 2 had is read where their attributes are kept.
        # The settings of a battery stand in its own page.
        rooms = file.relative_to(source).parts
        if not {"demo", "ext"} & {*rooms} and file.name not in (
            "config.py",
            "_old_app.py",
        ):
            read.update(re.findall(r"config(?:\[|\.get\()\"([A-Z_]+)\"", file.read_text()))
    assert read - set(SETTINGS) == set()


def test_presets_differ_only_in_listed_settings_a2() -> None:
    assert set(MODERN_DEFAULTS) <= set(DEFAULT_CONFIG)
    assert all(MODERN_DEFAULTS[name] != DEFAULT_CONFIG[name] for name in MODERN_DEFAULTS)
    assert MODERN_DEFAULTS["MAX_CONTENT_LENGTH"] == 1024 * 1024
    assert MODERN_DEFAULTS["SESSION_COOKIE_SAMESITE"] == "Lax"


def test_one_apps_settings_are_not_anothers_a2(tmp_path: Path) -> None:
    one, other = Config(tmp_path, DEFAULT_CONFIG), Config(tmp_path, DEFAULT_CONFIG)
    one["SECRET_KEY"] = "one"
    assert other["SECRET_KEY"] is None
    assert DEFAULT_CONFIG["SECRET_KEY"] is None


def test_from_object_takes_upper_case_names_a2(config: Config) -> None:
    class Base:
        SITE_NAME = "base"

    class Production(Base):
        DEBUG = False
        helper = "lower"

    config.from_object(Production)
    assert (config["SITE_NAME"], config["DEBUG"]) == ("base", False)
    assert "helper" not in config
    config.from_object(__name__)
    assert config["SITE_NAME"] == SITE_NAME
    assert "lower_case" not in config


def test_from_pyfile_reads_relative_to_the_root_path_a2(config: Config, tmp_path: Path) -> None:
    (tmp_path / "site.cfg").write_text(
        "import os\nPLACE = os.path.basename(__file__)\nTWICE = 2 * 21\nhidden = 1\n"
    )
    assert config.from_pyfile("site.cfg") is True
    assert (config["PLACE"], config["TWICE"]) == ("site.cfg", 42)
    assert "hidden" not in config


@pytest.mark.parametrize("encoding", ["utf-8", "iso-8859-15", "latin-1"])
def test_from_pyfile_honours_the_files_encoding_a2(
    config: Config, tmp_path: Path, encoding: str
) -> None:
    (tmp_path / "s.py").write_text(f'# -*- coding: {encoding} -*-\nNAME = "föö"\n', encoding)
    config.from_pyfile("s.py")
    assert config["NAME"] == "föö"


def test_missing_files_raise_unless_silent_a2(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_SETTINGS", "missing.cfg")
    wanted = r"Unable to load configuration file \(No such file or directory\): .*missing"
    for load in (
        lambda silent: config.from_pyfile("missing.cfg", silent=silent),
        lambda silent: config.from_file("missing.json", load=json.load, silent=silent),
        lambda silent: config.from_envvar("SHOP_SETTINGS", silent=silent),
    ):
        with pytest.raises(OSError, match=wanted):
            load(False)
        assert load(True) is False


def test_from_envvar_says_that_the_variable_is_not_set_a2(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SHOP_SETTINGS", raising=False)
    with pytest.raises(RuntimeError, match="'SHOP_SETTINGS' is not set"):
        config.from_envvar("SHOP_SETTINGS")
    assert config.from_envvar("SHOP_SETTINGS", silent=True) is False


def test_from_file_takes_any_loader_a2(config: Config, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"A_KEY": 1, "lower": 2}')
    (tmp_path / "b.toml").write_text("B_KEY = 3\n")
    (tmp_path / "empty").write_text("")
    assert config.from_file("a.json", load=json.load)
    assert config.from_file("b.toml", load=tomllib.load, text=False)
    assert config.from_file("empty", load=lambda file: file.read() or None)  # type: ignore[arg-type]  # as YAML loaders do
    assert (config["A_KEY"], config["B_KEY"]) == (1, 3)
    assert "lower" not in config


def test_from_mapping_a2(config: Config) -> None:
    assert config.from_mapping({"A": 1, "b": 2}, C=3)
    assert config.from_mapping([("D", 4)])  # type: ignore[arg-type]  # pairs work as in Flask
    assert (config["A"], config["C"], config["D"]) == (1, 3, 4)
    assert "b" not in config
    with pytest.raises(TypeError):
        config.from_mapping({}, {})  # type: ignore[call-arg]


def test_from_prefixed_env_reads_json_and_nested_keys_a2(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in {
        "SHOP_TEXT": "value",
        "SHOP_FLAG": "true",
        "SHOP_LIST": "[1, 2]",
        "SHOP_DB__url": "sqlite://",
        "SHOP_DB__POOL__size": "5",
        "OTHER_KEY": "no",
    }.items():
        monkeypatch.setenv(name, text)
    config["DB"] = {"url": "old", "echo": True}
    assert config.from_prefixed_env("SHOP")
    assert (config["TEXT"], config["FLAG"], config["LIST"]) == ("value", True, [1, 2])
    if os.name != "nt":  # Windows upper-cases names
        assert config["DB"] == {"url": "sqlite://", "echo": True, "POOL": {"size": 5}}
    assert "KEY" not in config


def test_from_prefixed_env_with_another_loader_a2(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLASK_TRUE", "true")
    config.from_prefixed_env(loads=str.upper)
    assert config["TRUE"] == "TRUE"


def test_get_namespace_a2(config: Config) -> None:
    config.update(MAIL_HOST="a", MAIL_PORT=25, OTHER=1)
    assert config.get_namespace("MAIL_") == {"host": "a", "port": 25}
    assert config.get_namespace("MAIL_", lowercase=False) == {"HOST": "a", "PORT": 25}
    assert config.get_namespace("MAIL_", trim_namespace=False) == {
        "mail_host": "a",
        "mail_port": 25,
    }


def test_config_attribute_reads_and_writes_the_setting_a2(config: Config) -> None:
    class Program:
        secret_key = ConfigAttribute[str | None]("SECRET_KEY")
        lifetime = ConfigAttribute("LIFETIME", get_converter=lambda s: timedelta(seconds=s))

        def __init__(self) -> None:
            self.config = config

    program = Program()
    program.secret_key = "k"
    config["LIFETIME"] = 42
    assert config["SECRET_KEY"] == "k"
    assert program.lifetime == timedelta(seconds=42)
    assert isinstance(Program.secret_key, ConfigAttribute)


def test_repr_names_the_class_a2(config: Config) -> None:
    class SiteConfig(Config):
        pass

    assert repr(SiteConfig("/", {"A": 1})) == "<SiteConfig {'A': 1}>"


def test_public_names_have_docstrings() -> None:
    assert all(getattr(settings, name).__doc__ for name in ("Config", "ConfigAttribute", "Setting"))
