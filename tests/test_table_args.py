"""Constraints, indexes, names and schemas of tables, as both databases make them."""

from __future__ import annotations

import psycopg
import pytest

from ormkit import (
    AsyncSession,
    CheckConstraint,
    CheckViolation,
    DatabaseError,
    DeclarativeBase,
    ExcludeConstraint,
    ExclusionViolation,
    FieldError,
    ForeignKey,
    ForeignKeyConstraint,
    ForeignKeyViolation,
    Index,
    InvalidRequestError,
    Mapped,
    MetaData,
    NotSupportedError,
    PrimaryKeyConstraint,
    String,
    UniqueConstraint,
    UniqueViolation,
    desc,
    func,
    mapped_column,
    relationship,
    text,
)
from ormkit.migrations import AutogenContext

CONVENTION = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


@pytest.fixture
def base():
    class Own(DeclarativeBase):
        pass

    return Own


async def index_texts(engine):
    if engine.is_postgres():
        rows = await engine.execute("SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'")
        return {row["indexname"]: row["indexdef"] for row in rows}
    rows = await engine.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
    return {row["name"]: row["sql"] for row in rows}


async def test_partial_unique_index(base, engine):
    class User(base):
        __tablename__ = "users"
        __table_args__ = (Index("uq_active_email", "email", unique=True, postgresql_where=text("deleted IS NULL")),)
        id: Mapped[int] = mapped_column(primary_key=True)
        email: Mapped[str]
        deleted: Mapped[str | None]

    await base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        await session.insert_all([User(email="a", deleted="x"), User(email="a", deleted="y"), User(email="a")])
        with pytest.raises(UniqueViolation):
            await session.insert(User(email="a"))


async def test_index_of_expressions_behind_the_class(base, engine):
    class User(base):
        __tablename__ = "users"
        id: Mapped[int] = mapped_column(primary_key=True)
        email: Mapped[str]
        age: Mapped[int]

    await base.metadata.create_all(engine)
    Index("uq_lower", func.lower(User.email), unique=True, postgresql_where=User.age > 17)
    Index("ix_age", User.age.desc(), User.id)
    await base.metadata.create_all(engine)
    texts = await index_texts(engine)
    assert "lower(email)" in texts["uq_lower"]
    assert "age > 17" in texts["uq_lower"]
    assert "age DESC" in texts["ix_age"]
    async with AsyncSession(engine) as session:
        await session.insert_all([User(email="A", age=20), User(email="a", age=5)])
        with pytest.raises(UniqueViolation):
            await session.insert(User(email="a", age=30))


async def test_columns_are_given_by_their_declarations(base, engine):
    class Point(base):
        __tablename__ = "points"
        id: Mapped[int] = mapped_column(primary_key=True)
        x: Mapped[int] = mapped_column("x_pos")
        y: Mapped[int] = mapped_column()
        __table_args__ = (UniqueConstraint(x, y, name="uq_place"), Index("ix_x", x))

    await base.metadata.create_all(engine)
    assert "x_pos" in (await index_texts(engine))["ix_x"]
    async with AsyncSession(engine) as session:
        await session.insert(Point(x=1, y=2))
        with pytest.raises(UniqueViolation):
            await session.insert(Point(x=1, y=2))


async def test_options_of_postgresql_indexes(base, engine):
    class Doc(base):
        __tablename__ = "docs"
        __table_args__ = (
            Index("ix_meta", "meta", postgresql_using="gin"),
            Index("ix_title", "title", postgresql_include=["id"], postgresql_ops={"title": "text_pattern_ops"}),
        )
        id: Mapped[int] = mapped_column(primary_key=True)
        title: Mapped[str]
        meta: Mapped[dict]

    await base.metadata.create_all(engine)
    texts = await index_texts(engine)
    if engine.is_postgres():
        assert "USING gin" in texts["ix_meta"]
        assert "text_pattern_ops" in texts["ix_title"]
        assert "INCLUDE (id)" in texts["ix_title"]
    else:
        assert set(texts) == {"ix_title"}


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ([desc("title")], "title DESC"),
        (["-title", "id"], "title DESC, id"),
        ([text("title DESC")], "title DESC"),
        ([text('"title" desc nulls last'), "id"], "title DESC"),
        ([text("lower(title) DESC")], "lower(title)"),
        ([desc(text("lower(title)"))], "lower(title)"),
    ],
)
async def test_an_index_sorts_as_it_says(base, engine, parts, said):
    class Doc(base):
        __tablename__ = "docs"
        __table_args__ = (Index("ix_title", *parts),)
        id: Mapped[int] = mapped_column(primary_key=True)
        title: Mapped[str]

    await base.metadata.create_all(engine)
    assert said in (await index_texts(engine))["ix_title"]
    assert await AutogenContext(engine, [Doc]).diff() == []


async def test_operator_classes_of_orders_and_expressions(base, engine):
    class Word(base):
        __tablename__ = "words"
        __table_args__ = (
            Index("ix_text", text("lower(name) text_pattern_ops DESC")),
            Index("ix_order", desc("name"), postgresql_ops={"name": "text_pattern_ops"}),
        )
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str]

    Index("ix_attribute", desc(Word.name), "id", postgresql_ops={"name": "text_pattern_ops"})
    Index("ix_label", desc(func.lower(Word.name).label("low")), postgresql_ops={"low": "text_pattern_ops"})
    with pytest.raises(TypeError, match="no column and no label"):
        Index("ix_none", desc(Word.name), postgresql_ops={"other": "text_pattern_ops"})
    await base.metadata.create_all(engine)
    assert await AutogenContext(engine, [Word]).diff() == []
    if engine.is_postgres():
        found = await engine.execute(
            "SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE NOT indisprimary AND indrelid = 'words'::regclass ORDER BY 1"
        )
        assert [sql.partition(" USING btree ")[2] for sql in found.scalars()] == [
            "(name text_pattern_ops DESC, id)",
            "(lower(name) text_pattern_ops DESC)",
            "(name text_pattern_ops DESC)",
            "(lower(name) text_pattern_ops DESC)",
        ]


async def test_storage_parameters_of_an_index(base, engine):
    class Doc(base):
        __tablename__ = "docs"
        __table_args__ = (Index("ix_title", "title", postgresql_with={"fillfactor": 70, "deduplicate_items": False}),)
        id: Mapped[int] = mapped_column(primary_key=True)
        title: Mapped[str]

    await base.metadata.create_all(engine)
    text = (await index_texts(engine))["ix_title"]
    assert ("WITH (deduplicate_items='false', fillfactor='70')" in text) == engine.is_postgres()
    assert await AutogenContext(engine, [Doc]).diff() == []
    with pytest.raises(TypeError, match="is no parameter"):
        Index("ix", "a", postgresql_with={"a) --": 1})


async def test_a_deferred_unique_is_checked_at_commit(base, engine):
    class Step(base):
        __tablename__ = "steps"
        __table_args__ = (UniqueConstraint("place", deferrable=True, initially="DEFERRED"),)
        id: Mapped[int] = mapped_column(primary_key=True)
        place: Mapped[int]

    if not engine.is_postgres():
        with pytest.raises(NotSupportedError, match="UNIQUE that is DEFERRABLE"):
            await base.metadata.create_all(engine)
        return
    await base.metadata.create_all(engine)
    assert await AutogenContext(engine, [Step]).diff() == []
    async with AsyncSession(engine) as session:
        first, second = await session.insert_all([Step(place=1), Step(place=2)])
        async with session.begin():
            first.place, second.place = 2, 1
        with pytest.raises(UniqueViolation):
            await session.insert(Step(place=1))


async def test_exclusions_keep_rows_apart(base, engine):
    class Stay(base):
        __tablename__ = "stays"
        id: Mapped[int] = mapped_column(primary_key=True)
        room: Mapped[int]
        first: Mapped[int]
        last: Mapped[int]
        __table_args__ = (
            ExcludeConstraint(
                (text("int4range(room, room + 1)"), "&&"),
                (text("int4range(first, last)"), "&&"),
                where="last > first",
            ),
        )

    if not engine.is_postgres():
        with pytest.raises(NotSupportedError, match="EXCLUDE"):
            await base.metadata.create_all(engine)
        return
    await base.metadata.create_all(engine)
    assert await AutogenContext(engine, [Stay]).diff() == []
    async with AsyncSession(engine) as session:
        await session.insert_all([Stay(room=1, first=1, last=5), Stay(room=2, first=1, last=5)])
        with pytest.raises(ExclusionViolation) as raised:
            await session.insert(Stay(room=1, first=4, last=6))
        assert raised.value.constraint_name == "ex_stays_expr_expr"


@pytest.mark.parametrize(
    ("elements", "options", "said"),
    [
        ([], {}, "takes pairs"),
        (["during"], {}, "takes pairs"),
        ([("during", "&& x")], {}, "is no operator"),
        ([("during", "&&")], {"ops": {"other": "x"}}, 'names "other"'),
        ([("during", "&&")], {"deferrable": False, "initially": "DEFERRED"}, "needs deferrable"),
    ],
)
def test_exclusions_that_make_no_sense_are_refused(elements, options, said):
    with pytest.raises((TypeError, ValueError), match=said):
        ExcludeConstraint(*elements, **options)


def test_exclusions_of_unknown_columns_are_refused(base):
    with pytest.raises(FieldError, match="nowhere"):

        class Stay(base):
            __table_args__ = (ExcludeConstraint(("nowhere", "=")),)
            id: Mapped[int] = mapped_column(primary_key=True)

        Stay(id=1)


async def test_nulls_not_distinct(base, engine):
    class Seat(base):
        __tablename__ = "seats"
        __table_args__ = (UniqueConstraint("row", "number", postgresql_nulls_not_distinct=True),)
        id: Mapped[int] = mapped_column(primary_key=True)
        row: Mapped[int]
        number: Mapped[int | None]

    if not engine.is_postgres():
        with pytest.raises(NotSupportedError, match="NULLS NOT DISTINCT"):
            await base.metadata.create_all(engine)
        return
    await base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        await session.insert(Seat(row=1))
        with pytest.raises(UniqueViolation):
            await session.insert(Seat(row=1))


async def test_deferred_key_is_checked_at_commit(base, engine):
    class Team(base):
        __tablename__ = "clubs"
        id: Mapped[int] = mapped_column(primary_key=True)

    class Player(base):
        __tablename__ = "members"
        id: Mapped[int] = mapped_column(primary_key=True)
        team_id: Mapped[int] = mapped_column(ForeignKey("clubs.id", deferrable=True, initially="DEFERRED"))

    await base.metadata.create_all(engine)
    async with AsyncSession(engine) as session, session.begin():
        await session.insert(Player(id=1, team_id=7))
        await session.insert(Team(id=7))
    with pytest.raises(ForeignKeyViolation):
        async with AsyncSession(engine) as session, session.begin():
            await session.insert(Player(id=2, team_id=9))


async def test_composite_key_and_its_relation(base, engine):
    class Order(base):
        __tablename__ = "orders"
        shop: Mapped[int] = mapped_column(primary_key=True)
        number: Mapped[int] = mapped_column(primary_key=True)
        lines: Mapped[list[Line]] = relationship(back_populates="order")

    class Line(base):
        __tablename__ = "lines"
        __table_args__ = (
            ForeignKeyConstraint(
                ["shop", "number"], ["orders.shop", "orders.number"], ondelete="CASCADE", name="fk_order"
            ),
        )
        id: Mapped[int] = mapped_column(primary_key=True)
        shop: Mapped[int]
        number: Mapped[int]
        order: Mapped[Order] = relationship(back_populates="lines")

    globals().update(Order=Order, Line=Line)
    await base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        order = await session.insert(Order(shop=1, number=2, lines=[Line(), Line()]))
        assert [(line.shop, line.number) for line in order.lines] == [(1, 2), (1, 2)]
        with pytest.raises(ForeignKeyViolation) as caught:
            await session.insert(Line(shop=1, number=9))
        assert caught.value.constraint_name == "fk_order"
        await session.remove(order)
        assert await session.query(Line).count() == 0


async def test_tables_in_a_circle_are_made_and_dropped(base, engine):
    class Hen(base):
        __tablename__ = "hens"
        id: Mapped[int] = mapped_column(primary_key=True)
        egg_id: Mapped[int | None] = mapped_column(ForeignKey("eggs.id", use_alter=True, name="fk_hen_egg"))

    class Egg(base):
        __tablename__ = "eggs"
        id: Mapped[int] = mapped_column(primary_key=True)
        hen_id: Mapped[int | None] = mapped_column(ForeignKey("hens.id"))

    for _ in range(2):
        await base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        hen = await session.insert(Hen())
        egg = await session.insert(Egg(hen_id=hen.id))
        await session.update(hen, egg_id=egg.id)
        with pytest.raises(ForeignKeyViolation):
            await session.insert(Hen(egg_id=99))
    await base.metadata.drop_all(engine)
    with pytest.raises(DatabaseError):
        await engine.execute("SELECT * FROM hens")


async def test_naming_convention_names_everything(engine):
    class Base(DeclarativeBase):
        metadata = MetaData(naming_convention=CONVENTION)

    class Team(Base):
        __tablename__ = "clubs"
        code: Mapped[str] = mapped_column(String(5), primary_key=True)

    class Player(Base):
        __tablename__ = "members"
        __table_args__ = (
            UniqueConstraint("first", "last"),
            CheckConstraint("number < 100", name="small"),
            Index(None, "last", "first"),
        )
        id: Mapped[int] = mapped_column(primary_key=True)
        first: Mapped[str] = mapped_column(index=True)
        last: Mapped[str]
        number: Mapped[int] = mapped_column(unique=True)
        team: Mapped[str] = mapped_column(ForeignKey("clubs.code"))

    await Base.metadata.create_all(engine)
    assert {"ix_members_last", "ix_members_first"} <= set(await index_texts(engine))
    async with AsyncSession(engine) as session:
        await session.insert(Team(code="a"))
        await session.insert(Player(first="a", last="b", number=1, team="a"))
        for player, name in [
            (Player(first="a", last="b", number=2, team="a"), "uq_members_first_last"),
            (Player(first="a", last="c", number=1, team="a"), "uq_members_number"),
        ]:
            with pytest.raises(UniqueViolation) as caught:
                await session.insert(player)
            assert caught.value.constraint_name == name
        with pytest.raises(CheckViolation) as checked:
            await session.insert(Player(first="x", last="x", number=100, team="a"))
        assert checked.value.constraint_name == "ck_members_small"
        with pytest.raises(ForeignKeyViolation) as referred:
            await session.insert(Player(first="x", last="x", number=9, team="z"))
        assert referred.value.constraint_name == "fk_members_team_clubs"
        with pytest.raises(UniqueViolation) as keyed:
            await session.insert(Team(code="a"))
        assert keyed.value.constraint_name == "pk_clubs"


def test_a_convention_with_a_mistake_is_refused():
    with pytest.raises(FieldError, match="table_name"):
        MetaData(naming_convention={"uq": "uq_%(tablename)s"})
    with pytest.raises(FieldError, match="fk"):
        MetaData(naming_convention={"fkk": "x"})

    class Base(DeclarativeBase):
        metadata = MetaData(naming_convention=CONVENTION)

    with pytest.raises(InvalidRequestError, match="needs a name"):

        class Checked(Base):
            __table_args__ = (CheckConstraint("id > 0"),)
            id: Mapped[int] = mapped_column(primary_key=True)


async def test_schema_of_the_metadata(postgres_url):
    import ormkit

    class Base(DeclarativeBase):
        metadata = MetaData(schema="app")

    class Team(Base):
        __tablename__ = "clubs"
        id: Mapped[int] = mapped_column(primary_key=True)

    class Player(Base):
        __tablename__ = "members"
        __table_args__ = {"comment": "who plays"}
        id: Mapped[int] = mapped_column(primary_key=True)
        team_id: Mapped[int] = mapped_column(ForeignKey("clubs.id"), comment="whose")

    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS app CASCADE")
        connection.execute("CREATE SCHEMA app")
    async with ormkit.create_engine(postgres_url) as engine:
        await Base.metadata.create_all(engine)
        async with AsyncSession(engine) as session:
            await session.insert_all([Team(id=1), Player(id=2, team_id=1)])
        found = await engine.execute("SELECT obj_description('app.members'::regclass) AS text")
        assert found.scalar() == "who plays"
        await Base.metadata.drop_all(engine)
    assert list(Base.metadata.tables) == ["app.clubs", "app.members"]


def test_wrong_options_are_refused_where_they_are_written(base):
    with pytest.raises(FieldError, match="DEFERRED"):
        ForeignKey("a.b", initially="DEFERED")
    with pytest.raises(FieldError, match="MATCH"):
        ForeignKey("a.b", match="PARTIAL")
    with pytest.raises(ValueError, match="deferrable=True"):
        ForeignKey("a.b", deferrable=False, initially="DEFERRED")
    with pytest.raises(TypeError, match="postgresql_ops"):
        Index("ix", "a", postgresql_ops={"b": "x"})
    with pytest.raises(TypeError):
        Index("ix", "a", mysql_length=1)

    class Thing(base):
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str]

    with pytest.raises(FieldError, match="name"):
        Index("ix", Thing.id, "nam")
    with pytest.raises(FieldError, match="name"):

        class Other(base):
            __table_args__ = (Index("ix", "nam"),)
            id: Mapped[int] = mapped_column(primary_key=True)
            name: Mapped[str]


async def test_a_named_primary_key(base, engine):
    class Pair(base):
        __tablename__ = "pairs"
        __table_args__ = (PrimaryKeyConstraint("a", "b", name="pairs_key"), Index("ix_b", desc(text("b"))))
        a: Mapped[int]
        b: Mapped[int]

    await base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        await session.insert(Pair(a=1, b=1))
        with pytest.raises(UniqueViolation) as caught:
            await session.insert(Pair(a=1, b=1))
        assert caught.value.constraint_name == "pairs_key"


async def test_tables_of_many_columns_and_many_classes(base, engine):
    columns = {f"c{at}": mapped_column(String(20)) for at in range(199)}
    wide = type(base)(
        "Wide",
        (base,),
        {
            "id": mapped_column(primary_key=True),
            **columns,
            "__annotations__": {"id": Mapped[int]},
            "__module__": __name__,
        },
    )
    classes = [
        type(base)(f"Many{at}", (base,), {
            "__module__": __name__,
            "__annotations__": {"id": Mapped[int], "up": Mapped[int | None]},
            "id": mapped_column(primary_key=True),
            "up": mapped_column(ForeignKey(f"many{at - 1}s.id")) if at else mapped_column(),
        })
        for at in range(300)
    ]  # fmt: skip
    await base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        row = await session.insert(wide(**{name: name for name in columns}))
        assert row.c198 == "c198"
        first = await session.insert(classes[0]())
        second = await session.insert(classes[1](up=first.id))
        assert second.up == first.id
    async with AsyncSession(engine) as session:
        again = await session.get(wide, row.id)
        assert {name: getattr(again, name) for name in columns} == {name: name for name in columns}
