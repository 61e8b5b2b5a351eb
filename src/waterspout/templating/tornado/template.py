"""A template: compiled once, run often."""

from __future__ import annotations

import builtins
import linecache
import logging
from collections.abc import Callable
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, Final

from ...escaping import to_unicode, utf8
from .codegen import generate
from .errors import CodeError, ParseError
from .parser import parse
from .runtime import NAMES, raw, show
from .whitespace import default_mode, filter_whitespace

if TYPE_CHECKING:
    from .loaders import BaseLoader

_log = logging.getLogger("tornado.application")  # where Tornado programs look


class _Unset:
    """Tells a parameter left out from one that is None."""


_UNSET: Final = _Unset()


class Template:
    """A template compiled to Python.

    :param template_string: the source; bytes are UTF-8.
    :param name: the name for errors. Its suffix decides on *whitespace* if nothing else does.
    :param loader: finds what the template extends and includes; gives defaults and names.
    :param autoescape: the name of a function in the template's namespace, or None.
    :param compress_whitespace: Tornado's older form of *whitespace* ``"single"`` and ``"all"``.
    :param whitespace: a mode of `filter_whitespace`.

    Raises `ParseError`; `CodeError`, which is a `SyntaxError` too, for the Python in it. The
    attributes `code` and `compiled` hold the generated Python.
    """

    def __init__(
        self,
        template_string: str | bytes,
        name: str = "<string>",
        loader: BaseLoader | None = None,
        compress_whitespace: bool | _Unset = _UNSET,
        autoescape: str | _Unset | None = _UNSET,
        whitespace: str | None = None,
    ) -> None:
        self.name = to_unicode(name)
        self.loader = loader
        self.namespace: dict[str, Any] = loader.namespace if loader else {}
        if isinstance(autoescape, _Unset):
            autoescape = loader.autoescape if loader else "xhtml_escape"
        if not isinstance(compress_whitespace, _Unset):
            if whitespace is not None:
                raise Exception("cannot set both whitespace and compress_whitespace")
            whitespace = "single" if compress_whitespace else "all"
        mode = whitespace or (loader and loader.whitespace) or default_mode(self.name)
        filter_whitespace(mode, "")  # refuses an unknown mode
        try:
            self.file = parse(to_unicode(template_string), self.name, mode, autoescape)
            self.autoescape = self.file.autoescape
            self._compile(loader)
        except (RecursionError, MemoryError):  # the latter from Python's own parser
            raise ParseError("nested too deeply", self.name) from None

    def _compile(self, loader: BaseLoader | None) -> None:
        generated = generate(self, loader)
        self.code = generated.source
        module = self.name.replace(".", "_")
        self._filename = f"{module}.generated.py"
        try:
            self.compiled = compile(self.code, self._filename, "exec", dont_inherit=True)
        except (SyntaxError, ValueError) as error:  # the latter for a zero byte
            _log.error("%s code:\n%s", self.name, _numbered(self.code))
            origin = generated.origin(getattr(error, "lineno", None) or 1)
            message = getattr(error, "msg", str(error))
            raise CodeError(message, origin.name, origin.line, origin.code) from error
        # PERF: of the module only its one function is needed; it is not run to get it.
        self._function = next(
            constant for constant in self.compiled.co_consts if isinstance(constant, CodeType)
        )
        self._names = {
            **NAMES,
            "__builtins__": builtins,
            # By these two a traceback finds the generated source.
            "__name__": module,
            "__loader__": _Source(self.code),
        }

    def generate(self, **kwargs: Any) -> bytes:
        """Run the template with *kwargs*, which win over the loader's names and the common ones."""
        namespace = {**self._names, **self.namespace, **kwargs}
        execute: Callable[..., bytes] = FunctionType(self._function, namespace)
        try:
            return execute(show, raw, utf8)
        except BaseException:
            # Another template of the same name may have left its source there.
            linecache.cache.pop(self._filename, None)
            raise


class _Source:
    """The loader of a generated module, as far as `linecache` needs one."""

    def __init__(self, source: str) -> None:
        self._source = source

    def get_source(self, name: str) -> str:
        return self._source


def _numbered(code: str) -> str:
    lines = code.splitlines()
    width = len(repr(len(lines) + 1))
    return "\n".join(f"{number:{width}}  {line}" for number, line in enumerate(lines, 1))
