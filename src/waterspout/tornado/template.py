"""Tornado's ``tornado.template``. The language is described in `waterspout.templating.tornado`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..peers.imported_names import imported_names
from ..templating.tornado import BaseLoader as BaseLoader
from ..templating.tornado import DictLoader as DictLoader
from ..templating.tornado import Loader as Loader
from ..templating.tornado import ParseError as ParseError
from ..templating.tornado import Template as Template
from ..templating.tornado import filter_whitespace as filter_whitespace

__all__ = ["BaseLoader", "DictLoader", "Loader", "ParseError", "Template", "filter_whitespace"]


if not TYPE_CHECKING:  # what Tornado's module has by its imports
    __getattr__ = imported_names(
        "tornado.template",
        __package__,
        """
        import datetime, linecache, os.path, posixpath, re, threading, typing
        from collections.abc import Callable, Iterable
        from io import StringIO
        from typing import Any, ContextManager, Optional, TextIO
        from . import escape
        from .log import app_log
        from .util import ObjectDict, exec_in, unicode_type
        """,
    )
