"""What users do: register, log in, write, comment; what admins do. Over sockets."""

from __future__ import annotations

import io
import re
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from blog_people import PASSWORD, Blog, Visitor
from PIL import Image
from websockets.sync.client import connect

numbers = count(1)


def a_name() -> str:
    return f"visitor{next(numbers)}"


def picture(kind: str = "PNG", size: tuple[int, int] = (60, 40)) -> bytes:
    made = io.BytesIO()
    Image.new("RGB", size, "teal").save(made, kind)
    return made.getvalue()


def write(visitor: Visitor, title: str = "Seen today", **fields: Any) -> str:
    """Write a post; return its path."""
    given = {"title": title, "content": "A *calm* sea.", "tags": "Sea, notes"} | fields
    answer = visitor.send_form("/write", **given)
    assert answer.status_code == 200, answer.text
    return answer.url.path


def test_register_and_log_in_again(blog: Blog) -> None:
    """The name is shown on both sides: in pages of views and of handlers."""
    name = a_name()
    with blog.visitor() as visitor:
        welcome = visitor.register(name, city="Graz", avatar=("me.png", picture(), "image/png"))
        assert welcome.url.path == "/"
        assert f"Welcome, {name}!" in welcome.text
        assert f'<a href="/account">{name}</a>' in welcome.text
        account = visitor.get("/account").text
        assert f"<h1>{name}</h1>" in account
        face = re.search(r'<img class="avatar" src="([^"]+)"', account)
        assert face
        assert visitor.get(face[1]).headers["Content-Type"] == "image/jpeg"
        assert visitor.send_form("/logout", at="/").url.path == "/"
        assert visitor.get("/account").url.path == "/login"
        back = visitor.send_form("/login?next=/account", username=name, password=PASSWORD)
        assert back.url.path == "/account"
        assert visitor.get(f"/author/{name}").status_code == 200


@pytest.mark.parametrize(
    ("name", "msg"),
    [
        ("Ada", "fail"),
        ("小雨", "fail"),
        ("free", "ok"),
        ("ｆree", "ok"),
        ("a b", "fail"),
        ("", "fail"),
    ],
)
def test_a_name_is_checked_while_typing(blog: Blog, name: str, msg: str) -> None:
    with blog.visitor() as visitor:
        token = visitor.token("/register")
        answer = visitor.post("/check", data={"username": name}, headers={"X-CSRFToken": token})
    assert answer.json() == {"msg": msg}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": "Ada"}, "This name is taken."),
        ({"name": "../x"}, "At most 40 letters and digits"),
        ({"password2": "another one"}, "The passwords differ."),
        ({"password": "short", "password2": "short"}, "between 8 and 200 characters"),
        ({"email": "nowhere"}, "Invalid email address."),
        ({"avatar": ("me.png", b"<svg onload=alert(1)>", "image/png")}, "not of an approved type"),
        ({"avatar": ("me.png", picture()[:60], "image/png")}, "This is not a picture"),
        ({"avatar": ("me.png", picture("JPEG"), "image/png")}, "not of an approved type"),
    ],
)
def test_what_registration_refuses(blog: Blog, fields: dict[str, Any], said: str) -> None:
    with blog.visitor() as visitor:
        answer = visitor.register(**{"name": a_name(), **fields})
        assert answer.status_code == 422
        assert said in answer.text
        assert visitor.get("/account").url.path == "/login"


def test_a_wrong_password(blog: Blog) -> None:
    """The same words for a name that nobody has."""
    with blog.visitor() as visitor:
        for name in ("Ada", "nobody"):
            answer = visitor.log_in(name, "not this one")
            assert answer.status_code == 401
            assert "Name or password is wrong." in answer.text


def test_remember_me(blog: Blog) -> None:
    """The session's cookie ends with the browser, the other one does not."""
    name = a_name()
    with blog.visitor() as visitor:
        visitor.register(name)
        visitor.send_form("/logout", at="/")
        visitor.log_in(name, remember="y")
        visitor.cookies.delete("blog")
        assert visitor.get("/account").url.path == "/account"


def test_another_password_ends_what_the_old_one_began(blog: Blog) -> None:
    """Sessions and cookies that remember, but those of the browser in which it is changed."""
    name, new = a_name(), "another password"
    with blog.visitor() as visitor, blog.visitor() as other:
        visitor.register(name, email=f"{name}@example.org")
        visitor.send_form("/logout", at="/")
        for browser in (visitor, other):
            assert browser.log_in(name, remember="y").url.path == "/"
        copied = dict(other.cookies)
        fields = {"old_password": PASSWORD, "password": new, "password2": new}
        changed = visitor.send_form("/account/password", at="/account", **fields)
        assert "Your password is changed." in changed.text
        assert changed.url.path == "/account"
        assert other.get("/account").url.path == "/login"
        visitor.cookies.delete("blog")
        assert visitor.get("/account").url.path == "/account"
    for names in (["remember_token"], ["blog"], ["blog", "remember_token"]):
        with blog.visitor() as thief:
            thief.cookies.update({cookie: copied[cookie] for cookie in names})
            assert thief.get("/account").url.path == "/login"


def test_a_reset_ends_what_the_old_password_began(blog: Blog) -> None:
    """All sessions and cookies that remember."""
    name = a_name()
    with blog.visitor() as visitor, blog.visitor() as other:
        visitor.register(name, email=f"{name}@example.org")
        visitor.send_form("/logout", at="/")
        visitor.log_in(name, remember="y")
        other.send_form("/reset", username=name)
        link = letter_to(blog, f"{name}@example.org")
        other.send_form(link, password="another password", password2="another password")
        assert visitor.get("/account").url.path == "/login"
        visitor.cookies.delete("blog")
        assert visitor.get("/account").url.path == "/login"


def test_an_id_is_given_once(blog: Blog) -> None:
    """Who comes after a deleted user is another one, in every database."""
    with blog.visitor() as admin:
        admin.log_in("admin", blog.admin_password)
        numbers = []
        for _ in range(2):
            name = a_name()
            with blog.visitor() as visitor:
                visitor.register(name)
                path = write(visitor)
            row = re.search(
                rf'/admin/users/(\d+)/role(?:(?!/admin/users).)*?Role: {name}"',
                admin.get("/admin/users").text,
                re.S,
            )
            assert row
            numbers.append((row[1], path))
            admin.send_form(f"/admin/users/{row[1]}/delete", at="/admin")
    assert numbers[0][0] != numbers[1][0]
    assert numbers[0][1] != numbers[1][1]


def test_a_form_without_token_is_refused(blog: Blog) -> None:
    """In a view as in a handler."""
    with blog.visitor() as visitor:
        visitor.register(a_name())
        for path in ("/write", "/post/1/comment", "/logout", "/check", "/preview"):
            answer = visitor.post(path, data={"title": "x", "content": "x", "comment": "x"})
            assert answer.status_code == 400, path
        assert visitor.get("/account").url.path == "/account"


def test_next_never_leaves_the_site(blog: Blog) -> None:
    name = a_name()
    with blog.visitor() as visitor:
        visitor.register(name)
        visitor.send_form("/logout", at="/")
        answer = visitor.log_in(name, next="//evil.example/")
        assert answer.url.path == "/"
        assert answer.url.host == "127.0.0.1"


def test_write_edit_delete(blog: Blog) -> None:
    with blog.visitor() as visitor:
        visitor.register(a_name())
        sent = ("sea.jpg", picture("JPEG", (2000, 1000)), "image/jpeg")
        path = write(visitor, picture=sent)
        page = visitor.get(path).text
        assert "A <em>calm</em> sea." in page
        assert "Your post is there." not in page  # it was told once
        large = re.search(r'class="post-picture" src="([^"]+)"', page)
        assert large
        with Image.open(io.BytesIO(visitor.get(large[1]).content)) as shown:
            assert shown.size == (1600, 800)
        assert "Seen today" in visitor.get("/tag/sea").text
        assert "Seen today" in visitor.get("/feed.xml").text
        visitor.send_form(f"{path}/edit", title="Seen again", content="# Rough", tags="sea")
        page = visitor.get(path).text
        assert "<h2>Rough</h2>" in page
        assert large[1] in page
        assert 'href="/tag/notes"' not in page
        assert "Seen again" in visitor.get("/feed.xml").text
        assert "Delete this post?" in visitor.get(f"{path}/delete").text
        assert visitor.send_form(f"{path}/delete").url.path == "/"
        assert visitor.get(path).status_code == 404


def test_a_preview_keeps_nothing(blog: Blog) -> None:
    """By the form's button, and by the script's request; the HTML is clean in both."""
    text = "**bold** <script>alert(1)</script> [x](javascript:alert(1))"
    with blog.visitor() as visitor:
        visitor.register(a_name())
        fields = {"title": "Not yet", "content": text, "tags": "", "preview": "1"}
        page = visitor.send_form("/write", **fields).text
        token = visitor.token("/write")
        part = visitor.post("/preview", data={"content": text, "csrf_token": token}).text
        assert part in page
        assert "<strong>bold</strong>" in part
        assert "<script>alert" not in part
        assert "href=" not in part
        assert "Not yet" not in visitor.get("/").text


def test_posts_of_others_cannot_be_changed(blog: Blog) -> None:
    with blog.visitor() as visitor:
        visitor.register(a_name())
        assert visitor.get("/post/1/edit").status_code == 403
        assert visitor.send_form("/post/1/delete", at="/account").status_code == 403
        assert visitor.get("/admin").status_code == 403
    with blog.visitor() as stranger:
        assert stranger.get("/post/1/edit").url.path == "/login"
        assert stranger.get("/admin").url.path == "/login"


def test_a_comment_appears_for_other_readers(blog: Blog) -> None:
    """In a page that is open, and after a reconnection those that were missed."""
    with blog.visitor() as author, blog.visitor() as reader:
        author.register(a_name())
        path = write(author)
        name = a_name()
        reader.register(name)
        live = f"{blog.url.replace('http', 'ws', 1).rstrip('/')}{path}/live"
        with connect(live, origin=blog.url.rstrip("/")) as open_page:  # type: ignore[arg-type]
            answer = reader.send_form(f"{path}/comment", at=path, comment="Where is <b>this</b>?")
            message = open_page.recv(timeout=20)
        assert answer.url.path == path
        assert "Where is &lt;b&gt;this&lt;/b&gt;?" in str(message)
        with connect(f"{live}?after=0", origin=blog.url.rstrip("/")) as late:  # type: ignore[arg-type]
            assert str(late.recv(timeout=20)) == str(message)
        told = author.send_form("/logout", at="/")
        told = author.log_in(re.findall(r'/author/(visitor\d+)"', author.get(path).text)[0])
        assert "1 new comment on your posts." in told.text
        assert 'class="comment new"' in author.get("/account").text
        assert 'class="comment new"' not in author.get("/account").text
        comment = re.search(r'id="comment-(\d+)"', author.get(path).text)
        assert comment
        gone = author.send_form(f"/comment/{comment[1]}/delete", at=path)
        assert "The comment is gone." in gone.text
        assert f"comment-{comment[1]}" not in gone.text


def test_an_empty_comment(blog: Blog) -> None:
    with blog.visitor() as visitor:
        visitor.register(a_name())
        answer = visitor.send_form("/post/1/comment", at="/post/1", comment="  ")
    assert answer.status_code == 422
    assert "This field is required." in answer.text


def test_what_admins_do(blog: Blog) -> None:
    name = a_name()
    with blog.visitor() as visitor, blog.visitor() as admin:
        visitor.register(name)
        path = write(visitor, "To be removed")
        visitor.send_form(f"{path}/comment", at=path, comment="My own words")
        assert "Welcome, admin!" in admin.log_in("admin", blog.admin_password).text
        users = admin.get("/admin/users").text
        found = re.search(
            rf'/admin/users/(\d+)/role(?:(?!/admin/users).)*?Role: {name}"', users, re.S
        )
        assert found
        number = found[1]
        admin.send_form(f"/admin/users/{number}/role", at="/admin", role="reader")
        assert visitor.get("/write").status_code == 403
        bad = admin.send_form(f"/admin/users/{number}/role", at="/admin", role="king")
        assert bad.status_code == 400
        comments = admin.get("/admin/comments").text
        comment = re.search(r"/admin/comments/(\d+)/delete", comments)
        assert comment
        assert "My own words" in comments
        gone = admin.send_form(f"/admin/comments/{comment[1]}/delete", at="/admin/comments")
        assert "My own words" not in gone.text
        assert "To be removed" in admin.get("/admin/posts").text
        gone = admin.send_form(f"/admin/users/{number}/delete", at="/admin")
        assert f"{name} is gone." in gone.text
        assert visitor.get("/account").url.path == "/login"
        assert admin.get(path).status_code == 404


def test_a_forgotten_password(blog: Blog) -> None:
    """The link comes by mail, into the outbox, and is good once."""
    name = a_name()
    with blog.visitor() as visitor:
        visitor.register(name, email=f"{name}@example.org")
        visitor.send_form("/logout", at="/")
        said = visitor.send_form("/reset", username=name)
        assert "a link is on its way" in said.text
        link = letter_to(blog, f"{name}@example.org")
        assert visitor.get(link[:-3] + "abc").status_code == 404
        fields = {"password": "another password", "password2": "another password"}
        assert "Your password is changed." in visitor.send_form(link, **fields).text
        assert visitor.get(link).status_code == 404
        assert visitor.log_in(name).status_code == 401
        assert visitor.log_in(name, "another password").url.path == "/"


def test_the_link_of_a_letter_never_leads_to_the_host_of_who_asked(blog: Blog) -> None:
    """PUBLIC_URL alone says where it leads."""
    name = a_name()
    with blog.visitor() as visitor, blog.visitor(Host="evil.example") as stranger:
        visitor.register(name, email=f"{name}@example.org")
        token = stranger.token("/reset")
        # Its cookies are those of the address that was asked.
        answer = stranger.post(
            "/reset", data={"username": name, "csrf_token": token}, follow_redirects=False
        )
        assert answer.status_code == 303
    text = letter_text(blog, f"{name}@example.org")
    assert "http://127.0.0.1:5000/reset/" in text
    assert "evil.example" not in text


def letter_to(blog: Blog, recipient: str) -> str:
    """Return the path of the link in the message to *recipient*, when it has come."""
    found = re.search(r"(/reset/\S+)", letter_text(blog, recipient))
    assert found
    return found[1]


def letter_text(blog: Blog, recipient: str) -> str:
    """Return the text of the message to *recipient*, when it has come."""
    from email import message_from_bytes, policy

    from processes import wait_until

    outbox = Path(blog.app.instance_path, "outbox")

    def letters() -> list[Any]:
        read = [
            message_from_bytes(path.read_bytes(), policy=policy.default)
            for path in outbox.glob("*.eml")
        ]
        return [letter for letter in read if recipient in letter["To"]]

    wait_until(lambda: bool(letters()))
    return str(letters()[0].get_content())


def test_two_languages_on_both_sides(blog: Blog) -> None:
    """The browser's, until the visitor chooses."""
    with blog.visitor(**{"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.5"}) as visitor:
        for path in ("/", "/login"):
            page = visitor.get(path).text
            assert '<html lang="zh-CN"' in page
            assert "登录" in page
            assert "Log in" not in page
        assert "此项必填" in visitor.send_form("/login", username="", password="").text
        back = visitor.get("/language/en?next=/login")
        assert back.url.path == "/login"
        for path in ("/", "/login"):
            page = visitor.get(path).text
            assert '<html lang="en"' in page
            assert "Log in" in page
