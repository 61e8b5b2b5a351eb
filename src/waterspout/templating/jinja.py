"""Jinja templates: the environment, the loader over app and blueprints, the rendering functions.

The names and their behaviour are those of `flask.templating`. Templates of Tornado's engine are
rendered by the same functions where the settings say so (`engines`). In an `async def` view with
AWAITABLE_VALUES on, the rendered text also accepts ``await``, so that code written for Quart runs;
with Jinja's ``enable_async`` on, or with context processors that are `async def`, it must be
awaited there.
"""

from __future__ import annotations

from asyncio import _get_running_loop
from collections import ChainMap
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Any

from jinja2 import BaseLoader, BytecodeCache, Template, TemplateNotFound, TemplatesNotFound
from jinja2 import Environment as BaseEnvironment
from jinja2.compiler import CodeGenerator
from jinja2.ext import Extension
from jinja2.runtime import Context, LoopContext, new_context

from ..concurrency.async_to_sync import run_async
from ..context.propagation import AsyncContextStream, ContextStream, carry
from ..context.request_context import after_this_request, app_ctx, request
from ..context.variables import app_var
from ..http.awaitable import AwaitableStr, Ready
from ..signals import before_render_template, template_rendered
from ..typing import TemplateNames
from . import blocks
from . import tornado_pages as pages
from .bytecode_cache import MarkedCache
from .constant_folding import calls_program
from .context import fill_context_async, has_async_processors
from .engines import is_tornado
from .explain import Source, explain_template_loading_attempts
from .jinja_compiler import Joined, PrintingCodeGenerator, is_known, printers

if TYPE_CHECKING:
    from blinker import Signal

    from ..http import Response
    from ..interfaces import Application

__all__ = [
    "DispatchingJinjaLoader",
    "Environment",
    "get_template_attribute",
    "render_block",
    "render_page",
    "render_template",
    "render_template_string",
    "stream_template",
    "stream_template_string",
]

Name = str | Template
Names = Name | list[Name]

#: Fields of a request by HTMX that needs the whole page.
_HTMX_WHOLE = ("HX-Boosted", "HX-History-Restore-Request")

_STRINGS_KEPT = 128  # compiled templates of render_template_string, per environment


class _Template(Template):
    """A template whose contexts are made faster than Jinja's."""

    def new_context(
        self,
        vars: dict[str, object] | None = None,
        shared: bool = False,
        locals: Mapping[str, object] | None = None,
    ) -> Context:
        """Make the context of one rendering.

        PERF: Jinja copies the globals out of a `ChainMap` key by key, and twice. As a dict they are
        copied at once: a small page takes 6 µs instead of 16.
        """
        values = self.globals
        if isinstance(values, ChainMap):
            plain: TemplateNames = {}
            for mapping in reversed(values.maps):
                plain.update(mapping)
            values = plain
        return new_context(self.environment, self.name, self.blocks, vars, shared, values, locals)


class Environment(BaseEnvironment):
    """A Jinja environment that belongs to an application (`app`). Unless told otherwise it loads
    from the application's and its blueprints' folders."""

    template_class = _Template
    code_generator_class = PrintingCodeGenerator if is_known else CodeGenerator
    #: Compiled templates of `render_template_string`.
    compiled_strings: dict[str, Template]
    printers = printers
    joined = Joined

    def __init__(self, app: Application, **options: Any) -> None:
        if "loader" not in options:
            options["loader"] = app.create_global_jinja_loader()
        super().__init__(**options)
        self.app = app

    def __setattr__(self, name: str, value: object) -> None:
        # Templates compiled before an option was set are out of date.
        object.__setattr__(self, name, value)
        self.__dict__["compiled_strings"] = {}

    def add_extension(self, extension: str | type[Extension]) -> None:
        """Add an extension."""
        super().add_extension(extension)
        self.compiled_strings = {}

    @property
    def bytecode_cache(self) -> Any:
        """Where compiled code is kept between processes; our keys differ from Jinja's."""
        return self.__dict__["_bytecode_cache"]

    @bytecode_cache.setter
    def bytecode_cache(self, value: BytecodeCache | MarkedCache | None) -> None:
        if value is not None and not isinstance(value, MarkedCache):
            value = MarkedCache(value)
        self.__dict__["_bytecode_cache"] = value

    @property
    def reading(self) -> tuple[type, type, Callable[[Any, str], Any]]:
        """How a compiled template reads attributes: the type whose items it reads itself, the type
        of the loops it counts itself, and the function it calls for anything else.

        Where the program replaced `getattr`, everything goes through that.
        """
        read = self.getattr
        if type(self).getattr is _jinja_getattr and "getattr" not in self.__dict__:
            return dict, LoopContext, read
        return _Nothing, _Nothing, read


class _Nothing:
    """A type that no value has."""


#: As shipped, to tell whether a program has replaced it.
_jinja_getattr = BaseEnvironment.getattr


class DispatchingJinjaLoader(BaseLoader):
    """Look for a template in the application's folder, then in those of its blueprints in the order
    they were registered."""

    def __init__(self, app: Application) -> None:
        self.app = app

    def get_source(self, environment: BaseEnvironment, template: str) -> Source:
        """Return the first match; `TemplateNotFound` if there is none."""
        if self.app.config["EXPLAIN_TEMPLATE_LOADING"]:
            return self._get_source_explained(environment, template)
        for _, loader in self._loaders():
            try:
                return loader.get_source(environment, template)
            except TemplateNotFound:
                continue
        raise TemplateNotFound(template)

    def list_templates(self) -> list[str]:
        """Return the names of all templates, sorted."""
        return sorted({name for _, loader in self._loaders() for name in loader.list_templates()})

    def _get_source_explained(self, environment: BaseEnvironment, template: str) -> Source:
        attempts: list[tuple[BaseLoader, object, Source | None]] = []
        for owner, loader in self._loaders():
            try:
                found = loader.get_source(environment, template)
            except TemplateNotFound:
                found = None
            attempts.append((loader, owner, found))
        explain_template_loading_attempts(self.app, template, attempts)
        for *_, source in attempts:
            if source is not None:
                return source
        raise TemplateNotFound(template)

    def _loaders(self) -> Iterator[tuple[object, BaseLoader]]:
        for owner in (self.app, *self.app.iter_blueprints()):
            if owner.jinja_loader is not None:
                yield owner, owner.jinja_loader


class _Stream(Ready, ContextStream[str]):
    """A stream of text that also accepts ``await``."""


class _AsyncStream(Ready, AsyncContextStream[str]):
    """The same for text that is made on the event loop."""


def render_template(template_name_or_list: Names, **context: object) -> AwaitableStr:
    """Render the template of that name, or the first of several that exists, with *context*. The
    setting TORNADO_TEMPLATES says which are for Tornado's engine.

    Raises Jinja's `TemplateNotFound` or `TemplatesNotFound`. (Flask's `render_template`.)
    """
    app = _current_app()
    template = _find(app, template_name_or_list)
    return _render(app, template, context)


def render_template_string(source: str, **context: object) -> AwaitableStr:
    """Render a template given as text, with *context* and with escaping on. Never build *source*
    from what a user sent: it is code. (Flask's `render_template_string`.)"""
    app = _current_app()
    return _render(app, _compile(app.jinja_env, source), context)


def render_block(template_name_or_list: Names, block: str, **context: object) -> AwaitableStr:
    """Render one block of a template, as the page would show it with the same *context*.

    For parts of a page that are fetched alone (with HTMX, for instance). The code before the first
    text of the template and of those it extends is run, so imports and ``set`` at the top are
    there; ``super()`` and blocks of a parent work. Raises `LookupError` if there is no such block.
    """
    app = _current_app()
    template = _find(app, template_name_or_list)
    return _render(app, template, context, block)


def render_page(template_name_or_list: Names, block: str, **context: object) -> AwaitableStr:
    """Render the page, or only its *block* if HTMX requests a part of it: one view for both.

    A request of HTMX has the field HX-Request; a boosted link, or a page that its history has lost,
    gets the whole page all the same. Adds Vary.
    """
    headers = request.headers
    after_this_request(_vary_by_htmx)
    if "HX-Request" not in headers or any(name in headers for name in _HTMX_WHOLE):
        return render_template(template_name_or_list, **context)
    return render_block(template_name_or_list, block, **context)


def _vary_by_htmx(response: Response) -> Response:
    response.vary.update(["HX-Request", *_HTMX_WHOLE])
    return response


def stream_template(template_name_or_list: Names, **context: object) -> Iterator[str]:
    """Render a template piece by piece: an iterator for a view to return as its response.

    The request stays current until the last piece. (Flask's `stream_template`.)
    """
    app = _current_app()
    template = _find(app, template_name_or_list)
    return _stream(app, template, context)


def stream_template_string(source: str, **context: object) -> Iterator[str]:
    """Render a template given as text piece by piece. (Flask's `stream_template_string`.)"""
    app = _current_app()
    return _stream(app, _compile(app.jinja_env, source), context)


def get_template_attribute(template_name: str, attribute: str) -> Any:
    """Return a macro or variable that a template defines at its top level, to use it from Python.
    (Flask's `get_template_attribute`.)"""
    return getattr(_current_app().jinja_env.get_template(template_name).module, attribute)


def _current_app() -> Application:
    ctx = app_var.get(None)
    if ctx is None:
        ctx = app_ctx._get_current_object()  # type: ignore[attr-defined]  # raises with advice
    app: Application = ctx.app
    return app


def _find(app: Application, names: Names) -> Template:
    """Return the template, or the first of several that exists, by its engine."""
    if isinstance(names, str):
        if is_tornado(app, names):
            return pages.load(app, names)  # type: ignore[return-value]  # it is used as one
    elif isinstance(names, list) and any(map(partial(is_tornado, app), map(str, names))):
        for name in names:
            try:
                return _find(app, name)
            except TemplateNotFound:
                continue
        raise TemplatesNotFound([str(name) for name in names])
    template: Template = app.jinja_env.get_or_select_template(names)
    return template


def _compile(env: BaseEnvironment, source: str) -> Template:
    """Return the compiled template of *source*.

    PERF: compiling costs 0.4 ms even for one line, so the last ones are kept, as Jinja keeps those
    it loads; but not where compiling calls functions of the program, which Flask calls for each
    rendering. An overlay shares its parent's dictionary: hence the check which environment a
    template belongs to.
    """
    kept: dict[str, Template] | None = getattr(env, "compiled_strings", None)
    if kept is None or env.cache is None:
        return env.from_string(source)
    template = kept.get(source)
    if template is None or template.environment is not env:
        template = env.from_string(source)
        if not calls_program(env, source):
            if len(kept) >= _STRINGS_KEPT:
                kept.clear()
            kept[source] = template
    return template


def _announce(
    signal: Signal, app: Application, template: Template, context: Mapping[str, object]
) -> None:
    if signal.receivers:
        signal.send(app, _async_wrapper=app.ensure_sync, template=template, context=context)


def _render(
    app: Application, template: Template, context: dict[str, object], block: str | None = None
) -> AwaitableStr:
    on_loop = _get_running_loop() is not None
    if _must_wait(app, template, on_loop):
        later = _render_async(app, template, context, block)
        return later if on_loop else run_async(later)  # type: ignore[return-value]  # see the head
    app.update_template_context(context)
    _announce(before_render_template, app, template, context)
    text = _text(template, context, block)
    _announce(template_rendered, app, template, context)
    if on_loop and app.config["AWAITABLE_VALUES"]:
        return AwaitableStr(text)
    return text  # type: ignore[return-value]  # where nobody awaits it


def _text(template: Template | pages.Page, context: dict[str, object], block: str | None) -> str:
    if block is None:
        return template.render(context)
    if isinstance(template, pages.Page):
        return template.render_block(block, context)
    return blocks.render_block(template, block, context)


async def _render_async(
    app: Application, template: Template, context: dict[str, object], block: str | None
) -> str:
    await _update_context(app, context)
    _announce(before_render_template, app, template, context)
    if not template.environment.is_async:
        text = _text(template, context, block)
    elif block is None:
        text = await template.render_async(context)
    else:
        text = await blocks.render_block_async(template, block, context)
    _announce(template_rendered, app, template, context)
    return text


def _must_wait(app: Application, template: Template, on_loop: bool) -> bool:
    return template.environment.is_async or (on_loop and has_async_processors(app))


async def _update_context(app: Application, context: dict[str, object]) -> None:
    if has_async_processors(app):
        await fill_context_async(app, context)
    else:
        app.update_template_context(context)


def _stream(app: Application, template: Template, context: dict[str, object]) -> Iterator[str]:
    on_loop = _get_running_loop() is not None
    if on_loop and _must_wait(app, template, on_loop):
        later = _pieces_async(app, template, context)
        return _AsyncStream(later)  # type: ignore[return-value]  # a body all the same
    app.update_template_context(context)
    _announce(before_render_template, app, template, context)
    pieces = _pieces(app, template, context)
    return _Stream(pieces) if on_loop else carry(pieces)


def _pieces(app: Application, template: Template, context: Mapping[str, object]) -> Iterator[str]:
    yield from template.generate(context)
    _announce(template_rendered, app, template, context)


async def _pieces_async(
    app: Application, template: Template, context: dict[str, object]
) -> AsyncIterator[str]:
    await _update_context(app, context)
    _announce(before_render_template, app, template, context)
    if template.environment.is_async:
        async with aclosing(template.generate_async(context)) as pieces:
            async for piece in pieces:
                yield piece
    else:
        for piece in template.generate(context):
            yield piece
    _announce(template_rendered, app, template, context)
