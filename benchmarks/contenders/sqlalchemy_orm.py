"""SQLAlchemy 2, asynchronous: over asyncpg and over aiosqlite."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import rows
from contender import Contender
from sqlalchemy import DateTime, ForeignKey, String, delete, event, func, insert as sql_insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, joinedload, mapped_column, relationship, selectinload


class Base(DeclarativeBase):
    pass


class Item(Base):
    __tablename__ = "items"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    email: Mapped[str] = mapped_column(String(100))
    bucket: Mapped[int] = mapped_column(index=True)
    age: Mapped[int]
    score: Mapped[float]
    active: Mapped[bool]
    created: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    note: Mapped[str | None]


class Author(Base):
    __tablename__ = "authors"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    country: Mapped[str] = mapped_column(String(100))
    books: Mapped[list[Book]] = relationship(back_populates="author")


class Book(Base):
    __tablename__ = "books"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(100))
    year: Mapped[int]
    author_id: Mapped[int] = mapped_column(ForeignKey("authors.id"), index=True)
    author: Mapped[Author] = relationship(back_populates="books")


class Account(Base):
    __tablename__ = "accounts"
    id: Mapped[int] = mapped_column(primary_key=True)
    owner: Mapped[str] = mapped_column(String(100))
    balance: Mapped[int]


class Entry(Base):
    __tablename__ = "entries"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    kind: Mapped[str] = mapped_column(String(100))
    amount: Mapped[int]
    ratio: Mapped[float]


def _pragmas(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


class SqlalchemyOrm(Contender):
    session: async_sessionmaker[AsyncSession]

    async def open(self, url: str) -> None:
        driver = "postgresql+asyncpg" if url.startswith("postgresql") else "sqlite+aiosqlite"
        self.engine = create_async_engine(
            f"{driver}:{url.partition(':')[2]}", pool_size=self.POOL, max_overflow=0, pool_pre_ping=False
        )
        if driver.startswith("sqlite"):
            event.listen(self.engine.sync_engine, "connect", _pragmas)
        self.session = async_sessionmaker(self.engine, expire_on_commit=False)
        async with self.engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
            for model in (Item, Author, Book, Account):
                table = model.__tablename__
                await connection.execute(sql_insert(model), [row._asdict() for row in getattr(rows, table)()])
            await connection.execute(text("ANALYZE"))

    async def close(self) -> None:
        await self.engine.dispose()

    async def get(self, key: int) -> Any:
        async with self.session() as session:
            return await session.get(Item, key)

    async def bucket(self, bucket: int) -> Sequence[Any]:
        async with self.session() as session:
            return (await session.scalars(select(Item).where(Item.bucket == bucket).order_by(Item.id))).all()

    async def items(self) -> Sequence[Any]:
        async with self.session() as session:
            return (await session.scalars(select(Item).order_by(Item.id))).all()

    async def books_with_author(self, limit: int) -> Sequence[Any]:
        statement = select(Book).options(joinedload(Book.author, innerjoin=True)).order_by(Book.id).limit(limit)
        async with self.session() as session:
            return (await session.scalars(statement)).all()

    async def authors_with_books(self) -> Sequence[Any]:
        statement = select(Author).options(selectinload(Author.books)).order_by(Author.id)
        async with self.session() as session:
            return (await session.scalars(statement)).all()

    async def insert_one(self, entry: rows.Entry) -> int:
        async with self.session() as session:
            new = Entry(name=entry.name, kind=entry.kind, amount=entry.amount, ratio=entry.ratio)
            session.add(new)
            await session.commit()
            return new.id

    async def insert_many(self, entries: Sequence[rows.Entry]) -> None:
        async with self.session() as session:
            session.add_all([Entry(name=e.name, kind=e.kind, amount=e.amount, ratio=e.ratio) for e in entries])
            await session.commit()

    async def change(self, key: int, balance: int) -> None:
        async with self.session() as session:
            account = await session.get_one(Account, key)
            account.balance = balance
            await session.commit()

    async def deposit(self, key: int, amount: int) -> None:
        async with self.session() as session, session.begin():
            account = await session.get_one(Account, key)
            account.balance += amount

    async def count(self, age: int) -> int:
        async with self.session() as session:
            return await session.scalar(select(func.count()).select_from(Item).where(Item.age >= age)) or 0

    async def balance(self, key: int) -> int:
        async with self.session() as session:
            return (await session.get_one(Account, key)).balance

    async def entries(self) -> tuple[int, int]:
        async with self.session() as session:
            found = await session.execute(
                select(func.count(), func.coalesce(func.sum(Entry.amount), 0)).select_from(Entry)
            )
            return tuple(found.one())

    async def clear_entries(self) -> None:
        async with self.session() as session:
            await session.execute(delete(Entry))
            await session.commit()
