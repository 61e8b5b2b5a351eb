"""Commands: the base class, what its options are made of, and the ones that are built in."""

from __future__ import annotations

import argparse
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import click
from werkzeug.exceptions import HTTPException

from ...app import App
from ...context.request_context import app_ctx, current_app
from ...typing import Argument, Function, Values


class InvalidCommand(Exception):
    """A command that does not exist or cannot be used."""


class Option:
    """The arguments of one `ArgumentParser.add_argument`."""

    def __init__(self, *args: Argument, **kwargs: Argument) -> None:
        self.args = args
        self.kwargs = kwargs


class Group:
    """Options that belong together: under a *title*, or *exclusive* (and then perhaps
    *required*) of each other."""

    def __init__(
        self,
        *options: Option,
        title: str | None = None,
        description: str | None = None,
        exclusive: bool | None = None,
        required: bool | None = None,
    ) -> None:
        if (title or description) and (required or exclusive):
            raise TypeError(
                "A group is either exclusive (or required) or has a title or a description."
            )
        self.option_list: Sequence[Option] = options
        self.title = title
        self.description = description
        self.exclusive = exclusive
        self.required = required

    def get_options(self) -> Sequence[Option]:
        """Return the options; override it to work them out."""
        return self.option_list


class Command:
    """A command. Override `run`, and `option_list` or `get_options`; or give a *func*, whose
    parameters become the options."""

    option_list: Sequence[Option | Group] = ()
    capture_all_args = False
    """Pass the arguments that no option takes to `run`, as a list, before the options."""

    def __init__(self, func: Function | None = None) -> None:
        self.option_list = list(self.option_list)
        if func is not None:
            self.run = func  # type: ignore[method-assign]  # the documented way to make one
            self.__doc__ = func.__doc__
            self.option_list = _options_of(func)

    @property
    def description(self) -> str:
        """What the help says about it."""
        return inspect.cleandoc(self.__doc__ or "")

    @property
    def help(self) -> str:
        """What the list of commands says about it."""
        return self.description

    def add_option(self, option: Option | Group) -> None:
        """Add an option."""
        self.option_list = [*self.option_list, option]

    def get_options(self) -> Sequence[Option | Group]:
        """Return the options; override it to work them out."""
        return self.option_list

    def __call__(self, app: App, *args: Argument, **kwargs: Argument) -> Any:
        """Do the command's work for *app*."""
        return self.handle(app, *args, **kwargs)

    def handle(self, app: App, *args: Argument, **kwargs: Argument) -> Any:
        """Call `run` inside a test request context of *app*."""
        with app.test_request_context():
            return app.ensure_sync(self.run)(*args, **kwargs)

    def run(self, *args: Argument, **kwargs: Argument) -> Any:
        """Do the work; the return value is the exit status."""
        raise NotImplementedError(f"{type(self).__name__}.run")


class ClickCommand(Command):
    """A command of click, or a group of them; it reads its arguments itself."""

    def __init__(self, command: click.Command) -> None:
        super().__init__()
        self.name = command.name
        self.__doc__ = command.help
        self.option_list = [Option("arguments", nargs=argparse.REMAINDER)]
        self._command = command

    def handle(self, app: App, *args: Argument, **kwargs: Argument) -> Any:
        """Run it inside the application's context; it ends with `SystemExit`."""
        with app.app_context():
            return self._command.main(kwargs["arguments"], prog_name=self.name)


def _options_of(func: Callable[..., object]) -> list[Option | Group]:
    """Make a positional argument of each parameter, an option if it has a default, a flag if
    that is a boolean."""
    options: list[Option | Group] = []
    letters: set[str] = set()
    for name, parameter in inspect.signature(func).parameters.items():
        if parameter.default is parameter.empty:
            options.append(Option(name, type=str))
            continue
        kind: Values = {"type": str}
        if isinstance(parameter.default, bool):
            kind = {"action": "store_true"}
        flags = [f"--{name}"] if name[0] in letters else [f"-{name[0]}", f"--{name}"]
        letters.add(name[0])
        options.append(Option(*flags, dest=name, default=parameter.default, **kind))
    return options


class Shell(Command):
    """Run a Python shell inside the application's context."""

    banner = ""

    def __init__(
        self,
        banner: str | None = None,
        make_context: Callable[[], Mapping[str, object]] | None = None,
        use_ipython: bool = True,
        use_bpython: bool = True,
        use_ptipython: bool = True,
        use_ptpython: bool = True,
    ) -> None:
        super().__init__()
        self.banner = banner or self.banner
        self.make_context = make_context or _only_the_app
        self.use = {
            "ptipython": use_ptipython,
            "ptpython": use_ptpython,
            "bpython": use_bpython,
            "ipython": use_ipython,
        }

    def get_options(self) -> Sequence[Option | Group]:
        """Return an option for each shell that can be left out."""
        return [
            Option(f"--no-{name}", dest=f"no_{name}", action="store_true", default=not used)
            for name, used in self.use.items()
        ]

    def get_context(self) -> Mapping[str, object]:
        """Return the names that the shell knows."""
        return self.make_context()

    def run(self, **without: bool) -> None:
        """Run the first of the shells that is installed and wanted, else Python's own."""
        names = dict(self.get_context())
        for name, start in _SHELLS.items():
            if not without.get(f"no_{name}"):
                try:
                    start(self.banner, names)
                except ImportError:
                    continue
                return
        import_module("code").interact(self.banner, local=names)


def _only_the_app() -> Values:
    return {"app": app_ctx.app}


def _ptpython(module: str) -> Callable[[str, Values], None]:
    def start(banner: str, names: Values) -> None:
        embed = import_module(module).embed
        sys.stdout.write(f"{banner}\n" if banner else "")
        embed(globals=names)

    return start


def _bpython(banner: str, names: Values) -> None:
    import_module("bpython").embed(banner=banner, locals_=names)


def _ipython(banner: str, names: Values) -> None:
    embedded = import_module("IPython.terminal.embed")
    embedded.InteractiveShellEmbed(banner1=banner, user_ns=names)()


_SHELLS: dict[str, Callable[[str, Values], None]] = {
    "ptipython": _ptpython("ptpython.ipython"),
    "ptpython": _ptpython("ptpython.repl"),
    "bpython": _bpython,
    "ipython": _ipython,
}


class Server(Command):
    """Run the server, as app.run() does."""

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 5000,
        use_debugger: bool | None = None,
        use_reloader: bool | None = None,
        threaded: bool = True,
        processes: int = 1,
        passthrough_errors: bool = False,
        ssl_crt: str | None = None,
        ssl_key: str | None = None,
        **options: Argument,
    ) -> None:
        super().__init__()
        self.host = host
        self.port = port
        self.use_debugger = use_debugger
        self.use_reloader = use_reloader
        self.threaded = threaded
        self.processes = processes
        self.passthrough_errors = passthrough_errors
        self.ssl_crt = ssl_crt
        self.ssl_key = ssl_key
        self.server_options = options

    def get_options(self) -> Sequence[Option | Group]:
        """Return host, port and switches, with this object's attributes as defaults."""
        return [
            Option("-h", "--host", dest="host", default=self.host),
            Option("-p", "--port", dest="port", type=int, default=self.port),
            Option("--threaded", dest="threaded", action="store_true", default=self.threaded),
            Option("--processes", dest="processes", type=int, default=self.processes),
            Option(
                "--passthrough-errors",
                dest="passthrough_errors",
                action="store_true",
                default=self.passthrough_errors,
            ),
            *_switch("d", "debug", "use_debugger", self.use_debugger, "show errors in the browser"),
            *_switch("r", "reload", "use_reloader", self.use_reloader, "restart on a change"),
            Option("--ssl-crt", dest="ssl_crt", default=self.ssl_crt, help="certificate file"),
            Option("--ssl-key", dest="ssl_key", default=self.ssl_key, help="its key file"),
        ]

    def handle(
        self,
        app: App,
        host: str,
        port: int,
        use_debugger: bool | None,
        use_reloader: bool | None,
        threaded: bool,
        processes: int,
        passthrough_errors: bool,
        ssl_crt: str | None,
        ssl_key: str | None,
    ) -> None:
        """Serve *app*; without a context, which is for requests to come."""
        debug = app.debug if use_debugger is None else use_debugger
        options = dict(self.server_options)
        if ssl_crt:
            options["ssl_context"] = (ssl_crt, ssl_key)
        if processes > 1:
            options["processes"] = processes
        app.run(
            host=host,
            port=port,
            debug=debug,
            use_debugger=debug,
            use_reloader=debug if use_reloader is None else use_reloader,
            threaded=threaded and processes == 1,
            passthrough_errors=passthrough_errors,
            **options,
        )


def _switch(letter: str, name: str, dest: str, default: bool | None, what: str) -> list[Option]:
    """Return the pair of options `-x/--name` and `-X/--no-name`."""
    return [
        Option(f"-{letter}", f"--{name}", action="store_true", dest=dest, default=default,
               help=what),
        Option(f"-{letter.upper()}", f"--no-{name}", action="store_false", dest=dest,
               default=default, help=f"do not {what}"),
    ]  # fmt: skip


class Clean(Command):
    """Remove the compiled Python files below the current directory."""

    def run(self) -> None:
        """Remove them and say so."""
        for pattern in ("*.pyc", "*.pyo"):
            for path in Path().rglob(pattern):
                sys.stdout.write(f"Removing {path}\n")
                path.unlink()


class ShowUrls(Command):
    """Show the rules of the application, or the one that a URL leads to."""

    def __init__(self, order: str = "rule") -> None:
        super().__init__()
        self.order = order

    def get_options(self) -> Sequence[Option | Group]:
        """Return the URL to try and the order."""
        return [
            Option("url", nargs="?", help="find the rule for this path"),
            Option("--order", dest="order", default=self.order, help="attribute to order by"),
        ]

    def run(self, url: str | None, order: str) -> None:
        """Print a table."""
        rows: list[tuple[str, ...]] = [("Rule", "Endpoint")]
        if url:
            adapter = current_app.url_map.bind("localhost")
            try:
                rule, arguments = adapter.match(url, return_rule=True)
            except HTTPException as ex:
                rows = [("Rule",), (f"<{ex}>",)]
            else:
                rows = [(*rows[0], "Arguments"), (rule.rule, rule.endpoint, str(arguments))]
        else:
            rules = sorted(current_app.url_map.iter_rules(), key=lambda rule: getattr(rule, order))
            rows += [(rule.rule, rule.endpoint) for rule in rules]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in (rows[0], tuple("-" * width for width in widths), *rows[1:]):
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            sys.stdout.write("  ".join(cells).rstrip() + "\n")
