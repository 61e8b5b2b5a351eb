"""The log entry on where a template was searched (setting EXPLAIN_TEMPLATE_LOADING)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ..context.variables import request_var

if TYPE_CHECKING:
    from jinja2 import BaseLoader

    from ..interfaces import Application

__all__ = ["Attempt", "Source", "explain_template_loading_attempts"]

Source = tuple[str, str | None, Callable[[], bool] | None]
"""The result of a loader: the text, its file, and whether it is still up to date."""

Attempt = tuple["BaseLoader", object, Source | None]
"""A loader, the application or blueprint it belongs to, and its result."""

_FOLDERS_PAGE = "https://flask.palletsprojects.com/blueprints/#templates"


def explain_template_loading_attempts(
    app: Application, template: str, attempts: Sequence[Attempt]
) -> None:
    """Log which loaders were tried for *template*, in order, and the result of each."""
    lines = [f"Locating template {template!r}:"]
    found = 0
    for number, (loader, owner, source) in enumerate(attempts, start=1):
        lines.append(f"{number:5}: trying loader of {_owner(app, owner)}")
        lines += [f"       {line}" for line in _describe(loader)]
        if source is None:
            lines.append("       -> no match")
        else:
            found += 1
            lines.append(f"       -> found ({source[1] or '<string>'!r})")

    if found == 0:
        lines.append("Error: the template could not be found.")
    elif found > 1:
        lines.append("Warning: multiple loaders returned a match for the template.")
    ctx = request_var.get(None)
    blueprint = None if ctx is None else ctx.request.blueprint
    if found != 1 and blueprint is not None:
        origin = f"an endpoint that belongs to the blueprint {blueprint!r}"
        lines += [
            f"  The template was looked up from {origin}.",
            "  Is it in the templates folder of another blueprint, or of the application?",
            f"  See {_FOLDERS_PAGE}",
        ]
    app.logger.info("\n".join(lines))


def _owner(app: Application, owner: Any) -> str:
    if owner is app:
        return f"application {app.import_name!r}"
    name = getattr(owner, "name", None)
    if name is None:
        return repr(owner)
    return f"blueprint {name!r} ({owner.import_name})"


def _describe(loader: BaseLoader) -> Iterator[str]:
    """Yield the class of *loader* and those of its public attributes that are plain values."""
    yield f"class: {type(loader).__module__}.{type(loader).__name__}"
    for name, value in sorted(vars(loader).items()):
        if name.startswith("_"):
            continue
        if isinstance(value, (str, int, float)):
            yield f"{name}: {value!r}"
        elif isinstance(value, (tuple, list)) and all(isinstance(item, str) for item in value):
            yield f"{name}:"
            for item in value:
                yield f"  - {item}"
