"""`ormkit.mixins`: columns that many classes have, on both databases."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from ormkit import AsyncSession, DeclarativeBase, Mapped, MappedAsDataclass, mapped_column, select, update
from ormkit.mixins import SoftDeleteMixin, TimestampMixin


class Base(DeclarativeBase):
    __abstract__ = True


class Article(SoftDeleteMixin, TimestampMixin, Base):
    __tablename__ = "articles"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]


class DataBase(MappedAsDataclass, DeclarativeBase):
    __abstract__ = True
    metadata = Base.metadata


class Note(SoftDeleteMixin, TimestampMixin, DataBase):
    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    text: Mapped[str]


@pytest.fixture
async def db(engine):
    await Base.metadata.create_all(engine)
    return engine


def is_now(time):
    return time.tzinfo is not None and abs(datetime.now(timezone.utc) - time) < timedelta(minutes=5)


def test_columns_come_behind_the_class_s_own():
    names = list(Article.__columns__)
    assert names[:2] == ["id", "title"]
    assert sorted(names[2:]) == ["created_at", "deleted_at", "updated_at"]
    mark = Article.__columns__["deleted_at"]
    assert mark.index
    assert mark.nullable
    assert not Article.__columns__["created_at"].nullable


@pytest.mark.parametrize("made", [lambda: Article(title="a"), lambda: Note(text="a")], ids=["plain", "dataclass"])
async def test_times_are_written_and_kept(db, made):
    async with AsyncSession(db) as session:
        object = await session.insert(made())
        assert is_now(object.created_at)
        assert is_now(object.updated_at)
        assert object.deleted_at is None
        assert not object.is_deleted
        created, updated = object.created_at, object.updated_at
        await session.update(object, deleted_at=None)  # no change
        assert object.updated_at == updated
        await session.soft_delete(object)
        assert object.is_deleted
        assert object.created_at == created
        assert object.updated_at > updated
        cls = type(object)
        assert (await session.scalars(select(cls))).all() == []
        await session.restore(object)
        await session.refresh(object)
        assert object.created_at == created
        assert object.updated_at.utcoffset() == timedelta(0)


async def test_set_verbs_write_the_time_too(db):
    async with AsyncSession(db) as session:
        articles = await session.insert_all([Article(title="a"), Article(title="b")])
        first = articles[0].updated_at
        assert await session.query(Article).filter(title="a").update(title="c") == 1
        assert articles[0].updated_at > first
        second = articles[0].updated_at
        assert await session.bulk_update(Article, {"title": "d"}, title="c") == 1
        assert articles[0].updated_at > second
        await session.execute(update(Article).values(title="e"))
        assert articles[0].updated_at == articles[1].updated_at
        given = datetime(2020, 1, 1, tzinfo=timezone.utc)
        await session.query(Article).update(updated_at=given)
        assert articles[1].updated_at == given
        await session.commit()
    assert articles[0].title == "e"


async def test_rows_of_other_programs_get_the_database_s_time(db):
    await db.execute("INSERT INTO articles (id, title) VALUES (1, 'a')")
    async with AsyncSession(db) as session:
        article = await session.get_one(Article, 1)
        assert is_now(article.created_at)
        assert is_now(article.updated_at)
