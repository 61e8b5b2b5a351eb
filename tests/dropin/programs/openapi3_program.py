"""A Flask program with flask-openapi3: models for path, query and body, and a description."""

from flask_openapi3 import Info, OpenAPI, Tag
from pydantic import BaseModel, Field

app = OpenAPI(__name__, info=Info(title="Books", version="1.0"))
books = {}


class Book(BaseModel):
    title: str = Field(min_length=1)
    year: int


class Path(BaseModel):
    number: int


class Query(BaseModel):
    year: int | None = None


@app.post("/books", tags=[Tag(name="books")], responses={201: Book})
def add(body: Book):
    """Add a book"""
    books[len(books) + 1] = body
    return body.model_dump(), 201


@app.get("/books")
def all_of(query: Query):
    return [b.model_dump() for b in books.values() if query.year in (None, b.year)]


@app.get("/books/<int:number>")
def one(path: Path):
    return books[path.number].model_dump()
