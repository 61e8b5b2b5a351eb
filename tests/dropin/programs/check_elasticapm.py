"""Elastic APM's Flask integration: a transaction for each request, and errors within theirs."""

import elasticapm
from elasticapm.contrib.flask import ElasticAPM
from flask import Flask
from traced import KINDS, NUMBERS, add_views, crowd, expected, wait_for


def test_events_belong_to_their_requests():
    app = Flask("watched")
    app.config["ELASTIC_APM"] = {
        "SERVICE_NAME": "watched",
        "TRANSPORT_CLASS": "apm_events.Kept",
        "CENTRAL_CONFIG": False,
        "CLOUD_PROVIDER": "none",
        "METRICS_INTERVAL": "0ms",
    }
    apm = ElasticAPM(app)
    add_views(app, lambda number: elasticapm.label(number=str(number)))
    assert crowd(app) == expected()
    kept = apm.client._transport.kept

    def of(kind):
        return [event for found, event in kept if found == kind]

    wait_for(lambda: len(of("transaction")) == len(KINDS) * len(NUMBERS))
    by_id = {event["id"]: event for event in of("transaction")}
    assert len({event["trace_id"] for event in by_id.values()}) == len(by_id)
    for event in by_id.values():
        number = event["context"]["tags"]["number"]
        assert event["context"]["request"]["url"]["pathname"].endswith(f"/{number}")
    errors = of("error")
    assert len(errors) == len(NUMBERS)
    for error in errors:
        pathname = by_id[error["transaction_id"]]["context"]["request"]["url"]["pathname"]
        assert error["exception"]["message"] == f"LookupError: boom {pathname[-1]}"
    apm.client.close()
