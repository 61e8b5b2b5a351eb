"""peewee as its documentation has it: a connection for each request, kept by the thread that opened
it; the next request that runs there must not find it open."""

import http.client

import peewee
import pytest
from flask import Flask, Response, stream_with_context
from traced import start, wait_for

database = peewee.SqliteDatabase(None)


class Row(peewee.Model):
    number = peewee.IntegerField()

    class Meta:
        database = database


@pytest.fixture
def app(tmp_path):
    database.init(tmp_path / "rows.db")
    with database:
        database.create_tables([Row])
        Row.insert_many([{"number": number} for number in range(50)]).execute()
    app = Flask("rows")
    app.closed = 0

    @app.before_request
    def connect():
        database.connect()  # raises if the last one of this thread was not closed

    @app.teardown_request
    def close(error):
        database.close()
        app.closed += 1

    @app.get("/stream")
    def stream():
        rows = list(Row.select())  # Flask has closed the connection when the stream begins
        return Response(stream_with_context(f"{row.number}\n" for row in rows))

    @app.get("/list")
    def rows():
        return "".join(f"{row.number}\n" for row in Row.select())

    return app


def test_a_connection_belongs_to_its_request(app):
    port = start(app)
    for target in ("/stream", "/list") * 10:
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        client.request("GET", target)
        answer = client.getresponse()
        assert (answer.status, answer.read()) == (200, b"".join(b"%d\n" % n for n in range(50)))
        client.close()
    wait_for(lambda: app.closed >= 20)  # Flask ends a streamed request twice
