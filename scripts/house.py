#!/usr/bin/env python3
"""Measure the source tree: circles, sizes, escapes from typing, notes and docstrings.

    scripts/house.py            print the figures
    scripts/house.py walk       print the modules that a GET passes through
    scripts/house.py circles    print the modules of each import circle
    scripts/house.py any|private|perf|raises|strings    print the places counted

Imports for types only and imports inside functions count as imports; the strings given to
`import_paths.load` and `import_paths.Lazy` are listed apart. `tests/test_house.py` holds the
figures.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src"
PACKAGE = SOURCE / "waterspout"

#: A figure in a PERF note: instructions, times, percentages, sizes.
_FIGURE = re.compile(r"\d")
#: Names that their owners document, or export, in spite of the underscore: named tuples'
#: (`typing`), `LocalProxy`'s (Werkzeug), `os`'s, `sys`'s, and what `asyncio.events` exports.
_DOCUMENTED = {
    *("_asdict", "_replace", "_make", "_fields", "_field_defaults"),
    *("_get_current_object", "_exit", "_getframe", "_get_running_loop"),
}
_Function = ast.FunctionDef | ast.AsyncFunctionDef


class Import(NamedTuple):
    """One import statement of one of our modules that reaches into our package."""

    module: str
    target: str
    line: int
    late: bool
    relative: bool
    typing_only: bool

    @property
    def room(self) -> str:
        """The room reached, with ``waterspout`` for the front door itself."""
        parts = self.target.split(".")
        return parts[1] if len(parts) > 1 else parts[0]

    def __str__(self) -> str:
        return f"{self.module}:{self.line} imports {self.target}"


class Place(NamedTuple):
    """One place in a file that is counted, and what stands there."""

    path: Path
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line}: {self.text}"


def module_name(path: Path) -> str:
    """Return the dotted name of the module at *path*."""
    parts = list(path.relative_to(SOURCE).with_suffix("").parts)
    if parts[-1] == "__init__":
        parts.pop()
    return ".".join(parts)


@cache
def modules() -> dict[str, Path]:
    """Return every module of the package and its file, by dotted name."""
    return {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


@cache
def tree_of(path: Path) -> ast.Module:
    """Return the syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"))


# -- imports ---------------------------------------------------------------------------------------


def _for_types_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


class _Found(NamedTuple):
    node: ast.Import | ast.ImportFrom
    late: bool
    typing_only: bool


def _statements(node: ast.AST, late: bool = False, typing_only: bool = False) -> Iterator[_Found]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield _Found(child, late, typing_only)
        elif isinstance(child, ast.If) and _for_types_only(child):
            yield from _statements(ast.Module(child.body, []), late, True)
            yield from _statements(ast.Module(child.orelse, []), late, typing_only)
        else:
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _statements(child, late or inside, typing_only)


def _targets(module: str, path: Path, node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    base = node.module or ""
    if node.level:
        package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
        base = ".".join([*package[: len(package) - node.level + 1], *filter(None, [node.module])])
    names = [f"{base}.{alias.name}" for alias in node.names]
    return [name if name in modules() or base == "waterspout" else base for name in names]


@cache
def imports() -> list[Import]:
    """Return every import of one of our modules by another, those for types only included."""
    found = []
    for module, path in modules().items():
        for node, late, typing_only in _statements(tree_of(path)):
            relative = isinstance(node, ast.ImportFrom) and node.level > 0
            for target in _targets(module, path, node):
                if target.split(".")[0] == "waterspout":
                    found.append(Import(module, target, node.lineno, late, relative, typing_only))
    return found


@cache
def import_strings() -> list[Place]:
    """Return the strings that name a module of ours and are imported when they are used."""
    found = []
    for path in modules().values():
        for node in ast.walk(tree_of(path)):
            if not isinstance(node, ast.Call):
                continue
            if not isinstance(node.func, ast.Name | ast.Attribute):
                continue
            name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
            if name in {"load", "Lazy"} and node.args and isinstance(node.args[0], ast.Constant):
                text = str(node.args[0].value)
                if text.startswith("waterspout."):
                    found.append(Place(path, node.lineno, text))
    return found


def circles() -> list[list[str]]:
    """Return the groups of modules that import each other, largest first.

    Imports for types only and imports in functions count; names in strings (`import_strings`) are
    listed by themselves: an application can serve itself and has a command line.
    """
    reached: dict[str, set[str]] = {module: set() for module in modules()}
    for found in imports():
        if found.target in reached:
            reached[found.module].add(found.target)
    groups = [sorted(group) for group in _components(reached) if len(group) > 1]
    return sorted(groups, key=len, reverse=True)


def _components(graph: dict[str, set[str]]) -> Iterator[list[str]]:
    """Yield the strongly connected components of *graph* (Tarjan)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    on_stack: set[str] = set()
    for root, next_ones in graph.items():
        if root in index:
            continue
        work = [(root, iter(sorted(next_ones)))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while work:
            node, following = work[-1]
            for other in following:
                if other not in index:
                    index[other] = low[other] = len(index)
                    stack.append(other)
                    on_stack.add(other)
                    work.append((other, iter(sorted(graph[other]))))
                    break
                if other in on_stack:
                    low[node] = min(low[node], index[other])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    cut = stack.index(node)
                    group, stack[cut:] = stack[cut:], []
                    on_stack -= set(group)
                    yield group


# -- sizes -----------------------------------------------------------------------------------------


def long_files(limit: int = 600) -> list[Place]:
    """Return the files of more than *limit* lines."""
    counts = [(p, len(p.read_text(encoding="utf-8").splitlines())) for p in modules().values()]
    return [Place(path, 1, f"{count} lines") for path, count in counts if count > limit]


def long_functions(limit: int = 60) -> list[Place]:
    """Return the functions of more than *limit* lines, docstring apart."""
    found = []
    for path in modules().values():
        for node in ast.walk(tree_of(path)):
            if isinstance(node, _Function):
                body = node.body[1:] if ast.get_docstring(node) and node.body[1:] else node.body
                if (count := (body[-1].end_lineno or 0) - body[0].lineno + 1) > limit:
                    found.append(Place(path, node.lineno, f"{node.name}: {count} lines"))
    return found


# -- what escapes typing and privacy ---------------------------------------------------------------


def any_uses() -> list[Place]:
    """Return the places where `typing.Any` is used in an annotation or an expression."""
    return [
        Place(path, node.lineno, "Any")
        for path in modules().values()
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Name) and node.id == "Any"
    ]


def foreign_private() -> list[Place]:
    """Return accesses to a private attribute of another object than ``self``, ``cls`` or
    ``super()``, whose name the same module does not define, nor its owner's documentation."""
    found = []
    for path in modules().values():
        tree = tree_of(path)
        own = _names_defined(tree)
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Attribute)
                and re.fullmatch(r"_[a-z]\w*", node.attr)
                and node.attr not in own | _DOCUMENTED
                and not (isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"})
                and not (isinstance(node.value, ast.Call) and ast.unparse(node.value) == "super()")
            ):
                found.append(Place(path, node.lineno, ast.unparse(node)))
    return found


def _names_defined(tree: ast.Module) -> set[str]:
    own: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, _Function | ast.ClassDef):
            own.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            own.add(node.id)
        elif (
            isinstance(node, ast.Attribute)
            and isinstance(node.ctx, ast.Store)
            and isinstance(node.value, ast.Name)
            and node.value.id in {"self", "cls"}
        ):
            own.add(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            own.add(node.value)  # ``__slots__``
    return own


# -- notes and docstrings --------------------------------------------------------------------------


def perf_notes() -> list[Place]:
    """Return every PERF note: its comment or docstring paragraph, joined to one line."""
    found = []
    for path in modules().values():
        lines = path.read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines, 1):
            if "PERF" not in line:
                continue
            text = [line.strip().lstrip("#: ")]
            comment = line.strip().startswith("#")
            for following in lines[number : number + 8]:
                bare = following.strip()
                if not bare or bare.startswith('"""') or (comment and not bare.startswith("#")):
                    break
                text.append(bare.lstrip("#: "))
            found.append(Place(path, number, " ".join(text)))
    return found


def perf_notes_without_figure() -> list[Place]:
    """Return the PERF notes that give no figure."""
    return [note for note in perf_notes() if not _FIGURE.search(note.text)]


def silent_about_errors() -> tuple[list[Place], int]:
    """Return the public functions that raise and do not say so in their docstring, and how many
    public functions raise at all. An error counts as said where its class or "raise" is named.
    Abstract methods, whose whole body is ``raise NotImplementedError``, are left out."""
    silent, total = [], 0
    for path in modules().values():
        for node, inside_private in _public_functions(tree_of(path)):
            raised = _errors_raised(node)
            if inside_private or not raised or _is_abstract(node):
                continue
            total += 1
            said = ast.get_docstring(node) or ""
            if not re.search(r"\b[Rr]aise|" + "|".join(map(re.escape, raised)), said):
                silent.append(Place(path, node.lineno, f"{node.name} raises {', '.join(raised)}"))
    return silent, total


def _public_functions(node: ast.AST, private: bool = False) -> Iterator[tuple[_Function, bool]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            yield from _public_functions(child, private or child.name.startswith("_"))
        elif isinstance(child, _Function) and not child.name.startswith("_"):
            yield child, private


def _is_abstract(function: _Function) -> bool:
    body = function.body[1:] if ast.get_docstring(function) else function.body
    last = body[0] if len(body) == 1 else None
    return (
        isinstance(last, ast.Raise)
        and last.exc is not None
        and "NotImplementedError" in ast.unparse(last.exc)
    )


def _errors_raised(function: _Function) -> list[str]:
    """Return the names of the classes that *function* itself raises, without inner functions."""
    found: list[str] = []
    todo: list[ast.AST] = list(function.body)
    while todo:
        node = todo.pop()
        if isinstance(node, _Function | ast.Lambda | ast.ClassDef):
            continue
        if isinstance(node, ast.Raise) and node.exc is not None:
            kind = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            name = kind.attr if isinstance(kind, ast.Attribute) else getattr(kind, "id", "")
            if name[:1].isupper() and name not in found:
                found.append(name)
        todo.extend(ast.iter_child_nodes(node))
    return found


# -- one request's way -----------------------------------------------------------------------------


def walk() -> list[str]:
    """Serve one GET of a view on our server and return the modules of ours it passes through, in
    the order of their first call. The route, its plan and the connection are made before."""
    import http.client
    import threading

    from waterspout import App
    from waterspout.server import serve_in_thread

    app = App("house")

    @app.get("/")
    async def index() -> str:
        return "here"

    passed: dict[str, None] = {}
    watching = False

    def note(frame: Any, event: str, arg: object) -> None:
        name = frame.f_globals.get("__name__", "")
        if watching and event == "call" and name.startswith("waterspout."):
            passed.setdefault(name)

    threading.setprofile(note)
    try:
        with serve_in_thread(app) as server:
            address = server.urls[0].removeprefix("http://").rstrip("/")
            client = http.client.HTTPConnection(address, timeout=10)
            for last in (False, False, True):
                watching = last
                client.request("GET", "/")
                assert client.getresponse().read() == b"here"
            watching = False
            client.close()
    finally:
        threading.setprofile(None)
    return list(passed)


# -- printing --------------------------------------------------------------------------------------


def top_modules() -> list[str]:
    """Return the modules at the top of the package, ``__init__`` and ``__main__`` apart."""
    return sorted(path.stem for path in PACKAGE.glob("[!_]*.py"))


def figures() -> dict[str, int]:
    """Return every figure by its name."""
    silent, raising = silent_about_errors()
    return {
        "modules at the top": len(top_modules()),
        "modules in circles": sum(map(len, circles())),
        "files over 600 lines": len(long_files()),
        "functions over 60 lines": len(long_functions()),
        "uses of Any": len(any_uses()),
        "private names of others": len(foreign_private()),
        "PERF notes without a figure": len(perf_notes_without_figure()),
        "imports inside functions": sum(found.late for found in imports()),
        "imports by string": len(import_strings()),
        "public functions that raise": raising,
        "public functions silent about it": len(silent),
    }


def main() -> None:
    """Print the figures, or the places behind one of them."""
    places = {
        "any": any_uses,
        "private": foreign_private,
        "perf": perf_notes_without_figure,
        "strings": import_strings,
        "raises": lambda: silent_about_errors()[0],
    }
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    if wanted == "circles":
        for group in circles():
            print(len(group), *group, sep="\n  ")
    elif wanted == "walk":
        print(*walk(), sep="\n")
    elif wanted in places:
        print(*places[wanted](), sep="\n")
    else:
        for name, figure in figures().items():
            print(f"{name:34}{figure:6}")


if __name__ == "__main__":
    main()
