"""Every class of errors has its section in docs/errors.md, and its row says what else catches it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ormkit import exc

PAGE = (Path(__file__).parent.parent / "docs" / "errors.md").read_text()
CLASSES = sorted(
    {found for found in vars(exc).values() if isinstance(found, type) and issubclass(found, exc.OrmkitError)},
    key=lambda found: found.__name__,
)


@pytest.mark.parametrize("found", CLASSES, ids=lambda found: found.__name__)
def test_class_has_a_section_of_its_code(found: type[exc.OrmkitError]):
    assert PAGE.count(f"\n## {found.code}\n") == 1
    row = re.search(rf"^\| \[`{found.__name__}`\]\(#{found.code}\) \| (.*?) \|", PAGE, re.MULTILINE)
    assert row, "a row of the table"
    assert re.findall(r"`(\w+)`", row[1]) == [base.__name__ for base in found.__bases__]


def test_page_has_no_section_of_a_class_that_is_gone():
    assert re.findall(r"^## (.*)$", PAGE, re.MULTILINE) == [
        *dict.fromkeys(re.findall(r"^\| \[`\w+`\]\(#(.*?)\)", PAGE, re.MULTILINE))
    ]
    assert {found.code for found in CLASSES} == set(re.findall(r"^## (.*)$", PAGE, re.MULTILINE))


def test_other_names_of_classes_are_told():
    for name, found in vars(exc).items():
        if found in CLASSES and name != found.__name__:
            row = next(line for line in PAGE.splitlines() if line.startswith(f"| [`{found.__name__}`]"))
            assert f"`{name}`" in row
