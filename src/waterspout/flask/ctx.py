"""`flask.ctx`."""

from __future__ import annotations

from ..context import AppContext as AppContext
from ..context import RequestContext as RequestContext
from ..context import _AppCtxGlobals as _AppCtxGlobals
from ..context import _cv_app as _cv_app
from ..context import _cv_request as _cv_request
from ..context import after_this_request as after_this_request
from ..context import copy_current_request_context as copy_current_request_context
from ..context import has_app_context as has_app_context
from ..context import has_request_context as has_request_context
