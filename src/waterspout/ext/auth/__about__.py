"""What `flask_login.__about__` says of the version whose names these are."""

from __future__ import annotations

__title__ = "waterspout.ext.auth"
__description__ = "Users of Waterspout's applications, with the names of Flask-Login"
__url__ = "https://pypi.org/project/waterspout/"
__version_info__ = ("0", "6", "3")
__version__ = ".".join(__version_info__)
__author__ = __maintainer__ = "The Waterspout developers"
__author_email__ = ""
__license__ = "BSD-3-Clause"
__copyright__ = "(c) The Waterspout developers"
