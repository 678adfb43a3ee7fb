"""Classes that extend a mapped class and share its rows: single-table and joined-table inheritance, on both databases."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio
from families import company
from library import Base as OtherBase

import ormkit
from ormkit import (
    AsyncSession,
    DeclarativeBase,
    ForeignKey,
    Mapped,
    SoftDeleteMixin,
    Sum,
    aliased,
    defer,
    func,
    joinedload,
    load_only,
    mapped_column,
    or_,
    relationship,
    select,
    selectin_polymorphic,
    selectinload,
    text,
    undefer,
    update,
    with_polymorphic,
)
from ormkit.exc import DataError, InvalidRequestError, NotLoadedError, NotSupportedError, StaleDataError
from ormkit.migrations import AutogenContext
from ormkit.testing import assert_queries


@pytest.fixture(params=["single", "joined"])
def family(request: pytest.FixtureRequest) -> Iterator[SimpleNamespace]:
    class Base(DeclarativeBase):
        pass

    yield company(ormkit, Base, request.param == "joined")
    gc.collect()


@pytest_asyncio.fixture
async def staffed(family: SimpleNamespace, engine: ormkit.ConnectionPool) -> AsyncIterator[SimpleNamespace]:
    f = family
    await f.base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        here = f.Company(name="here")
        here.staff = [
            f.Employee(name="eve"),
            f.Manager(name="max", bonus=3, reports=[f.Report(title="a"), f.Report(title="b")]),
            f.Engineer(name="ann", language="rust"),
            f.Lead(name="lea", bonus=5, team="core"),
            f.Apprentice(name="ivo", language="python", school="night"),
        ]
        session.add(here)
        await session.commit()
    yield f


def shown(objects: Any) -> list[tuple[str, str]]:
    return [(type(each).__name__, each.name) for each in objects]


EVERYBODY = [("Employee", "eve"), ("Manager", "max"), ("Engineer", "ann"), ("Lead", "lea"), ("Apprentice", "ivo")]


async def test_rows_are_objects_of_their_class_with_all_its_columns(
    staffed: SimpleNamespace, engine: ormkit.ConnectionPool
) -> None:
    f = staffed
    async with AsyncSession(engine) as session:
        with assert_queries(1):
            found = (await session.scalars(select(f.Employee).order_by(f.Employee.id))).all()
        assert shown(found) == EVERYBODY
        eve, max_, ann, lea, ivo = found
        assert (max_.bonus, ann.language, lea.bonus, lea.team) == (3, "rust", 5, "core")
        assert (ivo.language, ivo.school, ivo.type) == ("python", "night", "apprentice")
        assert not hasattr(eve, "bonus")
        if f.joined:
            assert (ann.engineer_id, ivo.engineer_id) == (ann.id, ivo.id)


async def test_a_class_is_read_with_those_below_it(staffed: SimpleNamespace, engine: ormkit.ConnectionPool) -> None:
    f = staffed
    async with AsyncSession(engine) as session:
        managers = await session.query(f.Manager).order_by("id").all()
        assert shown(managers) == [("Manager", "max"), ("Lead", "lea")]
        assert shown(await session.query(f.Engineer).order_by("id").all()) == [
            ("Engineer", "ann"),
            ("Apprentice", "ivo"),
        ]
        assert shown(await session.query(f.Lead).all()) == [("Lead", "lea")]
        assert await session.query(f.Manager).count() == 2
        assert await session.query(f.Manager).aggregate(total=Sum("bonus")) == {"total": 8}
        assert await session.query(f.Manager).filter(company__name="here", bonus__gt=3).values_list(
            "name", flat=True
        ) == ["lea"]
        # The object of the session, whatever class it was asked for as.
        assert await session.query(f.Employee).get(name="lea") is managers[1]


async def test_get_answers_objects_of_the_class_alone(staffed: SimpleNamespace, engine: ormkit.ConnectionPool) -> None:
    f = staffed
    async with AsyncSession(engine) as session:
        assert await session.get(f.Manager, 3) is None
        ann = await session.get(f.Employee, 3)
        assert isinstance(ann, f.Engineer)
        with assert_queries(0):
            assert await session.get(f.Engineer, 3) is ann
        assert await session.get(f.Manager, 3) is None
        assert await session.get(f.Apprentice, 3) is None


async def test_relations_lead_to_objects_of_any_class(staffed: SimpleNamespace, engine: ormkit.ConnectionPool) -> None:
    f = staffed
    for option in (selectinload(f.Company.staff), joinedload(f.Company.staff)):
        async with AsyncSession(engine) as session:
            here = (await session.scalars(select(f.Company).options(option))).one()
            staff = sorted(here.staff, key=lambda each: each.id)
            assert shown(staff) == EVERYBODY
            assert (staff[3].team, staff[4].school) == ("core", "night")
            assert all(each.company is here for each in staff)
            assert await session.query(f.Company).filter(staff__name="lea").all() == [here]


async def test_relations_of_a_class_below_are_loaded_where_objects_have_them(
    staffed: SimpleNamespace, engine: ormkit.ConnectionPool
) -> None:
    f = staffed
    async with AsyncSession(engine) as session:
        with assert_queries(2):
            found = await session.query(f.Employee).options(selectinload(f.Manager.reports)).order_by("id").all()
        assert [report.title for report in found[1].reports] == ["a", "b"]
        assert found[3].reports == []
        assert found[1].reports[0].manager is found[1]
    async with AsyncSession(engine) as session:
        path = selectinload(f.Company.staff).selectinload(f.Manager.reports)
        with assert_queries(3):
            here = await session.get(f.Company, 1, options=[path])
        assert here is not None
        assert [len(each.reports) for each in here.staff if isinstance(each, f.Manager)] == [2, 0]


async def test_conditions_on_columns_of_classes_below(staffed: SimpleNamespace, engine: ormkit.ConnectionPool) -> None:
    f = staffed
    either = or_(f.Manager.bonus == 5, f.Engineer.language == "rust")
    async with AsyncSession(engine) as session:
        found = await session.scalars(select(f.Employee).where(either).order_by(f.Employee.id))
        assert shown(found.all()) == [("Engineer", "ann"), ("Lead", "lea")]
        rows = await session.execute(select(f.Employee.name, f.Manager.bonus).order_by(f.Employee.id))
        assert rows.tuples() == [("eve", None), ("max", 3), ("ann", None), ("lea", 5), ("ivo", None)]
        every = with_polymorphic(f.Employee, "*", aliased=True)
        query = select(every).where(or_(every.Manager.bonus == 5, every.Apprentice.school == "night"))
        assert shown((await session.scalars(query.order_by(every.id))).all()) == [
            ("Lead", "lea"),
            ("Apprentice", "ivo"),
        ]
        option = selectin_polymorphic(f.Employee, [f.Manager])
        assert len((await session.scalars(select(f.Employee).options(option))).all()) == 5


async def test_objects_of_other_statements_are_of_their_class(
    staffed: SimpleNamespace, engine: ormkit.ConnectionPool
) -> None:
    f = staffed
    async with AsyncSession(engine) as session:
        own = text("SELECT id, name, type, company_id FROM employees ORDER BY id")
        found = (await session.scalars(select(f.Employee).from_statement(own))).all()
        assert shown(found) == EVERYBODY
        rows = select(f.Employee).where(f.Employee.id > 3).subquery()
        assert len((await session.scalars(select(aliased(f.Employee, rows)))).all()) == 2
        both = select(f.Employee).where(f.Employee.id < 2).union_all(select(f.Employee).where(f.Employee.id == 4))
        found = (await session.scalars(select(f.Employee).from_statement(both))).all()
        assert sorted(shown(found)) == [("Employee", "eve"), ("Lead", "lea")]
        among = select(f.Report).where(f.Report.manager_id.in_(select(f.Manager.id).where(f.Manager.bonus == 3)))
        assert len((await session.scalars(among)).all()) == 2
        assert await session.scalar(select(func.count()).select_from(select(f.Employee).subquery())) == 5
        partly = aliased(f.Employee, select(f.Employee.id, f.Employee.name).subquery())
        with pytest.raises(ormkit.exc.ProgrammingError, match=r"Employee\.type"):
            await session.scalars(select(partly))


async def test_joins_and_exists_to_a_class_below(staffed: SimpleNamespace, engine: ormkit.ConnectionPool) -> None:
    f = staffed
    join = f.Company.staff.of_type(f.Manager)
    async with AsyncSession(engine) as session:
        rows = await session.execute(
            select(f.Company.name, f.Manager.name).join(join).where(f.Manager.bonus > 1).order_by(f.Manager.name)
        )
        assert rows.tuples() == [("here", "lea"), ("here", "max")]
        assert (
            await session.scalar(select(func.count()).select_from(f.Company).where(join.any(f.Manager.bonus > 9))) == 0
        )
        assert await session.query(f.Report).filter(manager__bonus=3, manager__name="max").count() == 2
        outer = select(f.Company.name, f.Lead.team).outerjoin(f.Lead, f.Lead.company_id == f.Company.id)
        assert (await session.execute(outer)).tuples() == [("here", "core")]


async def test_objects_of_classes_below_in_lookups(staffed: SimpleNamespace, engine: ormkit.ConnectionPool) -> None:
    f = staffed
    async with AsyncSession(engine) as session:
        lea = await session.get(f.Lead, 4)
        report = await session.insert(f.Report(title="c", manager=lea))
        assert await session.query(f.Report).filter(manager=lea).all() == [report]
        assert await session.query(f.Report).filter(manager__in=session.query(f.Lead)).all() == [report]
        assert (await session.scalars(select(f.Report).where(f.Report.manager == lea))).all() == [report]
        with pytest.raises(TypeError, match="Report.manager"):
            session.query(f.Report).filter(manager=await session.get(f.Employee, 1))


async def test_lists_through_a_junction_that_nobody_declares(engine: ormkit.ConnectionPool) -> None:
    class Base(DeclarativeBase):
        pass

    class Tag(Base):
        __tablename__ = "tags"
        id: Mapped[int] = mapped_column(primary_key=True)
        items: Mapped[list[Item]] = relationship(secondary="item_tags", back_populates="tags", order_by="Item.id")

    class Item(SoftDeleteMixin, Base):
        __tablename__ = "items"
        id: Mapped[int] = mapped_column(primary_key=True)
        kind: Mapped[str]
        tags: Mapped[list[Tag]] = relationship(secondary="item_tags", back_populates="items")
        __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "item"}

    class Book(Item):
        __tablename__ = "books"
        id: Mapped[int] = mapped_column(ForeignKey("items.id"), primary_key=True)
        pages: Mapped[int]
        __mapper_args__ = {"polymorphic_identity": "book"}

    class Toy(Item):
        age: Mapped[int]
        __mapper_args__ = {"polymorphic_identity": "toy"}

    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        session.add(Tag(items=[Book(pages=3), Toy(age=4), Item()]))
        await session.commit()
    async with AsyncSession(engine) as session:
        tag = (await session.scalars(select(Tag).options(selectinload(Tag.items)))).one()
        book, toy, item = tag.items
        assert (type(book), book.pages, type(toy), toy.age, type(item)) == (Book, 3, Toy, 4, Item)
        await session.load(book, Book.tags)
        assert book.tags == [tag]
        assert await session.query(Book).filter(tags__id=tag.id).all() == [book]
        await session.soft_delete(book)
        await session.soft_delete(toy)
        assert await session.query(Item).all() == [item]
        assert await session.query(Book).count() == await session.query(Toy).count() == 0
        assert await session.query(Book).with_deleted().all() == [book]
        assert await session.get(Item, book.id) is None
        await session.restore(book)
        tag.items.remove(item)
        await session.commit()
    async with AsyncSession(engine) as session:
        tag = (await session.scalars(select(Tag).options(joinedload(Tag.items)))).one()
        assert [type(each) for each in tag.items] == [Book]


async def test_a_list_of_a_family_alone_has_its_junction(engine: ormkit.ConnectionPool) -> None:
    class Base(DeclarativeBase):
        pass

    class Word(Base):
        __tablename__ = "words"
        id: Mapped[int] = mapped_column(primary_key=True)

    class Text(Base):
        __tablename__ = "texts"
        id: Mapped[int] = mapped_column(primary_key=True)
        kind: Mapped[str]
        words: Mapped[list[Word]] = relationship(secondary="text_words")
        __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "text"}

    class Poem(Text):
        lines: Mapped[int]
        rhymes: Mapped[list[Word]] = relationship(secondary="poem_rhymes")
        __mapper_args__ = {"polymorphic_identity": "poem"}

    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        session.add(Poem(lines=4, words=[Word()], rhymes=[Word(), Word()]))
        await session.commit()
    async with AsyncSession(engine) as session:
        options = [selectinload(Text.words), selectinload(Poem.rhymes)]
        (poem,) = (await session.scalars(select(Text).options(*options))).all()
        assert isinstance(poem, Poem)
        assert (len(poem.words), len(poem.rhymes)) == (1, 2)
    assert {"text_words", "poem_rhymes"} <= set(Base.metadata.tables)
    await Base.metadata.drop_all(engine)
    assert await engine.get_tables() == []


async def test_the_tables_of_a_family_are_what_its_classes_want(
    family: SimpleNamespace, engine: ormkit.ConnectionPool
) -> None:
    f = family
    await f.base.metadata.create_all(engine)
    every = [f.Company, f.Employee, f.Manager, f.Engineer, f.Lead, f.Apprentice, f.Report]
    assert await AutogenContext(engine, every).diff() == []
    assert await AutogenContext(engine, every[::-1]).diff() == []
    # A class stands for its tables, with the columns of all that share them.
    lacking = await AutogenContext(engine, [f.Company, f.Apprentice, f.Report]).diff()
    gone = {("drop_table", "managers"), ("drop_table", "leads")} if f.joined else set()
    assert {(step.operation_type, step.table_name) for step in lacking} <= gone | {("drop_constraint", "reports")}


async def test_changes_are_written_to_the_table_that_has_them(
    staffed: SimpleNamespace, engine: ormkit.ConnectionPool
) -> None:
    f = staffed
    async with AsyncSession(engine) as session:
        lea = await session.get(f.Employee, 4)
        assert isinstance(lea, f.Lead)
        lea.bonus = 6
        with assert_queries(1):
            await session.commit()
        lea.name, lea.bonus, lea.team = "leo", 7, "edge"
        with assert_queries(3 if f.joined else 1):
            await session.commit()
    async with AsyncSession(engine) as session:
        lea = await session.get(f.Lead, 4)
        assert lea is not None
        assert (lea.name, lea.bonus, lea.team) == ("leo", 7, "edge")
        await session.delete(lea)
        await session.commit()
        assert await session.query(f.Employee).count() == 4
        assert await session.get(f.Manager, 4) is None
    counted = {"employees": 4, "managers": 1, "leads": 0} if f.joined else {"employees": 4}
    for table, rows in counted.items():
        assert (await engine.execute(f"SELECT count(*) FROM {table}")).scalar() == rows


async def test_many_objects_of_a_kind_are_one_statement_for_each_table(
    family: SimpleNamespace, engine: ormkit.ConnectionPool
) -> None:
    f = family
    await f.base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        leads = [f.Lead(name=f"n{n}", bonus=n, team=f"t{n}") for n in range(100)]
        session.add_all(leads)
        with assert_queries(3 if f.joined else 1):
            await session.commit()
        for lead in leads:
            lead.team = lead.name
        with assert_queries(1):
            await session.commit()
    async with AsyncSession(engine) as session:
        found = await session.query(f.Lead).order_by("bonus").all()
        assert [(lead.bonus, lead.name, lead.team) for lead in found] == [(n, f"n{n}", f"n{n}") for n in range(100)]


async def test_verbs_write_all_tables_or_none(staffed: SimpleNamespace, engine: ormkit.ConnectionPool) -> None:
    f = staffed
    async with AsyncSession(engine) as session:
        lead = await session.insert(f.Lead(name="new", bonus=1, team="x"))
        assert lead.id == 6
        with pytest.raises(ormkit.exc.DatabaseError):
            await session.insert(f.Manager(id=6, name="twice", bonus=1))
        with pytest.raises(ormkit.exc.DatabaseError):
            await session.insert(f.Lead(name="far", company_id=99))
        await session.remove(lead)
    assert (await engine.execute("SELECT count(*) FROM employees")).scalar() == 5


async def test_expired_and_merged_objects_are_read_whole(
    staffed: SimpleNamespace, engine: ormkit.ConnectionPool
) -> None:
    f = staffed
    async with AsyncSession(engine) as session:
        lea = await session.get(f.Lead, 4)
        assert lea is not None
        session.expire(lea)
        with pytest.raises(NotLoadedError):
            _ = lea.team
        await session.refresh(lea)
        assert (lea.team, lea.bonus) == ("core", 5)
        session.expire(lea)
        assert await session.query(f.Employee).get(name="lea") is lea
        assert lea.team == "core"
        merged = await session.merge(f.Lead(id=4, name="lea", bonus=9, team="other", type="lead"))
        assert merged is lea
        await session.rollback()
        partly = (await session.scalars(select(f.Lead).options(load_only(f.Employee.name)))).one()
        assert partly is lea


async def test_rollback_undoes_every_table(staffed: SimpleNamespace, engine: ormkit.ConnectionPool) -> None:
    f = staffed
    async with AsyncSession(engine) as session:
        lea = await session.get(f.Lead, 4)
        assert lea is not None
        lea.name, lea.team = "x", "y"
        session.add(f.Lead(name="gone"))
        await session.flush()
        await session.rollback()
        assert (lea.name, lea.team) == ("lea", "core")
        assert await session.query(f.Lead).count() == 1


async def test_set_verbs(staffed: SimpleNamespace, engine: ormkit.ConnectionPool) -> None:
    f = staffed
    async with AsyncSession(engine) as session:
        everybody = await session.query(f.Employee).order_by("id").all()
        assert await session.query(f.Employee).filter(name="eve").update(name="eva") == 1
        assert everybody[0].name == "eva"
        if f.joined:
            with pytest.raises(NotSupportedError, match="UPDATE of Manager, whose columns stand in several tables"):
                await session.execute(update(f.Manager).values(bonus=1))
            await session.rollback()
            await session.execute(update(f.Manager.__table__).values(bonus=1))
            assert await session.query(f.Manager).filter(bonus=1).count() == 2
            await session.commit()
        else:
            assert await session.query(f.Manager).update(bonus=1) == 2
            assert [everybody[1].bonus, everybody[3].bonus] == [1, 1]
            assert await session.query(f.Engineer).delete() == 2
            await session.commit()
            assert await session.query(f.Employee).count() == 3


async def test_rollback_forgets_what_set_verbs_wrote(staffed: SimpleNamespace, engine: ormkit.ConnectionPool) -> None:
    f = staffed
    async with AsyncSession(engine) as session:
        lea = await session.get(f.Lead, 4)
        assert lea is not None
        await session.execute(update(f.Employee).values(name="all"))
        assert lea.name == "all"
        fresh = await session.get(f.Employee, 2)
        assert fresh is not None and fresh.name == "all"
        await session.rollback()
        await session.refresh(lea)
        assert lea.name == "lea"
        with pytest.raises(NotLoadedError):
            _ = fresh.name
        await session.refresh(fresh)
        assert fresh.name == "max"


async def test_locked_rows(staffed: SimpleNamespace, engine: ormkit.ConnectionPool) -> None:
    f = staffed
    async with AsyncSession(engine) as session, session.begin():
        found = await session.query(f.Employee).with_for_update().order_by("id").all()
        assert shown(found) == EVERYBODY
        if f.joined and engine.is_postgres():
            # An outer join cannot be locked.
            with pytest.raises(NotLoadedError):
                _ = found[1].bonus
            await session.load(found[1], f.Manager.bonus)
            await session.refresh(found[2])
        assert (found[1].bonus, found[2].language) == (3, "rust")
        lead = (await session.scalars(select(f.Lead).with_for_update())).one()
        assert (lead.team, lead.bonus) == ("core", 5)


async def test_limits_for_each_parent(staffed: SimpleNamespace, engine: ormkit.ConnectionPool) -> None:
    f = staffed
    async with AsyncSession(engine) as session:
        option = selectinload(f.Company.staff).order_by("-id").limit(2)
        here = (await session.scalars(select(f.Company).options(option))).one()
        assert shown(here.staff) == [("Apprentice", "ivo"), ("Lead", "lea")]
        assert (here.staff[0].school, here.staff[1].team) == ("night", "core")


async def test_limited_parents_with_joined_lists(staffed: SimpleNamespace, engine: ormkit.ConnectionPool) -> None:
    f = staffed
    async with AsyncSession(engine) as session:
        query = select(f.Manager).options(joinedload(f.Manager.reports)).order_by(f.Manager.id).limit(2)
        found = (await session.scalars(query)).all()
        assert shown(found) == [("Manager", "max"), ("Lead", "lea")]
        assert (len(found[0].reports), found[1].reports, found[1].team) == (2, [], "core")


async def test_classes_that_come_after_queries_are_read(engine: ormkit.ConnectionPool) -> None:
    class Base(DeclarativeBase):
        pass

    class Shape(Base):
        __tablename__ = "shapes"
        id: Mapped[int] = mapped_column(primary_key=True)
        kind: Mapped[int]
        __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": 0}

    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        await session.insert(Shape())
        assert len(await session.query(Shape).all()) == 1
        assert await session.get(Shape, 1)
    await Base.metadata.drop_all(engine)

    class Circle(Shape):
        radius: Mapped[float]
        __mapper_args__ = {"polymorphic_identity": 1}

    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        await session.insert_all([Shape(), Circle(radius=2.5)])
    async with AsyncSession(engine) as session:
        found = await session.get(Shape, 2)
        assert isinstance(found, Circle)
        assert found.radius == 2.5
        with pytest.raises(ormkit.exc.NotNullViolation, match="Circle.radius"):
            await session.insert(Circle())
        assert [column.name for column in Base.metadata.tables["shapes"].columns] == ["id", "kind", "radius"]


async def test_a_row_of_no_class_is_an_error(staffed: SimpleNamespace, engine: ormkit.ConnectionPool) -> None:
    f = staffed
    await engine.execute("UPDATE employees SET type = 'robot' WHERE name = 'eve'")
    async with AsyncSession(engine) as session:
        with pytest.raises(DataError, match=r"Employee\.type.*polymorphic_identity of none"):
            await session.query(f.Employee).all()
        assert await session.query(f.Employee).filter(name="max").count() == 1


async def test_versions_are_counted_with_every_table(engine: ormkit.ConnectionPool) -> None:
    class Base(DeclarativeBase):
        pass

    class Page(Base):
        __tablename__ = "pages"
        id: Mapped[int] = mapped_column(primary_key=True)
        kind: Mapped[str]
        version: Mapped[int]
        __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "page", "version_id_col": "version"}

    class Post(Page):
        __tablename__ = "posts"
        id: Mapped[int] = mapped_column(ForeignKey("pages.id"), primary_key=True)
        body: Mapped[str]
        __mapper_args__ = {"polymorphic_identity": "post"}

    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as one, AsyncSession(engine) as other:
        post = await one.insert(Post(body="a"))
        assert post.version == 1
        same = await other.get(Page, post.id)
        assert isinstance(same, Post)
        same.body = "b"
        await other.commit()
        assert same.version == 2
        post.body = "c"
        with pytest.raises(StaleDataError):
            await one.commit()
        await one.rollback()
    assert (await engine.execute("SELECT body FROM posts")).scalar() == "b"


async def test_relations_to_the_family_itself(engine: ormkit.ConnectionPool) -> None:
    class Base(DeclarativeBase):
        pass

    class Node(Base):
        __tablename__ = "nodes"
        id: Mapped[int] = mapped_column(primary_key=True)
        kind: Mapped[str]
        parent_id: Mapped[int | None] = mapped_column(ForeignKey("nodes.id"))
        parent: Mapped[Node | None] = relationship(back_populates="children", remote_side="Node.id")
        children: Mapped[list[Node]] = relationship(back_populates="parent", order_by="Node.id")
        __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "node"}

    class Leaf(Node):
        __tablename__ = "leaves"
        id: Mapped[int] = mapped_column(ForeignKey("nodes.id"), primary_key=True)
        colour: Mapped[str | None]
        __mapper_args__ = {"polymorphic_identity": "leaf"}

    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        root = Node(children=[Leaf(colour="red"), Node(children=[Leaf(colour="blue", children=[Node()])])])
        session.add(root)
        await session.commit()
    async with AsyncSession(engine) as session:
        options = selectinload(Node.children, recursion_depth=-1)
        root = (await session.scalars(select(Node).where(Node.parent_id.is_(None)).options(options))).one()
        red, inner = root.children
        assert isinstance(red, Leaf)
        (blue,) = inner.children
        assert isinstance(blue, Leaf)
        assert (red.colour, blue.colour, type(blue.children[0]), blue.parent is inner) == ("red", "blue", Node, True)
        await session.delete(red)
        root.children.remove(red)
        await session.commit()
        assert await session.query(Leaf).count() == 1
    async with AsyncSession(engine) as session:
        # Each after what refers to it, whatever their classes.
        for each in await session.query(Node).order_by("id").all():
            session.delete(each)
        await session.commit()
        assert await session.query(Node).count() == 0
    async with AsyncSession(engine) as session:
        session.add(Leaf(children=[Node(), Leaf()]))
        await session.commit()
    async with AsyncSession(engine) as session:
        part = selectinload(Node.children.and_(Node.kind == "leaf"))
        query = select(Node).where(Node.parent_id.is_(None)).options(part)
        leaf = (await session.scalars(query)).one()
        assert [type(child) for child in leaf.children] == [Leaf]
        session.delete(leaf)
        await session.commit()
        assert await session.query(Node).filter(parent_id=None).count() == 2


def declared(body: dict[str, Any], *, on: str | None = "kind", identity: Any = "b") -> None:
    class Base(DeclarativeBase):
        pass

    args: dict[str, Any] = {"polymorphic_on": on, "polymorphic_identity": "a"} if on else {}
    space = {"__module__": __name__, "__tablename__": "tops", "__mapper_args__": args}
    columns = {"id": mapped_column(ormkit.Integer, primary_key=True), "kind": mapped_column(ormkit.String)}
    top = type(Base)("Top", (Base,), {**space, **columns})
    given = {"__mapper_args__": {"polymorphic_identity": identity}} if identity is not None else {}
    type(Base)("Below", (top,), {"__module__": __name__, **given, **body})


@pytest.mark.parametrize(
    ("body", "options", "message"),
    [
        ({}, {"on": "knd"}, "did you mean `kind`"),
        ({}, {"identity": "a"}, "polymorphic_identity 'a', too"),
        ({}, {"identity": None}, "Below needs a polymorphic_identity"),
        ({}, {"identity": 7}, "is a str"),
        ({"kind": mapped_column(ormkit.String)}, {}, "kind"),
        ({"__tablename__": "belows"}, {}, "its key refers to that class"),
        (
            {"__tablename__": "belows", "id": mapped_column(ormkit.Integer, primary_key=True)},
            {},
            "its key refers to that class",
        ),
        ({}, {"on": None}, "polymorphic_on"),
        ({"__mapper_args__": {"polymorphic_on": "id", "polymorphic_identity": "b"}}, {}, "the first class of a family"),
        ({"__mapper_args__": {"concrete": True}}, {}, "mixin or __abstract__"),
    ],
)
def test_mistakes_are_named_when_the_class_is_declared(
    body: dict[str, Any], options: dict[str, Any], message: str
) -> None:
    with pytest.raises((InvalidRequestError, NotSupportedError, ormkit.exc.FieldError), match=message):
        declared(body, **options)


def test_classes_of_another_family_are_refused(family: SimpleNamespace) -> None:
    stranger = next(iter(OtherBase.__subclasses__()))
    with pytest.raises(TypeError, match="does not extend"):
        with_polymorphic(family.Employee, [stranger])
    with pytest.raises(TypeError, match="does not extend"):
        selectin_polymorphic(family.Manager, [family.Engineer])
    with pytest.raises(ormkit.exc.FieldError):
        select(family.Company).options(selectinload(family.Manager.reports))
    with pytest.raises(TypeError, match="leads to"):
        family.Report.manager.of_type(family.Engineer)


async def test_rows_stay_of_their_class(staffed: SimpleNamespace, engine: ormkit.ConnectionPool) -> None:
    f = staffed
    async with AsyncSession(engine) as session:
        before = [(each.id, type(each), each.type) for each in await session.query(f.Employee).order_by("id").all()]
    manager = next(number for number, kind, _ in before if kind is f.Manager)
    async with AsyncSession(engine) as session:
        with pytest.raises(InvalidRequestError, match="of an? Employee is of another class than Employee"):
            await session.upsert(f.Employee(id=manager, name="wrong"), "id")
        with pytest.raises(InvalidRequestError, match="of another class"):
            await session.upsert(f.Employee(id=manager, name="wrong"), "id", do_nothing=True)
        merged = await session.merge(f.Employee(id=manager, name="right"))
        assert isinstance(merged, f.Manager)
        await session.commit()
        if f.joined:
            with pytest.raises(NotSupportedError, match="rows go on in the table of Manager without ON DELETE CASCADE"):
                await session.query(f.Employee).delete()
    async with AsyncSession(engine) as session:
        found = await session.query(f.Employee).order_by("id").all()
        assert [(each.id, type(each), each.type) for each in found] == before
        assert [each.name for each in found if each.id == manager] == ["right"]


async def test_rows_of_several_tables_go_where_the_database_takes_them_along(engine: ormkit.ConnectionPool) -> None:
    class Own(ormkit.DeclarativeBase):
        metadata = ormkit.MetaData()

    class Beast(Own):
        __tablename__ = "beasts"
        id: ormkit.Mapped[int] = ormkit.mapped_column(primary_key=True)
        kind: ormkit.Mapped[str]
        __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "beast"}

    class Dog(Beast):
        __tablename__ = "dogs"
        id: ormkit.Mapped[int] = ormkit.mapped_column(
            ormkit.ForeignKey("beasts.id", ondelete="CASCADE"), primary_key=True
        )
        __mapper_args__ = {"polymorphic_identity": "dog"}

    await Own.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        session.add_all([Dog(), Beast()])
        await session.commit()
        assert await session.query(Beast).delete() == 2
        await session.commit()
        assert (await engine.execute("SELECT count(*) FROM dogs")).scalar() == 0


async def test_columns_of_classes_below_stay_where_columns_of_a_class_above_are_left_out(
    staffed: SimpleNamespace, engine: ormkit.ConnectionPool
) -> None:
    f = staffed
    for option in (defer(f.Employee.name), undefer(f.Employee.name)):
        async with AsyncSession(engine) as session:
            with assert_queries(1):
                found = (await session.scalars(select(f.Employee).options(option).order_by(f.Employee.id))).all()
            _, max_, ann, lea, ivo = found
            assert (max_.bonus, ann.language, lea.team, ivo.school) == (3, "rust", "core", "night")
    async with AsyncSession(engine) as session:
        _, max_, *_ = await session.query(f.Employee).defer("name").order_by("id").all()
        assert max_.bonus == 3
        with pytest.raises(NotLoadedError, match="name"):
            _ = max_.name
    async with AsyncSession(engine) as session:
        loads = selectinload(f.Company.staff).defer(f.Employee.name)
        here = (await session.scalars(select(f.Company).options(loads))).one()
        assert here.staff[1].bonus == 3
    async with AsyncSession(engine) as session:
        _, max_, *_ = await session.query(f.Employee).only("name").order_by("id").all()
        with pytest.raises(NotLoadedError, match="bonus"):
            _ = max_.bonus
