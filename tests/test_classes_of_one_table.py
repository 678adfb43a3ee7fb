"""Two classes of one table in one statement are two tables to it."""

import pytest

from ormkit import AsyncSession, DeclarativeBase, Mapped, delete, exists, func, mapped_column, select, update


class Base(DeclarativeBase):
    pass


class Short(Base):
    __tablename__ = "shared_words"
    id: Mapped[int] = mapped_column(primary_key=True)
    group: Mapped[str]


class Word(Base):
    __tablename__ = "shared_words"
    __table_args__ = {"extend_existing": True}
    id: Mapped[int] = mapped_column(primary_key=True)
    group: Mapped[str]
    text: Mapped[str | None]


@pytest.fixture
async def session(engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        await session.insert_all([Word(id=at, group=group) for at, group in enumerate("aab", 1)])
        yield session
        await session.rollback()


async def test_a_correlated_subquery_reads_the_other_class(session):
    twin = exists().where(Short.group == Word.group, Short.id != Word.id)
    assert (await session.scalars(select(Word.id).where(twin).order_by(Word.id))).all() == [1, 2]
    assert (await session.scalars(select(Word.id).where(~twin))).all() == [3]
    count = select(func.count(Short.id)).where(Short.group == Word.group).scalar_subquery()
    rows = (await session.execute(select(Word.id, count).order_by(Word.id))).all()
    assert [tuple(row) for row in rows] == [(1, 2), (2, 2), (3, 1)]


async def test_rows_are_written_by_what_the_other_class_reads(session):
    first = select(func.min(Short.id)).where(Short.group == Word.group).scalar_subquery()
    await session.execute(update(Word).where(Word.id == first).values(text="first"))
    assert (await session.scalars(select(Word.id).where(Word.text == "first").order_by(Word.id))).all() == [1, 3]
    later = exists().where(Short.group == Word.group, Short.id > Word.id)
    await session.execute(delete(Word).where(later))
    assert (await session.scalars(select(Word.id).order_by(Word.id))).all() == [2, 3]
