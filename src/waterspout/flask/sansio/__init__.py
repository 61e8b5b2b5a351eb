"""`flask.sansio`: where Flask keeps the base classes of what it exports."""

from __future__ import annotations

from . import app as app
from . import blueprints as blueprints
from . import scaffold as scaffold
