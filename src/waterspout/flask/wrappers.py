"""`flask.wrappers`."""

from __future__ import annotations

from ..http import Request as Request
from ..http import Response as Response
