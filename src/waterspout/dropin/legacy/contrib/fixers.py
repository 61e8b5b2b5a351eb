"""`werkzeug.contrib.fixers`: the proxy fix that old deployments put around `app.wsgi_app`."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from werkzeug.middleware.proxy_fix import ProxyFix as _ProxyFix

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


class ProxyFix(_ProxyFix):
    """Trust the `X-Forwarded-For` and `-Proto` headers of *num_proxies* proxies.

    SECURITY: `X-Forwarded-Host` is not trusted unless `x_host` asks for it. The class of Werkzeug
    0.14 trusted it always; later releases do not, because few proxies overwrite that header.
    """

    def __init__(
        self,
        app: WSGIApplication,
        num_proxies: int | None = None,
        x_for: int = 1,
        x_proto: int = 1,
        x_host: int = 0,
        x_port: int = 0,
        x_prefix: int = 0,
    ) -> None:
        warnings.warn(
            "'werkzeug.contrib.fixers.ProxyFix' was removed; use"
            " 'werkzeug.middleware.proxy_fix.ProxyFix'.",
            DeprecationWarning,
            stacklevel=2,
        )
        if num_proxies is not None:
            x_for = x_proto = num_proxies
        super().__init__(
            app, x_for=x_for, x_proto=x_proto, x_host=x_host, x_port=x_port, x_prefix=x_prefix
        )
