"""`SQLAlchemy`: the databases of applications, under Flask-SQLAlchemy's names."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from waterspout import App, abort, current_app, has_app_context
from waterspout.config import DEFAULT_CONFIG, MODERN_DEFAULTS
from waterspout.ext import needs_extra
from waterspout.typing import Kwargs

from ..setting_checks import warn_of_misspelt
from . import track_modifications, unavailable
from .asynchronous import AsyncSessions
from .cli import add_models_to_shell
from .engines import AppEngines, apply_defaults, engine_options, prepare
from .model import Model, declarative_base, is_2x_base
from .pagination import Pagination, SelectPagination
from .query import Query
from .session import ContextRegistry, Session
from .table import table_class
from .types import ModelClass, Row
from .urls import check_url, in_folder, is_memory, malformed, setting_of, synchronous

with needs_extra("db"):
    import sqlalchemy as sa
    from sqlalchemy import event, exc, orm

__all__ = ["SQLAlchemy"]

T = TypeVar("T")

_DATABASE = "sqlite:///app.db"
"""Where nothing is configured: a file in the instance folder."""

_PRAGMAS = {"journal_mode": "WAL", "synchronous": "NORMAL", "busy_timeout": 5000}

#: Settings of an application and their defaults, see docs/db.md.
_SETTINGS: dict[str, object] = {
    "SQLALCHEMY_DATABASE_URI": None,
    "SQLALCHEMY_BINDS": {},
    "SQLALCHEMY_ECHO": False,
    "SQLALCHEMY_ENGINE_OPTIONS": {},
    "SQLALCHEMY_RECORD_QUERIES": False,
    "SQLALCHEMY_TRACK_MODIFICATIONS": False,
    "SQLALCHEMY_ASYNC_ENGINE_OPTIONS": {},
    "SQLALCHEMY_CONNECT_TIMEOUT": 10,
    "SQLALCHEMY_RETRY_AFTER": 5,
    "SQLALCHEMY_SLOW_QUERY": None,
}

_KNOWN = {*_SETTINGS, "SQLALCHEMY_SQLITE_PRAGMAS"}
#: Names that other programs have for the database's URL.
_ALIASES = dict.fromkeys(
    (
        *("DATABASE_URI", "DATABASE_URL", "DB_URI", "DB_URL", "SQLALCHEMY_DATABASE"),
        *("SQLALCHEMY_DATABASE_URL", "SQLALCHEMY_URI", "SQLALCHEMY_URL"),
    ),
    "SQLALCHEMY_DATABASE_URI",
)
_logger = logging.getLogger("waterspout.db")


class SQLAlchemy(AsyncSessions):
    """Databases for applications: models, sessions, engines.

        db = SQLAlchemy(app)        # or: db = SQLAlchemy(); db.init_app(app)

    Models, tables and metadata belong to this object, engines to each application. `session`,
    `async_session` and the engines need an application context, which every request has.

    *model_class* is what models are subclasses of, see `Model`; *metadata* the default metadata;
    *query_class* what `Model.query` makes; *session_options* are arguments of the session (with
    ``scopefunc`` the sessions are told apart by what that returns), *engine_options* defaults for
    `sqlalchemy.create_engine`. *disable_autonaming* leaves tables without a made name,
    *add_models_to_shell* has the shell know the models.

    Names that this class has not are SQLAlchemy's: ``db.Column``, ``db.select``, ``db.event``.
    """

    def __init__(
        self,
        app: App | None = None,
        *,
        metadata: sa.MetaData | None = None,
        session_options: Kwargs | None = None,
        query_class: type[Query] = Query,
        model_class: ModelClass = Model,
        engine_options: Mapping[str, object] | None = None,
        add_models_to_shell: bool = True,
        disable_autonaming: bool = False,
    ) -> None:
        self.Query = query_class
        #: Metadata by bind key; None is the default database's.
        self.metadatas: dict[str | None, sa.MetaData] = {}
        options = dict(session_options or {})
        self._scopefunc = options.pop("scopefunc", None)
        self.session: orm.scoped_session[Session] = self._make_scoped_session(options)
        """The session of the current context, for `def` code; it is closed when the context ends,
        and its connection goes back to the pool."""
        self._set_up_async(options)
        if metadata is not None:
            if is_2x_base(model_class):
                warnings.warn(
                    "A declarative base has its metadata as an attribute; the one that was passed"
                    " to SQLAlchemy() is ignored.",
                    DeprecationWarning,
                    stacklevel=2,
                )
            else:
                metadata.info["bind_key"] = None
                self.metadatas[None] = metadata
        #: ``Table(name, *columns, bind_key=None)``.
        self.Table = table_class(self)
        self.Model: ModelClass = declarative_base(self, model_class, disable_autonaming)
        """The class that models are subclasses of. Without ``__tablename__`` the table has the
        class's name in ``snake_case``; ``__bind_key__`` names the database."""
        self._engine_options = dict(engine_options or {})
        self._app_engines: WeakKeyDictionary[App, AppEngines] = WeakKeyDictionary()
        self._add_models_to_shell = add_models_to_shell
        if app is not None:
            self.init_app(app)

    def __repr__(self) -> str:
        name = type(self).__name__
        if not has_app_context():
            return f"<{name}>"
        others = f" +{len(self.engines) - 1}" if len(self.engines) > 1 else ""
        return f"<{name} {self.engine.url}{others}>"

    def __getattr__(self, name: str) -> Any:
        if name == "event":
            return event
        if name == "relation":
            return self.relationship
        if not name.startswith("_"):
            for module in (sa, orm):
                if hasattr(module, name):
                    return getattr(module, name)
        raise AttributeError(name)

    # -- setting up --------------------------------------------------------------------

    def init_app(self, app: App) -> None:
        """Read the settings of *app*, once it has all of them, and make its engines. Nothing is
        connected before it is used.

        Raises:
            RuntimeError: *app* has a database object already.
            ArgumentError: A URL is malformed; names its setting.
            TypeError: SQLALCHEMY_BINDS or SQLALCHEMY_ENGINE_OPTIONS is no dict.
        """
        if "sqlalchemy" in app.extensions:
            raise RuntimeError(
                "A 'SQLAlchemy' instance has already been registered on this Flask app."
                " Import and use that instance instead."
            )
        app.extensions["sqlalchemy"] = self
        warn_of_misspelt(app.config, "SQLALCHEMY_", _KNOWN, _ALIASES)
        for name, value in _SETTINGS.items():
            app.config.setdefault(name, value)
        app.config.setdefault("SQLALCHEMY_SQLITE_PRAGMAS", _pragmas_for(app))
        if self._add_models_to_shell:
            app.shell_context_processor(add_models_to_shell)
        if self._scopefunc is not None:
            app.teardown_appcontext(lambda _: self.session.remove())
        self._make_engines(app)
        for error in (unavailable.DatabaseUnavailable, exc.TimeoutError):
            if error not in app.error_handler_spec[None][None]:
                app.register_error_handler(error, unavailable.answer)
        engines = self._app_engines[app]
        app.on_startup(engines.start)
        app.on_shutdown(engines.stop)
        if app.config["SQLALCHEMY_TRACK_MODIFICATIONS"]:
            track_modifications.listen(self.session)
            track_modifications.listen(self._async_sync_class)

    def _make_engines(self, app: App) -> None:
        config = app.config
        wanted: dict[str | None, dict[str, Any]] = {}
        for name in ("SQLALCHEMY_BINDS", "SQLALCHEMY_ENGINE_OPTIONS"):
            if not isinstance(config[name], Mapping):
                raise TypeError(f"{name} is {config[name]!r}; expected a dict.")
        for key, value in config["SQLALCHEMY_BINDS"].items():
            options = value if isinstance(value, Mapping) else {"url": value}
            wanted[key] = {**self._engine_options, **options}
        default = {**self._engine_options, **config["SQLALCHEMY_ENGINE_OPTIONS"]}
        if config["SQLALCHEMY_DATABASE_URI"] is not None:
            default["url"] = config["SQLALCHEMY_DATABASE_URI"]
        if "url" in default:
            wanted.setdefault(None, {}).update(default)
        elif not wanted:
            wanted[None] = {**default, "url": _DATABASE}
            _logger.warning(
                "SQLALCHEMY_DATABASE_URI is not set: the database is the file %s.",
                os.path.join(app.instance_path, _DATABASE.removeprefix("sqlite:///")),
            )
        engines = AppEngines(config)
        for key, options in wanted.items():
            self.make_metadata(key)
            given = options["url"] = check_url(setting_of(key), options.get("url"))
            options.setdefault("echo", config["SQLALCHEMY_ECHO"])
            options.setdefault("echo_pool", config["SQLALCHEMY_ECHO"])
            try:
                self._apply_driver_defaults(options, app)
                engines.add(key, self._make_engine(key, options, app), options)
            except exc.NoSuchModuleError as error:
                raise malformed(setting_of(key), given, str(error)) from error
        self._app_engines[app] = engines

    def _apply_driver_defaults(self, options: Kwargs, app: App) -> None:
        """Give the URL in *options* a driver and a whole path, and add options that are safe."""
        url = synchronous(options["url"])
        if url.get_backend_name() == "sqlite" and not is_memory(url):
            url = in_folder(url, app.instance_path)
        apply_defaults(options, url, app.config)

    def _make_engine(
        self, bind_key: str | None, options: Mapping[str, object], app: App
    ) -> sa.Engine:
        """Make the engine for *bind_key*; a subclass may do it in its own way."""
        engine = sa.engine_from_config(engine_options(options), prefix="")
        prepare(engine, app.config, options)
        return engine

    def _make_scoped_session(self, options: Kwargs) -> orm.scoped_session[Session]:
        factory = self._make_session_factory(options)
        if self._scopefunc is not None:
            return orm.scoped_session(factory, self._scopefunc)
        self._sessions = ContextRegistry(factory, self._close_session, blocks=True)
        scoped = orm.scoped_session(factory, object)
        scoped.registry = self._sessions  # type: ignore[assignment]  # it has the same methods
        return scoped

    def _make_session_factory(self, options: Kwargs) -> orm.sessionmaker[Session]:
        """Return what makes sessions; a subclass may do it in its own way."""
        options.setdefault("class_", Session)
        options.setdefault("query_cls", self.Query)
        return orm.sessionmaker(db=self, **options)

    def _close_session(self) -> None:
        session = self._sessions.pop()
        if session is not None:
            try:
                session.close()
            except unavailable.DatabaseUnavailable:  # there is nothing to be undone any more
                session.invalidate()

    def make_metadata(self, bind_key: str | None) -> sa.MetaData:
        """Return the metadata of *bind_key*, made on first use with the default one's naming."""
        found = self.metadatas.get(bind_key)
        if found is None:
            naming = None if bind_key is None else self.make_metadata(None).naming_convention
            found = sa.MetaData(naming_convention=naming, info={"bind_key": bind_key})
            self.metadatas[bind_key] = found
        return found

    # -- engines -----------------------------------------------------------------------

    @property
    def session_binds(self) -> Mapping[str | None, sa.Engine | sa.Connection]:
        """What the current application's sessions of `def` code work with, by bind key."""
        return self._engines_here().binds()

    @contextmanager
    def rolled_back(self, app: App) -> Iterator[None]:
        """Undo at the end of a block what *app* has written to its databases in it: for tests.

            with db.rolled_back(app):
                app.test_client().post("/notes", data={"text": "gone after this"})

        All sessions, of both kinds of code, work in one transaction of each database; a commit ends
        a savepoint. One request at a time, please: they share a connection, and `async def` code
        waits for it on the event loop. Tables are made before.

        Raises:
            RuntimeError: It is within such a block already.
        """
        with self._app_engines[app].rolled_back():
            yield

    @property
    def metadata(self) -> sa.MetaData:
        """The metadata of the default database."""
        return self.metadatas[None]

    def _engines_here(self) -> AppEngines:
        app = current_app._get_current_object()  # type: ignore[attr-defined]  # a proxy
        if app not in self._app_engines:
            raise RuntimeError(
                "The current Flask app is not registered with this 'SQLAlchemy' instance. Did you"
                " forget to call 'init_app', or did you create multiple 'SQLAlchemy' instances?"
            )
        found = self._app_engines[app]
        found.check_setting()
        return found

    @property
    def engines(self) -> Mapping[str | None, sa.Engine]:
        """The current application's engines by bind key; None is the default database's.

        Raises:
            RuntimeError: There is no application context, or `init_app` was not called for it.
        """
        return self._engines_here().sync

    @property
    def engine(self) -> sa.Engine:
        """The engine of the current application's default database."""
        return self.engines[None]

    def get_engine(self, bind_key: str | None = None, **kwargs: Any) -> sa.Engine:
        """Return ``engines[bind_key]``; an old name."""
        warnings.warn(
            "'get_engine' is deprecated; use 'engine' or 'engines[key]'. The 'env.py' of old"
            " migrations does it, too.",
            DeprecationWarning,
            stacklevel=2,
        )
        return self.engines[kwargs.get("bind", bind_key)]

    # -- answers for a web page ----------------------------------------------------------

    def get_or_404(
        self, entity: type[T], ident: Any, *, description: str | None = None, **kwargs: Any
    ) -> T:
        """Return the row of *entity* with the primary key *ident* (``session.get``).

        Raises:
            NotFound: There is none; *description* is shown on the page.
        """
        found = self.session.get(entity, ident, **kwargs)
        if found is None:
            abort(404, description=description)
        return found

    def first_or_404(self, statement: sa.Select[object], *, description: str | None = None) -> Row:
        """Return the first result of *statement*: an object, or the first column.

        Raises:
            NotFound: There is none.
        """
        found = self.session.execute(statement).scalar()
        if found is None:
            abort(404, description=description)
        return found

    def one_or_404(self, statement: sa.Select[object], *, description: str | None = None) -> Row:
        """Return the only result of *statement*.

        Raises:
            NotFound: There is none, or there are several.
        """
        try:
            return self.session.execute(statement).scalar_one()
        except (exc.NoResultFound, exc.MultipleResultsFound):
            abort(404, description=description)

    def paginate(
        self,
        select: sa.Select[object],
        *,
        page: int | None = None,
        per_page: int | None = None,
        max_per_page: int | None = None,
        error_out: bool = True,
        count: bool = True,
    ) -> Pagination:
        """Return one page of *select*, a statement for one entity; the other arguments are those
        of `pagination.Pagination`.

        Raises:
            NotFound: There is no such page, with *error_out*.
        """
        return SelectPagination(
            page,
            per_page,
            max_per_page,
            error_out=error_out,
            count=count,
            select=select,
            session=self.session(),
        )

    # -- schemas -------------------------------------------------------------------------

    def create_all(self, bind_key: str | list[str | None] | None = "__all__") -> None:
        """Create the tables that are missing, in all databases or those of *bind_key*. Tables that
        are there are left as they are: `waterspout.ext.migrate` changes them."""
        self._call_for_binds(bind_key, "create_all")

    def drop_all(self, bind_key: str | list[str | None] | None = "__all__") -> None:
        """Drop the tables, in all databases or those of *bind_key*."""
        self._call_for_binds(bind_key, "drop_all")

    def reflect(self, bind_key: str | list[str | None] | None = "__all__") -> None:
        """Read the tables that databases have into the metadata."""
        self._call_for_binds(bind_key, "reflect")

    def _call_for_binds(self, bind_key: str | list[str | None] | None, operation: str) -> None:
        if bind_key == "__all__":
            keys = list(self.metadatas)
        elif isinstance(bind_key, list):
            keys = bind_key
        else:
            keys = [bind_key]
        for key in keys:
            engine = self.engines.get(key)
            if engine is None:
                missing = f"Bind key '{key}' is not in 'SQLALCHEMY_BINDS' config."
                if key is None:
                    missing = f"'SQLALCHEMY_DATABASE_URI' config is not set. {missing}"
                raise exc.UnboundExecutionError(missing)
            getattr(self.metadatas[key], operation)(bind=engine)

    # -- relationships ---------------------------------------------------------------------

    def relationship(self, *args: Any, **kwargs: Any) -> orm.RelationshipProperty[Row]:
        """SQLAlchemy's ``relationship``, whose dynamic queries are of the class `Query`."""
        self._set_query_class(kwargs)
        return orm.relationship(*args, **kwargs)

    def dynamic_loader(self, argument: Any, **kwargs: object) -> orm.RelationshipProperty[Row]:
        """SQLAlchemy's ``dynamic_loader``, whose queries are of the class `Query`."""
        self._set_query_class(kwargs)
        return orm.dynamic_loader(argument, **kwargs)

    def _set_query_class(self, kwargs: Kwargs) -> None:
        kwargs.setdefault("query_class", self.Query)
        backref = kwargs.get("backref")
        if backref is not None:
            name, options = (backref, {}) if isinstance(backref, str) else backref
            kwargs["backref"] = (name, {"query_class": self.Query, **options})


def _pragmas_for(app: App) -> dict[str, object]:
    """Return what is set on connections of SQLite. On Flask's preset foreign keys are as they were:
    a database that was written without them may hold rows that break them."""
    preset = app.default_config
    is_modern = any(preset.get(name) != DEFAULT_CONFIG[name] for name in MODERN_DEFAULTS)
    return {**_PRAGMAS, "foreign_keys": "ON"} if is_modern else dict(_PRAGMAS)
