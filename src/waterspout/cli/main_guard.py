"""Warn of callbacks, tasks and threads under a program's main guard, which a server does not
run."""

from __future__ import annotations

import ast
import logging
import os
from collections.abc import Iterator

__all__ = ["warn_of_unrun_main"]

_logger = logging.getLogger("waterspout.server")

#: Calls that start work on an event loop, or beside it.
_STARTERS = frozenset(
    {
        *("PeriodicCallback", "spawn_callback", "add_callback", "add_timeout", "call_later"),
        *("call_at", "create_task", "ensure_future", "Thread", "Process"),
    }
)


def warn_of_unrun_main(module: str) -> None:
    """Log a warning if *module*, a file or a dotted name below the working directory, starts
    callbacks, tasks or threads under ``if __name__ == "__main__"`` or in functions called there,
    and hands no ``on_startup`` over."""
    path = module if module.endswith(".py") else module.replace(".", os.sep) + ".py"
    try:
        with open(path, "rb") as file:
            source = file.read()
        tree = ast.parse(source)
    except (OSError, SyntaxError, ValueError, RecursionError):
        return  # whoever imports it says so
    if b"on_startup" in source:
        return
    for line, function, called in _started(tree):
        _logger.warning(
            "%s:%d starts %s in %s, which runs only when the file itself is run. Put it into a"
            " function of its own and hand that over: Application(…, on_startup=[function]), or"
            " @app.on_startup.",
            os.path.basename(path),
            line,
            called,
            function,
        )
        return


def _started(tree: ast.Module) -> Iterator[tuple[int, str, str]]:
    """Yield line, place and name of the calls in question."""
    functions = {
        node.name: node
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    waiting: list[tuple[str, ast.AST]] = [
        ("the main guard", node) for node in tree.body if _is_guard(node)
    ]
    seen: set[str] = set()
    while waiting:
        place, within = waiting.pop(0)
        for node in ast.walk(within):
            if not isinstance(node, ast.Call):
                continue
            name = _name(node.func)
            if name in _STARTERS:
                yield node.lineno, place, name
            elif name in functions and name not in seen:
                seen.add(name)
                waiting.append((f"{name}()", functions[name]))
            for given in node.args:  # run_sync(main) and its like
                known = _name(given)
                if known in functions and known not in seen:
                    seen.add(known)
                    waiting.append((f"{known}()", functions[known]))


def _is_guard(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.If)
        and isinstance(node.test, ast.Compare)
        and _name(node.test.left) == "__name__"
    )


def _name(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
