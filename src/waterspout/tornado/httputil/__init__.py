"""Tornado's ``httputil``: headers, start lines, forms, cookies and the server's interfaces.

Each subject has a room of its own; this is the name under which programs know them. The
private names at the end are used by Tornado's own modules, by its tests, or by programs.
"""

from __future__ import annotations

from http.client import responses
from typing import TYPE_CHECKING, Any

from ...peers.imported_names import imported_names
from . import forms
from .cookies import _unquote_cookie, parse_cookie
from .delegates import HTTPConnection, HTTPMessageDelegate, HTTPServerConnectionDelegate
from .errors import HTTPInputError, HTTPOutputError
from .fields import (
    _encode_header,
    _get_content_range,
    _parse_header,
    _parse_request_range,
    encode_username_password,
    format_timestamp,
)
from .forms import (
    HTTPFile,
    ParseBodyConfig,
    ParseMultipartConfig,
    ParseUrlEncodedConfig,
    parse_body_arguments,
    parse_multipart_form_data,
    set_parse_body_config,
)
from .grammar import CONTROL as _FORBIDDEN_HEADER_CHARS_RE
from .grammar import HTTP_WHITESPACE, split_host_and_port
from .headers import HTTPHeaders, _normalize_header
from .request import HTTPServerRequest
from .startline import (
    RequestStartLine,
    ResponseStartLine,
    parse_request_start_line,
    parse_response_start_line,
)
from .urls import qs_to_qsl, url_concat

__all__ = [
    "HTTP_WHITESPACE",
    "_FORBIDDEN_HEADER_CHARS_RE",
    "HTTPConnection",
    "HTTPFile",
    "HTTPHeaders",
    "HTTPInputError",
    "HTTPMessageDelegate",
    "HTTPOutputError",
    "HTTPServerConnectionDelegate",
    "HTTPServerRequest",
    "ParseBodyConfig",
    "ParseMultipartConfig",
    "ParseUrlEncodedConfig",
    "RequestStartLine",
    "ResponseStartLine",
    "_encode_header",
    "_get_content_range",
    "_normalize_header",
    "_parse_header",
    "_parse_request_range",
    "_unquote_cookie",
    "encode_username_password",
    "format_timestamp",
    "parse_body_arguments",
    "parse_cookie",
    "parse_multipart_form_data",
    "parse_request_start_line",
    "parse_response_start_line",
    "qs_to_qsl",
    "responses",
    "set_parse_body_config",
    "split_host_and_port",
    "url_concat",
]


def _changing(name: str) -> Any:
    # Looked up each time: `set_parse_body_config` replaces it.
    if name == "_DEFAULT_PARSE_BODY_CONFIG":
        return forms.default_config()
    raise AttributeError(f"module 'tornado.httputil' has no attribute {name!r}")


if not TYPE_CHECKING:  # what Tornado's module has by its imports
    __getattr__ = imported_names(
        "tornado.httputil",
        __package__,
        """
        import calendar, collections.abc, copy, dataclasses, datetime, email.utils, http.cookies, re
        import time, typing, unicodedata, warnings
        from collections.abc import Awaitable, Generator, Iterable, Iterator, Mapping
        from functools import lru_cache
        from ssl import SSLError
        from typing import AnyStr
        from urllib.parse import parse_qsl, urlencode, urlparse, urlunparse
        from ..escape import native_str, parse_qs_bytes, to_unicode, utf8
        from ..util import ObjectDict, unicode_type
        """,
        _changing,
    )
