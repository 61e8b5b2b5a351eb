"""gunicorn's settings with our worker: each has a meaning, zeros too, or is refused in words."""

from __future__ import annotations

import signal
from http.client import HTTPConnection
from typing import Any

import pytest
from gunicorn.config import Config
from server_process import Start
from test_workers import gunicorn

from waterspout.server.process.gunicorn_settings import (
    MEANINGS,
    MOST_FIELDS,
    UNLIMITED,
    settings_from,
    warnings,
)
from waterspout.server.settings import ServerSettings, SettingsError


def config(**values: Any) -> Config:
    cfg = Config()
    for name, value in values.items():
        if name not in cfg.settings:
            pytest.skip(f"this gunicorn has no {name}")
        cfg.set(name, value)
    return cfg


def test_every_setting_of_gunicorn_has_a_meaning() -> None:
    assert set(Config().settings) - set(MEANINGS) == set()


def test_defaults_are_no_wishes() -> None:
    made = settings_from(Config())
    ours = ServerSettings()
    assert made.limits == ours.limits
    assert made.threads == ours.threads
    assert made.trusted_proxies == ()
    assert made.timeouts == ours.evolve(timeouts={"graceful": 27.0}).timeouts
    assert warnings(Config()) == []


@pytest.mark.parametrize(
    ("name", "group", "ours", "value"),
    [
        ("keepalive", "limits", "requests_per_connection", 1),
        ("limit_request_line", "limits", "request_line", UNLIMITED),
        ("limit_request_fields", "limits", "header_count", MOST_FIELDS),
        ("limit_request_field_size", "limits", "header_field", UNLIMITED),
        ("limit_request_field_size", "limits", "cookie_field", UNLIMITED),
        ("limit_request_field_size", "limits", "header_bytes", 2 * UNLIMITED),
        ("graceful_timeout", "timeouts", "graceful", 0.0),
    ],
)
def test_a_zero_means_what_gunicorn_says(name: str, group: str, ours: str, value: float) -> None:
    assert getattr(getattr(settings_from(config(**{name: 0})), group), ours) == value


@pytest.mark.parametrize("name", ["backlog", "timeout", "max_requests", "max_requests_jitter"])
def test_a_zero_that_changes_nothing_here(name: str) -> None:
    assert settings_from(config(**{name: 0})) == settings_from(Config())


@pytest.mark.parametrize("name", ["threads", "worker_connections"])
def test_a_zero_that_cannot_be(name: str) -> None:
    with pytest.raises(SettingsError, match=f"gunicorn's {name} is 0"):
        settings_from(config(**{name: 0}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("protocol", "uwsgi"),
        ("root_path", "/app"),
        ("header_map", "dangerous"),
        ("permit_obsolete_folding", True),
        ("strip_header_spaces", True),
        ("permit_unconventional_http_method", True),
        ("permit_unconventional_http_version", True),
        ("casefold_http_method", True),
    ],
)
def test_what_would_change_how_requests_are_read_is_refused(name: str, value: object) -> None:
    with pytest.raises(SettingsError, match=f"gunicorn's {name}=.* is not supported: "):
        settings_from(config(**{name: value}))


def test_what_has_no_effect_is_named() -> None:
    texts = warnings(config(sendfile=False, http_parser="python", pre_request=lambda w, req: None))
    assert len(texts) == 2
    assert texts[0].startswith("gunicorn's sendfile has no effect with this worker: ")


ZEROS = [
    "--keep-alive", "--limit-request-line", "--limit-request-fields",
    "--limit-request-field_size", "--timeout", "--graceful-timeout", "--backlog",
]  # fmt: skip


def test_gunicorn_with_zeros_serves_and_stops(start: Start) -> None:
    program = gunicorn(start, *[word for option in ZEROS for word in (option, "0")])
    port = program.port()
    connection = HTTPConnection("127.0.0.1", port, timeout=15)
    connection.request("GET", "/?" + "x" * 20_000, headers={"X-Large": "y" * 60_000})
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (200, b"hello")
    assert answer.getheader("Connection") == "close"
    connection.close()
    program.signal(signal.SIGTERM)
    assert program.wait() == 0, program.output


@pytest.mark.parametrize(
    ("options", "environ", "said"),
    [
        (("--threads", "0"), {}, "gunicorn's threads is 0"),
        (("--protocol", "uwsgi"), {}, "gunicorn's protocol='uwsgi' is not supported"),
        ((), {"WATERSPOUT_PORT": "many"}, "WATERSPOUT_PORT is 'many'; expected a whole number"),
        ((), {"WATERSPOUT_CERTFILE": "/nowhere.pem"}, "there is no file '/nowhere.pem'"),
        ((), {"WATERSPOUT_LIMITS_PIPELINE": "0"}, "limits.pipeline is 0"),
    ],
)
def test_what_a_worker_cannot_start_with_ends_gunicorn(
    start: Start, options: tuple[str, ...], environ: dict[str, str], said: str
) -> None:
    """It is not started again for ever: status 3 after one try."""
    program = gunicorn(start, *options, **environ)
    assert program.wait() == 3, program.output
    assert program.output.count(said) == 1
    assert "Traceback" not in program.output
    assert program.output.count("Booting worker") == 1


def test_a_module_that_cannot_be_imported_ends_gunicorn(start: Start) -> None:
    program = gunicorn(start, app="nowhere_at_all:app")
    assert program.wait() in (3, 4)
    assert program.output.count("Booting worker") == 1
