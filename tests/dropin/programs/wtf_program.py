"""A Flask program with Flask-WTF: a form, a file, and the CSRF check of every POST."""

from flask import Flask, jsonify, render_template_string
from flask_wtf import CSRFProtect, FlaskForm
from flask_wtf.csrf import CSRFError, generate_csrf
from flask_wtf.file import FileAllowed, FileField
from wtforms import PasswordField, StringField
from wtforms.validators import DataRequired, EqualTo

app = Flask(__name__)
app.config["SECRET_KEY"] = "not secret"
csrf = CSRFProtect(app)


class RegisterForm(FlaskForm):
    name = StringField("Name", validators=[DataRequired()])
    password = PasswordField("Password", validators=[DataRequired()])
    again = PasswordField("Again", validators=[EqualTo("password", "They differ.")])
    avatar = FileField("Avatar", validators=[FileAllowed(["png"], "PNG only.")])


@app.route("/register", methods=["GET", "POST"])
def register():
    form = RegisterForm()
    if form.validate_on_submit():
        avatar = form.avatar.data
        return jsonify(name=form.name.data, avatar=avatar and avatar.filename)
    if form.is_submitted():
        return jsonify(form.errors), 422
    return render_template_string("<form>{{ form.hidden_tag() }}{{ form.name }}</form>", form=form)


@app.route("/token")
def token():
    return generate_csrf()


@app.route("/api", methods=["POST"])
def api():
    return "accepted"


@app.route("/hook", methods=["POST"])
@csrf.exempt
def hook():
    return "from outside"


@app.errorhandler(CSRFError)
def refused(error):
    return f"refused: {error.description}", 400
