"""Values and wire formats of HTTP, independent of any application."""

from .message import Incoming as Incoming
from .message import Origin as Origin
from .request import Request as Request
from .response import Response as Response
