"""Mistakes in a route that can be told when it is registered, not at its first request."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection, Iterator
from difflib import get_close_matches
from typing import Any

from werkzeug.routing import Map
from werkzeug.routing import Rule as WerkzeugRule

__all__ = ["check_braces", "check_parameters", "unknown_converter"]

_BRACES = re.compile(r"\{([A-Za-z_]\w*)(?::(\w+))?\}")
_CONVERTERS = {"int": "int", "float": "float", "UUID": "uuid", "path": "path"}
_OFF = "If that is meant, set CHECK_ROUTES to False."


def check_braces(rule: str, view_func: Callable[..., Any] | None) -> None:
    """Raise `ValueError` for a rule in another framework's way of writing: ``/items/{id}``."""
    found = _BRACES.search(rule)
    if found is None:
        return
    annotations = getattr(view_func, "__annotations__", {})

    def ours(match: re.Match[str]) -> str:
        name, kind = match.groups()
        kind = kind or annotations.get(name)
        converter = _CONVERTERS.get(getattr(kind, "__name__", str(kind)))
        return f"<{converter}:{name}>" if converter else f"<{name}>"

    raise ValueError(
        f"The rule {rule!r} holds {found[0]}, which matches those very characters. A variable part"
        f" is written <{found[1]}>, or with a converter <int:{found[1]}>:"
        f" {_BRACES.sub(ours, rule)!r}. {_OFF}"
    )


def check_parameters(rule: WerkzeugRule, view_func: Callable[..., Any]) -> None:
    """Raise `TypeError` if *view_func* needs a parameter that *rule*, which belongs to a map,
    does not give.

    *view_func* may be a class with methods named as those of HTTP: one of those that the rule
    allows must do, since a class may serve several rules. A wrapper that takes anything is not
    looked into: it may give what is missing.
    """
    fault = ""
    for function, skip in _functions(view_func, rule.methods or ()):
        lacking = [name for name in _needed(function, skip) if name not in rule.arguments]
        if not lacking:
            return
        fault = fault or _missing(rule, function, lacking[0])
    if fault:
        raise TypeError(fault)


def _functions(
    view_func: Callable[..., Any], methods: Collection[str]
) -> Iterator[tuple[Callable[..., Any], int]]:
    """Yield what requests call, and how many of its parameters are not the rule's."""
    kind: Any = view_func if isinstance(view_func, type) else None
    kind = getattr(view_func, "view_class", kind)
    if kind is None:
        yield view_func, 0
    elif not getattr(kind, "decorators", ()):
        for name in methods:
            method = inspect.getattr_static(kind, name.lower(), None)
            if inspect.isfunction(method) and method.__name__ != "_unimplemented_method":
                yield method, 1


def _needed(function: Callable[..., Any], skip: int) -> list[str]:
    try:
        parameters = list(inspect.signature(function, follow_wrapped=False).parameters.values())
    except (TypeError, ValueError):  # a callable that hides its signature
        return []
    return [
        parameter.name
        for parameter in parameters[skip:]
        if parameter.default is parameter.empty
        and parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    ]


def _missing(rule: WerkzeugRule, function: Any, name: str) -> str:
    code = getattr(function, "__code__", None)
    where = f" ({code.co_filename}:{code.co_firstlineno})" if code is not None else ""
    called = getattr(function, "__qualname__", repr(function))
    if name == "request":
        hint = "Leave the parameter out: 'from waterspout import request' is the current request."
    elif close := get_close_matches(name, rule.arguments, 1):
        hint = f"Did you mean {close[0]!r}?"
    else:
        hint = f"Write '<{name}>' into the rule, or give the parameter a default."
    return (
        f"The view {called}{where} needs the parameter {name!r}, which its rule {rule.rule!r} does"
        f" not give. {hint} {_OFF}"
    )


def unknown_converter(rule: str, error: LookupError, url_map: Map) -> LookupError:
    """Return *error*, Werkzeug's for a rule with a converter that *url_map* lacks, with the
    converters that there are."""
    known: Collection[str] = url_map.converters.keys()
    found = re.search(r"'(\w+)'", str(error))
    close = get_close_matches(found[1], known, 1) if found else []
    hint = f" Did you mean {close[0]!r}?" if close else ""
    names = ", ".join(sorted(known))
    return LookupError(f"Route {rule!r}: {error}.{hint} Known converters: {names}.")
