"""`Configurable`: a class that makes an instance of another one, chosen at run time.

``AsyncHTTPClient()`` makes whatever ``AsyncHTTPClient.configure(...)`` said, or its
default. The choice is kept on the class that is asked, the *base* of its hierarchy.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

__all__ = ["Configurable", "import_object"]


def import_object(name: str) -> Any:
    """Import a module (``x``), or what a module has under a name (``x.y.z``). Raises
    ImportError."""
    parent, _, last = name.rpartition(".")
    if not parent:
        return import_module(name)
    # A submodule that nobody has imported yet counts as well.
    module = __import__(parent, fromlist=[last])
    try:
        return getattr(module, last)
    except AttributeError:
        raise ImportError(f"No module named {last}") from None


class Configurable:
    """A base class whose constructor makes an instance of the configured subclass.

    Subclasses have ``initialize`` in place of ``__init__``, and the base of a hierarchy
    says who it is by `configurable_base` and `configurable_default`. A subclass may be the
    base of another hierarchy.
    """

    # Set on bases only, and read from their own __dict__: a base must not see the choice
    # made for a base above it.
    __impl_class: type[Configurable] | None = None
    __impl_kwargs: dict[str, object] | None = None

    def __new__(cls, *args: object, **kwargs: object) -> Any:
        base = cls.configurable_base()
        chosen = cls
        if cls is base:
            chosen = cls.configured_class()
            kwargs = {**(base._save_configuration()[1] or {}), **kwargs}
        if chosen.configurable_base() is not base:
            return chosen(*args, **kwargs)  # it has a choice of its own to make
        instance = super().__new__(chosen)
        instance.initialize(*args, **kwargs)
        return instance

    @classmethod
    def configurable_base(cls) -> type[Configurable]:
        """Return the base of the hierarchy: normally the class that defines this method."""
        raise NotImplementedError

    @classmethod
    def configurable_default(cls) -> type[Configurable]:
        """Return the class to use where none was configured."""
        raise NotImplementedError

    def _initialize(self) -> None:
        pass

    #: Set up a new instance with the arguments of the constructor.
    initialize: Callable[..., None] = _initialize

    @classmethod
    def configure(cls, impl: str | type[Configurable] | None, **kwargs: object) -> None:
        """Choose the class to use (a class, its import path, or None for the default), and
        arguments to add whenever one is made. Raises ValueError if it is no subclass."""
        base = cls.configurable_base()
        chosen = import_object(impl) if isinstance(impl, str) else impl
        if chosen is not None and not issubclass(chosen, cls):
            raise ValueError(f"Invalid subclass of {cls}")
        base.__impl_class = chosen
        base.__impl_kwargs = kwargs

    @classmethod
    def configured_class(cls) -> type[Configurable]:
        """Return the class in use."""
        chosen, _ = cls._save_configuration()
        if chosen is None:
            chosen = cls.configurable_base().__impl_class = cls.configurable_default()
        return chosen

    @classmethod
    def _save_configuration(cls) -> tuple[type[Configurable] | None, dict[str, object] | None]:
        own = vars(cls.configurable_base())
        return own.get("_Configurable__impl_class"), own.get("_Configurable__impl_kwargs")

    @classmethod
    def _restore_configuration(
        cls, saved: tuple[type[Configurable] | None, dict[str, object] | None]
    ) -> None:
        base = cls.configurable_base()
        base.__impl_class, base.__impl_kwargs = saved
