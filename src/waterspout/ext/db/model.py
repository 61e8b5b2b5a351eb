"""`db.Model`: names of tables made of class names, databases by ``__bind_key__``, `Model.query`.

A base class may be of either kind that SQLAlchemy has, so each rule is a function here, and a
metaclass and a mixin that call it: metaclasses for classes made by ``declarative_base``, mixins for
subclasses of ``DeclarativeBase`` and ``DeclarativeBaseNoMeta``.
"""

from __future__ import annotations

import re
from types import new_class
from typing import Any, ClassVar

from waterspout.ext import needs_extra

from .query import Query
from .types import ModelClass

with needs_extra("db"):
    import sqlalchemy as sa
    from sqlalchemy import orm
    from sqlalchemy.ext.asyncio import AsyncAttrs

__all__ = [
    "BindMetaMixin",
    "BindMixin",
    "DefaultMeta",
    "DefaultMetaNoName",
    "Model",
    "ModelMixin",
    "NameMetaMixin",
    "NameMixin",
    "camel_to_snake_case",
    "declarative_base",
    "should_set_tablename",
]

#: What a class has of its own that one made from it gets anew.
_OF_THE_CLASS = {"__dataclass_fields__", "__dataclass_params__", "__dict__", "__weakref__"}
_BASES = (orm.DeclarativeBase, orm.DeclarativeBaseNoMeta)
#: What classes that take part in the mapping are instances of; mixins are not.
_METACLASSES = (orm.DeclarativeMeta, orm.decl_api.DeclarativeAttributeIntercept)
#: A word begins at a capital after a small letter or digit, and at the last one of several.
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=.)(?=[A-Z][a-z])")


class _QueryProperty:
    """`Model.query`: a new query of the class in the session of the current context."""

    def __get__(self, obj: object, cls: type[Model]) -> Query:
        return cls.query_class(cls, session=cls.__fsa__.session())


class Model:
    """What `db.Model` is a subclass of. To have methods in all models, subclass this and pass the
    class as ``SQLAlchemy(model_class=…)``."""

    #: The object this belongs to.
    #: The `SQLAlchemy` object of the models.
    __fsa__: ClassVar[Any]
    #: The class of `query`.
    query_class: ClassVar[type[Query]] = Query
    #: A query of this class (legacy; ``db.session.scalars(db.select(Model))`` does the same).
    query: ClassVar[Query] = _QueryProperty()  # type: ignore[assignment]  # by a descriptor
    #: ``await row.awaitable_attrs.name`` loads what has not been loaded yet.
    awaitable_attrs = AsyncAttrs.awaitable_attrs

    def __repr__(self) -> str:
        state: Any = sa.inspect(self)
        if state.transient:
            key = f"(transient {id(self)})"
        elif state.pending:
            key = f"(pending {id(self)})"
        else:
            key = ", ".join(map(str, state.identity))
        return f"<{type(self).__name__} {key}>"


# -- the database of a class -----------------------------------------------------------


def _choose_metadata(cls: ModelClass) -> None:
    """Give *cls* the metadata of its bind key, unless it says itself what it belongs to."""
    if "metadata" in cls.__dict__ or "__table__" in cls.__dict__:
        return
    metadata = cls.__fsa__.make_metadata(getattr(cls, "__bind_key__", None))
    if metadata is not getattr(cls, "metadata", None):
        cls.metadata = metadata


class BindMetaMixin(type):
    """Metaclass that chooses ``metadata`` by ``__bind_key__``."""

    def __init__(
        cls, name: str, bases: tuple[type, ...], d: dict[str, Any], **kwargs: object
    ) -> None:
        _choose_metadata(cls)
        super().__init__(name, bases, d, **kwargs)


class BindMixin:
    """Mixin that chooses ``metadata`` by ``__bind_key__``; without one it is the base's."""

    @classmethod
    def __init_subclass__(cls, **kwargs: object) -> None:
        if hasattr(cls, "__bind_key__"):
            _choose_metadata(cls)
        super().__init_subclass__(**kwargs)


# -- the name of its table -------------------------------------------------------------


def camel_to_snake_case(name: str) -> str:
    """Return ``user_account`` for ``UserAccount``, ``http_request`` for ``HTTPRequest``."""
    return _WORD.sub("_", name).lower().lstrip("_")


def should_set_tablename(cls: type) -> bool:
    """Tell whether a name has to be made for the table of *cls*: it is a model, not abstract, and
    neither it nor a mixin has one. A name that a parent *model* has is that one's."""
    if cls.__dict__.get("__abstract__", False) or any(base in _BASES for base in cls.__bases__):
        return False
    parents = cls.__mro__[1:]
    if not (issubclass(cls, _BASES) or any(isinstance(p, orm.DeclarativeMeta) for p in parents)):
        return False  # a mixin
    owner = next((base for base in cls.__mro__ if "__tablename__" in base.__dict__), None)
    if owner is None:
        return True
    if isinstance(owner.__dict__["__tablename__"], orm.declared_attr):
        return False
    is_model = isinstance(owner, _METACLASSES) or issubclass(owner, orm.DeclarativeBaseNoMeta)
    return owner is not cls and is_model and not owner.__dict__.get("__abstract__", False)


def _set_name(cls: ModelClass) -> None:
    if should_set_tablename(cls):
        cls.__tablename__ = camel_to_snake_case(cls.__name__)


def _make_table(cls: ModelClass, *args: Any, **kwargs: Any) -> sa.Table | None:
    """Return the table of a model; None for one without a primary key whose parent has a table: it
    is in that one (single-table inheritance), and keeps no name."""
    schema = kwargs.get("schema")
    key = args[0] if schema is None else f"{schema}.{args[0]}"
    has_key = any(
        isinstance(arg, sa.PrimaryKeyConstraint)
        or (isinstance(arg, sa.Column) and bool(arg.primary_key))
        for arg in args
    )
    # A table that is there was reflected: the class is laid over it.
    inherits = any("__table__" in base.__dict__ for base in cls.__mro__[1:-1])
    if key in cls.metadata.tables or has_key or not inherits:
        return sa.Table(*args, **kwargs)
    if "__tablename__" in cls.__dict__:
        del cls.__tablename__
    return None


def _drop_empty_table(cls: ModelClass) -> None:
    """Let a model for which no table was made have its parent's."""
    own = cls.__dict__
    if "__tablename__" not in own and "__table__" in own and own["__table__"] is None:
        del cls.__table__


class NameMetaMixin(type):
    """Metaclass that names the table of a model after the class."""

    def __init__(
        cls, name: str, bases: tuple[type, ...], d: dict[str, Any], **kwargs: object
    ) -> None:
        _set_name(cls)
        super().__init__(name, bases, d, **kwargs)
        _drop_empty_table(cls)

    def __table_cls__(cls, *args: object, **kwargs: object) -> sa.Table | None:
        """Make the table; SQLAlchemy calls it."""
        return _make_table(cls, *args, **kwargs)


class NameMixin:
    """Mixin that names the table of a model after the class."""

    @classmethod
    def __init_subclass__(cls, **kwargs: object) -> None:
        _set_name(cls)
        super().__init_subclass__(**kwargs)
        _drop_empty_table(cls)

    @classmethod
    def __table_cls__(cls, *args: object, **kwargs: object) -> sa.Table | None:
        """Make the table; SQLAlchemy calls it."""
        return _make_table(cls, *args, **kwargs)


class ModelMixin(BindMixin, NameMixin, Model):
    """Makes a base class of your own the class of the models, which type checkers know:

        class Base(ModelMixin, DeclarativeBase): ...

        db = SQLAlchemy(app, model_class=Base)

        class User(Base): ...

    Models have all that subclasses of `db.Model` have, which `Base` then is.
    """


class DefaultMeta(BindMetaMixin, NameMetaMixin, orm.DeclarativeMeta):
    """The metaclass of `db.Model` where it is made by ``declarative_base``."""


class DefaultMetaNoName(BindMetaMixin, orm.DeclarativeMeta):
    """The same without names of tables (``disable_autonaming``)."""


# -- the base class --------------------------------------------------------------------


def is_2x_base(model_class: type) -> bool:
    """Tell whether *model_class* is a direct subclass of ``DeclarativeBase`` or its like.

    Raises:
        ValueError: It is one of several.
    """
    bases = [base for base in model_class.__bases__ if issubclass(base, _BASES)]
    if len(bases) > 1:
        raise ValueError(
            f"Only one declarative base can be passed to SQLAlchemy. Got: {model_class.__bases__}"
        )
    return bool(bases)


def declarative_base(db: Any, model_class: ModelClass, disable_autonaming: bool) -> Any:
    """Return `db.Model`, made of *model_class*: a subclass of `Model` or any class, a subclass of
    ``DeclarativeBase`` or ``DeclarativeBaseNoMeta``, of either with `ModelMixin`, or a finished
    declarative class."""
    if issubclass(model_class, ModelMixin):
        model: Any = model_class
        model.__fsa__ = db
    elif is_2x_base(model_class):
        naming = () if disable_autonaming else (NameMixin,)
        own = {name: v for name, v in vars(model_class).items() if name not in _OF_THE_CLASS}
        own["__fsa__"] = db
        model = new_class(
            "Model",
            (BindMixin, *naming, Model, *model_class.__bases__),
            {"metaclass": type(model_class)},
            lambda namespace: namespace.update(own),
        )
    elif isinstance(model_class, orm.DeclarativeMeta):
        model = model_class
    else:
        model = orm.declarative_base(
            metadata=db.make_metadata(None),
            cls=model_class,
            name="Model",
            metaclass=DefaultMetaNoName if disable_autonaming else DefaultMeta,
        )
    if None in db.metadatas:
        model.metadata = db.metadatas[None]
    else:
        model.metadata.info["bind_key"] = None
        db.metadatas[None] = model.metadata
    model.query_class = db.Query
    model.query = _QueryProperty()
    model.__fsa__ = db
    return model
