"""From class bodies to models: annotations, options, mistakes."""

import datetime as dt
import enum
import sys
import textwrap
import types
import uuid
from decimal import Decimal
from typing import Annotated, Any, Optional

import pytest

from ormkit import _ormkit
from ormkit._ormkit import (
    AsyncSession,
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    InvalidRequestError,
    Mapped,
    MetaData,
    NotSupportedError,
    Numeric,
    PrimaryKeyConstraint,
    String,
    Text,
    UniqueConstraint,
    func,
    mapped_column,
    null,
    relationship,
    text,
    true,
)
from ormkit.base import Base, DeclarativeBase


def declare(source: str, name: str = "declared_here") -> types.ModuleType:
    """Runs source as a module of its own."""
    module = types.ModuleType(name)
    sys.modules[name] = module
    prelude = "from ormkit.base import Base, DeclarativeBase\nfrom ormkit._ormkit import *\n"
    source = textwrap.dedent(source)
    future = "from __future__ import annotations\n"
    if source.startswith(future):
        prelude, source = future + prelude, source.removeprefix(future)
    exec(compile(prelude + source, name, "exec", dont_inherit=True), module.__dict__)
    return module


def sql_types(cls: Any, dialect: str = "postgresql") -> dict[str, str]:
    return {name: info.sql_type(dialect) for name, info in cls.__columns__.items()}


@pytest.fixture
def base() -> Any:
    """A base of its own, so that a test sees its own tables only."""

    class Own(DeclarativeBase):
        pass

    return Own


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


# ------------------------------------------------------------------ columns


def test_python_types_become_column_types(base):
    class Everything(base):
        id: Mapped[int] = mapped_column(primary_key=True)
        a: Mapped[str]
        b: Mapped[float]
        c: Mapped[bool]
        d: Mapped[bytes]
        e: Mapped[Decimal]
        f: Mapped[dt.datetime]
        g: Mapped[dt.date]
        h: Mapped[dt.time]
        i: Mapped[dt.timedelta]
        j: Mapped[uuid.UUID]
        k: Mapped[Colour]
        m: Mapped[dict]
        n: Mapped[list]
        o: Mapped[dict[str, Any]]
        p: Mapped[list[Any]]

    assert sql_types(Everything) == {
        "id": "SERIAL", "a": "TEXT", "b": "DOUBLE PRECISION", "c": "BOOLEAN", "d": "BYTEA", "e": "NUMERIC",
        "f": "TIMESTAMP WITH TIME ZONE", "g": "DATE", "h": "TIME", "i": "INTERVAL", "j": "UUID", "k": "colour",
        "m": "JSONB", "n": "JSONB", "o": "JSONB", "p": "JSONB",
    }  # fmt: skip
    assert [sql_types(Everything, "sqlite")[c] for c in "abcdeijk"] == [
        "TEXT", "REAL", "INTEGER", "BLOB", "TEXT", "INTEGER", "BLOB", "TEXT"
    ]  # fmt: skip


def test_types_are_given_as_class_or_instance(base):
    class Typed(base):
        id = mapped_column(BigInteger, primary_key=True)
        a = mapped_column(String(30))
        b = mapped_column(Text(), nullable=False)
        c: Mapped[Decimal] = mapped_column(Numeric(10, 2))
        d: Mapped[dt.datetime] = mapped_column(DateTime(timezone=False))
        e: Mapped[str] = mapped_column(max_length=5)
        f: Mapped[Colour] = mapped_column(_ormkit.Enum(Colour, by="name", name="paint"))

    assert list(sql_types(Typed).values()) == [
        "BIGSERIAL", "VARCHAR(30)", "TEXT", "NUMERIC(10, 2)", "TIMESTAMP", "VARCHAR(5)", "paint"
    ]  # fmt: skip
    assert [info.nullable for info in Typed.__columns__.values()] == [False, True, False] + [False] * 4
    assert Typed.__columns__["e"].max_length == 5


def test_nullability_follows_the_annotation_unless_said(base):
    class Nullable(base):
        id: Mapped[int] = mapped_column(primary_key=True)
        a: Mapped[str | None]
        b: Mapped[Optional[str]]  # noqa: UP045
        c: Mapped["str | None"]
        d: Mapped[str]
        e: Mapped[str | None] = mapped_column(nullable=False)
        f: Mapped[str] = mapped_column(nullable=True)

    assert [info.nullable for info in Nullable.__columns__.values()] == [
        False, True, True, True, False, False, True
    ]  # fmt: skip


def test_options_are_shown_to_tools(base):
    class Shown(base):
        id: Mapped[int] = mapped_column(primary_key=True)
        mail: Mapped[str] = mapped_column("e_mail", unique=True, index=True, comment="private", default="x")
        at: Mapped[str] = mapped_column(server_default="it's")
        team_id: Mapped[int] = mapped_column(ForeignKey("app.shown_teams.id", ondelete="cascade"))

    class ShownTeam(base):
        __tablename__ = "shown_teams"
        __table_args__ = {"schema": "app"}
        id: Mapped[int] = mapped_column(primary_key=True)

    mail, at, team = (Shown.__columns__[name] for name in ("mail", "at", "team_id"))
    assert (mail.name, mail.key, mail.unique, mail.index) == ("e_mail", "mail", True, True)
    assert (mail.comment, mail.default) == ("private", "x")
    assert (at.server_default, at.default, at.is_json) == ("'it''s'", None, False)
    key = team.foreign_key
    assert (key.target, key.table, key.column, key.ondelete) == (
        "app.shown_teams.id", "app.shown_teams", "id", "CASCADE"
    )  # fmt: skip
    assert Shown.__primary_key__ == "id" and Shown.__columns__["id"].autoincrement


@pytest.mark.parametrize(
    ("given", "sql"),
    [
        (func.now(), "now()"),
        (func.current_timestamp(), "current_timestamp"),
        (text("1+1"), "1+1"),
        (true(), "TRUE"),
        (func.coalesce(null(), "it's"), "coalesce(NULL, 'it''s')"),
        (5, "5"),
        (False, "FALSE"),
        (Decimal("1.50"), "1.50"),
    ],
)
async def test_server_default_is_the_sql_of_its_expression(engine, base, given, sql):
    class Defaulted(base):
        id: Mapped[int] = mapped_column(primary_key=True)
        value: Mapped[str] = mapped_column(server_default=given)

    assert Defaulted.__columns__["value"].server_default == sql
    await base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        row = await session.insert(Defaulted())
        assert row.value
    await base.metadata.drop_all(engine)


def test_server_default_that_reads_a_column_names_its_attribute(base):
    class Other(base):
        id: Mapped[int] = mapped_column(primary_key=True)

    with pytest.raises(InvalidRequestError, match=r"Reading.value: server_default reads a column"):

        class Reading(base):
            id: Mapped[int] = mapped_column(primary_key=True)
            value: Mapped[int] = mapped_column(server_default=Other.id + 1)


def test_server_default_of_no_sql_is_refused():
    with pytest.raises(TypeError, match=r"server_default=\.\.\) takes text, a number"):
        mapped_column(server_default=dt.date(2024, 1, 1))


def test_columns_keep_their_order_annotated_or_not(base):
    class Mixin:
        made: Mapped[dt.datetime]

    class Ordered(Mixin, base):
        b = mapped_column(Text)
        a: Mapped[int] = mapped_column(primary_key=True)
        d: Mapped[str | None]
        c = mapped_column(Text)
        z: Mapped[int] = mapped_column(sort_order=-1)

    assert list(Ordered.__columns__) == ["z", "b", "a", "d", "c", "made"]


def test_annotated_carries_a_column(base):
    key = Annotated[int, mapped_column(primary_key=True)]

    class Carried(base):
        id: Mapped[key]

    assert Carried.__primary_key__ == "id"


def test_plain_value_beside_an_annotation_is_the_default(base):
    class Plain(base):
        id: Mapped[int] = mapped_column(primary_key=True)
        level: Mapped[int] = 3
        shared: Mapped[dict] = mapped_column(default={})

    assert Plain().level == 3 and Plain().shared is not Plain().shared


def test_type_annotation_map_of_the_base_wins():
    class Mapping(DeclarativeBase):
        type_annotation_map = {str: String(7), complex: Text}

    class Counted(Mapping):
        id: Mapped[int] = mapped_column(primary_key=True)
        a: Mapped[str]
        b: Mapped[complex]

    assert list(sql_types(Counted).values())[1:] == ["VARCHAR(7)", "TEXT"]


def test_type_annotation_map_names_annotated_types():
    short, unhashable = Annotated[str, 50], Annotated[str, []]

    class Mapping(DeclarativeBase):
        type_annotation_map = {str: Text, short: String(50)}

    class Shortened(Mapping):
        id: Mapped[int] = mapped_column(primary_key=True)
        a: Mapped[short]
        b: Mapped[short | None] = mapped_column(index=True)
        c: Mapped[str]
        d: Mapped[unhashable]

    assert list(sql_types(Shortened).values())[1:] == ["VARCHAR(50)", "VARCHAR(50)", "TEXT", "TEXT"]
    assert Shortened.__columns__["b"].nullable


@pytest.mark.parametrize(
    ("lazy", "loads"), [(True, False), (False, True), ("immediate", True), ("selectin", True), ("select", False)]
)
async def test_lazy_in_sqlalchemy_s_words(engine, lazy, loads):
    class Lazy(DeclarativeBase):
        pass

    class Owner(Lazy):
        id: Mapped[int] = mapped_column(primary_key=True)

    class Thing(Lazy):
        id: Mapped[int] = mapped_column(primary_key=True)
        owner_id: Mapped[int] = mapped_column(ForeignKey("owners.id"))
        owner: Mapped[Owner] = relationship(lazy=lazy)

    await Lazy.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        session.add(Thing(id=1, owner=Owner(id=1)))
        await session.commit()
    async with AsyncSession(engine) as session:
        thing = await session.get_one(Thing, 1)
        assert hasattr(thing, "owner") is loads


def test_any_name_may_be_a_column(base):
    class Odd(base):
        metadata: Mapped[int] = mapped_column(primary_key=True)
        query: Mapped[str | None]
        registry: Mapped[str | None]
        mro: Mapped[str | None]
        model: Mapped[str | None]

    odd = Odd(metadata=1, query="q", registry="r", mro="m", model="n")
    assert [odd.metadata, odd.query, odd.registry, odd.mro, odd.model] == [1, "q", "r", "m", "n"]
    assert repr(Odd.mro) == "Odd.mro" and Odd in type.mro(Odd)


def test_composite_keys_are_not_numbered(base):
    class Pair(base):
        a: Mapped[int] = mapped_column(primary_key=True)
        b: Mapped[int] = mapped_column(primary_key=True)

    class Named(base):
        __table_args__ = (PrimaryKeyConstraint("x", "y"),)
        x: Mapped[int]
        y: Mapped[int | None]

    assert Pair.__table__.primary_key == ("a", "b") and Named.__table__.primary_key == ("x", "y")
    assert not any(c.autoincrement for c in [*Pair.__columns__.values(), *Named.__columns__.values()])
    assert repr(Pair(a=1, b=2)) == "<Pair a=1 b=2>" and not Named.__columns__["y"].nullable


# ------------------------------------------------------------------ tables


def test_table_name_is_made_of_the_class_name(base):
    class Wheel(base):
        id: Mapped[int] = mapped_column(primary_key=True)

    class Hub(base):
        __tablename__ = "the_hub"
        __table_args__ = {"schema": "app", "comment": "middle"}
        id: Mapped[int] = mapped_column(primary_key=True)

    assert Wheel.__tablename__ == "wheels"
    assert (Hub.__table__.name, Hub.__table__.schema, Hub.__table__.fullname) == ("the_hub", "app", "app.the_hub")
    assert set(base.metadata.tables) == {"wheels", "app.the_hub"}
    assert base.metadata.tables["wheels"] is Wheel.__table__


def test_table_args_take_constraints_and_indexes(base):
    class Two(base):
        __tablename__ = "pairs2"
        a: Mapped[int] = mapped_column(primary_key=True)
        b: Mapped[int] = mapped_column(primary_key=True)

    class Full(base):
        __table_args__ = (
            UniqueConstraint("a", "b", name="uq_ab"),
            Index("ix_a", "a", unique=True),
            CheckConstraint("a > 0", name="positive"),
            ForeignKeyConstraint(["a", "b"], ["pairs2.a", "pairs2.b"], ondelete="CASCADE"),
            {"schema": None},
        )
        id: Mapped[int] = mapped_column(primary_key=True)
        a: Mapped[int]
        b: Mapped[int]

    assert [table.name for table in base.metadata.sorted_tables] == ["pairs2", "fulls"]


def test_sorted_tables_put_parents_first():
    module = declare("""
        class Child(Base):
            __tablename__ = "sorted_children"
            id: Mapped[int] = mapped_column(primary_key=True)
            parent_id: Mapped[int] = mapped_column(ForeignKey("sorted_parents.id"))
        class Parent(Base):
            __tablename__ = "sorted_parents"
            id: Mapped[int] = mapped_column(primary_key=True)
    """)
    names = [table.name for table in Base.metadata.sorted_tables]
    assert names.index("sorted_parents") < names.index("sorted_children")
    assert module.Child.__columns__["parent_id"].foreign_key.target == "sorted_parents.id"


def test_own_metadata_is_used():
    own = MetaData()

    class Root(DeclarativeBase):
        metadata = own

    class Leaf(Root):
        __tablename__ = "leaves"
        id: Mapped[int] = mapped_column(primary_key=True)

    assert Root.metadata is own and set(own.tables) == {"leaves"}
    assert Leaf.metadata is own and "leaves" not in Base.metadata.tables


def test_mixins_and_abstract_bases_bring_columns_and_options(base):
    class Stamped:
        made: Mapped[dt.datetime | None]

    class Entity(base):
        __abstract__ = True
        id: Mapped[int] = mapped_column(primary_key=True)
        note: Mapped[str | None] = mapped_column(default="n")

    class One(Stamped, Entity):
        name: Mapped[str]

    class Two(Entity):
        note: Mapped[str] = mapped_column(default="m")

    assert list(One.__columns__) == ["name", "made", "id", "note"]
    assert (One(id=1).note, Two().note, Two.__columns__["note"].nullable) == ("n", "m", False)
    assert One.id is not Two.id and repr(Two.id) == "Two.id"


def test_class_may_be_declared_again(base):
    def make():
        class Again(base):
            __tablename__ = "agains"
            id: Mapped[int] = mapped_column(primary_key=True)

        return Again

    first, second = make(), make()
    assert base.metadata.tables["agains"] is second.__table__ is not first.__table__
    assert first(id=1).id == second(id=1).id == 1


# ------------------------------------------------------------------ relations


RELATED = """
    class Author(Base):
        id: Mapped[int] = mapped_column(primary_key=True)
        team_id: Mapped[int | None] = mapped_column(ForeignKey("crews.id"))
        crew: Mapped["Crew | None"] = relationship(back_populates="members")
        posts: Mapped[list["Article"]] = relationship(
            back_populates="author", cascade="all, delete-orphan", order_by="Article.id.desc()")
    class Crew(Base):
        id: Mapped[int] = mapped_column(primary_key=True)
        members: Mapped[list["Author"]] = relationship(back_populates="crew", lazy="selectin")
    class Article(Base):
        id: Mapped[int] = mapped_column(primary_key=True)
        author_id: Mapped[int] = mapped_column(ForeignKey("authors.id"))
        author: Mapped["Author"] = relationship(back_populates="posts")
"""


@pytest.mark.parametrize("future", ["", "from __future__ import annotations\n"])
def test_relations_name_classes_that_come_later(future):
    module = declare(future + textwrap.dedent(RELATED))
    shown = {
        key: (info.target, info.uselist, info.back_populates, info.cascade)
        for key, info in module.Author.__relationships__.items()
    }
    assert shown == {
        "crew": ("Crew", False, "members", "save-update, merge"),
        "posts": ("Article", True, "author", "all, delete-orphan"),
    }
    assert module.Article.__relationships__["author"].uselist is False
    assert repr(module.Author.posts) == "Author.posts"
    assert "crews" in {table.name for table in Base.metadata.sorted_tables}


def test_targets_are_given_as_class_name_or_callable(base):
    class Parent(base):
        id: Mapped[int] = mapped_column(primary_key=True)
        late = relationship(lambda: Later, back_populates="parent")

    class Later(base):
        id: Mapped[int] = mapped_column(primary_key=True)
        parent_id: Mapped[int] = mapped_column(ForeignKey(Parent.id))
        parent = relationship(Parent, back_populates="late")
        again: Mapped[Parent] = relationship(viewonly=True)

    assert Later.__columns__["parent_id"].foreign_key.target == "parents.id"
    assert [r.target for r in Later.__relationships__.values()] == ["Parent", "Parent"]
    assert len(base.metadata.sorted_tables) == 2


def test_foreign_keys_and_remote_side_take_names_and_columns(base):
    class Node(base):
        __tablename__ = "tree"
        id: Mapped[int] = mapped_column(primary_key=True)
        up_id: Mapped[int | None] = mapped_column(ForeignKey("tree.id"))
        twin_id: Mapped[int | None] = mapped_column(ForeignKey("tree.id"))
        up: Mapped["Node | None"] = relationship(remote_side=[id], foreign_keys=[up_id])
        twin: Mapped["Node | None"] = relationship(remote_side="Node.id", foreign_keys="[Node.twin_id]")

    assert [t.name for t in base.metadata.sorted_tables] == ["tree"]
    assert Node(up=Node(id=1)).up.id == 1


def test_names_of_a_function_around_the_class_are_found():
    module = declare("""from __future__ import annotations
def make():
    from decimal import Decimal as Money
    class Bill(Base):
        id: Mapped[int] = mapped_column(primary_key=True)
        sum: Mapped[Money]
        date: Mapped[date | None]
    return Bill
Bill = make()
""")
    assert list(sql_types(module.Bill).values())[1:] == ["NUMERIC", "DATE"]


# ------------------------------------------------------------------ mistakes


def mistake(source: str, error: type[Exception] = Exception) -> str:
    with pytest.raises(error) as caught:
        declare(source, "mistaken")
    return str(caught.value)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("id: Mapped[int]", "Wrong: no column has primary_key=True"),
        ("id: Mapped[complex] = mapped_column(primary_key=True)", "Wrong.id: no column holds `complex`"),
        ("x: Mapped[int | str | None]", "Wrong.x: a column has one type, `"),
        ("id: Mapped[int | str] = mapped_column(primary_key=True)", "Wrong.id: a column has one type"),
        ("id: Mapped = mapped_column(primary_key=True)", "Wrong.id: Mapped needs a type in brackets"),
        ("id = mapped_column(primary_key=True)", "Wrong.id: a column needs a type"),
        ("id: Mapped['Foo'] = mapped_column(primary_key=True)", "Wrong.id: the annotation names `Foo`"),
        ("id: Mapped['in t'] = mapped_column(primary_key=True)", "invalid syntax"),
        ("to_dict: Mapped[int] = mapped_column(primary_key=True)", "Wrong.to_dict: the name is ormkit's own"),
        ("r: Mapped[int] = relationship()", "Wrong.r: a relation is annotated with a mapped class"),
        ("r = relationship()", "Wrong.r: a relation needs a target"),
        ("r: Mapped['Wrong'] = relationship(uselist=True)", "Wrong.r: uselist=True contradicts"),
        ("r = relationship('X', cascade='all, delet')", 'did you mean "delete"?'),
        ("id: Mapped[int] = mapped_column(ForeignKey('nodot'))", "must name a table and a column"),
        ("id: Mapped[int] = mapped_column(ForeignKey('a.b', ondelete='CASCADED'))", "did you mean `CASCADE`?"),
        ("id: Mapped[int] = mapped_column(42)", "takes a name, a column type, ForeignKey"),
        ("id: Mapped[int] = mapped_column(max_length=3)", "Wrong.id: max_length is for text"),
        ("__tablename__ = 5\n    id: Mapped[int] = mapped_column(primary_key=True)", "__tablename__ must be"),
        ("__table_args__ = [1]\n    id: Mapped[int] = mapped_column(primary_key=True)", "is a tuple or a dict"),
        (
            "__table_args__ = (UniqueConstraint('ide'),)\n    id: Mapped[int] = mapped_column(primary_key=True)",
            "did you mean `id`?",
        ),
        (
            "__table_args__ = (PrimaryKeyConstraint('ide'),)\n    id: Mapped[int] = mapped_column()",
            "did you mean `id`?",
        ),
        (
            "id: Mapped[int] = mapped_column(primary_key=True)\n    a: Mapped[int] = mapped_column('id')",
            "`id` and `a` share the column `id`",
        ),
    ],
)
def test_mistake_in_a_class_body_is_named(body, text):
    assert text in mistake(f"class Wrong(Base):\n    {body}\n")


@pytest.mark.parametrize(
    ("body", "parameter"),
    [
        ("x = mapped_column(Text, key='y')", "mapped_column(key=..)"),
        ("x = mapped_column(Text, init=False)", "mapped_column(init=..)"),
        ("x = relationship('X', backref='t')", "relationship(backref=..)"),
        ("x = relationship('X', lazy='dynamic')", 'relationship(lazy="dynamic")'),
        ("x = relationship('X', lazy='dynamic')", "user.posts.select()"),
        ("x = relationship('X', lazy='noload')", 'lazy="raise"'),
        ("__table_args__ = {'mysql_engine': 'x'}", "mysql_engine"),
    ],
)
def test_what_is_not_implemented_is_refused_by_name(body, parameter):
    source = f"class Wrong(Base):\n    id: Mapped[int] = mapped_column(primary_key=True)\n    {body}\n"
    text = mistake(source, NotSupportedError)
    assert parameter in text and "not supported" in text


BROKEN_REFERENCES = [
    ("r: Mapped['Wrongg'] = relationship()", "Broken.r: the target `Wrongg` is not a mapped class"),
    ("k: Mapped[int] = mapped_column(ForeignKey('brokns.id'))", "which no model declares: did you mean `brokens`?"),
    ("k: Mapped[int] = mapped_column(ForeignKey('brokens.idd'))", "did you mean `id`?"),
    ("r: Mapped[list['Broken']] = relationship()", "no foreign key joins Broken and Broken"),
    (
        "a: Mapped[int] = mapped_column(ForeignKey('brokens.id'))\n"
        "    b: Mapped[int] = mapped_column(ForeignKey('brokens.id'))\n"
        "    r: Mapped['Broken'] = relationship(remote_side='id')",
        "choose one with foreign_keys=: Broken.a, Broken.b",
    ),
]


@pytest.mark.parametrize(("body", "text"), BROKEN_REFERENCES)
def test_mistake_between_models_is_named_on_first_use(body, text):
    key = "id: Mapped[int] = mapped_column(primary_key=True)"
    declare(f"class Broken(Base):\n    {key}\n    {body}\n", "broken")
    try:
        with pytest.raises(InvalidRequestError, match="Broken") as caught:
            Base.metadata.sorted_tables  # noqa: B018
        assert text in str(caught.value)
    finally:
        declare(f"class Broken(Base):\n    {key}\n", "broken")
    assert "brokens" in {table.name for table in Base.metadata.sorted_tables}


@pytest.mark.parametrize("length", [-1, 0, 10_485_761, 2**40])
def test_length_that_no_column_can_have_is_refused(length: int):
    with pytest.raises(ValueError, match=rf"String\(\) takes a length from 1 to 10485760, not {length}"):
        String(length)
    with pytest.raises(ValueError, match=rf"max_length.*from 1 to 10485760, not {length}"):
        mapped_column(max_length=length)


def test_negative_number_of_digits_is_refused():
    with pytest.raises(ValueError, match="-3 digits"):
        Numeric(-3)


def test_an_attribute_is_found_by_a_name_made_at_run_time(base):
    class Thing(base):
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str]

    assert getattr(Thing, "".join(["na", "me"])) is Thing.name


def test_a_mapped_class_may_have_metadata_of_its_own():
    apart = MetaData()

    class Apart(Base):
        __tablename__ = "apart_from_others"
        metadata = apart
        id: Mapped[int] = mapped_column(primary_key=True)

    assert list(apart.tables) == ["apart_from_others"]
    assert Apart.metadata is apart
    assert "apart_from_others" not in Base.metadata.tables
