"""Databases on FastAPI with SQLAlchemy's asyncio half: a session is a dependency of a request."""

from __future__ import annotations

from collections.abc import AsyncIterator
from operator import itemgetter
from pathlib import Path
from typing import Annotated

from fastapi import Depends, FastAPI, Request
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase

from .db_tables import ADDED, URL, FortuneColumns, WorldColumns, like_ours, one_key, some_keys


class Base(DeclarativeBase):
    pass


class World(WorldColumns, Base):
    pass


class Fortune(FortuneColumns, Base):
    pass


url = URL.replace("postgresql:", "postgresql+asyncpg:").replace("sqlite:", "sqlite+aiosqlite:")
engine = create_async_engine(url)
like_ours(engine.sync_engine)
sessions = async_sessionmaker(engine, expire_on_commit=False)
templates = Jinja2Templates(Path(__file__).parent / "templates")
app = FastAPI()


async def new_session() -> AsyncIterator[AsyncSession]:
    async with sessions() as session:
        yield session


Session = Annotated[AsyncSession, Depends(new_session)]


@app.get("/")
async def ready() -> str:
    return "ready"


@app.get("/db")
async def row(session: Session) -> dict[str, int]:
    found = await session.get_one(World, one_key())
    return {"id": found.id, "number": found.number}


@app.get("/queries")
async def rows(session: Session) -> list[dict[str, int]]:
    found = [await session.get_one(World, key) for key in some_keys()]
    return [{"id": row.id, "number": row.number} for row in found]


@app.get("/fortunes", response_class=HTMLResponse)
async def fortunes(request: Request, session: Session) -> HTMLResponse:
    found = [(row.id, row.message) for row in await session.scalars(select(Fortune))]
    found = sorted([*found, (0, ADDED)], key=itemgetter(1))
    return templates.TemplateResponse(request, "fortunes.html", {"fortunes": found})


@app.get("/updates")
async def updates(session: Session) -> list[dict[str, int]]:
    found = [await session.get_one(World, key) for key in some_keys()]
    for row in found:
        row.number = one_key()
    made = [{"id": row.id, "number": row.number} for row in found]
    await session.commit()
    return made
