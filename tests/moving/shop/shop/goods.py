import csv
import io

from flask import (
    Blueprint,
    Response,
    abort,
    flash,
    redirect,
    render_template,
    request,
    stream_with_context,
    url_for,
)
from flask_login import current_user, login_required

from .extensions import db
from .forms import ItemForm
from .models import Item

goods = Blueprint("goods", __name__, template_folder="templates")


@goods.get("/")
def index():
    items = Item.query.order_by(Item.name).all()
    return render_template("index.html", items=items)


@goods.route("/new", methods=["GET", "POST"])
@login_required
def new():
    form = ItemForm()
    if form.validate_on_submit():
        item = Item(name=form.name.data, cents=form.cents.data, seller=current_user)
        db.session.add(item)
        db.session.commit()
        flash(f"{item.name} is on the shelf.")
        return redirect(url_for(".index"))
    return render_template("form.html", form=form, title="New"), 422 if form.errors else 200


@goods.get("/api/items")
def api_items():
    cheapest = request.args.get("below", type=int)
    query = Item.query if cheapest is None else Item.query.filter(Item.cents < cheapest)
    return [item.as_dict() for item in query.order_by(Item.id)]


@goods.get("/api/items/<int:number>")
def api_item(number):
    item = db.session.get(Item, number)
    if item is None:
        abort(404)
    return item.as_dict()


@goods.get("/api/refused")
def api_refused():
    raise ValueError("no such price")


@goods.get("/items.csv")
def as_csv():
    def rows():
        for item in Item.query.order_by(Item.id):
            line = io.StringIO()
            csv.writer(line).writerow([item.id, item.name, item.cents, request.path])
            yield line.getvalue()

    return Response(stream_with_context(rows()), mimetype="text/csv")
