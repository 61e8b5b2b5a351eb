"""What everybody reads: lists, posts, search, the feed, in two languages."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
import sqlalchemy as sa
from blog_people import Blog

from waterspout.demo.extensions import db


def titles(page: str) -> list[str]:
    return re.findall(r'<h2><a href="/post/\d+">([^<]+)</a></h2>', page)


def test_the_front_page_lists_the_newest_posts_first(blog: Blog) -> None:
    """Ten posts, then the older ones; back again leads to the same page."""
    with blog.visitor() as visitor:
        first = visitor.get("/").text
        older = re.search(r'class="older" rel="next" href="([^"]+)"', first)
        assert older
        second = visitor.get(older[1]).text
        newer = re.search(r'class="newer" rel="prev" href="([^"]+)"', second)
        assert newer
        assert len(titles(first)) == 10
        assert titles(first)[0] == "What the sea gives back"
        assert titles(second)[-1] == "Hello from the harbour"
        assert titles(visitor.get(newer[1]).text) == titles(first)
        assert "rel=" not in re.sub(r'<link rel="[^"]+"', "", second).replace(newer[0], "")


def test_a_list_is_one_query(blog: Blog) -> None:
    """Tags, author and number of comments included."""
    statements: list[str] = []
    with blog.app.app_context():
        engine = db.engine

    def note(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        with blog.visitor() as visitor:
            page = visitor.get("/").text
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)
    assert len(statements) == 1
    card = page.partition('<article class="card">')[2].partition("</article>")[0]
    assert '<a href="/tag/letters">letters</a>' in card
    assert '<a class="author" href="/author/Farah">Farah</a>' in card
    assert re.search(r"\d comments?</a>", card)


@pytest.mark.parametrize(
    ("path", "first", "number"),
    [
        ("/tag/food", "Notes on salt", 3),
        ("/city/Xiamen", "台风过后", 3),
        ("/author/Ada", "The wind has names", 2),
        ("/search?q=SARDINES", "Grilled sardines, the short version", 1),
        ("/search?q=沙袋", "台风过后", 1),
        ("/search?q=100%25", "", 0),
    ],
)
def test_posts_are_found(blog: Blog, path: str, first: str, number: int) -> None:
    with blog.visitor() as visitor:
        found = titles(visitor.get(path).text)
    assert len(found) == number
    assert found[:1] == ([first] if first else [])


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/post/999", 404),
        ("/post/99999999999999999999", 404),
        ("/author/Nobody", 404),
        ("/tag/nothing", 200),
        ("/?before=x", 400),
        ("/?before=99999999999999999999", 400),
    ],
)
def test_what_is_not_there(blog: Blog, path: str, status: int) -> None:
    with blog.visitor() as visitor:
        answer = visitor.get(path)
    assert answer.status_code == status
    assert '<header class="site-header">' in answer.text


def test_a_post_is_markdown(blog: Blog) -> None:
    with blog.visitor() as visitor:
        page = visitor.get(titles_to_path(visitor.get("/?before=5").text, "How a waterspout")).text
    assert "<td>dark spot</td>" in page
    assert "<em>fair-weather</em>" in page


def titles_to_path(page: str, title: str) -> str:
    found = re.search(rf'<a href="(/post/\d+)">{title}', page)
    assert found
    return found[1]


def test_the_feed(blog: Blog) -> None:
    """RSS that a parser takes."""
    with blog.visitor() as visitor:
        answer = visitor.get("/feed.xml")
    assert answer.headers["Content-Type"] == "application/rss+xml; charset=utf-8"
    items = ElementTree.fromstring(answer.content).findall("channel/item")
    assert len(items) == 14
    assert items[0].findtext("title") == "What the sea gives back"
    assert (items[0].findtext("link") or "").startswith(blog.url.rstrip("/") + "/post/")


def test_who_came_last(blog: Blog) -> None:
    with blog.visitor() as visitor:
        page = visitor.get("/newest").text
    assert re.findall(r'class="city" href="[^"]+">([^<]+)</a>', page).count("Xiamen") == 1
    assert "/author/Chen" not in page


def test_pages_are_light(blog: Blog) -> None:
    """The front page with style and script is under 60 kB; nothing comes from elsewhere."""
    with blog.visitor() as visitor:
        page = visitor.get("/")
        parts = re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text)
        size = len(page.content) + sum(len(visitor.get(part).content) for part in set(parts))
    assert size < 60_000
    assert re.findall(r'(?:src|href)="(?:https?:)?//', page.text) == []


def test_the_migrations_leave_the_log_alone(blog: Blog, capfd: pytest.CaptureFixture[str]) -> None:
    """What is logged after the first start has the application's format, not Alembic's."""
    blog.app.logger.warning("after the migrations")
    assert "WARNI " not in capfd.readouterr().err
