"""`Flask`: the application class with the behaviour Flask's users know."""

from __future__ import annotations

from typing import Any

from werkzeug.datastructures import ImmutableDict

from ..app import App
from ..config import DEFAULT_CONFIG
from ..json.provider import DefaultJSONProvider
from ._json_classes import JSONClassAttribute

__all__ = ["Flask"]


class Flask(App):
    """An application whose settings start from Flask 3.1's (the "compat" preset).

    `waterspout.App` is the same class with the better settings for new programs.
    """

    default_config = ImmutableDict(DEFAULT_CONFIG)
    json_provider_class = DefaultJSONProvider

    #: The classes JSON was written and read with before Flask 2.3.
    json_encoder = JSONClassAttribute()
    json_decoder = JSONClassAttribute()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        JSONClassAttribute.adopt_all(cls)
