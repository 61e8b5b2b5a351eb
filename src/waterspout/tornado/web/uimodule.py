"""UI modules: parts of a page that bring their own scripts, styles and markup for head and body."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from ...escaping import linkify, to_unicode
from ...typing import User

if TYPE_CHECKING:
    from .interfaces import Handler

__all__ = ["TemplateModule", "UIModule"]


class UIModule:
    """A part of a page that templates use with ``{% module Name(...) %}``.

    A subclass gives `render`. One instance serves all uses in one response; what the other methods
    return is put into the page once, by `RequestHandler.render`.
    """

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.request = handler.request
        self.ui = handler.ui
        self.locale = handler.locale

    @property
    def current_user(self) -> User:
        """The handler's `current_user`."""
        return self.handler.current_user

    def render(self, *args: Any, **kwargs: Any) -> str | bytes:
        """Return the module's output, which is not escaped any more."""
        raise NotImplementedError

    def embedded_javascript(self) -> str | bytes | None:
        """Return JavaScript for a ``<script>`` at the end of the body, None for nothing."""
        return None

    def javascript_files(self) -> str | bytes | Iterable[str] | None:
        """Return scripts that the page needs: URLs, or paths for `static_url`."""
        return None

    def embedded_css(self) -> str | bytes | None:
        """Return CSS for a ``<style>`` in the head, None for nothing."""
        return None

    def css_files(self) -> str | bytes | Iterable[str] | None:
        """Return style sheets that the page needs: URLs, or paths for `static_url`."""
        return None

    def html_head(self) -> str | bytes | None:
        """Return markup for the end of the head, None for nothing."""
        return None

    def html_body(self) -> str | bytes | None:
        """Return markup for the end of the body, None for nothing."""
        return None

    def render_string(self, path: str, **kwargs: object) -> bytes:
        """Render a template for this module."""
        return self.handler.render_string(path, **kwargs)


class TemplateModule(UIModule):
    """Renders a template with a namespace of its own: ``{% module Template("foo.html", a=1) %}``.

    The template may call ``set_resources(javascript_files=…, embedded_css=…)``, with the names of
    `UIModule`'s methods. They count once for each template, so they must always be the same: other
    ones raise `ValueError`.
    """

    def __init__(self, handler: Handler) -> None:
        super().__init__(handler)
        self._resources: dict[str, dict[str, object]] = {}  # template → what it set, in order

    def render(self, path: str, **kwargs: object) -> bytes:
        """Return the template *path*, rendered with *kwargs*."""

        def set_resources(**resources: object) -> str:
            if self._resources.setdefault(path, resources) != resources:
                raise ValueError(
                    "set_resources called with different resources for the same template"
                )
            return ""

        return self.render_string(path, set_resources=set_resources, **kwargs)

    def _get_resources(self, key: str) -> Iterable[Any]:
        return (set_by[key] for set_by in self._resources.values() if key in set_by)

    def __get_files(self, key: str) -> list[str]:
        given = self._get_resources(key)
        lists = ([to_unicode(one)] if isinstance(one, str | bytes) else one for one in given)
        return [file for files in lists for file in files]

    def embedded_javascript(self) -> str:
        return "\n".join(self._get_resources("embedded_javascript"))

    def javascript_files(self) -> list[str]:
        return self.__get_files("javascript_files")

    def embedded_css(self) -> str:
        return "\n".join(self._get_resources("embedded_css"))

    def css_files(self) -> list[str]:
        return self.__get_files("css_files")

    def html_head(self) -> str:
        return "".join(self._get_resources("html_head"))

    def html_body(self) -> str:
        return "".join(self._get_resources("html_body"))


class _linkify(UIModule):  # named as templates name it
    def render(self, text: str, **kwargs: Any) -> str:
        return linkify(text, **kwargs)


class _xsrf_form_html(UIModule):  # named as templates name it
    def render(self) -> str:
        return self.handler.xsrf_form_html()


class _UIModuleNamespace:
    """The modules as templates see them: looked up by name, made for the handler when called."""

    def __init__(self, handler: Handler, ui_modules: dict[str, type[UIModule]]) -> None:
        self.handler = handler
        self.ui_modules = ui_modules

    def __getitem__(self, key: str) -> Callable[..., str]:
        return self.handler._ui_module(key, self.ui_modules[key])

    def __getattr__(self, key: str) -> Callable[..., str]:
        try:
            return self[key]
        except KeyError as error:
            raise AttributeError(str(error)) from None


def _ui_module(handler: Handler, name: str, module: type[UIModule]) -> Callable[..., str]:
    """Return what renders the one instance of *module* in this response."""

    def render(*args: Any, **kwargs: Any) -> str:
        active: dict[str, UIModule] | None = getattr(handler, "_active_modules", None)
        if active is None:
            active = handler._active_modules = {}
        instance = active.get(name)
        if instance is None:
            instance = active[name] = module(handler)
        return to_unicode(instance.render(*args, **kwargs))

    return render
