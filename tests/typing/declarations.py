"""Never run: what classes with mixins and derived attributes show to mypy and pyright in strict mode."""

from __future__ import annotations

from typing import Any

from typing_extensions import assert_type

from ormkit import Base, ForeignKey, Mapped, declared_attr, mapped_column
from ormkit.query import Attribute


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


def mixins_are_read_as_columns(thing: Thing) -> None:
    assert_type(Thing.owner_id, Attribute[int | None])
    assert_type(thing.owner_id, int | None)
