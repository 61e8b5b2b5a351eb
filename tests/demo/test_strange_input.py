"""What nobody types by hand: control characters, endless numbers, a form sent twice at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import count
from xml.etree import ElementTree

import httpx
import pytest
from blog_people import Blog, Visitor

from waterspout.demo.extensions import db
from waterspout.demo.models import Post

numbers = count(1)


def a_name() -> str:
    return f"stranger{next(numbers)}"


def write(visitor: Visitor, **fields: str) -> httpx.Response:
    given = {"title": "A title", "content": "A text.", "tags": "strange"} | fields
    return visitor.send_form("/write", **given)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/search?q=a%00b", 400),
        ("/?q%00=x", 400),
        ("/login?next=%00", 400),
        ("/tag/a%00b", 404),
        ("/city/%00", 404),
        ("/author/%1F", 404),
        ("/?before=0000000000099999999999999999999", 400),
        ("/?before=" + "9" * 5000, 400),
        ("/?before=0000000000000000000000005", 200),
        ("/?after=0", 200),
        ("/?after=", 400),
        ("/?before=²", 400),
        ("/pictures/" + "a" * 300, 404),
        ("/pictures/small/" + "a" * 300, 404),
    ],
)
def test_strange_urls(blog: Blog, path: str, status: int) -> None:
    with blog.visitor() as visitor:
        assert visitor.get(path).status_code == status


@pytest.mark.parametrize("before", ["9" * 5000, "00000000000099999999999", "x"])
def test_strange_ids_in_the_lists_of_admins(blog: Blog, before: str) -> None:
    with blog.visitor() as admin:
        admin.log_in("admin", blog.admin_password)
        assert admin.get(f"/admin?before={before}").status_code == 400


@pytest.mark.parametrize("field", ["title", "content", "tags"])
def test_posts_have_no_control_characters(blog: Blog, field: str) -> None:
    with blog.visitor() as visitor:
        visitor.register(a_name())
        answer = write(visitor, **{field: "a\x00b"})
        assert answer.status_code == 422
        assert "Control characters are not allowed." in answer.text
        assert write(visitor, content="one\r\n\ttwo").status_code == 200


def test_people_and_comments_have_no_control_characters(blog: Blog) -> None:
    with blog.visitor() as visitor:
        assert visitor.log_in("a\x00b").status_code == 422
        assert visitor.register("a\x00b").status_code == 422
        assert visitor.register(a_name(), city="a\x00b").status_code == 422
        visitor.register(a_name())
        answer = visitor.send_form("/post/1/comment", at="/post/1", comment="a\x0bb")
        assert answer.status_code == 422


@pytest.mark.parametrize("name", ["Kiel/Süd", "..", "."])
def test_a_city_and_a_tag_can_stand_in_a_url(blog: Blog, name: str) -> None:
    with blog.visitor() as visitor:
        assert visitor.register(a_name(), city=name).status_code == 422
        visitor.register(a_name(), city="Kiel.")
        assert write(visitor, tags=f"sea, {name}").status_code == 422


def test_the_feed_is_xml_whatever_the_table_holds(blog: Blog) -> None:
    """A post from before there was a rule, say."""
    with blog.app.app_context():
        post = Post(user_id=1, title="Old\x0bone", content="x", summary="\x1b[1m \uffff")
        db.session.add(post)
        db.session.commit()
        with blog.visitor() as visitor:
            feed = ElementTree.fromstring(visitor.get("/feed.xml").content)
        db.session.delete(post)
        db.session.commit()
    assert feed.findtext("channel/item/title") == "Oldone"


def at_once(visitor: Visitor, path: str, times: int, **fields: str) -> list[int]:
    """Send the same form *times* at once, and return the statuses without following them."""
    data = {**fields, "csrf_token": visitor.token(path)}

    def send(_: int) -> int:
        cookies = dict(visitor.cookies)
        url = visitor.base_url.join(path)
        return httpx.post(url, data=data, cookies=cookies, timeout=30).status_code

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(send, range(times)))


def test_equal_changes_at_once(blog: Blog) -> None:
    """Each is made, one after the other."""
    with blog.visitor() as visitor:
        visitor.register(a_name())
        path = write(visitor, tags="one, two, three").url.path
        fields = {"title": "Changed", "content": "x", "tags": "three, four, five"}
        assert at_once(visitor, f"{path}/edit", 6, **fields) == [303] * 6
        page = visitor.get(path).text
    assert 'href="/tag/five"' in page
    assert 'href="/tag/one"' not in page


def test_equal_deletions_at_once(blog: Blog) -> None:
    """One deletes; for the others the post is gone."""
    with blog.visitor() as visitor:
        visitor.register(a_name())
        path = write(visitor).url.path
        answers = at_once(visitor, f"{path}/delete", 6)
    assert sorted(answers) == [303] + [404] * 5
