"""Flask-Script's command line, for the programs that end in `manager.run()`.

This is that extension again, on argparse; new programs use `app.cli`. In drop-in mode the
package answers to `flask_script`, and so its modules have that one's names.
"""

from __future__ import annotations

from .cli import prompt, prompt_bool, prompt_choices, prompt_pass
from .commands import (
    Clean,
    Command,
    Group,
    InvalidCommand,
    Option,
    Server,
    Shell,
    ShowUrls,
)
from .manager import Manager

__all__ = [
    "Clean",
    "Command",
    "Group",
    "InvalidCommand",
    "Manager",
    "Option",
    "Server",
    "Shell",
    "ShowUrls",
    "prompt",
    "prompt_bool",
    "prompt_choices",
    "prompt_pass",
]
