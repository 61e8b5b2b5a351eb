"""sentry-sdk's Flask integration: an error has the request and the tags of its own."""

import sentry_sdk
from flask import Flask
from sentry_sdk.integrations.flask import FlaskIntegration
from sentry_sdk.transport import Transport
from traced import KINDS, NUMBERS, add_views, crowd, expected, wait_for


class Kept(Transport):
    """Keeps what would be sent."""

    items = []

    def capture_envelope(self, envelope):
        for item in envelope.items:
            if item.payload.json is not None:
                self.items.append((item.type, item.payload.json))


def test_events_belong_to_their_requests():
    sentry_sdk.init(
        "http://key@127.0.0.1:9/1",
        transport=Kept,
        traces_sample_rate=1.0,
        integrations=[FlaskIntegration()],
    )
    app = Flask("watched")
    add_views(app, lambda number: sentry_sdk.set_tag("number", str(number)))
    assert crowd(app) == expected()

    def of(kind):
        return [event for found, event in Kept.items if found == kind]

    wait_for(lambda: len(of("transaction")) == len(KINDS) * len(NUMBERS))
    events = of("event")
    assert len(events) == len(NUMBERS)
    for event in events:
        number = event["tags"]["number"]
        assert event["request"]["url"].endswith(f"/boom/{number}")
        assert event["exception"]["values"][-1]["value"] == f"boom {number}"
        assert event["transaction"] == "boom"
    for event in of("transaction"):
        assert event["request"]["url"].endswith("/" + event["tags"]["number"])
    sentry_sdk.init()
