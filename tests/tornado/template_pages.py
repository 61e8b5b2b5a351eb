"""Templates for the tests: a site that uses the whole language, and a maker of random ones."""

from __future__ import annotations

import random
from typing import Any

SITE = {
    "base.html": """<!DOCTYPE html>
<html>
  <head><title>{% block title %}Site{% end %}</title></head>
  <body>
    {% include "parts/nav.html" %}
    {% block body %}<p>Nothing here, {{ user }}.</p>{% end %}
    {% raw footer %}
  </body>
</html>
""",
    "parts/nav.html": "<p>{% if user %}{{ user }}{% else %}you{% end %}{% include 'sep.txt' %}</p>",
    "parts/sep.txt": "  |\t  {{ '<' }}  ",
    "list.html": """{% extends "base.html" %}
This text is outside a block.
{% block title %}{{ title }} ({{ len(rows) }}){% end %}
{% block body %}
  {% from datetime import date %}
  {% set total = 0 %}
  <ul>
    {% for number, row in enumerate(rows) %}
      {% if row["hidden"] %}{% continue %}{% elif number > 7 %}{% break %}{% end %}
      {% set total += row["price"] %}
      <li class="{{ 'odd' if number % 2 else 'even' }}">{{ row["name"] }}: {{ row["price"] }}</li>
    {% else %}
      <li>all</li>
    {% end %}
  </ul>
  {{ total }} {{ date(2024, 2, 29) }} {{ datetime.timedelta(0) }}
  <pre>
    kept   as it is
  </pre>
  {% block more %}{% end %}
{% end %}
""",
    "more.html": """{% extends 'list.html' %}
{% block more %}
  {% apply upper %}  in other letters: {{ title }} {% end %}{% module Box("x") %}
{% end %}
""",
    "plain.txt": """{% autoescape None %}{{ title }}	{{ title }}
{# a comment
   of two lines #}{{! {%! {#! { } {{{ 1 }}}
{% whitespace oneline %}
   {{ escape(title) }}   {{ url_escape(title) }}
{% whitespace all %}
   {{ json_encode([title]) }}   {{ linkify("see www.example.com & co") }}
""",
    "code.py": """{% autoescape quoted %}name = {{ title }}
{% while countdown %}{{ countdown.pop() }},{% end %}
{% try %}a {{ 1 / 0 }} b{% except ZeroDivisionError as error %}{{ error }}{% finally %}!{% end %}
{% try %}c{% except %}d{% else %}e{% finally %}f{% end %}
{% import math %}{% comment not shown %}{{ 1, 2 }}{{ None }}{{ 1.5 }}{{ True }}{{ math.floor(2.5)
  # said in Python
}}
""",
}
PAGES = ["base.html", "list.html", "more.html", "plain.txt", "code.py"]


def values() -> dict[str, Any]:
    """Return what the pages are rendered with, made anew."""
    return {
        "title": "Fish & <Chips> of the best \"'\u00e9\u65e5",
        "user": b"<Ann \xc3\xa9>",
        "footer": "<hr>",
        "rows": [{"name": f"<row {n}>", "price": n * 10, "hidden": n == 3} for n in range(12)],
        "countdown": [1, 2, 3],
        "upper": bytes.upper,
        "quoted": lambda text: repr(text.decode()),
        "_tt_modules": Modules(),
    }


class Modules:
    """Stands for the UI modules of a handler."""

    def Box(self, content: str) -> bytes:
        return f"<div>{content}</div>".encode()


class Maker:
    """Makes well-formed templates at random, the same for the same seed."""

    TEXTS = ("a ", "\n\t b <pre> ", "  \n", "\u00e9", "{{! ", "{ }", "{# c\n #}", "<li>  \n")
    VALUES = (
        *("{{ x }}", "{{ y }}", "{{ z, 1 }}", "{{ None }}", "{{ i }}", "{{ 1/y }}", "{{ late }}"),
        *("{% raw x %}", "{% raw data %}", "{% module Box(1) %}", "{{ up(x)\n}}"),
    )
    TAGS = (
        *(
            "{% set late = 'Q' %}",
            "{% import math %}",
            "{% comment k %}",
            "{% include 'inc.html' %}",
        ),
        *("{% autoescape None %}", "{% autoescape up %}", "{% whitespace oneline %}"),
    )
    BLOCKS = (
        "{% if x %}@{% end %}",
        "{% if y %}@{% elif z %}@{% else %}@{% end %}",
        "{% for i in z %}@{% else %}@{% end %}",
        "{% try %}@{% except ZeroDivisionError %}@{% finally %}@{% end %}",
        "{% apply up %}@{% end %}",
        "{% block a %}@{% end %}",
        "{% block b %}@{% end %}",
        "{% try %}@{% except %}@{% else %}@{% end %}",
    )

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def site(self) -> dict[str, str]:
        """Return a page, as HTML and as text, what it may extend and what it may include."""
        page = self.random.choice(["", "{% extends 'base.html' %}"]) + self.body(4)
        return {
            "page.html": page,
            "page.txt": page,
            "inc.html": "I{{ x }}{% block a %}ia{% end %}",
            "base.html": "B{% block a %}ba{{ x }}{% end %}{% block b %}bb{% end %}",
        }

    def body(self, depth: int) -> str:
        return "".join(self.piece(depth) for _ in range(self.random.randint(0, 4)))

    def piece(self, depth: int) -> str:
        kinds = [self.TEXTS, self.VALUES, self.VALUES, self.TAGS]
        if depth:
            kinds += [self.BLOCKS] * 4
        piece = self.random.choice(self.random.choice(kinds))
        while "@" in piece:
            piece = piece.replace("@", self.body(depth - 1), 1)
        return piece
