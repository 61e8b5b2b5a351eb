"""The manager: commands, the options of the whole program, and the way to one command."""

from __future__ import annotations

import argparse
import inspect
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import click

from ...app import App
from ...typing import Argument, Function, Values
from .commands import ClickCommand, Command, Group, InvalidCommand, Option, Server, Shell

F = TypeVar("F", bound=Function)


@dataclass(eq=False, slots=True)
class _Step:
    """One call on the way to a command (the manager's, a sub-manager's, its own), and the
    names of the parsed options that are its arguments."""

    call: Function
    names: list[str] = field(default_factory=list)

    def add(self, parser: argparse.ArgumentParser, options: Iterable[Option | Group]) -> None:
        """Add *options* to *parser*, and a help option that leaves `-h` to them."""
        for option in options:
            if isinstance(option, Option):
                self._add_to(parser, option)
                continue
            group = (
                parser.add_mutually_exclusive_group(required=bool(option.required))
                if option.exclusive
                else parser.add_argument_group(option.title, option.description)
            )
            for member in option.get_options():
                self._add_to(group, member)
        taken = {flag for action in parser._actions for flag in action.option_strings}
        flags = [flag for flag in ("-?", "-h", "--help") if flag not in taken]
        if flags:
            parser.add_argument(*flags, action="help", help="show this help message and exit")

    def _add_to(self, container: argparse._ActionsContainer, option: Option) -> None:
        self.names.append(container.add_argument(*option.args, **option.kwargs).dest)


class Manager:
    """A set of commands around an application.

    *app* is the application or its factory, which then gets the values of the options added by
    `add_option`. A manager can be a command of another one; it then needs no *app*.
    """

    def __init__(
        self,
        app: App | Callable[..., App] | None = None,
        with_default_commands: bool | None = None,
        usage: str | None = None,
        help: str | None = None,
        description: str | None = None,
        disable_argcomplete: bool = False,
    ) -> None:
        self.app = app
        self.parent: Manager | None = None
        self.usage = usage
        self.help = usage if help is None else help
        self.description = usage if description is None else description
        self.disable_argcomplete = disable_argcomplete
        self._commands: Values = {}
        self._options: list[Option | Group] = []
        if with_default_commands or (app is not None and with_default_commands is None):
            self.add_default_commands()

    def add_default_commands(self) -> None:
        """Add `shell` and `runserver`, where there are no others of that name."""
        self._commands.setdefault("shell", Shell())
        self._commands.setdefault("runserver", Server())

    def add_option(self, *args: Argument, **kwargs: Argument) -> None:
        """Add an option of the whole program; its value is an argument of the factory."""
        self._options.append(Option(*args, **kwargs))

    def get_options(self) -> Sequence[Option | Group]:
        """Return the options of the whole program."""
        return self._options

    def __call__(self, app: App | None = None, **kwargs: Argument) -> App:
        """Return the application: *app* of the manager above, or one's own."""
        if app is not None:
            return app
        if self.app is None:
            raise InvalidCommand("This manager has no application: give it one, or a parent.")
        if not isinstance(self.app, App):
            self.app = self.app(**kwargs)
        return self.app

    create_app = __call__

    def add_command(self, *args: Argument, namespace: str | None = None) -> None:
        """Add a command: `add_command("name", command)`, or `add_command(command)` under the
        name it has. It may be a `Command` or its class, a function, a `Manager`, or a command of
        click."""
        *names, command = args
        name = names[0] if names else None
        if inspect.isfunction(command):
            name = name or command.__name__
            command = Command(command)
        elif isinstance(command, type):
            command = command()
        elif isinstance(command, click.Command):
            command = ClickCommand(command)
        name = name or getattr(command, "name", None)
        name = name or re.sub(r"command$", "", type(command).__name__.lower())
        if isinstance(command, Manager):
            command.parent = self
        namespace = namespace or getattr(command, "namespace", None)
        if namespace:
            if namespace not in self._commands:
                self.add_command(namespace, Manager())
            self._commands[namespace]._commands[name] = command
        else:
            self._commands[name] = command

    def command(self, func: F) -> F:
        """Decorate a function: it becomes a command, its parameters the options."""
        self.add_command(func.__name__, Command(func))
        return func

    def option(self, *args: Argument, **kwargs: Argument) -> Callable[[F], F]:
        """Decorate a function: it becomes a command with this option, and further ones."""

        def decorate(func: F) -> F:
            if func.__name__ not in self._commands:
                command = Command()
                command.run = func  # type: ignore[method-assign]  # as in Command.__init__
                command.__doc__ = func.__doc__
                self.add_command(func.__name__, command)
            self._commands[func.__name__].add_option(Option(*args, **kwargs))
            return func

        return decorate

    def shell(self, func: F) -> F:
        """Decorate the function that makes the names of the shell."""
        self.add_command("shell", Shell(make_context=func))
        return func

    def handle(self, prog: str, args: Sequence[str] | None = None) -> Any:
        """Parse *args*, make the application, and return what the command returns."""
        parser = argparse.ArgumentParser(
            os.path.basename(prog), self.usage, self.description, add_help=False
        )
        self._fill(parser, ())
        values, rest = parser.parse_known_args(list(args or ()))
        options = vars(values)
        chosen: argparse.ArgumentParser = options.pop("_parser")
        steps: tuple[_Step, ...] = options.pop("_steps")
        command = steps[-1].call
        if isinstance(command, Manager):
            chosen.print_help()
            return 2
        if rest and not getattr(command, "capture_all_args", False):
            chosen.error(f"unrecognized arguments: {' '.join(rest)}")

        app: App | None = None
        for step in steps[:-1]:
            given = {name: options.pop(name) for name in step.names}
            app = step.call(app, **given)
        more = [rest] if getattr(command, "capture_all_args", False) else []
        return command(app, *more, **{name: options[name] for name in steps[-1].names})

    def _fill(self, parser: argparse.ArgumentParser, before: tuple[_Step, ...]) -> None:
        """Give *parser* this manager's options and commands."""
        step = _Step(self)
        step.add(parser, self.get_options())
        steps = (*before, step)
        parser.set_defaults(_steps=steps, _parser=parser)
        subparsers = parser.add_subparsers()
        for name, command in self._commands.items():
            description = getattr(command, "description", None) or command.__doc__
            sub = subparsers.add_parser(
                name,
                usage=getattr(command, "usage", None),
                help=getattr(command, "help", None) or description,
                description=description,
                add_help=False,
            )
            if isinstance(command, Manager):
                command._fill(sub, steps)
            else:
                last = _Step(command)
                last.add(sub, command.get_options())
                sub.set_defaults(_steps=(*steps, last), _parser=sub)

    def run(
        self, commands: Mapping[str, object] | None = None, default_command: str | None = None
    ) -> None:
        """Run the command that `sys.argv` names, or *default_command*, and exit with its result.

        *commands* are added first.
        """
        self._commands.update(commands or {})
        args = sys.argv[1:] or ([default_command] if default_command is not None else [])
        try:
            result = self.handle(sys.argv[0], args)
        except SystemExit as ex:
            result = ex.code
        sys.exit(result or 0)
