"""A Flask program whose CSRF check has a list of exempt views by their dotted names."""

from flask import Blueprint, Flask
from flask_wtf import CSRFProtect

EXEMPT = [
    "flask.app.<lambda>",
    "flask.blueprints.send_static_file",
    "csrf_program.hook",
]
blueprint = Blueprint("b", __name__, static_folder="programs", url_prefix="/b")


def hook():
    return "exempt"


@blueprint.post("/form")
def form():
    return "checked"


def create_app():
    app = Flask(__name__, static_folder="programs")
    app.secret_key = "k"
    csrf = CSRFProtect(app)
    for name in EXEMPT:
        csrf.exempt(name)
    app.post("/hook")(hook)
    app.register_blueprint(blueprint)
    # Static files are asked for by POST here, to see that they are exempt.
    for rule, endpoint in [
        ("/static-post/<filename>", "static"),
        ("/b-post/<filename>", "b.static"),
    ]:
        app.add_url_rule(rule, endpoint, methods=["POST"])
    return app
