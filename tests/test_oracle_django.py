"""Random lookups across relations, given to ormkit on both databases and to Django: one answer.

NULLs everywhere, negation of everything. What Django says of a condition on rows that are not there (a LEFT JOIN) and of
`exclude` over lists (a subquery) is what ormkit says. A failure names its seed; `ORMKIT_FUZZ_SEEDS=1000:9000` runs others.
"""

from __future__ import annotations

import os
import random
from typing import Any

import django_library
import pytest
from django.db.models import Q as DjangoQ

import ormkit
from ormkit import (
    AsyncSession,
    Column,
    DeclarativeBase,
    ForeignKey,
    Integer,
    Mapped,
    Q,
    Table,
    mapped_column,
    relationship,
)

QUERIES = 60


class Base(DeclarativeBase):
    __abstract__ = True


book_tags = Table(
    "book_tags",
    Base.metadata,
    Column("book_id", Integer, ForeignKey("books.id"), primary_key=True),
    Column("tag_id", Integer, ForeignKey("tags.id"), primary_key=True),
)


class Team(Base):
    __tablename__ = "teams"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None]
    authors: Mapped[list[Author]] = relationship(back_populates="team")


class Author(Base):
    __tablename__ = "authors"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None]
    born: Mapped[int | None]
    team_id: Mapped[int | None] = mapped_column(ForeignKey("teams.id"))
    team: Mapped[Team | None] = relationship(back_populates="authors")
    books: Mapped[list[Book]] = relationship(back_populates="author")


class Tag(Base):
    __tablename__ = "tags"
    id: Mapped[int] = mapped_column(primary_key=True)
    word: Mapped[str | None]
    books: Mapped[list[Book]] = relationship(secondary=book_tags, back_populates="tags")


class Book(Base):
    __tablename__ = "books"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str | None]
    year: Mapped[int | None]
    author_id: Mapped[int | None] = mapped_column(ForeignKey("authors.id"))
    author: Mapped[Author | None] = relationship(back_populates="books")
    tags: Mapped[list[Tag]] = relationship(secondary=book_tags, back_populates="books")


OURS: dict[str, Any] = {"Team": Team, "Author": Author, "Book": Book, "Tag": Tag}
TEXTS = {"Team": ["name"], "Author": ["name"], "Book": ["title"], "Tag": ["word"]}
NUMBERS = {"Team": ["id"], "Author": ["id", "born"], "Book": ["id", "year"], "Tag": ["id"]}
# The relation, what it leads to, and whether to many.
WAYS = {
    "Team": [("authors", "Author", True)],
    "Author": [("team", "Team", False), ("books", "Book", True)],
    "Book": [("author", "Author", False), ("tags", "Tag", True)],
    "Tag": [("books", "Book", True)],
}


class World:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        pick = self.random.choice
        word = lambda: pick([None, "a", "b", "ab"])  # noqa: E731
        number = lambda: pick([None, 1, 2, 3])  # noqa: E731
        self.rows: dict[str, list[dict[str, Any]]] = {
            "Team": [{"id": i, "name": word()} for i in (1, 2, 3)],
            "Author": [{"id": i, "name": word(), "born": number(), "team_id": number()} for i in range(1, 7)],
            "Book": [{"id": i, "title": word(), "year": number(), "author_id": number()} for i in range(1, 9)],
            "Tag": [{"id": i, "word": word()} for i in (1, 2, 3, 4)],
        }
        pairs = [(book, tag) for book in range(1, 9) for tag in (1, 2, 3, 4)]
        self.links = self.random.sample(pairs, 9)

    def lookup(self, model: str, depth: int = 2) -> tuple[str, Any, bool]:
        """A name, its value, and whether it crosses a relation to many."""
        pick, many, path = self.random.choice, False, ""
        while depth and self.random.random() < 0.6:
            way, model, to_many = pick(WAYS[model])
            depth, many, path = depth - 1, many or to_many, f"{path}{way}__"
        kind = self.random.random()
        if kind < 0.15:
            way, model, to_many = pick(WAYS[model])
            name, value = pick(
                [
                    (way, None),
                    (f"{way}__isnull", True),
                    (f"{way}__isnull", False),
                    (way, pick([1, 2, 3])),
                    (f"{way}__in", [1, 3]),
                ]
            )
            return path + name, value, many or to_many
        if kind < 0.55:
            field = pick(TEXTS[model])
            name, value = pick(
                [
                    ("", "a"),
                    ("", None),
                    ("__isnull", True),
                    ("__isnull", False),
                    ("__contains", "a"),
                    ("__in", ["a", "ab"]),
                    ("__iexact", "A"),
                    ("__startswith", "b"),
                    ("__in", []),
                ]
            )
        else:
            field = pick(NUMBERS[model])
            name, value = pick(
                [
                    ("", 2),
                    ("", None),
                    ("__isnull", True),
                    ("__isnull", False),
                    ("__gt", 1),
                    ("__lte", 2),
                    ("__in", [1, 3]),
                ]
            )
        return path + field + name, value, many

    def together(self, model: str, denied: bool) -> dict[str, Any]:
        """Lookups of one call. Django reads those of a denied call apart where they cross to many: there one is enough."""
        name, value, many = self.lookup(model)
        lookups = {name: value}
        if self.random.random() < 0.5:
            name, value, more = self.lookup(model)
            if not (denied and (many or more)):
                lookups[name] = value
        return lookups

    @staticmethod
    def crosses(model: str, lookups: dict[str, Any]) -> bool:
        """True where one of them looks at a list. Beside others Django denies it of rows that those have found, if they come
        first; here it is denied of the whole list."""
        for name in lookups:
            at = model
            for part in name.split("__"):
                for way, target, many in WAYS[at]:
                    if way == part:
                        if many:
                            return True
                        at = target
        return False

    def condition(self, model: str, ours: bool, script: list[Any]) -> Any:
        made: Any = None
        for how, lookups in script:
            one = (Q if ours else DjangoQ)(**lookups)
            if "~" in how:
                one = ~one
            made = one if made is None else (made | one if "|" in how else made & one)
        return made

    def steps(self, model: str) -> list[tuple[str, Any]]:
        found: list[tuple[str, Any]] = []
        for _ in range(self.random.randint(1, 3)):
            kind = self.random.choice(["filter", "exclude", "Q"])
            if kind == "Q":
                script: list[Any] = []
                size = self.random.randint(1, 3)
                while len(script) < size:
                    how = self.random.choice(["&", "|", "~&", "~|"])
                    lookups = self.together(model, True)
                    if size == 1 or "~" not in how or not self.crosses(model, lookups):
                        script.append((how, lookups))
                found.append((kind, script))
            else:
                found.append((kind, self.together(model, kind == "exclude")))
        return found

    def apply(self, query: Any, model: str, steps: list[tuple[str, Any]], ours: bool) -> Any:
        for kind, what in steps:
            query = query.filter(self.condition(model, ours, what)) if kind == "Q" else getattr(query, kind)(**what)
        return query


def seeds() -> list[int]:
    first, last = os.environ.get("ORMKIT_FUZZ_SEEDS", "0:4").split(":")
    return list(range(int(first), int(last)))


@pytest.mark.parametrize("seed", seeds())
async def test_lookups_answer_as_in_django(engine: ormkit.ConnectionPool, seed: int) -> None:
    world = World(seed)
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        for name, rows in world.rows.items():
            await session.insert_all([OURS[name](**row) for row in rows])
        for book, tag in world.links:
            await engine.execute(f"INSERT INTO book_tags (book_id, tag_id) VALUES ({book}, {tag})")
        with django_library.filled(world.rows, world.links):
            for number in range(QUERIES):
                model = world.random.choice(list(OURS))
                steps = world.steps(model)
                theirs = world.apply(django_library.MODELS[model].objects, model, steps, False)
                wanted = sorted(set(theirs.values_list("id", flat=True)))
                found = await world.apply(session.query(OURS[model]), model, steps, True).values_list("id", flat=True)
                assert sorted(found) == wanted, f"seed {seed}, query {number}: {model} {steps}\n{theirs.query}"
