"""A Flask program with Flask-Mail: a page sends a letter made from a template."""

from flask import Flask, render_template_string, request
from flask_mail import Mail, Message

mail = Mail()


def create_app(**config):
    app = Flask(__name__)
    app.config.update(MAIL_DEFAULT_SENDER=("The house", "house@example.org"), **config)
    mail.init_app(app)

    @app.route("/invite", methods=["POST"])
    def invite():
        letter = Message("Come in", recipients=[request.form["to"]])
        letter.body = render_template_string("See {{ url_for('invite', _external=True) }}")
        letter.attach("map.txt", "text/plain", "left, then right")
        mail.send(letter)
        return "sent"

    return app
