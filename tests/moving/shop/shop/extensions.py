from flask_login import LoginManager
from flask_session import Session
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect

db = SQLAlchemy()
login = LoginManager()
login.login_view = "auth.sign_in"
csrf = CSRFProtect()
sessions = Session()
