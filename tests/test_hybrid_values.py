"""Values that are given to hybrids in statements: `update_expression` for `values(..)`, `bulk_dml` for rows beside it."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

import pytest

from ormkit import AsyncSession, DeclarativeBase, Engine, Mapped, hybrid_property, insert, mapped_column, select, update
from ormkit.testing import assert_queries


class Base(DeclarativeBase):
    pass


class Product(Base):
    __tablename__ = "hybrid_products"
    id: Mapped[int] = mapped_column(primary_key=True)
    price: Mapped[float]
    tax: Mapped[float]

    @hybrid_property
    def total(self) -> float:
        return self.price * (1 + self.tax)

    @total.inplace.update_expression
    @classmethod
    def _total_update(cls, value: Any) -> list[tuple[Any, Any]]:
        return [(cls.price, value / (1 + cls.tax))]

    @total.inplace.bulk_dml
    @classmethod
    def _total_bulk(cls, row: MutableMapping[str, Any], value: float) -> None:
        row["price"] = value / (1 + row["tax"])

    @hybrid_property
    def cents(self) -> float:
        return self.price * 100

    @cents.bulk_dml
    def cents(cls, row: MutableMapping[str, Any], value: float) -> None:
        row["price"] = value / 100


@pytest.fixture
async def session(engine: Engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        yield session


async def test_rows_beside_a_statement(session: AsyncSession) -> None:
    rows: list[dict[str, Any]] = [{"tax": 0.5, "total": 15.0}, {"tax": 0.25, "total": 10.0}]
    with assert_queries(1):
        await session.execute(insert(Product), rows)
    assert rows[0] == {"tax": 0.5, "total": 15.0}
    await session.execute(insert(Product), {"tax": 0.0, "cents": 300})
    found = select(Product.price, Product.total).order_by(Product.id)
    assert (await session.execute(found)).all() == [(10.0, 15.0), (8.0, 10.0), (3.0, 3.0)]
    await session.execute(update(Product), [{"id": 1, "tax": 1.0, "total": 4.0}, {"id": 2, "tax": 0.0, "total": 7.0}])
    assert (await session.execute(found)).all() == [(2.0, 4.0), (7.0, 7.0), (3.0, 3.0)]
    await session.commit()


async def test_values_of_a_statement(session: AsyncSession) -> None:
    await session.execute(insert(Product).values(tax=0.5, price=1.0))
    await session.execute(update(Product).values({Product.total: 6.0}))
    assert (await session.execute(select(Product.price, Product.total))).all() == [(4.0, 6.0)]
    await session.commit()


async def test_what_the_function_raises_is_told(session: AsyncSession) -> None:
    with pytest.raises(KeyError, match="tax"):
        await session.execute(insert(Product), [{"total": 1.0}])
    assert await session.query(Product).count() == 0
