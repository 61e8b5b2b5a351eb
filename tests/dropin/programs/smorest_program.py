"""A Flask program with flask-smorest: schemas, pages, ETags and errors as JSON."""

import marshmallow as ma
from flask import Flask
from flask.views import MethodView
from flask_smorest import Api, Blueprint, abort

things = {}


class ThingSchema(ma.Schema):
    id = ma.fields.Int(dump_only=True)
    name = ma.fields.Str(required=True)


blueprint = Blueprint("things", "things", url_prefix="/things", description="Things")


@blueprint.route("/")
class Things(MethodView):
    @blueprint.etag
    @blueprint.response(200, ThingSchema(many=True))
    @blueprint.paginate()
    def get(self, pagination_parameters):
        pagination_parameters.item_count = len(things)
        first = pagination_parameters.first_item
        return list(things.values())[first : pagination_parameters.last_item + 1]

    @blueprint.arguments(ThingSchema)
    @blueprint.response(201, ThingSchema)
    def post(self, new):
        thing = {"id": len(things) + 1, **new}
        things[thing["id"]] = thing
        return thing


@blueprint.route("/<int:number>")
@blueprint.response(200, ThingSchema)
def one(number):
    if number not in things:
        abort(404, message="No such thing.")
    return things[number]


def create_app():
    app = Flask(__name__)
    app.config.update(API_TITLE="Things", API_VERSION="v1", OPENAPI_VERSION="3.0.2")
    Api(app).register_blueprint(blueprint)
    return app
