"""A small shop: a Flask program as people write them, with the extensions they use."""

import os
import time

import redis
from flask import Flask, g, jsonify, render_template, request, session

from .auth import auth
from .extensions import csrf, db, login, sessions
from .goods import goods


def create_app(config=None):
    app = Flask(__name__)
    app.config.from_mapping(
        SECRET_KEY="a key for tests",
        SQLALCHEMY_DATABASE_URI=os.environ.get("SHOP_DATABASE", "sqlite://"),
        SESSION_TYPE="redis",
        SESSION_REDIS=redis.from_url(os.environ.get("SHOP_REDIS", "redis://127.0.0.1:6379")),
    )
    app.config.from_mapping(config or {})
    app.config.from_prefixed_env("SHOP")

    register_hooks(app)
    db.init_app(app)
    login.init_app(app)
    csrf.init_app(app)
    sessions.init_app(app)

    app.register_blueprint(auth, url_prefix="/auth")
    app.register_blueprint(goods)
    register_errors(app)
    register_commands(app)

    with app.app_context():
        db.create_all()
    return app


def register_hooks(app):
    @app.before_request
    def start_clock():
        g.started = time.perf_counter()
        session["visits"] = session.get("visits", 0) + 1

    @app.after_request
    def say_time(response):
        spent = time.perf_counter() - g.started
        response.headers["Server-Timing"] = f"app;dur={spent * 1000:.1f}"
        return response

    @app.context_processor
    def visits():
        return {"visits": session.get("visits", 0)}

    @app.template_filter("money")
    def money(cents):
        return f"{cents / 100:.2f} €"


def register_errors(app):
    @app.errorhandler(404)
    def missing(error):
        if request.accept_mimetypes.best == "application/json":
            return jsonify(error="not found"), 404
        return render_template("missing.html", path=request.path), 404

    @app.errorhandler(ValueError)
    def refused(error):
        app.logger.warning("refused: %s", error)
        return jsonify(error=str(error)), 422


def register_commands(app):
    @app.cli.command("seed")
    def seed():
        """Put some goods on the shelf."""
        from .models import Item

        db.session.add_all([Item(name="tea", cents=350), Item(name="cup", cents=900)])
        db.session.commit()
        print("seeded", Item.query.count())
