"""Options of statements that SQLAlchemy has: the error says what to type instead."""

from __future__ import annotations

from typing import Any

import pytest
from library import Author

import ormkit
from ormkit import delete, select, update

STATEMENTS: list[Any] = [select(Author), update(Author).values(born=1), delete(Author)]


@pytest.mark.parametrize("statement", STATEMENTS, ids=["select", "update", "delete"])
def test_options_say_what_to_type_instead(statement: Any) -> None:
    for option, instead in {
        "yield_per": r"session\.stream",
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


def test_words_of_a_programs_own_are_said_to_listeners_by_the_session() -> None:
    with pytest.raises(ormkit.Unsupported, match=r"session\.info"):
        select(Author).execution_options(skip_tenant=True)  # type: ignore[call-arg]


def test_no_option_changes_nothing() -> None:
    everything = select(Author).execution_options(include_deleted=True)
    assert str(everything.execution_options()) == str(everything)
    for statement in (update(Author).values(born=1), delete(Author)):
        with pytest.raises(ormkit.Unsupported, match="nothing: objects"):
            statement.execution_options(populate_existing=True)  # type: ignore[call-arg]
