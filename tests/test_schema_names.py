"""`engine.execution_options(schema_translate_map=..)`: the same models in other schemas."""

from __future__ import annotations

import enum
from typing import Any

import pytest
from counting import sent

import ormkit
from ormkit import (
    AsyncSession,
    Column,
    ConnectionPool,
    DeclarativeBase,
    Enum,
    ForeignKey,
    Integer,
    Mapped,
    Table,
    and_,
    async_sessionmaker,
    cast,
    delete,
    insert,
    joinedload,
    mapped_column,
    relationship,
    select,
    selectinload,
    text,
    update,
)


class Base(DeclarativeBase):
    pass


class State(enum.Enum):
    DRAFT = "draft"
    DONE = "done"


tags_of_notes = Table(
    "tags_of_notes",
    Base.metadata,
    Column("note_id", Integer, ForeignKey("notes.id"), primary_key=True),
    Column("tag_id", Integer, ForeignKey("shared.tags.id"), primary_key=True),
)


class Tag(Base):
    __tablename__ = "tags"
    __table_args__ = {"schema": "shared", "comment": "for everybody"}
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True, index=True)


class Note(Base):
    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str] = mapped_column(index=True, comment="what it says")
    state: Mapped[State] = mapped_column(Enum(State, name="state"), default=State.DRAFT)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("notes.id"))
    children: Mapped[list[Note]] = relationship(back_populates="parent", order_by="Note.id")
    parent: Mapped[Note | None] = relationship(back_populates="children", remote_side="Note.id")
    tags: Mapped[list[Tag]] = relationship(secondary=tags_of_notes, order_by="Tag.id")


@pytest.fixture
async def tenants(engine: ConnectionPool) -> list[ConnectionPool]:
    """Two tenants on PostgreSQL; SQLite has one, all of whose tables are in the only schema."""
    if engine.is_sqlite():
        found = [engine.execution_options(schema_translate_map={"shared": None})]
    else:
        await engine.execute_script("CREATE SCHEMA one; CREATE SCHEMA two; CREATE SCHEMA common")
        maps: list[Any] = [{None: "one", "shared": "common"}, {None: "two", "shared": "common"}]
        found = [engine.execution_options(schema_translate_map=names) for names in maps]
    for tenant in found:
        await Base.metadata.create_all(tenant)
    return found


async def filled(tenants: list[ConnectionPool]) -> list[ConnectionPool]:
    for number, tenant in enumerate(tenants):
        async with AsyncSession(tenant) as session, session.begin():
            tag, _ = await session.get_or_create(Tag, name="red")
            note = Note(text=f"note of {number}", tags=[tag])
            session.add_all([note, Note(text=f"child of {number}", parent=note)])
    return tenants


async def test_each_tenant_sees_its_own_rows(tenants: list[ConnectionPool]) -> None:
    for number, tenant in enumerate(await filled(tenants)):
        async with AsyncSession(tenant) as session:
            query = (
                session.query(Note).filter(parent=None).options(selectinload(Note.children), selectinload(Note.tags))
            )
            (note,) = await query.all()
            assert (note.text, [child.text for child in note.children]) == (f"note of {number}", [f"child of {number}"])
            assert [tag.name for tag in note.tags] == ["red"]
            joined = await session.scalars(
                select(Note).options(joinedload(Note.parent)).where(Note.tags.any(name="red"))
            )
            assert [found.text for found in joined] == [f"note of {number}"]
            named = select(Note.text).join(Note.tags).where(Tag.name == "red", Note.state == State.DRAFT)
            assert (await session.scalars(named)).all() == [f"note of {number}"]


async def test_tables_types_indexes_and_comments_are_where_the_map_says(
    engine: ConnectionPool, tenants: list[ConnectionPool]
) -> None:
    if engine.is_sqlite():
        assert sorted(await engine.get_tables()) == ["notes", "tags", "tags_of_notes"]
        return
    assert await engine.get_tables() == []
    for schema in ("one", "two"):
        assert sorted(await engine.get_tables(schema=schema)) == ["notes", "tags_of_notes"]
        (index,) = [index for index in await engine.get_indexes("notes", schema=schema) if not index.unique]
        assert index.columns == ("text",) or list(index.columns) == ["text"]
    types = (
        "SELECT n.nspname FROM pg_type t JOIN pg_namespace n ON n.oid = typnamespace WHERE typname = 'state' ORDER BY 1"
    )
    assert (await engine.execute(types)).scalars() == ["one", "two"]
    comments = "SELECT obj_description('common.tags'::regclass), col_description('two.notes'::regclass, 2)"
    assert (await engine.execute(comments)).tuples() == [("for everybody", "what it says")]


async def test_every_verb_writes_where_the_map_says(tenants: list[ConnectionPool]) -> None:
    await filled(tenants)
    first, last = tenants[0], tenants[-1]
    async with AsyncSession(last) as session:
        note = (await session.scalars(select(Note).where(Note.parent_id.is_(None)))).one()
        note.text = "changed"
        await session.commit()
        await session.query(Note).filter(parent__text="changed").update(text="child")
        await session.execute(update(Note).where(Note.text == "child").values(state=State.DONE))
        await session.execute(insert(Note), [{"text": "a"}, {"text": "b"}])
        await session.execute(delete(Note).where(Note.text == "a"))
        await session.upsert(Tag(name="red"), "name", do_nothing=True)
        blue = await session.insert(Tag(name="blue"))
        await session.load(note, Note.tags)
        await note.tags.add(blue)
        note.tags.remove(note.tags[0])
        await session.commit()
        assert (
            await session.scalar(select(cast(Note.state, Enum(State, name="state"))).where(Note.id == 2)) == State.DONE
        )
    async with AsyncSession(last) as session:
        rows = await session.execute(select(Note.text, Note.state).order_by(Note.id))
        assert rows.all() == [("changed", State.DRAFT), ("child", State.DONE), ("b", State.DRAFT)]
        note = await session.get_one(Note, 1, options=[selectinload(Note.tags)])
        assert [tag.name for tag in note.tags] == ["blue"]
        await session.remove(await session.get_one(Note, 4))
        assert await session.query(Note).count() == 2
    if first is not last:
        async with AsyncSession(first) as session:
            assert await session.query(Note).order_by("id").values_list("text", flat=True) == [
                "note of 0",
                "child of 0",
            ]


async def test_connections_streams_copies_and_dropping_follow_the_map(
    engine: ConnectionPool, tenants: list[ConnectionPool]
) -> None:
    await filled(tenants)
    for number, tenant in enumerate(tenants):
        own = select(Note.text).where(Note.parent_id.is_(None))
        async with tenant.connect() as connection:
            assert (await connection.execute(own)).scalars() == [f"note of {number}"]
            async with AsyncSession(connection) as session:
                assert await session.scalar(own) == f"note of {number}"
        async with AsyncSession(tenant) as session:
            assert [text async for text in session.stream(select(Note.text).order_by(Note.id))] == [
                (f"note of {number}",),
                (f"child of {number}",),
            ]
        if engine.is_postgres():
            assert [row async for row in tenant.copy_to(own)] == [(f"note of {number}",)]
            assert [row[1] async for row in tenant.copy_to(Note)] == [f"note of {number}", f"child of {number}"]
    if engine.is_postgres():
        # The tags are everybody's: they go with the last who refers to them.
        await engine.execute("DROP TABLE two.tags_of_notes")
    for tenant in tenants:
        await Base.metadata.drop_all(tenant)
    if engine.is_postgres():
        left = "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname IN ('one', 'two', 'common')"
        assert (await engine.execute(left)).scalar() == 0
    else:
        assert await engine.get_tables() == []


async def test_engine_of_a_tenant_shares_connections_and_compiled_statements(engine: ConnectionPool) -> None:
    names: Any = {"shared": None}
    tenant = engine.execution_options(schema_translate_map=names)
    await Base.metadata.create_all(tenant)
    async with AsyncSession(tenant) as session:
        await session.query(Tag).all()
    compiled = tenant.status().plans.misses
    for _ in range(3):
        async with AsyncSession(engine.execution_options(schema_translate_map=dict(names))) as session:
            await session.query(Tag).all()
    assert tenant.status().plans.misses == compiled
    assert tenant.status().size == engine.status().size == 1


async def test_map_can_be_replaced_and_taken_away(engine: ConnectionPool) -> None:
    tenant = engine.execution_options(schema_translate_map={"shared": None})
    async with AsyncSession(tenant.execution_options(schema_translate_map=None)) as session:
        with pytest.raises(ormkit.DatabaseError, match="shared"):
            await session.query(Tag).all()
    await Base.metadata.create_all(tenant.execution_options())
    assert await async_sessionmaker(tenant)().query(Tag).count() == 0


async def test_names_are_quoted_and_texts_are_left_alone(engine: ConnectionPool) -> None:
    tenant = engine.execution_options(schema_translate_map={"shared": 'o"dd'})
    async with AsyncSession(tenant) as session:
        with pytest.raises(ormkit.DatabaseError, match='o"+dd|o"dd'):
            await session.query(Tag).all()
        await session.rollback()
        assert await session.scalar(text("SELECT 'shared.tags'")) == "shared.tags"


async def test_loads_of_a_tenant_take_as_many_statements_as_ever(tenants: list[ConnectionPool]) -> None:
    await filled(tenants)
    async with AsyncSession(tenants[-1]) as session:
        with sent(tenants[-1]) as seen:
            await session.scalars(select(Note).where(and_(Note.id > 0)).options(selectinload(Note.children)))
    assert len(seen) == 2


@pytest.mark.parametrize("names", [{1: "a"}, {"a": 1}, "a", [("a", "b")]])
def test_names_of_other_types_are_refused(names: Any) -> None:
    engine = ormkit.create_engine("sqlite://")
    with pytest.raises(TypeError, match="schema_translate_map is a dict of names of schemas"):
        engine.execution_options(schema_translate_map=names)


def test_other_options_of_engines_say_what_to_type(engine_of_nobody: ConnectionPool) -> None:
    with pytest.raises(ormkit.Unsupported, match="isolation="):
        engine_of_nobody.execution_options(isolation_level="SERIALIZABLE")  # type: ignore[call-arg]
    with pytest.raises(ormkit.FieldError, match="did you mean `schema_translate_map`"):
        engine_of_nobody.execution_options(schema_translate_maps={})  # type: ignore[call-arg]


@pytest.fixture
def engine_of_nobody() -> ConnectionPool:
    return ormkit.create_engine("sqlite://")
