"""`OptionParser`: a set of named options, from the command line and from config files.

A module defines its options where it uses them; the program parses them all. Names may be
written with dashes or underscores, which are the same everywhere. The process's own set is
`options` (Tornado's documented global); any other set is independent of it.
"""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator
from typing import TextIO

from ..typing import Settings, SettingValue
from .escape import native_str
from .option_values import Error, Option
from .util import exec_in

__all__ = ["OptionParser", "options"]

# A frame of these is never the one that defines an option.
#: By file: the drop-in calls modules by the names that programs import.
_OWN_FILES = {__file__, os.path.join(os.path.dirname(__file__), "options.py")}


class OptionParser:
    """Options as attributes and as items: ``options.port`` and ``options["port"]``."""

    _options: dict[str, Option]
    _parse_callbacks: list[Callable[[], None]]

    def __init__(self) -> None:
        # Not by attribute: `__setattr__` sets options.
        vars(self).update(_options={}, _parse_callbacks=[])
        self._add(
            Option(
                "help",
                type=bool,
                help="show this help information",
                callback=self._help_callback,
                file_name="",
                group_name="",
            )
        )

    # -- options and their values ------------------------------------------------------------------

    def define(
        self,
        name: str,
        default: object = None,
        type: type[object] | None = None,
        help: str | None = None,
        metavar: str | None = None,
        multiple: bool = False,
        group: str | None = None,
        callback: Callable[[SettingValue], None] | None = None,
    ) -> None:
        """Add an option. Raises `Error` if there is one of that name.

        *type* is str, int, float, bool, datetime, timedelta, or anything that can be called
        with the text; where it is not given, the type of *default*, else str. The value of
        a *multiple* option is a list. *callback* is called with each new value. *help* and
        *metavar* (the placeholder of the value) are for `print_help`. *group* is by default
        the file that defines the option.
        """
        if type is None:
            type = str if multiple or default is None else default.__class__
        file_name = _calling_file()
        self._add(
            Option(
                name,
                default=default,
                type=type,
                help=help,
                metavar=metavar,
                multiple=multiple,
                file_name=file_name,
                group_name=group or file_name,
                callback=callback,
            )
        )

    def _add(self, option: Option) -> None:
        name = self._normalize_name(option.name)
        if name in self._options:
            raise Error(f"Option {name!r} already defined in {self._options[name].file_name}")
        self._options[name] = option

    def _normalize_name(self, name: str) -> str:
        return name.replace("_", "-")

    def _get(self, name: str) -> Option:
        option = self._options.get(self._normalize_name(name))
        if option is None:
            raise AttributeError(f"Unrecognized option {self._normalize_name(name)!r}")
        return option

    def __getattr__(self, name: str) -> SettingValue:
        if name in ("_options", "_parse_callbacks"):  # a copy that is being made
            raise AttributeError(name)
        return self._get(name).value()

    def __setattr__(self, name: str, value: object) -> None:
        self._get(name).set(value)

    def __getitem__(self, name: str) -> SettingValue:
        return self._get(name).value()

    def __setitem__(self, name: str, value: object) -> None:
        self._get(name).set(value)

    def __iter__(self) -> Iterator[str]:
        return (option.name for option in self._options.values())

    def __contains__(self, name: str) -> bool:
        return self._normalize_name(name) in self._options

    def items(self) -> Iterable[tuple[str, SettingValue]]:
        """Return (name, value) of every option."""
        return list(self.as_dict().items())

    def as_dict(self) -> Settings:
        """Return the values by name."""
        return self.group_dict("")

    def groups(self) -> set[str | None]:
        """Return the names of the groups."""
        return {option.group_name for option in self._options.values()}

    def group_dict(self, group: str | None) -> Settings:
        """Return the values of a group by name; of all groups where *group* is empty."""
        return {
            option.name: option.value()
            for option in self._options.values()
            if not group or option.group_name == group
        }

    # -- where values come from --------------------------------------------------------------------

    def parse_command_line(self, args: list[str] | None = None, final: bool = True) -> list[str]:
        """Set options from ``--name=value`` arguments; return what follows them.

        *args* is `sys.argv` by default; the first, the program's name, is passed over. A
        bool needs no value. The options end at the first argument without a dash, or after
        ``--``. The parse callbacks run unless *final* is false. Raises `Error` for an
        unknown option, after printing the help, and for one without its value.
        """
        rest = list(sys.argv if args is None else args)[1:]
        while rest and rest[0].startswith("-"):
            argument = rest.pop(0)
            if argument == "--":
                break
            self._parse_argument(argument)
        if final:
            self.run_parse_callbacks()
        return rest

    def _parse_argument(self, argument: str) -> None:
        given, equals, value = argument.lstrip("-").partition("=")
        name = self._normalize_name(given)
        option = self._options.get(name)
        if option is None:
            self.print_help()
            raise Error(f"Unrecognized command line option: {name!r}")
        if not equals:
            if option.type is not bool:
                raise Error(f"Option {name!r} requires a value")
            value = "true"
        try:
            option.parse(value)
        except ValueError as error:
            error.add_note(f"(the value of the command line option --{name})")
            raise

    def parse_config_file(self, path: str, final: bool = True) -> None:
        """Set options from the variables of a Python file (UTF-8), which is executed.

        A variable that names no option means nothing to us. Text is parsed as on the
        command line where the option is not a str. ``__file__`` is the path of the file.
        The parse callbacks run unless *final* is false. Raises `Error`.
        """
        names: dict[str, object] = {"__file__": os.path.abspath(path)}
        with open(path, "rb") as file:
            source = native_str(file.read())
        exec_in(source, names, names)
        for name, value in names.items():
            option = self._options.get(self._normalize_name(name))
            if option is not None:
                _set_from_config(option, value)
        if final:
            self.run_parse_callbacks()

    def add_parse_callback(self, callback: Callable[[], None]) -> None:
        """Have *callback* called when parsing is done."""
        self._parse_callbacks.append(callback)

    def run_parse_callbacks(self) -> None:
        """Call the parse callbacks."""
        for callback in self._parse_callbacks:
            callback()

    # -- help --------------------------------------------------------------------------------------

    def print_help(self, file: TextIO | None = None) -> None:
        """Print the options, by group, to *file* (by default stderr)."""
        groups: dict[str, list[Option]] = {}
        for option in self._options.values():
            groups.setdefault(option.group_name or "", []).append(option)
        lines = [f"Usage: {sys.argv[0]} [OPTIONS]", "", "Options:", ""]
        for group, members in sorted(groups.items()):
            if group:
                lines += ["", f"{os.path.normpath(group)} options:", ""]
            for option in sorted(members, key=lambda option: option.name):
                lines += self._help_lines(option)
        print(*lines, "", sep="\n", file=file or sys.stderr)

    def _help_lines(self, option: Option) -> list[str]:
        usage = self._normalize_name(option.name)
        if option.metavar:
            usage += f"={option.metavar}"
        about = option.help or ""
        if option.default not in (None, ""):
            about += f" (default {option.default})"
        lines = textwrap.wrap(about, 44)
        if len(usage) > 30 or not lines:
            lines.insert(0, "")
        return [f"  --{usage:<30} {lines[0]}", *(f"{'':34} {line}" for line in lines[1:])]

    def _help_callback(self, value: bool) -> None:
        if value:
            self.print_help()
            sys.exit(0)

    # -- tests -------------------------------------------------------------------------------------

    def mockable(self) -> _Mockable:
        """Return an object over these options that `unittest.mock.patch.object` can patch."""
        return _Mockable(self)


def _set_from_config(option: Option, value: object) -> None:
    if option.multiple and not isinstance(value, list | str):
        raise Error(
            f"Option {option.name!r} is required to be a list of {option.type.__name__}"
            " or a comma-separated string"
        )
    if type(value) is str and (option.multiple or option.type is not str):
        option.parse(value)
    else:
        option.set(value)


def _calling_file() -> str:
    """Return the file of the code that defines an option; empty if that cannot be told."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__file__") in _OWN_FILES:
        frame = frame.f_back
    return frame.f_code.co_filename


class _Mockable:
    """Options as `mock.patch` wants an object: it deletes an attribute to undo a patch."""

    def __init__(self, options: OptionParser) -> None:
        vars(self).update(_options=options, _originals={})

    def __getattr__(self, name: str) -> SettingValue:
        return getattr(self._options, name)

    def __setattr__(self, name: str, value: object) -> None:
        if name in self._originals:
            raise RuntimeError(f"{name!r} is patched already; call mockable() again")
        self._originals[name] = getattr(self._options, name)
        setattr(self._options, name, value)

    def __delattr__(self, name: str) -> None:
        setattr(self._options, name, self._originals.pop(name))


#: The options of the process.
options = OptionParser()
