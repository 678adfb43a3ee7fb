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
        "synchronize_session": "nothing",
    }.items():
        with pytest.raises(ormkit.Unsupported, match=instead):
            statement.execution_options(**{option: 1})
    with pytest.raises(ormkit.FieldError, match="did you mean `yield_per`"):
        statement.execution_options(yield_par=1)
    with pytest.raises(ormkit.FieldError, match="did you mean `include_deleted`"):
        statement.execution_options(include_delete=True)


def test_no_option_changes_nothing() -> None:
    everything = select(Author).execution_options(include_deleted=True)
    assert str(everything.execution_options()) == str(everything)
    for statement in (update(Author).values(born=1), delete(Author)):
        with pytest.raises(ormkit.Unsupported, match="nothing: objects"):
            statement.execution_options(populate_existing=True)  # type: ignore[call-arg]
