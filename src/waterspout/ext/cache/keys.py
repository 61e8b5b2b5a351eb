"""The keys of what is cached: of views, of functions with their arguments, of parts of templates.

They follow Flask-Caching's rules: what makes two calls the same call there does so here.
"""

from __future__ import annotations

import base64
import hashlib
import inspect
import string
import uuid
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

from werkzeug.datastructures import MultiDict

from waterspout.typing import Args, Function, Kwargs

from .types import Value

__all__ = [
    "SUPPORTED_HASH_FUNCTIONS",
    "arguments_of",
    "fragment_key",
    "namespace_of",
    "new_version",
    "pairs_of",
    "parameters_of",
    "wants_arguments",
]

SUPPORTED_HASH_FUNCTIONS = [
    hashlib.sha1,
    hashlib.sha224,
    hashlib.sha256,
    hashlib.sha384,
    hashlib.sha512,
    hashlib.md5,
]

_PLAIN = set(string.ascii_letters + string.digits + "_.")
#: Takes from a key what a server might not take.
_CLEAN = str.maketrans({chr(code): None for code in range(256) if chr(code) not in _PLAIN})


@lru_cache(maxsize=4096)
def _signature(f: Callable[..., object]) -> tuple[inspect.Parameter, ...]:
    return tuple(inspect.signature(f).parameters.values())


def parameters_of(f: Callable[..., object]) -> tuple[inspect.Parameter, ...]:
    """Return the parameters of *f*."""
    try:
        return _signature(f)
    except TypeError:  # not hashable
        return tuple(inspect.signature(f).parameters.values())


def wants_arguments(f: Callable[..., object], more_than: int = 0) -> bool:
    """Tell whether *f* takes more than so many positional arguments."""
    taken = [one for one in parameters_of(f) if one.kind is not inspect.Parameter.KEYWORD_ONLY]
    return len(taken) > more_than


def _named(f: Callable[..., object]) -> list[inspect.Parameter]:
    usual = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return [one for one in parameters_of(f) if one.kind is usual]


def id_of(obj: object) -> str:
    """Return what an object is known by in a key: its ``__caching_id__()``, else its `repr`."""
    own = getattr(obj, "__caching_id__", None)
    return repr(obj) if own is None else str(own())


def namespace_of(f: Callable[..., object], args: Any = None) -> tuple[str, str | None]:
    """Return the name of a function in keys, and that of a method of one object, if it is one.

    Raises `ValueError` for a class method without its class.
    """
    names = [one.name for one in _named(f)]
    instance = None
    bound = getattr(f, "__self__", None)
    if bound and not inspect.isclass(bound):
        instance = id_of(bound)
    elif names and names[0] == "self" and args:
        instance = id_of(args[0])
    if names and names[0] == "cls" and not (args and inspect.isclass(args[0])):
        raise ValueError(
            "When using `delete_memoized` on a `@classmethod` you must provide the class as the"
            " first argument"
        )
    name = getattr(f, "__qualname__", None) or f.__name__
    whole = f"{f.__module__}.{name}"
    of_object = None if instance is None else f"{whole}.{instance}".translate(_CLEAN)
    return whole.translate(_CLEAN), of_object


def arguments_of(
    f: Function, args: Args, kwargs: Kwargs, ignored: Iterable[str]
) -> tuple[tuple[Any, ...], list[tuple[str, Any]]]:
    """Return a call's arguments in one order, whether they were given by place or by name, with
    defaults; *ignored* ones are None. ``self`` is what the object is known by.

    Raises `ValueError` for a method without its object.
    """
    named, ignored = _named(f), set(ignored)
    rest = {key: value for key, value in kwargs.items() if key not in ignored}
    placed: list[Value] = []
    place = 0
    for number, parameter in enumerate(named):
        name = parameter.name
        if name in ignored:
            value, place = None, place + 1
        elif number == 0 and name in {"self", "cls"}:
            if not args:
                kind = "classmethod" if name == "cls" else "method"
                raise ValueError(
                    f"When using `delete_memoized` on a `{kind}` you must provide the `{name}`"
                    " argument as the first positional argument."
                )
            value, place = id_of(args[0]), place + 1
        elif name in rest:
            value = rest.pop(name)
        elif place < len(args):
            value, place = args[place], place + 1
        else:
            empty = parameter.default is inspect.Parameter.empty
            value, place = None if empty else parameter.default, place + 1
        placed.append(value)
    return (*placed, *args[len(named) :]), sorted(rest.items())


def pairs_of(
    query: str | Mapping[str, object] | Iterable[tuple[str, object]],
) -> list[tuple[str, str]]:
    """Return a query string, a mapping, or pairs as pairs of str."""
    if isinstance(query, str):
        return parse_qsl(query.lstrip("?"), keep_blank_values=True)
    if isinstance(query, MultiDict):
        return [(key, str(value)) for key, value in query.items(multi=True)]
    items = query.items() if isinstance(query, Mapping) else query
    return [(key, str(value)) for key, value in items]


def new_version() -> str:
    """Return a name for a new generation of a function's results."""
    return base64.b64encode(uuid.uuid4().bytes)[:6].decode()


def fragment_key(fragment_name: str, vary_on: Iterable[str] | None = None) -> str:
    """Return the key of a part of a template (Flask-Caching's `make_template_fragment_key`)."""
    name = f"{fragment_name}_" if vary_on else fragment_name
    return f"_template_fragment_cache_{name}{'_'.join(vary_on or ())}"
