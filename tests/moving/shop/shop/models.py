from flask_login import UserMixin
from werkzeug.security import check_password_hash, generate_password_hash

from .extensions import db, login


class User(UserMixin, db.Model):
    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String(40), unique=True, nullable=False)
    password = db.Column(db.String(200), nullable=False)
    items = db.relationship("Item", back_populates="seller")

    def set_password(self, text):
        self.password = generate_password_hash(text, "pbkdf2:sha256:1000")

    def has_password(self, text):
        return check_password_hash(self.password, text)


class Item(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String(80), nullable=False)
    cents = db.Column(db.Integer, nullable=False)
    seller_id = db.Column(db.ForeignKey("user.id"))
    seller = db.relationship(User, back_populates="items")

    def as_dict(self):
        seller = self.seller.name if self.seller else None
        return {"id": self.id, "name": self.name, "cents": self.cents, "seller": seller}


@login.user_loader
def load_user(user_id):
    return db.session.get(User, int(user_id))
