"""Databases on Waterspout: `def` views and `db.session`."""

from __future__ import annotations

from operator import itemgetter

from sqlalchemy.orm import DeclarativeBase

from waterspout import App, render_template
from waterspout.ext.db import SQLAlchemy

from .db_tables import ADDED, URL, FortuneColumns, WorldColumns, one_key, some_keys


class Base(DeclarativeBase):
    pass


app = App(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = URL
db = SQLAlchemy(app, model_class=Base)


class World(WorldColumns, db.Model):
    pass


class Fortune(FortuneColumns, db.Model):
    pass


@app.route("/")
def ready() -> str:
    return "ready"


@app.route("/db")
def row() -> dict[str, int]:
    found = db.session.get(World, one_key())
    return {"id": found.id, "number": found.number}


@app.route("/queries")
def rows() -> list[dict[str, int]]:
    found = [db.session.get(World, key) for key in some_keys()]
    return [{"id": row.id, "number": row.number} for row in found]


@app.route("/fortunes")
def fortunes() -> str:
    found = [(row.id, row.message) for row in db.session.scalars(db.select(Fortune))]
    found = sorted([*found, (0, ADDED)], key=itemgetter(1))
    return render_template("fortunes.html", fortunes=found)


@app.route("/updates")
def updates() -> list[dict[str, int]]:
    found = [db.session.get(World, key) for key in some_keys()]
    for row in found:
        row.number = one_key()
    made = [{"id": row.id, "number": row.number} for row in found]
    db.session.commit()
    return made
