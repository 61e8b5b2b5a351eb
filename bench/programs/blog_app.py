"""The demo's blog, its tables and pictures where the bench has put them."""

from __future__ import annotations

import os

from waterspout.demo import make_app

app = make_app(
    {
        "FOLDER": os.environ["BENCH_FOLDER"],
        "SQLALCHEMY_DATABASE_URI": os.environ["BENCH_DATABASE"],
        # One client comments a thousand times a second.
        "RATELIMIT_ENABLED": False,
    }
)
