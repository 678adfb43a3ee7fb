"""Parameters and methods by the names that SQLAlchemy has for them."""

from __future__ import annotations

import pytest
from library import Author, Base

from ormkit import AsyncSession, Engine, NotSupportedError, select


@pytest.fixture
async def session(engine: Engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        await session.insert_all([Author(name=name) for name in "abcdef"])
        yield session


async def test_get_and_refresh_take_their_names(session: AsyncSession) -> None:
    author = await session.get(entity=Author, ident=2)
    assert author and author.name == "b"
    assert (await session.get_one(ident=3, entity=Author)).name == "c"
    author.name = "x"
    await session.refresh(author, attribute_names=["name"])
    assert author.name == "b"
    with pytest.raises(TypeError, match="one of attribute_names and attributes"):
        await session.refresh(author, ["name"], attributes=["name"])


async def test_slices_are_limit_and_offset(session: AsyncSession) -> None:
    names = select(Author.name).order_by(Author.id)
    assert (await session.scalars(names.slice(1, 3))).all() == ["b", "c"]
    assert (await session.scalars(names.slice(1, 5).slice(1, 3))).all() == ["c", "d"]
    assert (await session.scalars(names.slice(2, 2))).all() == []
    assert (await session.scalars(names.fetch(2))).all() == ["a", "b"]
    for start, stop in ((-1, 2), (3, 2)):
        with pytest.raises(ValueError, match="goes from a place"):
            names.slice(start, stop)
    with pytest.raises(NotSupportedError, match=r"fetch\(with_ties=True\).*rank"):
        names.fetch(2, with_ties=True)  # type: ignore[call-overload]
