"""ormkit, on both databases."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import IO, Any

import rows
from contender import Contender, Driver

from ormkit import (
    AsyncSession,
    Base,
    ForeignKey,
    Mapped,
    create_engine,
    joinedload,
    mapped_column,
    relationship,
    selectinload,
)


class Item(Base):
    __tablename__ = "items"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(max_length=100)
    email: Mapped[str] = mapped_column(max_length=100)
    bucket: Mapped[int] = mapped_column(index=True)
    age: Mapped[int]
    score: Mapped[float]
    active: Mapped[bool]
    created: Mapped[datetime]
    note: Mapped[str | None]


class Author(Base):
    __tablename__ = "authors"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(max_length=100)
    country: Mapped[str] = mapped_column(max_length=100)
    books: Mapped[list[Book]] = relationship(back_populates="author")


class Book(Base):
    __tablename__ = "books"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(max_length=100)
    year: Mapped[int]
    author_id: Mapped[int] = mapped_column(ForeignKey("authors.id"), index=True)
    author: Mapped[Author] = relationship(back_populates="books")


class Account(Base):
    __tablename__ = "accounts"
    id: Mapped[int] = mapped_column(primary_key=True)
    owner: Mapped[str] = mapped_column(max_length=100)
    balance: Mapped[int]


class Entry(Base):
    __tablename__ = "entries"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(max_length=100)
    kind: Mapped[str] = mapped_column(max_length=100)
    amount: Mapped[int]
    ratio: Mapped[float]


COLUMNS = ["name", "kind", "amount", "ratio"]


class OrmkitOrm(Contender, Driver):
    async def open(self, url: str) -> None:
        self.url = url
        self.engine = await create_engine(url, max_connections=self.POOL)
        await Base.metadata.create_all(self.engine)
        for model in (Item, Author, Book, Account):
            async with AsyncSession(self.engine) as session:
                await session.insert_all([model(**row._asdict()) for row in getattr(rows, model.__tablename__)()])
        await self.engine.execute("ANALYZE")

    async def close(self) -> None:
        await self.engine.close()

    async def get(self, key: int) -> Any:
        async with AsyncSession(self.engine) as session:
            return await session.get(Item, key)

    async def bucket(self, bucket: int) -> Sequence[Any]:
        async with AsyncSession(self.engine) as session:
            return await session.query(Item).filter(Item.bucket == bucket).order_by(Item.id).all()

    async def items(self) -> Sequence[Any]:
        async with AsyncSession(self.engine) as session:
            return await session.query(Item).order_by(Item.id).all()

    async def books_with_author(self, limit: int) -> Sequence[Any]:
        async with AsyncSession(self.engine) as session:
            return await session.query(Book).options(joinedload(Book.author)).order_by(Book.id).limit(limit).all()

    async def authors_with_books(self) -> Sequence[Any]:
        async with AsyncSession(self.engine) as session:
            return await session.query(Author).options(selectinload(Author.books)).order_by(Author.id).all()

    async def insert_one(self, entry: rows.Entry) -> int:
        async with AsyncSession(self.engine) as session:
            new = Entry(name=entry.name, kind=entry.kind, amount=entry.amount, ratio=entry.ratio)
            session.add(new)
            await session.commit()
            return new.id

    async def insert_many(self, entries: Sequence[rows.Entry]) -> None:
        async with AsyncSession(self.engine) as session:
            session.add_all([Entry(name=e.name, kind=e.kind, amount=e.amount, ratio=e.ratio) for e in entries])
            await session.commit()

    async def tuples(self) -> Sequence[Sequence[Any]]:
        return (await self.engine.execute("SELECT * FROM items ORDER BY id")).tuples()

    async def execute_many(self, entries: Sequence[rows.Entry]) -> None:
        sql = "INSERT INTO entries (name, kind, amount, ratio) VALUES ($1, $2, $3, $4)"
        await self.engine.execute_many(sql, entries)

    async def connect(self) -> int:
        async with create_engine(self.url) as engine:
            return (await engine.execute("SELECT 1")).scalar()

    async def copy_in(self, entries: Sequence[rows.Entry]) -> None:
        await self.engine.copy_from("entries", entries, columns=COLUMNS)

    async def copy_out(self, file: IO[bytes]) -> None:
        await self.engine.copy_to("entries", file, columns=COLUMNS, format="csv")

    async def change(self, key: int, balance: int) -> None:
        async with AsyncSession(self.engine) as session:
            account = await session.get(Account, key)
            account.balance = balance
            await session.commit()

    async def deposit(self, key: int, amount: int) -> None:
        async with AsyncSession(self.engine) as session, session.begin():
            account = await session.get(Account, key)
            account.balance += amount

    async def count(self, age: int) -> int:
        async with AsyncSession(self.engine) as session:
            return await session.query(Item).filter(Item.age >= age).count()

    async def balance(self, key: int) -> int:
        async with AsyncSession(self.engine) as session:
            account = await session.get(Account, key)
            return account.balance

    async def entries(self) -> tuple[int, int]:
        found = await self.engine.execute("SELECT count(*), coalesce(sum(amount), 0) FROM entries")
        return found.tuples()[0]

    async def clear_entries(self) -> None:
        await self.engine.execute("TRUNCATE entries" if self.engine.is_postgres() else "DELETE FROM entries")
