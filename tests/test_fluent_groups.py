"""Groups, aggregates and relations of fluent queries where a copy goes wrong, on both databases."""

from __future__ import annotations

import pytest

from ormkit import (
    AsyncSession,
    Count,
    DataError,
    DeclarativeBase,
    F,
    ForeignKey,
    Mapped,
    ProgrammingError,
    Q,
    func,
    mapped_column,
    relationship,
    select,
)
from ormkit.testing import assert_queries


class Base(DeclarativeBase):
    __abstract__ = True


class Person(Base):
    __tablename__ = "people"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    born: Mapped[int]
    wrote: Mapped[list[Work]] = relationship(back_populates="author", foreign_keys="Work.author_id")
    edited: Mapped[list[Work]] = relationship(back_populates="editor", foreign_keys="Work.editor_id")


class Work(Base):
    __tablename__ = "works"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    kind: Mapped[str]
    author_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    editor_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    author: Mapped[Person] = relationship(back_populates="wrote", foreign_keys=[author_id])
    editor: Mapped[Person | None] = relationship(back_populates="edited", foreign_keys=[editor_id])


class Step(Base):
    __tablename__ = "steps"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("steps.id"))
    parent: Mapped[Step | None] = relationship(back_populates="steps", remote_side="Step.id")
    steps: Mapped[list[Step]] = relationship(back_populates="parent")


@pytest.fixture
async def session(engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as filling:
        ann, bea, cid = (Person(name=name, born=born) for name, born in [("Ann", 1900), ("Bea", 1950), ("Cid", 1980)])
        works = [
            Work(title="A", kind="tale", author=ann, editor=bea),
            Work(title="B", kind="tale", author=bea, editor=ann),
            Work(title="C", kind="poem", author=bea, editor=cid),
            Work(title="D", kind="poem", author=cid),
        ]
        await filling.insert_all([ann, bea, cid, *works])
        await filling.insert(Step(name="r", steps=[Step(name="r"), Step(name="b", steps=[Step(name="b")])]))
    async with AsyncSession(engine) as session:
        yield session


async def titles(query):
    return [work.title for work in await query.order_by("title")]


async def test_objects_of_groups_are_refused_before_anything_is_sent(session):
    works = session.query(Work).group_by("kind")
    with assert_queries(0):
        for verb in (works.all, works.first, works.one_or_none, works.annotate(n=Count("id")).all):
            with pytest.raises(ProgrammingError, match=r"no Work: group by its key \(Work.id\)"):
                await verb()
        with pytest.raises(ProgrammingError, match="group by its key"):
            await session.execute(select(Work).group_by(Work.kind))
    assert await works.values("kind").order_by("kind") == [{"kind": "poem"}, {"kind": "tale"}]
    assert await works.count() == 2
    assert await works.exists()
    assert await works.having(Work.kind == "poem").count() == 1


async def test_objects_are_grouped_by_their_key(session):
    assert len(await session.query(Work).group_by("id").all()) == 4
    people = session.query(Person).group_by("id").annotate(n=Count("wrote")).order_by("name")
    assert [(person.name, person.n) for person in await people] == [("Ann", 1), ("Bea", 2), ("Cid", 1)]
    assert await people.having(n__gt=1).count() == 1
    statement = select(Person, func.count(Work.id)).join(Person.wrote).group_by(Person.id).order_by(Person.name)
    assert [(person.name, n) for person, n in await session.execute(statement)] == [("Ann", 1), ("Bea", 2), ("Cid", 1)]


async def test_filter_of_an_aggregate_may_come_back_to_the_class_of_the_row(session):
    young = Count("wrote", filter=Q(wrote__editor__born__gt=F("born")))
    people = session.query(Person).annotate(n=young).order_by("name")
    assert [(person.name, person.n) for person in await people] == [("Ann", 1), ("Bea", 1), ("Cid", 0)]
    rows = session.query(Person).values("name").annotate(n=young).order_by("name")
    assert [(row["name"], row["n"]) for row in await rows] == [("Ann", 1), ("Bea", 1), ("Cid", 0)]
    beyond = Count("wrote", filter=Q(wrote__editor__wrote__title="D"))
    assert [person.n for person in await session.query(Person).annotate(n=beyond).order_by("name")] == [0, 1, 0]
    mixed = Count("wrote", filter=Q(Work.kind == "tale", edited__title="B"))
    assert [person.n for person in await session.query(Person).annotate(n=mixed).order_by("name")] == [1, 0, 0]


async def test_values_go_on_from_the_end_of_a_way(session):
    same = Count("steps", filter=Q(steps__name=F("steps__parent__name")))
    found = await session.query(Step).annotate(n=same).order_by("id")
    assert sorted((step.name, step.n) for step in found) == [("b", 0), ("b", 1), ("r", 0), ("r", 1)]


async def test_relation_is_compared_with_a_key(session):
    works = session.query(Work)
    ann = await session.query(Person).get(name="Ann")
    assert await titles(works.filter(author=2)) == ["B", "C"]
    assert await titles(works.exclude(author=2)) == ["A", "D"]
    assert await titles(works.filter(author__ne=2)) == ["A", "D"]
    assert await titles(works.filter(author__in=[1, 3])) == ["A", "D"]
    assert await titles(works.filter(author__in=[ann, 3])) == ["A", "D"]
    assert await titles(works.filter(editor__notin=[1, 2])) == ["C", "D"]
    assert await titles(works.filter(author=F("editor"))) == []
    assert await titles(works.filter(~Q(editor=F("author_id")), editor__isnull=False)) == ["A", "B", "C"]
    assert [person.name for person in await session.query(Person).filter(wrote=1)] == ["Ann"]
    assert [person.name for person in await session.query(Person).filter(wrote__in=[2, 3])] == ["Bea"]
    with assert_queries(0):
        with pytest.raises((TypeError, DataError), match=r"Person\.id"):
            works.filter(author="Ann")
        with pytest.raises((TypeError, DataError), match=r"Person\.id"):
            works.filter(author__in=[1, "Ann"])
        with pytest.raises(TypeError, match="compared with a Person"):
            works.filter(author=Work())


async def test_relation_is_looked_for_in_a_query(session):
    works, people = session.query(Work), session.query(Person)
    old = people.filter(born__lt=1960)
    assert await titles(works.filter(author__in=old)) == ["A", "B", "C"]
    assert await titles(works.exclude(editor__in=old)) == ["C", "D"]
    assert await titles(works.filter(author__in=select(Person).where(Person.born > 1960))) == ["D"]
    assert await titles(works.filter(author__in=select(Person.id).where(Person.name == "Ann"))) == ["A"]
    assert await titles(works.filter(author__in=old.values_list("id"))) == ["A", "B", "C"]
    assert await titles(works.filter(author__in=people.order_by("-born")[:1])) == ["D"]
    assert await titles(works.filter(editor__wrote__in=works.filter(kind="poem"))) == ["A", "C"]
    assert [p.name for p in await people.filter(wrote__in=works.filter(title__in=["C", "B"]))] == ["Bea"]
    assert await titles(works.filter(id__in=works.filter(kind="tale"))) == ["A", "B"]
    assert await titles(works.filter(id__in=select(Work).where(Work.kind == "tale"))) == ["A", "B"]
    annotated = people.annotate(n=Count("wrote")).filter(n__gt=1)
    assert await titles(works.filter(author__in=annotated)) == ["B", "C"]
    with assert_queries(0):
        with pytest.raises(TypeError, match="objects of Person, not of Work"):
            works.filter(author__in=works)
        with pytest.raises(TypeError, match="one column"):
            works.filter(author__in=people.values_list("id", "name"))
        with pytest.raises(TypeError, match="one column"):
            works.filter(id__in=select(Work.id, Work.title))
