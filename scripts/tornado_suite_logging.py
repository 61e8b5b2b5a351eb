"""A pytest plugin for Tornado's tests: no access log, as in Tornado's own runner."""

from __future__ import annotations

import logging

logging.getLogger("tornado.access").setLevel(logging.CRITICAL)
