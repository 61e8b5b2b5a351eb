"""Who may do what, where links and logins lead back to, and what open pages are told."""

from __future__ import annotations

import json
import re
from itertools import count
from typing import Any

import pytest
import sqlalchemy as sa
from blog_people import PASSWORD, Blog, Visitor
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from waterspout.demo.extensions import db
from waterspout.demo.models import Comment, User

numbers = count(1)


def a_name() -> str:
    return f"guest{next(numbers)}"


def write(visitor: Visitor) -> str:
    fields = {"title": "Seen today", "content": "A *calm* sea.", "tags": ""}
    return visitor.send_form("/write", **fields).url.path


def live(blog: Blog, path: str) -> Any:
    url = f"{blog.url.replace('http', 'ws', 1).rstrip('/')}{path}"
    return connect(url, origin=blog.url.rstrip("/"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/post/1/live?after=99999999999999999999999", 400),
        ("/post/1/live?after=x", 400),
        ("/post/99999/live", 404),
    ],
)
def test_a_websocket_is_refused(blog: Blog, path: str, status: int) -> None:
    with pytest.raises(InvalidStatus) as refused, live(blog, path):
        pass
    assert refused.value.response.status_code == status


def test_an_open_page_is_told_that_its_post_is_gone(blog: Blog) -> None:
    with blog.visitor() as visitor:
        visitor.register(a_name())
        path = write(visitor)
        with live(blog, f"{path}/live") as page:
            visitor.send_form(f"{path}/delete")
            assert json.loads(page.recv(timeout=20)) == {"gone": True}


def test_all_missed_comments_come(blog: Blog) -> None:
    """In their order, however many there were."""
    with blog.visitor() as visitor:
        visitor.register(a_name())
        path = write(visitor)
    with blog.app.app_context():
        number = int(path.rpartition("/")[2])
        for i in range(70):
            db.session.add(Comment(post_id=number, user_id=1, content=f"word {i}."))
        db.session.commit()
    with live(blog, f"{path}/live?after=0") as page:
        said = [json.loads(page.recv(timeout=20))["html"] for _ in range(70)]
    words = [re.findall(r"word (\d+)\.", html)[0] for html in said]
    assert sorted(map(int, words)) == list(range(70))
    assert "word 69." in said[-1]


def test_who_only_reads_has_no_session(blog: Blog) -> None:
    with blog.visitor() as visitor:
        for path in ("/", "/post/1", "/newest", "/tag/food"):
            assert "Set-Cookie" not in visitor.get(path).headers, path


def test_login_leads_back_to_the_post(blog: Blog) -> None:
    """A comment was sent after the session's end."""
    name = a_name()
    with blog.visitor() as visitor:
        visitor.register(name)
        visitor.send_form("/logout", at="/")
        token = visitor.token("/login")
        page = {"Referer": f"{blog.url.rstrip('/')}/post/1"}
        data = {"comment": "Hello", "csrf_token": token}
        login = visitor.post("/post/1/comment", data=data, headers=page)
        assert login.url.path == "/login"
        assert "Please log in to access this page." in login.text
        back = visitor.send_form(str(login.url), username=name, password=PASSWORD, next="/post/1")
        assert login.url.params["next"] == "/post/1"
        assert back.url.path == "/post/1"


@pytest.mark.parametrize(
    ("referer", "place"),
    [("/post/1?x=1", "/post/1?x=1"), ("https://evil.example/x", "/"), ("", "/")],
)
def test_the_language_switch_after_a_form_leads_to_its_page(
    blog: Blog, referer: str, place: str
) -> None:
    with blog.visitor() as visitor:
        full = blog.url.rstrip("/") + referer if referer.startswith("/") else referer
        page = visitor.post("/comment/5/delete", headers={"Referer": full} if full else {})
        assert page.status_code == 400
        switch = re.search(r'href="(/language/zh[^"]*)"', page.text)
        assert switch
        back = visitor.get(switch[1].replace("&amp;", "&"))
        assert back.url.raw_path.decode() == place


def test_readers_change_no_posts(blog: Blog) -> None:
    """Nor those that they wrote before an admin made them readers: no button, and 403."""
    name = a_name()
    with blog.visitor() as visitor:
        visitor.register(name)
        path = write(visitor)
        assert f'href="{path}/edit"' in visitor.get(path).text
        assert f'href="{path}/edit"' in visitor.get("/account").text
        with blog.app.app_context():
            db.session.execute(sa.update(User).where(User.name == name).values(role="reader"))
            db.session.commit()
        for page in (path, "/account"):
            assert f"{path}/edit" not in visitor.get(page).text
            assert f"{path}/delete" not in visitor.get(page).text
        assert visitor.get(f"{path}/delete").status_code == 403
        assert visitor.send_form(f"{path}/delete", at="/account").status_code == 403
        assert visitor.get(path).status_code == 200


@pytest.mark.parametrize("place", ["/", "/tag/food", "/search?q=sea"])
def test_an_empty_page_has_a_way_back(blog: Blog, place: str) -> None:
    with blog.visitor() as visitor:
        for end in ("before=1", "after=2147483647"):
            page = visitor.get(f"{place}{'&' if '?' in place else '?'}{end}").text
            assert f'<a href="{place}">To the newest posts</a>' in page
        assert "To the newest posts" not in visitor.get("/tag/nothing").text


@pytest.mark.parametrize(
    ("path", "varies"),
    [("/", True), ("/login", True), ("/post/999", True), ("/feed.xml", False)],
)
def test_pages_vary_by_language(blog: Blog, path: str, varies: bool) -> None:
    with blog.visitor() as visitor:
        vary = visitor.get(path).headers.get("Vary", "")
    assert ("Accept-Language" in vary) is varies
