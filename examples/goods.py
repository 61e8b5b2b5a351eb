"""A resource over HTTP by nouns and methods, with status codes, a captcha, and errors in JSON.

    python examples/goods.py

    ID=$(python -c "import uuid; print(uuid.uuid4())")
    curl -o captcha.png http://127.0.0.1:5000/captcha/$ID        # look at it, and then:
    curl http://127.0.0.1:5000/goods --json \\
        '{"name": "tea", "price": "2.50", "captcha_id": "'$ID'", "captcha": "what it shows"}'
    curl http://127.0.0.1:5000/goods/1

Needs waterspout[captcha].
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from itertools import count
from typing import Any

from werkzeug.exceptions import HTTPException

from waterspout import App, MethodView, Response, abort, jsonify, request, url_for
from waterspout.ext.captcha import Captcha

Goods = dict[str, Any]


class Shop:
    """The goods by number; a real program has a database here."""

    def __init__(self) -> None:
        self.goods: dict[int, Goods] = {}
        self.numbers = count(1)

    def find(self, number: int) -> Goods:
        """Return a piece of goods; 404 if it is not there."""
        return self.goods.get(number) or abort(404, "There are no such goods.")


def given(fields: set[str]) -> Goods:
    """Return *fields* of the JSON object in the request; 422 says what is wrong with one."""
    data = request.get_json()
    if not isinstance(data, dict):
        abort(422, "The body has to be an object.")
    if missing := fields - data.keys():
        abort(422, f"There is no {' and no '.join(sorted(missing))}.")
    if not isinstance(data.get("name", ""), str) or not 0 < len(data.get("name", "x")) <= 100:
        abort(422, "'name' has to be a text of 1 to 100 characters.")
    try:
        price = Decimal(data.get("price", "0"))
    except (InvalidOperation, TypeError, ValueError):
        price = Decimal("NaN")
    if not (price.is_finite() and price >= 0):
        abort(422, "'price' has to be an amount such as \"2.50\".")
    return {name: data[name] for name in ("name", "price") if name in data}


class AllGoods(MethodView):
    """``/goods``"""

    def __init__(self, shop: Shop, captcha: Captcha) -> None:
        self.shop = shop
        self.captcha = captcha

    def get(self) -> dict[str, Any]:
        return {"goods": list(self.shop.goods.values())}

    def post(self) -> tuple[Goods, int, dict[str, str]]:
        made = given({"name", "price", "captcha_id", "captcha"})
        sent = request.get_json()
        if not self.captcha.check(sent["captcha_id"], sent["captcha"]):
            abort(403, "The captcha is wrong, too old, or was used. Ask for another one.")
        number = next(self.shop.numbers)
        url = url_for("one", number=number)
        self.shop.goods[number] = {"number": number, "url": url, **made}
        return self.shop.goods[number], 201, {"Location": url}


class OneGoods(MethodView):
    """``/goods/<number>``"""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop

    def get(self, number: int) -> Goods:
        return self.shop.find(number)

    def put(self, number: int) -> Goods:
        found = self.shop.find(number)
        found.update(given({"name", "price"}))
        return found

    def patch(self, number: int) -> Goods:
        found = self.shop.find(number)
        found.update(given(set()))
        return found

    def delete(self, number: int) -> tuple[str, int]:
        self.shop.find(number)
        del self.shop.goods[number]
        return "", 204


def create_app() -> App:
    """Make the application, with a shop of its own."""
    app = App(__name__)
    shop, captcha = Shop(), Captcha(app)
    app.add_url_rule("/goods", view_func=AllGoods.as_view("all", shop, captcha))
    app.add_url_rule("/goods/<int:number>", view_func=OneGoods.as_view("one", shop))

    @app.errorhandler(HTTPException)
    def tell(error: HTTPException) -> tuple[Response, int]:
        status = error.code or 500
        return jsonify(error={"status": status, "message": error.description}), status

    return app


if __name__ == "__main__":
    create_app().run()
