"""Random statements over random models, given to ormkit on both databases and to SQLAlchemy on PostgreSQL: one answer.

A failure names its seed; `ORMKIT_FUZZ_SEEDS=1000:9000` runs other worlds than the usual ones, forty statements each.
"""

from __future__ import annotations

import asyncio
import os
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy
import sqlalchemy.orm
from queries import Statement
from worlds import World

import ormkit
from ormkit import AsyncSession

STATEMENTS = 40
WORDS = (
    "select func union union_all intersect except_ exists literal case cast and_ or_ not_ tuple_ extract Integer String"
)
ORM = "aliased selectinload joinedload"


def words(module: Any, orm: Any) -> SimpleNamespace:
    found = {name: getattr(module, name) for name in WORDS.split()}
    return SimpleNamespace(**found, **{name: getattr(orm, name) for name in ORM.split()})


OURS = words(ormkit, ormkit)
THEIRS = words(sqlalchemy, sqlalchemy.orm)


def plain(value: Any) -> Any:
    """A value as both libraries and both databases give it: numbers by value, objects by class and key."""
    if isinstance(value, (bool, int, float, Decimal)):
        return float(f"{float(value):.9g}") + 0.0
    if hasattr(value, "__tablename__"):
        names = ["id"] if hasattr(value, "id") else [name for name in ("key0_id", "key1_id") if hasattr(value, name)]
        return (type(value).__name__, *[getattr(value, name) for name in names])
    return value


def table(rows: Any, ordered: bool) -> list[Any]:
    found = [tuple(plain(value) for value in row) for row in rows]
    return found if ordered else sorted(found, key=repr)


def seen(objects: Any, world: World, tree: dict[str, Any], ordered: bool) -> Any:
    """The objects with their columns and with the relations of the tree."""
    found = []
    for one in objects:
        model = world.models[int(type(one).__name__[1:])]
        names = [*model.key, *model.keys, *[column.name for column in model.columns]]
        row: dict[str, Any] = {name: plain(getattr(one, name)) for name in names}
        for name, under in tree.items():
            there = getattr(one, name)
            there = there if isinstance(there, list) else [] if there is None else [there]
            row[name] = seen(there, world, under, False)
        found.append(row)
    return found if ordered else sorted(found, key=repr)


class Asked:
    """What all three answer to one world's statements."""

    def __init__(self, seed: int) -> None:
        self.world = World(seed)
        self.our_base, self.ours = self.world.of_ormkit()
        self.their_base, self.theirs = self.world.of_sqlalchemy()

    def statements(self, q: SimpleNamespace, made: SimpleNamespace) -> Any:
        for number in range(STATEMENTS):
            statement = Statement(self.world, q, made, f"{self.world.seed}/{number}")
            if number % 5 == 0:
                yield number, statement, *statement.graph()
            else:
                yield number, statement, statement.make(), None

    async def of_ormkit(self, url: str) -> list[Any]:
        answers = []
        async with ormkit.create_engine(url) as engine:
            await self.our_base.metadata.create_all(engine)
            async with AsyncSession(engine) as session:
                for model in self.world.models:
                    made = getattr(self.ours, model.name)
                    session.add_all([made(**row) for row in self.world.rows[model.name.lower()]])
                await session.commit()
            for _, statement, made, tree in self.statements(OURS, self.ours):
                async with AsyncSession(engine) as session:
                    try:
                        result = await session.execute(made)
                        if tree is None:
                            answers.append(table(result.all(), statement.ordered))
                        else:
                            answers.append(seen(result.scalars().all(), self.world, tree, statement.ordered))
                    except ormkit.OrmkitError as error:
                        answers.append(f"{type(error).__name__}: {error}\n{made.to_sql(engine.dialect)}")
        return answers

    def of_sqlalchemy(self, url: str) -> list[Any]:
        answers: list[Any] = []
        engine = sqlalchemy.create_engine(url.replace("postgres://", "postgresql://").replace("ql://", "ql+psycopg://"))
        for _, statement, made, tree in self.statements(THEIRS, self.theirs):
            with sqlalchemy.orm.Session(engine) as session:
                try:
                    result = session.execute(made)
                    if tree is None:
                        answers.append(table(result.all(), statement.ordered))
                    else:
                        answers.append(seen(result.unique().scalars().all(), self.world, tree, statement.ordered))
                except sqlalchemy.exc.SQLAlchemyError as error:
                    answers.append(f"error {type(error).__name__} {error}")
        engine.dispose()
        return answers

    def compare(self, database: str, ours: list[Any], theirs: list[Any]) -> None:
        for number, (our, their) in enumerate(zip(ours, theirs, strict=True)):
            if isinstance(their, str):
                continue  # SQLAlchemy writes what PostgreSQL refuses
            if our != their:
                made = [made for at, _, made, _ in self.statements(THEIRS, self.theirs) if at == number]
                text = f"seed {self.world.seed}, statement {number} on {database}\n{made[0]}"
                raise AssertionError(f"{text}\nours:   {our}\ntheirs: {their}")


def seeds() -> range:
    if given := os.environ.get("ORMKIT_FUZZ_SEEDS"):
        first, last = given.split(":")
        return range(int(first), int(last))
    return range(10)


@pytest.mark.parametrize("seed", seeds())
def test_rows_are_those_of_sqlalchemy(seed: int, sqlite_url: str, postgres_url: str) -> None:
    asked = Asked(seed)
    on_postgresql = asyncio.run(asked.of_ormkit(postgres_url))
    theirs = asked.of_sqlalchemy(postgres_url)
    asked.compare("PostgreSQL", on_postgresql, theirs)
    asked.compare("SQLite", asyncio.run(asked.of_ormkit(sqlite_url)), theirs)
