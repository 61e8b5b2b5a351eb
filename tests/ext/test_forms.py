"""Forms as programs write them: in views and request handlers, ``def`` and ``async def``."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from browsing import WAYS, token_in, visiting
from wtforms import (
    BooleanField,
    FieldList,
    FormField,
    PasswordField,
    RadioField,
    StringField,
    SubmitField,
    ValidationError,
)
from wtforms.validators import DataRequired, EqualTo, Length

from waterspout import App, RequestHandler, render_template, render_template_string
from waterspout.ext.forms import FlaskForm, Form, form_macros
from waterspout.ext.forms.file import FileAllowed, FileField, FileRequired
from waterspout.tornado.web import Application

TAKEN = {"ada"}


def not_reserved(form: Any, field: Any) -> None:
    """A validator for a field's list."""
    if field.data == "root":
        raise ValidationError("This name is reserved.")


async def not_reserved_async(form: Any, field: Any) -> None:
    """The same, after waiting."""
    await asyncio.sleep(0)
    not_reserved(form, field)


class Credentials(FlaskForm):
    password = PasswordField("Password", validators=[DataRequired()])
    confirm = PasswordField("Again", validators=[EqualTo("password", "Passwords differ.")])
    send = SubmitField("Register")


class Registration(Credentials):
    name = StringField("Name", validators=[DataRequired(), Length(max=20), not_reserved])

    def validate_name(self, field: Any) -> None:
        if field.data in TAKEN:
            raise ValidationError("This name is taken.")


class AsyncRegistration(Credentials):
    name = StringField("Name", validators=[DataRequired(), Length(max=20), not_reserved_async])

    async def validate_name(self, field: Any) -> None:
        await asyncio.sleep(0)
        if field.data in TAKEN:
            raise ValidationError("This name is taken.")


PAGE = """<form method="post">{{ form.hidden_tag() }}
{% for field, errors in form.errors.items() %}{{ field }}: {{ errors | join(" ") }};{% endfor %}
</form>"""


def page(form: FlaskForm) -> str:
    return str(render_template_string(PAGE, form=form))


def welcome(form: FlaskForm, passed: bool) -> str:
    return f"Welcome, {form['name'].data}" if passed else page(form)


class Register(RequestHandler):
    def get(self) -> None:
        form = Registration(handler=self)
        self.write(welcome(form, form.validate_on_submit()))

    post = get


class RegisterAsync(RequestHandler):
    async def get(self) -> None:
        form = AsyncRegistration(handler=self)
        self.write(welcome(form, await form.validate_on_submit_async()))

    post = get


def registration_site() -> App:
    """The form at a path for each way; at ``/waiting`` a ``def`` view whose validators wait."""
    app = App(__name__)
    app.secret_key = "a secret of these tests"

    @app.route("/view", methods=["GET", "POST"])
    def register() -> str:
        form = Registration()
        return welcome(form, form.validate_on_submit())

    @app.route("/waiting", methods=["GET", "POST"])
    def register_waiting() -> str:
        form = AsyncRegistration()
        return welcome(form, form.validate_on_submit())

    @app.route("/async-view", methods=["GET", "POST"])
    async def register_async() -> str:
        form = AsyncRegistration()
        return welcome(form, await form.validate_on_submit_async())

    @app.post("/mistaken")
    async def mistaken() -> str:
        try:
            AsyncRegistration(meta={"csrf": False}).validate()
        except RuntimeError as error:
            return str(error)
        return "validated"

    app.add_handlers([("/handler", Register), ("/async-handler", RegisterAsync)])
    return app


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with visiting(registration_site()) as client:
        yield client


@pytest.mark.parametrize("way", [*WAYS, "waiting"])
def test_a_registration_form(client: httpx.Client, way: str) -> None:
    """The errors of each field are shown, until the form is valid."""
    path = f"/{way}"
    shown = client.get(path)
    assert "differ" not in shown.text
    token = token_in(shown.text)
    good = {"csrf_token": token, "name": "Grace", "password": "x", "confirm": "x"}
    answers = {
        name: client.post(path, data={**good, **changes}).text
        for name, changes in {
            "differs": {"confirm": "y"},
            "taken": {"name": "ada"},
            "reserved": {"name": "root"},
            "empty": {"name": ""},
            "no token": {"csrf_token": ""},
            "good": {},
        }.items()
    }
    assert "confirm: Passwords differ.;" in answers["differs"]
    assert "name: This name is taken.;" in answers["taken"]
    assert "name: This name is reserved.;" in answers["reserved"]
    assert "name: This field is required." in answers["empty"]
    assert "csrf_token: The CSRF token is missing.;" in answers["no token"]
    assert answers["good"] == "Welcome, Grace"


def test_async_validators_teach_what_to_await(client: httpx.Client) -> None:
    """On the event loop the plain ``validate`` of a form with async validators says what to do,
    and lets nothing through."""
    answer = client.post("/mistaken", data={"name": "ada", "password": "x", "confirm": "x"})
    assert answer.status_code == 200
    assert "await form.validate_async()" in answer.text


def test_async_validators_work_on_the_synchronous_test_client() -> None:
    """WSGI and tests have no loop of their own: async validators are run to their end."""
    app = registration_site()
    app.config["WTF_CSRF_ENABLED"] = False
    client = app.test_client()
    for path in ("/view", "/waiting", "/async-view"):
        data = {"name": "ada", "password": "x", "confirm": "x"}
        assert "This name is taken." in client.post(path, data=data).text
        assert client.post(path, data={**data, "name": "Bo"}).text == "Welcome, Bo"


def test_nested_forms_with_async_validators() -> None:
    """Validators of forms in fields and of fields in lists are awaited, too."""

    class Inner(Form):
        class Meta:
            csrf = False

        name = StringField(validators=[not_reserved_async])

    class Outer(Inner):
        tags = FieldList(StringField(validators=[not_reserved_async]))
        owner = FormField(Inner)

    app = App(__name__)
    app.secret_key = "a secret of these tests"

    @app.post("/")
    async def check() -> dict[str, Any]:
        form = Outer()
        return {"valid": await form.validate_async(), "errors": form.errors}

    client = app.test_client()
    wrong = {"tags-0": "a", "tags-1": "root", "owner-name": "root"}
    answer = client.post("/", data=wrong).json
    reserved = "This name is reserved."
    assert answer["errors"] == {"tags": [[], [reserved]], "owner": {"name": [reserved]}}
    assert answer["valid"] is False
    assert client.post("/", data={"tags-0": "a", "owner-name": "b"}).json["valid"] is True


def test_extra_validators_may_be_async() -> None:
    """What is given to ``validate_async`` is awaited."""

    class Name(FlaskForm):
        class Meta:
            csrf = False

        name = StringField()

    app = App(__name__)
    app.secret_key = "a secret of these tests"

    @app.post("/")
    async def check() -> dict[str, Any]:
        form = Name()
        await form.validate_async({"name": [not_reserved_async]})
        return form.errors

    assert app.test_client().post("/", data={"name": "root"}).json == {
        "name": ["This name is reserved."]
    }


@pytest.mark.parametrize("way", WAYS)
def test_json_fills_a_form(client: httpx.Client, way: str) -> None:
    """A JSON object is a form's data, its token in it."""
    token = token_in(client.get(f"/{way}").text)
    data = {"csrf_token": token, "name": "Ida", "password": "x", "confirm": "x"}
    assert client.post(f"/{way}", json=data).text == "Welcome, Ida"


class Upload(FlaskForm):
    picture = FileField("Picture", validators=[FileRequired(), FileAllowed(["png"])])


@pytest.mark.parametrize("way", WAYS)
def test_files_in_a_form(way: str) -> None:
    """A file field has the upload, in views and in handlers."""
    app = App(__name__)
    app.secret_key = "a secret of these tests"
    app.config["WTF_CSRF_ENABLED"] = False

    def said(form: Upload) -> dict[str, Any]:
        if form.errors:
            return {"errors": form.errors}
        data = form.picture.data
        return {"name": data.filename, "size": len(data.read()), "type": data.mimetype}

    def view() -> dict[str, Any]:
        form = Upload()
        form.validate_on_submit()
        return said(form)

    async def async_view() -> dict[str, Any]:
        form = Upload()
        await form.validate_on_submit_async()
        return said(form)

    class Take(RequestHandler):
        def post(self) -> None:
            form = Upload(handler=self)
            form.validate_on_submit()
            self.write(said(form))

    class TakeAsync(RequestHandler):
        async def post(self) -> None:
            form = Upload(handler=self)
            await form.validate_on_submit_async()
            self.write(said(form))

    views = {"view": view, "async-view": async_view, "handler": Take, "async-handler": TakeAsync}
    app.add_url_rule("/", "take", views[way], methods=None if "handler" in way else ["POST"])
    client = app.test_client()

    def send(name: str) -> Any:
        return client.post("/", data={"picture": (BytesIO(b"12345"), name, "image/png")}).json

    assert send("a.png") == {"name": "a.png", "size": 5, "type": "image/png"}
    assert "approved extension" in send("a.exe")["errors"]["picture"][0]
    assert client.post("/").json == {"errors": {"picture": ["This field is required."]}}


def test_a_handler_of_a_tornado_application_has_forms() -> None:
    """The form works in a program that has an `Application` only; its secret is signed with
    ``cookie_secret``."""
    site = Application(
        [("/handler", Register), ("/async-handler", RegisterAsync)], cookie_secret="of these tests"
    )
    outer = App(__name__)
    outer.secret_key = "another"
    outer.mount("/inner", site)
    with visiting(outer) as client:
        for path in ("/inner/handler", "/inner/async-handler"):
            token = token_in(client.get(path).text)
            data = {"csrf_token": token, "name": "Ada", "password": "x", "confirm": "x"}
            assert client.post(path, data=data).text == "Welcome, Ada"
            assert "token is missing" in client.post(path, data={**data, "csrf_token": ""}).text


# -- what fields look like -------------------------------------------------------------------------


class Profile(FlaskForm):
    class Meta:
        csrf = False

    name = StringField("Name", description="As on your passport", validators=[DataRequired()])
    agreed = BooleanField("I agree")
    size = RadioField("Size", choices=["Small", "Large"])


@pytest.fixture
def profile_site(tmp_path: Path) -> App:
    """The same page by Jinja's macros and by UI modules."""
    import waterspout.ext.forms.ui as form_modules  # as programs write it

    folder = tmp_path / "templates"
    folder.mkdir()
    (folder / "jinja.html").write_text(
        '{% from "waterspout/forms.html" import form_fields, form_errors, form_field %}'
        "{{ form_errors(form) }}|{{ form_fields(form) }}"
        '|{{ form_field(form.name, placeholder="you") }}'
    )
    (folder / "page.tornado.html").write_text(
        "{% module FormErrors(form) %}|{% module FormFields(form) %}"
        '|{% module FormField(form.name, placeholder="you") %}'
    )
    app = App(__name__, template_folder=str(folder))
    app.secret_key = "a secret of these tests"
    app.register_blueprint(form_macros)
    app.handler_settings["ui_modules"] = form_modules

    @app.post("/jinja")
    def by_macros() -> str:
        form = Profile()
        form.validate()
        return str(render_template("jinja.html", form=form))

    class ByModules(RequestHandler):
        def post(self) -> None:
            form = Profile(handler=self)
            form.validate()
            self.render("page.tornado.html", form=form)

    app.add_handlers([("/tornado", ByModules)])
    return app


def test_both_engines_show_the_same_fields(profile_site: App) -> None:
    """Jinja's macros and Tornado's UI modules give the same markup."""
    client = profile_site.test_client()
    for data in ({}, {"name": "Ada", "size": "Small"}):
        by_macros = client.post("/jinja", data=data)
        by_modules = client.post("/tornado", data=data)
        assert by_macros.status_code == by_modules.status_code == 200
        assert by_macros.text == by_modules.text


def test_an_input_names_its_errors(profile_site: App) -> None:
    """Each input has a label, and says which texts are about it and whether it is invalid."""
    shown = profile_site.test_client().post("/jinja", data={"size": "Small"}).text
    summary, fields, one = shown.split("|")
    assert '<a href="#name">Name</a>: This field is required.' in summary
    assert '<label for="name">Name</label>' in fields
    assert 'aria-describedby="name-help name-errors"' in fields
    assert 'aria-invalid="true"' in fields
    assert '<p class="help" id="name-help">As on your passport</p>' in fields
    assert '<ul class="errors" id="name-errors" role="alert"><li>This field is' in fields
    assert 'placeholder="you"' in one
    valid = profile_site.test_client().post("/jinja", data={"name": "Ada", "size": "Small"}).text
    assert "aria-invalid" not in valid
    assert 'class="errors"' not in valid


def test_what_a_user_typed_is_escaped(profile_site: App) -> None:
    """Values, and errors that repeat them, are text."""
    evil = '"><script>alert(1)</script>'
    client = profile_site.test_client()
    for path in ("/jinja", "/tornado"):
        shown = client.post(path, data={"name": evil, "size": evil}).text
        assert "<script>" not in shown
        assert "&lt;script&gt;" in shown
