"""Waterspout with as many routes as ``BENCH_ROUTES`` says: half plain, half with a parameter."""

from __future__ import annotations

import os

from waterspout import App

app = App(__name__)


async def plain() -> str:
    return "plain"


async def item(number: int) -> str:
    return f"item {number}"


for n in range(int(os.environ["BENCH_ROUTES"]) // 2):
    app.add_url_rule(f"/section-{n}/about", f"plain-{n}", plain)
    app.add_url_rule(f"/section-{n}/item/<int:number>", f"item-{n}", item)
