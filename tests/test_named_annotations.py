"""Types by a name of the program's: `NewType`, `type Name = ..`; and class options that are mistyped or have no place."""

from __future__ import annotations

from typing import Annotated, NewType

import pytest
from typing_extensions import TypeAliasType

from ormkit import (
    AsyncSession,
    BigInteger,
    Column,
    DeclarativeBase,
    Engine,
    FieldError,
    Integer,
    Mapped,
    MetaData,
    NotSupportedError,
    String,
    Table,
    mapped_column,
)

UserKey = NewType("UserKey", int)
Account = NewType("Account", int)
Code = TypeAliasType("Code", str)
Age = TypeAliasType("Age", int | None)


class Base(DeclarativeBase):
    type_annotation_map = {Account: BigInteger, Code: String(8)}


class Named(Base):
    __tablename__ = "named_annotations"
    id: Mapped[UserKey] = mapped_column(primary_key=True)
    account: Mapped[Account | None]
    code: Mapped[Code]
    mail: Mapped[Annotated[Code, mapped_column(unique=True)]]
    age: Mapped[Age]


async def test_a_name_stands_for_its_type(engine: Engine) -> None:
    columns = {name: (info.sql_type(), info.nullable) for name, info in Named.__columns__.items()}
    assert columns == {
        "id": ("SERIAL", False),
        "account": ("BIGINT", True),
        "code": ("VARCHAR(8)", False),
        "mail": ("VARCHAR(8)", False),
        "age": ("INTEGER", True),
    }
    assert Named.__columns__["mail"].unique
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        one = await session.insert(Named(code="a", mail="b", account=Account(2**40)))
        await session.refresh(one)
        assert (one.id, one.account, one.age) == (1, 2**40, None)


def test_options_of_a_class_that_it_does_not_have() -> None:
    with pytest.raises(FieldError, match="`schem`: did you mean `schema`"):

        class Mistyped(Base):
            __table_args__ = {"schem": "app"}
            id: Mapped[int] = mapped_column(primary_key=True)

    with pytest.raises(NotSupportedError, match=r"Ready\.__table__.*write the columns in the class"):

        class Ready(Base):
            __table__ = Table("ready", MetaData(), Column("id", Integer, primary_key=True))
