"""Tornado's demo "blog" under the drop-in: PostgreSQL, accounts, forms, pages, a feed.

The database server is the one that libpq's variables name (PGHOST, PGPORT, PGUSER, PGPASSWORD),
else user postgres at 127.0.0.1. The blog gets a database and a user of its own, as its README
says; both are gone after the test.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import uuid4
from xml.etree import ElementTree

import psycopg2
import pytest
from demos_browser import Browser
from demos_sources import lacking

ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture
def database() -> Iterator[list[str]]:
    """Make an empty database; return the blog's options that lead to it."""
    server = {
        "host": os.environ.get("PGHOST", "127.0.0.1"),
        "user": os.environ.get("PGUSER", "postgres"),
        "dbname": os.environ.get("PGDATABASE", "postgres"),
    }
    try:
        connection = psycopg2.connect(**server, connect_timeout=5)
    except psycopg2.OperationalError as error:
        lacking(f"No PostgreSQL answers: {error}")
    connection.autocommit = True
    name = f"blog_{uuid4().hex}"
    with connection.cursor() as cursor:
        try:
            cursor.execute(f"CREATE USER {name} WITH PASSWORD '{name}'")
            cursor.execute(f"CREATE DATABASE {name} OWNER {name}")
            yield [
                f"--db_host={server['host']}",
                f"--db_port={connection.info.port}",
                *(f"--db_{what}={name}" for what in ("database", "user", "password")),
            ]
        finally:
            cursor.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            cursor.execute(f"DROP USER IF EXISTS {name}")
            connection.close()


@pytest.fixture
def blog(serve: Any, database: list[str]) -> int:
    """Start the blog, which makes its tables from its schema.sql; return its port."""
    port: int = serve("blog/blog.py", *database)[1]
    return port


def sign_up(browser: Browser) -> None:
    """Become the author, from the empty blog's first page on."""
    page = browser.visit("/")
    assert page.path.startswith("/auth/create"), page.text
    browser.check_assets(page, "blog.css")
    browser.check_xsrf(page)
    page = browser.submit(page, email="ann@example.com", name="Ann", password="secret é")
    # A home page without entries leads to the form for the first.
    assert (page.status, page.path) == (200, "/compose")
    assert "New post" in page.text


def test_blog_an_authors_day(blog: int, browse: Any) -> None:
    """Sign up, write, read, edit, sign out; what visitors see of it."""
    ann, visitor = browse(blog), browse(blog)
    sign_up(ann)
    page = ann.visit("/compose")
    ann.check_xsrf(page)
    page = ann.submit(page, title="Wind & <water>", markdown="# Über\n\nSome *words*, 水.")
    assert page.path == "/entry/wind-water"
    assert '<h1><a href="/entry/wind-water">Wind &amp; &lt;water&gt;</a></h1>' in page.text
    assert "<h1>Über</h1>\n<p>Some <em>words</em>, 水.</p>" in page.text
    assert datetime.now().strftime("%B") in page.text
    (edit,) = [link for link in page.links if link.startswith("/compose?id=")]

    page = ann.visit(edit)
    (form,) = page.forms
    assert form.values["title"] == "Wind & <water>"
    assert form.values["markdown"] == "# Über\n\nSome *words*, 水."
    page = ann.submit(page, title="Water, wind", markdown="Better **words**.")
    assert page.path == "/entry/wind-water"
    assert "<strong>words</strong>" in page.text
    page = ann.submit(ann.visit("/compose"), title="Wind/water", markdown="The second.")
    assert page.path == "/entry/wind-water-2"

    page = visitor.visit("/")
    assert page.links.index("/entry/wind-water-2") < page.links.index("/entry/wind-water")
    assert not [link for link in page.links if link.startswith("/compose")]
    assert "/auth/login?next=%2F" in page.links
    visitor.check_assets(page, "blog.css")
    page = visitor.visit("/archive")
    assert page.links[-2:] == ["/entry/wind-water-2", "/entry/wind-water"]
    feed = visitor.client.get("/feed")
    assert feed.headers["Content-Type"] == "application/atom+xml"
    entries = ElementTree.fromstring(feed.content).findall(f"{ATOM}entry")
    assert [e.findtext(f"{ATOM}title") for e in entries] == ["Wind/water", "Water, wind"]
    assert entries[0].findtext(f"{ATOM}id") == f"{visitor.url}/entry/wind-water-2"
    again = visitor.client.get("/feed", headers={"If-None-Match": feed.headers["Etag"]})
    assert again.status_code == 304

    page = ann.visit("/auth/logout?next=/archive")
    assert page.path == "/archive"
    assert "blogdemo_user" not in ann.client.cookies
    assert ann.visit("/compose").path == "/auth/login?next=%2Fcompose"


def test_blog_who_may_write(blog: int, browse: Any) -> None:
    """Accounts: one author, the right password, a cookie that is signed."""
    ann, eve = browse(blog), browse(blog)
    sign_up(ann)
    page = eve.visit("/compose")
    assert page.path == "/auth/login?next=%2Fcompose"
    eve.check_xsrf(page)
    form = {"email": "eve@example.com", "password": "guess"}
    page = eve.submit(page, **form)
    assert "Error: email not found" in page.text
    page = eve.submit(page, email="ann@example.com", password="guess")
    assert "Error: incorrect password" in page.text
    page = eve.submit(eve.visit("/auth/create"), **form, name="Eve")
    assert (page.status, "author already created" in page.text) == (400, True)
    token = eve.client.cookies["_xsrf"]
    refused = eve.client.post("/compose", data={"title": "x", "markdown": "x", "_xsrf": token})
    assert refused.status_code == 403
    signed = ann.client.cookies["blogdemo_user"]
    assert "|13:blogdemo_user|4:MQ==|" in signed  # her number, in base64
    eve.client.cookies.set("blogdemo_user", signed.replace("4:MQ==", "4:Mg=="))
    assert eve.visit("/compose").path.startswith("/auth/login")

    page = ann.visit("/auth/logout")
    assert page.path == "/auth/login?next=%2Fcompose"
    page = ann.submit(page, email="ann@example.com", password="secret é")
    assert (page.path, "New post" in page.text) == ("/compose", True)


def test_blog_errors(serve: Any, database: list[str], browse: Any) -> None:
    """A page that is not there is the blog's own fault, shown in debug mode; the next one works."""
    demo, port = serve("blog/blog.py", *database)
    ann = browse(port)
    sign_up(ann)
    page = ann.visit("/entry/nothing")
    demo.expect_fault("NoResultError")
    assert page.status == 500
    assert "NoResultError" in page.text
    assert page.answer.headers["Content-Type"].startswith("text/plain")
    assert ann.visit("/nowhere").status == 404
    token = ann.client.cookies["_xsrf"]
    lacking_text = ann.client.post("/compose", data={"title": "x", "_xsrf": token})
    assert lacking_text.status_code == 400
    assert "Missing argument markdown" in lacking_text.text
    demo.wait_for_line("400 POST /compose (127.0.0.1): Missing argument markdown")
    assert ann.visit("/archive").status == 200
