"""Tornado's template language, compiled to Python.

The stages: `lexer` (source → text and tags) → `parser` (→ the tree of `nodes`) → `codegen`
(→ the source of one Python function, each line marked with the template's file and line) →
`template` (compiled, and run with a namespace). `loaders` find templates by name; `runtime` is what
the generated code calls.

Templates are programs: they run any Python. Printed values are escaped. A loader confines
templates to its root.
"""

from __future__ import annotations

from .errors import CodeError as CodeError
from .errors import ParseError as ParseError
from .loaders import BaseLoader as BaseLoader
from .loaders import DictLoader as DictLoader
from .loaders import Loader as Loader
from .template import Template as Template
from .whitespace import filter_whitespace as filter_whitespace
