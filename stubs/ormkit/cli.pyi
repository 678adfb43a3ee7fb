"""The command line: `ormkit`, `python -m ormkit`."""

from collections.abc import Sequence
from typing import NoReturn

def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; the answer is the exit code: 0 done, 1 failed, 2 wrong usage, 3 a check found something.

    It runs a loop of its own, so there must be none around it.
    """

def entry() -> NoReturn:
    """What the script `ormkit` calls."""
