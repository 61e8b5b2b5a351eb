"""A program in processes of its own, whose login is limited over Redis."""

from __future__ import annotations

import os

from waterspout import App
from waterspout.ext.limits import Limiter
from waterspout.ext.limits.util import get_remote_address

app = App(__name__)
app.config.update(
    RATELIMIT_URL=os.environ["LIMITS_APP_URL"], RATELIMIT_KEY_PREFIX=os.environ["LIMITS_APP_PREFIX"]
)
limiter = Limiter(get_remote_address, app=app)
together = limiter.shared_limit("10/hour", scope="login")


@app.post("/login")
@together
def login() -> str:
    return str(os.getpid())


@app.post("/async-login")
@together
async def async_login() -> str:
    return str(os.getpid())


@app.get("/pid")
async def pid() -> str:
    return str(os.getpid())
