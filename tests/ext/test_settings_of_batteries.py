"""Settings of the batteries: a malformed one is an error at the start that names the setting and
the expected form, a misspelt name is a warning."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from limits.errors import ConfigurationError
from sqlalchemy.exc import ArgumentError

from waterspout import App
from waterspout.ext.cache import Cache
from waterspout.ext.db import SQLAlchemy
from waterspout.ext.limits import Limiter
from waterspout.ext.limits.util import get_remote_address
from waterspout.ext.mail import Mail
from waterspout.ext.rooms import Rooms
from waterspout.ext.sessions import Session
from waterspout.ext.tasks import Tasks

SETUP: dict[str, Callable[[App], Any]] = {
    "CACHE": Cache,
    "MAIL": Mail,
    "RATELIMIT": partial(Limiter, get_remote_address),
    "ROOMS": Rooms,
    "SESSION": Session,
    "SQLALCHEMY": SQLAlchemy,
    "TASKS": Tasks,
}
REDIS = ("CACHE_URL", "CACHE_REDIS_URL", "RATELIMIT_URL", "RATELIMIT_STORAGE_URI", "ROOMS_URL")
REDIS += ("SESSION_URL", "TASKS_URL", "TASKS_RESULT_URL")


def set_up(folder: Path, **settings: Any) -> App:
    """Return an application that has the batteries of its *settings*."""
    app = App(__name__, instance_path=str(folder))
    app.config.update(SECRET_KEY="a long random text", **settings)
    for name in {name.partition("_")[0] for name in settings} & SETUP.keys():
        SETUP[name](app)
    return app


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("redis://host/notanumber", "the database 'notanumber' is no number"),
        ("redis://host?db=x", "the database 'x' is no number"),
        ("redis:/host", None),
        ("redis://h:abc", "the port is no number"),
        ("redis://u:secret@h:99999/0", "the port is no number"),
        ("", None),
        ("reddis://host", None),
        ("localhost:6379", None),
    ],
)
@pytest.mark.parametrize("setting", REDIS)
def test_a_malformed_redis_url(tmp_path: Path, setting: str, url: str, says: str | None) -> None:
    more = {"CACHE_TYPE": "RedisCache"} if setting == "CACHE_REDIS_URL" else {}
    if not url and setting in {"CACHE_REDIS_URL", "RATELIMIT_STORAGE_URI"}:
        return  # empty says that there is none, as in the extensions whose setting it is
    with pytest.raises((ValueError, ConfigurationError)) as caught:
        set_up(tmp_path, **{setting: url}, **more)
    text = str(caught.value)
    assert setting in text
    assert says is None or says in text
    assert "secret" not in text


@pytest.mark.parametrize(
    "url",
    [
        *("redis://localhost", "redis://localhost:6379/0", "redis://u:p%40w@localhost/1"),
        *("rediss://localhost/0", "redis://:pw@localhost:6379", "redis://localhost?db=2"),
    ],
)
@pytest.mark.parametrize("setting", REDIS)
def test_a_well_formed_redis_url(tmp_path: Path, setting: str, url: str) -> None:
    more = {"CACHE_TYPE": "RedisCache"} if setting == "CACHE_REDIS_URL" else {}
    set_up(tmp_path, **{setting: url}, **more)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"MAIL_PORT": "smtp"}, r"MAIL_PORT is 'smtp'; expected a port"),
        ({"MAIL_PORT": 70000}, r"MAIL_PORT is 70000; expected a port"),
        ({"MAIL_URL": "smtp://mail.example:abc"}, r"MAIL_URL is smtp://HOST"),
        ({"MAIL_USE_TLS": "perhaps"}, r"MAIL_USE_TLS is 'perhaps'; expected True or False"),
        ({"MAIL_TIMEOUT": "soon"}, r"MAIL_TIMEOUT is 'soon'; expected a number"),
        ({"CACHE_TYPE": "Redis_Cache"}, r"CACHE_TYPE is 'Redis_Cache'; expected .*RedisCache"),
        ({"CACHE_DEFAULT_TIMEOUT": "1m"}, r"CACHE_DEFAULT_TIMEOUT is '1m'; expected a number"),
        ({"CACHE_URL": "file://"}, r"CACHE_URL is .*'file:///folder'"),
        ({"CACHE_TYPE": "RedisCache", "CACHE_REDIS_PORT": "x"}, r"CACHE_REDIS_PORT is 'x'"),
        ({"SESSION_TIMEOUT": "2s"}, r"SESSION_TIMEOUT is '2s'; expected a number"),
        ({"SESSION_POOL_SIZE": 1.5}, r"SESSION_POOL_SIZE is 1.5; expected an int"),
        ({"SESSION_URL": "postgresql://u:secret@h:x/d"}, r"SESSION_URL is 'postgresql://\*\*\*@h"),
        ({"RATELIMIT_SERVER_TIMEOUT": "1s"}, r"RATELIMIT_SERVER_TIMEOUT is '1s'"),
        ({"ROOMS_TIMEOUT": "5"}, r"ROOMS_TIMEOUT is '5'; expected a number"),
        ({"TASKS_LEASE": "30"}, r"TASKS_LEASE is '30'; expected a number"),
        ({"TASKS_URL": "amqp://host:abc"}, r"TASKS_URL is .*the port is no number.*amqp://"),
        ({"TASKS_URL": "nats://"}, r"TASKS_URL is .*it names no host; expected nats://"),
        ({"SQLALCHEMY_DATABASE_URI": ""}, r"SQLALCHEMY_DATABASE_URI is '': it is empty; expected"),
        ({"SQLALCHEMY_DATABASE_URI": "app.db"}, r"SQLALCHEMY_DATABASE_URI is 'app.db'"),
        ({"SQLALCHEMY_DATABASE_URI": "postgress://h/d"}, r"URI is .*dialects:postgress"),
        ({"SQLALCHEMY_DATABASE_URI": "sqlite://app.db"}, r"two slashes begin a host"),
        ({"SQLALCHEMY_DATABASE_URI": "mysql://u:secret@h:x/d"}, r"is 'mysql://\*\*\*@h:x/d'"),
        ({"SQLALCHEMY_BINDS": {"meta": "sqlite:/m.db"}}, r"SQLALCHEMY_BINDS\['meta'\] is"),
        ({"SQLALCHEMY_BINDS": {"meta": None}}, r"SQLALCHEMY_BINDS\['meta'\] is None"),
    ],
)
def test_a_malformed_setting(tmp_path: Path, settings: dict[str, Any], says: str) -> None:
    with pytest.raises((ValueError, ArgumentError), match=says) as caught:
        set_up(tmp_path, **settings)
    assert "secret" not in str(caught.value)


def test_settings_of_the_environment_are_texts(tmp_path: Path) -> None:
    app = set_up(tmp_path, MAIL_PORT="587", MAIL_USE_TLS="true", MAIL_USE_SSL="False")
    state = app.extensions["mail"]
    assert (state.port, state.use_tls, state.use_ssl) == (587, True, False)


def test_the_application_is_no_key_function(tmp_path: Path) -> None:
    """``Limiter(app)`` of versions before 3."""
    wrong: Any = App(__name__)
    with pytest.raises(TypeError, match=r"write Limiter\(get_remote_address, app=app\)"):
        Limiter(wrong)


def test_the_database_that_is_used_where_none_is_set_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app = App(__name__, instance_path=str(tmp_path))
    db = SQLAlchemy(app)
    assert [record.getMessage() for record in caplog.records] == [
        f"SQLALCHEMY_DATABASE_URI is not set: the database is the file {tmp_path / 'app.db'}."
    ]
    with app.app_context():
        assert db.session.scalar(sa.text("select 1")) == 1
    caplog.clear()
    set_up(tmp_path, SQLALCHEMY_DATABASE_URI="sqlite:///own.db")
    set_up(tmp_path, SQLALCHEMY_BINDS={"meta": "sqlite:///meta.db"})
    assert not caplog.records


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("SQLALCHEMY_DATABASE_URL", "SQLALCHEMY_DATABASE_URI"),
        ("DATABASE_URL", "SQLALCHEMY_DATABASE_URI"),
        ("SQLALCHEMY_DATABSE_URI", "SQLALCHEMY_DATABASE_URI"),
        ("SQLALCHEMY_ENGINE_OPTION", "SQLALCHEMY_ENGINE_OPTIONS"),
        ("CACHE_DEFAULT_TIMEOUTS", "CACHE_DEFAULT_TIMEOUT"),
        ("SESSION_COOKIE_SECUR", None),
        ("SESSION_KEY_PREFX", "SESSION_KEY_PREFIX"),
        ("MAIL_USER_NAME", "MAIL_USERNAME"),
        ("RATELIMIT_STORAGE_URL", "RATELIMIT_STORAGE_URI"),
        ("TASKS_RESULTS_URL", "TASKS_RESULT_URL"),
        ("ROOMS_PRESENCE_TTLS", "ROOMS_PRESENCE_TTL"),
        ("CACHE_OF_OURS", None),
    ],
)
def test_a_misspelt_setting_is_told(
    tmp_path: Path, name: str, meant: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    app = App(__name__, instance_path=str(tmp_path))
    app.config.update(SECRET_KEY="a long random text")
    app.config[name] = "x"
    SETUP["SQLALCHEMY" if name == "DATABASE_URL" else name.partition("_")[0]](app)
    lines = [record.getMessage() for record in caplog.records if "no setting" in record.msg]
    expected = f"{name} is no setting, and is not used; is {meant} meant?"
    assert lines == ([] if meant is None else [expected])
