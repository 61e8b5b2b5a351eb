"""Pages of a handler: templates, and the scripts and styles of the UI modules on a page."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Iterable
from functools import cache
from typing import TYPE_CHECKING, Any

from ...escaping import to_unicode, utf8, xhtml_escape
from ...import_paths import load
from ...templating import tornado as templates
from ...templating.tornado import BaseLoader, Loader
from .template_names import TemplateNames, names_for
from .url_prefix import root_here

if TYPE_CHECKING:
    from types import FrameType

    from .interfaces import Handler
    from .uimodule import UIModule

# Where code stands that is not the program's, though it asks for templates.
_OURS = (
    os.path.dirname(__file__),
    os.path.dirname(os.path.dirname(__file__)),
    os.path.dirname(templates.__file__),
)

# -- the page --------------------------------------------------------------------------------------


def render(self: Handler, template_name: str, /, **kwargs: object) -> Awaitable[None]:
    """Finish the response with a page; return what `RequestHandler.finish` returns.

    Raises `RuntimeError` if the response is finished already.
    """
    if self._finished:
        raise RuntimeError("Cannot render() after finish()")
    html = self.render_string(template_name, **kwargs)
    modules: dict[str, UIModule] | None = getattr(self, "_active_modules", None)
    if modules:
        html = _with_resources(self, html, modules.values())
    return self.finish(html)


def _with_resources(self: Handler, html: bytes, modules: Iterable[UIModule]) -> bytes:
    """Put what the *modules* bring into the page: in the head, and at the end of the body."""
    js_embed: list[bytes] = []
    js_files: list[str] = []
    css_embed: list[bytes] = []
    css_files: list[str] = []
    heads: list[bytes] = []
    bodies: list[bytes] = []
    for module in modules:
        _take(js_embed, module.embedded_javascript())
        _take_files(js_files, module.javascript_files())
        _take(css_embed, module.embedded_css())
        _take_files(css_files, module.css_files())
        _take(heads, module.html_head())
        _take(bodies, module.html_body())

    head = b""
    if css_files:
        head += utf8(self.render_linked_css(css_files)) + b"\n"
    if css_embed:
        head += self.render_embed_css(css_embed) + b"\n"
    if heads:
        head += b"".join(heads) + b"\n"
    body = b""
    if js_files:
        body += utf8(self.render_linked_js(js_files)) + b"\n"
    if js_embed:
        body += self.render_embed_js(js_embed) + b"\n"
    if bodies:
        body += b"".join(bodies) + b"\n"
    if body:
        html = _insert(html, html.rfind(b"</body>"), body, "</body>")
    if head:
        html = _insert(html, html.find(b"</head>"), head, "</head>")
    return html


def _take(parts: list[bytes], part: str | bytes | None) -> None:
    if part:
        parts.append(utf8(part))


def _take_files(files: list[str], part: str | bytes | Iterable[str] | None) -> None:
    if isinstance(part, str | bytes):
        if part:
            files.append(to_unicode(part))
    elif part:
        files.extend(part)


def _insert(html: bytes, at: int, part: bytes, before: str) -> bytes:
    if at < 0:
        raise ValueError(
            f"A UI module on this page has something to put before {before}, and the page has none."
        )
    return html[:at] + part + html[at:]


def render_linked_js(self: Handler, js_files: Iterable[str]) -> str:
    """Return the ``<script>`` elements for *js_files*. Programs override it."""
    return "".join(
        f'<script src="{xhtml_escape(url)}" type="text/javascript"></script>'
        for url in _urls(self, js_files)
    )


def render_embed_js(self: Handler, js_embed: Iterable[bytes]) -> bytes:
    """Return one ``<script>`` with all that modules embed. Programs override it."""
    script = b"\n".join(js_embed)
    return b'<script type="text/javascript">\n//<![CDATA[\n%b\n//]]>\n</script>' % script


def render_linked_css(self: Handler, css_files: Iterable[str]) -> str:
    """Return the ``<link>`` elements for *css_files*. Programs override it."""
    return "".join(
        f'<link href="{xhtml_escape(url)}" type="text/css" rel="stylesheet"/>'
        for url in _urls(self, css_files)
    )


def render_embed_css(self: Handler, css_embed: Iterable[bytes]) -> bytes:
    """Return one ``<style>`` with all that modules embed. Programs override it."""
    return b'<style type="text/css">\n%b\n</style>' % b"\n".join(css_embed)


def _urls(self: Handler, files: Iterable[str]) -> Iterable[str]:
    """Return the files' URLs, each once, in order."""
    urls = (file if is_absolute(file) else self.static_url(file) for file in files)
    return dict.fromkeys(urls)


def is_absolute(path: str) -> bool:
    """Tell whether *path* is a URL already, or a path from the site's root."""
    return path.startswith(("/", "http:", "https:"))


# -- the template ----------------------------------------------------------------------------------


def render_string(self: Handler, template_name: str, /, **kwargs: object) -> bytes:
    """Return the template rendered in the handler's namespace and *kwargs*, which win.

    In an application of the core its settings may name another engine, and its context processors
    add names.
    """
    application: Any = self.application
    shared: dict[str, object] = {}
    if hasattr(type(application), "_waterspout_page"):
        page: bytes | None = application._waterspout_page(self, template_name, kwargs)
        if page is not None:
            return page
        shared = application.waterspout_shared_names()
    path = self.get_template_path() or _folder_of(sys._getframe(1))
    loaders = self._template_loaders
    loader = loaders.get(path)
    if loader is None:
        with self._template_loader_lock:
            loader = loaders.get(path)
            if loader is None:
                loader = loaders[path] = self.create_template_loader(path)
    template = loader.load(template_name)
    return template.generate(**{**shared, **names_for(template, self, kwargs), **kwargs})


def forget_templates(cls: type[Handler]) -> None:
    """Let the loaders that handlers share read their templates anew."""
    with cls._template_loader_lock:
        for loader in cls._template_loaders.values():
            loader.reset()


def _folder_of(frame: FrameType | None) -> str:
    """Return the folder of the program's file that asks for a template."""
    while frame is not None:
        folder, file = os.path.split(frame.f_code.co_filename)
        if folder not in _OURS and not file.endswith(".generated.py"):  # nor a template
            return folder
        frame = frame.f_back
    raise RuntimeError("No template_path is set, and no file asks for the template.")


def get_template_path(self: Handler) -> str | None:
    """Return the setting ``template_path``; None means the folder of the calling file."""
    path: str | None = self.application.settings.get("template_path")
    return path


def create_template_loader(self: Handler, template_path: str) -> BaseLoader:
    """Return a new loader for *template_path*, or the one of the setting ``template_loader``.

    The settings ``autoescape`` and ``template_whitespace`` are the loader's defaults.
    """
    settings = self.application.settings
    if "template_loader" in settings:
        given: BaseLoader = settings["template_loader"]
        return given
    options = {}
    if "autoescape" in settings:  # None means no escaping, so its absence is something else
        options["autoescape"] = settings["autoescape"]
    if "template_whitespace" in settings:
        options["whitespace"] = settings["template_whitespace"]
    return Loader(template_path, **options)


def get_template_namespace(self: Handler) -> TemplateNames:
    """Return the names that templates see, a dict of its own. Programs add to it."""
    names = {
        "handler": self,
        "request": self.request,
        "static_url": self.static_url,
        "xsrf_form_html": self.xsrf_form_html,
        "reverse_url": self.reverse_url,
        **self.ui,
    }
    return TemplateNames(self, names)


# -- static files ----------------------------------------------------------------------------------


def static_url(
    self: Handler, path: str, /, include_host: bool | None = None, **kwargs: object
) -> str:
    """Return the URL of a static file, with a version unless ``include_version=False``.

    The host is part of it if *include_host* says so, or else the handler's attribute of that name.
    *path* must not come from a client: for its version the file is read. Raises `HTTPError` 403 for
    one that leads out of ``static_path``, `Exception` if that setting is missing.
    """
    self.require_setting("static_path", "static_url")
    settings = self.settings
    handler_class = settings.get("static_handler_class") or _static_handler()
    url: str = handler_class.make_static_url(settings, path, **kwargs)
    if url.startswith("/"):
        url = root_here() + url
    if include_host is None:
        include_host = getattr(self, "include_host", False)
    if include_host:
        return f"{self.request.protocol}://{self.request.host}{url}"
    return url


@cache
def _static_handler() -> Any:
    # A subclass of the handler that this module is a part of.
    return load(f"{__package__}.static:StaticFileHandler")
