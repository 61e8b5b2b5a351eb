"""Users, posts, tags and their links."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# SQLite gives no id twice, and MariaDB compares names letter by letter, as the others do.
OPTIONS: dict[str, Any] = {
    "sqlite_autoincrement": True,
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
    "mariadb_charset": "utf8mb4",
    "mariadb_collate": "utf8mb4_bin",
}


def upgrade() -> None:
    op.create_table(
        "user",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("name", sa.String(40), nullable=False, unique=True),
        sa.Column("password", sa.String(255), nullable=False),
        sa.Column("email", sa.String(120), nullable=False),
        sa.Column("avatar", sa.String(60), nullable=False),
        sa.Column("city", sa.String(60), nullable=False),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("created", sa.DateTime(), nullable=False),
        sa.Column("updated", sa.DateTime(), nullable=False),
        **OPTIONS,
    )
    op.create_index("ix_user_city", "user", ["city"])
    op.create_table(
        "post",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("user_id", sa.Integer(), _owner("user"), nullable=False),
        sa.Column("title", sa.String(120), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("summary", sa.String(300), nullable=False),
        sa.Column("picture", sa.String(60), nullable=False),
        sa.Column("created", sa.DateTime(), nullable=False),
        sa.Column("updated", sa.DateTime(), nullable=False),
        **OPTIONS,
    )
    op.create_index("ix_post_user", "post", ["user_id", "id"])
    op.create_table(
        "tag",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("name", sa.String(40), nullable=False, unique=True),
        **OPTIONS,
    )
    op.create_table(
        "post_tag",
        sa.Column("post_id", sa.Integer(), _owner("post"), primary_key=True),
        sa.Column("tag_id", sa.Integer(), _owner("tag"), primary_key=True),
    )
    op.create_index("ix_post_tag_tag", "post_tag", ["tag_id", "post_id"])


def downgrade() -> None:
    for table in ("post_tag", "tag", "post", "user"):
        op.drop_table(table)


def _owner(table: str) -> sa.ForeignKey:
    return sa.ForeignKey(f"{table}.id", ondelete="CASCADE")
