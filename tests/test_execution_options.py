"""Options of statements that SQLAlchemy has: the error says what to type instead."""

from __future__ import annotations

import weakref
from typing import Any

import pytest
from library import Author, Base

import ormkit
from ormkit import AsyncSession, delete, event, insert, select, update
from ormkit.event import ORMExecuteState

STATEMENTS: list[Any] = [select(Author), update(Author).values(born=1), delete(Author)]


@pytest.mark.parametrize("statement", STATEMENTS, ids=["select", "update", "delete"])
def test_options_say_what_to_type_instead(statement: Any) -> None:
    for option, instead in {
        "stream_results": r"session\.stream",
        "isolation_level": "isolation=",
        "schema_translate_map": r"engine\.execution_options",
        "autoflush": "no_autoflush",
    }.items():
        with pytest.raises(ormkit.Unsupported, match=instead):
            statement.execution_options(**{option: 1})
    with pytest.raises(ormkit.FieldError, match="did you mean `yield_per`"):
        statement.execution_options(yield_par=1)
    with pytest.raises(ormkit.FieldError, match="did you mean `include_deleted`"):
        statement.execution_options(include_delete=True)


def test_objects_follow_whatever_is_said_of_it() -> None:
    for way in ("auto", "evaluate", "fetch", False):
        changed = update(Author).values(born=1).execution_options(synchronize_session=way)  # type: ignore[arg-type]
        assert str(changed) == str(update(Author).values(born=1))
        assert str(delete(Author).execution_options(synchronize_session=way)) == str(delete(Author))  # type: ignore[arg-type]
    for wrong in (True, "never", None):
        with pytest.raises(ValueError, match="objects follow in any case"):
            delete(Author).execution_options(synchronize_session=wrong)  # type: ignore[arg-type]
    with pytest.raises(ormkit.Unsupported, match="nothing"):
        select(Author).execution_options(synchronize_session="fetch")  # type: ignore[call-arg]


async def test_words_of_a_programs_own_are_for_its_listeners(engine: ormkit.ConnectionPool) -> None:
    await Base.metadata.create_all(engine)
    heard: list[dict[str, Any]] = []

    def note(state: ORMExecuteState) -> None:
        heard.append(state.execution_options)
        if state.is_select and not state.execution_options.get("all_of_them", False):
            state.statement = state.statement.where(Author.born > 0)
            state.update_execution_options(narrowed=True)
            assert state.execution_options["narrowed"] is True

    async with AsyncSession(engine) as session:
        await session.insert_all([Author(name="a", born=0), Author(name="b", born=1)])
        event.listen(session, "do_orm_execute", note)
        names = select(Author.name).order_by(Author.id)
        for options, found in (({}, ["b"]), ({"all_of_them": True}, ["a", "b"]), ({}, ["b"])):
            assert (await session.scalars(names.execution_options(**options))).all() == found
            assert (await session.scalars(names, execution_options=options)).all() == found
            assert [name async for name in session.stream_scalars(names, execution_options=options)] == found
            assert await session.query(Author).execution_options(**options).count() == len(found)
        assert heard == ([{}] * 4 + [{"all_of_them": True}] * 4 + [{}] * 4)
        heard.clear()
        said = names.execution_options(include_deleted=True, yield_per=5).execution_options(mine=[1])
        await session.execute(said)
        await session.execute(insert(Author).values(name="c").execution_options(mine=1))
        await session.execute(update(Author).values(born=1).execution_options(mine=2, synchronize_session="fetch"))
        await session.execute(delete(Author).execution_options(mine=3))
        await session.rollback()
    assert heard == [
        {"include_deleted": True, "yield_per": 5, "mine": [1]},
        {"mine": 1},
        {"mine": 2, "synchronize_session": "fetch"},
        {"mine": 3},
    ]


def test_words_of_a_programs_own_are_not_kept_with_the_plan() -> None:
    class Note:
        pass

    note = Note()
    gone = weakref.ref(note)
    statement = select(Author).execution_options(mine=note)
    assert str(statement) == str(select(Author))
    del note, statement
    assert gone() is None


def test_no_option_changes_nothing() -> None:
    everything = select(Author).execution_options(include_deleted=True)
    assert str(everything.execution_options()) == str(everything)
    for statement in (update(Author).values(born=1), delete(Author)):
        with pytest.raises(ormkit.Unsupported, match="nothing: objects"):
            statement.execution_options(populate_existing=True)  # type: ignore[call-arg]
