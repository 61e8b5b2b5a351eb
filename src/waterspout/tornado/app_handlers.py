"""Request handlers of a core application: their `Application`, and the URLs and templates that they
share with its views."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from ..templating import render_template
from ..templating.engines import TORNADO, engine_of
from ..templating.tornado_pages import load as load_page
from ..typing import TemplateNames
from .web.application import Application
from .web.template_names import names_for
from .web.url_prefix import root_here, url_in_app

if TYPE_CHECKING:
    from ..app import App
    from .routing.rules import URLSpec
    from .web.handler import RequestHandler

__all__ = ["application_of", "mounted_in", "rules_of"]

_EXTENSION = "waterspout.tornado"
_SOCKET_SETTINGS = (
    "websocket_close_timeout",
    "websocket_idle_timeout",
    "websocket_max_fragments",
    "websocket_max_message_size",
    "websocket_max_unsent",
    "websocket_message_rate",
    "websocket_origins",
    "websocket_per_client",
    "websocket_ping_interval",
    "websocket_ping_rate",
    "websocket_ping_timeout",
)


class _AppHandlers(Application):
    """The `Application` of the handlers of a core application."""

    def __init__(self, app: App) -> None:
        folder, config = app.template_folder, app.config
        settings: dict[str, object] = {
            "cookie_secret": app.secret_key,
            "xsrf_cookie_name": config["CSRF_COOKIE_NAME"],
            "serve_traceback": app.debug,
            "template_path": None if folder is None else os.path.join(app.root_path, folder),
            "compiled_template_cache": not app.debug,
            **{name: config[name.upper()] for name in _SOCKET_SETTINGS},
        }
        if app.static_folder is not None:
            settings["static_path"] = app.static_folder
            settings["static_url_prefix"] = f"{app.static_url_path}/"
        super().__init__([], **{**settings, **app.handler_settings})
        self.app = app

    def reverse_url(self, name: str, *args: object) -> str:
        """Return the URL of the handler rule *name*, else that of the endpoint *name*."""
        rule = rules_of(self.app).get(name)
        if rule is not None:
            return root_here() + (rule.reverse(*args) or "")
        return url_in_app(self.app, name, args)

    def _waterspout_page(
        self, handler: RequestHandler, name: str, names: dict[str, object]
    ) -> bytes | None:
        """Return the template *name* rendered, if the app's settings say that it is of one engine
        wherever it is rendered (`templating.engines`)."""
        engine = engine_of(self.app, name)
        if engine is None:
            return None
        if engine == TORNADO:
            page = load_page(self.app, name)
            shared = self.waterspout_shared_names()
            return page.render_bytes({**shared, **names_for(page, handler, names), **names})
        text: Any = render_template(name, **{**_for_jinja(handler), **names})
        if not isinstance(text, str):
            text.close()
            raise RuntimeError(f"{name} has to be awaited, and a handler's render() cannot wait.")
        return text.encode()

    def waterspout_shared_names(self) -> dict[str, object]:
        """Return what templates of both engines see: the app's globals, and what its context
        processors give."""
        names: dict[str, object] = {}
        self.app.update_template_context(names)
        return {**self.app.jinja_env.globals, **names}

    def waterspout_answers(self, path: str) -> bool:
        return self.app.waterspout_route_table.find("GET", path) is not None


def application_of(app: App) -> Application:
    """Return what the handlers of *app* have for their `Application`, made at the first request.

    Its settings come from the app: ``cookie_secret``, ``template_path``, ``static_path``; those
    in ``app.handler_settings`` are put on top.
    """
    found: Application | None = app.extensions.get(_EXTENSION)
    if found is None:
        found = app.extensions[_EXTENSION] = _AppHandlers(app)
    return found


def rules_of(app: App) -> dict[str, URLSpec]:
    """Return the handler rules of *app* by name; `url_for` knows them, too."""
    found: dict[str, URLSpec] | None = app.extensions.get(_EXTENSION + ".rules")
    if found is None:
        found = app.extensions[_EXTENSION + ".rules"] = {}

        def path_of(endpoint: str, values: TemplateNames) -> str | None:
            rule = found.get(endpoint)
            return None if rule is None else rule.reverse(*values.get("path_args", ()))

        app.waterspout_path_builders.append(path_of)
    return found


def mounted_in(app: App) -> list[tuple[str, Application]]:
    """Return the applications mounted in *app*; `url_for` knows the names of their rules, those of
    the first one first."""
    found: list[tuple[str, Application]] | None = app.extensions.get(_EXTENSION + ".mounted")
    if found is None:
        found = app.extensions[_EXTENSION + ".mounted"] = []

        def path_of(endpoint: str, values: TemplateNames) -> str | None:
            for prefix, application in found:
                router = application.default_router
                path = router.reverse_url(endpoint, *values.get("path_args", ()))
                if path is not None:
                    return prefix + path
            return None

        app.waterspout_path_builders.append(path_of)
    return found


def _for_jinja(handler: RequestHandler) -> dict[str, object]:
    """Return a handler's names for a template of Jinja's, without those that views have as well.
    What is markup is said to be, for Jinja escapes the rest."""
    names = handler.get_template_namespace()
    del names["request"]  # the application's own, as in views
    names["xsrf_form_html"] = lambda: Markup(handler.xsrf_form_html())
    names["modules"] = _Modules(names["_tt_modules"])
    return names


class _Modules:
    """UI modules, which give markup."""

    def __init__(self, modules: object) -> None:
        self._modules = modules

    def __getattr__(self, name: str) -> object:
        render = getattr(self._modules, name)
        return lambda *args, **kwargs: Markup(render(*args, **kwargs))
