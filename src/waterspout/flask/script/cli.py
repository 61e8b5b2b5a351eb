"""Ask the person at the terminal."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterable

YES = ("y", "yes", "1", "on", "true", "t")
NO = ("n", "no", "0", "off", "false", "f")


def prompt(name: str, default: str | None = None) -> str:
    """Ask for a text until there is one, or take *default* for an empty answer."""
    return _ask(input, name, default)


def prompt_pass(name: str, default: str | None = None) -> str:
    """Do the same without showing what is typed."""
    return _ask(getpass.getpass, name, default)


def _ask(read: Callable[[str], str], name: str, default: str | None) -> str:
    question = (f"{name} [{default}]" if default else name) + (" " if name.endswith("?") else ": ")
    while True:
        answer = read(question)
        if answer:
            return answer
        if default is not None:
            return default


def prompt_bool(
    name: str,
    default: bool = False,
    yes_choices: Iterable[str] | None = None,
    no_choices: Iterable[str] | None = None,
) -> bool:
    """Ask a question of yes or no until the answer is one of the two."""
    yes, no = tuple(yes_choices or YES), tuple(no_choices or NO)
    while True:
        answer = prompt(name, (yes if default else no)[0])
        if answer.lower() in yes:
            return True
        if answer.lower() in no:
            return False


def prompt_choices(
    name: str,
    choices: Iterable[str | tuple[str, str]],
    default: str | None = None,
    resolve: Callable[[str], str] = str.lower,
    no_choice: Iterable[str] = ("none",),
) -> str | None:
    """Ask for one of *choices*, each a text or a pair of key and text, until it is one of them;
    None for an answer that is in *no_choice*."""
    keys: list[str] = []
    shown: list[str] = []
    for choice in choices:
        key, text = (choice, choice) if isinstance(choice, str) else choice
        keys.append(key)
        shown.append(key if key == text else f"{text} [{key}]")
    while True:
        answer = resolve(prompt(f"{name} - ({', '.join(shown)})", default))
        if answer in no_choice:
            return None
        if answer in keys or answer == default:
            return answer
