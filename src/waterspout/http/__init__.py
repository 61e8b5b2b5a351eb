"""Values and wire formats of HTTP. Knows no application."""

from .incoming import Incoming as Incoming
from .incoming import Origin as Origin
from .request import Request as Request
from .response import Response as Response
