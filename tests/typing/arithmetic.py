"""What type checkers say of computed values, and of values that do not fit."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from typing_extensions import assert_type

from ormkit import Expr, func, mapped_column, select
from ormkit.base import DeclarativeBase
from ormkit.fields import Mapped
from ormkit.query import Condition


class Base(DeclarativeBase):
    __abstract__ = True


class Sale(Base):
    id: Mapped[int] = mapped_column(primary_key=True)
    price: Mapped[Decimal]
    rebate: Mapped[Decimal | None]
    at: Mapped[datetime]
    paid: Mapped[datetime | None]
    day: Mapped[date]
    took: Mapped[timedelta]
    count: Mapped[int | None]
    name: Mapped[str]


def decimals_are_computed_with_whole_numbers() -> None:
    assert_type(Sale.price * 2, Expr[Decimal])
    assert_type(2 * Sale.price, Expr[Decimal])
    assert_type(1 - Sale.rebate, Expr[Decimal])
    assert_type(Sale.price * Sale.count, Expr[Decimal])
    assert_type(Sale.price > 5, Condition)
    assert_type(Sale.rebate <= Decimal("0.5"), Condition)


def times_are_moved_by_spans() -> None:
    assert_type(Sale.at + timedelta(days=1), Expr[datetime])
    assert_type(Sale.paid - timedelta(days=1), Expr[datetime | None])
    assert_type(Sale.took * 2, Expr[Any])
    assert_type(Sale.took + timedelta(1), Expr[timedelta])
    assert_type(Sale.paid - Sale.at, Expr[timedelta])
    assert_type(Sale.at - Sale.day, Expr[timedelta])
    assert_type(Sale.day + timedelta(1), Expr[datetime])


def columns_that_allow_null_stand_beside_others() -> None:
    assert_type(Sale.id > Sale.count, Condition)
    assert_type(Sale.at < Sale.paid, Condition)
    assert_type(Sale.id == select(func.max(Sale.id)).scalar_subquery(), Condition)
    assert_type(Sale.id > select(func.max(Sale.id)).scalar_subquery(), Condition)


def values_of_other_types_are_refused() -> None:
    _ = Sale.id > "x"  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue]
    _ = Sale.price > "x"  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue]
    _ = Sale.name + 1  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue]
    _ = Sale.at + 1  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue]
