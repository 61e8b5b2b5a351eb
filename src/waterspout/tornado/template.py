"""Tornado's ``tornado.template``. The language is described in `waterspout.templating.tornado`."""

from __future__ import annotations

from ..templating.tornado import BaseLoader as BaseLoader
from ..templating.tornado import DictLoader as DictLoader
from ..templating.tornado import Loader as Loader
from ..templating.tornado import ParseError as ParseError
from ..templating.tornado import Template as Template
from ..templating.tornado import filter_whitespace as filter_whitespace

__all__ = ["BaseLoader", "DictLoader", "Loader", "ParseError", "Template", "filter_whitespace"]
