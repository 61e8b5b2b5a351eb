"""Tornado's ``tornado.escape``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..escaping import json_decode as json_decode
from ..escaping import json_encode as json_encode
from ..escaping import linkify as linkify
from ..escaping import parse_qs_bytes as parse_qs_bytes
from ..escaping import recursive_unicode as recursive_unicode
from ..escaping import squeeze as squeeze
from ..escaping import to_unicode as to_unicode
from ..escaping import unquote_to_bytes
from ..escaping import url_escape as url_escape
from ..escaping import url_unescape as url_unescape
from ..escaping import utf8 as utf8
from ..escaping import xhtml_escape as xhtml_escape
from ..escaping import xhtml_unescape as xhtml_unescape
from ..peers.imported_names import imported_names

# The older names of one function, from when str and unicode were two types.
_unicode = native_str = to_basestring = to_unicode
_unquote_to_bytes = unquote_to_bytes  # its name to Tornado's own tests

__all__ = [
    "json_decode",
    "json_encode",
    "linkify",
    "native_str",
    "parse_qs_bytes",
    "recursive_unicode",
    "squeeze",
    "to_basestring",
    "to_unicode",
    "url_escape",
    "url_unescape",
    "utf8",
    "xhtml_escape",
    "xhtml_unescape",
]


if not TYPE_CHECKING:  # what Tornado's module has by its imports
    __getattr__ = imported_names(
        "tornado.escape",
        __package__,
        """
        import binascii, html, json, re, typing, urllib.parse
        from collections.abc import Callable
        from typing import Any
        from .util import unicode_type
        """,
    )
