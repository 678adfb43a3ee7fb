"""A database as SQLAlchemy makes it, with a column of every type and names of its own.

`python tests/adopted_sqlalchemy.py URL`, in a process of its own: two copies of SQLite in one process on one file lose data.
"""

from __future__ import annotations

import enum
import sys
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Color(enum.Enum):
    RED = "red"
    BLUE = "it's blue"


class Base(DeclarativeBase):
    pass


class Account(Base):
    __tablename__ = "accounts"
    __table_args__ = (
        sa.UniqueConstraint("name", "born"),
        sa.CheckConstraint("size > 0", name="ck_size"),
        sa.Index("ix_lower", sa.text("lower(name)")),
        sa.Index("ix_open", "born", postgresql_where=sa.text("flag"), sqlite_where=sa.text("flag")),
        {"comment": "all of them"},
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(30), index=True)
    mail: Mapped[str | None] = mapped_column(sa.String(60), unique=True, comment="where to write")
    words: Mapped[str] = mapped_column(sa.Text, server_default="none")
    size: Mapped[int] = mapped_column(sa.SmallInteger, server_default="3")
    big: Mapped[int | None] = mapped_column(sa.BigInteger)
    flag: Mapped[bool] = mapped_column(server_default=sa.true())
    score: Mapped[float] = mapped_column(sa.Double, server_default=sa.text("1.5"))
    price: Mapped[Decimal | None] = mapped_column(sa.Numeric(10, 2))
    born: Mapped[date | None]
    wakes: Mapped[time | None]
    made: Mapped[datetime] = mapped_column(server_default=sa.func.current_timestamp())
    zoned: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
    wait: Mapped[timedelta | None]
    raw: Mapped[bytes | None]
    token: Mapped[UUID | None]
    color: Mapped[Color] = mapped_column(server_default="RED")
    data: Mapped[Any] = mapped_column(sa.JSON().with_variant(pg.JSONB(), "postgresql"), nullable=True)
    twice: Mapped[int | None] = mapped_column(sa.Computed("size * 2", persisted=True))


class Entry(Base):
    __tablename__ = "entries"
    account_id: Mapped[int] = mapped_column(sa.ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    parent_account: Mapped[int | None]
    parent_number: Mapped[int | None]
    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["parent_account", "parent_number"],
            ["entries.account_id", "entries.number"],
            onupdate="CASCADE",
            deferrable=True,
            initially="DEFERRED",
        ),
    )


class Native(Base):
    """What PostgreSQL alone has."""

    __tablename__ = "natives"
    __table_args__ = (
        sa.Index("ix_tags", "tags", postgresql_using="gin"),
        sa.UniqueConstraint("counted", deferrable=True),
        pg.ExcludeConstraint(("span", "&&"), name="ex_span"),
        {"schema": "apart"},
    )
    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True, start=100), primary_key=True)
    counted: Mapped[int] = mapped_column(sa.Identity())
    tags: Mapped[list[str]] = mapped_column(pg.ARRAY(sa.Text))
    span: Mapped[Any] = mapped_column(pg.TSTZRANGE)
    address: Mapped[str] = mapped_column(pg.INET)
    bits: Mapped[str] = mapped_column(pg.BIT(4))
    colors: Mapped[list[Color]] = mapped_column(pg.ARRAY(sa.Enum(Color, name="shade", schema="apart")))


if __name__ == "__main__":
    url = sys.argv[1].replace("postgresql://", "postgresql+psycopg://")
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        tables: Any = [Account.__table__, Entry.__table__]
        if connection.dialect.name == "postgresql":
            connection.execute(sa.text("CREATE SCHEMA apart"))
            tables.append(Native.__table__)
        Base.metadata.create_all(connection, tables)
