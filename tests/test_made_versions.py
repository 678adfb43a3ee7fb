"""Versions that a function of the program makes: also for rows that no object stands for."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from ormkit import AsyncSession, DeclarativeBase, Mapped, NotSupportedError, insert, mapped_column, select, update


class Base(DeclarativeBase):
    pass


class Fresh(Base):
    """Each version is made anew."""

    __tablename__ = "fresh_versions"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    size: Mapped[int] = mapped_column(default=0)
    token: Mapped[UUID] = mapped_column()
    __mapper_args__ = {"version_id_col": token, "version_id_generator": lambda before: uuid4()}


class Stepped(Base):
    """A version goes on from the one before."""

    __tablename__ = "stepped_versions"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    size: Mapped[int] = mapped_column(default=0)
    step: Mapped[str] = mapped_column()
    __mapper_args__ = {"version_id_col": step, "version_id_generator": lambda before: f"{before}+"}


async def test_statements_make_versions_that_are_made_anew(engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        tokens: list[UUID] = []
        new = insert(Fresh).values(name="a", size=1)
        for statement in (
            new,
            new.on_conflict_do_update("name", set_={"size": 2}),
            insert(Fresh).values([{"name": "a", "size": 3}, {"name": "b", "size": 3}]).on_conflict_do_update("name"),
            update(Fresh).values(size=4),
        ):
            await session.execute(statement)
            tokens.append((await session.scalars(select(Fresh.token).where(Fresh.name == "a"))).one())
        await session.commit()
        assert len(set(tokens)) == 4
        fresh = await session.upsert(Fresh(name="a", size=5), "name")
        assert fresh.size == 5 and fresh.token not in tokens
        assert await session.query(Fresh).filter(name="a").update(size=6) == 1
        assert fresh.size == 6 and fresh.token not in tokens
        given = uuid4()
        await session.execute(
            insert(Fresh).values(name="a", token=given).on_conflict_do_update("name", set_={"size": 7})
        )
        await session.refresh(fresh)
        assert (fresh.size, fresh.token) == (7, given)
        await session.commit()


async def test_versions_that_go_on_from_one_before_are_said_by_the_program(engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        await session.execute(insert(Stepped).values(name="a"))
        assert await session.scalar(select(Stepped.step)) == "None+"
        refused = "versions the program makes from the ones before"
        upsert = insert(Stepped).values(name="a").on_conflict_do_update("name", set_={"size": 1})
        with pytest.raises(
            NotSupportedError, match=f"an upsert of rows of Stepped, whose {refused}.*set Stepped.step as well"
        ):
            await session.execute(upsert)
        with pytest.raises(NotSupportedError, match=f"an UPDATE of rows of Stepped, whose {refused}"):
            await session.execute(update(Stepped).values(size=1))
        said = (
            insert(Stepped).values(name="a").on_conflict_do_update("name", set_={"size": 1, "step": Stepped.step + "+"})
        )
        await session.execute(said)
        assert await session.scalar(select(Stepped.step)) == "None++"
        await session.commit()
