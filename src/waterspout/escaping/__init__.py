"""Escaping of text for markup, scripts and URLs, and conversions between bytes and str.

Standard library only. The names are those of Tornado's ``escape``, which re-exports them; the
template engines and both wings use them.
"""

from __future__ import annotations

from .links import linkify as linkify
from .markup import json_decode as json_decode
from .markup import json_encode as json_encode
from .markup import xhtml_escape as xhtml_escape
from .markup import xhtml_unescape as xhtml_unescape
from .strings import recursive_unicode as recursive_unicode
from .strings import squeeze as squeeze
from .strings import to_unicode as to_unicode
from .strings import utf8 as utf8
from .urls import parse_qs_bytes as parse_qs_bytes
from .urls import unquote_to_bytes as unquote_to_bytes
from .urls import url_escape as url_escape
from .urls import url_unescape as url_unescape
