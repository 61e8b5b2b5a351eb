"""`pytest -p waterspout.dropin.pytest_plugin`: run a Flask program's own tests on Waterspout.

pytest loads `-p` modules before the plugins of installed packages and before any `conftest.py`,
so the drop-in is there before the first `import flask`.
"""

from __future__ import annotations

from . import install

install()
