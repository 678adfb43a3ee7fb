"""Set verbs write what a flush would write beside what is set: `onupdate` values and versions. On both databases."""

from __future__ import annotations

import itertools

import pytest

from ormkit import (
    AsyncSession,
    DeclarativeBase,
    F,
    ForeignKey,
    Mapped,
    NotSupportedError,
    StaleDataError,
    func,
    mapped_column,
    select,
    update,
)

numbers = itertools.count(1)


class Base(DeclarativeBase):
    __abstract__ = True


class Owner(Base):
    __tablename__ = "owners"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class Doc(Base):
    __tablename__ = "docs"
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]
    number: Mapped[int | None] = mapped_column(onupdate=lambda: next(numbers))
    state: Mapped[str] = mapped_column(default="new", onupdate="changed")
    shout: Mapped[str | None] = mapped_column(onupdate=func.upper("x"))
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("owners.id"))
    version: Mapped[int] = mapped_column()
    __mapper_args__ = {"version_id_col": version}


class Tagged(Base):
    __tablename__ = "tagged"
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]
    tag: Mapped[str] = mapped_column()
    __mapper_args__ = {"version_id_col": tag, "version_id_generator": lambda before: f"{before}+"}


@pytest.fixture
async def db(engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        await session.insert_all([Doc(text="a"), Doc(text="b")])
    return engine


async def verbs(session, **values):
    yield await session.query(Doc).update(**values)
    yield await session.bulk_update(Doc, values)
    yield (await session.execute(update(Doc).values(**values))).rowcount


async def test_functions_are_called_once_for_a_statement(db):
    async with AsyncSession(db) as session:
        docs = (await session.scalars(select(Doc).order_by(Doc.id))).all()
        async for rows in verbs(session, text="c"):
            assert rows == 2
            assert docs[0].number == docs[1].number is not None
            assert docs[0].number + 1 == next(numbers)
            assert {doc.state for doc in docs} == {"changed"}
            assert {doc.shout for doc in docs} == {"X"}
        await session.commit()
    assert len((await db.execute("SELECT DISTINCT number FROM docs WHERE state = 'changed'")).all()) == 1


async def test_what_is_set_is_not_renewed(db):
    async with AsyncSession(db) as session:
        async for rows in verbs(session, number=-1, state="mine", shout="mine", version=40):
            assert rows == 2
            found = await session.execute(select(Doc.number, Doc.state, Doc.shout, Doc.version))
            assert {tuple(row) for row in found.all()} == {(-1, "mine", "mine", 40)}
        await session.commit()


async def test_versions_are_counted_and_who_holds_an_older_one_is_told(db):
    async with AsyncSession(db) as ours:
        mine = await ours.get(Doc, 1)
        async with AsyncSession(db) as theirs:
            held = await theirs.get(Doc, 1)
            async for _ in verbs(theirs, text=F("text") + "!"):
                pass
            assert held.version == 4
            held.text = "flushed"
            await theirs.flush()
            assert held.version == 5
            await theirs.commit()
        with pytest.raises(StaleDataError):
            await ours.update(mine, text="mine")


async def test_update_that_reads_from_another_table(db):
    async with AsyncSession(db) as session:
        owner = await session.insert(Owner(name="Ann"))
        await session.query(Doc).filter(id=1).update(owner_id=owner.id)
        joined = update(Doc).values(text=Owner.name).where(Owner.id == Doc.owner_id)
        assert (await session.execute(joined)).rowcount == 1
        doc = await session.get(Doc, 1)
        assert (doc.text, doc.version, doc.state) == ("Ann", 3, "changed")
        limited = session.query(Doc).order_by("-id").limit(1)
        assert await limited.update(text="last") == 1
        assert (await session.get(Doc, 2)).version == 2
        await session.commit()


async def test_failed_statement_leaves_objects_as_they_were(db):
    async with AsyncSession(db) as session:
        doc = await session.get(Doc, 1)
        before = (doc.version, doc.number, doc.state)
        with pytest.raises(Exception, match=r"owner|FOREIGN"):
            await session.query(Doc).update(owner_id=99)
        assert (doc.version, doc.number, doc.state) == before
        async with session.begin() as tx:
            await session.query(Doc).update(text="x")
            assert doc.version == 2
            await tx.rollback()
        await session.refresh(doc)
        assert (doc.version, doc.number, doc.state) == before


async def test_version_that_goes_on_from_the_one_before_must_be_set(db):
    async with AsyncSession(db) as session:
        one = await session.insert(Tagged(text="a"))
        before = one.tag
        async for what in refused(session):
            assert "Tagged.tag" in what
        assert await session.query(Tagged).update(text="b", tag="given") == 1
        assert one.tag == "given" != before
        await session.commit()


async def refused(session):
    for statement in (
        session.query(Tagged).update(text="b"),
        session.bulk_update(Tagged, {"text": "b"}),
        session.execute(update(Tagged).values(text="b")),
    ):
        with pytest.raises(NotSupportedError) as raised:
            await statement
        yield str(raised.value)


async def test_update_inside_of_another_statement_says_so(postgres_url):
    inner = update(Doc).values(text="x").returning(Doc.id).cte("changed")
    with pytest.raises(NotSupportedError, match=r"Doc\.number"):
        select(inner.c.id).to_sql()
    whole = update(Doc).values(text="x", number=1, state="s").returning(Doc.id).cte("changed")
    assert "version = version + 1" in select(whole.c.id).to_sql()[0]
