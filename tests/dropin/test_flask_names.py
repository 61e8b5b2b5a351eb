"""Names that Flask removed are still there, warn once, and do what they did."""

from __future__ import annotations

import copy
import importlib
import json
import pickle
import uuid
import warnings
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import markupsafe
import pytest
from werkzeug.exceptions import NotFound

from waterspout import flask
from waterspout.flask import _old_app, _removed

TABLES = {
    "flask": _removed.TOP_LEVEL,
    "flask.app": _removed.APP,
    "flask.cli": _removed.CLI,
    "flask.ctx": _removed.STACKS,
    "flask.templating": _removed.STACKS,
    "flask.testing": _removed.TESTING,
    "flask.wrappers": _removed.WRAPPERS,
    "flask.globals": _removed.GLOBALS,
    "flask.helpers": _removed.HELPERS,
    "flask.json": _removed.JSON,
    "flask.sessions": _removed.SESSIONS,
    "flask.signals": _removed.SIGNALS,
}
EVERY_NAME = [(module, name) for module, names in TABLES.items() for name in names]


def removed(module: str, name: str) -> Any:
    """Return a removed name; the warning is expected."""
    with pytest.warns(DeprecationWarning, match=rf"'{module}\.{name}' was removed; use ") as caught:
        value = getattr(importlib.import_module(f"waterspout.{module}"), name)
    assert caught[0].filename == __file__
    return value


@pytest.mark.parametrize(("module", "name"), EVERY_NAME)
def test_name_is_there_with_a_warning(module: str, name: str) -> None:
    """Every name of the tables can be had."""
    assert removed(module, name) is not None


def test_unknown_names_are_unknown() -> None:
    """A removed name does not open the door to others, and nothing is listed."""
    with pytest.raises(AttributeError, match="'no_such_name'"):
        flask.no_such_name
    assert not {"Markup", "_app_ctx_stack", "__version__"} & set(dir(flask))


def test_flask_version_as_flask_3_1_gives_it() -> None:
    with pytest.warns(DeprecationWarning, match="importlib.metadata") as caught:
        assert flask.__version__ == importlib.metadata.version("flask")  # type: ignore[attr-defined]
    assert caught[0].filename == __file__


def test_markup_and_escape() -> None:
    assert removed("flask", "Markup") is markupsafe.Markup
    assert removed("flask", "escape")("<") == "&lt;"


class TestStacks:
    """`_app_ctx_stack` and `_request_ctx_stack`, as extensions of Flask 0.9 to 2.1 use them."""

    def test_top_is_the_current_context(self) -> None:
        app_stack = removed("flask", "_app_ctx_stack")
        request_stack = removed("flask", "_request_ctx_stack")
        assert removed("flask.globals", "_request_ctx_stack") is request_stack
        assert app_stack.top is None
        assert request_stack.top is None
        app = flask.Flask(__name__)
        with app.app_context():
            assert app_stack.top.app is app
            assert request_stack.top is None
        with app.test_request_context("/path"):
            assert request_stack.top.request.path == "/path"
            assert app_stack.top.app is app
        assert app_stack.top is None

    def test_extension_keeps_a_connection_on_top(self) -> None:
        """The pattern of old extensions: connect once per context, close at its end."""
        stack = removed("flask", "_app_ctx_stack")
        app = flask.Flask(__name__)
        events = []

        def connection() -> str:
            if not hasattr(stack.top, "connection"):
                events.append("open")
                stack.top.connection = "connected"
            return stack.top.connection

        @app.teardown_appcontext
        def close(error: BaseException | None) -> None:
            if hasattr(stack.top, "connection"):
                events.append("close")

        @app.route("/")
        def index() -> str:
            return connection() + connection()

        client = app.test_client()
        assert client.get("/").text == "connectedconnected"
        assert client.get("/").text == "connectedconnected"
        assert events == ["open", "close", "open", "close"]

    def test_push_and_pop(self) -> None:
        stack = removed("flask", "_request_ctx_stack")
        assert stack.pop() is None
        context = flask.Flask(__name__).test_request_context("/")
        stack.push(context)
        assert stack.top is context
        assert stack.pop() is context
        assert stack.top is None


class TestJSONClasses:
    """`JSONEncoder`, `app.json_encoder` and their counterparts for reading."""

    @pytest.fixture
    def encoder(self) -> Any:
        class Encoder(removed("flask.json", "JSONEncoder")):  # type: ignore[misc]
            def default(self, o: Any) -> Any:
                return sorted(o) if isinstance(o, set) else super().default(o)

        return Encoder

    def test_encoder_knows_the_extra_types(self) -> None:
        encoder = removed("flask", "JSONEncoder")
        day, one = date(2020, 2, 3), uuid.UUID(int=1)
        assert json.dumps(day, cls=encoder) == '"Mon, 03 Feb 2020 00:00:00 GMT"'
        assert json.dumps(one, cls=encoder) == f'"{one}"'
        with pytest.raises(TypeError, match="not JSON serializable"):
            json.dumps(object(), cls=encoder)

    def test_encoder_set_on_an_app(self, encoder: Any) -> None:
        """`app.json_encoder = Encoder` is used by jsonify, dumps and dict answers."""
        app = flask.Flask(__name__)
        app.json.sort_keys = False  # type: ignore[attr-defined]
        with pytest.warns(DeprecationWarning, match=r"'app\.json_encoder' was removed") as caught:
            app.json_encoder = encoder
        assert caught[0].filename == __file__
        assert app.json_encoder is encoder

        @app.route("/")
        def index() -> Any:
            return {"b": {2, 1}, "a": date(2020, 2, 3)}

        assert app.test_client().get("/").text == (
            '{"b":[1,2],"a":"Mon, 03 Feb 2020 00:00:00 GMT"}\n'
        )
        with app.app_context():
            assert flask.json.dumps({3}) == "[3]"
            assert flask.jsonify({3}).get_json() == [3]

    def test_encoder_and_decoder_named_in_a_subclass(self, encoder: Any) -> None:
        """The other way programs had: an attribute of their own application class."""

        class Decoder(removed("flask.json", "JSONDecoder")):  # type: ignore[misc]
            def decode(self, s: str, **kwargs: Any) -> Any:
                return {"read": super().decode(s, **kwargs)}

        with pytest.warns(DeprecationWarning, match="json_(en|de)coder' was removed") as caught:

            class Mine(flask.Flask):
                json_encoder = encoder
                json_decoder = Decoder

        assert [warning.filename for warning in caught] == [__file__, __file__]

        class Other(Mine):
            pass

        for cls in (Mine, Other):
            app = cls(__name__)
            assert app.json_encoder is encoder
            assert app.json.dumps({2, 1}) == "[1, 2]"
            assert app.json.loads("1") == {"read": 1}
        assert flask.Flask(__name__).json.loads("1") == 1

    def test_app_without_them_has_flasks_provider(self) -> None:
        app = flask.Flask(__name__)
        assert type(app.json) is flask.json.provider.DefaultJSONProvider
        assert app.json_encoder.__name__ == "JSONEncoder"


def test_safe_join_refuses_to_leave(tmp_path: Path) -> None:
    safe_join = removed("flask.helpers", "safe_join")
    assert safe_join(tmp_path, "a", "b") == f"{tmp_path}/a/b"
    with pytest.raises(NotFound):
        safe_join(tmp_path, "../secret")


def test_total_seconds() -> None:
    assert removed("flask.helpers", "total_seconds")(timedelta(days=1, seconds=2)) == 86402


def test_before_first_request_is_a_real_method() -> None:
    """The classic once-hook; Flask removed it in 2.3, Waterspout keeps it without a warning."""
    app = flask.Flask(__name__)
    blueprint = flask.Blueprint("b", __name__)
    calls = []
    app.before_first_request(lambda: calls.append("app"))
    blueprint.before_app_first_request(lambda: calls.append("blueprint"))
    app.register_blueprint(blueprint)
    app.add_url_rule("/", view_func=lambda: "ok", endpoint="index")
    client = app.test_client()
    assert client.get("/").text == client.get("/").text == "ok"
    assert calls == ["app", "blueprint"]


def test_compat_module() -> None:
    """`flask._compat`, the Python 2 names."""
    from waterspout.flask import _compat

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        names: Any = {name: getattr(_compat, name) for name in ("PY2", "text_type", "iteritems")}
        meta = type("Meta", (type,), {})

        class Made(_compat.with_metaclass(meta, dict)):  # type: ignore[misc]
            pass

        with pytest.raises(KeyError) as raised:
            _compat.reraise(KeyError, KeyError("k"), None)
    assert names["PY2"] is False
    assert names["text_type"] is str
    assert list(names["iteritems"]({1: 2})) == [(1, 2)]
    assert type(Made) is meta
    assert Made.__mro__[1] is dict
    assert raised.value.args == ("k",)
    with pytest.warns(
        DeprecationWarning, match=r"'flask\._compat\.text_type' was removed; use 'str'"
    ):
        _compat.text_type


class TestOldApplication:
    """What the application object and its settings had in Flask 1 and 2."""

    @pytest.fixture
    def app(self) -> Any:
        return flask.Flask(__name__)

    def old(self, app: Any, name: str) -> Any:
        with pytest.warns(DeprecationWarning, match=rf"'app\.{name}' was removed; use ") as caught:
            value = getattr(app, name)
        assert caught[0].filename == __file__
        return value

    @pytest.mark.parametrize("name", _old_app.OLD)
    def test_every_name_is_there(self, app: Any, name: str) -> None:
        self.old(app, name)
        assert name not in dir(app)

    @pytest.mark.parametrize(
        ("name", "setting", "value", "read"),
        [
            ("session_cookie_name", "SESSION_COOKIE_NAME", "sid", "sid"),
            ("use_x_sendfile", "USE_X_SENDFILE", True, True),
            ("templates_auto_reload", "TEMPLATES_AUTO_RELOAD", True, True),
            ("propagate_exceptions", "PROPAGATE_EXCEPTIONS", True, True),
            ("send_file_max_age_default", "SEND_FILE_MAX_AGE_DEFAULT", 60, timedelta(minutes=1)),
            ("env", "ENV", "staging", "staging"),
            ("preserve_context_on_exception", "PRESERVE_CONTEXT_ON_EXCEPTION", True, True),
        ],
    )
    def test_attributes_kept_in_settings(
        self, app: Any, name: str, setting: str, value: Any, read: Any
    ) -> None:
        """They are the setting, both ways."""
        setattr(app, name, value)
        assert app.config[setting] == value
        assert self.old(app, name) == read

    def test_defaults_that_follow_others(self, app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("FLASK_ENV", raising=False)
        assert self.old(app, "env") == "production"
        assert self.old(app, "propagate_exceptions") is False
        assert self.old(app, "templates_auto_reload") is False
        app.debug = True
        assert self.old(app, "propagate_exceptions") is True
        assert self.old(app, "templates_auto_reload") is True
        monkeypatch.setenv("FLASK_ENV", "testing")
        assert self.old(app, "env") == removed("flask.helpers", "get_env")() == "testing"
        with pytest.warns(DeprecationWarning, match="The setting 'ENV' was removed"):
            assert app.config["ENV"] == "testing"
        assert "ENV" not in app.config

    def test_session_methods(self, app: Any) -> None:
        app.secret_key = "k"
        with app.test_request_context() as context:
            session = self.old(app, "open_session")(context.request)
            session["a"] = 1
            response = app.make_response("x")
            self.old(app, "save_session")(session, response)
            assert "session=" in response.headers["Set-Cookie"]
            with pytest.raises(RuntimeError, match="secret key"):
                self.old(app, "make_null_session")()["a"] = 1

    def test_a_programs_own_names_come_first(self, app: Any) -> None:
        """Also one that Flask had for something else."""

        class Mine(flask.Flask):
            env = "mine"
            modules: Any = None

        mine = Mine(__name__)
        assert mine.env == "mine"
        mine.env = "other"
        assert mine.env == "other"
        assert "ENV" not in mine.config
        app.logger_name = "x"
        assert app.logger_name == "x"
        with pytest.raises(AttributeError, match="'Flask' object has no attribute 'no_such'"):
            app.no_such

    @pytest.mark.parametrize("way", ["item", "update", "object"])
    def test_settings_of_json(self, app: Any, way: str) -> None:
        """JSON_AS_ASCII and the others do what they did before Flask 2.3, however they are set."""
        values = {
            "JSON_AS_ASCII": False,
            "JSON_SORT_KEYS": False,
            "JSONIFY_MIMETYPE": "application/vnd.api+json",
            "JSONIFY_PRETTYPRINT_REGULAR": True,
        }
        ways: dict[str, Callable[[], Any]] = {
            "item": lambda: [app.config.__setitem__(name, values[name]) for name in values],
            "update": lambda: app.config.update(values),
            "object": lambda: app.config.from_object(type("Settings", (), values)),
        }
        with pytest.warns(DeprecationWarning, match=r"set 'app\.json\.") as caught:
            ways[way]()
        assert caught[0].filename == __file__
        app.add_url_rule("/", view_func=lambda: {"b": "ü", "a": 1}, endpoint="index")
        response = app.test_client().get("/")
        assert response.text == '{\n  "b": "ü",\n  "a": 1\n}\n'
        assert response.mimetype == "application/vnd.api+json"


def test_settings_can_be_copied_and_pickled() -> None:
    app = flask.Flask(__name__)
    for made in (pickle.loads(pickle.dumps(app.config)), copy.deepcopy(app.config)):
        assert made == app.config
        made["JSON_SORT_KEYS"] = False  # of nobody: without a warning
    assert app.json.sort_keys is True  # type: ignore[attr-defined]


def test_old_steps_of_the_command_line() -> None:
    def create_app(script_info: Any, name: str = "x") -> Any:
        return script_info, name

    call_factory = removed("flask.cli", "call_factory")
    assert call_factory("info", create_app, ("given",)[:0], {"name": "y"}) == ("info", "y")
    loaded = removed("flask.cli", "DispatchingApp")(lambda: lambda e, s: [b"x"], False)
    assert loaded({}, None) == [b"x"]


def test_old_lookups() -> None:
    app = flask.Flask(__name__)
    with pytest.raises(RuntimeError, match="outside of"):
        removed("flask.globals", "_find_app")()
    with app.test_request_context("/path"):
        assert removed("flask.globals", "_find_app")() is app
        assert removed("flask.globals", "_lookup_req_object")("request").path == "/path"
        assert removed("flask.globals", "_lookup_app_object")("app") is app
        builder = removed("flask.testing", "make_test_environ_builder")(app, "/x")
    assert builder.path == "/x"
