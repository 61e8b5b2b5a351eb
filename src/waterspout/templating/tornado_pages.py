"""Templates of Tornado's engine in an application.

They are loaded as Jinja's are, by the application's loader, from its folder and those of its
blueprints. They see the same names, those of the Jinja environment and of the context processors,
and its filters as ``filters.title(value)``; the application's rule decides which are escaped. For
the rendering functions they have the methods of Jinja's templates.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING

from markupsafe import escape

from ..typing import TemplateNames
from .tornado import BaseLoader
from .tornado import Template as TornadoTemplate

if TYPE_CHECKING:
    from jinja2 import Environment

    from ..interfaces import Application

__all__ = ["Page", "load"]

_EXTENSION = "waterspout.templates"
_ESCAPE = "_app_escape"


def load(app: Application, name: str) -> Page:
    """Return the page *name*. Raises Jinja's `TemplateNotFound`, and `ParseError`."""
    loader: _AppLoader | None = app.extensions.get(_EXTENSION)
    if loader is None:
        loader = app.extensions[_EXTENSION] = _AppLoader(app)
    return Page(app, loader.load(name))


class Page:
    """A template of Tornado's engine with the methods of Jinja's that the rendering functions
    use."""

    #: Expressions in it cannot await.
    environment = SimpleNamespace(is_async=False)

    def __init__(self, app: Application, template: TornadoTemplate) -> None:
        self.name = template.name
        self._env: Environment = app.jinja_env
        self._template = template

    def waterspout_uses(self, name: str) -> bool:
        """Tell whether the template may read the variable *name*."""
        return self._template.waterspout_uses(name)

    def render(self, context: TemplateNames) -> str:
        """Return the text."""
        return self.render_bytes(context).decode()

    def render_bytes(self, context: Mapping[str, object]) -> bytes:
        """Return the text in UTF-8."""
        return self._template.generate(**self._names(context))

    def render_block(self, block: str, context: Mapping[str, object]) -> str:
        """Return the text of one block. Raises `LookupError` if there is no such."""
        return self._template.generate_block(block, **self._names(context)).decode()

    def generate(self, context: TemplateNames) -> Iterator[str]:
        """Yield the text, in one piece."""
        yield self.render(context)

    def _names(self, context: Mapping[str, object]) -> TemplateNames:
        filters = _Filters(self._env)
        return {**self._env.globals, "filters": filters, _ESCAPE: escape, **context}


class _AppLoader(BaseLoader):
    """Loads templates through the loader of an application's Jinja environment."""

    def __init__(self, app: Application) -> None:
        super().__init__()
        self._app = app
        self._checks: list[Callable[[], bool]] = []

    def resolve_path(self, name: str, parent_path: str | None = None) -> str:
        if parent_path is None or name.startswith("/"):
            return name
        return posixpath.normpath(posixpath.join(posixpath.dirname(parent_path), name))

    def load(self, name: str, parent_path: str | None = None) -> TornadoTemplate:
        if parent_path is None and self._app.jinja_env.auto_reload:
            with self.lock:
                if not all(check() for check in self._checks):
                    self._checks.clear()
                    self.reset()  # all: templates are compiled together with those they include
        return super().load(name, parent_path)

    def _create_template(self, name: str) -> TornadoTemplate:
        env = self._app.jinja_env
        assert env.loader is not None
        source, _, check = env.loader.get_source(env, name)
        if check is not None:
            self._checks.append(check)
        rule = env.autoescape
        escaped = rule(name) if callable(rule) else rule
        return TornadoTemplate(
            source, name=name, loader=self, autoescape=_ESCAPE if escaped else None
        )


class _Filters:
    """The filters of a Jinja environment, as functions of the value and their arguments."""

    def __init__(self, env: Environment) -> None:
        self._env = env

    def __getattr__(self, name: str) -> Callable[..., object]:
        if name not in self._env.filters:
            raise AttributeError(f"There is no filter {name!r}.")
        return partial(self._call, name)

    def _call(self, name: str, value: object, *args: object, **kwargs: object) -> object:
        return self._env.call_filter(name, value, args, kwargs)
