"""Render one block of a Jinja template, with the output it has in the whole page.

Theory of operation. A compiled template is a generator function over a context; its blocks are
further such functions. Only running the template makes what a block may need: it executes the
imports and assignments at its top and, for each template it extends, adds the blocks to the
context's table in the order `super()` wants. But running it whole would render the page that nobody
asked for, and would need the variables of its header. So it is run to its first piece of text and
closed: by then the chain of parents is complete.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import Template, UndefinedError
from jinja2.runtime import Context

from ..typing import TemplateNames

__all__ = ["render_block", "render_block_async"]


def render_block(template: Template, block: str, variables: TemplateNames) -> str:
    """Return the text of *block*. Raises `LookupError` if the template has no such block."""
    env = template.environment
    context = template.new_context(dict(variables))
    missing: UndefinedError | None = None
    opening = template.root_render_func(context)
    try:
        next(opening, None)
    except UndefinedError as error:  # the top of the page uses variables of the whole page
        missing = error
    except Exception:
        env.handle_exception()
    finally:
        opening.close()  # type: ignore[attr-defined]  # a generator, typed as its iterator
    render = _find(template, context, block, missing)
    try:
        return env.concat(render(context))
    except Exception:
        env.handle_exception()


async def render_block_async(
    template: Template, block: str, variables: Mapping[str, object]
) -> str:
    """Do the same where the environment has ``enable_async`` on."""
    env = template.environment
    context = template.new_context(dict(variables))
    missing: UndefinedError | None = None
    opening: Any = template.root_render_func(context)
    try:
        await anext(opening, None)
    except UndefinedError as error:
        missing = error
    except Exception:
        env.handle_exception()
    finally:
        await opening.aclose()
    render: Any = _find(template, context, block, missing)
    try:
        return env.concat([piece async for piece in render(context)])
    except Exception:
        env.handle_exception()


def _find(
    template: Template, context: Context, block: str, missing: UndefinedError | None
) -> Callable[[Context], Any]:
    chain = context.blocks.get(block)
    if chain:
        return chain[0]
    if missing is not None:
        raise missing
    known = ", ".join(sorted(context.blocks)) or "none"
    raise LookupError(
        f"The template {template.name!r} has no block {block!r}, nor has one it extends."
        f" Its blocks: {known}."
    )
