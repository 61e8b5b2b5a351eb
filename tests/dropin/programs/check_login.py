"""Flask-Login: log in, be remembered, log out."""

from login_program import app


def test_guest_is_sent_to_the_login_page_and_back():
    client = app.test_client()
    answer = client.get("/member")
    assert answer.status_code == 302
    assert answer.location == "/login?next=%2Fmember"
    answer = client.post(answer.location, data={"id": "1"}, follow_redirects=True)
    assert answer.request.path == "/member"
    assert answer.text == "hello ada, visit 1"
    assert client.get("/member").text == "hello ada, visit 2"


def test_logout_ends_it():
    client = app.test_client()
    client.post("/login", data={"id": "2"})
    assert client.get("/who").text == "grace"
    client.post("/logout")
    assert client.get("/who").text == "a guest"


def test_remember_cookie_outlives_the_session():
    client = app.test_client()
    client.post("/login", data={"id": "1", "remember": "yes"})
    client.delete_cookie("session")
    assert client.get("/who").text == "ada"


def test_current_user_is_kept_on_the_context():
    from flask import g

    client = app.test_client()
    client.post("/login", data={"id": "1"})
    with client:
        client.get("/who")
        assert g._login_user.name == "ada"
