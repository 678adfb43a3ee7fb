"""Keys of several columns: `get`, `pk` lookups, `in_bulk`."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from ormkit import (
    AsyncSession,
    ConnectionPool,
    DeclarativeBase,
    FieldError,
    ForeignKeyConstraint,
    InvalidRequestError,
    Mapped,
    Q,
    Unsupported,
    mapped_column,
    relationship,
)


class Base(DeclarativeBase):
    pass


class Order(Base):
    __tablename__ = "orders"
    region: Mapped[str] = mapped_column(primary_key=True)
    num: Mapped[int] = mapped_column(primary_key=True)
    note: Mapped[str | None]
    lines: Mapped[list[Line]] = relationship(back_populates="order")


class Line(Base):
    __tablename__ = "lines"
    __table_args__ = (ForeignKeyConstraint(["region", "num"], ["orders.region", "orders.num"]),)
    id: Mapped[int] = mapped_column(primary_key=True)
    region: Mapped[str | None]
    num: Mapped[int | None]
    order: Mapped[Order | None] = relationship(back_populates="lines")


@pytest_asyncio.fixture
async def session(engine: ConnectionPool) -> AsyncIterator[AsyncSession]:
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        rows = [("eu", 1), ("eu", 2), ("us", 1), ("us", 2)]
        orders = await session.insert_all([Order(region=r, num=n, note=f"{r}{n}") for r, n in rows])
        await session.insert_all([Line(order=order) for order in orders] + [Line()])
        await session.commit()
        yield session


def notes(orders: list[Order]) -> list[str | None]:
    return sorted(order.note or "" for order in orders)


async def test_get_takes_a_tuple_or_a_dict(session: AsyncSession) -> None:
    order = await session.get(Order, ("eu", 2))
    assert order is not None and order.note == "eu2"
    assert await session.get(Order, {"num": 2, "region": "eu"}) is order
    assert await session.get(Line, {"id": 1}) is await session.get(Line, 1)
    with pytest.raises(
        InvalidRequestError, match=r"\(region, num\), a tuple in this order, or a dict.*num was not given"
    ):
        await session.get(Order, {"region": "eu"})
    with pytest.raises(InvalidRequestError, match=r"Order\.note is no part of it"):
        await session.get(Order, {"region": "eu", "num": 1, "note": "x"})
    with pytest.raises(FieldError, match="nun"):
        await session.get(Order, {"region": "eu", "nun": 1})
    with pytest.raises(InvalidRequestError, match=r"1 value\(s\) were given"):
        await session.get(Order, 1)


async def test_pk_is_the_whole_key(session: AsyncSession) -> None:
    query = session.query(Order)
    assert notes(await query.filter(pk=("eu", 1))) == ["eu1"]
    assert notes(await query.filter(pk={"region": "us", "num": 1})) == ["us1"]
    assert notes(await query.exclude(pk=("eu", 1))) == ["eu2", "us1", "us2"]
    assert notes(await query.filter(pk__ne=("eu", 1))) == ["eu2", "us1", "us2"]
    assert notes(await query.filter(pk__in=[("eu", 1), ("us", 2), ("us", 9)])) == ["eu1", "us2"]
    assert notes(await query.filter(pk__notin=[("eu", 1), ("us", 2)])) == ["eu2", "us1"]
    assert await query.filter(pk__in=[]) == []
    assert notes(await query.filter(Q(pk=("eu", 1)) | Q(pk=("us", 1)))) == ["eu1", "us1"]
    assert (await query.get(pk=("eu", 1))).note == "eu1"


async def test_pk_works_across_relations(session: AsyncSession) -> None:
    lines = await session.query(Line).filter(order__pk=("eu", 2))
    assert [(line.region, line.num) for line in lines] == [("eu", 2)]
    assert await session.query(Line).filter(order__pk__in=[("eu", 2), ("us", 1)]).count() == 2
    assert await session.query(Line).exclude(order__pk=("eu", 2)).count() == 4
    assert await session.query(Order).filter(lines__pk=1).count() == 1


async def test_what_no_key_is_gets_an_error_before_anything_is_sent(session: AsyncSession) -> None:
    query = session.query(Order)
    with pytest.raises(InvalidRequestError, match=r"key of Order is \(region, num\)"):
        query.filter(pk=1)
    with pytest.raises(TypeError, match=r"None is no Order\.num"):
        query.filter(pk=("eu", None))
    with pytest.raises(Unsupported, match="`gt` on the key of several columns"):
        query.filter(pk__gt=("eu", 1))
    with pytest.raises(Unsupported, match="`pk` as one value of Order"):
        query.order_by("pk")


async def test_in_bulk_answers_by_tuples(session: AsyncSession) -> None:
    found = await session.query(Order).in_bulk([("eu", 1), ("us", 2), ("us", 7)])
    assert {key: order.note for key, order in found.items()} == {("eu", 1): "eu1", ("us", 2): "us2"}
    assert sorted(await session.query(Order).in_bulk()) == [("eu", 1), ("eu", 2), ("us", 1), ("us", 2)]


async def test_verbs_go_by_pk(session: AsyncSession) -> None:
    assert await session.query(Order).filter(pk__in=[("eu", 1), ("eu", 2)]).update(note="x") == 2
    await session.query(Line).filter(order__pk=("us", 1)).delete()
    assert await session.query(Order).filter(pk=("us", 1)).delete() == 1
    assert await session.query(Order).count() == 3
