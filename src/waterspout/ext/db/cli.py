"""What the interactive shell knows of a database."""

from __future__ import annotations

from typing import Any

from waterspout import current_app


def add_models_to_shell() -> dict[str, Any]:
    """Return the names of an interactive shell: ``db`` and every model class."""
    db = current_app.extensions["sqlalchemy"]
    models = [mapper.class_ for mapper in db.Model._sa_registry.mappers]
    return {**{model.__name__: model for model in models}, "db": db}
