"""Version columns: a row that somebody else has changed is not overwritten."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest

from ormkit import (
    AsyncSession,
    DeclarativeBase,
    FieldError,
    InvalidRequestError,
    Mapped,
    NotSupportedError,
    StaleDataError,
    mapped_column,
    text,
)


@pytest.fixture
def base() -> Any:
    class Own(DeclarativeBase):
        pass

    return Own


@pytest.fixture
def doc(base) -> Any:
    class Doc(base):
        __tablename__ = "docs"
        id: Mapped[int] = mapped_column(primary_key=True)
        text: Mapped[str]
        version: Mapped[int] = mapped_column()
        __mapper_args__ = {"version_id_col": version}

    return Doc


async def test_versions_are_counted(doc, engine):
    await doc.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        one = await session.insert(doc(text="a"))
        assert one.version == 1
        await session.update(one, text="b")
        assert one.version == 2
        many = await session.insert_all([doc(text=str(at)) for at in range(4)])
        assert [each.version for each in many] == [1] * 4
        many[0].text = "first"
        await session.flush()
        for each in many:
            each.text = "x"
        await session.flush()
        assert [each.version for each in many] == [3, 2, 2, 2]
        await session.commit()
        await session.remove_all(many)
        assert await session.query(doc).count() == 1


async def test_a_row_that_was_changed_meanwhile_is_not_overwritten(doc, engine):
    await doc.metadata.create_all(engine)
    async with AsyncSession(engine) as ours, AsyncSession(engine) as theirs:
        mine = await ours.insert(doc(text="a"))
        other = await theirs.get(doc, mine.id)
        await theirs.update(other, text="theirs")
        mine.text = "mine"
        with pytest.raises(StaleDataError, match=rf"Doc id={mine.id}"):
            await ours.flush()
        await ours.rollback()
        assert (mine.text, mine.version) == ("a", 1)
        await ours.refresh(mine)
        assert (mine.text, mine.version) == ("theirs", 2)
        await theirs.update(other, text="again")
        with pytest.raises(StaleDataError, match="DELETE"):
            await ours.remove(mine)


async def test_the_stale_ones_among_many_are_named(doc, engine):
    await doc.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        many = await session.insert_all([doc(text=str(at)) for at in range(5)])
        stale = many[2].id
        await engine.execute(f"UPDATE docs SET version = 9 WHERE id = {stale}")
        for each in many:
            each.text = "x"
        with pytest.raises(StaleDataError) as caught:
            await session.flush()
        assert f"Doc id={stale}" in str(caught.value)
        assert str(caught.value).count("Doc id=") == 1
        await session.rollback()
        assert [each.version for each in many] == [1] * 5
        with pytest.raises(StaleDataError, match=f"Doc id={stale}"):
            await session.remove_all(many)


async def test_a_generator_of_versions(base, engine):
    before = []

    def next_version(old: Any) -> str:
        before.append(old)
        return uuid.uuid4().hex

    class Doc(base):
        __tablename__ = "docs"
        id: Mapped[int] = mapped_column(primary_key=True)
        text: Mapped[str]
        tag: Mapped[str] = mapped_column("version_tag")
        __mapper_args__ = {"version_id_col": tag, "version_id_generator": next_version}

    await base.metadata.create_all(engine)
    async with AsyncSession(engine) as session, AsyncSession(engine) as other:
        doc = await session.insert(Doc(text="a"))
        first = doc.tag
        theirs = await other.get(Doc, doc.id)
        await session.update(doc, text="b")
        assert before == [None, first]
        assert doc.tag not in (None, first)
        with pytest.raises(StaleDataError):
            await other.update(theirs, text="c")
        assert theirs.tag == first


async def test_the_version_is_not_for_the_program(doc, engine):
    await doc.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        one = await session.insert(doc(text="a"))
        with pytest.raises(InvalidRequestError, match=r"Doc\.version is the version"):
            await session.update(one, version=7)


def test_wrong_options_are_refused(base):
    def declare(args: dict[str, Any]) -> None:
        class Doc(base):
            id: Mapped[int] = mapped_column(primary_key=True)
            text: Mapped[str]
            version: Mapped[int]
            __mapper_args__ = args

    with pytest.raises(FieldError, match="version_id_col"):
        declare({"version_id_cool": "version"})
    with pytest.raises(FieldError, match="version"):
        declare({"version_id_col": "versio"})
    with pytest.raises(InvalidRequestError, match="integer column"):
        declare({"version_id_col": "text"})
    with pytest.raises(InvalidRequestError, match="plain column"):
        declare({"version_id_col": "id"})
    with pytest.raises(InvalidRequestError, match="needs a version_id_col"):
        declare({"version_id_generator": False})
    with pytest.raises(NotSupportedError, match="inherit_condition"):
        declare({"inherit_condition": "text"})


async def test_an_expired_version_is_read_before_the_row_is_written(doc, engine):
    await doc.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        one, two = await session.insert_all([doc(text="a"), doc(text="b")])
        session.expire(one)
        session.expire(two)
        one.text = "c"
        await session.commit()
        assert (one.version, one.text) == (2, "c")
        session.expire(one)
        await session.delete(one)
        await engine.execute("DELETE FROM docs WHERE id = 2")
        two.text = "gone"
        with pytest.raises(StaleDataError, match="Doc id=2"):
            await session.commit()
        await session.rollback()


async def test_merge_of_a_stale_version_is_refused_at_once(doc, engine):
    await doc.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        one = await session.insert(doc(text="a"))
        await session.update(one, text="b")
        with pytest.raises(StaleDataError, match=r"merge on `docs`.*Doc id=1"):
            await session.merge(doc(id=one.id, text="c", version=1))
        await session.merge(doc(id=one.id, text="c", version=2))
        await session.commit()
        assert (one.text, one.version) == ("c", 3)
        await session.merge(doc(id=one.id, text="d"))
        await session.commit()
        assert (one.text, one.version) == ("d", 4)


@pytest.mark.parametrize("in_transaction", [False, True])
async def test_update_or_create_of_many_tasks_loses_nothing(base, engine, in_transaction):
    class Counter(base):
        __tablename__ = "counters"
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str] = mapped_column(unique=True)
        n: Mapped[int] = mapped_column(default=0)
        version: Mapped[int] = mapped_column()
        __mapper_args__ = {"version_id_col": version}

    await base.metadata.create_all(engine)

    async def one(number: int) -> bool:
        async with AsyncSession(engine) as session:
            if in_transaction:
                async with session.begin():
                    await session.execute(text("SELECT 1"))
                    found, created = await session.update_or_create(Counter, name="x", defaults={"n": number})
            else:
                found, created = await session.update_or_create(Counter, name="x", defaults={"n": number})
            assert found.n == number
            return created

    if in_transaction:
        await one(0)
    made = await asyncio.gather(*(one(number) for number in range(1, 7)))
    assert sum(made) == (0 if in_transaction else 1)
    async with AsyncSession(engine) as session:
        assert (await session.query(Counter).one()).version == (7 if in_transaction else 6)


async def test_a_stale_object_is_refreshed_and_saved(base, engine):
    class Doc(base):
        __tablename__ = "stale_docs"
        id: Mapped[int] = mapped_column(primary_key=True)
        text: Mapped[str]
        version: Mapped[int] = mapped_column()
        __mapper_args__ = {"version_id_col": version}

    await base.metadata.create_all(engine)
    async with AsyncSession(engine) as session, AsyncSession(engine) as other:
        doc = await session.insert(Doc(text="a"))
        await other.update(await other.get(Doc, doc.id), text="theirs")
        for _ in range(2):
            doc.text = "mine"
            with pytest.raises(StaleDataError, match=r"after rollback\(\) refresh\(\) reads the row"):
                await session.commit()
            await session.rollback()
            assert (doc.text, doc.version) == ("a", 1)
        await session.refresh(doc)
        assert (doc.text, doc.version) == ("theirs", 2)
        doc.text = "mine"
        await session.commit()
        assert doc.version == 3
        assert (await engine.execute("SELECT text, version FROM stale_docs")).tuples() == [("mine", 3)]
