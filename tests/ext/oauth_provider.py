"""A small OAuth 2 and OpenID provider, whose one user always agrees."""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from typing import Any
from urllib.parse import urlencode

from joserfc import jwt
from joserfc.jwk import RSAKey

from waterspout import App, abort, redirect, request

CLIENT_ID, CLIENT_SECRET = "the-client", "the client's secret"
KEY = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})


def provider() -> App:
    """Return the provider: ``/authorize``, ``/token``, ``/me``, and OpenID's description."""
    app = App(__name__)
    codes: dict[str, dict[str, str]] = {}
    tokens: set[str] = set()

    def issuer() -> str:
        return request.host_url.rstrip("/")

    @app.get("/authorize")
    def authorize() -> Any:
        asked = request.args.to_dict()
        back = asked["redirect_uri"]
        if asked["client_id"] != CLIENT_ID:
            abort(400)
        if asked.get("prompt") == "refuse":
            answer = {"error": "access_denied", "error_description": "The user said no."}
        else:
            code = secrets.token_hex()
            codes[code] = asked
            answer = {"code": code}
        return redirect(f"{back}?{urlencode({**answer, 'state': asked['state']})}")

    @app.post("/token")
    def token() -> Any:
        code = codes.pop(request.form["code"], None)
        basic = request.authorization
        if code is None or basic is None or basic.password != CLIENT_SECRET:
            return {"error": "invalid_grant"}, 400
        if "code_challenge" in code:
            digest = hashlib.sha256(request.form["code_verifier"].encode()).digest()
            if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != code["code_challenge"]:
                return {"error": "invalid_grant"}, 400
        made = secrets.token_hex()
        tokens.add(made)
        answer = {"access_token": made, "token_type": "Bearer", "expires_in": 3600}
        if "openid" in code.get("scope", ""):
            now = int(time.time())
            claims = {
                "iss": issuer(),
                "aud": CLIENT_ID,
                "sub": "7",
                "name": "Ada",
                "iat": now,
                "exp": now + 600,
                "nonce": code["nonce"],
            }
            answer["id_token"] = jwt.encode({"alg": "RS256", "kid": "one"}, claims, KEY)
        return answer

    @app.get("/me")
    def me() -> Any:
        kind, _, value = request.headers.get("Authorization", "").partition(" ")
        return {"name": "Ada"} if kind == "Bearer" and value in tokens else ({}, 401)

    @app.get("/.well-known/openid-configuration")
    def description() -> dict[str, Any]:
        return {
            "issuer": issuer(),
            "authorization_endpoint": f"{issuer()}/authorize",
            "token_endpoint": f"{issuer()}/token",
            "userinfo_endpoint": f"{issuer()}/me",
            "jwks_uri": f"{issuer()}/keys",
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    @app.get("/keys")
    def keys() -> dict[str, Any]:
        return {"keys": [KEY.as_dict(private=False)]}

    return app
