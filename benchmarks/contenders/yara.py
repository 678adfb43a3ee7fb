"""yara-orm, on SQLite with the setting that its own documentation recommends for speed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import rows
from contender import Contender
from yara_orm import Model, Sum, YaraOrm, connections, fields, in_transaction


class Item(Model):
    id = fields.IntField(pk=True)
    name = fields.CharField(max_length=100)
    email = fields.CharField(max_length=100)
    bucket = fields.IntField(index=True)
    age = fields.IntField()
    score = fields.FloatField()
    active = fields.BooleanField()
    created = fields.DatetimeField()
    note = fields.TextField(null=True)

    class Meta:
        table = "items"


class Author(Model):
    id = fields.IntField(pk=True)
    name = fields.CharField(max_length=100)
    country = fields.CharField(max_length=100)

    class Meta:
        table = "authors"


class Book(Model):
    id = fields.IntField(pk=True)
    title = fields.CharField(max_length=100)
    year = fields.IntField()
    author = fields.ForeignKeyField("Author", related_name="books", index=True)

    class Meta:
        table = "books"


class Account(Model):
    id = fields.IntField(pk=True)
    owner = fields.CharField(max_length=100)
    balance = fields.IntField()

    class Meta:
        table = "accounts"


class Entry(Model):
    id = fields.IntField(pk=True)
    name = fields.CharField(max_length=100)
    kind = fields.CharField(max_length=100)
    amount = fields.IntField()
    ratio = fields.FloatField()

    class Meta:
        table = "entries"


class Yara(Contender):
    async def open(self, url: str) -> None:
        sqlite = url.startswith("sqlite")
        option = "sync_fast_path=1" if sqlite else f"max_size={self.POOL}"
        await YaraOrm.init(f"{url}?{option}")
        await YaraOrm.generate_schemas()
        for model in (Item, Author, Book, Account):
            table = model._meta.db_table
            # The keys are left to the database, which numbers from 1 like `rows.py`.
            given = [{k: v for k, v in row._asdict().items() if k != "id"} for row in getattr(rows, table)()]
            await model.bulk_create([model(**values) for values in given], batch_size=1_000)
        await connections.get("default").execute("ANALYZE")

    async def close(self) -> None:
        await YaraOrm.close()

    async def get(self, key: int) -> Any:
        return await Item.get(id=key)

    async def bucket(self, bucket: int) -> Sequence[Any]:
        return await Item.filter(bucket=bucket).order_by("id")

    async def items(self) -> Sequence[Any]:
        return await Item.all().order_by("id")

    async def books_with_author(self, limit: int) -> Sequence[Any]:
        return await Book.all().select_related("author").order_by("id").limit(limit)

    async def authors_with_books(self) -> Sequence[Any]:
        authors = await Author.all().prefetch_related("books").order_by("id")
        return [(author, await author.books) for author in authors]  # awaiting what was prefetched sends nothing

    async def insert_one(self, entry: rows.Entry) -> int:
        return (await Entry.create(name=entry.name, kind=entry.kind, amount=entry.amount, ratio=entry.ratio)).id

    async def insert_many(self, entries: Sequence[rows.Entry]) -> None:
        await Entry.bulk_create([Entry(name=e.name, kind=e.kind, amount=e.amount, ratio=e.ratio) for e in entries])

    async def change(self, key: int, balance: int) -> None:
        account = await Account.get(id=key)
        account.balance = balance
        await account.save(update_fields=["balance"])

    async def deposit(self, key: int, amount: int) -> None:
        async with in_transaction():
            account = await Account.get(id=key)
            account.balance += amount
            await account.save(update_fields=["balance"])

    async def count(self, age: int) -> int:
        return await Item.filter(age__gte=age).count()

    async def balance(self, key: int) -> int:
        return (await Account.get(id=key)).balance

    async def entries(self) -> tuple[int, int]:
        found = await Entry.annotate(total=Sum("amount")).values("total")
        return await Entry.all().count(), found[0]["total"] or 0

    async def clear_entries(self) -> None:
        await Entry.all().delete()

    def shelves(self, authors: Sequence[Any]) -> list[tuple[str, list[str]]]:
        return [(author.name, [book.title for book in books]) for author, books in authors]
