from flask_wtf import FlaskForm
from wtforms import IntegerField, PasswordField, StringField
from wtforms.validators import DataRequired, Length, NumberRange


class SignInForm(FlaskForm):
    name = StringField("Name", validators=[DataRequired(), Length(max=40)])
    password = PasswordField("Password", validators=[DataRequired(), Length(min=4)])


class ItemForm(FlaskForm):
    name = StringField("Name", validators=[DataRequired(), Length(max=80)])
    cents = IntegerField("Price in cents", validators=[DataRequired(), NumberRange(min=1)])
