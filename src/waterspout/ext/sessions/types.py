"""Names of types that the modules of the sessions share."""

from __future__ import annotations

from typing import Any, TypeAlias

__all__ = ["Stored"]

#: What a store keeps of a session: bytes, or whatever a subclass's `_pack` has made of its dict.
Stored: TypeAlias = Any
