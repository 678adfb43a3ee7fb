"""Tables that are declared without a class, and those of classes, in statements."""

import enum
from datetime import datetime, timezone

import pytest

from ormkit import (
    AsyncSession,
    CheckConstraint,
    Column,
    DateTime,
    DeclarativeBase,
    FieldError,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    InvalidRequestError,
    Mapped,
    MetaData,
    NotSupportedError,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    aliased,
    delete,
    exists,
    func,
    insert,
    join,
    mapped_column,
    relationship,
    select,
    selectinload,
    text,
    update,
)
from ormkit.testing import assert_queries


class Base(DeclarativeBase):
    pass


tags_of_pages = Table(
    "tags_of_pages",
    Base.metadata,
    Column("page_id", ForeignKey("core_pages.id", ondelete="CASCADE"), primary_key=True),
    Column("tag_id", ForeignKey("core_tags.word", ondelete="CASCADE"), primary_key=True),
    Column("weight", Integer, server_default=text("1")),
)


class Page(Base):
    __tablename__ = "core_pages"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    tags: Mapped[list["Tag"]] = relationship(secondary=tags_of_pages, back_populates="pages")


class Tag(Base):
    __tablename__ = "core_tags"
    word: Mapped[str] = mapped_column(primary_key=True)
    pages: Mapped[list["Page"]] = relationship(secondary="tags_of_pages", back_populates="tags")


visits = Table(
    "core_visits",
    Base.metadata,
    Column("page", Integer, ForeignKey("core_pages.id"), nullable=False),
    Column("by", String(20)),
    CheckConstraint("by <> ''", name="somebody"),
    UniqueConstraint("page", "by", name="uq_visits"),
    Index("ix_visits_by", "by"),
    comment="who was where",
)


@pytest.fixture
async def session(engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        yield session
        await session.rollback()


def test_tables_say_what_is_in_them():
    assert Base.metadata.tables["tags_of_pages"] is tags_of_pages
    assert tags_of_pages.primary_key == ("page_id", "tag_id")
    assert visits.primary_key == ()
    assert tags_of_pages.c.keys() == ["page_id", "tag_id", "weight"]
    assert "weight" in tags_of_pages.c and len(tags_of_pages.c) == 3
    assert [column.key for column in tags_of_pages.c] == ["page_id", "tag_id", "weight"]
    assert [column.nullable for column in visits.columns] == [False, True]
    assert repr(visits) == "Table('core_visits')" or repr(visits) == 'Table("core_visits")'
    names = [table.name for table in Base.metadata.sorted_tables]
    assert names.index("core_pages") < names.index("tags_of_pages")


def test_columns_without_a_type_have_that_of_what_they_refer_to():
    sql = insert(tags_of_pages).values(page_id=1, tag_id="a").to_sql("sqlite")[0]
    assert sql == "INSERT INTO tags_of_pages (page_id, tag_id) VALUES (?, ?)"
    with pytest.raises(Exception, match=r"tags_of_pages.page_id"):
        insert(tags_of_pages).values(page_id="no number", tag_id="a")


def test_mistakes_are_named():
    with pytest.raises(AttributeError, match="did you mean `weight`"):
        tags_of_pages.c.wieght  # noqa: B018
    with pytest.raises(KeyError):
        tags_of_pages.c["nothing"]
    other = MetaData()
    with pytest.raises(InvalidRequestError, match="needs a name"):
        Table("a", other, Column(Integer))
    with pytest.raises(InvalidRequestError, match=r"a\.b: a column needs a type"):
        Table("a", other, Column("b"))
    with pytest.raises(NotSupportedError, match=r"default of Python's for a\.b"):
        Table("a", other, Column("b", Integer, default=3))
    with pytest.raises(FieldError):
        Table("a", other, Column("b", Integer), UniqueConstraint("c"))
    with pytest.raises(TypeError, match="a mapped class is expected"):
        aliased(visits)


async def test_they_are_created_with_all_that_they_say(session, engine):
    constraints = {one.name: one.constraint_type for one in await engine.get_constraints("core_visits")}
    assert {"somebody", "uq_visits"} <= set(constraints)
    assert "ix_visits_by" in {index.name for index in await engine.get_indexes("core_visits")}
    await Base.metadata.drop_all(engine)
    assert not await engine.get_tables()


async def test_rows_are_written_and_read(session):
    session.add_all([Page(title="One"), Page(title="Two"), Tag(word="new")])
    await session.flush()
    await session.execute(insert(visits).values([{"page": 1, "by": "ann"}, {"page": 2, "by": "ann"}]))
    result = await session.execute(update(visits).where(visits.c.page == 2).values(by="bob"))
    assert result.rowcount == 1
    found = await session.execute(select(visits).order_by(visits.c.page))
    assert found.all() == [(1, "ann"), (2, "bob")]
    assert found.keys() == ["page", "by"] or tuple(found.keys()) == ("page", "by")
    query = select(Page.title, visits.c.by).join(visits, visits.c.page == Page.id).order_by(Page.id)
    assert (await session.execute(query)).all() == [("One", "ann"), ("Two", "bob")]
    # The one foreign key says what joins them.
    assert select(Page.title).join(visits).to_sql() == (
        "SELECT core_pages.title FROM core_pages JOIN core_visits ON core_visits.page = core_pages.id",
        [],
    )
    query = select(Page.title).where(exists().where(visits.c.page == Page.id, visits.c.by == "bob"))
    assert (await session.execute(query)).scalars().all() == ["Two"]
    query = select(visits.c.by, func.count()).group_by(visits.c.by).order_by(visits.c.by)
    assert (await session.execute(query)).all() == [("ann", 1), ("bob", 1)]
    again = visits.alias("again")
    query = select(visits.c.by, again.c.by).select_from(join(visits, again, visits.c.page < again.c.page))
    assert (await session.execute(query)).all() == [("ann", "bob")]
    returned = await session.execute(delete(visits).where(visits.c.by == "ann").returning(visits.c.page))
    assert returned.scalars().all() == [1]
    assert await session.scalar(select(func.count()).select_from(visits)) == 1


async def test_keys_of_a_table_may_be_updated(session):
    session.add_all([Page(title="One", tags=[Tag(word="old")]), Tag(word="new")])
    await session.flush()
    await session.execute(update(tags_of_pages).values(tag_id="new"))
    assert (await session.execute(select(tags_of_pages.c.tag_id))).scalars().all() == ["new"]


async def test_types_of_ones_own_convert_values(engine):
    class Upper(TypeDecorator):
        impl = Text
        cache_ok = True

        def process_bind_param(self, value, dialect):
            return value.upper()

        def process_result_value(self, value, dialect):
            return value.lower()

    metadata = MetaData()
    words = Table("words", metadata, Column("word", Upper), Column("at", DateTime(timezone=True)))
    await metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        now = datetime.now(timezone.utc)
        await session.execute(insert(words).values(word="abc", at=now))
        assert (await session.execute(select(words))).all() == [("abc", now)]
        assert await session.scalar(select(text("word")).select_from(words)) == "ABC"
        await session.commit()


async def test_the_table_of_a_class_is_one_of_them(session):
    session.add(Page(title="One"))
    await session.flush()
    table = Page.__table__
    assert (await session.execute(select(table))).all() == [(1, "One")]
    assert (await session.execute(select(table.c.title).where(table.c.id == Page.id))).scalar() == "One"
    await session.execute(update(table).values(title="Two"))
    assert (await session.get(Page, 1)).title == "Two"


async def test_lists_go_through_a_table(session, engine):
    session.add(Page(title="One", tags=[Tag(word="new"), Tag(word="hot")]))
    with assert_queries(3):
        await session.flush()
    rows = await session.execute(select(tags_of_pages).order_by(tags_of_pages.c.tag_id))
    assert rows.all() == [(1, "hot", 1), (1, "new", 1)]
    await session.execute(insert(tags_of_pages).values(page_id=1, tag_id="hot").on_conflict_do_nothing())
    tag = await session.get(Tag, "hot", options=[selectinload(Tag.pages)])
    assert [page.title for page in tag.pages] == ["One"]
    assert Page.__relationships__["tags"].secondary == "tags_of_pages"


async def test_a_junction_needs_no_key(engine):
    class Other(DeclarativeBase):
        pass

    links = Table(
        "links",
        Other.metadata,
        Column("left_id", ForeignKey("lefts.id")),
        Column("land", Text),
        Column("number", Integer),
        ForeignKeyConstraint(["land", "number"], ["rights.land", "rights.number"]),
    )

    class Left(Other):
        id: Mapped[int] = mapped_column(primary_key=True)
        rights: Mapped[list["Right"]] = relationship(secondary=links)

    class Right(Other):
        __table_args__ = (PrimaryKeyConstraint("land", "number"),)
        land: Mapped[str]
        number: Mapped[int]

    await Other.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        one, two = Right(land="a", number=1), Right(land="b", number=2)
        left = Left(rights=[one, two])
        session.add(left)
        await session.commit()
        await left.rights.remove(one)
        assert (await session.execute(select(links))).all() == [(1, "b", 2)]
        await session.remove(two)
        assert (await session.execute(select(links))).all() == []
        assert left.rights == []


def test_columns_are_found_by_their_names_in_the_database():
    columns = tags_of_pages.columns
    assert columns.keys() == [column.name for column in columns] == ["page_id", "tag_id", "weight"]
    assert columns["tag_id"].primary_key and "weight" in columns and "wieght" not in columns
    assert dict(columns.items())["weight"] is columns.weight
    with pytest.raises(KeyError, match="did you mean `weight`"):
        columns["wieght"]


class Mood(enum.Enum):
    GOOD = "good"


class Diary(DeclarativeBase):
    metadata = MetaData()


class Day(Diary):
    __tablename__ = "days_of_diary"
    id: Mapped[int] = mapped_column(primary_key=True)
    mood: Mapped[Mood]


class Night(Diary):
    __tablename__ = "nights_of_diary"
    id: Mapped[int] = mapped_column(primary_key=True)
    mood: Mapped[Mood]


async def test_some_tables_are_created_and_dropped_alone(engine):
    await Diary.metadata.create_all(bind=engine, tables=[Day.__table__], checkfirst=True)
    assert await engine.get_tables() == ["days_of_diary"]
    async with engine.begin() as connection:
        await connection.run_sync(Diary.metadata.create_all, tables=[Night])
    assert sorted(await engine.get_tables()) == ["days_of_diary", "nights_of_diary"]
    await Diary.metadata.drop_all(engine, tables=[Day])
    async with AsyncSession(engine) as session:
        session.add(Night(mood=Mood.GOOD))
        await session.commit()
        assert await session.query(Night).filter(mood=Mood.GOOD).count() == 1
    await Diary.metadata.drop_all(bind=engine)
    assert await engine.get_tables() == []


async def test_what_create_all_cannot_take_is_named(engine):
    with pytest.raises(InvalidRequestError, match="not of this metadata"):
        await Diary.metadata.create_all(engine, tables=[visits])
    with pytest.raises(TypeError, match="another name of `engine`"):
        await Diary.metadata.create_all(engine, bind=engine)
    with pytest.raises(TypeError, match="is needed"):
        await Diary.metadata.drop_all()
    with pytest.raises(NotSupportedError, match="checkfirst=False"):
        await Diary.metadata.create_all(engine, checkfirst=False)
    with pytest.raises(AttributeError, match="ormkit inspect"):
        Diary.metadata.reflect(engine)
