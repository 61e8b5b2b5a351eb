"""`werkzeug.__version__`, which Werkzeug 3.1 removed."""

from __future__ import annotations

import importlib.metadata

__version__ = importlib.metadata.version("werkzeug")
