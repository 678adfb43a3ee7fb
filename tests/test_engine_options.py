"""What `create_engine` takes: options by keyword, checked before anything is opened."""

from __future__ import annotations

import inspect

import pytest

from ormkit import create_engine


def test_options_are_told_by_the_signature():
    parameters = inspect.signature(create_engine).parameters
    assert parameters["max_connections"].default == 10
    assert parameters["max_connections"].kind is inspect.Parameter.KEYWORD_ONLY


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        (
            {"max_conections": 3},
            TypeError,
            r"unexpected keyword argument 'max_conections'; did you mean max_connections",
        ),
        ({"max_connections": "3"}, TypeError, r"create_engine\(\) argument max_connections: "),
        ({"max_connections": 0}, ValueError, "max_connections must be at least 1"),
        ({"min_connections": 11}, ValueError, "not below min_connections"),
        ({"acquire_timeout": -1}, ValueError, "acquire_timeout must be a number of seconds from 0 upwards"),
        ({"idle_timeout": None}, TypeError, "argument idle_timeout"),
    ],
)
def test_wrong_options_are_named(options, error, text):
    with pytest.raises(error, match=text):
        create_engine("sqlite::memory:", **options)
