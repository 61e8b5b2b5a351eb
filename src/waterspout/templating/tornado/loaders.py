"""Loaders find a template by its name, and compile it once."""

from __future__ import annotations

import errno
import os
import posixpath
import threading
from typing import Any

from ...typing import TemplateNames
from .errors import ParseError
from .template import Template


class BaseLoader:
    """The base of loaders: defaults for their templates, and a cache of them.

    :param autoescape: the name of the function that expressions go through, or None.
    :param namespace: names that all templates see.
    :param whitespace: a mode of `filter_whitespace`; None lets the name's suffix decide.

    A subclass gives `resolve_path` and `_create_template`.
    """

    def __init__(
        self,
        autoescape: str | None = "xhtml_escape",
        namespace: TemplateNames | None = None,
        whitespace: str | None = None,
    ) -> None:
        self.autoescape = autoescape
        self.namespace = namespace or {}
        self.whitespace = whitespace
        self.templates: dict[str, Template] = {}
        self.lock = threading.RLock()  # held while a template is made; it may load others
        self._making: list[str] = []

    def reset(self) -> None:
        """Forget the compiled templates."""
        with self.lock:
            self.templates = {}

    def resolve_path(self, name: str, parent_path: str | None = None) -> str:
        """Return the absolute name of *name* as it is written in the template *parent_path*."""
        raise NotImplementedError

    def load(self, name: str, parent_path: str | None = None) -> Template:
        """Return the template *name*.

        Raises `ParseError` for a faulty template, the loader's own error for one that is not there.
        """
        name = self.resolve_path(name, parent_path=parent_path)
        found = self.templates.get(name)
        return self._waterspout_make(name, parent_path) if found is None else found

    def _waterspout_make(self, name: str, parent_path: str | None) -> Template:
        with self.lock:
            if name in self._making:
                way = " → ".join([*self._making[self._making.index(name) :], name])
                raise ParseError(f"a template contains itself: {way}", parent_path)
            templates = self.templates
            if name not in templates:  # another thread may have added it meanwhile
                self._making.append(name)
                try:
                    templates[name] = self._create_template(name)
                finally:
                    self._making.pop()
            return templates[name]

    def _create_template(self, name: str) -> Template:
        raise NotImplementedError


class Loader(BaseLoader):
    """Loads templates from the files in *root_directory*.

    A name in a template is relative to the folder of that template, any other to the root.
    SECURITY: a file outside the root is not found, neither by ``..`` nor by an absolute path. A
    program that keeps templates elsewhere on purpose sets ``confined`` to False.
    """

    confined = True

    def __init__(self, root_directory: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.root = os.path.abspath(root_directory)

    def resolve_path(self, name: str, parent_path: str | None = None) -> str:
        if parent_path and _is_relative(name, parent_path):
            folder = os.path.dirname(os.path.join(self.root, parent_path))
            inside = self._waterspout_inside(os.path.join(folder, name))
            if inside is not None:
                return inside
        return name

    def _waterspout_inside(self, path: str) -> str | None:
        """Return *path* relative to the root, None if it lies outside."""
        prefix = os.path.join(self.root, "")
        path = os.path.abspath(path)
        return path[len(prefix) :] if path.startswith(prefix) else None

    def _create_template(self, name: str) -> Template:
        path = os.path.join(self.root, name)
        if self.confined and self._waterspout_inside(path) is None:
            raise FileNotFoundError(errno.ENOENT, f"No template outside {self.root}", name)
        with open(path, "rb") as file:
            return Template(file.read(), name=name, loader=self)


class DictLoader(BaseLoader):
    """Loads templates from a dictionary: name → source."""

    def __init__(self, dict: dict[str, str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dict = dict

    def resolve_path(self, name: str, parent_path: str | None = None) -> str:
        if parent_path and _is_relative(name, parent_path):
            return posixpath.normpath(posixpath.join(posixpath.dirname(parent_path), name))
        return name

    def _create_template(self, name: str) -> Template:
        return Template(self.dict[name], name=name, loader=self)


def _is_relative(name: str, parent_path: str) -> bool:
    """Tell whether *name* is relative to its parent: both are paths, neither is absolute.

    A template made from a string has a name such as ``<string>``.
    """
    return not parent_path.startswith(("<", "/")) and not name.startswith("/")
