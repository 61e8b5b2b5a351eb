"""A middle-sized Flask program as people write it: blueprints with hooks, a user from the session,
an inherited template with macros and filters, JSON views, error pages. It runs unchanged on Flask
and on Waterspout."""

from __future__ import annotations

import time
from typing import Any

from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    current_app,
    g,
    jsonify,
    redirect,
    render_template,
    request,
    session,
    url_for,
)

SECTIONS = ("books", "music", "films", "games", "tools", "garden", "kitchen", "travel")
PAGE = 20

shop = Blueprint("shop", __name__, url_prefix="/shop")
api = Blueprint("api", __name__, url_prefix="/api")
account = Blueprint("account", __name__, url_prefix="/account")


def goods(section: str) -> list[dict[str, Any]]:
    return [
        {
            "id": number,
            "name": f"{section.title()} <{number}>",
            "price": 100 + number * 7 % 900,
            "stock": number % 11,
            "tags": ["new", "sale"][number % 2 :],
        }
        for number in range(100)
    ]


CATALOGUE = {section: goods(section) for section in SECTIONS}
USERS = {1: {"name": "Ada", "language": "en"}, 2: {"name": "Grace", "language": "zh"}}


def of_page(section: str) -> tuple[list[dict[str, Any]], int]:
    if section not in CATALOGUE:
        abort(404)
    page = request.args.get("page", 1, type=int)
    items = CATALOGUE[section]
    word = request.args.get("q", "")
    if word:
        items = [item for item in items if word in item["name"]]
    return items[(page - 1) * PAGE : page * PAGE], page


@shop.route("/")
def index() -> Response:
    return redirect(url_for(".section", name=SECTIONS[0]))  # type: ignore[return-value]


@shop.route("/<name>")
def section(name: str) -> str:
    items, page = of_page(name)
    return render_template("shop/section.html", name=name, items=items, page=page)


@shop.route("/<name>/<int:number>")
def item(name: str, number: int) -> str:
    items = CATALOGUE.get(name) or abort(404)
    if number >= len(items):
        abort(404)
    return render_template("shop/item.html", name=name, item=items[number])


@api.before_request
def count_calls() -> None:
    g.api_calls = getattr(g, "api_calls", 0) + 1


@api.route("/<name>")
def items(name: str) -> Response:
    found, page = of_page(name)
    return jsonify(items=found, page=page, user=g.user and g.user["name"])


@api.route("/<name>/<int:number>")
def one(name: str, number: int) -> dict[str, Any]:
    return CATALOGUE[name][number]


@account.route("/login", methods=["POST"])
def login() -> Response:
    session["user"] = int(request.form["user"])
    return redirect(url_for("shop.index"))  # type: ignore[return-value]


@account.route("/")
def profile() -> dict[str, Any]:
    return {"user": g.user, "visits": session.get("visits", 0)}


def more_blueprints(app: Flask) -> None:
    """Register what a program of this size has besides: 80 further routes."""
    for section_name in SECTIONS:
        part = Blueprint(f"admin_{section_name}", __name__, url_prefix=f"/admin/{section_name}")
        for action in (
            "list",
            "new",
            "edit",
            "delete",
            "copy",
            "move",
            "hide",
            "show",
            "log",
            "undo",
        ):

            def view(action: str = action) -> str:
                return action

            part.add_url_rule(f"/{action}", action, view)
        app.register_blueprint(part)


def create_app() -> Flask:
    app = Flask(__name__)
    app.config.update(SECRET_KEY="a key for the bench", SHOP_NAME="The shop")
    for blueprint in (shop, api, account):
        app.register_blueprint(blueprint)
    more_blueprints(app)

    @app.before_request
    def load_user() -> None:
        g.began = time.perf_counter()
        number = session.get("user")
        g.user = None if number is None else USERS.get(number)

    @app.after_request
    def note_time(response: Response) -> Response:
        response.headers["X-Frame-Options"] = "DENY"
        response.headers["Server-Timing"] = f"app;dur={(time.perf_counter() - g.began) * 1e3:.1f}"
        return response

    @app.teardown_request
    def forget(error: BaseException | None) -> None:
        g.pop("user", None)

    @app.context_processor
    def names() -> dict[str, Any]:
        return {"sections": SECTIONS, "shop_name": current_app.config["SHOP_NAME"]}

    @app.template_filter("money")
    def money(cents: int) -> str:
        return f"{cents / 100:.2f} €"

    @app.errorhandler(404)
    def not_found(error: Exception) -> tuple[str, int]:
        return "There is no such page.", 404

    @app.route("/")
    def home() -> str:
        return "The shop"

    return app


app = create_app()
