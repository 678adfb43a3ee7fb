"""What makes sessions: words that programs say to a sessionmaker."""

from __future__ import annotations

from typing import Any

import pytest
from library import Author

import ormkit
from ormkit import AsyncSession, async_sessionmaker, create_session, session_context, sessionmaker


class OfUser(AsyncSession):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.info.setdefault("user", "nobody")


def test_words_of_every_program_are_understood(engine: ormkit.ConnectionPool) -> None:
    for make in (async_sessionmaker, sessionmaker):
        maker = make(
            bind=engine, class_=AsyncSession, autocommit=False, autoflush=False, expire_on_commit=False, future=True
        )
        assert maker().bind is engine
    assert create_session(engine, autocommit=False).bind is engine
    assert AsyncSession(bind=engine, autocommit=False, future=True).bind is engine
    assert isinstance(session_context(engine, autocommit=False), ormkit.SessionContext)


async def test_engine_may_be_said_later(engine: ormkit.ConnectionPool) -> None:
    maker = async_sessionmaker(expire_on_commit=False)
    with pytest.raises(TypeError, match="a session needs an engine"):
        maker()
    maker.configure(bind=engine, read_only=True)
    async with maker() as session:
        session.add(Author(name="Ada"))
        with pytest.raises(ormkit.InvalidRequestError):
            await session.flush()
        await session.rollback()
    assert maker.kw == {"expire_on_commit": False, "bind": engine, "read_only": True}


async def test_one_session_may_have_another_engine(engine: ormkit.ConnectionPool) -> None:
    maker = async_sessionmaker(engine, info={"user": "Ada"}, class_=OfUser)
    async with engine.connect() as connection:
        async with maker(bind=connection, autoflush=False) as session:
            assert (session.bind, session.info) == (connection, {"user": "Ada"})
    assert maker().bind is engine


def test_notes_are_a_copy_for_each_session(engine: ormkit.ConnectionPool) -> None:
    notes = {"user": "Ada"}
    first, second = (async_sessionmaker(engine, info=notes)() for _ in range(2))
    first.info["user"] = "Eve"
    assert (second.info, notes, AsyncSession(engine, info=notes).info) == (notes, {"user": "Ada"}, notes)
    assert OfUser(engine).info == {"user": "nobody"}


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"autocommit": True}, ormkit.Unsupported, "commits by itself"),
        ({"future": False}, ormkit.Unsupported, "no older form"),
        ({"expire_on_commit": True}, ormkit.Unsupported, "stay loaded"),
        ({"binds": {}}, ormkit.Unsupported, "a session for each engine"),
        ({"execution_options": {}}, ormkit.Unsupported, "engine.execution_options"),
        ({"sync_session_class": object}, ormkit.Unsupported, "class_="),
        ({"autoflsh": False}, TypeError, "unexpected keyword argument 'autoflsh'; did you mean autoflush"),
        ({"autoflush": "no"}, TypeError, "argument autoflush"),
        ({"info": []}, TypeError, "info"),
        ({"class_": dict}, TypeError, "class_ takes AsyncSession or a subclass"),
        ({"class_": "AsyncSession"}, TypeError, "class_ takes AsyncSession or a subclass"),
        ({"isolation": "high"}, ormkit.InvalidRequestError, "high"),
    ],
)
def test_other_words_say_what_to_type(
    engine: ormkit.ConnectionPool, options: dict[str, Any], error: type[Exception], text: str
) -> None:
    for make in (async_sessionmaker, create_session, session_context, AsyncSession):
        with pytest.raises(error, match=text):
            make(engine, **options)
    with pytest.raises(error, match=text):
        async_sessionmaker(engine).configure(**options)


def test_engine_is_said_once(engine: ormkit.ConnectionPool) -> None:
    for make in (async_sessionmaker, create_session, session_context, AsyncSession):
        with pytest.raises(TypeError, match="another name"):
            make(engine, bind=engine)
        with pytest.raises(TypeError, match="not int"):
            make(1)
