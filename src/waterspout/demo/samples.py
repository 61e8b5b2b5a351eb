"""What a new blog shows: authors, posts with pictures, tags, comments."""

from __future__ import annotations

import random
import secrets
from datetime import timedelta

import click
from PIL import Image, ImageDraw, ImageFilter

from waterspout.ext.auth import hash_password

from . import pictures
from .extensions import db
from .markdown import summary_of
from .models import Comment, Post, Tag, User, now
from .sample_texts import COMMENTS, PEOPLE, POSTS

__all__ = ["fill"]

WIDTH, HEIGHT = 1200, 675
#: Colours of the sky above, the sky at the horizon, the sea, by the hour that a picture shows.
HOURS = [
    ((36, 62, 120), (250, 190, 140), (28, 60, 96)),
    ((70, 140, 210), (214, 236, 246), (24, 110, 140)),
    ((24, 28, 60), (120, 90, 140), (16, 24, 52)),
    ((90, 110, 130), (200, 208, 210), (60, 84, 96)),
    ((250, 150, 90), (255, 226, 170), (120, 70, 90)),
]

Colour = tuple[int, int, int]


def fill(admin_password: str) -> None:
    """Add everything, and a user ``admin`` with that password."""
    # The authors' passwords are known to nobody: nobody can log in as one of them.
    nobody = hash_password(secrets.token_urlsafe(32))
    begin = now() - timedelta(days=60)
    people = [
        User(
            name=name, city=city, password=nobody, email=f"{name.lower()}@example.org",
            avatar=_portrait(number), created=begin + timedelta(hours=number),
        )
        for number, (name, city) in enumerate(PEOPLE)
    ]  # fmt: skip
    admin = User(
        name="admin",
        role="admin",
        email="admin@example.org",
        password=hash_password(admin_password),
    )
    db.session.add_all([*people, admin])
    tags: dict[str, Tag] = {}
    for number, text in enumerate(POSTS):
        click.echo(f"Sample posts: {number + 1} of {len(POSTS)}\r", nl=number + 1 == len(POSTS))
        title, tagged, author, body = text
        written = begin + timedelta(days=4 * number, hours=number)
        post = Post(
            title=title, content=body, summary=summary_of(body), author=people[author],
            tags=[tags.setdefault(name, Tag(name=name)) for name in tagged],
            picture=_seascape(number), created=written, updated=written,
        )  # fmt: skip
        db.session.add(post)
        db.session.flush()
        _discuss(post, people, number)
    db.session.commit()


def _discuss(post: Post, people: list[User], number: int) -> None:
    chance = random.Random(number)
    for hours, words in enumerate(chance.sample(COMMENTS, chance.randint(0, 5)), 1):
        author = chance.choice([person for person in people if person is not post.author])
        said = post.created + timedelta(hours=hours)
        db.session.add(Comment(post=post, author=author, content=words, created=said))


def _seascape(number: int) -> str:
    """Paint a sea under a sky, with a light and hills, another for each *number*."""
    chance = random.Random(number)
    above, horizon, sea = HOURS[number % len(HOURS)]
    picture = Image.new("RGB", (WIDTH, HEIGHT))
    draw = ImageDraw.Draw(picture)
    level = int(HEIGHT * chance.uniform(0.5, 0.66))
    for y in range(level):
        draw.line((0, y, WIDTH, y), _between(above, horizon, y / level))
    x, radius = chance.randint(200, 1000), chance.randint(36, 70)
    y = chance.randint(90, level - 20)
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), _between(horizon, WHITE, 0.7))
    for depth in (0.25, 0.5):
        points = [(step * 100, level - chance.randint(10, 130) * depth * 2) for step in range(13)]
        draw.polygon([(0, level), *points, (WIDTH, level)], _between(horizon, sea, depth))
    picture = picture.filter(ImageFilter.GaussianBlur(2))
    draw = ImageDraw.Draw(picture)
    for y in range(level, HEIGHT):
        share = (y - level) / (HEIGHT - level)
        draw.line((0, y, WIDTH, y), _between(_between(horizon, sea, 0.6), sea, share))
    for _ in range(160):
        y = chance.randint(level + 2, HEIGHT)
        reach = int((y - level) * 0.5) + 20
        middle = x + chance.randint(-reach, reach)
        length = chance.randint(6, 60)
        light = _between(sea, horizon, chance.uniform(0.2, 0.8))
        draw.line((middle - length, y, middle + length, y), light, width=2)
    return _kept(picture)


def _portrait(number: int) -> str:
    """Paint a face without features: a head and shoulders before a plain ground."""
    above, horizon, sea = HOURS[number % len(HOURS)]
    picture = Image.new("RGB", (320, 320), _between(horizon, above, 0.2 + 0.1 * (number % 3)))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((40, 200, 280, 440), sea)
    draw.ellipse((100, 70, 220, 200), _between(horizon, WHITE, 0.5))
    return _kept(picture)


WHITE: Colour = (255, 255, 255)


def _between(one: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (int(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _kept(picture: Image.Image) -> str:
    name = pictures.write(picture)
    pictures.shrink(name)
    return name
