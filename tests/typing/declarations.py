"""Never run: what classes with mixins and derived attributes show to mypy and pyright in strict mode."""

from __future__ import annotations

from typing import Any

from typing_extensions import assert_type

from ormkit import Base, ForeignKey, Mapped, declared_attr, hybrid_property, mapped_column, validates
from ormkit.query import Attribute, Expr


class Owner(Base):
    __tablename__ = "owners"
    id: Mapped[int] = mapped_column(primary_key=True)


class Owned:
    @declared_attr
    def owner_id(cls) -> Mapped[int | None]:
        column: Mapped[int | None] = mapped_column(ForeignKey("owners.id"))
        return column

    @declared_attr.directive
    def __table_args__(cls) -> Any:
        return {"schema": "app"}


class Thing(Owned, Base):
    __tablename__ = "things"
    id: Mapped[int] = mapped_column(primary_key=True)
    size: Mapped[int]

    @validates("size")
    def check(self, name: str, value: int) -> int:
        return value

    @hybrid_property
    def double(self) -> int:
        return self.size * 2

    @double.inplace.setter
    def _set_double(self, value: int) -> None:
        self.size = value // 2


def hybrids_are_both(thing: Thing) -> None:
    assert_type(Thing.double, Expr[int])
    assert_type(thing.double, int)
    assert_type(thing.check("size", 3), int)
    thing.double = 4


def mixins_are_read_as_columns(thing: Thing) -> None:
    assert_type(Thing.owner_id, Attribute[int | None])
    assert_type(thing.owner_id, int | None)
