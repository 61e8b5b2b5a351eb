"""Checks at the registration of a route: mistakes in its rule, view and methods."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from difflib import get_close_matches

from werkzeug.routing import Map
from werkzeug.routing import Rule as WerkzeugRule

from ..import_paths import load
from ..typing import Function

__all__ = ["add_rule", "check_braces", "endpoint_of_class", "methods_of"]

_BRACES = re.compile(r"\{([A-Za-z_]\w*)(?::(\w+))?\}")
_CONVERTERS = {"int": "int", "float": "float", "UUID": "uuid", "path": "path"}
_OFF = "If that is meant, set CHECK_ROUTES to False."


def check_braces(rule: str, view_func: Callable[..., object] | None) -> None:
    """Raise `ValueError` for a rule in the syntax of other frameworks: ``/items/{id}``."""
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


def add_rule(url_map: Map, rule: WerkzeugRule, view_func: Function | None) -> None:
    """Add *rule* to *url_map*, and check that it has the parameters that *view_func* needs, if
    given.

    Raises `LookupError` for a converter that the map lacks.
    """
    try:
        url_map.add(rule)
    except LookupError as error:
        raise _unknown_converter(rule.rule, error, url_map) from None
    if view_func is not None:
        _check_parameters(rule, view_func)


def _check_parameters(rule: WerkzeugRule, view_func: Callable[..., object]) -> None:
    """Raise `TypeError` if *view_func* needs a parameter that *rule*, which belongs to a map,
    does not have.

    *view_func* may be a class with methods named as those of HTTP: it is enough that one of those
    that the rule allows fits, since a class may serve several rules. A wrapper that accepts any
    arguments is not checked: it may add the missing one.
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
    view_func: Callable[..., object], methods: Collection[str]
) -> Iterator[tuple[Callable[..., object], int]]:
    """Yield the functions that requests call, and how many parameters of each are not the
    rule's."""
    kind: object = view_func if isinstance(view_func, type) else None
    kind = getattr(view_func, "view_class", kind)
    if kind is None:
        yield view_func, 0
    elif not getattr(kind, "decorators", ()):
        for name in methods:
            method = inspect.getattr_static(kind, name.lower(), None)
            if inspect.isfunction(method) and method.__name__ != "_unimplemented_method":
                yield method, 1


def _needed(function: Callable[..., object], skip: int) -> list[str]:
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


def _missing(rule: WerkzeugRule, function: object, name: str) -> str:
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


def _unknown_converter(rule: str, error: LookupError, url_map: Map) -> LookupError:
    """Return *error*, Werkzeug's for a converter that *url_map* lacks, with a list of the
    converters that exist."""
    known: Collection[str] = url_map.converters.keys()
    found = re.search(r"'(\w+)'", str(error))
    close = get_close_matches(found[1], known, 1) if found else []
    hint = f" Did you mean {close[0]!r}?" if close else ""
    names = ", ".join(sorted(known))
    return LookupError(f"Route {rule!r}: {error}.{hint} Known converters: {names}.")


def endpoint_of_class(kind: type, endpoint: str) -> Callable[..., object]:
    """Return the view for the class *kind*: the endpoint that it makes, as request handlers do,
    or the class itself. Raises `TypeError` for a handler of the installed Tornado."""
    make = getattr(kind, "_waterspout_endpoint", None)
    if make is not None:
        made: Function = make(endpoint)
        return made
    load("waterspout.dropin.hints:refuse_peer")(kind, "a view here")
    return kind


def methods_of(view_func: Callable[..., object] | None, given: Iterable[str] | None) -> set[str]:
    """Return the methods of a route, upper case: those *given*, else those of the view, else GET.
    Raises TypeError for a str, which would be taken as a list of letters."""
    if given is None:
        given = getattr(view_func, "methods", None) or ("GET",)
    if isinstance(given, str):
        raise TypeError(
            "Allowed methods must be a list of strings, for"
            ' example: @app.route(..., methods=["POST"])'
        )
    return {method.upper() for method in given}
