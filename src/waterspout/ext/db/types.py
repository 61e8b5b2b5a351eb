"""Names of types that the modules of the database share."""

from __future__ import annotations

from typing import Any, TypeAlias

__all__ = ["ModelClass", "Row"]

#: An object of a program's model, or what else a statement selects.
Row: TypeAlias = Any

#: A program's model, with the columns and relationships that it declares.
ModelClass: TypeAlias = Any
