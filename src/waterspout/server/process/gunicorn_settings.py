"""The meaning of each of gunicorn's settings for our worker, and our settings made of them.

`MEANINGS` has every setting that gunicorn documents. A changed one that is ``ignored``
is named in a warning when the worker starts; a changed one that is ``refused`` ends the start,
because requests would be handled otherwise than its author expects.

A setting of gunicorn's at its default changes nothing: ours stays as it is.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from gunicorn.sock import ssl_context

from ...typing import Values
from ..settings import ServerSettings, SettingsError

Kind = Literal["gunicorn's", "honoured", "ignored", "refused"]

#: Bytes; what a limit of 0, gunicorn's "unlimited", is: no request of a browser has so many.
UNLIMITED = 1 << 24
#: Header fields; gunicorn's own highest limit.
MOST_FIELDS = 32_768
# The arbiter kills at graceful_timeout: be done a little earlier.
_EARLY = 0.9


class Meaning(NamedTuple):
    """What our worker does with one of gunicorn's settings."""

    kind: Kind
    text: str = ""


_ARBITER = Meaning("gunicorn's")
_STRICT = Meaning("refused", "requests are parsed strictly, which keeps out smuggling")
_HTTP1 = Meaning("ignored", "the server speaks HTTP/1.1; let a proxy speak HTTP/2")
_TLS = Meaning("honoured", "by gunicorn's own TLS context")

_BY_GUNICORN = """
    config wsgi_app bind workers worker_class reload_engine reload_extra_files spew check_config
    print_config preload_app reuse_port chdir daemon raw_env pidfile worker_tmp_dir user group umask
    initgroups disable_redirect_access_to_syslog errorlog loglevel capture_output logger_class
    logconfig logconfig_dict logconfig_json syslog_addr syslog syslog_prefix syslog_facility
    enable_stdio_inheritance dogstatsd_tags statsd_prefix enable_backlog_metric proc_name
    default_proc_name pythonpath paste raw_paste_global_conf on_starting on_reload when_ready
    pre_fork post_fork post_worker_init worker_int worker_abort pre_exec child_exit worker_exit
    nworkers_changed on_exit dirty_apps dirty_workers dirty_timeout dirty_threads
    dirty_graceful_timeout on_dirty_starting dirty_post_fork dirty_worker_init dirty_worker_exit
    control_socket control_socket_mode control_socket_disable
"""

MEANINGS: dict[str, Meaning] = {
    # Honoured
    "backlog": Meaning("honoured"),
    "threads": Meaning("honoured", "threads for `def` views (`threads.views_max`)"),
    "worker_connections": Meaning("honoured", "open connections of one worker"),
    "max_requests": Meaning("honoured"),
    "max_requests_jitter": Meaning("honoured"),
    "timeout": Meaning(
        "honoured", "how long the event loop may hang, and the import take; 0: for ever"
    ),
    "graceful_timeout": Meaning("honoured", "0: running requests are dropped at once"),
    "keepalive": Meaning("honoured", "0: each answer closes its connection"),
    "limit_request_line": Meaning("honoured", f"0: {UNLIMITED // 1024**2} MiB"),
    "limit_request_fields": Meaning("honoured", f"0: {MOST_FIELDS} fields, which is the most"),
    "limit_request_field_size": Meaning(
        "honoured", f"Cookie included; 0: {UNLIMITED // 1024**2} MiB"
    ),
    "reload": Meaning("honoured"),
    "forwarded_allow_ips": Meaning("honoured", "`trusted_proxies`, and UNIX sockets"),
    "proxy_protocol": Meaning("honoured", "v1, v2 and auto all take both versions"),
    "proxy_allow_ips": Meaning("honoured", "with proxy_protocol"),
    "asgi_loop": Meaning("honoured", "`loop`"),
    "pre_request": Meaning("honoured", "called on the event loop; the header fields are fixed"),
    "post_request": Meaning("honoured", "called on the event loop when the answer is sent"),
    "accesslog": Meaning("honoured"),
    "access_log_format": Meaning("honoured"),
    "statsd_host": Meaning("honoured"),
    "certfile": _TLS, "keyfile": _TLS, "ca_certs": _TLS, "cert_reqs": _TLS, "ciphers": _TLS,
    "ssl_context": _TLS,
    # Done by gunicorn, whichever worker runs
    **dict.fromkeys(_BY_GUNICORN.split(), _ARBITER),
    # No meaning here
    "sendfile": Meaning("ignored", "static files go by the kernel's sendfile without it"),
    "tmp_upload_dir": Meaning("ignored", "the variable TMPDIR names the directory"),
    "secure_scheme_headers": Meaning(
        "ignored", "X-Forwarded-Proto of a trusted proxy names the scheme"
    ),
    "forwarder_headers": Meaning("ignored", "header fields do not become SCRIPT_NAME"),
    "ssl_version": Meaning("ignored", "as in gunicorn; use the ssl_context hook"),
    "suppress_ragged_eofs": Meaning("ignored", "a connection that is cut is no error"),
    "do_handshake_on_connect": Meaning("ignored", "handshakes have a time limit"),
    "asgi_lifespan": Meaning("ignored", "start and stop hooks run where there are any"),
    "asgi_disconnect_grace_period": Meaning("ignored", "see on_disconnect of a route"),
    "websocket_max_message_size": Meaning(
        "ignored", "WEBSOCKET_MAX_MESSAGE_SIZE of the application is the limit"
    ),
    "http_parser": Meaning("ignored", "the parser is llhttp"),
    "uwsgi_allow_ips": Meaning("ignored", "the uwsgi protocol is not spoken"),
    "http_protocols": _HTTP1, "http2_cleartext": _HTTP1, "http2_max_concurrent_streams": _HTTP1,
    "http2_initial_window_size": _HTTP1, "http2_max_frame_size": _HTTP1,
    "http2_max_header_list_size": _HTTP1,
    # Refused
    "protocol": Meaning("refused", "the server speaks HTTP only; let nginx use proxy_pass"),
    "root_path": Meaning(
        "refused", "mount the application below its prefix, or let a trusted proxy send"
        " X-Forwarded-Prefix (WATERSPOUT_FORWARDED_FIELDS)",
    ),
    "header_map": Meaning("refused", "names with underscores are dropped for WSGI"),
    "permit_obsolete_folding": _STRICT, "strip_header_spaces": _STRICT,
    "permit_unconventional_http_method": _STRICT, "permit_unconventional_http_version": _STRICT,
    "casefold_http_method": _STRICT,
}  # fmt: skip


#: `gunicorn.config.Config`: gunicorn has no types, and a setting is an attribute.
GunicornConfig = Any


def changed(cfg: GunicornConfig) -> Iterator[tuple[str, object, Meaning]]:
    """Yield name, value and meaning of each setting that is not at gunicorn's default.

    Settings of a later gunicorn that the table does not know are left out.
    """
    for name, setting in cfg.settings.items():
        meaning = MEANINGS.get(name)
        if meaning is not None and setting.get() != type(setting)().get():
            yield name, setting.get(), meaning


def warnings(cfg: object) -> list[str]:
    """Return a sentence for each setting that was changed and has no effect."""
    return [
        f"gunicorn's {name} has no effect with this worker: {meaning.text}."
        for name, _, meaning in changed(cfg)
        if meaning.kind == "ignored"
    ]


def settings_from(cfg: GunicornConfig) -> ServerSettings:
    """Return our settings for gunicorn's `cfg`, on top of the ``WATERSPOUT_…`` variables.

    Raises `SettingsError` for what is refused or impossible.
    """
    wishes = {name: (value, meaning) for name, value, meaning in changed(cfg)}
    for name, (value, meaning) in wishes.items():
        if meaning.kind == "refused":
            raise SettingsError(f"gunicorn's {name}={value!r} is not supported: {meaning.text}.")
    settings = ServerSettings.from_env()
    changes: Values = {
        "workers": 1,
        "reload": False,
        "timeouts": {"graceful": cfg.graceful_timeout * _EARLY},
    }
    if cfg.backlog:  # 0 is for the kernel; only queued connections are accepted then
        changes["backlog"] = cfg.backlog
    limits: Values = changes.setdefault("limits", {})
    if "keepalive" in wishes:
        if cfg.keepalive:
            changes["timeouts"]["keep_alive"] = cfg.keepalive
        else:
            limits["requests_per_connection"] = 1
    _take_limits(cfg, wishes.keys(), settings, limits)
    if "worker_connections" in wishes:
        limits["max_connections"] = _at_least_one(cfg, "worker_connections")
    if "threads" in wishes:
        views = _at_least_one(cfg, "threads")
        least = min(settings.threads.views_min, views)
        changes["threads"] = {"views_max": views, "views_min": least}
    if "asgi_loop" in wishes:
        changes["loop"] = cfg.asgi_loop
    if "forwarded_allow_ips" in wishes or "FORWARDED_ALLOW_IPS" in os.environ:
        # As in gunicorn: any peer on a UNIX socket is included.
        changes["trusted_proxies"] = (*cfg.forwarded_allow_ips, "unix")
    if cfg.proxy_protocol not in ("off", False):
        changes["proxy_protocol"] = (*cfg.proxy_allow_ips, "unix")
    if cfg.is_ssl:
        changes["ssl_context"] = ssl_context(cfg)
    return settings.evolve(**changes)


def _take_limits(
    cfg: GunicornConfig, wishes: GunicornConfig, settings: ServerSettings, limits: Values
) -> None:
    """Take gunicorn's limits on the header section; 0 is "unlimited"."""
    if "limit_request_line" in wishes:
        limits["request_line"] = cfg.limit_request_line or UNLIMITED
    if "limit_request_fields" in wishes:
        limits["header_count"] = min(cfg.limit_request_fields or MOST_FIELDS, MOST_FIELDS)
    if "limit_request_field_size" in wishes:
        size = cfg.limit_request_field_size or UNLIMITED
        limits["header_field"] = limits["cookie_field"] = size
        limits["header_bytes"] = max(settings.limits.header_bytes, 2 * size)


def _at_least_one(cfg: object, name: str) -> int:
    value: int = getattr(cfg, name)
    if value < 1:
        raise SettingsError(f"gunicorn's {name} is {value}: the server could answer nobody.")
    return value
