"""A moved program's types, Flask's and Tornado's."""

from __future__ import annotations

from typing import Any, assert_type

from waterspout.flask import Blueprint, Flask, Response, jsonify, make_response, redirect, session
from waterspout.flask.views import MethodView
from waterspout.testing import FlaskClient
from waterspout.tornado.web import Application, RequestHandler, authenticated, url

bp = Blueprint("items", __name__)


@bp.route("/<int:number>", methods=["GET", "DELETE"], defaults={"page": 1})
def item(number: int, page: int) -> Response | tuple[str, int, dict[str, str]]:
    if page:
        return redirect("/")
    return "gone", 410, {"X-Page": str(page)}


class Items(MethodView):
    init_every_request = False

    def get(self) -> Response:
        session["seen"] = True
        return make_response(jsonify([1, 2]))


def create_app(config: dict[str, Any] | None = None) -> Flask:
    app = Flask(__name__)
    app.config.from_mapping(config or {})
    app.register_blueprint(bp)
    app.add_url_rule("/items", view_func=Items.as_view("items"))

    @app.template_filter()
    def shout(text: str) -> str:
        return text.upper()

    assert_type(shout("a"), str)
    return app


assert_type(create_app().test_client(), FlaskClient)


class Page(RequestHandler):
    def initialize(self, word: str) -> None:
        self.word = word

    @authenticated
    async def get(self, number: str) -> None:
        self.write({self.word: number})


application = Application([url(r"/(\d+)", Page, {"word": "a"}, name="page")], debug=False)
