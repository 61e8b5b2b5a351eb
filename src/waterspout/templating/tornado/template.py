"""A compiled template."""

from __future__ import annotations

import builtins
import linecache
import logging
from collections.abc import Callable, Iterator
from importlib.machinery import ModuleSpec
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Final

from ...escaping import to_unicode, utf8
from ...typing import TemplateNames
from .codegen import Generated, generate
from .error_location import excerpt, tell
from .errors import CodeError, ParseError
from .parser import parse
from .runtime import NAMES, raw, show
from .whitespace import default_mode, filter_whitespace

if TYPE_CHECKING:
    from .codegen import Loader

_log = logging.getLogger("tornado.application")  # where Tornado programs look


class _Unset:
    """Marks a parameter that was not given, where None is a value."""


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
        loader: Loader | None = None,
        compress_whitespace: bool | _Unset = _UNSET,
        autoescape: str | _Unset | None = _UNSET,
        whitespace: str | None = None,
    ) -> None:
        self.name = to_unicode(name)
        self.loader = loader
        self.namespace: TemplateNames = loader.namespace if loader else {}
        if isinstance(autoescape, _Unset):
            autoescape = loader.autoescape if loader else "xhtml_escape"
        if not isinstance(compress_whitespace, _Unset):
            if whitespace is not None:
                raise Exception("cannot set both whitespace and compress_whitespace")
            whitespace = "single" if compress_whitespace else "all"
        mode = whitespace or (loader and loader.whitespace) or default_mode(self.name)
        filter_whitespace(mode, "")  # refuses an unknown mode
        self.source = to_unicode(template_string)
        self._blocks: dict[str, _Compiled] = {}
        try:
            self.file = parse(self.source, self.name, mode, autoescape)
            self.autoescape = self.file.autoescape
            self._page = _Compiled(self.name, generate(self, loader))
        except (RecursionError, MemoryError):  # the latter from Python's own parser
            raise ParseError("nested too deeply", self.name) from None
        except ParseError as error:
            line = excerpt(self.source, error.lineno or 0)
            if error.filename == self.name and line:
                error.add_note(f'In template "{self.name}", line {error.lineno}\n    {line}')
            raise
        self.code = self._page.generated.source
        self.compiled = self._page.module

    def generate(self, **kwargs: object) -> bytes:
        """Run the template with *kwargs*, which win over the loader's names and the common ones."""
        return self._page.run({**self._page.names, **self.namespace, **kwargs})

    def waterspout_uses(self, name: str) -> bool:
        """Tell whether the template may read the variable *name*."""
        return self._page.uses(name)

    def generate_block(self, block: str, /, **kwargs: object) -> bytes:
        """Return what one block gives, as it stands in the page. What is set and imported outside
        of blocks, at the top of the outermost template, is there. Raises `LookupError`."""
        compiled = self._blocks.get(block)
        if compiled is None:
            compiled = _Compiled(self.name, generate(self, self.loader, block))
            self._blocks[block] = compiled
        return compiled.run({**compiled.names, **self.namespace, **kwargs})


#: Functions that read any variable.
_READ_ALL: Final = frozenset(("dir", "eval", "exec", "globals", "locals", "vars"))


def _names_read(code: CodeType) -> Iterator[str]:
    """Yield the names of global variables and of attributes in *code*, and in what it defines."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names_read(constant)


class _Compiled:
    """A compiled function and its source."""

    _read: frozenset[str] | None = None

    def __init__(self, name: str, generated: Generated) -> None:
        self.generated = generated
        code = generated.source
        module = name.replace(".", "_")
        self._filename = f"{module}.generated.py"
        try:
            self.module = compile(code, self._filename, "exec", dont_inherit=True)
        except (SyntaxError, ValueError) as error:  # the latter for a zero byte
            _log.error("%s code:\n%s", name, _numbered(code))
            origin = generated.origin(getattr(error, "lineno", None) or 1)
            message = getattr(error, "msg", str(error))
            raise CodeError(message, origin.name, origin.line, origin.code) from error
        # The module's only function is taken from its code; the module itself is not run.
        self._function = next(
            constant for constant in self.module.co_consts if isinstance(constant, CodeType)
        )
        source = _Source(code)
        self.names = {
            **NAMES,
            "__builtins__": builtins,
            # With these a traceback finds the generated source; the last one is for Python 3.15.
            "__name__": module,
            "__loader__": source,
            "__spec__": ModuleSpec(module, source),  # type: ignore[arg-type]  # linecache's loader
        }

    def uses(self, name: str) -> bool:
        """Tell whether the function may read the global variable *name*."""
        if self._read is None:
            self._read = frozenset(_names_read(self._function))
        return name in self._read or not self._read.isdisjoint(_READ_ALL)

    def run(self, namespace: TemplateNames) -> bytes:
        """Run the function with *namespace* as its globals."""
        execute: Callable[..., bytes] = FunctionType(self._function, namespace)
        try:
            return execute(show, raw, utf8)
        except BaseException as error:
            # Another template of the same name may have left its source there.
            linecache.cache.pop(self._filename, None)
            if isinstance(error, Exception):
                tell(error, self._function, self.generated)
            raise


class _Source:
    """The loader of a generated module, with the methods that `linecache` uses."""

    def __init__(self, source: str) -> None:
        self._source = source

    def get_source(self, name: str) -> str:
        return self._source


def _numbered(code: str) -> str:
    lines = code.splitlines()
    width = len(repr(len(lines) + 1))
    return "\n".join(f"{number:{width}}  {line}" for number, line in enumerate(lines, 1))
