"""Events of objects that a program makes, that are read again, and whose attributes are unloaded; on both databases."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from typing import Any

import pytest
from library import Author, Base, Book, Node

from ormkit import (
    AsyncSession,
    DeclarativeBase,
    InvalidRequestError,
    Mapped,
    event,
    load_only,
    mapped_column,
    select,
    selectinload,
)

Heard = list[tuple[Any, ...]]


@pytest.fixture
async def session(engine: Any) -> Any:
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        await session.insert(Author(id=1, name="Ann", books=[Book(id=1, title="A")]))
        session.expunge_all()
        yield session
        await session.rollback()


@pytest.fixture
def heard() -> Iterator[Heard]:
    """What happens to authors and books, in order."""
    heard: Heard = []

    def refreshed(target: Any, context: Any, attrs: Any) -> None:
        heard.append(("refresh", target, attrs))

    def expired(target: Any, attrs: Any) -> None:
        heard.append(("expire", target, attrs))

    event.listen(Base, "refresh", refreshed)
    event.listen(Base, "expire", expired)
    yield heard
    event.remove(Base, "refresh", refreshed)
    event.remove(Base, "expire", expired)


async def test_refresh_is_heard_of_where_a_held_object_takes_values_of_its_row(session: Any, heard: Heard) -> None:
    ann = await session.get(Author, 1, options=[load_only(Author.name)])
    await session.scalars(select(Author).options(load_only(Author.name)))
    assert heard == []
    await session.scalars(select(Author))
    assert heard == [("refresh", ann, ["born"])]
    await session.scalars(select(Author))
    assert len(heard) == 1
    heard.clear()
    await session.refresh(ann)
    await session.refresh(ann, ["name"])
    await session.scalars(select(Author).execution_options(populate_existing=True))
    assert heard == [("refresh", ann, None), ("refresh", ann, ["id", "name"]), ("refresh", ann, None)]


async def test_expire_is_heard_of_with_what_it_passes_on_to(session: Any, heard: Heard) -> None:
    root = Node(id=1, name="root", children=[Node(id=2, name="leaf")])
    await session.insert(root)
    leaf = root.children[0]
    session.expire(root, ["name", "children"])
    assert heard == [("expire", root, ["name", "children"])]
    await session.load(root, Node.name, Node.children)
    heard.clear()
    session.expire(root)
    assert heard == [("expire", root, None), ("expire", leaf, None)]
    heard.clear()
    await session.get(Node, 1)
    assert heard == [("refresh", root, ["name", "parent_id"])]


async def test_a_listener_of_reading_that_raises_harms_nothing(session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    raised: list[Any] = []
    monkeypatch.setattr("sys.unraisablehook", lambda given: raised.append(given.exc_value))

    def broken(target: Any, attrs: Any) -> None:
        raise ValueError(attrs)

    event.listen(Author, "expire", broken)
    ann = await session.get(Author, 1)
    session.expire(ann)
    event.remove(Author, "expire", broken)
    await session.refresh(ann)
    assert ann.name == "Ann" and [type(error) for error in raised] == [ValueError]


def test_init_is_heard_of_before_the_constructor_and_may_change_its_keywords() -> None:
    heard: Heard = []

    def init(target: Any, args: Any, kwargs: Any) -> None:
        heard.append((type(target), args, dict(kwargs)))
        kwargs.setdefault("name", "nobody")

    event.listen(Author, "init", init)
    try:
        assert Author(born=1).name == "nobody"
        assert Author(name="Ann").name == "Ann"
        Book(title="A")
        ann = Author(name="Ann")
        copy.copy(ann)
        pickle.loads(pickle.dumps(ann))
        with pytest.raises(TypeError, match="did you mean `name`"):
            Author(nama="x")
        with pytest.raises(TypeError):
            Author("Ann")
    finally:
        event.remove(Author, "init", init)
    assert Author().name is None
    assert heard[:3] == [(Author, (), {"born": 1}), (Author, (), {"name": "Ann"}), (Author, (), {"name": "Ann"})]
    assert heard[3:] == [(Author, (), {"nama": "x"}), (Author, ("Ann",), {})]


def test_init_is_heard_of_before_a_constructor_of_ones_own_and_stops_it_by_raising() -> None:
    class Root(DeclarativeBase):
        pass

    class Shown(Root):
        __tablename__ = "init_shown"
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str]

        def __init__(self, name: str, /, loud: bool = False) -> None:
            super().__init__(name=name.upper() if loud else name)

    class Below(Shown):
        pass

    def init(target: Any, args: Any, kwargs: Any) -> None:
        if args == ("no",):
            raise InvalidRequestError("no")
        kwargs["loud"] = True

    event.listen(Shown, "init", init)
    assert Shown("ann").name == "ANN" and Below("bea").name == "BEA"
    with pytest.raises(InvalidRequestError, match="no"):
        Shown("no")
    event.remove(Shown, "init", init)
    assert Shown("ann").name == "ann"


async def test_rows_are_not_heard_of_as_made_by_the_program(session: Any) -> None:
    def init(target: Any, args: Any, kwargs: Any) -> None:
        raise AssertionError

    event.listen(Author, "init", init)
    try:
        (ann,) = await session.scalars(select(Author).options(selectinload(Author.books)))
        assert ann.books[0].title == "A"
    finally:
        event.remove(Author, "init", init)
