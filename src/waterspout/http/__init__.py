"""Values and wire formats of HTTP. Knows no application."""

from .incoming import Incoming as Incoming
from .request import Request as Request
from .response import Response as Response
