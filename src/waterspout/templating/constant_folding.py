"""Detect templates for which Jinja's compiler calls functions of the program.

A filter or test of constants is called by the compiler, once, and its value stands in the code
(`{{ "hello"|translate }}`). Flask compiles the text of `render_template_string` at each call, so
the function is called for each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jinja2 import nodes
from jinja2.filters import FILTERS
from jinja2.tests import TESTS

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["calls_program"]


def calls_program(env: Environment, source: str) -> bool:
    """Tell whether a function of the program may be called when *source* is compiled: a filter or
    test that is not Jinja's, with constant arguments only, or `finalize`."""
    if env.finalize is not None:
        return True
    for node in env.parse(source).find_all((nodes.Filter, nodes.Test)):
        ours, known = (
            (env.filters, FILTERS) if isinstance(node, nodes.Filter) else (env.tests, TESTS)
        )
        if ours.get(node.name) is not known.get(node.name) and node.find(nodes.Name) is None:
            return True
    return False
