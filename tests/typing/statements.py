"""Statements that write, as type checkers see them."""

from __future__ import annotations

from typing import Any

from typing_extensions import assert_type

from ormkit import Expr, insert, mapped_column, select
from ormkit.base import DeclarativeBase
from ormkit.fields import Mapped
from ormkit.query import Excluded, Insert


class Base(DeclarativeBase):
    __abstract__ = True


class Part(Base):
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


def conflicts_speak_of_both_rows() -> None:
    new = insert(Part).values(name="a")
    assert_type(new.excluded, Excluded)
    assert_type(new.excluded.name, Expr[Any])
    assert_type(new.excluded["name"], Expr[Any])
    assert_type(
        new.on_conflict_do_update("name", set_={"name": new.excluded.name}, index_where=Part.id > 0),
        Insert,
    )


def rows_of_a_select_leave_defaults_out() -> None:
    assert_type(insert(Part).from_select(["name"], select(Part.name), include_defaults=False), Insert)
