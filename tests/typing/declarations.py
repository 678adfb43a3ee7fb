"""Never run: what classes with mixins and derived attributes show to mypy and pyright in strict mode."""

from __future__ import annotations

from typing import Any

from typing_extensions import assert_type

from ormkit import (
    Base,
    DeclarativeBase,
    ForeignKey,
    Mapped,
    MappedAsDataclass,
    column_property,
    declared_attr,
    hybrid_property,
    mapped_column,
    relationship,
    validates,
)
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
    size: Mapped[int] = mapped_column()

    twice = column_property(size * 2)
    late: Mapped[str | None] = column_property(lambda: Thing.size.cast(str), deferred=True)

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


def properties_are_expressions_on_the_class(thing: Thing) -> None:
    assert_type(Thing.twice, Attribute[int])
    assert_type(thing.twice, int)
    assert_type(thing.late, str | None)


def mixins_are_read_as_columns(thing: Thing) -> None:
    assert_type(Thing.owner_id, Attribute[int | None])
    assert_type(thing.owner_id, int | None)


class Checked(MappedAsDataclass, DeclarativeBase):
    pass


class User(Checked):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(init=False, primary_key=True)
    nick: Mapped[str | None] = mapped_column(default=None)
    name: Mapped[str]
    posts: Mapped[list[Post]] = relationship(default_factory=list, back_populates="user")


class Post(Checked, order=True):
    __tablename__ = "posts"
    id: Mapped[int] = mapped_column(init=False, primary_key=True)
    title: Mapped[str]
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"), init=False)
    user: Mapped[User | None] = relationship(default=None, back_populates="posts")


def constructors_of_dataclasses_are_checked() -> None:
    user = User(name="Ada", posts=[Post(title="t")])
    assert_type(user.name, str)
    User()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    User(name=3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    User(name="Ada", id=3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    User(name="Ada", nik="A")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
