"""Templates and their names from people who mean harm, or made a mistake."""

from __future__ import annotations

import logging
import traceback
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from waterspout.tornado.template import DictLoader, Loader, ParseError, Template


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A template folder, with secrets around it."""
    for name, source in {
        "secret.txt": "secret",
        "templates-old/secret.txt": "secret",
        "templates/page.html": "page",
        "templates/sub/relative.html": "{% include ../page.html %} {% include '/page.html' %}",
        "templates/sub/inside.html": "{% include ../../templates/page.html %}",
        "templates/climbs.html": "{% include ../secret.txt %}",
        "templates/sub/beside.html": "{% extends ../../templates-old/secret.txt %}",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(source, encoding="utf-8")
    return tmp_path / "templates"


def test_a_loader_finds_what_is_in_its_root(root: Path) -> None:
    """Names that lead to a file in the root work, absolute ones too."""
    loader = Loader(str(root))
    assert loader.load("page.html").generate() == b"page"
    assert loader.load(str(root / "page.html")).generate() == b"page"
    assert loader.load("sub/../page.html").generate() == b"page"
    assert loader.load("sub/inside.html").generate() == b"page"


@pytest.mark.parametrize(
    "name",
    [
        "../secret.txt", "../../../../../../etc/passwd", "/etc/passwd", "sub/../../secret.txt",
        "../templates-old/secret.txt", "climbs.html", "sub/beside.html", "sub/relative.html", "..",
        "./../secret.txt", "//etc/passwd", ".", "",
    ],
)  # fmt: skip
def test_a_loader_stays_in_its_root(root: Path, name: str) -> None:
    """A file outside is not found, whoever names it: the caller or a template."""
    with pytest.raises(FileNotFoundError):
        Loader(str(root)).load(name)


def test_a_program_may_leave_the_root_on_purpose(root: Path) -> None:
    """`confined` is the switch."""
    loader = Loader(str(root))
    loader.confined = False
    assert loader.load("climbs.html").generate() == b"secret"
    assert loader.load(str(root.parent / "secret.txt")).generate() == b"secret"


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("<p>{{ text }}</p>", "<p>&quot;&gt;&lt;script&gt;&#x27;&amp;</p>"),
        ('<a title="{{ text }}">', '<a title="&quot;&gt;&lt;script&gt;&#x27;&amp;">'),
        ("/?q={{ url_escape(text) }}", "/?q=%22%3E%3Cscript%3E%27%26"),
        ("<script>{% raw json_encode('</script>') %}", '<script>"<\\/script>"'),
    ],
)
def test_text_of_users_is_escaped(source: str, wanted: str) -> None:
    """What a template inserts is text, in markup, in attributes, in URLs and in scripts."""
    assert Template(source).generate(text="\"><script>'&").decode() == wanted


def test_the_name_of_a_template_is_never_code() -> None:
    """A line break in a name does not get into the generated source."""
    loader = DictLoader({"a\nraise SystemExit\n#": "{{ 1 / 0 }}"})
    with pytest.raises(ZeroDivisionError) as caught:
        loader.load("a\nraise SystemExit\n#").generate()
    shown = "".join(traceback.format_exception(caught.value))
    assert r"_tt_tmp = 1 / 0  # a\nraise SystemExit\n#:1" in shown


@pytest.mark.parametrize("tag", ["if x", "for i in x", "while x", "try", "block a", "apply f"])
@pytest.mark.parametrize("depth", [60, 101, 20_000])
def test_blocks_nested_deeply(tag: str, depth: int, caplog: Any) -> None:
    """Any depth renders or is a ParseError with the line, never a RecursionError."""
    caplog.set_level(logging.CRITICAL)
    source = f"{{% {tag} %}}" * depth + "\n" + "{% end %}" * depth
    simple = depth == 60 and tag in ("if x", "block a", "apply f")
    with nullcontext() if simple else pytest.raises(ParseError, match=r"(?m) at deep\.html:1$"):
        Template(source, name="deep.html")


@pytest.mark.parametrize(
    "expression",
    ["(" * 5000 + ")" * 5000, "-" * 100_000 + "1", "x" + ".x" * 50_000, "1" + "+1" * 50_000],
    ids=["brackets", "minus", "attributes", "sum"],
)
def test_expressions_nested_deeply(expression: str, caplog: Any) -> None:
    """What Python's compiler cannot take is a ParseError."""
    caplog.set_level(logging.CRITICAL)
    with pytest.raises(ParseError):
        Template(f"{{{{ {expression} }}}}")


def test_a_template_that_contains_itself() -> None:
    """A circle is told by its members and the line that closes it."""
    loader = DictLoader(
        {
            "a.html": "{% include b.html %}",
            "b.html": "{% extends c.html %}",
            "c.html": "\n\n{% include a.html %}",
            "self.html": "{% include self.html %}",
        }
    )
    with pytest.raises(ParseError) as caught:
        loader.load("a.html")
    assert str(caught.value) == (
        "a template contains itself: a.html → b.html → c.html → a.html at c.html:3"
    )
    with pytest.raises(ParseError, match=r"self\.html → self\.html at self\.html:1"):
        loader.load("self.html")


def test_includes_nested_deeply() -> None:
    """A long chain is a ParseError; the loader works on after it."""
    chain = {f"{n}": f"{{% include {n + 1} %}}" for n in range(1000)} | {"1000": "end"}
    loader = DictLoader(chain)
    with pytest.raises(ParseError, match="nested too deeply"):
        loader.load("0")
    assert loader.load("990").generate() == b"end"
    with pytest.raises(ParseError, match="nested too deeply"):
        loader.load("0")


def test_a_zero_byte_in_code_is_a_parse_error(caplog: Any) -> None:
    """Python refuses it; the template's name is told."""
    caplog.set_level(logging.CRITICAL)
    with pytest.raises(ParseError, match=r"null bytes at page\.html"):
        Template("{{ '\0' }}", name="page.html")
