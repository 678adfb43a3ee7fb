"""`JSON.NULL` is JSON's null, None is SQL's NULL."""

from __future__ import annotations

import copy
import pickle
from dataclasses import dataclass
from typing import Any

import pytest

from ormkit import JSON, AsyncSession, DeclarativeBase, Mapped, create_engine, insert, mapped_column, select, update
from ormkit.testing import assert_queries


class Base(DeclarativeBase):
    __abstract__ = True


@dataclass
class Size:
    width: int


class Fact(Base):
    __tablename__ = "facts"
    id: Mapped[int] = mapped_column(primary_key=True)
    meta: Mapped[dict[str, Any] | None]
    sure: Mapped[Any] = mapped_column(JSON, default=JSON.NULL, nullable=False)
    size: Mapped[Size | None]


async def stored(engine, column: str = "meta") -> list[str | None]:
    """The JSON texts in the table."""
    return (await engine.execute(f"SELECT CAST({column} AS TEXT) FROM facts ORDER BY id")).scalars()


def test_there_is_one_object():
    assert JSON.NULL is JSON.NULL
    assert copy.copy(JSON.NULL) is JSON.NULL
    assert copy.deepcopy([JSON.NULL]) == [JSON.NULL]
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(JSON.NULL, protocol)) is JSON.NULL
    assert not JSON.NULL
    assert repr(JSON.NULL) == "JSON.NULL"


async def test_objects(engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        session.add_all(
            [Fact(id=1, meta=None), Fact(id=2, meta=JSON.NULL, size=JSON.NULL), Fact(id=3, meta={"a": None})]
        )
        await session.commit()
    assert await stored(engine) in ([None, "null", '{"a": null}'], [None, "null", '{"a":null}'])
    assert await stored(engine, "sure") == ["null"] * 3
    assert await stored(engine, "size") == [None, "null", None]
    async with AsyncSession(engine) as session:
        facts = await session.query(Fact).order_by("id").all()
        assert [fact.meta for fact in facts] == [None, None, {"a": None}]
        assert facts[0].sure is None and facts[1].size is None
        assert not session.is_modified(facts[1])
        await session.flush()
        assert await stored(engine, "sure") == ["null"] * 3
        facts[1].sure = {}
        await session.flush()
        facts[0].meta, facts[1].meta, facts[2].meta = JSON.NULL, None, JSON.NULL
        await session.commit()
    assert await stored(engine) == ["null", None, "null"]


async def test_none_again_is_no_change(engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        session.add(Fact(id=1, meta={}))
        await session.commit()
        fact = await session.get_one(Fact, 1)
        fact.meta = None
        await session.flush()
        with assert_queries(0):
            fact.meta = None
            await session.flush()
        await session.commit()


async def test_conditions(engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        session.add_all(
            [Fact(id=1), Fact(id=2, meta=JSON.NULL), Fact(id=3, meta={"a": None, "b": 1}), Fact(id=4, meta={})]
        )
        await session.commit()

        async def ids(*conditions, **lookups):
            return [fact.id for fact in await session.query(Fact).filter(*conditions, **lookups).order_by("id").all()]

        assert await ids(Fact.meta == JSON.NULL) == [2]
        assert await ids(Fact.meta != JSON.NULL) == [3, 4]
        assert await ids(Fact.meta.is_(None)) == [1]
        assert await ids(meta=JSON.NULL) == [2]
        assert await ids(meta=None) == [1]
        assert await ids(meta__isnull=True) == [1]
        assert await ids(Fact.meta.in_([JSON.NULL, {}])) == [2, 4]
        assert await ids(meta__in=[JSON.NULL, {}]) == [2, 4]
        assert await ids(Fact.meta["a"] == JSON.NULL) == [3]
        assert await ids(meta__a=JSON.NULL) == [3]


async def test_statements(engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        await session.execute(insert(Fact).values([{"id": 1, "meta": JSON.NULL}, {"id": 2, "meta": None}]))
        await session.execute(update(Fact).where(Fact.id == 2).values(sure={"a": 1}, meta=JSON.NULL))
        assert (await session.scalars(select(Fact.id).where(Fact.meta == JSON.NULL).order_by(Fact.id))).all() == [1, 2]
        await session.query(Fact).filter(id=1).update(meta=None)
        await session.commit()
    assert await stored(engine) == [None, "null"]
    await engine.execute("INSERT INTO facts (id, sure, meta) VALUES (3, '1', :value)", {"value": JSON.NULL})
    assert await stored(engine) == [None, "null", "null"]


async def test_functions_of_your_own_are_not_asked(sqlite_url):
    def dumps(value):
        assert value is not JSON.NULL
        return "{}"

    async with create_engine(sqlite_url, json_dumps=dumps) as engine:
        await Base.metadata.create_all(engine)
        async with AsyncSession(engine) as session:
            session.add(Fact(id=1, meta=JSON.NULL))
            await session.commit()
        assert await stored(engine) == ["null"]


async def test_other_columns_refuse_it(engine):
    with pytest.raises(Exception, match=r"Fact\.id: expected int, got a value of type JsonNull"):
        select(Fact).where(Fact.id == JSON.NULL)
