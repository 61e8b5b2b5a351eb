"""`python -m waterspout.dropin`: run a program on Waterspout, or let a whole environment do so.

With the path of a program, or `-m` and a module, and its arguments, that program is run as
`python` would run it, but `import flask` and `import tornado.web` give Waterspout.

`enable`, `disable` and `status` are the switch for whole environments. `enable` writes one line
into the environment's site-packages (a `.pth` file, which every interpreter start reads). The
line does nothing until `WATERSPOUT_DROPIN=1` is set, so other programs of the same environment
keep their Flask and their Tornado.
"""

from __future__ import annotations

import os
import sys

# SECURITY: as in `waterspout.__main__`; a program that is run has it again.
_is_first = __name__ == "__main__" and sys.path[:1] in ([""], [os.getcwd()])
_removed = [sys.path.pop(0)] if _is_first else []

import sysconfig
from pathlib import Path

import click

from . import ENVIRONMENT_VARIABLE
from .programs import names_program, run_program

# Read after the files of editable installs, whose names begin with "_" as a rule.
PTH_NAME = "waterspout_dropin.pth"
PTH_LINE = (
    f"import os; os.environ.get('{ENVIRONMENT_VARIABLE}') == '1'"
    " and __import__('importlib').import_module('waterspout.dropin').begin()\n"
)


def pth_path() -> Path:
    """Return where this environment's `.pth` file belongs."""
    return Path(sysconfig.get_path("purelib"), PTH_NAME)


@click.group(name="python -m waterspout.dropin")
def main() -> None:
    """Run a program written for Flask or Tornado: `python -m waterspout.dropin program.py`, or
    `-m module`. Or let WATERSPOUT_DROPIN=1 do that for every program of this environment."""


@main.command()
def enable() -> None:
    """Write the .pth file."""
    path = pth_path()
    path.write_text(PTH_LINE, encoding="utf-8")
    click.echo(
        f"Wrote {path}. Start a program with {ENVIRONMENT_VARIABLE}=1 to run it on Waterspout."
    )


@main.command()
def disable() -> None:
    """Remove the .pth file."""
    path = pth_path()
    if path.exists():
        path.unlink()
        click.echo(f"Removed {path}.")
    else:
        click.echo(f"There is no {path}: nothing to do.")


@main.command()
def status() -> None:
    """Tell whether the .pth file is there; exit with 1 when it is not."""
    path = pth_path()
    click.echo(f"{'enabled' if path.exists() else 'disabled'} ({path})")
    sys.exit(0 if path.exists() else 1)


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] not in main.commands and names_program(sys.argv[1:]):
        sys.path[:0] = _removed
        run_program(sys.argv[1:])
    else:
        main()
