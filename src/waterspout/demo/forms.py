"""What a visitor may write: the fields of an entry, cleaned and checked.

The same rules serve the HTML form and the JSON API.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field

NAME_LENGTH = 60
MESSAGE_LENGTH = 2000
QUERY_LENGTH = 80

# The value that is stored, and the words that are shown.
MOODS = {
    "sunny": "Sunny",
    "breezy": "Breezy",
    "cloudy": "Cloudy",
    "rainy": "Rainy",
    "stormy": "Stormy",
    "starry": "Starry",
}
COLOURS = {
    "foam": "Foam",
    "kelp": "Kelp",
    "sand": "Sand",
    "coral": "Coral",
    "urchin": "Urchin",
    "deep": "Deep water",
}

# SECURITY: only what XML 1.0 (section 2.2) can hold, less the control characters: the feed must
# stay well-formed whatever is posted. Lone surrogates, which JSON can carry, go as well.
UNWRITABLE = re.compile("[^\t\n\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(slots=True)
class EntryForm:
    """The four fields as they will be stored, and what is wrong with them by field name."""

    name: str = ""
    message: str = ""
    mood: str = ""
    colour: str = "foam"
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, values: Mapping[str, object]) -> EntryForm:
        """Clean and check what was sent; look at ``errors`` before you store it."""
        form = cls()
        form.name = " ".join(form._text(values, "name", NAME_LENGTH, "your name").split())
        form.message = form._text(values, "message", MESSAGE_LENGTH, "a few words")
        form.mood = form._choice(values, "mood", MOODS, otherwise="")
        form.colour = form._choice(values, "colour", COLOURS, otherwise="foam")
        return form

    def fields(self) -> dict[str, str]:
        """Return the fields as the store takes them."""
        return {
            "name": self.name,
            "message": self.message,
            "mood": self.mood,
            "colour": self.colour,
        }

    def _text(self, values: Mapping[str, object], key: str, longest: int, wanted: str) -> str:
        value = values.get(key, "")
        if not isinstance(value, str):
            self.errors[key] = "This must be text."
            return ""
        text = clean(value)
        if not _visible(text):
            self.errors[key] = f"Please write {wanted}."
        elif len(text) > longest:
            self.errors[key] = f"At most {longest} characters, please; these are {len(text)}."
        return text

    def _choice(
        self, values: Mapping[str, object], key: str, choices: Mapping[str, str], *, otherwise: str
    ) -> str:
        value = values.get(key)
        if value is None or value == "":
            return otherwise
        if isinstance(value, str) and value in choices:
            return value
        self.errors[key] = f"Choose one of: {', '.join(choices)}."
        return otherwise


def clean(text: str) -> str:
    """Return composed Unicode with plain line ends and without characters nobody can see."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return unicodedata.normalize("NFC", UNWRITABLE.sub("", lines)).strip()


def search_words(args: Mapping[str, str]) -> str:
    """Return what a query string asks to search for; empty means everything."""
    return clean(args.get("q", ""))[:QUERY_LENGTH]


def _visible(text: str) -> bool:
    """Tell whether there is anything to see: separators and format characters alone are not."""
    return any(unicodedata.category(character)[0] not in "ZC" for character in text)
