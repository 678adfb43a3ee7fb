"""Decimals of one number are one value wherever rows are told apart, whatever their digits."""

from __future__ import annotations

from decimal import Decimal

from ormkit import AsyncSession, DeclarativeBase, Mapped, except_, func, intersect, mapped_column, select, union


class Base(DeclarativeBase):
    __abstract__ = True


class Price(Base):
    __tablename__ = "prices_alike"
    id: Mapped[int] = mapped_column(primary_key=True)
    amount: Mapped[Decimal | None]


async def test_equal_decimals_are_one_value(engine):
    await Base.metadata.create_all(engine)
    amount = Price.amount
    async with AsyncSession(engine) as session:
        session.add_all([Price(amount=given and Decimal(given)) for given in ("1.5", "1.50", "2", None)])
        await session.flush()

        async def numbers(statement):
            return sorted((await session.scalars(statement)).all(), key=str)

        assert await numbers(select(func.count()).group_by(amount)) == [1, 1, 2]
        assert len(await numbers(select(amount).distinct())) == 3
        assert await numbers(select(func.count(amount.distinct()))) == [2]
        assert await numbers(select(func.sum(amount.distinct()))) == [Decimal("3.5")]
        assert await numbers(select(func.count().over(partition_by=amount))) == [1, 1, 2, 2]
        assert await numbers(select(func.count()).where(func.nullif(amount, Decimal("1.500")).is_(None))) == [3]
        one, two = select(amount).where(Price.id == 1), select(amount).where(Price.id == 2)
        assert len(await numbers(union(one, two))) == 1
        assert len(await numbers(union(one, select(amount * 1).where(Price.id == 2)))) == 1
        assert len(await numbers(intersect(one, two))) == 1
        assert await numbers(except_(one, two)) == []
        rows = union(one, two).subquery()
        assert await numbers(select(func.count()).select_from(rows)) == [1]
        await session.rollback()
