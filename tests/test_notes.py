"""`info=` and `doc=`: what declarations say to those who read them; options that have another form, by name."""

from __future__ import annotations

import pytest

import ormkit
from ormkit import (
    Base,
    Column,
    ForeignKey,
    Integer,
    Mapped,
    MetaData,
    NotSupportedError,
    String,
    Table,
    column_property,
    inspect,
    mapped_column,
    relationship,
)


class Noted(Base):
    __abstract__ = True
    metadata = MetaData(info={"owner": "shop"})


class Customer(Noted):
    __tablename__ = "noted_customers"
    __table_args__ = {"info": {"rows": "many"}}
    id: Mapped[int] = mapped_column(primary_key=True)
    name = mapped_column(type_=String(20), info={"label": "Name"}, doc="As it is printed.")
    kind: Mapped[str]
    orders: Mapped[list[Order]] = relationship(
        back_populates="customer", info={"label": "Orders"}, doc="All of them.", overlaps="x", collection_class=list
    )
    shout = column_property(name + "!", info={"a": 1}, doc="Loud.")
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "plain"}


class Order(Noted):
    __tablename__ = "noted_orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("noted_customers.id"))
    customer: Mapped[Customer] = relationship(back_populates="orders", passive_updates=True)


def test_notes_are_kept_and_shown() -> None:
    column = Customer.__columns__["name"]
    assert (column.info, column.doc, column.max_length) == ({"label": "Name"}, "As it is printed.", 20)
    assert (Customer.__columns__["id"].info, Customer.__columns__["id"].doc) == ({}, None)
    relation = inspect(Customer).relationships["orders"]
    assert (relation.info, relation.doc) == ({"label": "Orders"}, "All of them.")
    assert Customer.__table__.info == {"rows": "many"}
    assert Noted.metadata.info == {"owner": "shop"}
    Customer.__columns__["id"].info["seen"] = True
    assert Customer.__columns__["id"].info == {"seen": True}


def test_classes_that_extend_have_the_notes_too() -> None:
    class Regular(Customer):
        since: Mapped[int | None] = mapped_column(use_existing_column=True)
        __mapper_args__ = {"polymorphic_identity": "regular"}

    assert Regular.__columns__["name"].info == {"label": "Name"}
    assert Regular.__relationships__["orders"].doc == "All of them."
    assert Regular.__table__.info == Customer.__table__.info == {"rows": "many"}


def test_tables_without_a_class_have_them() -> None:
    table = Table("noted_links", MetaData(), Column("id", Integer, primary_key=True, info={"x": 1}), info={"y": 2})
    assert (table.info, table.columns[0].info) == ({"y": 2}, {"x": 1})


def test_info_is_a_dict() -> None:
    with pytest.raises(TypeError, match=r"mapped_column\(info=\.\.\) takes a dict"):
        mapped_column(info="x")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"type_=\.\."):
        mapped_column(type_=3)


@pytest.mark.parametrize(
    ("option", "value", "instead"),
    [
        ("collection_class", set, "a list holds each object once"),
        ("passive_updates", False, "onupdate="),
        ("active_history", True, "inspect"),
        ("join_depth", 2, "recursion_depth"),
        ("sync_backref", False, "viewonly"),
    ],
)
def test_option_of_a_relation_that_has_another_form(option: str, value: object, instead: str) -> None:
    with pytest.raises(NotSupportedError, match=rf"relationship\({option}=\.\.\).*{instead}"):
        relationship(**{option: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("option", "value", "instead"),
    [
        ("key", "x", "first argument"),
        ("active_history", True, "inspect"),
        ("deferred_raiseload", False, "session.load"),
    ],
)
def test_option_of_a_column_that_has_another_form(option: str, value: object, instead: str) -> None:
    with pytest.raises(NotSupportedError, match=rf"mapped_column\({option}=\.\.\).*{instead}"):
        mapped_column(**{option: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("declarative_base", "class Base(DeclarativeBase)"),
        ("registry", "DeclarativeBase"),
        ("DeferredReflection", "ormkit inspect"),
        ("backref", "back_populates"),
        ("BIGINT", "BigInteger"),
    ],
)
def test_name_of_another_library_says_what_to_write(name: str, instead: str) -> None:
    with pytest.raises(ImportError) as raised:
        exec(f"from ormkit import {name}")
    assert f"ormkit has no {name}: write " in str(raised.value)
    assert instead in str(raised.value)
    # Who looks whether there is one is told so, as by any module.
    assert not hasattr(ormkit, name)
    assert getattr(ormkit, name, None) is None
    with pytest.raises(AttributeError, match="write "):
        getattr(ormkit, name)


def test_unknown_name_is_an_attribute_error_with_the_near_one() -> None:
    assert not hasattr(ormkit, "selectinlod")
    with pytest.raises(AttributeError, match="did you mean `selectinload`"):
        _ = ormkit.selectinlod  # type: ignore[attr-defined]
    with pytest.raises(ImportError, match="did you mean `selectinload`"):
        exec("from ormkit import selectinlod")
