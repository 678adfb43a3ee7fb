"""SQL of one's own whose columns have types, and objects out of it."""

from __future__ import annotations

from datetime import date, datetime, timezone
from decimal import Decimal

import pytest

from ormkit import (
    AsyncSession,
    Base,
    DataError,
    Date,
    Integer,
    Mapped,
    MetaData,
    Numeric,
    ProgrammingError,
    column,
    mapped_column,
    select,
    text,
)


class Sample(Base):
    metadata = MetaData()

    id: Mapped[int] = mapped_column(primary_key=True)
    label: Mapped[str] = mapped_column("label_text")
    price: Mapped[Decimal]
    day: Mapped[date]
    at: Mapped[datetime]
    live: Mapped[bool]


NOON = datetime(2026, 1, 2, 12, tzinfo=timezone.utc)


@pytest.fixture
async def session(engine):
    await Sample.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        await session.insert_all(
            [
                Sample(id=n, label=f"s{n}", price=Decimal(n) / 4, day=date(2026, 1, n), at=NOON, live=n % 2 == 0)
                for n in (1, 2, 3)
            ]
        )
        session.expunge_all()
        yield session


async def test_columns_of_a_model_are_read_as_they_are_mapped(session):
    statement = text("SELECT live, price, label_text, day, at FROM samples WHERE id = 2").columns(
        Sample.day, Sample.live, Sample.price, Sample.label, Sample.at
    )
    row = (await session.execute(statement)).one()
    assert row == (date(2026, 1, 2), True, Decimal("0.5"), "s2", NOON)
    assert (row.label, row.day) == ("s2", date(2026, 1, 2))


async def test_types_are_given_by_name(session):
    statement = text("SELECT max(day) AS last, max(price) AS most, count(*) AS n FROM samples")
    typed = statement.columns(column("n", Integer), last=Date, most=Numeric(10, 2))
    assert (await session.execute(typed)).one() == (3, date(2026, 1, 3), Decimal("0.75"))


async def test_a_value_of_another_type_is_an_error(session):
    with pytest.raises(DataError, match="label"):
        await session.execute(text("SELECT label_text AS label FROM samples").columns(label=Integer))


async def test_values_are_bound(session):
    statement = text("SELECT id, price FROM samples WHERE price > :least AND label_text <> :label")
    typed = statement.bindparams(least=Decimal("0.25"), label="s3").columns(Sample.id, Sample.price)
    assert (await session.execute(typed)).all() == [(2, Decimal("0.5"))]


async def test_it_is_a_select_like_others(session):
    typed = text("SELECT id, price FROM samples").columns(Sample.id, Sample.price)
    dear = typed.subquery("dear")
    query = select(Sample.label, dear.c.price).join(dear, dear.c.id == Sample.id).order_by(dear.c.price.desc())
    assert (await session.execute(query.limit(1))).all() == [("s3", Decimal("0.75"))]
    assert len((await session.execute(typed.union_all(typed))).all()) == 6


async def test_objects_out_of_text_with_values(session):
    statement = text("SELECT * FROM samples WHERE label_text = :label").bindparams(label="s3")
    found = (await session.scalars(select(Sample).from_statement(statement))).one()
    assert (found.id, found.price, found.live) == (3, Decimal("0.75"), False)
    assert found is await session.get(Sample, 3)
    again = text("SELECT * FROM samples WHERE label_text = :label").bindparams(label="s1")
    assert (await session.scalars(select(Sample).from_statement(again))).one().id == 1


async def test_what_is_wrong_is_said(session):
    with pytest.raises(TypeError, match="columns\\(\\) takes columns, or types by name"):
        text("SELECT 1").columns()
    with pytest.raises(TypeError, match="columns\\(\\) is for text"):
        Sample.id.columns(n=Integer)
    with pytest.raises(TypeError, match="a column type such as Integer"):
        text("SELECT 1 AS n").columns(n=int)
    with pytest.raises(ProgrammingError, match="nothing"):
        await session.execute(text("SELECT 1 AS n").columns(nothing=Integer))
    with pytest.raises(AttributeError, match="no column `price`"):
        text("SELECT id FROM samples").columns(Sample.id).subquery().c.price  # noqa: B018
