"""Databases that Django and SQLAlchemy have made: models that say the same find no difference but true ones."""

from __future__ import annotations

import asyncio
import enum
import subprocess
import sys
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from test_cli_inspect import inspect, left, load

from ormkit import (
    ARRAY,
    JSON,
    BigInteger,
    Bit,
    CheckConstraint,
    Column,
    Computed,
    DateTime,
    DeclarativeBase,
    Enum,
    ExcludeConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Inet,
    Mapped,
    Numeric,
    SmallInteger,
    String,
    Table,
    UniqueConstraint,
    desc,
    func,
    mapped_column,
    text,
)
from ormkit.migrations import AutogenContext
from ormkit.types import TSTZRANGE

AUTH = [
    "auth_group",
    "auth_group_permissions",
    "auth_permission",
    "auth_user",
    "auth_user_groups",
    "auth_user_user_permissions",
    "django_content_type",
    "django_migrations",
    "django_session",
]


def made_by(script: str, url: str) -> None:
    command = [sys.executable, str(Path(__file__).parent / script), url]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert ran.returncode == 0, ran.stderr


async def differences(engine: Any, models: list[Any], **options: Any) -> list[str]:
    steps = await AutogenContext(engine, models, **options).diff()
    return sorted(" ".join(filter(None, (one.operation_type, one.table_name, one.column_name))) for one in steps)


def link(table: str, own: str, other: str, target: str, base: Any, kind: Any = BigInteger) -> Table:
    """A table between two, as Django makes it."""
    late = {"deferrable": True, "initially": "DEFERRED"}
    source = "shop_customer.id"
    return Table(
        table,
        base.metadata,
        Column("id", BigInteger, Identity(), primary_key=True),
        Column(own, BigInteger, ForeignKey(source, **late), nullable=False, index=True),
        Column(other, kind, ForeignKey(target, **late), nullable=False, index=True),
        UniqueConstraint(own, other),
    )


def shop(postgres: bool) -> list[Any]:
    """The models of `adopted_django.py`, by hand."""
    late = {"deferrable": True, "initially": "DEFERRED"}

    class Base(DeclarativeBase):
        pass

    class Tag(Base):
        __tablename__ = "shop_tag"
        word: Mapped[str] = mapped_column(String(50), primary_key=True)

    class Customer(Base):
        __tablename__ = "shop_customer"
        __table_args__ = (
            CheckConstraint("score >= 0.0", name="score_positive"),
            CheckConstraint("level >= 0"),
            UniqueConstraint("Nick Name", "born"),
            Index(None, "name", "born", unique=True, postgresql_where=text("active"), sqlite_where=text("active")),
            Index(None, desc("joined"), "name"),
            Index(None, text("upper(notes)")),
        )
        id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
        name: Mapped[str] = mapped_column(String(80), unique=True)
        email: Mapped[str] = mapped_column(String(254), index=True)
        nick: Mapped[str | None] = mapped_column("Nick Name", String(20), server_default="it's")
        born: Mapped[date | None]
        wakes: Mapped[time | None]
        joined: Mapped[datetime]
        credit: Mapped[Decimal] = mapped_column(Numeric(10, 2))
        notes: Mapped[str]
        active: Mapped[bool] = mapped_column(server_default=text("TRUE"))
        silent: Mapped[bool] = mapped_column(server_default=text("FALSE"))
        token: Mapped[UUID | None]
        address: Mapped[Any] = mapped_column(Inet if postgres else String(39), nullable=True)
        photo: Mapped[bytes | None]
        wait: Mapped[timedelta | None]
        score: Mapped[float] = mapped_column(server_default="1.5")
        level: Mapped[int] = mapped_column(SmallInteger, server_default="3")
        small: Mapped[int | None] = mapped_column(SmallInteger)
        big: Mapped[int | None] = mapped_column(BigInteger)
        data: Mapped[Any] = mapped_column(JSON, nullable=True)

    class Profile(Base):
        __tablename__ = "shop_profile"
        __table_args__ = (CheckConstraint("visits >= 0"), UniqueConstraint("customer_id", "visits"))
        customer_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("shop_customer.id", **late), primary_key=True)
        inviter_id: Mapped[int | None] = mapped_column(
            BigInteger, ForeignKey("shop_profile.customer_id", **late), index=True
        )
        visits: Mapped[int]
        twice: Mapped[int] = mapped_column(Computed("visits * 2", persisted=True), nullable=True)

    friends = link("shop_customer_friends", "from_customer_id", "to_customer_id", "shop_customer.id", Base)
    tags = link("shop_customer_tags", "customer_id", "tag_id", "shop_tag.word", Base, String(50))
    return [Tag, Customer, Profile, friends, tags]


# What Django has beside what its models say: indexes for LIKE, and a CHECK of JSON. ormkit keeps decimals and UUIDs of SQLite in its
# own way.
TRUE = {
    "postgresql": [
        "drop_index shop_customer",
        "drop_index shop_customer",
        "drop_index shop_customer_tags",
        "drop_index shop_tag",
    ],
    "sqlite": [
        "alter_column shop_customer credit",
        "alter_column shop_customer token",
        "drop_constraint shop_customer",
    ],
}


async def test_models_like_those_of_django_find_true_differences_alone(engine, url):
    made_by("adopted_django.py", url)
    found = await differences(engine, shop(engine.is_postgres()), exclude=AUTH)
    assert found == TRUE[engine.dialect]


class Color(enum.Enum):
    RED = "red"
    BLUE = "it's blue"


def accounts(postgres: bool) -> list[Any]:
    """The models of `adopted_sqlalchemy.py`, by hand."""

    class Base(DeclarativeBase):
        pass

    class Account(Base):
        __tablename__ = "accounts"
        __table_args__ = (
            UniqueConstraint("name", "born"),
            CheckConstraint("size > 0"),
            Index(None, text("lower(name)")),
            Index(None, "born", postgresql_where=text("flag")),
            {"comment": "all of them"},
        )
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str] = mapped_column(String(30), index=True)
        mail: Mapped[str | None] = mapped_column(String(60), unique=True, comment="where to write")
        words: Mapped[str] = mapped_column(server_default="none")
        size: Mapped[int] = mapped_column(SmallInteger, server_default="3")
        big: Mapped[int | None] = mapped_column(BigInteger)
        flag: Mapped[bool] = mapped_column(server_default=text("true"))
        score: Mapped[float] = mapped_column(server_default="1.5")
        price: Mapped[Decimal | None] = mapped_column(Numeric(10, 2))
        born: Mapped[date | None]
        wakes: Mapped[time | None]
        made: Mapped[datetime] = mapped_column(DateTime(timezone=False), server_default=func.current_timestamp())
        zoned: Mapped[datetime | None]
        wait: Mapped[timedelta | None]
        raw: Mapped[bytes | None]
        token: Mapped[UUID | None]
        color: Mapped[Color] = mapped_column(Enum(Color, by="name"), server_default="RED")
        data: Mapped[Any] = mapped_column(JSON, nullable=True)
        twice: Mapped[int | None] = mapped_column(Computed("size * 2", persisted=True))

    class Entry(Base):
        __tablename__ = "entries"
        __table_args__ = (
            ForeignKeyConstraint(
                ["parent_account", "parent_number"],
                ["entries.account_id", "entries.number"],
                onupdate="CASCADE",
                deferrable=True,
                initially="DEFERRED",
            ),
        )
        account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True)
        number: Mapped[int] = mapped_column(primary_key=True)
        parent_account: Mapped[int | None]
        parent_number: Mapped[int | None]

    if not postgres:
        return [Account, Entry]

    class Native(Base):
        __tablename__ = "natives"
        __table_args__ = (
            Index(None, "tags", postgresql_using="gin"),
            UniqueConstraint("counted", deferrable=True),
            ExcludeConstraint(("span", "&&")),
            {"schema": "apart"},
        )
        id: Mapped[int] = mapped_column(BigInteger, Identity(always=True, start=100), primary_key=True)
        counted: Mapped[int] = mapped_column(Identity())
        tags: Mapped[list[str]]
        span: Mapped[Any] = mapped_column(TSTZRANGE)
        address: Mapped[Any] = mapped_column(Inet)
        bits: Mapped[str] = mapped_column(Bit(4))
        colors: Mapped[list[Color]] = mapped_column(ARRAY(Enum(Color, by="name", name="shade", schema="apart")))

    return [Account, Entry, Native]


# SQLAlchemy checks no enum there, and stores some types in its own way.
TRUE_OF_SQLALCHEMY = {
    "postgresql": [],
    "sqlite": [
        "alter_column accounts data",
        "alter_column accounts price",
        "alter_column accounts token",
        "alter_column accounts wait",
        "create_check_constraint accounts",
    ],
}


async def test_models_like_those_of_sqlalchemy_find_true_differences_alone(engine, url):
    made_by("adopted_sqlalchemy.py", url)
    assert await differences(engine, accounts(engine.is_postgres())) == TRUE_OF_SQLALCHEMY[engine.dialect]


async def test_what_is_inspected_of_django_leaves_true_differences_alone(engine, url, capsys):
    made_by("adopted_django.py", url)
    text = await asyncio.to_thread(inspect, capsys, url)
    found = await left(url, load(text))
    assert found == ([] if engine.is_postgres() else ["<SchemaStep alter_column shop_customer.credit>"]), text
