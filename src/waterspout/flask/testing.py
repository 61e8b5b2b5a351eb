"""`flask.testing`."""

from __future__ import annotations

from ..testing import EnvironBuilder as EnvironBuilder
from ..testing import FlaskClient as FlaskClient
from ..testing import FlaskCliRunner as FlaskCliRunner
