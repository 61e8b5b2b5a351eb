"""Calls from a handler to a service."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from ..escape import json_decode
from ..httpclient import AsyncHTTPClient

__all__ = ["CallsService"]


class CallsService:
    """The common base of the mixins."""

    def get_auth_http_client(self) -> AsyncHTTPClient:
        """Return the client that calls the service; may be overridden."""
        return AsyncHTTPClient()

    async def _waterspout_call(
        self, url: str, query: Mapping[str, object], post_args: Mapping[str, object] | None
    ) -> object:
        """Return the JSON that the service answers with; a POST if there are *post_args*."""
        if query:
            url += f"?{urlencode(query)}"
        http = self.get_auth_http_client()
        if post_args is None:
            response = await http.fetch(url)
        else:
            response = await http.fetch(url, method="POST", body=urlencode(post_args))
        return json_decode(response.body)
