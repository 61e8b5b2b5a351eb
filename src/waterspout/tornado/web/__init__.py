"""Tornado's ``web``: request handlers, and the application that has them.

Each subject has a room of its own; this is the name under which programs know them. Names
with an underscore are used by Tornado's own modules, by its tests, or by programs.
"""

from __future__ import annotations

from asyncio import Future
from http.client import responses
from typing import TYPE_CHECKING

from ...peers.imported_names import imported_names
from .. import escape, httputil, locale, template
from ..escape import _unicode, utf8
from ..log import access_log, app_log, gen_log
from ..routing import (
    AnyMatches,
    DefaultHostMatches,
    HostMatches,
    ReversibleRouter,
    ReversibleRuleRouter,
    Rule,
    URLSpec,
    _RuleList,
)
from ..util import ObjectDict, _websocket_mask, unicode_type
from .application import Application
from .arguments import _ARG_DEFAULT, _ArgDefaultMarker
from .authenticated import addslash, authenticated, removeslash
from .dispatch import _HandlerDelegate
from .errors import Finish, HTTPError, MissingArgumentError
from .fields import HeaderValue as _HeaderTypes
from .handler import RequestHandler
from .redirects import ErrorHandler, FallbackHandler, RedirectHandler
from .rendering import is_absolute
from .router import _ApplicationRouter
from .signed import (
    DEFAULT_SIGNED_VALUE_MIN_VERSION,
    DEFAULT_SIGNED_VALUE_VERSION,
    MAX_SUPPORTED_SIGNED_VALUE_VERSION,
    MIN_SUPPORTED_SIGNED_VALUE_VERSION,
    _create_signature_v1,
    _create_signature_v2,
    _decode_fields_v2,
    _decode_signed_value_v1,
    _decode_signed_value_v2,
    _get_version,
    create_signed_value,
    decode_signed_value,
    get_signature_key_version,
)
from .static import StaticFileHandler
from .streaming import _has_stream_request_body, stream_request_body
from .transforms import GZipContentEncoding, OutputTransform
from .uimodule import (
    TemplateModule,
    UIModule,
    _linkify,
    _UIModuleNamespace,
    _xsrf_form_html,
)

url = URLSpec

__all__ = [
    "DEFAULT_SIGNED_VALUE_MIN_VERSION",
    "DEFAULT_SIGNED_VALUE_VERSION",
    "MAX_SUPPORTED_SIGNED_VALUE_VERSION",
    "MIN_SUPPORTED_SIGNED_VALUE_VERSION",
    "_ARG_DEFAULT",
    "AnyMatches",
    "Application",
    "DefaultHostMatches",
    "ErrorHandler",
    "FallbackHandler",
    "Finish",
    "Future",
    "GZipContentEncoding",
    "HTTPError",
    "HostMatches",
    "MissingArgumentError",
    "ObjectDict",
    "OutputTransform",
    "RedirectHandler",
    "RequestHandler",
    "ReversibleRouter",
    "ReversibleRuleRouter",
    "Rule",
    "StaticFileHandler",
    "TemplateModule",
    "UIModule",
    "URLSpec",
    "_ApplicationRouter",
    "_ArgDefaultMarker",
    "_HandlerDelegate",
    "_HeaderTypes",
    "_RuleList",
    "_UIModuleNamespace",
    "_create_signature_v1",
    "_create_signature_v2",
    "_decode_fields_v2",
    "_decode_signed_value_v1",
    "_decode_signed_value_v2",
    "_get_version",
    "_has_stream_request_body",
    "_linkify",
    "_unicode",
    "_websocket_mask",
    "_xsrf_form_html",
    "access_log",
    "addslash",
    "app_log",
    "authenticated",
    "create_signed_value",
    "decode_signed_value",
    "escape",
    "gen_log",
    "get_signature_key_version",
    "httputil",
    "is_absolute",
    "locale",
    "removeslash",
    "responses",
    "stream_request_body",
    "template",
    "unicode_type",
    "url",
    "utf8",
]


if not TYPE_CHECKING:  # what Tornado's module has by its imports
    __getattr__ = imported_names(
        "tornado.web",
        __package__,
        """
        import asyncio, base64, binascii, datetime, email.utils, functools, gzip, hashlib, hmac
        import http.cookies, mimetypes, numbers, os.path, re, socket, stat, string, sys, threading
        import time, tornado, traceback, types, urllib.parse, warnings
        from collections.abc import Awaitable, Callable, Generator, Iterable
        from inspect import isclass
        from io import BytesIO
        from types import TracebackType
        from typing import Any, Optional, Type, TypeVar, Union, cast, overload
        from urllib.parse import urlencode
        from .. import gen, iostream
        from ..concurrent import future_set_result_unless_cancelled
        from ..httpserver import HTTPServer
        from ...security.redirects import scheme_and_netloc as _scheme_and_netloc
        """,
    )
