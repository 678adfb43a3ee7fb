"""The package as a whole."""

from importlib.resources import files

import ormkit


def test_package_imports_and_says_that_it_is_typed() -> None:
    assert ormkit.__doc__
    assert files("ormkit").joinpath("py.typed").is_file()
